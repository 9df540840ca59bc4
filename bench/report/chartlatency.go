package report

import (
	"fmt"
	"strings"
)

// percentileChart shows which latency which share of the requests kept.
func percentileChart(runs []shownRun) *chart {
	c := newChart("Latency by percentile", "Each step to the right is a nine more.")
	c.XLabel, c.YLabel = "percent of requests that were at least as fast", "latency"
	var most int64
	low, high := 0., 0.
	for _, r := range runs {
		d := newDistribution(r.run.Latency)
		most = max(most, d.total)
		for _, b := range r.run.Latency {
			if b.Count > 0 {
				low, high = bounds(low, high, float64(b.To))
			}
		}
	}
	if most < 2 {
		return nil
	}
	var x, y scale
	x, c.X = percentiles(float64(most), c.Left, c.Right)
	y, c.Y = logarithmic(low, high, c.Bottom, c.Top, Duration.tick)
	for _, r := range runs {
		d := newDistribution(r.run.Latency)
		var points []point
		var before int64
		for _, b := range d.buckets {
			if b.Count == 0 {
				continue
			}
			// The share below the bucket is drawn at its bound: a percentile is the bound of the bucket it is in.
			left := float64(d.total) / float64(d.total-before)
			before += b.Count
			right := float64(d.total)
			if before < d.total {
				right = float64(d.total) / float64(d.total-before)
			}
			text := func(v float64) string { return shareText(1 - 1/v) }
			latency := durationText(float64(b.To))
			if len(points) == 0 {
				points = append(points, point{x.at(left), y.at(float64(b.To)), text(left), latency, false})
			}
			points = append(points, point{x.at(right), y.at(float64(b.To)), text(right), latency, false})
		}
		c.addLine(slotClass(r.target.slot), r.target.label, points)
	}
	c.targets(runs)
	return c
}

// shareText writes a share near 1 with as many nines as it has.
func shareText(share float64) string {
	places := 1
	for rest := 1 - share; rest > 0 && rest < 0.01 && places < 7; rest *= 10 {
		places++
	}
	return strings.TrimSuffix(fmt.Sprintf("%.*f", places, share*100), ".0") + " %"
}

// barsPerDecade is how finely histograms show latencies.
const barsPerDecade = 16

// histogramChart shows how often which latency was.
func histogramChart(runs []shownRun) *chart {
	c := newChart("Distribution of latencies", "")
	c.XLabel, c.YLabel = "latency", "share of requests"
	low, high, most := 0., 0., 0.
	for _, r := range runs {
		for _, b := range newDistribution(r.run.Latency).bars(barsPerDecade) {
			if b.share > 1e-5 { // what is rarer would not be seen, and the other charts have it
				low, _ = bounds(low, high, b.from)
				_, high = bounds(low, high, b.to)
			}
			most = max(most, b.share)
		}
	}
	if most == 0 {
		return nil
	}
	var x, y scale
	x, c.X = logarithmic(low, high, c.Left, c.Right, Duration.tick)
	y, c.Y = zeroUp(most, c.Bottom, c.Top, Share)
	for _, r := range runs {
		var steps, middles []point
		for _, b := range newDistribution(r.run.Latency).bars(barsPerDecade) {
			if b.to < low || b.from > high {
				continue
			}
			h := y.at(b.share)
			if len(steps) == 0 {
				steps = append(steps, point{x: x.at(b.from), y: c.Bottom})
			}
			steps = append(steps, point{x: x.at(b.from), y: h}, point{x: x.at(b.to), y: h})
			middles = append(middles, point{
				(x.at(b.from) + x.at(b.to)) / 2, h,
				durationText(b.from) + " to " + durationText(b.to), Share.Text(b.share), false,
			})
		}
		if len(steps) == 0 {
			continue
		}
		steps = append(steps, point{x: steps[len(steps)-1].x, y: c.Bottom})
		class := slotClass(r.target.slot)
		c.Areas = append(c.Areas, shape{class, pathOf(steps)})
		c.addLine(class+" step", r.target.label, middles)
		c.Lines[len(c.Lines)-1].Path = pathOf(steps)
	}
	c.targets(runs)
	return c
}
