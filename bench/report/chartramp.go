package report

import (
	"cmp"
	"fmt"
	"slices"
)

// rampChart shows what a rate that was asked for costs in latency.
func rampChart(runs []shownRun) *chart {
	c := newChart("Rate against p99", "A full mark kept the bound, a hollow one missed it.")
	c.XLabel, c.YLabel = "requests per second asked for", "p99"
	low, high, fastest := 0., 0., 0.
	for _, r := range runs {
		for _, s := range r.run.Steps {
			low, high = bounds(low, high, float64(s.Latency.P99))
			fastest = max(fastest, s.Rate)
		}
	}
	if high == 0 {
		return nil
	}
	var x, y scale
	x, c.X = zeroUp(fastest, c.Left, c.Right, PerSecond)
	y, c.Y = logarithmic(low, high, c.Bottom, c.Top, Duration.tick)
	for _, r := range runs {
		class := slotClass(r.target.slot)
		var points []point
		for _, s := range sortedSteps(r.run.Steps) {
			if s.Latency.P99 == 0 {
				continue
			}
			p := point{x.at(s.Rate), y.at(float64(s.Latency.P99)), PerSecond.Text(s.Rate) + " /s", durationText(float64(s.Latency.P99)), false}
			points = append(points, p)
			m := mark{Class: class + " full", X: p.x, Y: p.y, R: 4}
			said := "kept"
			if !s.Held {
				m.Class, said = class+" hollow", "missed"
			}
			m.Title = fmt.Sprintf("%s: %s asked for, %s reached, p99 %s, bound %s",
				r.target.label, p.xt, PerSecond.Text(s.Reached), p.yt, said)
			c.Marks = append(c.Marks, m)
		}
		c.addLine(class, r.target.label, points)
	}
	c.targets(runs)
	return c
}

func sortedSteps(steps []Step) []Step {
	return slices.SortedStableFunc(slices.Values(steps), func(a, b Step) int { return cmp.Compare(a.Rate, b.Rate) })
}
