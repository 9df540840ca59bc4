package session

import (
	"slices"
	"sync"
	"testing"

	"gamekeeper/proto"
)

const tick = 2000

func ids[O any](sessions []*Session[O]) []proto.SessionID {
	var l []proto.SessionID
	for _, s := range sessions {
		l = append(l, s.ID)
	}
	slices.Sort(l)
	return l
}

func TestDropEmpty(t *testing.T) {
	tr := NewTracker[int](tick)
	tr.Create(1, 4000, 0)
	for n := range 100 {
		tr.Create(2, 4000, int64(n)*tick)
		tr.Remove(2)
	}
	tr.DropEmpty()
	if len(tr.buckets) != 1 || tr.NextDue() != 6000 {
		t.Errorf("%d buckets, next due %d", len(tr.buckets), tr.NextDue())
	}
	if gone := tr.Expired(6000, 10, nil); len(gone) != 1 || gone[0].ID != 1 {
		t.Errorf("expired: %v", ids(gone))
	}
}

// TestHold: a server that stood still hears its clients first.
func TestHold(t *testing.T) {
	tr := NewTracker[int](tick)
	alive, dead := tr.Create(1, 4000, 0), tr.Create(2, 4000, 0)
	const woke = 60_500
	if !tr.Hold(woke) {
		t.Fatal("not held")
	}
	if got := tr.Expired(woke, 10, nil); len(got) != 0 || tr.NextDue() != woke+tick {
		t.Errorf("expired %v at once, next due %d", ids(got), tr.NextDue())
	}
	alive.Touch(woke + 1) // what it had sent is read
	if tr.Hold(woke + tick - 1) {
		t.Error("held twice in a row")
	}
	if got := tr.Expired(woke+tick, 10, nil); len(got) != 1 || got[0] != dead {
		t.Errorf("expired %v, want 2", ids(got))
	}
	if !tr.Hold(woke + tick + 1) {
		t.Error("not held any more")
	}
}

func TestExpiryIsRoundedUp(t *testing.T) {
	for _, c := range []struct {
		touched int64
		timeout int32
		want    int64
	}{
		{0, 4000, 6000}, // on a multiple: the next one, strictly greater
		{1, 4000, 6000},
		{1999, 4000, 6000},
		{2000, 4000, 8000},
		{0, 1, 2000},
		{12345, 30000, 44000},
	} {
		tr := NewTracker[int](tick)
		s := tr.Create(1, c.timeout, c.touched)
		if got := tr.Expiry(s); got != c.want || tr.NextDue() != c.want {
			t.Errorf("touched at %d, timeout %d: expiry %d, next due %d, want %d",
				c.touched, c.timeout, got, tr.NextDue(), c.want)
		}
		if got := tr.Expired(c.want-1, 10, nil); len(got) != 0 {
			t.Errorf("expired at %d, before %d", c.want-1, c.want)
		}
		if got := tr.Expired(c.want, 10, nil); len(got) != 1 || !s.Closing {
			t.Errorf("not expired at %d", c.want)
		}
		if got := tr.Expired(c.want+tick, 10, nil); len(got) != 0 {
			t.Errorf("expired twice")
		}
		if tr.Get(1) != s || tr.Len() != 1 {
			t.Errorf("an expired session must stay until Remove")
		}
	}
}

func TestTouchDefersExpiry(t *testing.T) {
	tr := NewTracker[int](tick)
	s := tr.Create(1, 4000, 0)
	s.Touch(5000)
	if got := tr.Expired(6000, 10, nil); len(got) != 0 {
		t.Fatal("expired though touched")
	}
	if tr.NextDue() != 10000 {
		t.Fatalf("next due %d, want 10000", tr.NextDue())
	}
	if got := tr.Expired(10000, 10, nil); len(got) != 1 {
		t.Fatal("not expired")
	}
}

func TestCreateTwiceKeepsTheFirst(t *testing.T) {
	tr := NewTracker[int](tick)
	s := tr.Create(1, 4000, 0)
	if tr.Create(1, 8000, 100) != s || s.Timeout() != 4000 || tr.Len() != 1 {
		t.Fatal("a tracked session was replaced")
	}
}

func TestSetTimeout(t *testing.T) {
	tr := NewTracker[int](tick)
	s := tr.Create(1, 40000, 0)
	tr.SetTimeout(s, 4000, 1000)
	if s.Timeout() != 4000 || s.PersistedTimeout() != 40000 || s.Touched() != 1000 {
		t.Fatalf("timeout %d, persisted %d, touched %d", s.Timeout(), s.PersistedTimeout(), s.Touched())
	}
	if got := tr.Expired(6000, 10, nil); len(got) != 1 {
		t.Fatal("a shortened timeout did not take effect")
	}
	s = tr.Create(2, 4000, 0)
	tr.SetTimeout(s, 40000, 0)
	if got := tr.Expired(40000, 10, nil); len(got) != 0 {
		t.Fatal("a lengthened timeout did not take effect")
	}
	if got := tr.Expired(42000, 10, nil); len(got) != 1 {
		t.Fatal("not expired")
	}
}

func TestClosingSessionsDoNotExpire(t *testing.T) {
	tr := NewTracker[int](tick)
	tr.Create(1, 4000, 0).Closing = true
	if got := tr.Expired(6000, 10, nil); len(got) != 0 {
		t.Fatal("a closing session was closed again")
	}
	if tr.NextDue() != Never {
		t.Fatal("work left for a closing session")
	}
	tr.Remove(1)
	tr.Remove(1)
	if tr.Len() != 0 {
		t.Fatal("not removed")
	}
}

func TestRearm(t *testing.T) {
	tr := NewTracker[string](tick)
	a := tr.Create(1, 40000, 0)
	tr.SetTimeout(a, 4000, 0)
	a.Owner = "here"
	tr.Create(2, 4000, 0)
	if got := ids(tr.Expired(6000, 10, nil)); !slices.Equal(got, []proto.SessionID{1, 2}) {
		t.Fatal(got)
	}
	tr.Rearm(100000)
	if a.Owner != "" || a.Closing || a.Timeout() != 40000 {
		t.Fatalf("owner %q, closing %v, timeout %d", a.Owner, a.Closing, a.Timeout())
	}
	if got := ids(tr.Expired(141999, 10, nil)); !slices.Equal(got, []proto.SessionID{2}) {
		t.Fatal(got)
	}
	if got := ids(tr.Expired(142000, 10, nil)); !slices.Equal(got, []proto.SessionID{1}) {
		t.Fatal(got)
	}
}

func TestExpiredIsBounded(t *testing.T) {
	const sessions, limit = 1000, 64
	tr := NewTracker[int](tick)
	for i := range sessions {
		s := tr.Create(proto.SessionID(i+1), 4000, 0)
		if i%2 == 0 {
			s.Touch(3000)
		}
	}
	var all []*Session[int]
	calls := 0
	for ; tr.NextDue() <= 6000; calls++ {
		got := tr.Expired(6000, limit, nil)
		if len(got) > limit {
			t.Fatalf("%d sessions in one portion", len(got))
		}
		all = append(all, got...)
	}
	if len(all) != sessions/2 || calls < sessions/limit {
		t.Fatalf("%d sessions in %d calls", len(all), calls)
	}
}

func TestGroups(t *testing.T) {
	tr := NewTracker[int](tick)
	tr.Create(1, 4000, 0)
	tr.Create(2, 8000, 0)
	tr.Create(3, 4000, 0).Touch(4500) // still in the bucket of 6000
	tr.Create(4, 4000, 0)
	want := []Group{{6000, []proto.SessionID{1, 4}}, {10000, []proto.SessionID{3, 2}}}
	got := tr.Groups()
	if !slices.EqualFunc(got, want, func(a, b Group) bool {
		return a.ExpiryMs == b.ExpiryMs && slices.Equal(a.Sessions, b.Sessions)
	}) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestTouchFromOtherGoroutines(t *testing.T) {
	tr := NewTracker[int](tick)
	s := tr.Create(1, 4000, 0)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for now := range int64(2000) {
				s.Touch(now)
				_ = s.Timeout()
			}
		})
	}
	for now := range int64(2000) {
		tr.Expired(now, 10, nil)
		tr.SetTimeout(s, 4000+int32(now), now)
	}
	wg.Wait()
	if s.Closing {
		t.Fatal("expired while touched")
	}
}
