package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"gamekeeper/bench/report"
	"gamekeeper/bench/target"
)

// Experiment is what one invocation measures: every scenario against every target, in rounds. In a round each scenario
// meets one target after the other, and the order of the targets turns from round to round, so that a change of the
// machine's mood meets all of them alike. The first target is what the others are held against.
type Experiment struct {
	Title     string
	Targets   []target.Spec
	Start     target.Options // of the targets that are started
	Faults    []target.Fault // in each run
	Scenarios []Case
	Rounds    int
	Preheat   time.Duration // of each load scenario against each target before the first round; it does not count
	Rest      time.Duration // before each run, for what a target still does for the one before
	KeepLogs  bool          // leave the logs of servers that were started
	Version   string        // of this program
}

// Case is a scenario under a name that is its own in the experiment.
type Case struct {
	Name    string
	Options Options // but for Servers
	// RateOf makes the rate that of another case: the highest that the first target held there. That one comes before,
	// and looks for it.
	RateOf string
	Figure string // that counts, if it is not the workload's first
}

// validate checks all that can be checked before anything is started, and completes the cases.
func (e *Experiment) validate() error {
	switch {
	case len(e.Targets) == 0:
		return usageError("no target: --target names what to measure")
	case len(e.Scenarios) == 0:
		return usageError("no scenario: --workload names one")
	case e.Rounds < 1:
		return usageError("--rounds %d measures nothing", e.Rounds)
	case e.Preheat < 0:
		return usageError("--preheat %v is negative", e.Preheat)
	case e.Rest < 0:
		return usageError("--rest %v is negative", e.Rest)
	}
	if err := target.Check(e.Targets, e.Start, e.Faults); err != nil {
		return err
	}
	seen := map[string]bool{}
	for i := range e.Scenarios {
		c := &e.Scenarios[i]
		if seen[c.Name] {
			return usageError("two scenarios are called %s: name one of them otherwise, as in other:%[1]s", c.Name)
		}
		if c.RateOf != "" && !seen[c.RateOf] {
			return usageError("scenario %s takes its rate from %s, which does not come before it", c.Name, c.RateOf)
		}
		seen[c.Name] = true
		c.Options.Servers = []string{"127.0.0.1:2181"} // of no consequence
		c.Options.Reconnect = c.Options.Reconnect || len(e.Faults) > 0
		if err := c.Options.validate(); err != nil {
			return fmt.Errorf("scenario %s: %w", c.Name, err)
		}
		if _, err := c.scenario(); err != nil {
			return err
		}
	}
	return nil
}

// scenario is what a report says of the case.
func (c *Case) scenario() (report.Scenario, error) {
	o := c.Options
	if c.RateOf != "" {
		o.Rate = 1 // it is not known yet, and latency is what counts
	}
	s, err := Scenario(o)
	if err != nil {
		return s, err
	}
	s.Name = c.Name
	if c.RateOf != "" {
		plain, err := Scenario(c.Options)
		if err != nil {
			return s, err
		}
		s.About = plain.About + ", at the rate of: " + c.RateOf
		s.Options["rate"] = rateOf + c.RateOf
	}
	if c.Figure == "" {
		return s, nil
	}
	i := slices.IndexFunc(s.Figures, func(f report.Figure) bool { return f.Name == c.Figure })
	if i < 0 {
		return s, usageError("scenario %s has no figure %s", c.Name, c.Figure)
	}
	first := s.Figures[i]
	s.Figures = slices.Insert(slices.Delete(slices.Clone(s.Figures), i, i+1), 0, first)
	return s, nil
}

// Run measures. Targets that it starts are gone when it returns. With an error, or when ctx ends, the report has what was
// measured until then; it is nil if that is nothing.
func (e *Experiment) Run(ctx context.Context, p Progress) (_ *report.Report, err error) {
	if err := e.validate(); err != nil {
		return nil, err
	}
	began := time.Now()
	r := &report.Report{Format: report.Format, Title: e.Title, Version: e.Version, Command: os.Args, Began: began,
		Machine: target.Machine(e.Start.Dir)}
	for _, c := range e.Scenarios {
		s, err := c.scenario()
		if err != nil {
			return nil, err
		}
		if len(e.Faults) > 0 {
			s.Options["fault"] = faultsText(e.Faults)
		}
		r.Scenarios = append(r.Scenarios, s)
	}
	x := &experimenter{Experiment: e, report: r, progress: p, rates: map[string]float64{}}
	defer func() { err = errors.Join(err, x.stop(err != nil && ctx.Err() == nil)) }()
	if err := x.start(ctx); err != nil {
		return nil, err
	}
	if err := x.preheat(ctx); err != nil {
		return nil, err
	}
	for round := range e.Rounds {
		if err = x.round(ctx, round); err != nil || ctx.Err() != nil {
			break
		}
	}
	r.Scenarios = slices.DeleteFunc(r.Scenarios, func(s report.Scenario) bool { return len(s.Runs) == 0 })
	r.Took = time.Since(began)
	switch {
	case len(r.Scenarios) == 0:
		return nil, err
	case ctx.Err() != nil:
		return r, errInterrupted
	case err != nil:
		return r, fmt.Errorf("%w (the result is that of what was measured until then)", err)
	}
	return r, nil
}

// faultsText lists faults as the flag has them.
func faultsText(faults []target.Fault) string {
	var texts []string
	for _, f := range faults {
		texts = append(texts, f.String())
	}
	return strings.Join(texts, ", ")
}

// experimenter is an experiment that runs.
type experimenter struct {
	*Experiment
	report   *report.Report
	progress Progress
	targets  []*target.Target
	rates    map[string]float64 // by case that looked for one
}

// start starts the targets, one after the other.
func (x *experimenter) start(ctx context.Context) error {
	starts := false
	for _, spec := range x.Targets {
		if spec.Starts() {
			starts = true
			x.progress.stage("starting %s", spec)
		}
		t, err := spec.Start(ctx, x.Start)
		if err != nil {
			return err
		}
		x.targets = append(x.targets, t)
		x.report.Targets = append(x.report.Targets, t.Report())
	}
	if !starts {
		x.report.Machine.Disk = "" // where the servers have their data is not known
	}
	return nil
}

// stop ends what was started.
func (x *experimenter) stop(failed bool) error {
	var errs []error
	for _, t := range x.targets {
		if err := t.Stop(x.KeepLogs || failed); err != nil {
			errs = append(errs, err)
		} else if (x.KeepLogs || failed) && t.Dir() != "" {
			x.progress.stage("the logs of %s are in %s", t.Name(), t.Dir())
		}
	}
	return errors.Join(errs...)
}

// preheat has every target do what will be measured: a Java VM compiles what runs often, and caches fill.
func (x *experimenter) preheat(ctx context.Context) error {
	if x.Preheat == 0 {
		return nil
	}
	warmed := map[string]bool{}
	for _, c := range x.Scenarios {
		w, _ := findWorkload(c.Options.Workload)
		if w.load == nil || c.RateOf != "" || warmed[w.name] {
			continue
		}
		warmed[w.name] = true
		for _, t := range x.targets {
			o := c.Options
			o.Warmup, o.Duration, o.Requests, o.FindRate, o.Servers = 0, x.Preheat, 0, 0, t.Servers()
			x.progress.part(Part{Scenario: "warming up: " + c.Name, Target: t.Name(), Limit: o.Duration, Look: t.Processes})
			if _, err := Run(ctx, o, Progress{Stage: x.progress.Stage, Second: x.progress.Second}); err != nil {
				return fmt.Errorf("warming up %s with %s: %w", t.Name(), c.Name, err)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	return nil
}

// round measures every scenario against every target.
func (x *experimenter) round(ctx context.Context, round int) error {
	for i, c := range x.Scenarios {
		for k := range x.targets {
			k = (k + round) % len(x.targets)
			if c.Options.FindRate > 0 && x.wanted(c.Name) && (k > 0 || round > 0) {
				continue // it is only the first target's rate that is asked for
			}
			run, err := x.measure(ctx, i, k, round)
			if err == nil && ctx.Err() != nil && len(x.targets) > 1 {
				err = ctx.Err() // half a measurement does not compare
			}
			if err != nil {
				return fmt.Errorf("%s against %s: %w", c.Name, x.targets[k].Name(), err)
			}
			x.report.Scenarios[i].Runs = append(x.report.Scenarios[i].Runs, *run)
			if ctx.Err() != nil {
				return nil
			}
		}
	}
	return nil
}

// wanted says whether another case takes its rate from one.
func (x *experimenter) wanted(name string) bool {
	for _, c := range x.Scenarios {
		if c.RateOf == name {
			return true
		}
	}
	return false
}

// measure runs case i once against target k.
func (x *experimenter) measure(ctx context.Context, i, k, round int) (*report.Run, error) {
	c, t := &x.Scenarios[i], x.targets[k]
	if err := t.Mend(ctx); err != nil {
		return nil, err
	}
	if err := pause(ctx, x.Rest); err != nil {
		return nil, err
	}
	o := c.Options
	o.Servers = t.Servers()
	if c.RateOf != "" {
		if o.Rate = int(x.rates[c.RateOf]); o.Rate < 1 {
			return nil, fmt.Errorf("%s found no rate that %s holds", c.RateOf, x.targets[0].Name())
		}
	}
	part := Part{Scenario: c.Name, Target: t.Name(), Limit: o.Duration, Look: t.Processes}
	if x.Rounds > 1 {
		part.Round, part.Rounds = round+1, x.Rounds
	}
	x.progress.part(part)
	w := &watch{target: t, faults: x.Faults}
	run, err := Run(ctx, o, w.progress(ctx, x.progress))
	if err := errors.Join(err, w.finish()); err != nil {
		return nil, err
	}
	run.Target, run.Round = k, round
	run.Processes, run.Events, run.Stages = w.processes, w.events, w.stages
	run.Notes = append(run.Notes, w.notes...)
	x.derive(run, i, w)
	return run, nil
}

// The figures that follow from what was seen besides the load.
const (
	figureServerCPU = "server CPU per request" // of all servers of a target
	figureGap       = "longest gap"            // without any answer, under faults
)

// derive adds to a run of case i what follows from it and from what was seen besides.
func (x *experimenter) derive(run *report.Run, i int, w *watch) {
	if c := &x.Scenarios[i]; c.Options.FindRate > 0 {
		x.rates[c.Name] = max(x.rates[c.Name], run.Values[figureRate])
	}
	if len(x.Faults) > 0 {
		run.Values[figureGap] = float64(longestGap(run))
		addFigure(&x.report.Scenarios[i], report.Figure{Name: figureGap, Unit: report.Duration, Better: report.Lower})
	}
	var cpu time.Duration
	for _, p := range run.Processes {
		if p.Name != target.Client {
			cpu += p.CPU
		}
	}
	replies := run.Values[figureThroughput] * run.Elapsed.Seconds()
	if cpu == 0 || replies < 1 || w.elapsed <= 0 {
		return
	}
	// What was sampled and what was counted end at slightly different times.
	run.Values[figureServerCPU] = float64(cpu) * float64(run.Elapsed) / float64(w.elapsed) / replies
	addFigure(&x.report.Scenarios[i], report.Figure{Name: figureServerCPU, Unit: report.Duration, Better: report.Lower})
}

// longestGap is the longest time of a run in which nothing was answered.
func longestGap(r *report.Run) (gap time.Duration) {
	for _, s := range r.Seconds {
		gap = max(gap, s.Gap)
	}
	return gap
}

// addFigure adds a figure to a scenario that does not have it yet.
func addFigure(s *report.Scenario, f report.Figure) {
	if !slices.Contains(s.Figures, f) {
		s.Figures = append(slices.Clone(s.Figures), f)
	}
}

// failures tells of replies with errors in a report, which its reader must not overlook. Under faults they belong to
// what is measured.
func (e *Experiment) failures(r *report.Report) error {
	if len(e.Faults) > 0 {
		return nil
	}
	var all []string
	for _, s := range r.Scenarios {
		for i := range s.Runs {
			if err := failure(&s.Runs[i]); err != nil {
				all = append(all, fmt.Sprintf("%s against %s: %v", s.Name, r.Targets[s.Runs[i].Target].Name, err))
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return errors.New(strings.Join(all, "\n"))
}
