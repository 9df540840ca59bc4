package proto

import "iter"

// Identity is who a connection is, or whom an access control entry names. A nil field is null.
type Identity struct {
	Scheme, ID []byte
}

// Identities is a list of identities in its wire encoding, count included: the authinfo of a
// QuorumPacket, the reply of whoAmI (where the user's name takes the place of the ID). Nil is the null
// vector.
type Identities []byte

// NewIdentities encodes a list.
func NewIdentities(ids ...Identity) Identities {
	b := AppendInt32(make([]byte, 0, 64), int32(len(ids)))
	for _, id := range ids {
		b = AppendIdentity(b, id)
	}
	return Identities(b)
}

// AppendIdentity appends one identity.
func AppendIdentity(b []byte, id Identity) []byte {
	return AppendBuffer(AppendBuffer(b, id.Scheme), id.ID)
}

// AppendIdentities appends the list; nil is the null vector.
func AppendIdentities(b []byte, l Identities) []byte {
	if l == nil {
		return AppendInt32(b, -1)
	}
	return append(b, l...)
}

// Len returns the number of identities.
func (l Identities) Len() int { return encodedCount(l) }

// All yields the identities in order. They alias the list.
func (l Identities) All() iter.Seq[Identity] {
	return func(yield func(Identity) bool) {
		d := NewDecoder(l)
		for n := d.Int32(); n > 0; n-- {
			id := d.identity()
			if d.err != nil || !yield(id) {
				return
			}
		}
	}
}

func (d *Decoder) identity() Identity {
	return Identity{Scheme: d.Buffer(), ID: d.Buffer()}
}

// Identities reads a list, checks that it is well formed and returns its bytes, which alias the input. A
// null vector gives nil; a negative count other than -1 gives an empty list.
func (d *Decoder) Identities() Identities {
	start := d.off
	n := d.Count(8)
	for range n {
		d.identity()
	}
	return d.vectorFrom(start, n)
}
