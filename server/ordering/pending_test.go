package ordering

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gamekeeper/proto"
)

// TestBurst has many more znodes in flight than usual, of long and short paths: they are all found, and the
// memory is given back.
func TestBurst(t *testing.T) {
	b := newBench(t, Options{})
	const n = recordsKeepMax + 5000
	for i := range n {
		path := fmt.Sprintf("/%d", i)
		if i%10 == 0 {
			path += strings.Repeat("x", pathKeepMax)
		}
		b.send(&Request{Session: 7, Op: proto.OpCreate, Time: 1,
			Body: createBody(proto.OpCreate, path, nil, proto.OpenACL, proto.Ephemeral, -1)})
	}
	if err := b.order.inFlight.check(); err != nil {
		t.Fatal(err)
	}
	if got := b.order.InFlight(); got != n+1 {
		t.Fatalf("%d znodes in flight, want %d", got, n+1)
	}
	if err := b.apply(n / 2); err != nil {
		t.Fatal(err)
	}
	if got := b.order.InFlight(); got != n-n/2+1 { // the parent is still touched
		t.Fatalf("%d znodes in flight, want %d", got, n-n/2+1)
	}
	b.send(&Request{Session: 7, Op: proto.OpCloseSession, Time: 1})
	if err := b.apply(len(b.queue)); err != nil {
		t.Fatal(err)
	}
	p := b.order.inFlight
	if p.used != 0 || len(p.records) != 0 || cap(p.touches) != 0 || len(p.buckets) != bucketsMin {
		t.Errorf("%d znodes in flight, %d records, room for %d touches, %d buckets",
			p.used, len(p.records), cap(p.touches), len(p.buckets))
	}
	if b.tree.EphemeralCount() != 0 {
		t.Errorf("%d ephemerals are left", b.tree.EphemeralCount())
	}
}

// TestLongPathIsNotKept reuses the record of a long path.
func TestLongPathIsNotKept(t *testing.T) {
	p := newPending()
	slot := p.add([]byte("/"+strings.Repeat("x", 4*pathKeepMax)), 1)
	p.touched(1, slot)
	p.applied(1)
	if p.add([]byte("/a"), 2) != slot || cap(p.records[slot].path) > pathKeepMax {
		t.Errorf("record %+v", p.records[slot])
	}
	if err := p.check(); err == nil {
		t.Error("a record without a touch is not found by check")
	}
}

// TestTouchesDoNotGrow keeps one transaction in flight at any time.
func TestTouchesDoNotGrow(t *testing.T) {
	b := newBench(t, Options{})
	body := setData("/", []byte("x"), -1)
	var first ordered
	for i := range 100_000 {
		b.send(&Request{Session: 1, Op: proto.OpSetData, Body: body, Time: int64(i)})
		if i > 0 {
			if err := b.applyOne(&first); err != nil {
				t.Fatal(err)
			}
			b.order.Applied(b.tree.LastZxid())
		}
		first = b.queue[0]
		b.queue = b.queue[:0]
	}
	if n := cap(b.order.inFlight.touches); n > 1<<15 {
		t.Errorf("room for %d touches", n)
	}
	if b.order.InFlight() != 1 {
		t.Errorf("%d znodes in flight", b.order.InFlight())
	}
}

// TestCloseSession ends sessions whose ephemerals are in the tree, in flight, deleted in flight, or another
// session's by now.
func TestCloseSession(t *testing.T) {
	b := newBench(t, Options{})
	create := func(s proto.SessionID, path string) {
		b.send(&Request{Session: s, Op: proto.OpCreate, Body: createBody(proto.OpCreate, path, nil, proto.OpenACL, proto.Ephemeral, -1)})
	}
	del := func(path string) {
		b.send(&Request{Session: 9, Op: proto.OpDelete, Body: pathVersion(path, -1)})
	}
	create(1, "/tree")
	create(1, "/tree-deleted")
	create(1, "/tree-taken-over")
	if err := b.apply(len(b.queue)); err != nil {
		t.Fatal(err)
	}
	create(1, "/flight")
	create(1, "/flight-deleted")
	create(2, "/other")
	del("/tree-deleted")
	del("/flight-deleted")
	del("/tree-taken-over")
	create(2, "/tree-taken-over")
	closing := func(s proto.SessionID) []string {
		t.Helper()
		encoded, _ := b.send(&Request{Session: s, Op: proto.OpCloseSession})
		txn, err := proto.DecodeTxn(encoded)
		if err != nil || !txn.Body.HasClosePaths() {
			t.Fatalf("%+v (%v)", txn, err)
		}
		var paths []string
		for p := range txn.Body.ClosePaths() {
			paths = append(paths, string(p))
		}
		return paths
	}
	if got, want := closing(1), []string{"/flight", "/tree"}; !slices.Equal(got, want) {
		t.Errorf("session 1 ends with %q, want %q", got, want)
	}
	if got := closing(1); got != nil {
		t.Errorf("session 1 ends again, with %q", got)
	}
	if got, want := closing(2), []string{"/other", "/tree-taken-over"}; !slices.Equal(got, want) {
		t.Errorf("session 2 ends with %q, want %q", got, want)
	}
	if got := closing(3); got != nil {
		t.Errorf("session 3 ends with %q", got)
	}
	if err := b.apply(len(b.queue)); err != nil {
		t.Fatal(err)
	}
}
