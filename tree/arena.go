package tree

import (
	"encoding/binary"
	"unsafe"
)

// The arena hands out blocks of bytes for names and values. Memory comes in chunks; a chunk is cut into
// slabs; a slab holds blocks of one size class. A slab that has no block in use can serve another class,
// so memory does not stay bound to sizes that were common once.
const (
	blockUnit  = 8 // a handle counts these
	slabBytes  = 64 << 10
	slabUnits  = slabBytes / blockUnit
	chunkSlabs = 4
	chunkBytes = chunkSlabs * slabBytes
	chunkUnits = chunkBytes / blockUnit
	maxBlock   = 4096
	maxSlabs   = 1 << 32 / slabUnits // that a handle can address: 32 GiB
	numClasses = 1 + 128 + 64 + 64
)

// sizeClass returns the class of blocks for n bytes, 1 <= n <= maxBlock. Steps are fine, so that what a
// block wastes stays below 8 bytes for values up to 1 KiB and below 32 for all.
func sizeClass(n int) int {
	switch {
	case n <= 1024:
		return (n + 7) / 8
	case n <= 2048:
		return 128 + (n-1024+15)/16
	default:
		return 192 + (n-2048+31)/32
	}
}

// classBytes is the size of the blocks of class c, at least 1.
func classBytes(c int) int {
	switch {
	case c <= 128:
		return c * 8
	case c <= 192:
		return 1024 + (c-128)*16
	default:
		return 2048 + (c-192)*32
	}
}

// handle names a block: its address in blockUnits, counted through all chunks.
type handle uint32

// slab is the account of one slab. Slab numbers are stored plus one, so that 0 is none.
type slab struct {
	class      uint16
	live       uint16 // blocks in use
	fresh      uint16 // blocks from here on were never used
	freed      uint16 // first of the list of freed blocks, plus one; a block's first bytes name the next
	next, prev uint32 // in the list of slabs of this class that have room, or of empty slabs
}

// arena owns the chunks.
type arena struct {
	chunks []*[chunkBytes]byte
	memory regions[byte]
	slabs  []slab
	room   [numClasses]uint32 // first slab with room, per class
	empty  uint32             // first slab without blocks
}

// bytes returns the memory from block h on. It does not end where the block ends.
func (a *arena) bytes(h handle) []byte {
	return a.chunks[h/chunkUnits][h%chunkUnits*blockUnit:]
}

// alloc returns a block of n bytes, 1 <= n <= maxBlock. It fails when handles have run out.
func (a *arena) alloc(n int) (h handle, ok bool) {
	c := sizeClass(n)
	i := a.room[c]
	if i == 0 {
		if i = a.takeSlab(c); i == 0 {
			return 0, false
		}
	}
	s := &a.slabs[i-1]
	size := classBytes(c)
	var b uint16 // block number within the slab
	if s.freed != 0 {
		b = s.freed - 1
		at := blockHandle(i, b, size)
		s.freed = binary.LittleEndian.Uint16(a.bytes(at))
	} else {
		b = s.fresh
		s.fresh++
	}
	s.live++
	if int(s.live) == slabBytes/size {
		a.unlink(&a.room[c], i)
	}
	return blockHandle(i, b, size), true
}

// free takes back block h.
func (a *arena) free(h handle) {
	i := uint32(h/slabUnits) + 1
	s := &a.slabs[i-1]
	size := classBytes(int(s.class))
	if int(s.live) == slabBytes/size {
		a.link(&a.room[s.class], i)
	}
	binary.LittleEndian.PutUint16(a.bytes(h), s.freed)
	s.freed = uint16(int(h%slabUnits)*blockUnit/size) + 1
	s.live--
	if s.live == 0 {
		a.unlink(&a.room[s.class], i)
		a.link(&a.empty, i)
	}
}

func blockHandle(slab uint32, block uint16, size int) handle {
	return handle(slab-1)*slabUnits + handle(int(block)*size/blockUnit)
}

// takeSlab gives class c an empty slab, which it puts first in the class's list.
func (a *arena) takeSlab(c int) uint32 {
	if a.empty == 0 {
		if len(a.slabs)+chunkSlabs > maxSlabs {
			return 0
		}
		a.chunks = append(a.chunks, (*[chunkBytes]byte)(a.memory.take(chunkBytes)))
		first := uint32(len(a.slabs))
		a.slabs = append(a.slabs, make([]slab, chunkSlabs)...)
		for i := first + chunkSlabs; i > first; i-- {
			a.link(&a.empty, i)
		}
	}
	i := a.empty
	a.unlink(&a.empty, i)
	a.slabs[i-1] = slab{class: uint16(c)}
	a.link(&a.room[c], i)
	return i
}

func (a *arena) link(head *uint32, i uint32) {
	s := &a.slabs[i-1]
	s.prev, s.next = 0, *head
	if *head != 0 {
		a.slabs[*head-1].prev = i
	}
	*head = i
}

func (a *arena) unlink(head *uint32, i uint32) {
	s := &a.slabs[i-1]
	if s.prev != 0 {
		a.slabs[s.prev-1].next = s.next
	} else {
		*head = s.next
	}
	if s.next != 0 {
		a.slabs[s.next-1].prev = s.prev
	}
}

// taken is what the arena has taken from the heap.
func (a *arena) taken() int64 {
	const slabAccount = int64(unsafe.Sizeof(slab{}))
	return a.memory.handed + int64(cap(a.slabs))*slabAccount
}

// largeBlocks holds the blocks beyond the arena's sizes, each in memory of its own.
type largeBlocks struct {
	blocks [][]byte
	freed  []uint32
	bytes  int64
}

func (l *largeBlocks) alloc(n int) uint32 {
	b := make([]byte, n)
	l.bytes += int64(n)
	if k := len(l.freed); k > 0 {
		i := l.freed[k-1]
		l.freed = l.freed[:k-1]
		l.blocks[i] = b
		return i
	}
	l.blocks = append(l.blocks, b)
	return uint32(len(l.blocks) - 1)
}

func (l *largeBlocks) free(i uint32) {
	l.bytes -= int64(len(l.blocks[i]))
	l.blocks[i] = nil
	l.freed = append(l.freed, i)
}
