package bench

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"gamekeeper/bench/report"
	"gamekeeper/bench/target"
)

// meter looks once a second at what loops record.
type meter struct {
	progress Progress      // is told of the beginning, each second and the end
	skip     time.Duration // in the beginning, in which nothing counts
	kind     *Kind         // what alone counts for throughput, latency and seconds; nil for all kinds

	collect func(sum *sample)
	start   time.Time
	usage   time.Duration
	total   *sample
	counted int64         // replies in time, of the kind
	replies int64         // the same, of all kinds
	elapsed time.Duration // that they took
	used    time.Duration // processor time of this process
	seconds []report.Second
	quit    chan struct{}
	done    sync.WaitGroup
}

// begin starts looking at what collect adds to its argument. After limit, unless it is 0, replies count for latency
// and not for throughput.
func (m *meter) begin(collect func(sum *sample), limit time.Duration) {
	m.collect = collect
	m.total = newSample()
	m.quit = make(chan struct{})
	if m.skip == 0 {
		m.progress.begin(time.Now())
	}
	m.restart()
	m.done.Go(func() { m.watch(limit) })
}

// restart begins to count.
func (m *meter) restart() {
	m.usage = target.OwnCPU()
	m.start = time.Now()
}

// settle waits until things count. It returns false when all is over before.
func (m *meter) settle() bool {
	timer := time.NewTimer(m.skip)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-m.quit:
		return false
	}
	m.progress.begin(time.Now())
	m.collect(newSample())
	m.restart()
	return true
}

// end stops looking and completes the figures.
func (m *meter) end() {
	close(m.quit)
	m.done.Wait()
	m.progress.end()
}

func (m *meter) watch(limit time.Duration) {
	if m.skip > 0 {
		if !m.settle() {
			m.look(limit >= 0)
			return
		}
		limit = max(limit-m.skip, min(limit, 1))
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	var over <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		over = timer.C
	}
	for {
		select {
		case <-ticker.C:
			m.look(true)
		case <-over:
			m.look(true)
			over = nil
			ticker.Stop()
			limit = -1
		case <-m.quit:
			m.look(limit >= 0)
			return
		}
	}
}

// look takes what the loops recorded; inTime says that it counts for throughput.
func (m *meter) look(inTime bool) {
	now := time.Since(m.start)
	s := newSample()
	m.collect(s)
	m.total.merge(s)
	if !inTime {
		return
	}
	span := now - m.elapsed
	latency, counted := m.of(s)
	m.counted += counted
	m.replies += s.replies
	m.elapsed = now
	m.used = target.OwnCPU() - m.usage
	if n := len(m.seconds); span < 100*time.Millisecond {
		if n > 0 { // too short to say anything by itself
			m.seconds[n-1].Gap = max(m.seconds[n-1].Gap, s.silent)
		}
		return
	}
	second := report.Second{
		At:     now,
		Span:   span,
		Rate:   float64(counted) / span.Seconds(),
		P50:    time.Duration(latency.ValueAtQuantile(50)),
		P99:    time.Duration(latency.ValueAtQuantile(99)),
		Max:    newLatency(latency).Max,
		Errors: s.errorCount(),
		Gap:    s.silent,
	}
	m.seconds = append(m.seconds, second)
	if m.progress.Second != nil {
		m.progress.Second(second)
	}
}

// of returns the latencies in s that count, and the number of replies.
func (m *meter) of(s *sample) (*hdrhistogram.Histogram, int64) {
	if m.kind == nil {
		return s.all(), s.replies
	}
	h := s.latency[*m.kind]
	if h == nil {
		h = newHistogram()
	}
	return h, h.TotalCount()
}

// rate returns the replies of a kind per second, when all is over.
func (m *meter) rate(k Kind) float64 { return float64(m.latency(k).Count) / m.elapsed.Seconds() }

// latency sums up the latencies of a kind, when all is over.
func (m *meter) latency(k Kind) report.Latency {
	h := m.total.latency[k]
	if h == nil {
		return report.Latency{}
	}
	return newLatency(h)
}
