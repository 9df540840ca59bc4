package report

import (
	"math"
	"strconv"
	"time"
)

// scale places values between two positions, in units of the drawing.
type scale struct {
	low, high float64 // values
	from, to  float64 // positions
	log       bool
}

// at returns the position of v, which is kept within the bounds, to a tenth.
func (s scale) at(v float64) float64 {
	low, high := s.low, s.high
	v = min(max(v, low), high)
	if s.log {
		v, low, high = math.Log(v), math.Log(low), math.Log(high)
	}
	if high == low {
		return s.from
	}
	return tenth(s.from + (v-low)/(high-low)*(s.to-s.from))
}

// tick is a mark of an axis.
type tick struct {
	At   float64 // position
	Text string  // empty for one between those that have a text
}

// Class is what the line of the tick looks like.
func (t tick) Class() string {
	if t.Text == "" {
		return "minor"
	}
	return "grid"
}

// zeroUp is a linear scale from 0 to a round value of at least high, with its ticks.
func zeroUp(high, from, to float64, u Unit) (scale, []tick) {
	if !(high > 0) {
		high = 1
	}
	step := roundUp(high / 5)
	if u == Count && step < 1 {
		step = 1
	}
	n := int(math.Ceil(high/step - 1e-9))
	s := scale{high: float64(n) * step, from: from, to: to}
	ticks := make([]tick, 0, n+1)
	for i := range n + 1 {
		v := float64(i) * step
		ticks = append(ticks, tick{s.at(v), u.tick(v)})
	}
	return s, ticks
}

// roundUp returns the least of 1, 2 and 5 times a power of ten that is not below v.
func roundUp(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= v*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// roundDown returns the greatest of 1, 2 and 5 times a power of ten that is not above v.
func roundDown(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{5, 2} {
		if m*power <= v*(1+1e-9) {
			return m * power
		}
	}
	return power
}

// logarithmic is a scale from a round value to a round value that holds low and high, with its ticks.
func logarithmic(low, high, from, to float64, text func(float64) string) (scale, []tick) {
	if !(low > 0) || !(high > 0) {
		low, high = 1, 10
	}
	low, high = roundDown(low), roundUp(high)
	if high <= low {
		high = roundUp(low * 1.5)
	}
	s := scale{low, high, from, to, true}
	decades := math.Log10(high / low)
	var ticks []tick
	for e := int(math.Floor(math.Log10(low) + 1e-9)); e <= int(math.Ceil(math.Log10(high)-1e-9)); e++ {
		for _, m := range []float64{1, 2, 5} {
			v := m * math.Pow(10, float64(e))
			if v < low*(1-1e-9) || v > high*(1+1e-9) {
				continue
			}
			t := tick{At: s.at(v)}
			if m == 1 && (decades <= 7 || e%2 == 0) || decades <= 2.1 {
				t.Text = text(v)
			}
			ticks = append(ticks, t)
		}
	}
	return s, ticks
}

// timeAxis is a scale of seconds from 0 to the end of a run, with ticks that clocks know.
func timeAxis(end time.Duration, from, to float64) (scale, []tick) {
	high := max(end.Seconds(), 1e-3)
	s := scale{high: high, from: from, to: to}
	step := roundUp(high / 6)
	if high > 30 {
		for _, v := range []float64{10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400} {
			if step = v; high/v <= 7 {
				break
			}
		}
	}
	var ticks []tick
	for i := 0; float64(i)*step <= high*(1+1e-9); i++ {
		v := float64(i) * step
		ticks = append(ticks, tick{s.at(v), timeText(v, step)})
	}
	return s, ticks
}

// timeText writes seconds in the unit that a step has.
func timeText(v, step float64) string {
	switch {
	case v == 0:
		return "0"
	case step >= 3600:
		return plain(v/3600) + " h"
	case step >= 60:
		return plain(v/60) + " min"
	}
	return plain(v) + " s"
}

// percentiles is the scale of shares that stretches what is near 1: each nine is as wide as the one before. Values
// are 1/(1-share), up to count.
func percentiles(count, from, to float64) (scale, []tick) {
	s := scale{1, max(count, 100), from, to, true}
	var ticks []tick
	for i := 0; math.Pow(10, float64(i)) <= s.high*(1+1e-9); i++ {
		v := math.Pow(10, float64(i))
		ticks = append(ticks, tick{s.at(v), strconv.FormatFloat(100-100/v, 'f', max(0, i-2), 64)})
	}
	return s, ticks
}
