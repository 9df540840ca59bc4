package ordering

import (
	"gamekeeper/proto"
	"gamekeeper/tree"
)

func (o *Orderer) setData(s *proto.SetData, r *Request, p *Prepared) (t proto.TxnBody, code proto.Code) {
	if !p.valid(s.Path) {
		return t, proto.BadArguments
	}
	n, ok := o.lookHashed(s.Path, p.hash(s.Path))
	switch {
	case !ok:
		return t, proto.NoNode
	case !o.Auth.Allowed(n.acl, proto.PermWrite, r.Identities):
		return t, proto.NoAuth
	case o.EnforceQuota && o.tree.QuotaExceeded(s.Path, int64(len(s.Data))-int64(n.meta.DataLength), 0):
		return t, proto.QuotaExceeded
	}
	version, code := nextVersion(n.meta.Version, s.Version)
	if code != proto.OK {
		return t, code
	}
	was := n.meta
	now := was
	now.Version = version
	now.Mzxid, now.Mtime = o.zxid, r.Time
	now.DataLength = int32(len(s.Data))
	now.PathDataCRC = p.crc(s.Path, s.Data)
	o.put(&n, &was, &now, nil)
	o.hint = tree.Hint{Node: n.id, PathDataCRC: now.PathDataCRC, Summed: true}
	return proto.TxnBody{Type: proto.OpSetData, Path: s.Path, Data: s.Data, Version: version}, proto.OK
}

func (o *Orderer) setACL(s *proto.SetACL, r *Request) (t proto.TxnBody, code proto.Code) {
	if !proto.ValidatePath(s.Path) {
		return t, proto.BadArguments
	}
	acl, code := o.Auth.FixUp(s.ACL, r.Identities)
	if code != proto.OK {
		return t, code
	}
	n, ok := o.look(s.Path)
	switch {
	case !ok:
		return t, proto.NoNode
	case !o.Auth.Allowed(n.acl, proto.PermAdmin, r.Identities):
		return t, proto.NoAuth
	}
	aversion, code := nextVersion(n.meta.Aversion, s.Version)
	if code != proto.OK {
		return t, code
	}
	was := n.meta
	now := was
	now.Aversion = aversion
	o.put(&n, &was, &now, keepACL(acl))
	return proto.TxnBody{Type: proto.OpSetACL, Path: s.Path, ACL: acl, Version: aversion}, proto.OK
}

// check is the part of a multi that changes nothing.
func (o *Orderer) check(c proto.PathVersion, r *Request) (t proto.TxnBody, code proto.Code) {
	if !proto.ValidatePath(c.Path) {
		return t, proto.BadArguments
	}
	n, ok := o.look(c.Path)
	switch {
	case !ok:
		return t, proto.NoNode
	case !o.Auth.Allowed(n.acl, proto.PermRead, r.Identities):
		return t, proto.NoAuth
	}
	version, code := nextVersion(n.meta.Version, c.Version)
	if code != proto.OK {
		return t, code
	}
	return proto.TxnBody{Type: proto.OpCheck, Path: c.Path, Version: version}, proto.OK
}
