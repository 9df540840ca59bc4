package report

import (
	"fmt"
	"strconv"
	"time"
)

// longest returns how long the longest run is that a chart over time shows.
func longest(runs []shownRun) time.Duration {
	var end time.Duration
	for _, r := range runs {
		end = max(end, r.run.Elapsed)
		if n := len(r.run.Seconds); n > 0 {
			end = max(end, r.run.Seconds[n-1].At)
		}
		for _, p := range r.run.Processes {
			if n := len(p.Samples); n > 0 {
				end = max(end, p.Samples[n-1].At)
			}
		}
	}
	return end
}

// overTime begins a chart with the time below.
func overTime(title, note string, runs []shownRun) (*chart, scale) {
	c := newChart(title, note)
	var x scale
	x, c.X = timeAxis(longest(runs), c.Left, c.Right)
	c.XLabel = "time"
	return c, x
}

// middle is where a second is drawn.
func (s Second) middle() float64 { return (s.At - s.Span/2).Seconds() }

func secondsText(v float64) string { return Digits(v) + " s" }

// rateChart shows replies per second over time, with the events. Rounds other than the median one are faint.
func (s *shownScenario) rateChart(v *view, runs []shownRun) *chart {
	c, x := overTime("Throughput over time", "", runs)
	c.YLabel = "replies per second"
	var highest float64
	seconds, rounds := false, false
	for _, r := range runs {
		for _, other := range s.rounds(r.target) {
			for _, sec := range other.Seconds {
				highest = max(highest, sec.Rate)
			}
			rounds = rounds || other != r.run
		}
		seconds = seconds || len(r.run.Seconds) > 1
	}
	if !seconds {
		return nil
	}
	var y scale
	y, c.Y = zeroUp(highest, c.Bottom, c.Top, PerSecond)
	points := func(r *Run) []point {
		var list []point
		for _, sec := range r.Seconds {
			list = append(list, point{x.at(sec.middle()), y.at(sec.Rate), secondsText(sec.At.Seconds()), PerSecond.Text(sec.Rate) + " /s", false})
		}
		return list
	}
	for _, r := range runs {
		for _, other := range s.rounds(r.target) {
			if other != r.run {
				c.addLine(slotClass(r.target.slot)+" faint", "", points(other))
			}
		}
	}
	for _, r := range runs {
		c.addLine(slotClass(r.target.slot), r.target.label, points(r.run))
		c.errorMarks(r, x)
	}
	c.events(runs, x)
	c.targets(runs)
	if rounds {
		c.Note = "The median round of each; other rounds are faint."
	}
	return c
}

// errorMarks shows at the bottom in which seconds something went wrong.
func (c *chart) errorMarks(r shownRun, x scale) {
	for _, sec := range r.run.Seconds {
		if sec.Errors > 0 {
			c.Marks = append(c.Marks, mark{
				Class: slotClass(r.target.slot) + " error",
				Title: fmt.Sprintf("%s: %s errors until %s", r.target.label, Whole(float64(sec.Errors)), secondsText(sec.At.Seconds())),
				X:     x.at(sec.middle()), Y: c.Bottom - 4, R: 3,
			})
		}
	}
}

// events marks what was done during the runs.
func (c *chart) events(runs []shownRun, x scale) {
	for _, r := range runs {
		for i, e := range r.run.Events {
			from := x.at(e.At.Seconds())
			title := fmt.Sprintf("%s: %s at %s", r.target.label, e.What, durationText(float64(e.At)))
			if e.Took > 0 {
				title += ", took " + durationText(float64(e.Took))
			}
			c.Rules = append(c.Rules, rule{
				Class: slotClass(r.target.slot), Title: title, Text: strconv.Itoa(i + 1),
				X: from, Width: tenth(x.at((e.At + e.Took).Seconds()) - from),
			})
		}
	}
}

// targets adds the runs' targets to the legend, if there are several.
func (c *chart) targets(runs []shownRun) {
	if len(runs) < 2 {
		return
	}
	for _, r := range runs {
		c.Legend = append(c.Legend, legend{slotClass(r.target.slot), r.target.label})
	}
}

// latencyChart shows p50, p99 and the longest latency over time.
func latencyChart(runs []shownRun) *chart {
	c, x := overTime("Latency over time", "", runs)
	c.YLabel = "latency"
	figures := []struct {
		name, class string
		of          func(Second) time.Duration
	}{
		{"p50", "dashed", func(s Second) time.Duration { return s.P50 }},
		{"p99", "", func(s Second) time.Duration { return s.P99 }},
		{"max", "dotted", func(s Second) time.Duration { return s.Max }},
	}
	low, high := 0., 0.
	seconds := false
	for _, r := range runs {
		seconds = seconds || len(r.run.Seconds) > 1
		for _, sec := range r.run.Seconds {
			for _, f := range figures {
				low, high = bounds(low, high, float64(f.of(sec)))
			}
		}
	}
	if !seconds || high == 0 {
		return nil
	}
	var y scale
	y, c.Y = logarithmic(low, high, c.Bottom, c.Top, Duration.tick)
	for _, r := range runs {
		for _, f := range figures {
			var points []point
			apart := false
			for _, sec := range r.run.Seconds {
				d := float64(f.of(sec))
				if d > 0 {
					points = append(points, point{x.at(sec.middle()), y.at(d), secondsText(sec.At.Seconds()), durationText(d), apart})
				}
				apart = d <= 0 // nothing was answered, and a line would say otherwise
			}
			c.addLine(slotClass(r.target.slot)+" "+f.class, r.target.label+" "+f.name, points)
		}
	}
	c.events(runs, x)
	c.targets(runs)
	for _, f := range figures {
		c.Legend = append(c.Legend, legend{"plain " + f.class, f.name})
	}
	return c
}

// bounds widens a range of values above zero; a range of 0 to 0 is empty.
func bounds(low, high, v float64) (float64, float64) {
	if v <= 0 {
		return low, high
	}
	if low == 0 || v < low {
		low = v
	}
	return low, max(high, v)
}
