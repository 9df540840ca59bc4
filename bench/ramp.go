package bench

import (
	"context"
	"math"
	"slices"
	"time"

	"gamekeeper/bench/report"
)

// The search for the highest rate.
const (
	rampGrowth    = 2.0  // from one rate to the next, until one is not held
	rampPrecision = 1.04 // of the rate found: the lowest that was not held over the highest that was, at most
	rampStepsMax  = 60
	rampReached   = 0.98 // part of a rate that replies must reach when requests were not sent in the end
	rampHopeless  = 0.9  // the same: when they do not even reach this, it is no accident, and not tried again
	rampTries     = 3    // of a rate, until it counts as not held
	rampSettling  = 3    // the part of a step, one in so many, that does not count
)

// ramp looks for the highest rate at which the p99 keeps its bound. The run is that of the best step, and all seconds.
func (r *runner) ramp(ctx context.Context) (*report.Run, error) {
	var best *report.Run
	var steps []report.Step
	var seconds []report.Second
	began := time.Now()
	r.progress.begin(began)
	defer r.progress.end()
	s := search{next: float64(r.options.RateFrom)}
	for ctx.Err() == nil && len(steps) < rampStepsMax && s.goesOn() {
		r.progress.stage("%s requests a second", report.Whole(s.next))
		run, err := r.step(ctx, int(s.next))
		if err != nil {
			return nil, err
		}
		held := r.held(run, int(s.next))
		steps = append(steps, report.Step{
			Rate: math.Floor(s.next), Reached: run.Values[figureThroughput], Latency: overall(run), Held: held,
		})
		for _, second := range run.Seconds {
			second.At += run.Began.Sub(began)
			seconds = append(seconds, second)
		}
		if held {
			best = run
		}
		s.tried(held, run.Values[figureThroughput] < rampHopeless*s.next)
	}
	if best == nil {
		best = &report.Run{Values: map[string]float64{}, Notes: []string{"no rate kept the bound"}}
	}
	best.Values[figureRate] = s.low
	best.Began, best.Elapsed = began, time.Since(began)
	best.Steps, best.Seconds = steps, seconds
	return best, nil
}

// step holds a rate.
func (r *runner) step(ctx context.Context, rate int) (*report.Run, error) {
	o := r.options
	m := &meter{progress: Progress{Second: r.progress.Second}, skip: o.Step / rampSettling}
	if err := r.phase(ctx, phase{measure: m, limit: o.Step, pace: o.pace(rate)}); err != nil {
		return nil, err
	}
	return newRun(o, m), nil
}

// held reports whether a run at a rate kept the bound, without errors, and without falling behind.
func (r *runner) held(run *report.Run, rate int) bool {
	behind := slices.ContainsFunc(run.Kinds, func(k report.Kind) bool { return k.Name == KindUnsent.String() })
	return len(run.Errors) == 0 && run.Values[figureP99] <= float64(r.options.FindRate) &&
		(!behind || run.Values[figureThroughput] >= rampReached*float64(rate))
}

// overall returns the latency of all kinds of request of a run.
func overall(run *report.Run) report.Latency {
	l := report.Latency{
		P50: time.Duration(run.Values[figureP50]), P99: time.Duration(run.Values[figureP99]),
		P999: time.Duration(run.Values[figureP999]), Max: time.Duration(run.Values[figureMax]),
	}
	var sum, under90 float64
	for _, k := range run.Kinds {
		l.Count += k.Latency.Count
		sum += float64(k.Latency.Count) * float64(k.Latency.Mean)
	}
	l.Mean = time.Duration(sum / float64(max(l.Count, 1)))
	for _, b := range run.Latency {
		if under90 += float64(b.Count); under90 >= 0.9*float64(l.Count) {
			l.P90 = b.To
			break
		}
	}
	return l
}

// search looks for the highest rate that is held: it grows until one is not, and then halves what is in between. A rate
// that was missed is tried again, as a machine has moods, unless it was missed by far.
type search struct {
	low, high float64 // the highest rate held, and the lowest that was not; 0 before there is one
	next      float64
	tries     int // of next, that were in vain
}

// goesOn reports whether there is a rate left to try.
func (s *search) goesOn() bool {
	switch {
	case s.next < 1:
		return false
	case s.tries > 0 || s.low == 0 || s.high == 0:
		return true
	}
	return s.high/s.low > rampPrecision
}

// tried tells what came of the rate next, and moves on.
func (s *search) tried(held, hopeless bool) {
	switch {
	case held:
		s.low, s.tries = s.next, 0
	case s.tries+1 < rampTries && !hopeless:
		s.tries++
		return
	default:
		s.high, s.tries = s.next, 0
	}
	switch {
	case s.high == 0:
		s.next = s.low * rampGrowth
	case s.low == 0:
		s.next = s.high / rampGrowth
	default:
		s.next = math.Sqrt(s.low * s.high)
	}
}
