package report

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Table prints reports for a terminal. Of several, scenarios of one name are shown together, and the first report is
// what the others are held against.
func Table(w io.Writer, reports ...*Report) error {
	if len(reports) == 0 {
		return errors.New("no report to print")
	}
	v, err := newView(reports)
	if err != nil {
		return err
	}
	p := &printer{w: w}
	p.heads(v)
	for _, s := range v.scenarios {
		p.scenario(v, s)
	}
	if v.many() {
		p.summaries(v)
	} else {
		p.grid("summary", v.overview())
	}
	return p.err
}

// printer keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// grid prints g below a blank line and its title; nil is nothing.
func (p *printer) grid(title string, g *grid) {
	if g == nil {
		return
	}
	p.line("")
	if title != "" {
		p.line("%s", title)
	}
	if p.err == nil {
		p.err = g.write(p.w)
	}
}

func (p *printer) heads(v *view) {
	for i, r := range v.reports {
		if i > 0 {
			p.line("")
		}
		p.line("%s", strings.Join(present(v.title(i), began(r), machineText(r.Machine)), ", "))
		for _, t := range v.targets {
			if t.report == i {
				p.line("  %s", t.describe())
			}
		}
	}
}

// describe says in a line what a target is.
func (t *shownTarget) describe() string {
	text := t.label
	if servers := strings.Join(t.Servers, ","); servers != t.label {
		text += ": " + servers
	}
	if t.Version != "" {
		text += ", version " + t.Version
	}
	if t.Started {
		text += ", started by the run"
	}
	return text
}

func (p *printer) scenario(v *view, s *shownScenario) {
	p.line("")
	p.line("%s", s.heading())
	runs := s.medians(v)
	figures, kinds := s.figuresGrid(v), v.kindsGrid(runs)
	single := !v.many() && len(s.rounds(v.targets[0])) == 1
	if single && kinds != nil {
		figures = figures.withoutRows(inKinds)
	}
	if !single {
		p.grid("", figures)
		p.grid("of the median round", kinds)
	} else {
		p.grid("", kinds)
		p.grid("", figures)
	}
	p.grid("errors, of all rounds", s.errorsGrid(v))
	p.grid("steps", v.stepsGrid(runs))
	p.grid("events", v.eventsGrid(runs))
	p.grid("processes", v.processesGrid(runs))
	if v.many() {
		p.grid("where the time goes: mean of a request in each stage", v.stagesShort(runs))
	} else {
		p.grid("where the time goes", v.stagesGrid(runs))
	}
	if notes := s.notes(v); len(notes) > 0 {
		p.line("")
		for _, n := range notes {
			p.line("note: %s", n.Text)
		}
	}
	if single && len(runs) > 0 {
		p.line("")
		p.line("%s", tookText(runs[0].run))
	}
}

// heading is the name of the scenario and what it is.
func (s *shownScenario) heading() string {
	rest, begins := strings.CutPrefix(s.about, s.name)
	if begins && (rest == "" || strings.ContainsAny(rest[:1], " ,:")) {
		return s.about
	}
	return strings.Join(present(s.name, s.about), ": ")
}

// inKinds reports whether the table of kinds shows a figure already.
func inKinds(name string) bool {
	return slices.Contains([]string{"throughput", "mean", "p50", "p90", "p99", "p99.9", "max"}, name)
}

// withoutRows leaves rows out by their first cell; it returns nil when none is left.
func (g *grid) withoutRows(out func(first string) bool) *grid {
	if g == nil {
		return nil
	}
	g.Rows = slices.DeleteFunc(g.Rows, func(row []cell) bool { return out(row[0].Text) })
	if len(g.Rows) == 0 {
		return nil
	}
	return g
}

func tookText(r *Run) string {
	var errs int64
	for _, e := range r.Errors {
		errs += e.Count
	}
	if n := r.replies(); n > 0 {
		return fmt.Sprintf("%s replies in %.2f s, %s errors", Whole(float64(n)), r.Elapsed.Seconds(), Whole(float64(errs)))
	}
	return fmt.Sprintf("%.2f s, %s errors", r.Elapsed.Seconds(), Whole(float64(errs)))
}

func (p *printer) summaries(v *view) {
	within, across := v.summary(false), v.summary(true)
	if within != nil {
		p.grid("summary: against "+v.bases()+", round by round", within)
	}
	if across != nil {
		p.grid("summary: against "+v.labels[0]+", measured at another time", across)
	}
	if within != nil || across != nil {
		p.line("")
		p.line("Values are medians of rounds. A ratio is the geometric mean, with the interval that holds the true one with 95 %%")
		p.line("confidence; \"unclear\" says that the interval holds 1: there may be no difference.")
	}
}

// bases names what the targets are held against within their reports.
func (v *view) bases() string {
	var names []string
	for _, c := range v.comparisons(false) {
		if !slices.Contains(names, c.base.label) {
			names = append(names, c.base.label)
		}
	}
	return strings.Join(names, ", ")
}

// present leaves empty texts out.
func present(texts ...string) []string {
	return slices.DeleteFunc(texts, func(s string) bool { return s == "" })
}

func began(r *Report) string {
	if r.Began.IsZero() {
		return ""
	}
	return r.Began.UTC().Format("2006-01-02 15:04 UTC")
}

func machineText(m Machine) string {
	var parts []string
	if m.Processors > 0 {
		parts = append(parts, fmt.Sprintf("%d processors", m.Processors))
	}
	parts = append(parts, m.Processor, m.System)
	if m.Memory > 0 {
		parts = append(parts, Bytes.Text(float64(m.Memory))+" memory")
	}
	return strings.Join(present(append(parts, m.Disk)...), ", ")
}
