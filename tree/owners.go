package tree

import (
	"iter"
	"math"

	"gamekeeper/proto"
)

// Kind is what the stored owner of a znode says about it.
type Kind uint8

// The kinds of owners.
const (
	OwnerNone      Kind = iota // a persistent znode
	OwnerSession               // an ephemeral one
	OwnerContainer             // a container
	OwnerTTL                   // a znode with a time to live
)

const (
	// TTLMax is the longest time to live of a znode, in milliseconds.
	TTLMax int64 = 0xffffffffff

	containerOwner int64 = math.MinInt64
	ttlMark        int64 = -1 << 56     // 0xff in the highest byte
	ttlTypeMask    int64 = -1 &^ TTLMax // highest byte and feature number
)

// OwnerOf is the stored owner of the znode that a create of any kind makes for a session. The TTL must be
// in its range.
func OwnerOf(op *proto.TxnBody, session proto.SessionID) int64 {
	switch {
	case op.Type == proto.OpCreateCont:
		return containerOwner
	case op.Type == proto.OpCreateTTL:
		return ttlMark | op.TTL
	case op.Ephemeral:
		return int64(session)
	}
	return 0
}

// OwnerKind tells what a stored owner means. Owners of TTL znodes are recognised only with
// Options.ExtendedTypes; otherwise they look like sessions, as for Apache (EphemeralType).
func (t *Tree) OwnerKind(owner int64) Kind {
	switch {
	case owner == 0:
		return OwnerNone
	case owner == containerOwner:
		return OwnerContainer
	case owner < 0 && t.opt.ExtendedTypes && (t.opt.Emulate353 || owner&ttlTypeMask == ttlMark):
		return OwnerTTL
	}
	return OwnerSession
}

// owners links the znodes that a session owns, and those that the reaper looks at, into rings. The links
// are beside the records because few znodes need them. Order is that of creation, so that it does not
// depend on the machine.
type owners struct {
	links    map[NodeID]link
	sessions map[proto.SessionID]ring
	reapable ring   // containers and TTL znodes
	cursor   NodeID // where the reaper's round goes on; 0 is at the start

	ephemerals, containers, ttls int
}

type link struct{ next, prev NodeID }

type ring struct {
	first NodeID
	n     int
}

func newOwners() owners {
	return owners{links: map[NodeID]link{}, sessions: map[proto.SessionID]ring{}}
}

// add records that n has this owner.
func (o *owners) add(k Kind, owner int64, n NodeID) {
	switch k {
	case OwnerNone:
	case OwnerSession:
		s := o.sessions[proto.SessionID(owner)]
		o.push(&s, n)
		o.sessions[proto.SessionID(owner)] = s
		o.ephemerals++
	case OwnerContainer:
		o.push(&o.reapable, n)
		o.containers++
	case OwnerTTL:
		o.push(&o.reapable, n)
		o.ttls++
	}
}

// remove undoes add.
func (o *owners) remove(k Kind, owner int64, n NodeID) {
	switch k {
	case OwnerNone:
	case OwnerSession:
		s := o.sessions[proto.SessionID(owner)]
		o.pull(&s, n)
		if s.n == 0 {
			delete(o.sessions, proto.SessionID(owner))
		} else {
			o.sessions[proto.SessionID(owner)] = s
		}
		o.ephemerals--
	case OwnerContainer, OwnerTTL:
		if o.cursor == n {
			o.cursor = o.after(n)
		}
		o.pull(&o.reapable, n)
		if k == OwnerContainer {
			o.containers--
		} else {
			o.ttls--
		}
	}
}

func (o *owners) push(r *ring, n NodeID) {
	r.n++
	if r.n == 1 {
		r.first = n
		o.links[n] = link{n, n}
		return
	}
	first := o.links[r.first]
	last := first.prev
	o.links[n] = link{next: r.first, prev: last}
	first.prev = n
	o.links[r.first] = first
	l := o.links[last]
	l.next = n
	o.links[last] = l
}

func (o *owners) pull(r *ring, n NodeID) {
	r.n--
	l := o.links[n]
	delete(o.links, n)
	if r.n == 0 {
		r.first = 0
		return
	}
	p := o.links[l.prev]
	p.next = l.next
	o.links[l.prev] = p
	q := o.links[l.next]
	q.prev = l.prev
	o.links[l.next] = q
	if r.first == n {
		r.first = l.next
	}
}

// after returns the reapable znode after n, 0 at the end of the round.
func (o *owners) after(n NodeID) NodeID {
	if next := o.links[n].next; next != o.reapable.first {
		return next
	}
	return 0
}

// Ephemerals yields the znodes that session s owns, in the order of their creation.
func (t *Tree) Ephemerals(s proto.SessionID) iter.Seq[NodeID] {
	return func(yield func(NodeID) bool) {
		r := t.owners.sessions[s]
		for n, i := r.first, 0; i < r.n && yield(n); i++ {
			n = t.owners.links[n].next
		}
	}
}

// EphemeralSessions yields the sessions that own znodes, in no order, and how many.
func (t *Tree) EphemeralSessions() iter.Seq2[proto.SessionID, int] {
	return func(yield func(proto.SessionID, int) bool) {
		for s, r := range t.owners.sessions {
			if !yield(s, r.n) {
				return
			}
		}
	}
}

// EphemeralCount is the number of ephemeral znodes.
func (t *Tree) EphemeralCount() int { return t.owners.ephemerals }

// ContainerCount is the number of containers.
func (t *Tree) ContainerCount() int { return t.owners.containers }

// TTLCount is the number of znodes with a time to live.
func (t *Tree) TTLCount() int { return t.owners.ttls }

// reapStep bounds the znodes that one ReapCandidates looks at.
const reapStep = 4096

// ReapCandidates continues the reaper's round over containers and TTL znodes, and appends to dst those
// that may be deleted at time now (milliseconds since the Unix epoch): at most limit, after looking at a
// bounded number. roundEnds says that the round is complete; the next call begins another. Containers
// that never had a child are candidates maxNeverUsed milliseconds after their last change, or never when
// that is 0. The owner alone may call it.
func (t *Tree) ReapCandidates(now, maxNeverUsed int64, limit int, dst []NodeID) (_ []NodeID, roundEnds bool) {
	o := &t.owners
	if o.cursor == 0 {
		o.cursor = o.reapable.first
	}
	for range reapStep {
		n := o.cursor
		if n == 0 {
			return dst, true
		}
		if limit == 0 {
			return dst, false
		}
		if t.reapable(n, now, maxNeverUsed) {
			dst = append(dst, n)
			limit--
		}
		o.cursor = o.after(n)
	}
	return dst, o.cursor == 0
}

// reapable is ContainerManager's rule.
func (t *Tree) reapable(n NodeID, now, maxNeverUsed int64) bool {
	r := t.records.at(n)
	if r.firstChild != 0 {
		return false
	}
	idle := now - r.mtime
	if t.OwnerKind(r.owner) == OwnerTTL {
		ttl := r.owner & TTLMax
		return ttl != 0 && idle > ttl
	}
	return r.rawCversion > 0 || maxNeverUsed != 0 && idle > maxNeverUsed
}
