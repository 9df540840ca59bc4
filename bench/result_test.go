package bench

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gamekeeper/bench/report"
)

// Buckets follow each other, are few, and hold every latency.
func TestBuckets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHistogram()
		latencies := rapid.SliceOf(rapid.Int64Range(int64(latencyMin), int64(latencyMax))).Draw(t, "latencies")
		for _, l := range latencies {
			_ = h.RecordValue(l) // in range
		}
		var count int64
		var last time.Duration
		buckets := newBuckets(h)
		for _, b := range buckets {
			if b.To <= last {
				t.Fatalf("%v after %v", b.To, last)
			}
			last = b.To
			count += b.Count
		}
		if count != int64(len(latencies)) || len(buckets) > 2*bucketsMax+2 {
			t.Fatalf("%d latencies, %d in %d buckets", len(latencies), count, len(buckets))
		}
		if count > 0 && last != time.Duration(h.Max()) {
			t.Fatalf("the last bucket ends with %v, the highest is %v", last, time.Duration(h.Max()))
		}
	})
}

// A scenario names the flags that matter, with their types.
func TestScenario(t *testing.T) {
	o := DefaultOptions()
	o.Workload = "mixed"
	o.Reads = 0
	s, err := Scenario(o)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"connections": 64, "keys": 10_000, "reads": 0, "duration": "10s",
		"rate": nil, "requests": nil, "path": nil, "servers": nil,
	} {
		if got := s.Options[name]; got != want {
			t.Errorf("%s is %v (%[2]T), not %v", name, got, want)
		}
	}
	if s.Name != "mixed" || !strings.HasPrefix(s.About, "mixed with 0 % reads") || s.Figures[0].Name != figureThroughput {
		t.Errorf("%+v", s)
	}
}

// Every workload is described, and names flags that exist.
func TestWorkloadsAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range allWorkloads() {
		o := DefaultOptions()
		o.Workload = w.name
		s, err := Scenario(o)
		if err != nil {
			t.Errorf("%s: %v", w.name, err)
		}
		if seen[w.name] || w.about == "" || len(s.Figures) == 0 || w.run == nil {
			t.Errorf("%+v", w)
		}
		seen[w.name] = true
	}
}

// The JSON of the command is a report.
func TestCommandWritesAReport(t *testing.T) {
	f := startFake(t, nil)
	cmd := Command("test")
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs(strings.Fields("--servers " + f.addr + " --connections 2 --outstanding 3 --requests 100 --warmup 0s --keys 10 --workload mixed --json"))
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	run := r.Scenarios[0].Runs[0]
	if r.Format != report.Format || replies(&run) != 100 || len(run.Latency) == 0 || r.Targets[0].Servers[0] != f.addr {
		t.Errorf("%+v", r)
	}
	for _, figure := range r.Scenarios[0].Figures {
		if run.Values[figure.Name] <= 0 {
			t.Errorf("%s is %v", figure.Name, run.Values[figure.Name])
		}
	}
}

// Errors in replies make a command fail; connections that a run expects to lose do not, nor does what was not sent.
func TestFailure(t *testing.T) {
	seconds := []report.Second{{}}
	some := report.Kind{Name: "set", Latency: report.Latency{Count: 1}}
	unsent := report.Kind{Name: KindUnsent.String(), Latency: report.Latency{Count: 1}}
	lost := report.ErrorCount{What: "set: connection lost", Code: -4, Count: 5}
	for _, test := range []struct {
		run  report.Run
		want string // in the error; empty for none
	}{
		{report.Run{Kinds: []report.Kind{some, unsent}, Seconds: seconds}, ""},
		{report.Run{Kinds: []report.Kind{some}, Errors: []report.ErrorCount{lost}, Seconds: seconds}, ""},
		{report.Run{Kinds: []report.Kind{some}, Errors: []report.ErrorCount{lost, {What: "get: x", Code: -1, Count: 2}}, Seconds: seconds},
			"2 replies held errors, the first kind of them: get: x"},
		{report.Run{Kinds: []report.Kind{unsent}, Seconds: seconds}, "no reply"},
	} {
		if err := failure(&test.run); (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: error %v", test.run, err)
		}
	}
}
