package tree

import (
	"encoding/binary"

	"gamekeeper/proto"
)

// NodeID is the number of a znode's record; 0 is no znode. It is good until the next Apply: afterwards
// the znode may be gone and the number another's.
type NodeID uint32

// rootID is the root, which is never deleted.
const rootID NodeID = 1

// stored is the part of a znode's metadata that its digest is made of. Meta explains the fields.
type stored struct {
	czxid, mzxid, pzxid proto.Zxid
	ctime, mtime        int64
	owner               int64
	version             int32
	rawCversion         int32
	aversion            int32
	pathDataCRC         uint32
}

// record is a znode. It holds no pointers.
type record struct {
	stored
	acl         uint32 // ACLID and the bits below
	numChildren int32
	parent      NodeID // of a free record: the next free one
	firstChild  NodeID
	next, prev  NodeID // siblings; 0 at the ends
	block       uint32 // handle in the arena, or number of a large block
	dataLen     int32  // -1 when the data is null, freeRecord when the record is free
}

const (
	exemptBit uint32 = 1 << 31 // below /zookeeper/: adds nothing to the digest
	largeBit  uint32 = 1 << 30 // the block is a large one
	aclMask          = largeBit - 1
)

func (r *record) aclID() ACLID { return ACLID(r.acl & aclMask) }

func (r *record) setACL(id ACLID) { r.acl = r.acl&^aclMask | uint32(id) }

// freeRecord is the data length of a free record.
const freeRecord = -2

const (
	chunkRecords = 4 << 10
	recordBytes  = 96
)

// records hands out records from chunks that never move.
type records struct {
	chunks []*[chunkRecords]record
	memory regions[record]
	used   NodeID // records up to here were handed out at some time
	freed  NodeID // first of the list of free records
}

func (rs *records) at(n NodeID) *record {
	return &rs.chunks[n/chunkRecords][n%chunkRecords]
}

// alloc returns a zero record.
func (rs *records) alloc() (NodeID, *record) {
	if n := rs.freed; n != 0 {
		r := rs.at(n)
		rs.freed = r.parent
		r.parent, r.dataLen = 0, 0
		return n, r
	}
	rs.used++
	if int(rs.used/chunkRecords) == len(rs.chunks) {
		rs.chunks = append(rs.chunks, (*[chunkRecords]record)(rs.memory.take(chunkRecords)))
	}
	return rs.used, rs.at(rs.used)
}

func (rs *records) free(n NodeID) {
	*rs.at(n) = record{parent: rs.freed, dataLen: freeRecord}
	rs.freed = n
}

// A block holds the length of the name as a varint, the name, and the data.

// blockLen is the size of the block for a name and data of these lengths.
func blockLen(name, data int) int {
	n := 1
	for v := name; v >= 0x80; v >>= 7 {
		n++
	}
	return n + name + data
}

// block returns the memory of r's block, which may go on beyond it.
func (t *Tree) block(r *record) []byte {
	if r.acl&largeBit != 0 {
		return t.large.blocks[r.block]
	}
	return t.arena.bytes(handle(r.block))
}

// name returns the last component of r's path; the root's is empty. Its capacity goes on beyond it.
func (t *Tree) name(r *record) []byte {
	b := t.block(r)
	if n := int(b[0]); n < 0x80 {
		return b[1 : 1+n]
	}
	n, k := binary.Uvarint(b)
	return b[k : k+int(n)]
}

// data returns r's data, nil when it is null.
func (t *Tree) data(r *record) []byte {
	if r.dataLen < 0 {
		return nil
	}
	b := t.block(r)
	n, k := uint64(b[0]), 1
	if n >= 0x80 {
		n, k = binary.Uvarint(b)
	}
	from := k + int(n)
	to := from + int(r.dataLen)
	return b[from:to:to]
}

// newBlock gives r a block with name and data.
func (t *Tree) newBlock(r *record, name, data []byte) {
	n := blockLen(len(name), len(data))
	h, ok := handle(0), false
	if n <= maxBlock {
		h, ok = t.arena.alloc(n)
	}
	if ok {
		r.block = uint32(h)
		r.acl &^= largeBit
	} else {
		r.block = t.large.alloc(n)
		r.acl |= largeBit
	}
	b := t.block(r)
	k := binary.PutUvarint(b, uint64(len(name)))
	k += copy(b[k:], name)
	copy(b[k:], data)
	t.setDataLen(r, data)
}

func (t *Tree) setDataLen(r *record, data []byte) {
	r.dataLen = int32(len(data))
	if data == nil {
		r.dataLen = -1
	}
}

// replaceData gives r other data, in the same block when that has the right size.
func (t *Tree) replaceData(r *record, data []byte) {
	name := t.name(r)
	old, n := blockLen(len(name), max(0, int(r.dataLen))), blockLen(len(name), len(data))
	fits := n == old
	if r.acl&largeBit == 0 {
		fits = n <= maxBlock && sizeClass(n) == sizeClass(old)
	}
	if fits {
		copy(t.block(r)[n-len(data):], data)
		t.setDataLen(r, data)
		return
	}
	block, flags := r.block, r.acl
	t.newBlock(r, name, data)
	t.freeBlock(block, flags)
}

func (t *Tree) freeBlock(block, flags uint32) {
	if flags&largeBit != 0 {
		t.large.free(block)
	} else {
		t.arena.free(handle(block))
	}
}
