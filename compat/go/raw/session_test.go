package raw

import (
	"reflect"
	"sort"
	"testing"
	"time"
)

func TestCloseSession(t *testing.T) {
	watcher, c := client(t), client(t)
	c.create("/close", "", persistent)
	c.create("/close/a", "", ephemeral)
	c.create("/close/b", "", ephemeral)
	watcher.watch("data", "/close/a")
	watcher.watch("data", "/close/b")
	watcher.watch("children", "/close")
	c.last = 0 // so that c.last is the reply's own zxid
	// An ephemeral that is still in flight belongs to the session too.
	c.send(opCreate, create("/close/c", nil, open, ephemeral))
	c.sendXid(77, opCloseSession, nil)
	c.read()
	r := c.read()
	if r.xid != 77 || r.err != ok || len(r.b) != 0 {
		t.Fatalf("xid %d, error %d, %d bytes", r.xid, r.err, len(r.b))
	}
	c.expectClosed()
	got := map[string]int64{}
	for _, e := range watcher.pending() {
		got[e.String()] = e.zxid
	}
	want := map[string]int64{"children /close": r.zxid - 1, "deleted /close/a": r.zxid, "deleted /close/b": r.zxid}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("events and zxids %v, want %v", got, want)
	}
	if names := watcher.children("/close"); len(names) != 0 {
		t.Errorf("children left: %v", names)
	}
	if s := watcher.stat("/close"); s.Pzxid != r.zxid || s.Cversion != 6 {
		t.Errorf("parent: %+v, close was zxid %d", s, r.zxid)
	}
	watcher.create("/close/a", "", ephemeral)
}

func TestExpiry(t *testing.T) {
	watcher := client(t)
	watcher.create("/expiry", "", persistent)
	c := connect(t, 2000)
	c.create("/expiry/e", "", ephemeral)
	idle := connect(t, 2000)
	idle.create("/expiry/disconnected", "", ephemeral)
	watcher.watch("exists", "/expiry/e")
	watcher.watch("exists", "/expiry/disconnected")

	// Pings keep a session alive beyond its timeout; a lost connection does
	// not end it at once.
	idle.Close()
	start := time.Now()
	var events []event
	eventually(t, "a session without a connection expires", func() bool {
		c.pending()
		if time.Since(start) < time.Second {
			watcher.stat("/expiry/disconnected")
		}
		events = watcher.pending()
		return len(events) > 0
	})
	if got := names(events); !reflect.DeepEqual(got, []string{"deleted /expiry/disconnected"}) {
		t.Errorf("events: %v", got)
	}
	c.pending()

	// A silent connection is closed between one timeout and a tick more.
	before := time.Now()
	c.expectClosed()
	if d := time.Since(before); d < 1900*time.Millisecond || d > 8*time.Second {
		t.Errorf("expired %v after the last ping, want 2 to 2.5 s", d)
	}
	eventually(t, "the ephemeral goes", func() bool { _, found := watcher.existsNow("/expiry/e"); return !found })
	if _, r, err := reattach(c); err != nil || r.timeout != 0 || r.session != 0 {
		t.Errorf("an expired session came back: %+v, %v", r, err)
	}
}

// The session moves to a new connection within its timeout and keeps its
// ephemerals; requests left on the former connection have no effect after it.
func TestMove(t *testing.T) {
	c := client(t)
	c.create("/move", "", persistent)
	for i := range 5 {
		n, r, err := reattach(c)
		if err != nil || r.session != c.session {
			t.Fatalf("move %d: %+v, %v", i, r, err)
		}
		c.expectClosed()
		n.create("/move/e-", "", ephemeralSequential)
		c = n
	}
	if got := len(c.children("/move")); got != 5 {
		t.Errorf("%d ephemerals, want 5", got)
	}
}

func TestGetEphemerals(t *testing.T) {
	c, other := client(t), client(t)
	c.create("/ge", "", persistent)
	c.create("/ge/a", "", ephemeral)
	c.create("/ge/ab", "", ephemeral)
	c.create("/ge/b", "", ephemeral)
	other.create("/ge/other", "", ephemeral)
	for _, tc := range []struct {
		prefix string
		want   []string
	}{
		{"/", []string{"/ge/a", "/ge/ab", "/ge/b"}},
		{"", []string{"/ge/a", "/ge/ab", "/ge/b"}},
		{"/ge/a", []string{"/ge/a", "/ge/ab"}},
		{"/ge/b", []string{"/ge/b"}},
		{"/none", []string{}},
	} {
		r := c.must(opGetEphemerals, onlyPath(tc.prefix))
		got := r.strs()
		if sort.Strings(got); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("prefix %q: %v, want %v", tc.prefix, got, tc.want)
		}
	}
	r := c.must(opGetEphemerals, enc{}.null())
	if got := r.strs(); len(got) != 3 {
		t.Errorf("null prefix: %v", got)
	}
	c.delete("/ge/b")
	r = c.must(opGetEphemerals, onlyPath("/ge/b"))
	if got := r.strs(); len(got) != 0 {
		t.Errorf("deleted ephemeral: %v", got)
	}
}

func TestOthersMayDeleteEphemerals(t *testing.T) {
	c, other := client(t), client(t)
	c.create("/others", "x", ephemeral)
	other.set("/others", "y")
	other.delete("/others")
	other.create("/others", "z", ephemeral)
	c.must(opCloseSession, nil)
	if s := other.stat("/others"); s.EphemeralOwner != other.session {
		t.Errorf("owner %#x, want %#x", s.EphemeralOwner, other.session)
	}
}
