package auth

import (
	"bytes"

	"gamekeeper/proto"
)

const (
	// maxExpanded bounds in bytes what the scheme auth may expand a list to. A larger list could not be
	// read back within the default jute.maxbuffer.
	maxExpanded = 1 << 20
	// scanDuplicates is the number of entries up to which duplicates are found without a map.
	scanDuplicates = 16
)

// FixUp turns the list of a create or setACL by a connection with ids into the one to store: duplicates
// are dropped, the scheme auth is replaced by the connection's users. The result is acl itself when
// nothing changed. A code other than proto.OK refuses the request. acl must be well formed.
func (r *Registry) FixUp(acl proto.ACLs, ids Identities) (proto.ACLs, proto.Code) {
	if bytes.Equal(acl, proto.OpenACL) {
		return acl, proto.OK
	}
	d := proto.NewDecoder(acl)
	n := d.Count(aclMinBytes)
	if n <= 0 {
		return nil, proto.InvalidACL
	}
	f := fixer{r: r, ids: ids, acl: acl, same: true, kept: d.Offset()}
	for range n {
		start := d.Offset()
		e := readACL(&d)
		if f.duplicate(acl[start:d.Offset()], start) {
			f.diverge(start)
			continue
		}
		if code := f.entry(e, start, d.Offset()); code != proto.OK {
			return nil, code
		}
	}
	if f.same {
		return acl, proto.OK
	}
	out := proto.AppendInt32(make([]byte, 0, 4+len(f.out)), int32(f.count))
	return proto.ACLs(append(out, f.out...)), proto.OK
}

// fixer walks one list. As long as the result equals the input it only counts; from the first difference
// on it copies.
type fixer struct {
	r    *Registry
	ids  Identities
	acl  proto.ACLs
	same bool
	kept int // offset of the first entry in acl

	out   []byte // entries so far, once same is false
	count int
	seen  map[string]struct{} // encoded entries so far, once there are many
}

// diverge notes that the result differs from the input from the entry at offset start on.
func (f *fixer) diverge(start int) {
	if f.same {
		f.same = false
		f.out = append(f.out, f.acl[f.kept:start]...)
	}
}

// keep takes the entry at acl[start:end] over as it is.
func (f *fixer) keep(start, end int) {
	f.count++
	if !f.same {
		f.out = append(f.out, f.acl[start:end]...)
	}
}

// entry checks e, which is acl[start:end], and adds what becomes of it.
func (f *fixer) entry(e proto.ACL, start, end int) proto.Code {
	switch {
	case e.Scheme == nil:
		return proto.InvalidACL
	case string(e.Scheme) == schemeAuth:
		f.diverge(start)
		return f.expand(e.Perms)
	case isWorld(e.Identity):
		f.keep(start, end)
		return proto.OK
	case string(e.Scheme) == schemeWorld && e.ID == nil:
		return proto.MarshallingError // what Apache's null failure comes out as
	}
	p := f.r.provider(e.Scheme)
	switch {
	case p == nil:
		return proto.InvalidACL
	case e.ID == nil:
		return proto.MarshallingError
	case !p.ValidID(e.ID):
		return proto.InvalidACL
	}
	f.keep(start, end)
	return proto.OK
}

// expand adds one entry for every identity that stands for a user.
func (f *fixer) expand(perms int32) proto.Code {
	found := false
	for _, id := range f.ids.slice() {
		if p := f.r.provider(id.Scheme); p != nil && p.IdentifiesUsers() {
			found = true
			f.count++
			f.out = proto.AppendACL(f.out, proto.ACL{Perms: perms, Identity: id})
		}
	}
	if !found || len(f.out) > maxExpanded {
		return proto.InvalidACL
	}
	return proto.OK
}

// duplicate says whether the encoded entry that starts at offset start stands before in the list.
func (f *fixer) duplicate(entry []byte, start int) bool {
	if f.seen == nil {
		d := proto.NewDecoder(f.acl[:start])
		d.Int32()
		for n := 0; d.Offset() < start; n++ {
			if n == scanDuplicates {
				f.remember(start)
				break
			}
			at := d.Offset()
			readACL(&d)
			if bytes.Equal(f.acl[at:d.Offset()], entry) {
				return true
			}
		}
	}
	if f.seen == nil {
		return false
	}
	_, dup := f.seen[string(entry)]
	f.seen[string(entry)] = struct{}{}
	return dup
}

// remember puts the entries before offset end into the map.
func (f *fixer) remember(end int) {
	f.seen = make(map[string]struct{})
	d := proto.NewDecoder(f.acl[:end])
	d.Int32()
	for d.Offset() < end {
		at := d.Offset()
		readACL(&d)
		f.seen[string(f.acl[at:d.Offset()])] = struct{}{}
	}
}
