package zab

import (
	"fmt"
	"slices"

	"gamekeeper/proto"
)

// Run is a stretch of a history without gaps: every zxid from First to Last, which are of one epoch.
type Run struct{ First, Last proto.Zxid }

// History says which transactions a log holds: all after Base up to Last, in runs. It tells whether a learner's
// last zxid is one of them without a look at the disk.
type History struct {
	// Base is the zxid after which the log has everything; 0 when it has everything there ever was.
	Base proto.Zxid
	// Runs are in order, and all of them are after Base.
	Runs []Run
}

// Last returns the last zxid: Base if there is none after it.
func (h *History) Last() proto.Zxid {
	if n := len(h.Runs); n > 0 {
		return h.Runs[n-1].Last
	}
	return h.Base
}

// Append adds a transaction. It panics unless zxid is after Last.
func (h *History) Append(zxid proto.Zxid) {
	last := h.Last()
	if zxid <= last {
		panic(fmt.Sprintf("zab: transaction %s appended after %s", zxid, last))
	}
	if n := len(h.Runs); n > 0 && zxid == last+1 && zxid.Epoch() == last.Epoch() {
		h.Runs[n-1].Last = zxid
		return
	}
	h.Runs = append(h.Runs, Run{zxid, zxid})
}

// Floor returns the last transaction that is not after z, or Base if there is none. ok is false if z is below
// Base: what there was of it is not known any more.
func (h *History) Floor(z proto.Zxid) (_ proto.Zxid, ok bool) {
	if z < h.Base {
		return 0, false
	}
	i := h.search(z)
	if i == 0 {
		return h.Base, true
	}
	return min(h.Runs[i-1].Last, z), true
}

// Has says whether z is Base or one of the transactions.
func (h *History) Has(z proto.Zxid) bool {
	f, ok := h.Floor(z)
	return ok && f == z
}

// HasEpoch says whether the history holds a transaction of e.
func (h *History) HasEpoch(e proto.Epoch) bool {
	i := h.search(proto.MakeZxid(e, 1<<32-1))
	return i > 0 && h.Runs[i-1].Last.Epoch() == e
}

// search returns the number of runs that begin at or before z.
func (h *History) search(z proto.Zxid) int {
	i, _ := slices.BinarySearchFunc(h.Runs, z, func(r Run, z proto.Zxid) int {
		if r.First <= z {
			return -1
		}
		return 1
	})
	return i
}

// Truncate removes what is after z, which is not below Base.
func (h *History) Truncate(z proto.Zxid) {
	i := h.search(z)
	h.Runs = h.Runs[:i]
	if i > 0 {
		h.Runs[i-1].Last = min(h.Runs[i-1].Last, z)
	}
}

// Purge removes what is not after base: the log does not reach back any further. Last remains what it is, even if
// base is after it, as the zxid of a snapshot may be that a new leader made before its first transaction.
func (h *History) Purge(base proto.Zxid) {
	base = min(base, h.Last())
	if base <= h.Base {
		return
	}
	h.Base = base
	i := 0
	for i < len(h.Runs) && h.Runs[i].Last <= base {
		i++
	}
	h.Runs = slices.Delete(h.Runs, 0, i)
	if len(h.Runs) > 0 && h.Runs[0].First <= base {
		h.Runs[0].First = base + 1
	}
}

// Reset leaves an empty history after base.
func (h *History) Reset(base proto.Zxid) { h.Base, h.Runs = base, nil }
