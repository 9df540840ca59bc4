package tree

// The index maps the hash of a path to its NodeID. It is extendible hashing: a directory of segments,
// chosen by the high bits of the tag; a segment that fills up is split alone, so that no insertion costs
// more than the rebuilding of one segment (some ten microseconds). Within a segment it is linear probing
// with deletion by shifting back, so there are no tombstones.
const (
	segmentSlots = 4096
	slotBytes    = 8
	// maxDepth leaves the low bits of the tag, which choose the slot, out of the directory.
	maxDepth = 20
)

// slot is one entry. The tag is the high half of the path's hash.
type slot struct {
	tag  uint32
	node NodeID // 0 when the slot is empty
}

type segment struct {
	slots []slot // a power of two
	used  int
	depth uint8 // how many high bits of the tag its entries share
}

type index struct {
	dir      [][]slot   // 1<<depth entries, the slots of segs; a segment of lesser depth has several
	segs     []*segment // beside dir
	depth    uint8
	segments int
	memory   regions[slot]
	scratch  []slot // for splitting
}

// newIndex returns an index that holds about n entries without a split.
func newIndex(n int) *index {
	x := &index{scratch: make([]slot, segmentSlots)}
	for x.depth < maxDepth && n>>x.depth > segmentSlots/4*3 {
		x.depth++
	}
	x.dir, x.segs = make([][]slot, 1<<x.depth), make([]*segment, 1<<x.depth)
	x.memory.expected = int64(len(x.dir)) * segmentSlots * slotBytes
	for i := range x.dir {
		x.set(i, i+1, &segment{slots: x.memory.take(segmentSlots), depth: x.depth})
	}
	x.segments = len(x.dir)
	return x
}

// at is the entry of the directory for tag.
func (x *index) at(tag uint32) uint64 { return uint64(tag) << x.depth >> 32 }

// slots returns the slots that tag may be in, as many as a power of two. A search begins at the low bits
// of the tag and ends at an empty slot.
func (x *index) slots(tag uint32) []slot { return x.dir[x.at(tag)] }

// set puts s into entries from to to-1 of the directory.
func (x *index) set(from, to int, s *segment) {
	for i := from; i < to; i++ {
		x.dir[i], x.segs[i] = s.slots, s
	}
}

// insert adds an entry. The caller knows that the path is not there yet.
func (x *index) insert(tag uint32, n NodeID) {
	s := x.segs[x.at(tag)]
	for s.used >= len(s.slots)/8*7 {
		if s.depth == maxDepth {
			s.grow()
			x.set(int(x.at(tag)), int(x.at(tag))+1, s)
			break
		}
		x.split(s, tag)
		s = x.segs[x.at(tag)]
	}
	s.put(slot{tag, n})
	s.used++
}

// touch reads where entries will go, so that inserting them next finds the memory in the processor's cache.
// As no read depends on another, the processor waits for many at once; an insertion's search would make it
// wait for each. The sum has no meaning: it is what keeps the reads from being left out.
func (x *index) touch(entries []slot) (sum NodeID) {
	for _, e := range entries {
		slots := x.slots(e.tag)
		sum += slots[e.tag&uint32(len(slots)-1)].node
	}
	return sum
}

func (s *segment) put(e slot) {
	mask := uint32(len(s.slots) - 1)
	i := e.tag & mask
	for s.slots[i].node != 0 {
		i = (i + 1) & mask
	}
	s.slots[i] = e
}

// split moves half of s, which tag belongs to, into a new segment.
func (x *index) split(s *segment, tag uint32) {
	if s.depth == x.depth {
		dir, segs := x.dir, x.segs
		x.dir, x.segs = make([][]slot, 2*len(dir)), make([]*segment, 2*len(dir))
		for i, d := range segs {
			x.set(2*i, 2*i+2, d)
		}
		x.depth++
	}
	s.depth++
	t := &segment{slots: x.memory.take(segmentSlots), depth: s.depth}
	x.segments++
	// The entries of the directory that belonged to s lie together; the upper half is t's now.
	half := 1 << (x.depth - s.depth)
	first := int(x.at(tag)) &^ (2*half - 1)
	x.set(first+half, first+2*half, t)
	n := copy(x.scratch, s.slots)
	clear(s.slots)
	s.used = 0
	for _, e := range x.scratch[:n] {
		switch {
		case e.node == 0:
		case e.tag<<(s.depth-1)>>31 == 0:
			s.put(e)
			s.used++
		default:
			t.put(e)
			t.used++
		}
	}
}

// grow doubles a segment that can no longer be split: its tags agree in all bits that the directory
// looks at. With a sound hash that never happens.
func (s *segment) grow() {
	old := s.slots
	s.slots = make([]slot, 2*len(old))
	for _, e := range old {
		if e.node != 0 {
			s.put(e)
		}
	}
}

// remove deletes the entry of n, which must be there.
func (x *index) remove(tag uint32, n NodeID) {
	s := x.segs[x.at(tag)]
	mask := uint32(len(s.slots) - 1)
	i := tag & mask
	for s.slots[i].node != n {
		if s.slots[i].node == 0 {
			panic("tree: znode is missing in the index")
		}
		i = (i + 1) & mask
	}
	// Close the gap: move back each following entry that may stand there.
	for j := i; ; {
		j = (j + 1) & mask
		e := s.slots[j]
		if e.node == 0 {
			break
		}
		if (j-e.tag)&mask >= (j-i)&mask {
			s.slots[i] = e
			i = j
		}
	}
	s.slots[i] = slot{}
	s.used--
}

// taken is what the index has taken from the heap.
func (x *index) taken() int64 {
	return int64(x.segments)*(segmentSlots*slotBytes+40) + int64(len(x.dir))*32 + segmentSlots*slotBytes
}
