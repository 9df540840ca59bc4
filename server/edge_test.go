package server

import (
	"log/slog"
	"testing"

	"gamekeeper/proto"
	"gamekeeper/server/session"
	"gamekeeper/server/watch"
)

// A queue that is never empty takes no more memory than what is in it needs.
func TestQueueIsBounded(t *testing.T) {
	var q queue[int]
	const waiting = 10
	for n := range 100_000 {
		q.push(n)
		if n < waiting {
			continue
		}
		if x, ok := q.pop(); !ok || x != n-waiting {
			t.Fatalf("%d, %t, want %d", x, ok, n-waiting)
		}
	}
	if n := cap(q.list); n > 4*waiting {
		t.Errorf("%d have room in it, and %d wait", n, waiting)
	}
}

// newTestMember is a member without links, whose leader hears nothing.
func newTestMember() *member {
	s := &Server{clients: newClients(0, 0, slog.New(slog.DiscardHandler)), logger: slog.New(slog.DiscardHandler)}
	s.cfg.Session.TickTime = 100e6
	s.watches = watch.New[*conn]()
	k := &core{s: s, tracker: session.NewTracker[owner](100), account: make([]load, 1)}
	k.member = &member{k: k, s: s, edge: newEdge(), relay: newRelay()}
	k.member.links = newLinks(k.member)
	k.member.forgetLocal()
	return k.member
}

// A loop notes the time at which it began to read, when it has read: later than the leader was told of earlier ones.
func TestEachTouchIsTold(t *testing.T) {
	m := newTestMember()
	sess := m.k.tracker.Create(7, 1000, 1)
	c := &conn{}
	c.session.Store(sess)
	m.s.clients.all[c] = struct{}{}
	tell := func(want int) {
		t.Helper()
		if got := len(m.AppendTouched(nil)) / proto.SessionTimeoutBytes; got != want {
			t.Errorf("at %d ms %d sessions are told, want %d", m.now(), got, want)
		}
	}
	tell(1)
	m.k.now = 20e6
	tell(0)
	sess.Touch(19)
	tell(1)
	tell(0)
}

// What came last over a connection that is gone is told, once, unless the session goes on here or knows of nothing new.
func TestLastTouchIsTold(t *testing.T) {
	m := newTestMember()
	k := m.k
	for name, x := range map[string]struct {
		told  int64
		owner *conn // nil: the connection that goes
		want  int
	}{
		"untold":             {told: 5, want: 1},
		"told":               {told: 19, want: 0},
		"untold, taken over": {told: 5, owner: &conn{}, want: 0},
	} {
		sess := k.tracker.Create(7, 1000, 19)
		c := &conn{loop: &loop{}, told: x.told}
		c.session.Store(sess)
		sess.Owner.conn = c
		if x.owner != nil {
			sess.Owner.conn = x.owner
		}
		k.acceptAtEdge(&input{c: c, kind: inputGone}, nil)
		for _, want := range []int{x.want, 0} {
			if got := len(m.AppendTouched(nil)) / proto.SessionTimeoutBytes; got != want {
				t.Errorf("%s: %d sessions are told, want %d", name, got, want)
			}
		}
		k.tracker.Remove(7)
	}
}
