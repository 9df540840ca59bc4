package admin

import (
	"sync"
	"time"
)

// Detail says how much a Summary tells.
type Detail uint8

// The kinds of summaries of Apache ZooKeeper.
const (
	Basic    Detail = iota // average, extremes, count and sum; for Prometheus the median too
	Advanced               // percentiles besides
)

// windowHalf is half of the time over which Prometheus's quantiles are taken: they cover what was
// recorded in the last 5 to 10 minutes, as with Apache's 3.9, which has 10. The window moves when it is
// read, so one that nobody scrapes costs nothing.
const windowHalf = 5 * time.Minute

// Summary is a distribution of values: times, which are recorded in nanoseconds and shown in
// milliseconds, or sizes and counts. Any goroutine may record.
type Summary struct {
	name   string
	detail Detail
	unit   float64 // recorded units in one that is shown: 1e6 for times
	parts  []*histogram

	mu   sync.Mutex
	base counts // at the last reset
	// older and newer are the contents at the two last moves of the window.
	older, newer counts
	moved        time.Time
}

// Observe records a size or a count.
func (s *Summary) Observe(v int64) { s.parts[0].record(v) }

// ObserveDuration records a time; s comes from Metrics.Timer.
func (s *Summary) ObserveDuration(d time.Duration) { s.parts[0].record(int64(d)) }

func (s *Summary) total() counts {
	var c counts
	for _, p := range s.parts {
		c.add(p)
	}
	return c
}

// sinceReset returns what was recorded since the last reset.
func (s *Summary) sinceReset() counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.total() // after base was taken, so that nothing becomes negative
	c.since(&s.base)
	return c
}

func (s *Summary) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.base = s.total()
	for _, p := range s.parts {
		p.forgetExtremes()
	}
}

// window returns everything recorded so far, and what of it is recent.
func (s *Summary) window(now time.Time) (all, recent counts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all = s.total()
	recent = all
	if s.moved.IsZero() {
		s.moved = now
	} else if now.Sub(s.moved) >= windowHalf {
		s.older, s.newer = s.newer, all
		s.moved = now
	}
	recent.since(&s.older)
	return all, recent
}

// extremes returns the smallest and the largest value in c in the unit that is shown.
func (s *Summary) extremes(c *counts) (low, high int64) {
	return int64(float64(c.min) / s.unit), int64(float64(c.max) / s.unit)
}
