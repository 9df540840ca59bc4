package admin

import (
	"math"
	"math/bits"
	"sync/atomic"
)

// The buckets of a histogram are as wide as a sixteenth of the power of two below them, so a quantile
// read from the middle of a bucket is off by 3 % at most. Values up to 15 have a bucket each; the last
// power of two, 2^43, is two and a half hours in nanoseconds.
const (
	stepBits   = 4
	steps      = 1 << stepBits
	topPower   = 43
	bucketsLen = (topPower - stepBits + 2) * steps
)

// histogram counts values of int64, negative ones as 0. The zero value is ready. Any goroutine may
// record and read at any time; recording costs two atomic additions.
type histogram struct {
	sum atomic.Int64
	max atomic.Int64
	// room is MaxInt64 less the smallest value, so that the zero value means that there is none and
	// both extremes only rise.
	room    atomic.Int64
	buckets [bucketsLen]atomic.Uint64
}

func bucketOf(v uint64) int {
	if v < steps {
		return int(v)
	}
	power := bits.Len64(v) - 1
	if power > topPower {
		return bucketsLen - 1
	}
	shift := power - stepBits
	return (shift+1)*steps + int(v>>shift)&(steps-1)
}

// bucketMiddle returns the value that stands for all values in bucket i.
func bucketMiddle(i int) float64 {
	if i < steps {
		return float64(i)
	}
	shift := i/steps - 1
	low := uint64(steps+i%steps) << shift
	return float64(low) + float64(uint64(1)<<shift-1)/2
}

func (h *histogram) record(v int64) { h.recordMany(1, v) }

// recordMany records v n times.
func (h *histogram) recordMany(n int, v int64) {
	if n <= 0 {
		return
	}
	v = max(v, 0)
	h.buckets[bucketOf(uint64(v))].Add(uint64(n))
	h.sum.Add(v * int64(n))
	raise(&h.max, v)
	raise(&h.room, math.MaxInt64-v)
}

// raise makes a at least v.
func raise(a *atomic.Int64, v int64) {
	for {
		old := a.Load()
		if v <= old || a.CompareAndSwap(old, v) {
			return
		}
	}
}

// forgetExtremes starts min and max anew; counts and sum never go back.
func (h *histogram) forgetExtremes() {
	h.max.Store(0)
	h.room.Store(0)
}

// counts are the contents of one or several histograms at a time, or what was added between two times.
type counts struct {
	n, sum   int64
	min, max int64 // 0 unless some
	some     bool  // whether there are extremes
	buckets  [bucketsLen]uint64
}

// add adds what h holds now.
func (c *counts) add(h *histogram) {
	for i := range h.buckets {
		if n := h.buckets[i].Load(); n != 0 {
			c.buckets[i] += n
			c.n += int64(n)
		}
	}
	c.sum += h.sum.Load()
	c.extend(math.MaxInt64-h.room.Load(), h.max.Load())
}

// extend widens the extremes to those of other values; a low of MaxInt64 means that there are none.
func (c *counts) extend(low, high int64) {
	if low == math.MaxInt64 {
		return
	}
	if !c.some {
		c.min, c.max, c.some = low, high, true
		return
	}
	c.min = min(c.min, low)
	c.max = max(c.max, high)
}

// since takes away what was there before. The extremes stay: they are not of a time span.
func (c *counts) since(before *counts) {
	for i := range c.buckets {
		c.buckets[i] -= before.buckets[i]
	}
	c.n -= before.n
	c.sum -= before.sum
}

// quantile returns the value below which a share of q of all values lies; NaN if there are none.
func (c *counts) quantile(q float64) float64 {
	if c.n <= 0 {
		return math.NaN()
	}
	rank := int64(math.Ceil(q * float64(c.n)))
	for i, n := range c.buckets {
		rank -= int64(n)
		if rank <= 0 && n > 0 {
			return bucketMiddle(i)
		}
	}
	return bucketMiddle(bucketsLen - 1)
}

// average returns the mean; 0 if there are no values.
func (c *counts) average() float64 {
	if c.n <= 0 {
		return 0
	}
	return float64(c.sum) / float64(c.n)
}
