package admin

import (
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestHistogram compares a histogram with the sorted list of its values.
func TestHistogram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.Int64Range(-3, 40), rapid.Int64Range(0, 1<<(topPower+1)-1))
		values := rapid.SliceOfN(value, 1, 200).Draw(t, "values")
		var h histogram
		for i := 0; i < len(values); {
			n := rapid.IntRange(0, 3).Draw(t, "n")
			n = min(n, len(values)-i)
			h.recordMany(n, values[i])
			for j := range n {
				values[i+j] = max(values[i], 0)
			}
			i += n
		}
		slices.Sort(values)
		var c counts
		c.add(&h)
		sum := int64(0)
		for _, v := range values {
			sum += v
		}
		if c.n != int64(len(values)) || c.sum != sum || c.min != values[0] || c.max != values[len(values)-1] {
			t.Fatalf("n %d sum %d min %d max %d of %v", c.n, c.sum, c.min, c.max, values)
		}
		q := rapid.Float64Range(0.001, 1).Draw(t, "q")
		want := float64(values[int(math.Ceil(q*float64(len(values))))-1])
		if got := c.quantile(q); math.Abs(got-want) > want/32 {
			t.Fatalf("quantile %v is %v, want %v", q, got, want)
		}
	})
}

func TestBucketsAreMonotonic(t *testing.T) {
	last := -1
	for power := 1; power < 64; power++ {
		for _, v := range []uint64{1<<power - 1, 1 << power, 1<<power + 1} {
			b := bucketOf(v)
			if b < last || b >= bucketsLen {
				t.Fatalf("bucket of %d is %d after %d", v, b, last)
			}
			last = b
		}
	}
}

func TestRecorder(t *testing.T) {
	m := NewMetrics()
	r := m.NewRecorder(2)
	if got := r.Traffic(); got != (Traffic{Responses: Sizes{-1, -1, -1}}) {
		t.Errorf("before anything: %+v", got)
	}
	record := func() {
		r.Lane(0).Received(3, 120)
		r.Lane(0).ReadBatch(1, 1500*time.Microsecond)
		r.Lane(0).Replied(100)
		r.Lane(1).Received(1, 40)
		r.Lane(1).Sent(2, 90)
		r.Lane(1).UpdatedBatch(1, 9*time.Millisecond)
		r.Lane(1).Replied(20)
		r.Lane(1).Replied(60)
	}
	want := Traffic{
		PacketsReceived: 4, PacketsSent: 2, Latency: Latency{Min: 1, Avg: 5.25, Max: 9},
		Responses: Sizes{Last: 60, Min: 20, Max: 100},
	}
	record()
	if got := r.Traffic(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	m.Reset()
	if got := r.Traffic(); got != (Traffic{Responses: Sizes{-1, -1, -1}}) {
		t.Errorf("after a reset: %+v", got)
	}
	record()
	if got := r.Traffic(); got != want {
		t.Errorf("after a reset and the same again: %+v, want %+v", got, want)
	}
}

// TestRecorderConcurrently records, resets and reads at the same time: nothing becomes negative, and
// nothing is lost from what Prometheus sees.
func TestRecorderConcurrently(t *testing.T) {
	const lanes, rounds = 3, 2000
	m := NewMetrics()
	r := m.NewRecorder(lanes)
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for i := range lanes {
		writers.Go(func() {
			for n := range rounds {
				r.Lane(i).Received(1, 10)
				r.Lane(i).UpdatedBatch(1, time.Duration(n)*time.Microsecond)
				r.Lane(i).Replied(n)
			}
		})
	}
	readers.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if tr := r.Traffic(); tr.PacketsReceived < 0 || tr.Latency.Avg < 0 || tr.Latency.Min < 0 {
				t.Errorf("negative numbers: %+v", tr)
			}
			m.Reset()
		}
	})
	writers.Wait()
	close(done)
	readers.Wait()
	all, _ := r.updates.window(time.Now())
	if all.n != lanes*rounds || r.received() != lanes*rounds {
		t.Errorf("%d latencies, %d packets, want %d", all.n, r.received(), lanes*rounds)
	}
}

// TestSummaryWindow moves the clock: quantiles forget what is older than the window, counts do not.
func TestSummaryWindow(t *testing.T) {
	s := NewMetrics().Timer("fsynctime", Basic)
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	median := func() float64 {
		_, recent := s.window(now)
		return recent.quantile(0.5)
	}
	if got := median(); !math.IsNaN(got) {
		t.Errorf("the median of nothing is %v", got)
	}
	s.ObserveDuration(10)
	for range 2 {
		if got := median(); got != 10 {
			t.Errorf("the median is %v after %v, want 10", got, now)
		}
		now = now.Add(windowHalf)
	}
	s.ObserveDuration(3)
	s.ObserveDuration(3)
	if got := median(); got != 3 {
		t.Errorf("the median is %v, want 3", got)
	}
	now = now.Add(windowHalf)
	median()
	now = now.Add(windowHalf)
	if got := median(); !math.IsNaN(got) {
		t.Errorf("the median is %v long after, want none", got)
	}
	if all, _ := s.window(now); all.n != 3 || all.sum != 16 {
		t.Errorf("count %d sum %d, want 3 and 16", all.n, all.sum)
	}
}

func TestMetricRegisteredTwicePanics(t *testing.T) {
	m := NewMetrics()
	m.Counter("connection_rejected")
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	m.Timer("connection_rejected", Basic)
}

func TestRecordingDoesNotAllocate(t *testing.T) {
	l := NewMetrics().NewRecorder(1).Lane(0)
	if n := testing.AllocsPerRun(100, func() {
		l.Received(1, 10)
		l.ReadBatch(1, time.Millisecond)
		l.Replied(10)
		l.Sent(1, 10)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkRecord is the whole cost of counting one request that comes alone; in a batch, Received and
// Sent are called once for all of it.
func BenchmarkRecord(b *testing.B) {
	r := NewMetrics().NewRecorder(1)
	l := r.Lane(0)
	b.Run("request", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			l.Received(1, 10)
			l.ReadBatch(1, time.Millisecond)
			l.Replied(10)
			l.Sent(1, 10)
		}
	})
	b.Run("latency", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			l.ReadBatch(1, time.Millisecond)
		}
	})
	b.Run("traffic", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.Traffic()
		}
	})
}
