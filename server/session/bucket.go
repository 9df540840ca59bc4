package session

import (
	"cmp"
	"slices"

	"gamekeeper/proto"
)

// bucket lists the sessions filed under one instant. The list is threaded through the sessions, so that
// filing and unfiling allocate nothing.
type bucket[O any] struct {
	expiry     int64
	head, tail *Session[O]
}

func (b *bucket[O]) append(s *Session[O]) {
	s.bucket, s.prev, s.next = b, b.tail, nil
	if b.tail == nil {
		b.head = s
	} else {
		b.tail.next = s
	}
	b.tail = s
}

func (b *bucket[O]) remove(s *Session[O]) {
	if s.prev == nil {
		b.head = s.next
	} else {
		s.prev.next = s.next
	}
	if s.next == nil {
		b.tail = s.prev
	} else {
		s.next.prev = s.prev
	}
	s.bucket, s.prev, s.next = nil, nil, nil
}

// file puts s, which is in no bucket, into that of its expiry.
func (t *Tracker[O]) file(s *Session[O]) {
	expiry := t.Expiry(s)
	i, found := slices.BinarySearchFunc(t.buckets, expiry, func(b *bucket[O], e int64) int {
		return cmp.Compare(b.expiry, e)
	})
	if !found {
		t.buckets = slices.Insert(t.buckets, i, &bucket[O]{expiry: expiry})
	}
	t.buckets[i].append(s)
}

// Group is the sessions that expire at one instant.
type Group struct {
	ExpiryMs int64
	Sessions []proto.SessionID
}

// Groups returns the sessions that are not about to end, by expiry, soonest first, as the four-letter
// word dump lists them. It visits every session.
func (t *Tracker[O]) Groups() []Group {
	byExpiry := make(map[int64]int) // index into groups
	var groups []Group
	for _, b := range t.buckets {
		for s := b.head; s != nil; s = s.next {
			expiry := t.Expiry(s) // the bucket's own may be out of date
			i, ok := byExpiry[expiry]
			if !ok {
				i = len(groups)
				byExpiry[expiry] = i
				groups = append(groups, Group{ExpiryMs: expiry})
			}
			groups[i].Sessions = append(groups[i].Sessions, s.ID)
		}
	}
	slices.SortFunc(groups, func(a, b Group) int { return cmp.Compare(a.ExpiryMs, b.ExpiryMs) })
	return groups
}
