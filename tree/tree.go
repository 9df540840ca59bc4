package tree

import (
	"encoding/binary"
	"hash/maphash"
	"iter"
	"slices"
	"unicode/utf8"

	"gamekeeper/proto"
)

// Options of a Tree.
type Options struct {
	// ExtendedTypes recognises the owners of TTL znodes (zookeeper.extendedTypesEnabled).
	ExtendedTypes bool
	// Emulate353 also recognises those of ZooKeeper 3.5.3 (zookeeper.emulate353TTLNodes).
	Emulate353 bool
	// NodeCountHint is how many znodes to expect; the index then need not grow up to there.
	NodeCountHint int
	// Track keeps the set of changed znodes: see TakeChanges.
	Track bool
}

// Tree is the znodes and what is derived from them. It has one owner that writes and many readers, and no
// lock of its own: see the package's comment, and Gate.
type Tree struct {
	opt     Options
	records records
	arena   arena
	large   largeBlocks
	index   *index
	seed    maphash.Seed
	// hashMask is all ones; tests clear bits to make paths collide.
	hashMask uint64
	acls     aclTable
	owners   owners
	quotas   map[string]struct{} // paths with a limits znode

	lastZxid proto.Zxid
	digest   uint64
	count    int
	dataSize int64 // UTF-16 length of paths and length of data, as Apache counts
	payload  int64 // bytes of names and data

	changes *Changes // nil when they are not tracked

	warmer warmer

	// Of the owner, for Apply.
	told     bool // what the digest will be is known: it need not follow each change
	sub      proto.TxnBody
	pathBuf  []byte
	belowBuf []byte
	quotaBuf []byte
	statsBuf []byte
}

// New returns the tree of a server that never ran: the root, /zookeeper, /zookeeper/quota and
// /zookeeper/config.
func New(opt Options) *Tree {
	t := newTree(opt)
	t.init()
	if opt.Track {
		t.Track()
	}
	return t
}

// newTree returns a tree without any znode.
func newTree(opt Options) *Tree {
	return &Tree{
		opt:      opt,
		index:    newIndex(opt.NodeCountHint),
		seed:     maphash.MakeSeed(),
		hashMask: ^uint64(0),
		acls:     newACLTable(),
		owners:   newOwners(),
		quotas:   map[string]struct{}{},
	}
}

// init makes the znodes that are always there.
func (t *Tree) init() {
	_, r := t.records.alloc()
	t.newBlock(r, nil, []byte{})
	r.pathDataCRC = PathDataCRC(nil, nil)
	t.digest = r.digest()
	t.count = 1
	t.dataSize = 1 // Apache counts the root twice, as "" and as "/"
	for _, p := range []string{"/zookeeper", "/zookeeper/quota", "/zookeeper/config"} {
		path := []byte(p)
		parent, name := proto.SplitPath(path)
		pn, _ := t.Lookup(parent)
		n := t.add(path, name, []byte{}, t.tag(path), pn, stored{}, OpenACLID, Hint{})
		if p == "/zookeeper/config" {
			r := t.records.at(n)
			r.setACL(t.acls.acquire(proto.ReadACL))
			r.aversion = -1
		}
	}
}

// tag hashes a path for the index.
func (t *Tree) tag(path []byte) uint32 {
	return uint32(maphash.Bytes(t.seed, path) & t.hashMask >> 32)
}

// find returns the znode at path, 0 when there is none. The root is the empty path.
func (t *Tree) find(path []byte) NodeID {
	if len(path) == 0 {
		return rootID
	}
	return t.findTag(path, t.tag(path))
}

// findTag is find for a path that is not the root's and whose tag is known.
func (t *Tree) findTag(path []byte, tag uint32) NodeID {
	slots := t.index.slots(tag)
	mask := uint32(len(slots) - 1)
	for i := tag & mask; ; i = (i + 1) & mask {
		e := slots[i]
		if e.node == 0 {
			return 0
		}
		if e.tag == tag && t.pathIs(e.node, path) {
			return e.node
		}
	}
}

// pathIs says whether n's path is this one.
func (t *Tree) pathIs(n NodeID, path []byte) bool {
	for n != rootID {
		r := t.records.at(n)
		name := t.name(r)
		i := len(path) - len(name)
		if i < 1 || path[i-1] != '/' || string(path[i:]) != string(name) {
			return false
		}
		path = path[:i-1]
		n = r.parent
	}
	return len(path) == 0
}

// Lookup finds the znode at path. The empty path is the root, as for Apache.
func (t *Tree) Lookup(path []byte) (NodeID, bool) {
	if len(path) == 1 && path[0] == '/' {
		return rootID, true
	}
	n := t.find(path)
	return n, n != 0
}

// Stat returns n's metadata as clients see it.
func (t *Tree) Stat(n NodeID) proto.Stat {
	r := t.records.at(n)
	return proto.Stat{
		Czxid: r.czxid, Mzxid: r.mzxid, Ctime: r.ctime, Mtime: r.mtime,
		Version: r.version, Cversion: 2*r.rawCversion - r.numChildren, Aversion: r.aversion,
		EphemeralOwner: t.session(r), DataLength: max(0, r.dataLen), NumChildren: r.numChildren,
		Pzxid: r.pzxid,
	}
}

// AppendStat appends n's Stat in its encoding.
func (t *Tree) AppendStat(b []byte, n NodeID) []byte {
	r := t.records.at(n)
	at := len(b)
	b = append(b, make([]byte, proto.StatBytes)...)
	s := b[at : at+proto.StatBytes]
	be := binary.BigEndian
	be.PutUint64(s[0:], uint64(r.czxid))
	be.PutUint64(s[8:], uint64(r.mzxid))
	be.PutUint64(s[16:], uint64(r.ctime))
	be.PutUint64(s[24:], uint64(r.mtime))
	be.PutUint32(s[32:], uint32(r.version))
	be.PutUint32(s[36:], uint32(2*r.rawCversion-r.numChildren))
	be.PutUint32(s[40:], uint32(r.aversion))
	be.PutUint64(s[44:], uint64(t.session(r)))
	be.PutUint32(s[52:], uint32(max(0, r.dataLen)))
	be.PutUint32(s[56:], uint32(r.numChildren))
	be.PutUint64(s[60:], uint64(r.pzxid))
	return b
}

// session is the owner that clients see.
func (t *Tree) session(r *record) proto.SessionID {
	if r.owner != 0 && t.OwnerKind(r.owner) == OwnerSession {
		return proto.SessionID(r.owner)
	}
	return 0
}

// Data returns n's data: nil when it is null, which differs from empty.
func (t *Tree) Data(n NodeID) []byte { return t.data(t.records.at(n)) }

// ACL returns n's list.
func (t *Tree) ACL(n NodeID) proto.ACLs { return t.acls.lists[t.ACLID(n)] }

// ACLID returns the number of n's list.
func (t *Tree) ACLID(n NodeID) ACLID { return t.records.at(n).aclID() }

// ACLByID returns the list that id names, nil when no znode uses it any more.
func (t *Tree) ACLByID(id ACLID) proto.ACLs {
	if int(id) >= len(t.acls.lists) {
		return nil
	}
	return t.acls.lists[id]
}

// Meta is a copy of all that is known of a znode but its path and data: what the ordering of writes
// needs to check a write against changes that are not applied yet, and to tell their digest beforehand.
type Meta struct {
	Czxid, Mzxid, Pzxid proto.Zxid
	Ctime, Mtime        int64 // milliseconds since the Unix epoch
	Version             int32
	RawCversion         int32 // creations of children: the counter of sequential names
	Aversion            int32
	Owner               int64 // Apache's ephemeralOwner as stored: a session, or a mark, see OwnerKind
	NumChildren         int32
	DataLength          int32 // 0 when the data is null
	ACL                 ACLID
	PathDataCRC         uint32 // of path and data; not kept for a znode that is exempt
	Exempt              bool   // DigestExempt: the znode adds nothing to the digest
}

// Meta returns n's metadata.
func (t *Tree) Meta(n NodeID) Meta {
	r := t.records.at(n)
	return Meta{
		Czxid: r.czxid, Mzxid: r.mzxid, Pzxid: r.pzxid, Ctime: r.ctime, Mtime: r.mtime,
		Version: r.version, RawCversion: r.rawCversion, Aversion: r.aversion, Owner: r.owner,
		NumChildren: r.numChildren, DataLength: max(0, r.dataLen), ACL: r.aclID(),
		PathDataCRC: r.pathDataCRC, Exempt: r.acl&exemptBit != 0,
	}
}

// NumChildren is the number of n's children.
func (t *Tree) NumChildren(n NodeID) int { return int(t.records.at(n).numChildren) }

// Parent returns the parent of n, 0 for the root.
func (t *Tree) Parent(n NodeID) NodeID { return t.records.at(n).parent }

// Children yields the names of n's children, youngest first.
func (t *Tree) Children(n NodeID) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for c := t.records.at(n).firstChild; c != 0; {
			r := t.records.at(c)
			if !yield(slices.Clip(t.name(r))) {
				return
			}
			c = r.next
		}
	}
}

// AppendChildren appends the names of n's children as a vector of strings.
func (t *Tree) AppendChildren(b []byte, n NodeID) []byte {
	r := t.records.at(n)
	b = proto.AppendInt32(b, r.numChildren)
	for c := r.firstChild; c != 0; {
		r := t.records.at(c)
		b = proto.AppendBuffer(b, t.name(r))
		c = r.next
	}
	return b
}

// AppendPath appends n's path; the root's is "/".
func (t *Tree) AppendPath(b []byte, n NodeID) []byte {
	if n == rootID {
		return append(b, '/')
	}
	size := 0
	for c := n; c != rootID; {
		r := t.records.at(c)
		size += 1 + len(t.name(r))
		c = r.parent
	}
	end := len(b) + size
	if cap(b) < end {
		b = append(b, make([]byte, size)...)
	}
	b = b[:end]
	for c := n; c != rootID; {
		r := t.records.at(c)
		name := t.name(r)
		end -= len(name)
		copy(b[end:], name)
		end--
		b[end] = '/'
		c = r.parent
	}
	return b
}

// Descendants is the number of znodes below n. It visits them all, but for the root.
func (t *Tree) Descendants(n NodeID) int {
	if n == rootID {
		return t.count - 1
	}
	count := -1
	t.walk(n, func(*record) { count++ })
	return count
}

// walk visits n and all znodes below it, parents first.
func (t *Tree) walk(n NodeID, visit func(*record)) {
	for c := n; ; {
		r := t.records.at(c)
		visit(r)
		if r.firstChild != 0 {
			c = r.firstChild
			continue
		}
		for c != n && r.next == 0 {
			c = r.parent
			r = t.records.at(c)
		}
		if c == n {
			return
		}
		c = r.next
	}
}

// Digest is the digest of the tree, which equals Apache's digest (version 2) of the same tree.
func (t *Tree) Digest() uint64 { return t.digest }

// LastZxid is the highest zxid that was applied.
func (t *Tree) LastZxid() proto.Zxid { return t.lastZxid }

// Count is the number of znodes, reserved ones included. Apache reports one more: its root counts twice.
func (t *Tree) Count() int { return t.count }

// DataSize is Apache's approximate_data_size: characters (UTF-16) of all paths and bytes of all data, the
// root counted twice.
func (t *Tree) DataSize() int64 { return t.dataSize }

// Memory is what a tree takes from the heap, in bytes.
type Memory struct {
	Records int64 // znode records
	Index   int64 // path index
	Blocks  int64 // names and data
	Owners  int64 // ephemerals, containers and TTL znodes: an estimate
	ACLs    int64 // interned lists: an estimate
	Payload int64 // of Blocks, what names and data take themselves
}

// Total is the sum.
func (m Memory) Total() int64 { return m.Records + m.Index + m.Blocks + m.Owners + m.ACLs }

// Memory accounts for the tree's memory. It costs time by the number of ACL lists.
func (t *Tree) Memory() Memory {
	return Memory{
		Records: t.records.memory.handed,
		Index:   t.index.taken(),
		Blocks:  t.arena.taken() + t.large.bytes + int64(cap(t.large.blocks))*24,
		Owners:  int64(len(t.owners.links))*24 + int64(len(t.owners.sessions))*48,
		ACLs:    t.acls.memory(),
		Payload: t.payload,
	}
}

// utf16Len is the length of path in UTF-16 units, which is how Apache measures it.
func utf16Len(path []byte) int64 {
	n := 0
	for _, c := range path {
		if utf8.RuneStart(c) {
			n++
			if c >= 0xf0 {
				n++
			}
		}
	}
	return int64(n)
}
