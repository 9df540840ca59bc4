package bench

import (
	"sync/atomic"
	"time"
)

// silence knows the longest time in which nothing was answered. All loops of a run share it, as one of them may be answered
// while another is not.
type silence struct {
	start   time.Time    // of the clock
	last    atomic.Int64 // when something was answered, in nanoseconds on the clock
	longest atomic.Int64 // between two answers, since it was asked for
}

func newSilence() *silence { return &silence{start: time.Now()} }

// clock returns the time since the start, in nanoseconds.
func (s *silence) clock() int64 { return int64(time.Since(s.start)) }

// begin forgets what was before now.
func (s *silence) begin() {
	s.last.Store(s.clock())
	s.longest.Store(0)
}

// end notes that something was answered at a time. Any goroutine may call it.
func (s *silence) end(at int64) {
	was := at - s.last.Swap(at)
	for {
		longest := s.longest.Load()
		if was <= longest || s.longest.CompareAndSwap(longest, was) {
			return
		}
	}
}

// take returns the longest silence that has ended since the last call, or that lasts now.
func (s *silence) take() time.Duration {
	lasting := s.clock() - s.last.Load()
	return time.Duration(max(s.longest.Swap(0), lasting))
}
