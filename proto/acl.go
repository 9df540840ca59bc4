package proto

import "iter"

// Permissions of an access control entry.
const (
	PermRead   int32 = 1 << 0
	PermWrite  int32 = 1 << 1
	PermCreate int32 = 1 << 2
	PermDelete int32 = 1 << 3
	PermAdmin  int32 = 1 << 4
	PermAll    int32 = 31
)

// ACL is one access control entry.
type ACL struct {
	Perms int32
	Identity
}

// ACLs is a list of entries in its wire encoding, count included. Lists are compared, interned, logged
// and sent as these bytes. A nil value is the null vector; an empty list is not nil.
type ACLs []byte

// OpenACL is world:anyone with every permission, what nearly every znode has.
var OpenACL = NewACLs(ACL{PermAll, Identity{[]byte("world"), []byte("anyone")}})

// ReadACL is world:anyone with read alone, what /zookeeper/config has.
var ReadACL = NewACLs(ACL{PermRead, Identity{[]byte("world"), []byte("anyone")}})

// NewACLs encodes entries.
func NewACLs(entries ...ACL) ACLs {
	b := AppendInt32(make([]byte, 0, 64), int32(len(entries)))
	for _, e := range entries {
		b = AppendACL(b, e)
	}
	return ACLs(b)
}

// AppendACL appends one entry.
func AppendACL(b []byte, e ACL) []byte {
	return AppendIdentity(AppendInt32(b, e.Perms), e.Identity)
}

// AppendACLs appends the list; nil is the null vector.
func AppendACLs(b []byte, l ACLs) []byte {
	if l == nil {
		return AppendInt32(b, -1)
	}
	return append(b, l...)
}

// Len returns the number of entries.
func (l ACLs) Len() int { return encodedCount(l) }

// All yields the entries in order. They alias the list.
func (l ACLs) All() iter.Seq[ACL] {
	return func(yield func(ACL) bool) {
		d := NewDecoder(l)
		for n := d.Int32(); n > 0; n-- {
			e := d.acl()
			if d.err != nil || !yield(e) {
				return
			}
		}
	}
}

func (d *Decoder) acl() ACL {
	return ACL{Perms: d.Int32(), Identity: d.identity()}
}

// ACLs reads a list, checks that it is well formed and returns its bytes, which alias the input. A null
// vector gives nil; a negative count other than -1 gives an empty list.
func (d *Decoder) ACLs() ACLs {
	start := d.off
	n := d.Count(12)
	for range n {
		d.acl()
	}
	return d.vectorFrom(start, n)
}
