package ordering

import (
	"bytes"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

// reserved says whether path is one of the znodes that are always there.
func reserved(path []byte) bool {
	switch string(path) {
	case "/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config":
		return true
	}
	return false
}

// deletable finds the znode at path and its parent, after the checks that every kind of delete has. The
// server itself needs no permission.
func (o *Orderer) deletable(path []byte, r *Request, byServer bool) (n, parent node, code proto.Code) {
	if path == nil {
		return n, parent, proto.MarshallingError
	}
	if bytes.IndexByte(path, '/') < 0 || bytes.IndexByte(path, 0) >= 0 || reserved(path) {
		return n, parent, proto.BadArguments
	}
	parentPath, _ := proto.SplitPath(path)
	parent, ok := o.look(parentPath)
	if !ok {
		return n, parent, proto.NoNode
	}
	if !byServer && !o.Auth.Allowed(parent.acl, proto.PermDelete, r.Identities) {
		return n, parent, proto.NoAuth
	}
	n, ok = o.look(path)
	if !ok {
		return n, parent, proto.NoNode
	}
	return n, parent, proto.OK
}

func (o *Orderer) delete(d proto.PathVersion, r *Request) (t proto.TxnBody, code proto.Code) {
	n, parent, code := o.deletable(d.Path, r, false)
	if code != proto.OK {
		return t, code
	}
	if _, code := nextVersion(n.meta.Version, d.Version); code != proto.OK {
		return t, code
	}
	if n.meta.NumChildren > 0 {
		return t, proto.NotEmpty
	}
	o.putDeleted(&n, &parent)
	return proto.TxnBody{Type: proto.OpDelete, Path: d.Path}, proto.OK
}

// deleteContainer is the reaper's delete, of a container or a znode whose TTL has passed: no permission is
// needed, but the znode must still qualify.
func (o *Orderer) deleteContainer(path []byte, r *Request) (t proto.TxnBody, code proto.Code) {
	n, parent, code := o.deletable(path, r, true)
	switch {
	case code != proto.OK:
		return t, code
	case n.meta.NumChildren > 0:
		return t, proto.NotEmpty
	}
	// By now the name may be a client's persistent znode, which Apache would delete too.
	if k := o.tree.OwnerKind(n.meta.Owner); k != tree.OwnerContainer && k != tree.OwnerTTL {
		return t, proto.BadVersion
	}
	o.putDeleted(&n, &parent)
	return proto.TxnBody{Type: proto.OpDeleteCont, Path: path}, proto.OK
}

// putDeleted records that a znode goes and what that does to its parent.
func (o *Orderer) putDeleted(n, parent *node) {
	was := parent.meta
	now := was
	now.NumChildren--
	now.Pzxid = o.zxid
	o.put(parent, &was, &now, nil)
	gone := n.meta
	o.hint = tree.Hint{Node: n.id}
	o.put(n, &gone, nil, nil)
}
