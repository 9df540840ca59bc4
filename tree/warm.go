package tree

// Look-ups in a large tree are mostly waiting for memory, each step for the one before. Warming takes one step for
// many znodes, and then the next, so that the processor waits for many at once, and finds all in its cache when it
// comes to the work. A few hundred znodes at a time are right. Nothing changes; the owner alone may warm.

// warmer is what warming needs.
type warmer struct {
	tags  []uint32
	nodes []NodeID
	sum   uint32 // keeps reads from being left out
}

// Warm reads what ordering transactions on these paths will look at.
func (t *Tree) Warm(paths [][]byte) {
	t.warmer.nodes = t.warmer.nodes[:0]
	t.warmPaths(paths)
	t.warmNodes(1)
}

// WarmApply reads what applying transactions on these paths, and on these znodes, will look at and change. A znode that
// is no more does no harm.
func (t *Tree) WarmApply(paths [][]byte, nodes []NodeID) {
	w := &t.warmer
	w.nodes = append(w.nodes[:0], nodes...)
	for _, n := range nodes {
		r := t.records.at(n)
		w.sum += uint32(r.czxid) + r.block
	}
	t.warmPaths(paths)
	const linesMax = 4
	t.warmNodes(linesMax)
}

// warmPaths finds the znodes of paths, as far as there are any.
func (t *Tree) warmPaths(paths [][]byte) {
	w := &t.warmer
	w.tags = w.tags[:0]
	for _, p := range paths {
		tag := t.tag(p)
		slots := t.index.slots(tag)
		w.sum += uint32(slots[tag&uint32(len(slots)-1)].node)
		w.tags = append(w.tags, tag)
	}
	for _, tag := range w.tags {
		slots := t.index.slots(tag)
		mask := uint32(len(slots) - 1)
		i := tag & mask
		for slots[i].node != 0 && slots[i].tag != tag {
			i = (i + 1) & mask
		}
		if n := slots[i].node; n != 0 {
			r := t.records.at(n)
			w.sum += uint32(r.czxid) + r.block
			w.nodes = append(w.nodes, n)
		}
	}
}

// warmNodes reads the blocks of the znodes, whose records were read, so many lines of each, and their parents.
func (t *Tree) warmNodes(linesMax int) {
	const line = 64
	w := &t.warmer
	for _, n := range w.nodes {
		r := t.records.at(n)
		b := t.block(r)
		for i := 0; i < len(b) && i <= int(r.dataLen) && i < line*linesMax; i += line {
			w.sum += uint32(b[i])
		}
		if r.parent != 0 {
			p := t.records.at(r.parent)
			w.sum += uint32(p.czxid) + p.block
		}
	}
	for _, n := range w.nodes {
		if p := t.records.at(n).parent; p != 0 {
			w.sum += uint32(t.block(t.records.at(p))[0])
		}
	}
}
