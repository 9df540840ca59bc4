package report

import (
	"fmt"
	"math"
	"strings"
)

// ratioChart shows for each scenario how many times better a target is than what it is held against, in the main
// figure: to the right is better, also where less is better.
func (v *view) ratioChart(across bool) *chart {
	type entry struct {
		scenario *shownScenario
		c        comparison
		ratio    Ratio
		interval string
	}
	var entries []entry
	low, high := 1., 1.
	against := ""
	for _, c := range v.comparisons(across) {
		switch against {
		case "", c.base.label:
			against = c.base.label
		default:
			against = "what each is held against"
		}
	}
	for _, s := range v.scenarios {
		if len(s.figures) == 0 {
			continue
		}
		for _, c := range v.comparisons(across) {
			st := s.ratioOf(s.figures[0], c)
			if !st.ok {
				continue
			}
			r := st.ratio
			if st.better == Lower {
				r.Mean, r.Low, r.High = 1/r.Mean, 1/r.High, 1/r.Low
			}
			if !st.ratio.Interval() {
				r.Low, r.High = r.Mean, r.Mean
			}
			if r.Wide() { // the bar goes on beyond what is shown
				end := math.Sqrt(wideInterval)
				r.Low, r.High = r.Mean/end, r.Mean*end
			}
			low, high = min(low, r.Low), max(high, r.High)
			entries = append(entries, entry{s, c, r, st.ratio.intervalText()})
		}
	}
	if len(entries) == 0 {
		return nil
	}
	note := "To the right of 1 is better than " + against + ". The bar is the 95 % interval of the ratio, the inverse one where less is better."
	c := newChart("How many times better", note)
	const height, left = 30., 168.
	c.Left, c.Top = left, 6
	c.Right = chartWidth - 60
	c.Bottom = c.Top + float64(len(entries))*height
	c.Height = c.Bottom + chartHeight - plotBottom
	var x scale
	x, c.X = logarithmic(max(low, 1e-4)/1.05, high*1.05, c.Left, c.Right, func(v float64) string { return plain(v) + " ×" })
	c.XLabel = "times better"
	c.Rules = append(c.Rules, rule{Class: "one", X: x.at(1)})
	var last *shownScenario
	for i, e := range entries {
		y := c.Top + (float64(i)+0.5)*height
		if e.scenario != last {
			c.Texts = append(c.Texts, text{"row", "end", clip(e.scenario.name, 21), c.Left - 8, y + 4})
			last = e.scenario
		}
		class := slotClass(e.c.target.slot)
		from, to := x.at(e.ratio.Low), x.at(e.ratio.High)
		title := fmt.Sprintf("%s, %s against %s: %s times better; the ratio's interval is %s", e.scenario.name, e.c.target.label,
			e.c.base.label, ratioText(e.ratio.Mean), e.interval)
		c.Bars = append(c.Bars, box{class + " interval", title, from, y - 5, tenth(max(to-from, 1)), 10})
		c.Marks = append(c.Marks, mark{class + " full", title, x.at(e.ratio.Mean), y, 4.5})
		c.Texts = append(c.Texts, text{"value", "start", ratioText(e.ratio.Mean) + " ×", tenth(max(to, x.at(e.ratio.Mean)) + 10), y + 4})
	}
	if len(v.comparisons(across)) > 1 {
		for _, cmp := range v.comparisons(across) {
			c.Legend = append(c.Legend, legend{slotClass(cmp.target.slot), cmp.target.label})
		}
	}
	return c
}

// clip shortens a name to what there is room for.
func clip(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return strings.TrimSpace(string(r[:most-1])) + "…"
	}
	return s
}
