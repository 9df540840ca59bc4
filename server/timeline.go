package server

import (
	"gamekeeper/proto"
	"gamekeeper/server/admin"
)

// timeline remembers when transactions have come to some point of their way, until they have come to the next. What
// came there together has one mark. It belongs to the core.
type timeline struct {
	last  proto.Zxid // that has come there
	marks []mark     // of those that have not come further, from head on
	head  int
}

// mark stands for the transactions after one zxid up to another.
type mark struct {
	after, upTo proto.Zxid
	at          int64 // nanoseconds since the server started
}

// restart forgets everything: what comes next is after a zxid.
func (t *timeline) restart(last proto.Zxid) {
	t.last, t.marks, t.head = last, t.marks[:0], 0
}

// reached notes that everything up to a zxid has come here, by a time.
func (t *timeline) reached(upTo proto.Zxid, at int64) {
	if upTo <= t.last {
		return
	}
	if t.head > 0 && len(t.marks) == cap(t.marks) {
		t.marks, t.head = t.marks[:copy(t.marks, t.marks[t.head:])], 0
	}
	t.marks = append(t.marks, mark{after: t.last, upTo: upTo, at: at})
	t.last = upTo
}

// passed notes that everything up to a zxid has come further at a time, and records how long that took.
func (t *timeline) passed(upTo proto.Zxid, at int64, lane *admin.TimesLane) {
	for t.head < len(t.marks) {
		m := &t.marks[t.head]
		if m.after >= upTo {
			break
		}
		to := min(m.upTo, upTo)
		lane.Record(between(m.after, to), at-m.at)
		if to < m.upTo {
			m.after = to
			break
		}
		t.head++
	}
	if t.head == len(t.marks) {
		t.marks, t.head = t.marks[:0], 0
	}
}

// of returns when a transaction that has not come further came here, or otherwise when that is not known.
func (t *timeline) of(zxid proto.Zxid, otherwise int64) int64 {
	for i := t.head; i < len(t.marks) && t.marks[i].after < zxid; i++ {
		if zxid <= t.marks[i].upTo {
			return t.marks[i].at
		}
	}
	return otherwise
}

// between is how many transactions are after one zxid, up to another of the same epoch. An epoch's first is 1.
func between(after, upTo proto.Zxid) int64 {
	if after.Epoch() != upTo.Epoch() {
		return int64(upTo.Counter())
	}
	return int64(upTo - after)
}
