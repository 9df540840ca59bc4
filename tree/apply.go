package tree

import (
	"bytes"

	"gamekeeper/proto"
)

// Sink receives what Apply does, while it does it. It must not write to the tree. What it is given is
// good during the call alone.
type Sink interface {
	// Step follows each operation: the one of a plain transaction, or operation i of a multi, in order. n
	// is the znode that was created or changed, as it is at this step; it is 0 when the operation failed,
	// deleted, or is of another kind. In a multi that failed every operation is shown as proto.OpError
	// with the code that the reply gives it.
	Step(i int, op *proto.TxnBody, n NodeID, code proto.Code)
	// Changed tells what watches may see, before Step of the same operation: NodeCreated, NodeDataChanged
	// or NodeDeleted at path, with the ACL of the znode (its last one when it is deleted) and of its
	// parent (nil when path is the root). That the parent's children changed is implied by the first and
	// the last.
	Changed(e proto.EventType, path []byte, acl, parentACL proto.ACLs)
}

// Apply applies a transaction and returns the code of its outcome. The owner alone may call it. sink may
// be nil, as in a replay. A multi that holds an error applies nothing, as does one that does not decode.
//
// A change that a transaction makes to records passes through add, remove, raise, setData, setACL and
// setRaw: there the set of changed znodes is kept, see Changes.
func (t *Tree) Apply(txn *proto.Txn, sink Sink) proto.Code { return t.ApplyHinted(txn, Hint{}, sink) }

// ApplyHinted is Apply with a hint.
func (t *Tree) ApplyHinted(txn *proto.Txn, hint Hint, sink Sink) proto.Code {
	t.told = hint.Digested
	var code proto.Code
	if txn.Type == proto.OpMulti {
		code = t.applyMulti(txn, sink)
	} else {
		var n NodeID
		n, code = t.applyOp(&txn.TxnHeader, &txn.Body, hint, sink)
		if sink != nil {
			sink.Step(0, &txn.Body, n, code)
		}
	}
	if t.told {
		t.told, t.digest = false, hint.Digest
	}
	t.lastZxid = max(t.lastZxid, txn.Zxid)
	return code
}

func (t *Tree) applyMulti(txn *proto.Txn, sink Sink) proto.Code {
	failed := false
	for sub, err := range txn.Body.Subs() {
		if err != nil {
			return proto.MarshallingError
		}
		failed = failed || sub.Type == proto.OpError
	}
	result := proto.OK // the first that is not OK
	i, behind := 0, false
	for sub := range txn.Body.Subs() {
		t.sub = sub
		if failed && sub.Type != proto.OpError {
			t.sub = proto.TxnBody{Type: proto.OpError}
			if behind {
				t.sub.Err = proto.RuntimeInconsistency
			}
		}
		behind = behind || sub.Type == proto.OpError
		n, code := t.applyOp(&txn.TxnHeader, &t.sub, Hint{}, sink)
		if sink != nil {
			sink.Step(i, &t.sub, n, code)
		}
		if result == proto.OK {
			result = code
		}
		i++
	}
	return result
}

// applyOp applies one operation.
func (t *Tree) applyOp(h *proto.TxnHeader, op *proto.TxnBody, hint Hint, sink Sink) (NodeID, proto.Code) {
	switch op.Type {
	case proto.OpCreate, proto.OpCreate2, proto.OpCreateCont:
		return t.create(h, op, hint, sink)
	case proto.OpCreateTTL:
		if op.TTL < 1 || op.TTL > TTLMax {
			return 0, proto.BadArguments
		}
		return t.create(h, op, hint, sink)
	case proto.OpDelete, proto.OpDeleteCont:
		return 0, t.delete(op.Path, h.Zxid, hint, sink)
	case proto.OpSetData, proto.OpReconfig:
		return t.setData(h, op, hint, sink)
	case proto.OpSetACL:
		return t.setACL(op)
	case proto.OpCloseSession:
		t.closeSession(h, op, sink)
	case proto.OpError:
		return 0, op.Err
	}
	return 0, proto.OK // createSession, check
}

// splitPath returns the parent's path, empty for the root, and the last component. It fails for the root
// itself and for what cannot be a znode's path.
func splitPath(path []byte) (parent, name []byte, ok bool) {
	i := bytes.LastIndexByte(path, '/')
	return path[:max(i, 0)], path[i+1:], i >= 0 && i+1 < len(path)
}

func (t *Tree) create(h *proto.TxnHeader, op *proto.TxnBody, hint Hint, sink Sink) (NodeID, proto.Code) {
	parentPath, name, ok := splitPath(op.Path)
	if !ok {
		return 0, proto.BadArguments
	}
	parent := t.known(parentPath, hint.Parent)
	if parent == 0 {
		return 0, proto.NoNode
	}
	t.raise(parent, op.Version, h.Zxid)
	fresh := stored{
		czxid: h.Zxid, mzxid: h.Zxid, pzxid: h.Zxid, ctime: h.Time, mtime: h.Time,
		owner: OwnerOf(op, h.Session),
	}
	tag := t.tag(op.Path)
	if hint.Parent == 0 {
		if n := t.findTag(op.Path, tag); n != 0 {
			t.recreate(n, op, name, fresh)
			return 0, proto.NodeExists
		}
	}
	acl := t.acls.acquire(op.ACL)
	n := t.add(op.Path, name, op.Data, tag, parent, fresh, acl, hint)
	t.quotaAfterCreate(op.Path, name, 1, len(op.Data))
	if sink != nil {
		sink.Changed(proto.NodeCreated, op.Path, t.acls.lists[acl], t.ACL(parent))
	}
	return n, proto.OK
}

// recreate makes n what it is right after its creation. That happens in a replay over a tree that is
// ahead: n may be a later znode of the same name, or have been changed by a replayed transaction that
// meant an earlier one. Since the creation succeeded once, what follows in the log brings n to its final
// state, its children too, which stay. (Apache replaces the ACL alone and raises the parent for some
// kinds of create alone, so its tree can end up with an earlier znode's data.)
func (t *Tree) recreate(n NodeID, op *proto.TxnBody, name []byte, fresh stored) {
	r := t.records.at(n)
	acl := t.acls.acquire(op.ACL)
	t.acls.release(r.aclID())
	t.owners.remove(t.OwnerKind(r.owner), r.owner, n)
	t.owners.add(t.OwnerKind(fresh.owner), fresh.owner, n)
	diff := t.setRaw(n, op.Data)
	t.digest -= t.digestOf(r) // setRaw has noted the change
	r.setACL(acl)
	r.stored = fresh
	r.checksum(op.Path, op.Data, Hint{})
	t.digest += t.digestOf(r)
	t.quotaAfterCreate(op.Path, name, 0, diff)
}

// checksum renews the part of r's digest that path and data make, unless the hint has it.
func (r *record) checksum(path, data []byte, hint Hint) {
	switch {
	case r.acl&exemptBit != 0:
	case hint.Summed:
		r.pathDataCRC = hint.PathDataCRC
	default:
		r.pathDataCRC = PathDataCRC(path, data)
	}
}

// raise sets the parent's counter of creations, and with it its pzxid, if that makes it larger.
func (t *Tree) raise(parent NodeID, cversion int32, zxid proto.Zxid) {
	r := t.records.at(parent)
	if cversion == proto.ParentCversionUnknown {
		cversion = r.rawCversion + 1
	}
	if cversion <= r.rawCversion {
		return
	}
	t.note(parent)
	t.digest -= t.digestOf(r)
	r.rawCversion, r.pzxid = cversion, zxid
	t.digest += t.digestOf(r)
}

// raisePzxid is what a deletion does to the parent.
func (t *Tree) raisePzxid(parent NodeID, zxid proto.Zxid) {
	r := t.records.at(parent)
	if zxid <= r.pzxid {
		return
	}
	t.note(parent)
	t.digest -= t.digestOf(r)
	r.pzxid = zxid
	t.digest += t.digestOf(r)
}

// add puts a znode into the tree, which takes over one use of acl.
func (t *Tree) add(path, name, data []byte, tag uint32, parent NodeID, s stored, acl ACLID, hint Hint) NodeID {
	n, r := t.records.alloc()
	r.stored = s
	r.setACL(acl)
	if DigestExempt(path) {
		r.acl |= exemptBit
	}
	r.checksum(path, data, hint)
	t.newBlock(r, name, data)
	t.note(n)

	t.link(parent, n, r)
	t.index.insert(tag, n)
	t.owners.add(t.OwnerKind(s.owner), s.owner, n)
	t.digest += t.digestOf(r)
	t.count++
	t.dataSize += utf16Len(path) + int64(len(data))
	t.payload += int64(len(name) + len(data))
	return n
}

// link makes n, whose record r is, the first child of parent.
func (t *Tree) link(parent, n NodeID, r *record) {
	p := t.records.at(parent)
	r.parent, r.next = parent, p.firstChild
	if p.firstChild != 0 {
		t.records.at(p.firstChild).prev = n
	}
	p.firstChild = n
	p.numChildren++
}

// remove takes n, which has no children, out of the tree.
func (t *Tree) remove(path []byte, n NodeID) {
	r := t.records.at(n)
	t.digest -= t.digestOf(r)
	tag := t.tag(path)
	t.noteRemoval(path, tag, r.czxid)
	t.index.remove(tag, n)
	t.owners.remove(t.OwnerKind(r.owner), r.owner, n)
	t.acls.release(r.aclID())

	p := t.records.at(r.parent)
	if r.prev != 0 {
		t.records.at(r.prev).next = r.next
	} else {
		p.firstChild = r.next
	}
	if r.next != 0 {
		t.records.at(r.next).prev = r.prev
	}
	p.numChildren--

	dataLen := max(0, int(r.dataLen))
	name := t.name(r)
	t.count--
	t.dataSize -= utf16Len(path) + int64(dataLen)
	t.payload -= int64(len(name) + dataLen)
	t.freeBlock(r.block, r.acl)
	t.records.free(n)
	t.quotaAfterDelete(path, dataLen)
}

func (t *Tree) delete(path []byte, zxid proto.Zxid, hint Hint, sink Sink) proto.Code {
	parentPath, _, ok := splitPath(path)
	if !ok {
		return proto.BadArguments
	}
	n := t.known(path, hint.Node)
	if n == 0 {
		// Replay over a tree that is ahead: the parent may still lack the deletion.
		if parent := t.find(parentPath); parent != 0 {
			t.raisePzxid(parent, zxid)
		}
		return proto.NoNode
	}
	r := t.records.at(n)
	if r.firstChild != 0 {
		t.removeBelow(n)
	}
	parent, acl := r.parent, t.acls.lists[r.aclID()]
	t.raisePzxid(parent, zxid)
	t.remove(path, n)
	if sink != nil {
		sink.Changed(proto.NodeDeleted, path, acl, t.ACL(parent))
	}
	return proto.OK
}

// removeBelow takes everything below n out of the tree. A znode that is deleted has no children, but in a
// replay over a tree that is ahead it may be a later one of the same name, with children whose creation
// is still to come again.
func (t *Tree) removeBelow(n NodeID) {
	for {
		c := n
		for r := t.records.at(c); r.firstChild != 0; r = t.records.at(c) {
			c = r.firstChild
		}
		if c == n {
			return
		}
		t.belowBuf = t.AppendPath(t.belowBuf[:0], c)
		t.remove(t.belowBuf, c)
	}
}

func (t *Tree) setData(h *proto.TxnHeader, op *proto.TxnBody, hint Hint, sink Sink) (NodeID, proto.Code) {
	path := op.Path
	if string(path) == "/" {
		path = nil
	}
	n := t.known(path, hint.Node)
	if n == 0 {
		return 0, proto.NoNode
	}
	r := t.records.at(n)
	diff := t.setRaw(n, op.Data)
	t.digest -= t.digestOf(r)
	r.mzxid, r.mtime, r.version = h.Zxid, h.Time, op.Version
	r.checksum(op.Path, op.Data, hint)
	t.digest += t.digestOf(r)
	t.quotaAfterSet(op.Path, diff)
	if sink != nil {
		var parentACL proto.ACLs
		if n != rootID {
			parentACL = t.ACL(r.parent)
		}
		sink.Changed(proto.NodeDataChanged, op.Path, t.ACL(n), parentACL)
	}
	return n, proto.OK
}

// setRaw replaces n's data and nothing else, and returns by how many bytes it grew. The stat and the
// checksum of the data are the caller's.
func (t *Tree) setRaw(n NodeID, data []byte) (diff int) {
	r := t.records.at(n)
	diff = len(data) - max(0, int(r.dataLen))
	t.note(n)
	t.replaceData(r, data)
	t.payload += int64(diff)
	t.dataSize += int64(diff)
	if n == rootID {
		t.dataSize += int64(diff)
	}
	return diff
}

func (t *Tree) setACL(op *proto.TxnBody) (NodeID, proto.Code) {
	n, ok := t.Lookup(op.Path)
	if !ok {
		return 0, proto.NoNode
	}
	r := t.records.at(n)
	t.note(n)
	acl := t.acls.acquire(op.ACL)
	t.acls.release(r.aclID())
	t.digest -= t.digestOf(r)
	r.setACL(acl)
	r.aversion = op.Version
	t.digest += t.digestOf(r)
	return n, proto.OK
}

// closeSession deletes the znodes that the transaction names, whatever the tree thinks of their owner,
// and then those that the tree has beyond them.
func (t *Tree) closeSession(h *proto.TxnHeader, op *proto.TxnBody, sink Sink) {
	for path := range op.ClosePaths() {
		t.delete(path, h.Zxid, Hint{}, sink)
	}
	for {
		n := t.owners.sessions[h.Session].first
		if n == 0 {
			return
		}
		t.noteUnlisted(t.records.at(n).parent)
		t.pathBuf = t.AppendPath(t.pathBuf[:0], n)
		t.delete(t.pathBuf, h.Zxid, Hint{}, sink)
	}
}
