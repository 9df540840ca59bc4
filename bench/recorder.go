package bench

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"gamekeeper/proto"
)

// Latencies are kept in nanoseconds with three significant digits. A longer one counts as the longest.
const (
	latencyMin    = 64 * time.Nanosecond
	latencyMax    = 2 * time.Minute
	latencyDigits = 3
)

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(int64(latencyMin), int64(latencyMax), latencyDigits)
}

// outcome is an error code that requests of a kind were answered with.
type outcome struct {
	kind Kind
	code proto.Code
}

// sample is what was recorded in a span of time.
type sample struct {
	latency [kindCount]*hdrhistogram.Histogram // nil for a kind without replies
	replies int64                              // without error
	errors  map[outcome]int64
	silent  time.Duration // the longest time without an answer
}

func newSample() *sample { return &sample{errors: map[outcome]int64{}} }

// merge adds what o holds.
func (s *sample) merge(o *sample) {
	s.replies += o.replies
	s.silent = max(s.silent, o.silent)
	for k, h := range o.latency {
		if h == nil || h.TotalCount() == 0 {
			continue
		}
		if s.latency[k] == nil {
			s.latency[k] = newHistogram()
		}
		s.latency[k].Merge(h)
	}
	for o, n := range o.errors {
		s.errors[o] += n
	}
}

// all returns the latencies of every kind together.
func (s *sample) all() *hdrhistogram.Histogram {
	sum := newHistogram()
	for _, h := range s.latency {
		if h != nil {
			sum.Merge(h)
		}
	}
	return sum
}

// errorCount returns the number of replies with an error.
func (s *sample) errorCount() int64 {
	var sum int64
	for _, n := range s.errors {
		sum += n
	}
	return sum
}

// recorder takes the replies of one loop, which holds mu while it adds a turn's worth of them, and hands
// them to whoever samples.
type recorder struct {
	mu  sync.Mutex
	now *sample
}

// take returns what was recorded since the last call and goes on with next, which must be empty.
func (r *recorder) take(next *sample) *sample {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.now
	r.now = next
	return s
}

// ok records count replies of equal kind and latency. The caller holds mu.
func (r *recorder) ok(k Kind, latency, count int64) {
	h := r.now.latency[k]
	if h == nil {
		h = newHistogram()
		r.now.latency[k] = h
	}
	r.now.replies += count
	// In range, so it cannot fail.
	_ = h.RecordValues(min(max(latency, int64(latencyMin)), int64(latencyMax)), count)
}

// unsent records a request that was due and never sent, and how long it waited until it was given up. The caller holds
// mu.
func (r *recorder) unsent(waited int64) {
	r.ok(KindUnsent, waited, 1)
	r.now.replies--
}

// failed records a reply with an error. The caller holds mu.
func (r *recorder) failed(k Kind, code proto.Code) { r.now.errors[outcome{k, code}]++ }
