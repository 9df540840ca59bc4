package bench

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"gamekeeper/bench/report"
)

// stageText is what a server says of one stage: by bounds of 1, 2 and 4 ms, and above.
func stageText(kind, stage string, upTo [4]int, sum float64) string {
	var b strings.Builder
	for i, le := range []string{"0.001", "0.002", "0.004", "+Inf"} {
		fmt.Fprintf(&b, "gamekeeper_stage_seconds_bucket{stage=%q,kind=%q,le=%q} %d\n", stage, kind, le, upTo[i])
	}
	fmt.Fprintf(&b, "gamekeeper_stage_seconds_sum{stage=%q,kind=%q} %v\n", stage, kind, sum)
	fmt.Fprintf(&b, "gamekeeper_stage_seconds_count{stage=%q,kind=%q} %d\n", stage, kind, upTo[3])
	return b.String()
}

const stageType = "# TYPE gamekeeper_stage_seconds histogram\n"

func parse(t *testing.T, text string) stageCounts {
	t.Helper()
	c, err := parseStages(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestStagesSince(t *testing.T) {
	const ms, us = time.Millisecond, time.Microsecond
	log := func(upTo [4]int, sum float64) string { return stageType + stageText("write", "log", upTo, sum) }
	for name, x := range map[string]struct {
		before, after string
		want          []report.Stage
	}{
		"nothing":         {"", "", nil},
		"other metrics":   {"", "# TYPE fsynctime summary\nfsynctime_count 3\nfsynctime_sum 7\nznode_count 5\n", nil},
		"not a histogram": {"", "# TYPE gamekeeper_stage_seconds counter\ngamekeeper_stage_seconds{stage=\"log\"} 3\n", nil},
		"nothing new":     {log([4]int{1, 2, 3, 4}, 1), log([4]int{1, 2, 3, 4}, 1), nil},
		"from the start": {"", log([4]int{10, 20, 20, 20}, 0.02), []report.Stage{{Name: "write log", Latency: report.Latency{
			Count: 20, Mean: ms, P50: ms, P90: 1800 * us, P99: 1980 * us, P999: 1998 * us, Max: 2 * ms}}}},
		"since": {log([4]int{100, 100, 100, 100}, 0.05), log([4]int{100, 100, 110, 110}, 0.08), []report.Stage{{Name: "write log",
			Latency: report.Latency{Count: 10, Mean: 3 * ms, P50: 3 * ms, P90: 3800 * us, P99: 3980 * us, P999: 3998 * us, Max: 4 * ms}}}},
		"above the last bound": {"", log([4]int{0, 0, 0, 2}, 20), []report.Stage{{Name: "write log", Latency: report.Latency{
			Count: 2, Mean: 10 * time.Second, P50: 4 * ms, P90: 4 * ms, P99: 4 * ms, P999: 4 * ms, Max: 4 * ms}}}},
		"started anew": {log([4]int{100, 100, 100, 100}, 0.05), log([4]int{4, 4, 4, 4}, 0.002), []report.Stage{{Name: "write log",
			Latency: report.Latency{Count: 4, Mean: 500 * us, P50: 500 * us, P90: 900 * us, P99: 990 * us, P999: 999 * us, Max: ms}}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := parse(t, x.after).since(parse(t, x.before))
			for i := range got { // a nanosecond may be lost
				l := &got[i].Latency
				for _, d := range []*time.Duration{&l.Mean, &l.P50, &l.P90, &l.P99, &l.P999, &l.Max} {
					*d = d.Round(10)
				}
			}
			if !reflect.DeepEqual(got, x.want) {
				t.Errorf("%+v, want %+v", got, x.want)
			}
		})
	}
}

func TestStagesInOrder(t *testing.T) {
	text := stageType
	one := [4]int{1, 1, 1, 1}
	for _, name := range []string{"read total", "other thing", "write total", "write apply", "read read", "write decode", "write log"} {
		kind, stage, _ := strings.Cut(name, " ")
		text += stageText(kind, stage, one, 0.001)
	}
	var names []string
	for _, s := range parse(t, text).since(nil) {
		names = append(names, s.Name)
	}
	const want = "write decode,write log,write apply,write total,read read,read total,other thing"
	if got := strings.Join(names, ","); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestScrapeStages(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/metrics":
			fmt.Fprint(w, stageType+stageText("write", "log", [4]int{1, 1, 1, 1}, 0.001))
		case "/broken":
			fmt.Fprint(w, "gamekeeper_stage_seconds{")
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	counts, err := scrapeStages(t.Context(), s.URL+"/metrics")
	if err != nil || counts["write log"].count != 1 {
		t.Errorf("%v, %v", counts, err)
	}
	if counts, err := scrapeStages(t.Context(), ""); len(counts) > 0 || err != nil || len(counts.since(nil)) > 0 {
		t.Errorf("without a URL: %v, %v", counts, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for name, x := range map[string]struct {
		ctx  context.Context
		url  string
		says string
	}{
		"no such page": {t.Context(), s.URL + "/none", "404"},
		"broken text":  {t.Context(), s.URL + "/broken", "/broken"},
		"no URL":       {t.Context(), "::", "metrics"},
		"given up":     {gone, s.URL + "/metrics", "canceled"},
	} {
		if _, err := scrapeStages(x.ctx, x.url); err == nil || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// FuzzParseStages: whatever a server says, there is an error or latencies that make sense.
func FuzzParseStages(f *testing.F) {
	f.Add(stageType+stageText("write", "log", [4]int{1, 2, 3, 4}, 1), stageType+stageText("write", "log", [4]int{5, 6, 7, 9}, 2))
	f.Add("", stageType+stageText("read", "total", [4]int{9, 2, 1, 0}, -1))
	f.Add(stageType+"gamekeeper_stage_seconds_bucket{stage=\"x\",le=\"NaN\"} 1e300\n", "gamekeeper_stage_seconds 7")
	f.Fuzz(func(t *testing.T, before, after string) {
		b, err := parseStages(strings.NewReader(before))
		if err != nil {
			return
		}
		a, err := parseStages(strings.NewReader(after))
		if err != nil {
			return
		}
		for _, s := range a.since(b) {
			l := s.Latency
			if l.Count <= 0 || l.Mean < 0 || l.P50 < 0 || l.P90 < l.P50 || l.P99 < l.P90 || l.P999 < l.P99 || l.Max < l.P999 {
				t.Errorf("%+v", s)
			}
		}
	})
}
