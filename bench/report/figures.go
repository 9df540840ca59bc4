package report

// summary is a row per scenario: the main figure of the targets, and how they stand to their base.
func (v *view) summary(across bool) *grid {
	list := v.comparisons(across)
	if len(list) == 0 {
		return nil
	}
	one := len(list) == 1
	g := newGrid("Summary", words("scenario", "figure"))
	if one {
		g.Columns = append(g.Columns, numbers(list[0].base.label, list[0].target.label)...)
	} else {
		g.Columns = append(g.Columns, words("target")...)
		g.Columns = append(g.Columns, numbers("against", "value")...)
	}
	g.Columns = append(g.Columns, numbers("ratio", "95 % interval")...)
	g.Columns = append(g.Columns, words("")...)
	for _, s := range v.scenarios {
		if len(s.figures) == 0 {
			continue
		}
		f := s.figures[0]
		name := s.name
		for _, c := range list {
			base, okBase := s.spread(f.Name, c.base)
			value, ok := s.spread(f.Name, c.target)
			if !ok || !okBase {
				continue
			}
			lead := []cell{{Text: name}, {Text: f.Name}}
			if !one {
				lead = append(lead, c.target.cell())
			}
			g.row(lead, f.Unit.Text(base.Median), f.Unit.Text(value.Median))
			g.ratio(s.ratioOf(f, c))
			name = ""
		}
	}
	if len(g.Rows) == 0 {
		return nil
	}
	return g
}

// overview is a row per scenario of one target: the median of the figure that counts, and of those that the first scenario
// has besides.
func (v *view) overview() *grid {
	if len(v.targets) != 1 || len(v.scenarios) < 2 || len(v.scenarios[0].figures) == 0 {
		return nil
	}
	var names []string
	for _, f := range v.scenarios[0].figures[1:] {
		names = append(names, f.Name)
	}
	g := newGrid("Summary", words("scenario", "figure"), numbers("value"), numbers(names...))
	for _, s := range v.scenarios {
		medians := map[string]string{}
		for _, f := range s.figures {
			if value, ok := s.spread(f.Name, v.targets[0]); ok {
				medians[f.Name] = f.Unit.Text(value.Median)
			}
		}
		if len(medians) == 0 {
			continue
		}
		first := s.figures[0].Name
		texts := []string{medians[first]}
		for _, name := range names {
			text := medians[name]
			if text == "" || name == first {
				text = "-"
			}
			texts = append(texts, text)
		}
		g.row([]cell{{Text: s.name}, {Text: first}}, texts...)
	}
	return g
}

// stand is a ratio of a figure with a direction, if there is one.
type stand struct {
	ratio  Ratio
	better Better
	ok     bool
}

func (s *shownScenario) ratioOf(f Figure, c comparison) stand {
	if f.Better == "" {
		return stand{}
	}
	ratio, ok := s.ratio(f.Name, c)
	return stand{ratio, f.Better, ok}
}

// figuresGrid is a row per figure and target: what it was in the rounds, and how it stands to the base.
func (s *shownScenario) figuresGrid(v *view) *grid {
	g := newGrid("Figures", words("figure", "target"), numbers("median", "low", "high"))
	compare := v.many()
	if compare {
		g.Columns = append(g.Columns, numbers("ratio", "95 % interval")...)
		g.Columns = append(g.Columns, words("")...)
	}
	several := false
	for _, f := range s.figures {
		name := f.Name
		for _, t := range v.targets {
			spread, ok := s.spread(f.Name, t)
			if !ok {
				continue
			}
			several = several || spread.Rounds > 1
			g.row([]cell{{Text: name}, t.cell()},
				f.Unit.Text(spread.Median), f.Unit.Text(spread.Low), f.Unit.Text(spread.High))
			name = ""
			if !compare {
				continue
			}
			st := stand{}
			if base := t.against(); base != nil {
				st = s.ratioOf(f, comparison{base, t})
			}
			g.ratio(st)
		}
	}
	if len(g.Rows) == 0 {
		return nil
	}
	if !several {
		g.Columns[2].Name = "value"
		g.without(4)
		g.without(3)
	}
	if !compare {
		g.without(1)
	}
	return g
}

// against is what a target is held against in the tables of a scenario: the first of its report, or else what it
// was in the first report.
func (t *shownTarget) against() *shownTarget {
	if t.base != nil {
		return t.base
	}
	return t.before
}

func (t *shownTarget) cell() cell { return cell{t.label, slotClass(t.slot)} }

// ratio completes the last row.
func (g *grid) ratio(s stand) {
	cells := []cell{{}, {}, {}}
	if s.ok {
		verdict := s.ratio.verdict(s.better)
		cells[0].Text = ratioText(s.ratio.Mean)
		if s.ratio.Interval() {
			cells[1].Text = s.ratio.intervalText()
		}
		cells[2] = cell{verdict, verdictClass(verdict)}
	}
	last := len(g.Rows) - 1
	g.Rows[last] = append(g.Rows[last], cells...)
}

func verdictClass(verdict string) string {
	if verdict == "one round" {
		return "unclear"
	}
	return verdict
}
