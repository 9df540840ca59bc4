package report

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// alone returns r with its first target and some rounds.
func alone(r *Report, rounds int) *Report {
	r.Targets = r.Targets[:1]
	for i := range r.Scenarios {
		s := &r.Scenarios[i]
		var runs []Run
		for _, run := range s.Runs {
			if run.Target == 0 && run.Round < rounds {
				runs = append(runs, run)
			}
		}
		s.Runs = runs
	}
	return r
}

func only(r *Report, names ...string) *Report {
	var kept []Scenario
	for _, s := range r.Scenarios {
		for _, n := range names {
			if s.Name == n {
				kept = append(kept, s)
			}
		}
	}
	r.Scenarios = kept
	return r
}

// three returns r with a third target, which is as the first.
func three(r *Report) *Report {
	third := r.Targets[0]
	third.Name = "twin"
	r.Targets = append(r.Targets, third)
	for i := range r.Scenarios {
		s := &r.Scenarios[i]
		for _, run := range s.Runs {
			if run.Target == 0 {
				run.Target = 2
				s.Runs = append(s.Runs, run)
			}
		}
	}
	return r
}

func TestTables(t *testing.T) {
	for name, reports := range map[string][]*Report{
		"one-run":     {alone(sampleReport("", 1, 11), 1)},
		"one-target":  {only(alone(sampleReport("rounds", 1, 11), 5), "mixed")},
		"two-targets": {sampleReport("Three servers", 1, 11)},
		"three":       {only(three(sampleReport("three", 1, 1.02)), "set", "sessions")},
		"two-files":   {only(sampleReport("before", 1, 11), "mixed", "ramp"), only(sampleReport("after", 2, 13), "mixed")},
		"files-alone": {only(alone(sampleReport("x", 1, 1), 5), "set"), only(alone(sampleReport("x", 3, 1), 5), "set")},
		"empty":       {{Format: Format, Targets: []Target{{Name: "a"}}, Scenarios: []Scenario{{Name: "nothing", About: "nothing was run"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Table(&b, reports...); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".txt", b.Bytes())
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-update writes it anew):\n%s", path, diff)
	}
}

// full fails like a disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestWritersThatFail(t *testing.T) {
	r := sampleReport("full", 1, 2)
	for name, write := range map[string]func() error{
		"table": func() error { return Table(full{}, r) },
		"HTML":  func() error { return HTML(full{}, r) },
		"JSON":  func() error { return r.WriteJSON(full{}) },
	} {
		if err := write(); err == nil {
			t.Errorf("%s: the error was lost", name)
		}
	}
	if Table(&bytes.Buffer{}) == nil || HTML(&bytes.Buffer{}) == nil {
		t.Error("no report was shown")
	}
	r.Scenarios[0].Runs[0].Target = 7
	if Table(&bytes.Buffer{}, r) == nil || HTML(&bytes.Buffer{}, r) == nil {
		t.Error("a damaged report was shown")
	}
}
