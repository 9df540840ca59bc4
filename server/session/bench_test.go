package session

import (
	"runtime"
	"testing"

	"gamekeeper/proto"
)

const many = 100_000

func fill(b *testing.B) *Tracker[*int] {
	b.Helper()
	tr := NewTracker[*int](tick)
	for i := range many {
		tr.Create(proto.SessionID(i+1), 30000, 0)
	}
	return tr
}

func BenchmarkTouch(b *testing.B) {
	s := NewTracker[*int](tick).Create(1, 30000, 0)
	b.ReportAllocs()
	for i := range b.N {
		s.Touch(int64(i))
	}
}

// BenchmarkExpireAll measures the end of 100,000 sessions at once, per session.
func BenchmarkExpireAll(b *testing.B) {
	tr := fill(b)
	var portion []*Session[*int]
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; {
		portion = tr.Expired(1<<40, min(1000, b.N-n), portion[:0])
		n += len(portion)
		if len(portion) == 0 {
			b.StopTimer()
			tr.Rearm(0)
			b.StartTimer()
		}
	}
}

// BenchmarkRefile measures a bucket of sessions that were all touched, per session.
func BenchmarkRefile(b *testing.B) {
	tr := fill(b)
	var now int64
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += many {
		b.StopTimer()
		now = tr.NextDue()
		for s := range tr.All() {
			s.Touch(now - 1)
		}
		b.StartTimer()
		if got := tr.Expired(now, many, nil); len(got) != 0 {
			b.Fatalf("%d expired", len(got))
		}
	}
}

func BenchmarkMemoryPerSession(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		tr := fill(b)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/many, "B/session")
		runtime.KeepAlive(tr)
	}
}
