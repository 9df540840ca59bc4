package auth

import (
	"bytes"

	"gamekeeper/proto"
)

const (
	schemeWorld = "world"
	schemeAuth  = "auth"
	anyone      = "anyone"
)

// Allowed says whether a connection with ids has at least one of the permissions perm by acl, which must
// be well formed. A null or empty list allows everything.
func (r *Registry) Allowed(acl proto.ACLs, perm int32, ids Identities) bool {
	if r.skipACL || bytes.Equal(acl, proto.OpenACL) || ids.Super() {
		return true
	}
	d := proto.NewDecoder(acl)
	n := d.Count(aclMinBytes)
	if n <= 0 {
		return true
	}
	for range n {
		e := readACL(&d)
		if e.Perms&perm != 0 && r.matches(e.Identity, ids) {
			return true
		}
	}
	return false
}

// matches says whether one of ids is meant by entry.
func (r *Registry) matches(entry proto.Identity, ids Identities) bool {
	if isWorld(entry) {
		return true
	}
	p := r.provider(entry.Scheme)
	if p == nil {
		return false
	}
	for _, id := range ids.slice() {
		if bytes.Equal(id.Scheme, entry.Scheme) && p.Matches(id.ID, entry.ID) {
			return true
		}
	}
	return false
}

func isWorld(id proto.Identity) bool {
	return string(id.Scheme) == schemeWorld && string(id.ID) == anyone
}

// AppendMasked appends acl as getACL answers a client without ADMIN: of digest ids, what stands after
// the first colon is replaced by x.
func AppendMasked(b []byte, acl proto.ACLs) []byte {
	if acl == nil {
		return proto.AppendACLs(b, nil)
	}
	d := proto.NewDecoder(acl)
	n := max(d.Count(aclMinBytes), 0)
	b = proto.AppendInt32(b, int32(n))
	for range n {
		e := readACL(&d)
		if user, _, ok := bytes.Cut(e.ID, []byte(":")); ok && string(e.Scheme) == schemeDigest {
			b = proto.AppendInt32(b, e.Perms)
			b = proto.AppendBuffer(b, e.Scheme)
			b = proto.AppendInt32(b, int32(len(user)+len(":x")))
			b = append(append(b, user...), ":x"...)
			continue
		}
		b = proto.AppendACL(b, e)
	}
	return b
}

// aclMinBytes is the encoded size of an entry whose scheme and id are null or empty.
const aclMinBytes = 12

func readACL(d *proto.Decoder) proto.ACL {
	return proto.ACL{Perms: d.Int32(), Identity: proto.Identity{Scheme: d.Buffer(), ID: d.Buffer()}}
}
