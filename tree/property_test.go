package tree

import (
	"testing"

	"pgregory.net/rapid"

	"gamekeeper/proto"
	"gamekeeper/tree/treetest"
)

func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		extended := rapid.Bool().Draw(rt, "extended types")
		tr := New(Options{ExtendedTypes: extended})
		if rapid.Bool().Draw(rt, "collisions") {
			tr = newColliding(extended)
		}
		h := treetest.NewHistory(extended)
		for range rapid.IntRange(1, 120).Draw(rt, "length") {
			txn := h.Next(rt)
			tr.Apply(&txn, nil)
		}
		compare(rt, h.Model, tr)
	})
}

// newColliding returns a tree in which all paths have one of four tags.
func newColliding(extended bool) *Tree {
	tr := New(Options{ExtendedTypes: extended})
	tr.hashMask = 3 << 32
	tr.index = newIndex(0)
	for _, p := range []string{"/zookeeper", "/zookeeper/quota", "/zookeeper/config"} {
		path := []byte(p)
		for n := NodeID(1); n <= tr.records.used; n++ {
			if tr.pathIs(n, path) {
				tr.index.insert(tr.tag(path), n)
			}
		}
	}
	return tr
}

// TestReplayOverNewerTree applies the end of a log again to a tree that already has all of it, from every
// kind of state between: the tree that loading a fuzzy snapshot and replaying the log must give.
func TestReplayOverNewerTree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tr := New(Options{ExtendedTypes: true})
		h := treetest.NewHistory(true)
		h.NoQuotas = rapid.Bool().Draw(rt, "no quotas")
		n := rapid.IntRange(1, 120).Draw(rt, "length")
		for range n {
			txn := h.Next(rt)
			tr.Apply(&txn, nil)
		}
		from := rapid.IntRange(0, n-1).Draw(rt, "from")
		to := rapid.IntRange(from, n).Draw(rt, "to")
		for _, txns := range [][]proto.Txn{h.Txns[from:to], h.Txns[from:]} {
			for _, txn := range txns {
				tr.Apply(&txn, nil)
			}
		}
		compare(rt, h.Model, tr)
	})
}
