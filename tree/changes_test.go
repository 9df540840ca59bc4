package tree

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gamekeeper/proto"
	"gamekeeper/tree/treetest"
)

// keyLess is the order that a Loader wants.
func keyLess(a, b string) int {
	depth := func(p string) int {
		if p == "/" {
			return 0
		}
		return strings.Count(p, "/")
	}
	return cmp.Or(cmp.Compare(depth(a), depth(b)), strings.Compare(a, b))
}

// drain writes up to steps steps of c into the store, and says whether there is more.
func drain(tr *Tree, c *Changes, store map[string]string, steps, limit int) bool {
	for range steps {
		shown := 0
		if !c.Next(tr, limit, func(path []byte, n NodeID) bool {
			shown++
			if n == 0 {
				delete(store, string(path))
			} else {
				store[string(path)] = string(tr.AppendRecord(nil, n))
			}
			return shown < 7
		}) {
			return false
		}
	}
	return true
}

func wholeTree(tr *Tree) map[string]string {
	all := map[string]string{}
	for n := NodeID(1); n <= tr.records.used; n++ {
		if tr.records.at(n).dataLen != freeRecord {
			all[string(tr.AppendPath(nil, n))] = string(tr.AppendRecord(nil, n))
		}
	}
	return all
}

// TestChangesAreComplete keeps a store of records by what changes alone, reading some epochs while the tree
// changes on, and loads the tree from it in the end.
func TestChangesAreComplete(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tr := New(Options{ExtendedTypes: true})
		h := treetest.NewHistory(true)
		store := map[string]string{}
		write := func() {
			for range rapid.IntRange(0, 20).Draw(rt, "length") {
				txn := h.Next(rt)
				tr.Apply(&txn, nil)
			}
		}
		write()
		tr.Track()
		var spare *Changes
		for range rapid.IntRange(0, 5).Draw(rt, "epochs") {
			write()
			c := tr.TakeChanges(spare)
			if rapid.Bool().Draw(rt, "again") {
				drain(tr, c, store, 2, 3)
				c.Rewind()
			}
			for drain(tr, c, store, rapid.IntRange(1, 3).Draw(rt, "steps"), rapid.IntRange(1, 10).Draw(rt, "limit")) {
				write()
			}
			c.Reset()
			spare = c
		}
		for c := tr.TakeChanges(nil); drain(tr, c, store, 1, 100); {
		}
		if want := wholeTree(tr); !maps.Equal(store, want) {
			rt.Fatalf("store %q, want %q", store, want)
		}
		if n := tr.ChangeCount(); n != 0 {
			rt.Fatalf("%d changes without a change", n)
		}
		l := NewLoader(Options{ExtendedTypes: true, Track: rapid.Bool().Draw(rt, "track")}, false)
		for _, p := range slices.SortedFunc(maps.Keys(store), keyLess) {
			if err := l.Add([]byte(p), []byte(store[p])); err != nil {
				rt.Fatal(err)
			}
		}
		loaded, err := l.Finish(tr.LastZxid())
		if err != nil {
			rt.Fatal(err)
		}
		compare(rt, h.Model, loaded)
	})
}

func TestHotZnodeChangesOnce(t *testing.T) {
	tr := New(Options{Track: true})
	l := loader{tr: tr}
	remove := func(path string) {
		l.txn.Type, l.txn.Zxid = proto.OpDelete, tr.LastZxid()+1
		l.txn.Body = proto.TxnBody{Type: proto.OpDelete, Path: []byte(path)}
		tr.Apply(&l.txn, nil)
	}
	changes := func() (seen []string) {
		c := tr.TakeChanges(nil)
		for more := true; more; {
			more = c.Next(tr, 100, func(path []byte, n NodeID) bool {
				if n == 0 {
					path = append([]byte("no "), path...)
				}
				seen = append(seen, string(path))
				return true
			})
		}
		return seen
	}
	l.create("/hot", nil)
	l.create("/hot/a", []byte("x"))
	changes()
	for range 1000 {
		remove("/hot/a")
		l.create("/hot/a", []byte("x"))
	}
	remove("/hot/a")
	if n := tr.ChangeCount(); n != 3 { // /hot, the number that /hot/a had later, and its removal
		t.Errorf("%d changes, want 3", n)
	}
	if seen := changes(); !slices.Equal(seen, []string{"/hot", "no /hot/a"}) {
		t.Errorf("changes are %q", seen)
	}
	// What no set has shown need not be told that it is gone.
	l.create("/hot/b", []byte("x"))
	remove("/hot/b")
	if seen := changes(); !slices.Equal(seen, []string{"/hot"}) {
		t.Errorf("changes are %q", seen)
	}
	// What is younger than a set is not in it, though its number and its path may be.
	l.create("/hot/c", []byte("x"))
	c := tr.TakeChanges(nil)
	remove("/hot/c")
	l.create("/hot/d", []byte("y"))
	for more := true; more; {
		more = c.Next(tr, 100, func(path []byte, n NodeID) bool {
			if string(path) != "/hot" {
				t.Errorf("%s is in the set", path)
			}
			return true
		})
	}
}

// TestTrackingAllocs asserts that the steady state of tracking allocates nothing.
func TestTrackingAllocs(t *testing.T) {
	l := newLoader(Options{Track: true})
	for range 10_000 {
		l.add(make([]byte, 100))
	}
	tr, spare := l.tr, (*Changes)(nil)
	child := []byte("/load/dir0000003/new")
	round := func() {
		for range 3000 {
			l.txn.Zxid++
			l.txn.Type, l.txn.Body = proto.OpCreate, proto.TxnBody{Type: proto.OpCreate, Path: child, ACL: proto.OpenACL, Version: int32(l.txn.Zxid)}
			tr.Apply(&l.txn, nil)
			l.txn.Type, l.txn.Body = proto.OpDelete, proto.TxnBody{Type: proto.OpDelete, Path: child}
			tr.Apply(&l.txn, nil)
			child[len(child)-1]++
		}
		c := tr.TakeChanges(spare)
		for c.Next(tr, 100, func([]byte, NodeID) bool { return true }) {
		}
		c.Reset()
		spare = c
	}
	round()
	round()
	if n := testing.AllocsPerRun(10, round); n != 0 {
		t.Errorf("%.1f allocations", n)
	}
}
