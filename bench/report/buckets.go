package report

import (
	"math"
	"time"
)

// distribution is what buckets hold, as charts and tables want it.
type distribution struct {
	buckets []Bucket
	total   int64
}

func newDistribution(buckets []Bucket) distribution {
	d := distribution{buckets: buckets}
	for _, b := range buckets {
		d.total += b.Count
	}
	return d
}

// quantile returns the bound of the bucket in which the share q of all is reached.
func (d distribution) quantile(q float64) time.Duration {
	rank := int64(math.Ceil(q * float64(d.total)))
	var count int64
	for _, b := range d.buckets {
		count += b.Count
		if count >= rank && b.Count > 0 {
			return b.To
		}
	}
	return 0
}

// bar is the share of all latencies between two bounds, in nanoseconds.
type bar struct {
	from, to float64
	share    float64
}

// bars spreads the buckets over bars that are equally wide on a logarithmic scale, perDecade of them for ten times
// the latency. A bucket that spans several bars is taken to be even within itself.
func (d distribution) bars(perDecade int) []bar {
	if d.total == 0 {
		return nil
	}
	number := func(v float64) float64 { return math.Log10(v) * float64(perDecade) }
	shares := map[int]float64{}
	low, high := math.MaxInt, math.MinInt
	from := 0.
	for _, b := range d.buckets {
		to := max(float64(b.To), 1)
		start := max(from, 1)
		if from == 0 {
			start = to // the first bucket begins at 0, which this scale does not have
		}
		from = to
		if b.Count == 0 {
			continue
		}
		share := float64(b.Count) / float64(d.total)
		a, z := number(start), number(to)
		first, last := int(math.Floor(a)), int(math.Floor(z))
		for i := first; i <= last; i++ {
			part := 1.
			if z > a {
				part = (min(z, float64(i+1)) - max(a, float64(i))) / (z - a)
			}
			shares[i] += share * part
		}
		low, high = min(low, first), max(high, last)
	}
	var bars []bar
	for i := low; i <= high; i++ {
		bound := func(i int) float64 { return math.Pow(10, float64(i)/float64(perDecade)) }
		bars = append(bars, bar{bound(i), bound(i + 1), shares[i]})
	}
	return bars
}
