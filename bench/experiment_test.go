package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gamekeeper/bench/report"
	"gamekeeper/bench/target"
	"gamekeeper/proto"
)

// experimentOn is a small experiment on fake servers.
func experimentOn(t *testing.T, cases []string, servers ...*fakeServer) *Experiment {
	t.Helper()
	e := &Experiment{Rounds: 3, Version: "test"}
	for i, f := range servers {
		spec, err := target.Parse(fmt.Sprintf("%c=%s", 'a'+i, f.addr))
		if err != nil {
			t.Fatal(err)
		}
		e.Targets = append(e.Targets, spec)
	}
	o := testOptions(servers[0], "set")
	o.Requests = 200
	all, err := parseCases(cases, o)
	if err != nil {
		t.Fatal(err)
	}
	e.Scenarios = all
	return e
}

// order lists the runs of a report in the order in which they began.
func order(r *report.Report) []string {
	type began struct {
		at   time.Time
		what string
	}
	var all []began
	for _, s := range r.Scenarios {
		for _, run := range s.Runs {
			all = append(all, began{run.Began, fmt.Sprintf("%d %s %s", run.Round, s.Name, r.Targets[run.Target].Name)})
		}
	}
	slices.SortFunc(all, func(a, b began) int { return a.at.Compare(b.at) })
	var names []string
	for _, b := range all {
		names = append(names, b.what)
	}
	return names
}

// Targets take turns within each round, in an order that turns.
func TestExperimentTakesTurns(t *testing.T) {
	a, b := startFake(t, nil), startFake(t, nil)
	e := experimentOn(t, []string{"set", "many reads: mixed reads=95"}, a, b)
	r, err := e.Run(context.Background(), Progress{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"0 set a", "0 set b", "0 many reads a", "0 many reads b",
		"1 set b", "1 set a", "1 many reads b", "1 many reads a",
		"2 set a", "2 set b", "2 many reads a", "2 many reads b",
	}
	if got := order(r); !slices.Equal(got, want) {
		t.Errorf("measured in the order %q, want %q", got, want)
	}
	for _, f := range []*fakeServer{a, b} {
		if n := f.count(proto.OpSetData) + f.count(proto.OpGetData); n < 1200 {
			t.Errorf("%d requests came", n)
		}
		if left := f.paths("/bench"); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	if err := e.failures(r); err != nil {
		t.Error(err)
	}
	if s := r.Scenarios[1]; s.Options["reads"] != 95 || !strings.Contains(s.About, "95 %") {
		t.Errorf("scenario %q of %v", s.About, s.Options)
	}
	var table, page bytes.Buffer
	if err := report.Table(&table, r); err != nil {
		t.Fatal(err)
	}
	if err := report.HTML(&page, r); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(table.String(), "fake-1.0") || !strings.Contains(table.String(), "many reads") {
		t.Errorf("table:\n%s", &table)
	}
}

// The rate that the first target holds is looked for once, and is then what all are measured at.
func TestExperimentTakesRateOfAnother(t *testing.T) {
	e := experimentOn(t, []string{
		"highest: set find-rate=1s step=100ms rate-from=500 requests=0",
		"at that: set duration=200ms requests=0 figure=p99 rate=@highest",
	}, startFake(t, nil), startFake(t, nil))
	e.Rounds = 2
	r, err := e.Run(t.Context(), Progress{})
	if err != nil {
		t.Fatal(err)
	}
	search, held := r.Scenarios[0].Runs, r.Scenarios[1].Runs
	if len(search) != 1 || search[0].Target != 0 || search[0].Values[figureRate] < 1 {
		t.Errorf("the rate was looked for in %d runs: %+v", len(search), search)
	}
	if f := r.Scenarios[1].Figures[0].Name; f != figureP99 {
		t.Errorf("%s counts at a rate", f)
	}
	if len(held) != 4 {
		t.Errorf("%d runs at the rate", len(held))
	}
	for _, run := range held {
		if _, ok := run.Values[figureReached]; !ok {
			t.Errorf("a run at no rate: %v", run.Values)
		}
	}
}

func TestExperimentFails(t *testing.T) {
	for name, c := range map[string]struct {
		cases []string
		want  string
	}{
		"unknown workload": {[]string{"x: dance"}, "--workload dance is unknown"},
		"equal names":      {[]string{"set", "set keys=5"}, "two scenarios are called set"},
		"unknown figure":   {[]string{"set figure=beauty"}, "scenario set has no figure beauty"},
		"rate of nothing":  {[]string{"set rate=@no one"}, "scenario set takes its rate from no one"},
	} {
		t.Run(name, func(t *testing.T) {
			e := experimentOn(t, c.cases, startFake(t, nil))
			if _, err := e.Run(context.Background(), Progress{}); exitCode(err) != exitUsage || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestParseCase(t *testing.T) {
	o := DefaultOptions()
	for text, want := range map[string]string{
		"get": "get get 64 0",
		"one client: get connections=1 outstanding=1": "one client get 1 0",
		"get rate=100":                   "get get 64 100",
		"at x y: get rate=@the x y":      "at x y get 64 0 the x y",
		"set size=90:128,9:1024":         "set set 64 0",
		" padded :  get   outstanding=3": "padded get 64 0",
	} {
		c, err := parseCase(text, o)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		got := strings.TrimSpace(fmt.Sprint(c.Name, " ", c.Options.Workload, " ", c.Options.Connections, " ", c.Options.Rate, " ", c.RateOf))
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"":              "names no workload",
		"x:":            "names no workload",
		"get keys":      "keys is not FLAG=VALUE",
		"get dance=1":   "there is no flag --dance",
		"get target=x":  "there is no flag --target",
		"get keys=many": "keys",
	} {
		if _, err := parseCase(text, o); exitCode(err) != exitUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

// Every suite is made of scenarios that exist.
func TestSuites(t *testing.T) {
	for _, s := range suites() {
		cases, err := findSuite(s.name, DefaultOptions())
		if err != nil {
			t.Fatal(err)
		}
		e := &Experiment{Targets: []target.Spec{{Name: "x", Kind: target.Running, Servers: []string{"127.0.0.1:1"}}}, Rounds: 1, Scenarios: cases}
		if err := e.validate(); err != nil {
			t.Errorf("suite %s: %v", s.name, err)
		}
	}
}

// What was measured is reported when a server goes away, or the user has enough.
func TestExperimentReportsWhatItHas(t *testing.T) {
	for _, interrupted := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		f := startFake(t, nil)
		e := experimentOn(t, []string{"first: set", "second: set", "third: set"}, f)
		e.Rounds = 1
		r, err := e.Run(ctx, Progress{Part: func(p Part) {
			switch {
			case p.Scenario != "third":
			case interrupted:
				cancel()
			default:
				f.gone.Store(true)
			}
		}})
		cancel()
		if err == nil || errors.Is(err, errInterrupted) != interrupted || r == nil || len(r.Scenarios) != 2 {
			t.Errorf("interrupted %v: error %v, report %+v", interrupted, err, r)
		}
	}
}
