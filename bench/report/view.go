package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// view is what one page or one print shows: a report, or several whose scenarios of one name belong together.
type view struct {
	reports   []*Report
	labels    []string // of the reports, each different
	targets   []*shownTarget
	scenarios []*shownScenario
}

// shownTarget is a target of one of the reports.
type shownTarget struct {
	*Target
	report int
	index  int          // in its report
	slot   int          // in the view: it has the same colour everywhere
	label  string       // unique in the view
	base   *shownTarget // the first of the same report; nil for that itself
	before *shownTarget // what it was in the first report; nil for those of that
}

// shownScenario is a scenario of the reports that have one of that name.
type shownScenario struct {
	name    string
	about   string
	figures []Figure
	parts   []*Scenario // by report; nil where it is missing
}

// shownRun is the run that stands for all rounds of a target.
type shownRun struct {
	target *shownTarget
	run    *Run
}

// comparison is a target that is held against another.
type comparison struct {
	base, target *shownTarget
}

func newView(reports []*Report) (*view, error) {
	v := &view{reports: reports}
	for _, r := range reports {
		if err := r.check(); err != nil {
			return nil, err
		}
	}
	v.label()
	for i, r := range reports {
		first := len(v.targets)
		for j := range r.Targets {
			t := &shownTarget{Target: &r.Targets[j], report: i, index: j, slot: len(v.targets), label: r.Targets[j].Name}
			if len(reports) > 1 {
				t.label = fmt.Sprintf("%s (%s)", t.Name, v.labels[i])
			}
			if j > 0 {
				t.base = v.targets[first]
			}
			if i > 0 {
				t.before = v.find(r.Targets[j].Name, j)
			}
			v.targets = append(v.targets, t)
		}
		for j := range r.Scenarios {
			v.add(i, &r.Scenarios[j])
		}
	}
	return v, nil
}

// labelMax is how long a title may be to stand wherever a target is named.
const labelMax = 20

// label names the reports by their titles, or with letters if those are long, equal or missing.
func (v *view) label() {
	letters := false
	used := map[string]bool{}
	for _, r := range v.reports {
		letters = letters || r.Title == "" || utf8.RuneCountInString(r.Title) > labelMax || used[r.Title]
		used[r.Title] = true
	}
	for i, r := range v.reports {
		label := r.Title
		if letters && len(v.reports) > 1 {
			label = letter(i)
		}
		v.labels = append(v.labels, label)
	}
}

// letter is A for 0; there is no end.
func letter(i int) string {
	if i < 26 {
		return string(rune('A' + i))
	}
	return letter(i/26-1) + letter(i%26)
}

// title names report i with all that is known of it.
func (v *view) title(i int) string {
	title := v.reports[i].Title
	switch {
	case title == "":
		return strings.Join(present("Benchmark", v.labels[i]), " ")
	case title == v.labels[i]:
		return title
	}
	return v.labels[i] + ": " + title
}

// find returns the target of the first report that has the name, or else the place, of another report's.
func (v *view) find(name string, index int) *shownTarget {
	first := v.targets[:len(v.reports[0].Targets)]
	for _, t := range first {
		if t.Name == name {
			return t
		}
	}
	if index < len(first) {
		return first[index]
	}
	return nil
}

func (v *view) add(report int, s *Scenario) {
	i := slices.IndexFunc(v.scenarios, func(o *shownScenario) bool { return o.name == s.Name })
	if i < 0 {
		i = len(v.scenarios)
		v.scenarios = append(v.scenarios, &shownScenario{
			name: s.Name, about: s.About, parts: make([]*Scenario, len(v.reports)),
		})
	}
	shown := v.scenarios[i]
	shown.parts[report] = s
	for _, f := range s.Figures {
		if !slices.ContainsFunc(shown.figures, func(o Figure) bool { return o.Name == f.Name }) {
			shown.figures = append(shown.figures, f)
		}
	}
}

// many reports whether there are several targets to tell apart.
func (v *view) many() bool { return len(v.targets) > 1 }

// comparisons returns those within the reports, or those across them.
func (v *view) comparisons(across bool) []comparison {
	var list []comparison
	for _, t := range v.targets {
		base := t.base
		if across {
			base = t.before
		}
		if base != nil {
			list = append(list, comparison{base, t})
		}
	}
	return list
}

// rounds returns the runs of a target in the order of rounds.
func (s *shownScenario) rounds(t *shownTarget) []*Run {
	var runs []*Run
	if part := s.parts[t.report]; part != nil {
		for i := range part.Runs {
			if part.Runs[i].Target == t.index {
				runs = append(runs, &part.Runs[i])
			}
		}
	}
	slices.SortStableFunc(runs, func(a, b *Run) int { return a.Round - b.Round })
	return runs
}

// median returns the run of a target that has the median of the main figure; of an even number of rounds the
// lower one of the two in the middle. It is nil when there is no run.
func (s *shownScenario) median(t *shownTarget) *Run {
	runs := s.rounds(t)
	if len(runs) == 0 {
		return nil
	}
	if len(s.figures) > 0 {
		main := s.figures[0].Name
		slices.SortStableFunc(runs, func(a, b *Run) int {
			switch x, y := a.Values[main], b.Values[main]; {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		})
	}
	return runs[(len(runs)-1)/2]
}

// medians returns the median run of each target that has runs.
func (s *shownScenario) medians(v *view) []shownRun {
	var list []shownRun
	for _, t := range v.targets {
		if run := s.median(t); run != nil {
			list = append(list, shownRun{t, run})
		}
	}
	return list
}

func (s *shownScenario) spread(figure string, t *shownTarget) (Spread, bool) {
	if part := s.parts[t.report]; part != nil {
		return part.Spread(figure, t.index)
	}
	return Spread{}, false
}

// ratio holds a target against its base: round by round if one run measured both, and else over all rounds.
func (s *shownScenario) ratio(figure string, c comparison) (Ratio, bool) {
	part, base := s.parts[c.target.report], s.parts[c.base.report]
	if part == nil || base == nil {
		return Ratio{}, false
	}
	if c.base.report == c.target.report && c.base.index == 0 {
		return part.Ratio(figure, c.target.index)
	}
	sorted := func(values map[int]float64) []float64 { return slices.Sorted(maps.Values(values)) }
	return unpaired(sorted(base.values(figure, c.base.index)), sorted(part.values(figure, c.target.index)))
}
