package tree

import "gamekeeper/proto"

// ACLID names an interned ACL list. It is this tree's own: other servers, and later runs, give other
// numbers. OpenACLID is always proto.OpenACL.
type ACLID uint32

// OpenACLID is the id of world:anyone with every permission.
const OpenACLID ACLID = 0

// aclTable interns ACL lists by their bytes, order of entries included, and counts the znodes that use
// each. A list goes when its last znode does, and its id is used again.
type aclTable struct {
	byBytes map[string]ACLID
	lists   []proto.ACLs // by id
	refs    []uint32     // by id; that of OpenACLID is not kept
	freed   []ACLID
}

func newACLTable() aclTable {
	return aclTable{byBytes: map[string]ACLID{}, lists: []proto.ACLs{proto.OpenACL}, refs: []uint32{0}}
}

// acquire interns l and counts one use. The null list is the open one, as for Apache.
func (a *aclTable) acquire(l proto.ACLs) ACLID {
	if l == nil || string(l) == string(proto.OpenACL) {
		return OpenACLID
	}
	if id, ok := a.byBytes[string(l)]; ok {
		a.refs[id]++
		return id
	}
	own := append(proto.ACLs(nil), l...)
	var id ACLID
	if k := len(a.freed); k > 0 {
		id = a.freed[k-1]
		a.freed = a.freed[:k-1]
		a.lists[id], a.refs[id] = own, 1
	} else {
		id = ACLID(len(a.lists))
		a.lists, a.refs = append(a.lists, own), append(a.refs, 1)
	}
	a.byBytes[string(own)] = id
	return id
}

// release takes one use back.
func (a *aclTable) release(id ACLID) {
	if id == OpenACLID {
		return
	}
	a.refs[id]--
	if a.refs[id] == 0 {
		delete(a.byBytes, string(a.lists[id]))
		a.lists[id] = nil
		a.freed = append(a.freed, id)
	}
}

// memory is roughly what the lists take.
func (a *aclTable) memory() int64 {
	m := int64(cap(a.lists))*24 + int64(cap(a.refs)+cap(a.freed))*4
	for s := range a.byBytes {
		m += int64(2*len(s)) + 32
	}
	return m
}
