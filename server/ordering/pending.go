package ordering

import (
	"bytes"

	"github.com/cespare/xxhash/v2"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

// change is a znode as it will be once everything in flight is applied.
type change struct {
	path   []byte // own copy; its array is reused
	hash   uint64
	zxid   proto.Zxid // of the last transaction that touches it
	exists bool
	id     tree.NodeID // in the tree as it is; 0 if it is not there yet, or will be another znode of that path
	meta   tree.Meta
	digest uint64     // what the znode adds to the tree's
	acl    proto.ACLs // nil: the list meta.ACL stands for
	next   int32      // in its hash chain, or in the free list; -1 ends it

	// The records of znodes that will be owned by the same session are linked; 0 is no session, and not
	// on a list.
	owner            proto.SessionID
	ownPrev, ownNext int32
}

// touch says that the transaction zxid changed a record.
type touch struct {
	zxid proto.Zxid
	slot int32
}

// pending holds the changes in flight: a hash table of pooled records, so that a write allocates nothing
// once the pool has grown to what is usually in flight.
type pending struct {
	records []change
	free    int32   // first free record, -1 for none
	buckets []int32 // heads of the chains, -1 for empty; the length is a power of two
	used    int
	owned   map[proto.SessionID]int32 // first record of each session that will own some of them
	touches []touch                   // in zxid order, from first
	first   int
	undo    []undo // what a multi has to take back when it fails
	inMulti bool
}

// undo restores one record.
type undo struct {
	slot   int32
	fresh  bool // the record was not there before; nothing else counts then
	exists bool
	zxid   proto.Zxid
	owner  proto.SessionID
	id     tree.NodeID
	meta   tree.Meta
	digest uint64
	acl    proto.ACLs
}

const (
	bucketsMin = 1 << 10
	// recordsKeepMax is how many records stay when nothing is in flight.
	recordsKeepMax = 1 << 15
	// pathKeepMax is the capacity in bytes above which a path's array is not used again.
	pathKeepMax = 512
)

func newPending() *pending {
	p := &pending{free: -1, owned: map[proto.SessionID]int32{}}
	p.rehash(bucketsMin)
	return p
}

func (p *pending) rehash(n int) {
	p.buckets = make([]int32, n)
	for i := range p.buckets {
		p.buckets[i] = -1
	}
	for i := range p.records {
		if c := &p.records[i]; len(c.path) > 0 {
			p.link(int32(i), c)
		}
	}
}

func (p *pending) link(slot int32, c *change) {
	head := &p.buckets[c.hash&uint64(len(p.buckets)-1)]
	c.next, *head = *head, slot
}

// find returns the slot of path's record, -1 when nothing in flight touches it.
func (p *pending) find(path []byte, hash uint64) int32 {
	for s := p.buckets[hash&uint64(len(p.buckets)-1)]; s >= 0; s = p.records[s].next {
		if c := &p.records[s]; c.hash == hash && bytes.Equal(c.path, path) {
			return s
		}
	}
	return -1
}

// add makes a record for path, which must not have one.
func (p *pending) add(path []byte, hash uint64) int32 {
	if p.used >= len(p.buckets) {
		p.rehash(2 * len(p.buckets))
	}
	slot := p.free
	if slot >= 0 {
		p.free = p.records[slot].next
	} else {
		slot = int32(len(p.records))
		p.records = append(p.records, change{})
	}
	c := &p.records[slot]
	c.path = append(c.path[:0], path...)
	c.hash, c.digest, c.id = hash, 0, 0
	p.link(slot, c)
	p.used++
	return slot
}

func (p *pending) remove(slot int32) {
	p.own(slot, 0)
	c := &p.records[slot]
	at := &p.buckets[c.hash&uint64(len(p.buckets)-1)]
	for *at != slot {
		at = &p.records[*at].next
	}
	*at = c.next
	if cap(c.path) > pathKeepMax {
		c.path = nil
	}
	c.path, c.acl = c.path[:0], nil
	c.next, p.free = p.free, slot
	p.used--
}

// own puts the record in slot on the list of session s, or on none.
func (p *pending) own(slot int32, s proto.SessionID) {
	c := &p.records[slot]
	if c.owner == s {
		return
	}
	if c.owner != 0 {
		if c.ownNext >= 0 {
			p.records[c.ownNext].ownPrev = c.ownPrev
		}
		switch {
		case c.ownPrev >= 0:
			p.records[c.ownPrev].ownNext = c.ownNext
		case c.ownNext >= 0:
			p.owned[c.owner] = c.ownNext
		default:
			delete(p.owned, c.owner)
		}
	}
	if c.owner = s; s == 0 {
		return
	}
	c.ownPrev, c.ownNext = -1, -1
	if first, ok := p.owned[s]; ok {
		c.ownNext = first
		p.records[first].ownPrev = slot
	}
	p.owned[s] = slot
}

// appendOwned appends the paths in flight that session s will own. They are good until the next change.
func (p *pending) appendOwned(paths [][]byte, s proto.SessionID) [][]byte {
	slot, ok := p.owned[s]
	if !ok {
		return paths
	}
	for ; slot >= 0; slot = p.records[slot].ownNext {
		paths = append(paths, p.records[slot].path)
	}
	return paths
}

// save remembers the record in slot for a rollback, before it is changed.
func (p *pending) save(slot int32, fresh bool) {
	if p.inMulti {
		u := undo{slot: slot, fresh: fresh}
		if c := &p.records[slot]; !fresh {
			u.exists, u.zxid, u.owner, u.id, u.meta, u.digest, u.acl = c.exists, c.zxid, c.owner, c.id, c.meta, c.digest, c.acl
		}
		p.undo = append(p.undo, u)
	}
}

// rollback takes back all that was saved since the multi began.
func (p *pending) rollback() {
	for i := len(p.undo) - 1; i >= 0; i-- {
		u := &p.undo[i]
		if u.fresh {
			p.remove(u.slot)
			continue
		}
		p.own(u.slot, u.owner)
		c := &p.records[u.slot]
		c.exists, c.zxid, c.id, c.meta, c.digest, c.acl = u.exists, u.zxid, u.id, u.meta, u.digest, u.acl
	}
}

// touched notes that zxid changed the record in slot. Of a multi that fails nothing may have been noted.
func (p *pending) touched(zxid proto.Zxid, slot int32) {
	p.records[slot].zxid = zxid
	p.touches = append(p.touches, touch{zxid, slot})
}

// applied forgets what no transaction after zxid touches.
func (p *pending) applied(zxid proto.Zxid) {
	for p.first < len(p.touches) && p.touches[p.first].zxid <= zxid {
		t := p.touches[p.first]
		p.first++
		// A record touched again has a later touch in the queue; one touched twice by the same transaction
		// is gone with the first of them.
		if c := &p.records[t.slot]; c.zxid == t.zxid && len(c.path) > 0 {
			p.remove(t.slot)
		}
	}
	if p.first == len(p.touches) {
		p.touches, p.first = p.touches[:0], 0
		p.shrink()
	} else if p.first > len(p.touches)/2 && p.first > 4096 {
		n := copy(p.touches, p.touches[p.first:])
		p.touches, p.first = p.touches[:n], 0
	}
}

// shrink gives back what a burst took, when nothing is in flight.
func (p *pending) shrink() {
	if len(p.records) > recordsKeepMax {
		p.records, p.touches, p.free = nil, nil, -1
		p.rehash(bucketsMin)
	}
}

// node is a znode as the next transaction finds it.
type node struct {
	path []byte
	hash uint64
	slot int32       // its record in flight, -1 when there is none
	id   tree.NodeID // as in change
	meta tree.Meta
	acl  proto.ACLs
}

// look finds the znode at path in the tree as it will be. "" is not an alias of the root here: callers
// give whole paths.
func (o *Orderer) look(path []byte) (n node, ok bool) { return o.lookHashed(path, xxhash.Sum64(path)) }

// lookHashed is look for a path whose hash is known.
func (o *Orderer) lookHashed(path []byte, hash uint64) (n node, ok bool) {
	n = node{path: path, hash: hash, slot: -1}
	if n.slot = o.inFlight.find(path, n.hash); n.slot >= 0 {
		c := &o.inFlight.records[n.slot]
		n.id, n.meta = c.id, c.meta
		if n.acl = c.acl; n.acl == nil {
			n.acl = o.tree.ACLByID(c.meta.ACL)
		}
		return n, c.exists
	}
	id, ok := o.tree.Lookup(path)
	if !ok {
		return n, false
	}
	n.id, n.meta = id, o.tree.Meta(id)
	n.acl = o.tree.ACLByID(n.meta.ACL)
	return n, true
}

// put records that the transaction being ordered leaves n with meta; was says what it had before, nil that
// it did not exist. A nil acl keeps the list.
func (o *Orderer) put(n *node, was *tree.Meta, meta *tree.Meta, acl proto.ACLs) {
	p := o.inFlight
	fresh := n.slot < 0
	if fresh {
		n.slot = p.add(n.path, n.hash)
	}
	p.save(n.slot, fresh)
	c := &p.records[n.slot]
	if c.exists = meta != nil; c.exists {
		c.id = n.id
	} else {
		c.id = 0
	}
	owner := proto.SessionID(0)
	if meta != nil {
		c.meta = *meta
		if o.tree.OwnerKind(meta.Owner) == tree.OwnerSession {
			owner = proto.SessionID(meta.Owner)
		}
	}
	if acl != nil || !c.exists {
		c.acl = acl
	}
	p.own(n.slot, owner)
	p.touched(o.zxid, n.slot)
	if o.NoDigest || tree.DigestExempt(n.path) {
		return
	}
	before := c.digest
	if fresh && was != nil {
		before = was.Digest()
	}
	c.digest = 0
	if meta != nil {
		c.digest = meta.Digest()
	}
	o.digest += c.digest - before
}
