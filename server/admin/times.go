package admin

import (
	"fmt"
	"io"
	"math/bits"
	"strconv"
	"sync/atomic"
)

// Times is a distribution of durations for Prometheus, by fixed bounds: a microsecond, two, four, and so on up to
// 8.4 s. It has a lane for each goroutine that records. mntr does not show it: Apache's words know no such type.
type Times struct {
	family, labels string
	lanes          []*TimesLane
}

// timesBounds is how many bounds there are; what is longer has a bucket of its own.
const timesBounds = 24

// TimesLane is the part of a Times that one goroutine records. Durations gather in it, as long as they fall into the same
// bucket, and are seen by others from Publish on: so a batch costs little more than one of its members.
type TimesLane struct {
	_      [64]byte
	bucket int   // of what was gathered
	n, sum int64 // that was gathered
	told   [timesBounds + 1]atomic.Int64
	toldNs atomic.Int64
	_      [64]byte
}

// Times registers a distribution. labels are what stands between the braces, such as `stage="log"`; series of one
// family differ in them.
func (m *Metrics) Times(family, labels string, lanes int) *Times {
	t := &Times{family: family, labels: labels}
	for range lanes {
		t.lanes = append(t.lanes, &TimesLane{})
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.register(t.name())
	m.times = insertByName(m.times, t, (*Times).name)
	return t
}

func (t *Times) name() string { return t.family + "{" + t.labels + "}" }

// Lane returns lane i, from 0.
func (t *Times) Lane(i int) *TimesLane { return t.lanes[i] }

// timesBucket returns the first bucket whose bound is not below a number of nanoseconds.
func timesBucket(ns int64) int {
	return min(bits.Len64(uint64(max(ns, 1)-1)/1000), timesBounds)
}

// Record gathers n durations of so many nanoseconds each. A nil lane drops them.
func (l *TimesLane) Record(n, ns int64) { l.record(n, max(ns, 0), n*max(ns, 0)) }

// RecordSum gathers n durations of which only the sum is known: each counts as their mean.
func (l *TimesLane) RecordSum(n, sum int64) {
	if n > 0 {
		l.record(n, sum/n, max(sum, 0))
	}
}

func (l *TimesLane) record(n, each, sum int64) {
	if l == nil {
		return
	}
	if b := timesBucket(each); b != l.bucket {
		l.Publish()
		l.bucket = b
	}
	l.n += n
	l.sum += sum
}

// Publish shows others what has gathered.
func (l *TimesLane) Publish() {
	if l == nil || l.n == 0 {
		return
	}
	l.told[l.bucket].Add(l.n)
	l.toldNs.Add(l.sum)
	l.n, l.sum = 0, 0
}

// Total returns how many durations were published, and their sum in nanoseconds. Any goroutine.
func (l *TimesLane) Total() (n, sum int64) {
	for i := range l.told {
		n += l.told[i].Load()
	}
	return n, l.toldNs.Load()
}

// writePrometheus writes the series, without the lines about its family.
func (t *Times) writePrometheus(w io.Writer) {
	var sum, n int64
	var counts [timesBounds + 1]int64
	for _, l := range t.lanes {
		for i := range counts {
			counts[i] += l.told[i].Load()
		}
		sum += l.toldNs.Load()
	}
	bound := int64(1000)
	for i, c := range counts {
		n += c
		le := "+Inf"
		if i < timesBounds {
			le = seconds(bound)
			bound *= 2
		}
		fmt.Fprintf(w, "%s_bucket{%s,le=%q} %d\n", t.family, t.labels, le, n)
	}
	fmt.Fprintf(w, "%s_sum{%s} %s\n%s_count{%s} %d\n", t.family, t.labels, seconds(sum), t.family, t.labels, n)
}

// seconds writes nanoseconds as seconds, without a rounding error.
func seconds(ns int64) string { return strconv.FormatFloat(float64(ns)/1e9, 'g', -1, 64) }
