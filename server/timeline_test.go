package server

import (
	"testing"

	"gamekeeper/proto"
	"gamekeeper/server/admin"
)

// TestTimeline: every transaction is counted once, with the time of what it came with.
func TestTimeline(t *testing.T) {
	z := func(epoch, counter int64) proto.Zxid { return proto.MakeZxid(proto.Epoch(epoch), uint32(counter)) }
	for _, x := range []struct {
		name string
		do   func(t *timeline, lane *admin.TimesLane)
		n    int64
		sum  int64 // ns
		left int
	}{
		{"nothing", func(t *timeline, l *admin.TimesLane) { t.passed(z(1, 9), 5, l) }, 0, 0, 0},
		{"all at once", func(t *timeline, l *admin.TimesLane) {
			t.reached(z(1, 5), 10)
			t.passed(z(1, 5), 17, l)
		}, 5, 35, 0},
		{"in parts", func(t *timeline, l *admin.TimesLane) {
			t.reached(z(1, 5), 10)
			t.reached(z(1, 7), 20)
			t.passed(z(1, 2), 30, l) // 2 x 20
			t.passed(z(1, 6), 40, l) // 3 x 30 + 1 x 20
		}, 6, 150, 1},
		{"twice the same", func(t *timeline, l *admin.TimesLane) {
			t.reached(z(1, 5), 10)
			t.reached(z(1, 5), 20)
			t.reached(z(1, 4), 30)
			t.passed(z(1, 5), 40, l)
			t.passed(z(1, 5), 50, l)
		}, 5, 150, 0},
		{"a new epoch", func(t *timeline, l *admin.TimesLane) {
			t.reached(z(1, 5), 10)
			t.reached(z(2, 3), 20)
			t.passed(z(2, 3), 30, l)
		}, 8, 130, 0},
		{"begun anew", func(t *timeline, l *admin.TimesLane) {
			t.reached(z(1, 5), 10)
			t.restart(z(1, 2))
			t.reached(z(1, 3), 20)
			t.passed(z(1, 9), 30, l)
		}, 1, 10, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			lane := admin.NewMetrics().Times("t", "", 1).Lane(0)
			var line timeline
			line.restart(z(1, 0))
			x.do(&line, lane)
			lane.Publish()
			if n, sum := lane.Total(); n != x.n || sum != x.sum {
				t.Errorf("%d transactions took %d ns together, want %d and %d", n, sum, x.n, x.sum)
			}
			if got := len(line.marks) - line.head; got != x.left {
				t.Errorf("%d marks are left, want %d", got, x.left)
			}
		})
	}
}

func TestTimelineOf(t *testing.T) {
	var line timeline
	line.reached(5, 10)
	line.reached(7, 20)
	line.passed(2, 30, nil)
	for zxid, want := range map[proto.Zxid]int64{1: -1, 2: -1, 3: 10, 5: 10, 6: 20, 7: 20, 8: -1} {
		if got := line.of(zxid, -1); got != want {
			t.Errorf("zxid %d came at %d, want %d", zxid, got, want)
		}
	}
}

// TestTimelineDoesNotGrow: a timeline that never runs empty keeps its memory.
func TestTimelineDoesNotGrow(t *testing.T) {
	var line timeline
	for i := range proto.Zxid(10_000) {
		line.reached(i+3, int64(i))
		line.passed(i, int64(i), nil)
	}
	if cap(line.marks) > 16 {
		t.Errorf("%d marks of memory for 3 that are used", cap(line.marks))
	}
}

// TestSyncs: what does not fit is dropped, and order is kept.
func TestSyncs(t *testing.T) {
	var s syncs
	const extra = 10
	for i := range len(s.ring) + extra {
		s.put(proto.Zxid(i), int64(i))
	}
	n := 0
	for x, ok := s.take(); ok; x, ok = s.take() {
		if int(x.at) != n {
			t.Fatalf("sync %d comes as the %dth", x.at, n)
		}
		n++
	}
	if n != len(s.ring) {
		t.Errorf("%d syncs, want %d", n, len(s.ring))
	}
	s.put(500, 500)
	if x, ok := s.take(); !ok || x != (synced{500, 500}) {
		t.Errorf("took %v, %v", x, ok)
	}
}
