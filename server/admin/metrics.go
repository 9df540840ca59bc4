package admin

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	vm "github.com/VictoriaMetrics/metrics"
)

// Metrics holds what a server counts, under the names of Apache ZooKeeper's ServerMetrics without a
// prefix: mntr prints "zk_" before them, Prometheus nothing. Names are registered once, at start-up; a
// second registration of a name panics. All methods may be called from any goroutine.
type Metrics struct {
	now func() time.Time
	set *vm.Set

	mu        sync.Mutex
	names     map[string]bool
	counters  []*Counter
	gauges    []gauge
	summaries []*Summary
	recorders []*Recorder
	times     []*Times
}

type gauge struct {
	name string
	read func() int64
}

// NewMetrics returns an empty list.
func NewMetrics() *Metrics {
	return &Metrics{now: time.Now, set: vm.NewSet(), names: map[string]bool{}}
}

// Set returns a set whose metrics the exporter shows with the others: the place for what Apache has no
// name for. mntr does not show them.
func (m *Metrics) Set() *vm.Set { return m.set }

// register notes the name; the caller holds mu.
func (m *Metrics) register(name string) {
	if m.names[name] {
		panic(fmt.Sprintf("admin: metric %s is registered twice", name))
	}
	m.names[name] = true
}

// Counter is a number that only rises. Any goroutine may add to it.
type Counter struct {
	name string
	n    atomic.Int64
	read func() int64 // in place of n, if not nil
	base atomic.Int64 // at the last reset
}

// Add adds n, which is not negative.
func (c *Counter) Add(n int64) { c.n.Add(n) }

// Inc adds 1.
func (c *Counter) Inc() { c.n.Add(1) }

// Value returns the count since the start.
func (c *Counter) Value() int64 {
	if c.read != nil {
		return c.read()
	}
	return c.n.Load()
}

func (c *Counter) sinceReset() int64 {
	base := c.base.Load() // first, so that the difference is never negative
	return c.Value() - base
}

// Counter registers a counter.
func (m *Metrics) Counter(name string) *Counter {
	return m.addCounter(&Counter{name: name})
}

// CounterFunc registers a counter that is kept elsewhere; read is called from any goroutine and must not
// block.
func (m *Metrics) CounterFunc(name string, read func() int64) {
	m.addCounter(&Counter{name: name, read: read})
}

func (m *Metrics) addCounter(c *Counter) *Counter {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.register(c.name)
	m.counters = insertByName(m.counters, c, func(c *Counter) string { return c.name })
	return c
}

// GaugeFunc registers a number that goes up and down. read is called from any goroutine and must not
// block. What Stats holds is shown already and needs no gauge.
func (m *Metrics) GaugeFunc(name string, read func() int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.register(name)
	m.gauges = insertByName(m.gauges, gauge{name, read}, func(g gauge) string { return g.name })
}

// Summary registers a distribution of sizes or counts.
func (m *Metrics) Summary(name string, detail Detail) *Summary {
	return m.addSummary(&Summary{name: name, detail: detail, unit: 1, parts: []*histogram{{}}})
}

// Timer registers a distribution of times, which are shown in milliseconds.
func (m *Metrics) Timer(name string, detail Detail) *Summary {
	return m.addSummary(&Summary{name: name, detail: detail, unit: 1e6, parts: []*histogram{{}}})
}

func (m *Metrics) addSummary(s *Summary) *Summary {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.register(s.name)
	m.summaries = insertByName(m.summaries, s, func(s *Summary) string { return s.name })
	return s
}

// insertByName returns a new slice with v in its place, so that readers may keep the old one.
func insertByName[T any](sorted []T, v T, name func(T) string) []T {
	at, _ := slices.BinarySearchFunc(sorted, v, func(a, b T) int { return cmp.Compare(name(a), name(b)) })
	return slices.Insert(slices.Clone(sorted), at, v)
}

// listed is the list at one time.
type listed struct {
	counters  []*Counter
	gauges    []gauge
	summaries []*Summary
	recorders []*Recorder
	times     []*Times
}

// list returns the metrics, each kind sorted by name. A nil Metrics is empty.
func (m *Metrics) list() listed {
	if m == nil {
		return listed{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return listed{m.counters, m.gauges, m.summaries, m.recorders, m.times}
}

// Reset starts counters, summaries and recorders anew for mntr, srvr and stat. Prometheus keeps what it
// has: there, a counter that went back would look like a restart.
func (m *Metrics) Reset() {
	l := m.list()
	for _, c := range l.counters {
		c.base.Store(c.Value())
	}
	for _, s := range l.summaries {
		s.reset()
	}
	for _, r := range l.recorders {
		r.reset()
	}
}

// writePrometheus writes everything in the text format 0.0.4.
func (m *Metrics) writePrometheus(w io.Writer) {
	l := m.list()
	for _, g := range l.gauges {
		vm.WriteGaugeFloat64(w, g.name, float64(g.read()))
	}
	for _, c := range l.counters {
		vm.WriteCounterUint64(w, c.name, uint64(c.Value()))
	}
	for _, s := range l.summaries {
		s.writePrometheus(w, m.now())
	}
	for i, t := range l.times {
		if i == 0 || l.times[i-1].family != t.family {
			vm.WriteMetadataIfNeeded(w, t.family, "histogram")
		}
		t.writePrometheus(w)
	}
	if m != nil {
		m.set.WritePrometheus(w)
	}
}

func (s *Summary) writePrometheus(w io.Writer, now time.Time) {
	all, recent := s.window(now)
	quantiles := []float64{0.5}
	if s.detail == Advanced {
		quantiles = []float64{0.5, 0.9, 0.99}
	}
	vm.WriteMetadataIfNeeded(w, s.name, "summary")
	for _, q := range quantiles {
		fmt.Fprintf(w, "%s{quantile=\"%g\"} %g\n", s.name, q, recent.quantile(q)/s.unit)
	}
	fmt.Fprintf(w, "%s_count %d\n%s_sum %g\n", s.name, all.n, s.name, float64(all.sum)/s.unit)
}
