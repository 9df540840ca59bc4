package bench

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"gamekeeper/bench/report"
)

// bucketsMax bounds what Run.Latency holds, roughly.
const bucketsMax = 200

// newLatency sums up latencies.
func newLatency(h *hdrhistogram.Histogram) report.Latency {
	at := func(q float64) time.Duration { return time.Duration(h.ValueAtQuantile(q)) }
	if h.TotalCount() == 0 {
		return report.Latency{}
	}
	return report.Latency{
		Count: h.TotalCount(),
		Mean:  time.Duration(h.Mean()),
		P50:   at(50), P90: at(90), P99: at(99), P999: at(99.9),
		Max: time.Duration(h.Max()),
	}
}

// newBuckets returns the distribution of latencies, in buckets that are equally wide on a logarithmic scale.
func newBuckets(h *hdrhistogram.Histogram) []report.Bucket {
	if h.TotalCount() == 0 {
		return nil
	}
	wider := math.Pow(float64(h.Max())/float64(max(h.Min(), 1)), 1./bucketsMax)
	var buckets []report.Bucket
	var until int64 // of the last bucket
	for _, bar := range h.Distribution() {
		if bar.Count == 0 {
			continue
		}
		switch {
		case len(buckets) == 0:
			until = int64(float64(bar.To) * wider)
			buckets = append(buckets, report.Bucket{})
		case bar.To > until:
			if bar.From-1 > until { // nothing in between
				buckets = append(buckets, report.Bucket{To: time.Duration(bar.From - 1)})
			}
			until = int64(float64(bar.To) * wider)
			buckets = append(buckets, report.Bucket{})
		}
		last := &buckets[len(buckets)-1]
		last.To = time.Duration(bar.To)
		last.Count += bar.Count
	}
	return buckets
}

// newRun returns what a meter saw.
func newRun(o *Options, m *meter) *report.Run {
	all, _ := m.of(m.total)
	latency := newLatency(all)
	throughput := float64(m.counted) / m.elapsed.Seconds()
	r := &report.Run{
		Began:   m.start,
		Elapsed: m.elapsed,
		Values: map[string]float64{
			figureThroughput: throughput,
			figureP50:        float64(latency.P50),
			figureP99:        float64(latency.P99),
			figureP999:       float64(latency.P999),
			figureMax:        float64(latency.Max),
			figureClientCPU:  float64(m.used) / float64(max(m.counted, 1)),
		},
		Kinds:   m.total.kinds(float64(m.replies) / m.elapsed.Seconds()),
		Errors:  m.total.errorCounts(),
		Latency: newBuckets(all),
		Seconds: m.seconds,
	}
	if cores := float64(m.used) / float64(m.elapsed); cores > 0.9*float64(o.Threads) {
		r.Notes = append(r.Notes, fmt.Sprintf("the load generator may be the limit: it used %.2f of a core with %d threads; try more --threads", cores, o.Threads))
	}
	return r
}

// kinds returns the parts of the kinds of request in a throughput.
func (s *sample) kinds(throughput float64) []report.Kind {
	var kinds []report.Kind
	var count int64
	for k, h := range s.latency {
		if h != nil && Kind(k) != KindUnsent {
			count += h.TotalCount()
		}
	}
	for k, h := range s.latency {
		if h != nil && h.TotalCount() > 0 {
			part := float64(h.TotalCount()) / float64(count)
			if Kind(k) == KindUnsent {
				part = 0
			}
			kinds = append(kinds, report.Kind{Name: Kind(k).String(), Throughput: throughput * part, Latency: newLatency(h)})
		}
	}
	return kinds
}

// errorCounts returns the errors, the most frequent first.
func (s *sample) errorCounts() []report.ErrorCount {
	var counts []report.ErrorCount
	for o, n := range s.errors {
		counts = append(counts, report.ErrorCount{What: o.kind.String() + ": " + errorText(o.code), Code: int32(o.code), Count: n})
	}
	slices.SortFunc(counts, func(a, b report.ErrorCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.What, b.What))
	})
	return counts
}

// failure returns an error when replies held some, or there were none.
func failure(r *report.Run) error {
	var errs, replies int64
	var first string
	for _, e := range r.Errors {
		if e.Code == int32(connectionLost) {
			continue // a run that goes on when connections are lost expects to lose some
		}
		if errs == 0 {
			first = e.What
		}
		errs += e.Count
	}
	for _, k := range r.Kinds {
		if k.Name != KindUnsent.String() {
			replies += k.Latency.Count
		}
	}
	switch {
	case errs > 0:
		return fmt.Errorf("%d replies held errors, the first kind of them: %s", errs, first)
	case replies == 0 && len(r.Seconds) > 0:
		return fmt.Errorf("no reply within %v of measuring", r.Elapsed.Round(time.Millisecond))
	}
	return nil
}
