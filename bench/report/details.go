package report

import (
	"slices"
	"strconv"
	"time"
)

// detail makes a grid of the median runs, with a column that tells targets apart if there are several.
func (v *view) detail(g *grid, runs []shownRun, fill func(lead []cell, r *Run)) *grid {
	g.Columns = append(words("target"), g.Columns...)
	for _, r := range runs {
		before := len(g.Rows)
		fill([]cell{r.target.cell()}, r.run)
		for i := before + 1; i < len(g.Rows); i++ {
			g.Rows[i][0] = cell{} // a name once is enough
		}
	}
	if len(g.Rows) == 0 {
		return nil
	}
	if !v.many() {
		g.without(0)
	}
	return g
}

// latencyColumns are those that latencyTexts fills.
func latencyColumns() []column { return numbers("mean", "p50", "p90", "p99", "p99.9", "max") }

func latencyTexts(l Latency) []string {
	texts := make([]string, 0, 6)
	for _, d := range []time.Duration{l.Mean, l.P50, l.P90, l.P99, l.P999, l.Max} {
		text := "-"
		if l.Count > 0 {
			text = durationText(float64(d))
		}
		texts = append(texts, text)
	}
	return texts
}

// kindsGrid is a row per kind of request.
func (v *view) kindsGrid(runs []shownRun) *grid {
	g := newGrid("By kind of request", words("request"), numbers("ops/s"), latencyColumns())
	return v.detail(g, runs, func(lead []cell, r *Run) {
		kinds := slices.Clone(r.Kinds)
		if len(kinds) > 1 && r.countsAll() {
			kinds = append(kinds, r.allKinds())
		}
		for _, k := range kinds {
			row := append(slices.Clone(lead), cell{Text: k.Name}, cell{Text: Whole(k.Throughput)})
			g.row(row, latencyTexts(k.Latency)...)
		}
	})
}

// countsAll reports whether the distribution is that of all kinds together, as in plain load. Recipes have that of what
// they are about.
func (r *Run) countsAll() bool {
	_, ok := r.Values["throughput"]
	return ok
}

// allKinds sums up the kinds of request; percentiles are of the distribution.
func (r *Run) allKinds() Kind {
	all := Kind{Name: "all"}
	var sum float64
	for _, k := range r.Kinds {
		all.Throughput += k.Throughput
		all.Latency.Count += k.Latency.Count
		all.Latency.Max = max(all.Latency.Max, k.Latency.Max)
		sum += float64(k.Latency.Mean) * float64(k.Latency.Count)
	}
	l := &all.Latency
	l.Mean = time.Duration(sum / float64(max(l.Count, 1)))
	d := newDistribution(r.Latency)
	l.P50, l.P90, l.P99, l.P999 = d.quantile(0.5), d.quantile(0.9), d.quantile(0.99), d.quantile(0.999)
	for _, p := range []*time.Duration{&l.P50, &l.P90, &l.P99, &l.P999} {
		*p = min(*p, l.Max) // a bucket's bound may be beyond what is in it
	}
	// Where they are figures of the run, these are exact.
	for name, p := range map[string]*time.Duration{"p50": &l.P50, "p90": &l.P90, "p99": &l.P99, "p99.9": &l.P999} {
		if v := r.Values[name]; v > 0 {
			*p = time.Duration(v)
		}
	}
	return all
}

// replies returns how many replies a run had, where that is known.
func (r *Run) replies() int64 {
	var n int64
	for _, k := range r.Kinds {
		if k.Throughput > 0 { // not what was due and never sent
			n += k.Latency.Count
		}
	}
	return n
}

// errorsGrid is a row per kind of error, over all rounds.
func (s *shownScenario) errorsGrid(v *view) *grid {
	g := newGrid("Errors", words("target", "error"), numbers("code", "count"))
	for _, t := range v.targets {
		lead := t.cell()
		var list []ErrorCount
		for _, r := range s.rounds(t) {
			for _, e := range r.Errors {
				same := func(o ErrorCount) bool { return o.What == e.What && o.Code == e.Code }
				if i := slices.IndexFunc(list, same); i >= 0 {
					list[i].Count += e.Count
				} else {
					list = append(list, e)
				}
			}
		}
		for _, e := range list {
			g.row([]cell{lead}, e.What, strconv.Itoa(int(e.Code)), Whole(float64(e.Count)))
			lead = cell{}
		}
	}
	if len(g.Rows) == 0 {
		return nil
	}
	if !v.many() {
		g.without(0)
	}
	return g
}

// notes returns what the runs of a scenario want to be known, each once.
func (s *shownScenario) notes(v *view) []cell {
	var notes []cell
	for _, t := range v.targets {
		for _, r := range s.rounds(t) {
			for _, n := range r.Notes {
				if note := (cell{n, t.label}); v.many() {
					note.Text = t.label + ": " + n
					if !slices.Contains(notes, note) {
						notes = append(notes, note)
					}
				} else if !slices.Contains(notes, note) {
					notes = append(notes, note)
				}
			}
		}
	}
	return notes
}

// processesGrid is a row per process.
func (v *view) processesGrid(runs []shownRun) *grid {
	g := newGrid("Processes", words("process"), numbers("cores", "CPU per request", "memory", "read", "written", "written per request"))
	return v.detail(g, runs, func(lead []cell, r *Run) {
		per := func(total float64, u Unit) string {
			if n := r.replies(); n > 0 && total > 0 {
				return u.Text(total / float64(n))
			}
			return "-"
		}
		some := func(n int64) string {
			if n == 0 {
				return "-"
			}
			return Bytes.Text(float64(n))
		}
		for _, p := range r.Processes {
			cores := "-"
			if r.Elapsed > 0 {
				cores = Digits(float64(p.CPU) / float64(r.Elapsed))
			}
			g.row(slices.Clone(lead), p.Name, cores, per(float64(p.CPU), Duration),
				some(p.Peak), some(p.Read), some(p.Written), per(float64(p.Written), Bytes))
		}
	})
}

// stagesGrid is a row per stage of a server.
func (v *view) stagesGrid(runs []shownRun) *grid {
	g := newGrid("Where the time goes", words("server", "stage"), numbers("requests"), latencyColumns())
	return v.detail(g, runs, func(lead []cell, r *Run) {
		server := ""
		for _, s := range r.Stages {
			name := s.Server
			if name == server {
				name = ""
			}
			server = s.Server
			row := append(slices.Clone(lead), cell{Text: name}, cell{Text: s.Name}, cell{Text: Whole(float64(s.Latency.Count))})
			g.row(row, latencyTexts(s.Latency)...)
		}
	})
}

// stagesShort is a row per server and kind of request: the mean time of a request in each stage.
func (v *view) stagesShort(runs []shownRun) *grid {
	var rows []stageRow
	for _, r := range runs {
		rows = append(rows, stageRows(r)...)
	}
	names := stageNames(rows)
	g := newGrid("", words("server"), numbers(names...))
	return v.detail(g, runs, func(lead []cell, r *Run) {
		for _, row := range stageRows(shownRun{run: r}) {
			texts := []string{row.server}
			for _, name := range names {
				text := "-"
				for _, s := range row.stages {
					if s.Name == name {
						text = durationText(float64(s.Latency.Mean))
					}
				}
				texts = append(texts, text)
			}
			g.row(slices.Clone(lead), texts...)
		}
	})
}

// stepsGrid is a row per rate that a ramp tried.
func (v *view) stepsGrid(runs []shownRun) *grid {
	g := newGrid("Steps of the ramp", numbers("asked for", "reached", "p50", "p99", "p99.9", "max"), words("bound"))
	return v.detail(g, runs, func(lead []cell, r *Run) {
		for _, s := range r.Steps {
			texts := latencyTexts(s.Latency)
			bound := "missed"
			if s.Held {
				bound = "kept"
			}
			g.row(slices.Clone(lead), PerSecond.Text(s.Rate), PerSecond.Text(s.Reached), texts[1], texts[3], texts[4], texts[5], bound)
		}
	})
}

// eventsGrid is a row per event, with how it shows in the rate.
func (v *view) eventsGrid(runs []shownRun) *grid {
	g := newGrid("Events", numbers("#", "at", "took"), words("event"),
		numbers("ops/s before", "lowest", "longest gap", "worst latency", "back after"))
	return v.detail(g, runs, func(lead []cell, r *Run) {
		for i, e := range r.Events {
			took := "-"
			if e.Took > 0 {
				took = durationText(float64(e.Took))
			}
			usual, lowest, gap, worst, back := "-", "-", "-", "-", "-"
			if d, ok := r.dip(i); ok {
				usual, lowest = Whole(d.usual), Whole(d.lowest)
				if d.gap > 0 {
					gap = gapText(d.gap)
				}
				if d.worst > 0 {
					worst = durationText(float64(d.worst))
				}
				if d.back > 0 {
					back = durationText(float64(d.back))
				} else if d.away {
					back = "not"
				}
			}
			g.row(slices.Clone(lead), strconv.Itoa(i+1), durationText(float64(e.At)), took, e.What, usual, lowest, gap, worst, back)
		}
	})
}
