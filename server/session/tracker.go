package session

import (
	"iter"
	"maps"
	"math"
	"slices"

	"gamekeeper/proto"
)

// Never is what NextDue returns when no session can expire.
const Never int64 = math.MaxInt64

// Tracker holds the sessions of a server and says which have expired. It belongs to one goroutine.
type Tracker[O any] struct {
	tick     int64
	sessions map[proto.SessionID]*Session[O]
	buckets  []*bucket[O] // by expiry, ascending; a bucket may be empty until it is due
	hold     int64        // no session expires before, ms
	held     bool         // and none has been looked for since hold was set
}

// NewTracker returns an empty tracker that expires sessions at multiples of tickMs milliseconds, which
// is tickTime and must be positive.
func NewTracker[O any](tickMs int64) *Tracker[O] {
	if tickMs <= 0 {
		panic("session: tick must be positive")
	}
	return &Tracker[O]{tick: tickMs, sessions: make(map[proto.SessionID]*Session[O])}
}

// Create starts to track session id, touched at nowMs, with a timeout in milliseconds that is both the
// persisted and the negotiated one. A session that is tracked already is returned as it is.
func (t *Tracker[O]) Create(id proto.SessionID, timeoutMs int32, nowMs int64) *Session[O] {
	if s := t.sessions[id]; s != nil {
		return s
	}
	s := &Session[O]{ID: id, persisted: timeoutMs}
	s.timeout.Store(timeoutMs)
	s.touched.Store(nowMs)
	t.sessions[id] = s
	t.file(s)
	return s
}

// Get returns session id, or nil.
func (t *Tracker[O]) Get(id proto.SessionID) *Session[O] { return t.sessions[id] }

// Remove forgets session id, if it is tracked. A loop that still holds the session may touch it in vain.
func (t *Tracker[O]) Remove(id proto.SessionID) {
	s := t.sessions[id]
	if s == nil {
		return
	}
	delete(t.sessions, id)
	if s.bucket != nil {
		s.bucket.remove(s)
	}
}

// Len returns the number of sessions, closing ones included.
func (t *Tracker[O]) Len() int { return len(t.sessions) }

// All yields every session, closing ones included, in no particular order.
func (t *Tracker[O]) All() iter.Seq[*Session[O]] { return maps.Values(t.sessions) }

// SetTimeout gives s the timeout that a renewal at nowMs negotiated, in milliseconds, and touches it.
func (t *Tracker[O]) SetTimeout(s *Session[O], timeoutMs int32, nowMs int64) {
	s.timeout.Store(timeoutMs)
	s.Touch(nowMs)
	// A shorter timeout can bring the expiry forward, which no visit of the old bucket would notice.
	if s.bucket != nil && t.Expiry(s) < s.bucket.expiry {
		s.bucket.remove(s)
		t.file(s)
	}
}

// Rearm gives every session its full persisted timeout from nowMs on, and forgets owners and what was
// closing: what a new leader, and a stand-alone server after its start, owes clients that could not reach
// it in the meantime.
func (t *Tracker[O]) Rearm(nowMs int64) {
	t.buckets = nil
	for _, s := range t.sessions {
		var unowned O
		s.Owner, s.Closing = unowned, false
		s.timeout.Store(s.persisted)
		s.touched.Store(nowMs)
		s.bucket, s.next, s.prev = nil, nil, nil
		t.file(s)
	}
}

// Expiry returns when s expires unless it is touched: the first multiple of the tick strictly after its
// last touch plus its timeout.
func (t *Tracker[O]) Expiry(s *Session[O]) int64 {
	return ((s.touched.Load()+int64(s.timeout.Load()))/t.tick + 1) * t.tick
}

// Expired appends sessions that have expired at nowMs to dst and returns it. They are marked Closing and
// stay tracked until Remove; none is returned twice. Sessions that were Closing already are left out, as
// their end is on its way.
//
// At most limit sessions are looked at per call, so fewer than limit results do not mean that all is
// done: more is due now if NextDue() <= nowMs.
func (t *Tracker[O]) Expired(nowMs int64, limit int, dst []*Session[O]) []*Session[O] {
	if nowMs < t.hold {
		return dst
	}
	t.held = false
	for len(t.buckets) > 0 && t.buckets[0].expiry <= nowMs {
		b := t.buckets[0]
		for b.head != nil {
			if limit <= 0 {
				return dst
			}
			limit--
			s := b.head
			b.remove(s)
			switch {
			case s.Closing:
			case t.Expiry(s) > b.expiry:
				t.file(s) // behind this bucket, which therefore stays the first
			default:
				s.Closing = true
				dst = append(dst, s)
			}
		}
		t.buckets = slices.Delete(t.buckets, 0, 1)
	}
	return dst
}

// DropEmpty gives back what sessions that are gone have left. Who does not call Expired calls this now and then.
func (t *Tracker[O]) DropEmpty() {
	t.buckets = slices.DeleteFunc(t.buckets, func(b *bucket[O]) bool { return b.head == nil })
}

// Hold says that the server did nothing for a while, until nowMs: it was stopped, or waited for a disk. What clients and
// learners have sent in the meantime may still be unread, so no session expires for one tick more. It is false, and does
// nothing, if it was asked before and none has been looked for since: who is always late must expire sessions too.
func (t *Tracker[O]) Hold(nowMs int64) bool {
	if t.held {
		return false
	}
	t.hold, t.held = nowMs+t.tick, true
	return true
}

// NextDue returns the earliest time at which Expired has work to do, or Never. It does not change before
// that time except by Create, SetTimeout, Rearm and Hold, and work need not mean that a session has expired.
func (t *Tracker[O]) NextDue() int64 {
	if len(t.buckets) == 0 {
		return Never
	}
	return max(t.buckets[0].expiry, t.hold)
}
