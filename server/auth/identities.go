package auth

import (
	"bytes"
	"fmt"
	"iter"
	"net/netip"

	"gamekeeper/proto"
)

// schemeSuper marks a connection that no list binds. Nobody claims it by name: it is added by a provider.
const schemeSuper = "super"

// Identities is the set of identities of a connection, in the order they were added. It is immutable and
// the size of a pointer; the zero value is the empty set.
type Identities struct {
	set *identitySet
}

type identitySet struct {
	ids   []proto.Identity
	super bool
}

// Initial returns what every connection from remote starts with: its address.
func Initial(remote netip.Addr) Identities {
	return Identities{}.With(proto.Identity{Scheme: []byte(schemeIP), ID: appendAddr(nil, remote)})
}

// With returns the set with id added. It keeps the slices of id, which must not change afterwards.
func (s Identities) With(id proto.Identity) Identities {
	if s.has(id) {
		return s
	}
	next := &identitySet{super: s.Super() || string(id.Scheme) == schemeSuper}
	next.ids = make([]proto.Identity, 0, s.Len()+1)
	if s.set != nil {
		next.ids = append(next.ids, s.set.ids...)
	}
	next.ids = append(next.ids, id)
	return Identities{next}
}

func (s Identities) has(id proto.Identity) bool {
	for _, own := range s.slice() {
		if bytes.Equal(own.Scheme, id.Scheme) && bytes.Equal(own.ID, id.ID) {
			return true
		}
	}
	return false
}

func (s Identities) slice() []proto.Identity {
	if s.set == nil {
		return nil
	}
	return s.set.ids
}

// Len returns the number of identities.
func (s Identities) Len() int { return len(s.slice()) }

// All yields the identities in the order they were added. They must not be changed.
func (s Identities) All() iter.Seq[proto.Identity] {
	return func(yield func(proto.Identity) bool) {
		for _, id := range s.slice() {
			if !yield(id) {
				return
			}
		}
	}
}

// Super says whether the connection is above all lists.
func (s Identities) Super() bool { return s.set != nil && s.set.super }

// String lists the identities for logs, without digests: scheme:user for digest, scheme:id otherwise.
func (s Identities) String() string {
	var b []byte
	for i, id := range s.slice() {
		if i > 0 {
			b = append(b, ' ')
		}
		shown := id.ID
		if string(id.Scheme) == schemeDigest {
			shown = digestUser(id.ID)
		}
		b = fmt.Appendf(b, "%s:%s", id.Scheme, shown)
	}
	return string(b)
}
