package tree

import (
	"encoding/binary"
	"math/bits"

	"gamekeeper/proto"
)

// Changes is the set of znodes that changed in an epoch of tracking, each once however often it changed.
// The tree fills the set of the epoch that runs; the set of one that ended belongs to whoever took it.
//
// What it gives is fuzzy: of a changed znode the state at the time of the reading, and znodes that are not
// changed in this epoch at all when a number was freed and used again. It is complete: what a store of
// znodes holds of the state at the end of the epoch, for the path of each znode that is alive, or has been
// since the store began, and is not changed later, is right once all of it was written.
//
// A znode that was created after the end of the epoch is not shown, though its number or its path may be in the set: it
// is in the set of the next. So the store that is written from a set has no znode that is younger than the set, and one
// that is created and removed within one epoch need not be mentioned at all: no store has it.
type Changes struct {
	// What is older than the epoch was created up to from, if that is known: not so in the first epoch of a tree, of
	// which a store may hold more than the tree did when tracking began. The epoch ended behind upTo.
	from, upTo proto.Zxid
	bounded    bool

	live    []*changedChunk
	changed int

	gone     []goneChunk
	removals int
	recent   []goneRef // by the tag of the path: the latest removal of a path with such a tag

	// unlisted are the parents of znodes that closeSession deleted though the transaction does not name them.
	unlisted []NodeID

	// Where Next goes on.
	atNode  NodeID
	atChunk int // of gone
	atByte  int
	pathBuf []byte
}

// changedChunk has a bit for each record of a chunk of records.
type changedChunk [chunkRecords / 64]uint64

// goneChunk holds paths, each behind its length.
type goneChunk []byte

// goneRef is where a path is: its chunk plus one, and its place in there.
type goneRef struct{ chunk, at uint32 }

const (
	goneChunkBytes = 64 << 10
	goneRecent     = 8 << 10
	// wordsPerStep bounds how many words of the bit map a step may skip over.
	wordsPerStep = 32 << 10
)

func newChanges() *Changes { return &Changes{recent: make([]goneRef, goneRecent)} }

// Len is the number of znodes that a reading shows, at most.
func (c *Changes) Len() int { return c.changed + c.removals }

// Track starts the tracking of changes, if it is not running yet. What the tree holds counts as changed.
// The owner alone may call it.
func (t *Tree) Track() {
	if t.changes != nil {
		return
	}
	t.changes = newChanges()
	t.noteAll()
}

// noteAll notes every znode. It costs a few bytes written per hundred znodes.
func (t *Tree) noteAll() {
	for n := NodeID(1); n <= t.records.used; {
		if n%64 == 0 && n+64 <= t.records.used {
			w := t.changes.word(n)
			t.changes.changed += 64 - bits.OnesCount64(*w)
			*w = ^uint64(0)
			n += 64
			continue
		}
		t.note(n)
		n++
	}
}

// TakeChanges ends an epoch of tracking, begins the next one, and returns what changed in the one that
// ended. What changed up to LastZxid is in it. The owner alone may call it, with tracking on. Spare, if it
// is not nil, is a set that nobody needs any more, after its Reset: its memory is used again.
func (t *Tree) TakeChanges(spare *Changes) *Changes {
	c := t.changes
	if spare == nil {
		spare = newChanges()
	}
	c.upTo = t.lastZxid
	spare.from, spare.bounded = t.lastZxid, true
	t.changes = spare
	return c
}

// ChangeCount is how many znodes the running epoch of tracking has changed or removed.
func (t *Tree) ChangeCount() int {
	if t.changes == nil {
		return 0
	}
	return t.changes.Len()
}

// note adds n to the changed znodes.
func (t *Tree) note(n NodeID) {
	if t.changes == nil {
		return
	}
	w := t.changes.word(n)
	if bit := uint64(1) << (n % 64); *w&bit == 0 {
		*w |= bit
		t.changes.changed++
	}
}

// word is the one that n's bit is in.
func (c *Changes) word(n NodeID) *uint64 {
	i := int(n / chunkRecords)
	if i >= len(c.live) {
		c.live = append(c.live, make([]*changedChunk, i+1-len(c.live))...)
	}
	if c.live[i] == nil {
		c.live[i] = new(changedChunk)
	}
	return &c.live[i][n%chunkRecords/64]
}

// noteRemoval adds the path of a znode that was created by czxid to those of removed ones. One that comes again soon is
// kept once.
func (t *Tree) noteRemoval(path []byte, tag uint32, czxid proto.Zxid) {
	c := t.changes
	if c == nil || c.bounded && czxid > c.from {
		return
	}
	recent := &c.recent[tag%goneRecent]
	if recent.chunk != 0 {
		if p, _ := c.gone[recent.chunk-1].path(int(recent.at)); string(p) == string(path) {
			return
		}
	}
	need := binary.MaxVarintLen32 + len(path)
	k := len(c.gone)
	if k == 0 || cap(c.gone[k-1])-len(c.gone[k-1]) < need {
		c.nextChunk(need)
		k = len(c.gone)
	}
	last := &c.gone[k-1]
	*recent = goneRef{uint32(k), uint32(len(*last))}
	*last = append(binary.AppendUvarint(*last, uint64(len(path))), path...)
	c.removals++
}

// nextChunk adds a chunk with room for need bytes, one that was used before if there is one.
func (c *Changes) nextChunk(need int) {
	k := len(c.gone)
	if k < cap(c.gone) {
		c.gone = c.gone[:k+1]
		if cap(c.gone[k]) >= need {
			c.gone[k] = c.gone[k][:0]
			return
		}
		c.gone = c.gone[:k]
	}
	c.gone = append(c.gone, make(goneChunk, 0, max(goneChunkBytes, need)))
}

// path returns the path at a place in the chunk, and the place of the next one.
func (g goneChunk) path(at int) ([]byte, int) {
	n, k := binary.Uvarint(g[at:])
	from := at + k
	to := from + int(n)
	return g[from:to:to], to
}

// Next goes on with the reading of a set that was taken: it shows up to limit znodes of t, fewer when visit
// returns false, and says whether there may be more. It may be called by whoever may read t; it looks at a
// bounded number of znodes, so that a reader's lock can be given back after each step. Visit gets a path
// with its znode, or with 0 when there is none there now, and may keep neither.
func (c *Changes) Next(t *Tree, limit int, visit func(path []byte, n NodeID) bool) (more bool) {
	for words := wordsPerStep; ; words-- {
		n, more := c.nextLive(&words)
		if !more {
			break
		}
		if n == 0 || limit == 0 {
			return true
		}
		c.atNode = n + 1
		// The number may be free by now, or name a younger znode.
		if r := t.records.at(n); r.dataLen == freeRecord || r.czxid > c.upTo {
			continue
		}
		limit--
		c.pathBuf = t.AppendPath(c.pathBuf[:0], n)
		if !visit(c.pathBuf, n) {
			return true
		}
	}
	for ; c.atChunk < len(c.gone); c.atChunk, c.atByte = c.atChunk+1, 0 {
		for chunk := c.gone[c.atChunk]; c.atByte < len(chunk); {
			if limit == 0 {
				return true
			}
			limit--
			path, next := chunk.path(c.atByte)
			c.atByte = next
			n, ok := t.Lookup(path)
			if ok && t.records.at(n).czxid > c.upTo {
				n = 0
			}
			if !visit(path, n) {
				return true
			}
		}
	}
	return false
}

// nextLive finds the next bit that is set, from c.atNode on. It gives 0 when it has looked at so many words,
// and goes on from there the next time.
func (c *Changes) nextLive(words *int) (n NodeID, more bool) {
	end := NodeID(len(c.live) * chunkRecords)
	for ; c.atNode < end; *words-- {
		if *words <= 0 {
			return 0, true
		}
		chunk := c.live[c.atNode/chunkRecords]
		if chunk == nil {
			c.atNode += chunkRecords - c.atNode%chunkRecords
			continue
		}
		w := chunk[c.atNode%chunkRecords/64] >> (c.atNode % 64)
		if w != 0 {
			return c.atNode + NodeID(bits.TrailingZeros64(w)), true
		}
		c.atNode += 64 - c.atNode%64
	}
	return 0, false
}

// noteUnlisted notes that the child of parent is deleted though the transaction does not name it.
func (t *Tree) noteUnlisted(parent NodeID) {
	c := t.changes
	if c == nil {
		return
	}
	if k := len(c.unlisted); k == 0 || c.unlisted[k-1] != parent {
		c.unlisted = append(c.unlisted, parent)
	}
}

// Unlisted shows the parents of the ephemerals that were deleted in the epoch by transactions that do not
// name them, from number from on, and returns where to go on. Such are the ends of sessions in the logs of
// old servers. If a store has the deletion and not what it changed in the parent, no replay will bring that:
// the transaction meets neither the znode nor its name. So what has the one must have the other.
func (c *Changes) Unlisted(t *Tree, from int, visit func(path []byte, n NodeID)) (next int) {
	upTo := c.upTo
	if c == t.changes {
		upTo = c.from
	}
	for _, n := range c.unlisted[from:] {
		if r := t.records.at(n); r.dataLen != freeRecord && r.czxid <= upTo {
			c.pathBuf = t.AppendPath(c.pathBuf[:0], n)
			visit(c.pathBuf, n)
		}
	}
	return len(c.unlisted)
}

// CurrentChanges is the set of the epoch that runs, for Unlisted. It may be used by whoever may read the
// tree, while he may; nil if changes are not tracked.
func (t *Tree) CurrentChanges() *Changes { return t.changes }

// Rewind makes the next reading start again, as for a set whose writing failed.
func (c *Changes) Rewind() { c.atNode, c.atChunk, c.atByte = 0, 0, 0 }

// Reset empties the set. Its memory stays, see TakeChanges. It costs time by the memory of the bit map, a
// bit for each znode.
func (c *Changes) Reset() {
	for _, chunk := range c.live {
		if chunk != nil {
			*chunk = changedChunk{}
		}
	}
	clear(c.recent)
	c.gone, c.unlisted = c.gone[:0], c.unlisted[:0]
	c.changed, c.removals = 0, 0
	c.Rewind()
}
