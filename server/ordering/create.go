package ordering

import (
	"bytes"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

// create checks in the order that client-visible errors have: see the compatibility notes.
func (o *Orderer) create(op proto.Op, c *proto.CreateRequest, r *Request, p *Prepared) (t proto.TxnBody, code proto.Code) {
	if code := o.checkMode(op, c); code != proto.OK {
		return t, code
	}
	if c.Path == nil {
		return t, proto.MarshallingError
	}
	if bytes.IndexByte(c.Path, '/') < 0 || bytes.IndexByte(c.Path, 0) >= 0 {
		return t, proto.BadArguments
	}
	acl, code := o.Auth.FixUp(c.ACL, r.Identities)
	if code != proto.OK {
		return t, code
	}
	parentPath, _ := proto.SplitPath(c.Path)
	parent, ok := o.look(parentPath)
	if !ok {
		return t, proto.NoNode
	}
	if !o.Auth.Allowed(parent.acl, proto.PermCreate, r.Identities) {
		return t, proto.NoAuth
	}
	path := c.Path
	if c.Mode.IsSequential() {
		start := len(o.paths)
		o.paths = appendCounter(append(o.paths, path...), parent.meta.RawCversion)
		path = o.paths[start:]
	}
	if !p.valid(path) {
		return t, proto.BadArguments
	}
	n, exists := o.lookHashed(path, p.hash(path))
	switch {
	case exists:
		return t, proto.NodeExists
	case o.tree.OwnerKind(parent.meta.Owner) == tree.OwnerSession:
		return t, proto.NoChildrenForEphemerals
	case o.EnforceQuota && o.tree.QuotaExceeded(path, int64(len(c.Data)), 1):
		return t, proto.QuotaExceeded
	}
	t = proto.TxnBody{Type: op, Path: path, Data: c.Data, ACL: acl, Version: parent.meta.RawCversion + 1,
		Ephemeral: c.Mode.IsEphemeral(), TTL: c.TTL}
	o.putCreated(&n, &parent, &t, r, p)
	return t, proto.OK
}

// checkMode refuses flags and TTLs that no znode can have.
func (o *Orderer) checkMode(op proto.Op, c *proto.CreateRequest) proto.Code {
	if !c.Mode.Valid() {
		return proto.BadArguments
	}
	if c.Mode.IsTTL() {
		if !o.ExtendedTypes {
			return proto.Unimplemented
		}
		if op != proto.OpCreateTTL || c.TTL < 1 || c.TTL > tree.TTLMax {
			return proto.BadArguments
		}
		return proto.OK
	}
	// Apache lets createTTL through with other flags and a negative TTL, logs it, and stops when it applies
	// it.
	if op == proto.OpCreateTTL || c.TTL >= 0 {
		return proto.BadArguments
	}
	return proto.OK
}

// putCreated records a new znode and what it does to its parent.
func (o *Orderer) putCreated(n, parent *node, t *proto.TxnBody, r *Request, p *Prepared) {
	was := parent.meta
	now := was
	now.NumChildren++
	if t.Version > was.RawCversion { // the tree does not let the counter wrap
		now.RawCversion, now.Pzxid = t.Version, o.zxid
	}
	o.put(parent, &was, &now, nil)

	meta := tree.Meta{
		Czxid: o.zxid, Mzxid: o.zxid, Pzxid: o.zxid, Ctime: r.Time, Mtime: r.Time,
		DataLength:  int32(len(t.Data)),
		Owner:       tree.OwnerOf(t, r.Session),
		PathDataCRC: p.crc(t.Path, t.Data),
	}
	n.id = 0
	o.put(n, nil, &meta, keepACL(t.ACL))
	o.hint = tree.Hint{Parent: parent.id, PathDataCRC: meta.PathDataCRC, Summed: true}
}

// appendCounter appends the suffix of a sequential znode's name. The counter is never negative.
func appendCounter(b []byte, n int32) []byte {
	var digits [10]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = byte('0' + n%10)
		n /= 10
	}
	return append(b, digits[:]...)
}
