package bench

import (
	"context"
	"slices"
	"strings"

	"gamekeeper/bench/report"
)

// workload is one thing that can be measured: what --workload names.
type workload struct {
	name    string
	about   string          // a line of the help
	figures []report.Figure // of its runs; the first is what counts
	flags   []string        // names of the flags that matter to it: they become Scenario.Options
	load    *load           // of a workload that is plain load; nil for others
	// run measures once, against o.Servers, and leaves nothing behind. It fills all of a run but Target, Round,
	// Processes, Stages and Events. An error means that there is no result; replies with errors are in the run.
	run func(ctx context.Context, o Options, p Progress) (*report.Run, error)
}

// uses reports whether a flag matters to the workload.
func (w *workload) uses(flag string) bool { return slices.Contains(w.flags, flag) }

// allWorkloads returns everything that --workload may name, in the order of the help.
func allWorkloads() []workload { return append(loadWorkloads(), stormWorkloads()...) }

// findWorkload returns the workload with a name; false when there is none.
func findWorkload(name string) (workload, bool) {
	all := allWorkloads()
	i := slices.IndexFunc(all, func(w workload) bool { return w.name == name })
	if i < 0 {
		return workload{}, false
	}
	return all[i], true
}

// workloadNames lists what --workload may name.
func workloadNames() string {
	var names []string
	for _, w := range allWorkloads() {
		names = append(names, w.name)
	}
	return strings.Join(names, ", ")
}

// workloadHelp describes every workload in a line of its own.
func workloadHelp() string {
	var b strings.Builder
	width := 0
	for _, w := range allWorkloads() {
		width = max(width, len(w.name))
	}
	for _, w := range allWorkloads() {
		b.WriteString("  " + w.name + strings.Repeat(" ", width-len(w.name)) + "  " + w.about + "\n")
	}
	return b.String()
}

// Run measures the workload that o names once, against o.Servers, and leaves nothing behind. It fills all of the
// run but Target, Round, Processes, Stages and Events. When ctx ends, measuring
// does, and the run is that of the time until then. An error means that there is no result; errors in replies are
// in the run.
//
// A command that measures some targets in rounds calls Scenario once, Run for each target in each round, with
// o.Servers set to the target's, and appends what comes to Scenario.Runs with Target and Round set.
func Run(ctx context.Context, o Options, p Progress) (*report.Run, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	w, _ := findWorkload(o.Workload) // validate found it
	return w.run(ctx, o, p)
}

// Scenario says what Run measures with o, without runs. Name is the workload's: a report with one workload under
// different options must make it unique.
func Scenario(o Options) (report.Scenario, error) {
	if err := o.validate(); err != nil {
		return report.Scenario{}, err
	}
	w, _ := findWorkload(o.Workload) // validate found it
	s := report.Scenario{Name: w.name, About: o.about(), Options: o.named(w.flags), Figures: w.figures}
	if w.load != nil {
		s.Figures = loadFigures(&o)
	}
	return s, nil
}
