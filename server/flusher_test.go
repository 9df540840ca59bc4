package server

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
	"gamekeeper/server/admin"
	"gamekeeper/snapshot"
	"gamekeeper/tree"
)

// rounds makes rounds of a tree as the core and the flusher do, one after the other.
type rounds struct {
	t       *testing.T
	tree    *tree.Tree
	store   *snapshot.Store
	part    flushing
	flusher *flusher
}

func newRounds(t *testing.T) *rounds {
	store, err := snapshot.Open(snapshot.Options{FS: vfs.NewMem(), Dir: "s"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	m := admin.NewMetrics()
	return &rounds{t: t, store: store, tree: tree.New(tree.Options{Track: true}), part: newFlushing(load{requests: 1}, 0),
		flusher: &flusher{store: store, logger: slog.New(slog.DiscardHandler), haste: 1, purge: purger{retain: 1 << 30},
			took: m.Summary("took", admin.Basic), failed: m.Counter("failed")}}
}

func (r *rounds) apply(op proto.Op, path string) {
	r.t.Helper()
	txn := proto.Txn{TxnHeader: proto.TxnHeader{Zxid: r.tree.LastZxid() + 1, Type: op},
		Body: proto.TxnBody{Type: op, Path: []byte(path), ACL: proto.OpenACL, Version: int32(r.tree.LastZxid())}}
	if code := r.tree.Apply(&txn, nil); code != proto.OK {
		r.t.Fatal(op, path, code)
	}
}

// round makes one, and returns how many znodes it had to look at. Fails, if it is not nil, ends it.
func (r *rounds) round(fails error) int {
	r.t.Helper()
	src := r.part.begin(r.tree, 0, time.UnixMilli(int64(r.tree.LastZxid())))
	looks := 0
	for _, c := range src.Changes {
		looks += c.Len()
	}
	src.Lock = &sync.Mutex{}
	src.Durable = func(proto.Zxid) error { return fails }
	err := r.flusher.round(src)
	if !errors.Is(err, fails) {
		r.t.Fatal(err)
	}
	r.part.finished(flushResult{err})
	return looks
}

// TestRoundsLookAtWhatChanged: a round costs what changed since the one before, however many there have been.
func TestRoundsLookAtWhatChanged(t *testing.T) {
	r := newRounds(t)
	for i := range 1000 {
		r.apply(proto.OpCreate, fmt.Sprintf("/n%d", i))
	}
	r.round(nil)
	for i := range 500 {
		r.apply(proto.OpDelete, fmt.Sprintf("/n%d", i))
	}
	r.round(nil)
	for i := range 10 {
		r.apply(proto.OpSetData, "/n999")
		if looks := r.round(nil); looks != 1 {
			t.Errorf("round %d looked at %d znodes, and one had changed", i, looks)
		}
	}
}

// TestFailedRounds: while no round succeeds what is to be written does not gather without bound, and afterwards none
// of it is missing.
func TestFailedRounds(t *testing.T) {
	r := newRounds(t)
	r.apply(proto.OpCreate, "/a")
	r.round(nil)
	r.apply(proto.OpCreate, "/b")
	taken := r.tree.LastZxid()
	full := errors.New("the disk is full")
	for i := range 5 {
		r.round(full)
		r.apply(proto.OpCreate, fmt.Sprintf("/c%d", i))
		r.apply(proto.OpSetData, "/a")
	}
	src := r.part.begin(r.tree, 0, time.UnixMilli(0))
	if len(src.Changes) != 1 || src.ReplayAfter != taken || !src.Time.Equal(time.UnixMilli(int64(taken))) {
		t.Errorf("%d sets of changes up to %s of %s", len(src.Changes), src.ReplayAfter, src.Time)
	}
	r.round(nil)
	if mark, _ := r.store.Mark(); mark.ReplayAfter != taken {
		t.Errorf("mark %+v, want it as of %s", mark, taken)
	}
	if !r.part.due(0) {
		t.Error("what came later is not due")
	}
	r.round(nil)
	if r.part.due(0) {
		t.Error("another round is due, and nothing has changed")
	}
	got, _, err := r.store.Load(tree.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Digest() != r.tree.Digest() || got.LastZxid() != r.tree.LastZxid() {
		t.Error("the snapshot is not the tree")
	}
}
