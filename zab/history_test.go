package zab

import (
	"cmp"
	"math"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gamekeeper/proto"
)

// naiveHistory is a list of transactions.
type naiveHistory struct {
	base proto.Zxid
	txns []proto.Zxid
}

func (n *naiveHistory) last() proto.Zxid {
	if len(n.txns) == 0 {
		return n.base
	}
	return n.txns[len(n.txns)-1]
}

func (n *naiveHistory) floor(z proto.Zxid) (proto.Zxid, bool) {
	best := n.base
	for _, x := range n.txns {
		if x <= z {
			best = x
		}
	}
	return best, z >= n.base
}

// runs joins neighbours of one epoch.
func (n *naiveHistory) runs() []Run {
	var all []Run
	for _, z := range n.txns {
		if k := len(all); k > 0 && all[k-1].Last+1 == z && all[k-1].Last.Epoch() == z.Epoch() {
			all[k-1].Last = z
			continue
		}
		all = append(all, Run{z, z})
	}
	return all
}

// drawZxid draws from a few epochs, with counters at both ends: the step from the last zxid of an epoch to the
// first one of the next is 1, and no run goes over it.
func drawZxid(t *rapid.T, label string) proto.Zxid {
	counter := rapid.Uint32Range(0, 8).Draw(t, label)
	if rapid.IntRange(0, 3).Draw(t, label+" at the end") == 0 {
		counter = math.MaxUint32 - counter
	}
	return proto.MakeZxid(proto.Epoch(rapid.Int64Range(0, 4).Draw(t, label+" epoch")), counter)
}

// TestHistory does the same to a History and to a list of transactions.
func TestHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, n := &History{}, &naiveHistory{}
		t.Repeat(map[string]func(*rapid.T){
			"next": func(t *rapid.T) {
				for range rapid.IntRange(1, 5).Draw(t, "count") {
					h.Append(h.Last() + 1)
					n.txns = append(n.txns, n.last()+1)
				}
			},
			"append": func(t *rapid.T) {
				if z := drawZxid(t, "zxid"); z > n.last() {
					h.Append(z)
					n.txns = append(n.txns, z)
				}
			},
			"truncate": func(t *rapid.T) {
				z := max(n.base, drawZxid(t, "zxid"))
				h.Truncate(z)
				n.txns = slices.DeleteFunc(n.txns, func(x proto.Zxid) bool { return x > z })
			},
			"purge": func(t *rapid.T) {
				z := drawZxid(t, "zxid")
				h.Purge(z)
				n.base = max(n.base, min(z, n.last()))
				n.txns = slices.DeleteFunc(n.txns, func(x proto.Zxid) bool { return x <= n.base })
			},
			"reset": func(t *rapid.T) {
				n.base, n.txns = drawZxid(t, "zxid"), nil
				h.Reset(n.base)
			},
			"": func(t *rapid.T) { compareHistory(t, h, n) },
		})
	})
}

func compareHistory(t *rapid.T, h *History, n *naiveHistory) {
	if h.Base != n.base || h.Last() != n.last() {
		t.Fatalf("Base %s, Last %s, want %s and %s", h.Base, h.Last(), n.base, n.last())
	}
	if diff := gocmp.Diff(n.runs(), slices.Clip(append([]Run(nil), h.Runs...))); diff != "" {
		t.Fatalf("runs (-want +got):\n%s", diff)
	}
	z := drawZxid(t, "probe")
	if len(n.txns) > 0 && rapid.Bool().Draw(t, "near") {
		z = rapid.SampledFrom(n.txns).Draw(t, "of") + proto.Zxid(rapid.Int64Range(-1, 1).Draw(t, "and"))
	}
	floor, ok := h.Floor(z)
	if want, wantOK := n.floor(z); ok != wantOK || ok && floor != want {
		t.Fatalf("Floor(%s): %s, %t, want %s, %t", z, floor, ok, want, wantOK)
	}
	_, found := slices.BinarySearchFunc(n.txns, z, cmp.Compare[proto.Zxid])
	if want := found || z == n.base; h.Has(z) != want {
		t.Fatalf("Has(%s) is not %t", z, want)
	}
	ofEpoch := func(x proto.Zxid) bool { return x.Epoch() == z.Epoch() }
	if want := slices.ContainsFunc(n.txns, ofEpoch); h.HasEpoch(z.Epoch()) != want {
		t.Fatalf("HasEpoch(%d) is not %t", z.Epoch(), want)
	}
}

// TestHistoryRefuses: a transaction that is not after the last one would mean that the log is not what this server
// believes it is.
func TestHistoryRefuses(t *testing.T) {
	for _, z := range []proto.Zxid{proto.MakeZxid(2, 3), proto.MakeZxid(2, 2), proto.MakeZxid(1, 9)} {
		h := &History{Base: proto.MakeZxid(2, 1)}
		h.Append(proto.MakeZxid(2, 3))
		if !panics(func() { h.Append(z) }) {
			t.Errorf("%s was appended after %s", z, proto.MakeZxid(2, 3))
		}
	}
}

func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return false
}

// TestHistoryAppendDoesNotAllocate: it is called for each transaction.
func TestHistoryAppendDoesNotAllocate(t *testing.T) {
	h := &History{}
	h.Append(proto.MakeZxid(1, 1))
	if n := testing.AllocsPerRun(100, func() { h.Append(h.Last() + 1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
