package bench

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"

	"gamekeeper/proto"
)

// The model of ClickHouse: inserts into replicated tables of the MergeTree family, as versions of about 2023 send them.
// Two sessions are replicas of one table.
//
// The tree: /tables/T with block_numbers/all, blocks, log, and for each replica parts, queue and log_pointer.
//
// A thread that inserts sends a multi that probes for a duplicate, by creating and deleting a znode in blocks, and takes
// a block number, an ephemeral sequential one; and then a multi that appends to the log a sequential entry of 200
// bytes, frees the number, and creates the block and the part, the latter with 250 bytes. Then, while the queue of its
// replica has entries, it takes one: when the part is the other replica's it asks whether that has it and creates it
// among its own; and deletes the entry.
//
// One thread of each replica follows the log besides: it lists it with a watch, reads up to 50 entries that are new
// with a multiread, and copies them to the queue in a multi that moves its log_pointer. Every so often it deletes log
// entries that both replicas have, blocks and parts that are old, in multis of up to 100 operations.

const (
	clickLogBytes  = 200
	clickPartBytes = 250
	clickPull      = 50  // entries of the log, at a time
	clickTrim      = 100 // operations of a multi that deletes
	clickBlocks    = 300 // blocks, and parts, that a session keeps
	clickNumber    = 10  // digits of a sequence number
)

func prepareClickHouse(ctx context.Context, r *runner, root string) (func(conn, actors int) []*actor, error) {
	levels := make([][]string, 5)
	levels[0] = []string{root + "/tables"}
	for conn := range r.options.Connections {
		table, replica := clickPaths(root, conn)
		if conn%2 == 0 {
			levels[1] = append(levels[1], table)
			levels[2] = append(levels[2], table+"/block_numbers", table+"/blocks", table+"/log", table+"/replicas")
			levels[3] = append(levels[3], table+"/block_numbers/all")
		}
		levels[3] = append(levels[3], replica)
		levels[4] = append(levels[4], replica+"/parts", replica+"/queue", replica+"/log_pointer")
	}
	for _, paths := range levels {
		if err := r.growPaths(ctx, paths); err != nil {
			return nil, err
		}
	}
	single := r.options.Connections
	return func(conn, n int) []*actor { return newClickReplica(root, conn, single).threads(n) }, nil
}

// clickPaths returns the paths of the table and the replica of a session.
func clickPaths(root string, conn int) (table, replica string) {
	table = fmt.Sprintf("%s/tables/%05d", root, conn/2)
	return table, fmt.Sprintf("%s/replicas/r%d", table, conn%2)
}

// clickReplica is a process: what its threads know together.
type clickReplica struct {
	table, own, other string
	number            byte // of the replica, 0 or 1
	alone             bool // there is no other
	pointer           int  // the next entry of the log to copy
	queue             []clickEntry
	blocks, parts     [][]byte // paths, the oldest first
	inserts           int
	session           int
}

// clickEntry is an entry of the replica's queue.
type clickEntry struct {
	name    []byte // of the znode in the queue
	part    []byte // that is to be had
	foreign bool   // from the other replica
}

func newClickReplica(root string, conn, sessions int) *clickReplica {
	c := &clickReplica{number: byte(conn % 2), session: conn, alone: conn^1 >= sessions}
	c.table, c.own = clickPaths(root, conn)
	_, c.other = clickPaths(root, conn^1)
	return c
}

func (c *clickReplica) threads(n int) []*actor {
	actors := make([]*actor, n)
	for i := range actors {
		actors[i] = c.thread(i, n)
	}
	return actors
}

// clickThread is the state of an actor.
type clickThread struct {
	*clickReplica
	actor *actor
	id    []byte // of the block that is inserted
	lock  []byte // the ephemeral of its number
	part  []byte // the path of its part
	entry clickEntry

	// Of the thread that follows the log.
	follows bool
	only    bool  // there is no other thread
	fresh   []int // numbers of entries of the log to copy
	old     []int // numbers of entries that are behind the pointer
	pulled  []clickEntry
	trimmed [][]byte
}

// The steps of a thread.
const (
	clickLock = iota
	clickCommit
	clickAsk
	clickFetch
	clickRemove
	clickTrimOwn
	clickList // from here on, of the one that follows
	clickRead
	clickCopy
	clickPeek
	clickTrimLog
)

func (c *clickReplica) thread(n, of int) *actor {
	t := &clickThread{clickReplica: c, actor: &actor{}, follows: n == 0, only: of == 1}
	prefix := fmt.Sprintf("%s/blocks/all_%05d_%05d_", c.table, c.session, n)
	blockNumber := []byte(c.table + "/block_numbers/all/block-")
	t.id = []byte(prefix)
	part := filler(clickPartBytes)
	multi := func(body func(b []byte) []byte, then func(d *proto.Decoder)) step {
		return step{kind: KindMulti, op: proto.OpMulti, body: func(b []byte) []byte {
			return proto.AppendMultiHeader(body(b), proto.MultiEnd)
		}, then: then}
	}
	t.actor.steps = []step{
		clickLock: multi(func(b []byte) []byte {
			c.inserts++
			t.id = appendDigits(append(t.id[:0], prefix...), c.inserts, seqDigits)
			b = appendCreate(appendPart(b, proto.OpCreate), t.id, nil, proto.Persistent)
			b = appendDelete(appendPart(b, proto.OpDelete), t.id)
			return appendCreate(appendPart(b, proto.OpCreate), blockNumber, t.id, proto.EphemeralSequential)
		}, t.locked),
		clickCommit: multi(func(b []byte) []byte {
			b = appendCreate(appendPart(b, proto.OpCreate), []byte(c.table+"/log/log-"), t.logEntry(), proto.PersistentSequential)
			b = appendDelete(appendPart(b, proto.OpDelete), t.lock)
			b = appendCreate(appendPart(b, proto.OpCreate), t.id, t.part[len(c.own):], proto.Persistent)
			return appendCreate(appendPart(b, proto.OpCreate), t.part, part, proto.Persistent)
		}, func(*proto.Decoder) {
			c.blocks = append(c.blocks, slices.Clone(t.id))
			c.parts = append(c.parts, slices.Clone(t.part))
			t.work()
		}),
		clickAsk: {kind: KindExists, op: proto.OpExists, body: func(b []byte) []byte {
			return appendRead(b, []byte(c.other+"/parts/"+string(t.entry.part)), false)
		}, may: proto.NoNode},
		clickFetch: multi(func(b []byte) []byte {
			t.part = append(append(append(t.part[:0], c.own...), "/parts/"...), t.entry.part...)
			return appendCreate(appendPart(b, proto.OpCreate), t.part, part, proto.Persistent)
		}, func(*proto.Decoder) { c.parts = append(c.parts, slices.Clone(t.part)) }),
		clickRemove: {kind: KindDelete, op: proto.OpDelete, body: func(b []byte) []byte {
			return appendDelete(b, []byte(c.own+"/queue/"+string(t.entry.name)))
		}, then: func(*proto.Decoder) { t.work() }},
		clickTrimOwn: multi(func(b []byte) []byte { return appendDeletes(b, t.trimmed) }, func(*proto.Decoder) { t.work() }),
	}
	if t.follows {
		t.actor.steps = append(t.actor.steps, t.follow(multi)...)
	}
	return t.actor
}

func appendDeletes(b []byte, paths [][]byte) []byte {
	for _, p := range paths {
		b = appendDelete(appendPart(b, proto.OpDelete), p)
	}
	return b
}

// locked takes the number that the block was given.
func (t *clickThread) locked(d *proto.Decoder) {
	d.MultiHeader()
	d.Buffer()
	d.MultiHeader()
	d.MultiHeader()
	t.lock = append(t.lock[:0], d.Buffer()...)
	number := t.lock[max(len(t.lock)-clickNumber, 0):]
	t.part = fmt.Appendf(t.part[:0], "%s/parts/all_%s_%[2]s_0", t.own, number)
}

// logEntry is the value of an entry of the log: the part and the replica that has it, and what else there is.
func (t *clickThread) logEntry() []byte {
	b := fmt.Appendf(nil, "format version: 4\nsource replica: r%d\nget\n%s\n", t.number, t.part[len(t.own)+len("/parts/"):])
	return append(b, filler(clickLogBytes-len(b))...)
}

// work says what the thread does next: what is in the queue, or what is old, or the log for the one that follows, or
// another insert.
func (t *clickThread) work() {
	t.trimmed = t.trimmed[:0]
	switch {
	case len(t.queue) > 0 && (!t.follows || t.only):
		t.entry = t.queue[0]
		t.queue = t.queue[1:]
		t.actor.at = clickRemove
		if t.entry.foreign {
			t.actor.at = clickAsk
		}
	case len(t.blocks) > clickBlocks+clickTrim:
		t.trimmed, t.blocks = append(t.trimmed, t.blocks[:clickTrim]...), t.blocks[clickTrim:]
		t.actor.at = clickTrimOwn
	case len(t.parts) > clickBlocks+clickTrim:
		t.trimmed, t.parts = append(t.trimmed, t.parts[:clickTrim]...), t.parts[clickTrim:]
		t.actor.at = clickTrimOwn
	case t.follows:
		t.actor.at = clickList
	default:
		t.actor.at = clickLock
	}
}

// follow is the steps of the thread that follows the log.
func (t *clickThread) follow(multi func(func([]byte) []byte, func(*proto.Decoder)) step) []step {
	log := []byte(t.table + "/log")
	entry := func(n int) []byte { return appendDigits(append(slices.Clone(log), "/log-"...), n, seqDigits) }
	return []step{
		{kind: KindChildren, op: proto.OpGetChildren2, body: func(b []byte) []byte { return appendRead(b, log, true) }, then: t.listed},
		{kind: KindMultiread, op: proto.OpMultiRead, body: func(b []byte) []byte {
			for _, n := range t.fresh {
				b = appendRead(appendPart(b, proto.OpGetData), entry(n), false)
			}
			return proto.AppendMultiHeader(b, proto.MultiEnd)
		}, then: t.read},
		multi(func(b []byte) []byte {
			for range t.pulled {
				b = appendCreate(appendPart(b, proto.OpCreate), []byte(t.own+"/queue/queue-"), filler(clickLogBytes), proto.PersistentSequential)
			}
			pointer := strconv.AppendInt(nil, int64(t.fresh[len(t.fresh)-1]+1), 10)
			return appendSet(appendPart(b, proto.OpSetData), []byte(t.own+"/log_pointer"), pointer, -1)
		}, t.copied),
		{kind: KindGet, op: proto.OpGetData, body: func(b []byte) []byte {
			return appendRead(b, []byte(t.other+"/log_pointer"), false)
		}, then: func(d *proto.Decoder) {
			theirs, _ := strconv.Atoi(string(d.Buffer())) // it is empty in the beginning
			t.trimLog(theirs, entry)
		}},
		multi(func(b []byte) []byte { return appendDeletes(b, t.trimmed) }, func(*proto.Decoder) { t.next() }),
	}
}

// next lets the thread that follows do something else too, when it is the only one.
func (t *clickThread) next() { t.actor.at = clickLock }

// listed sorts the entries of the log into those to copy and those behind.
func (t *clickThread) listed(d *proto.Decoder) {
	t.fresh, t.old, t.pulled = t.fresh[:0], t.old[:0], t.pulled[:0]
	for range max(d.Count(4), 0) {
		name := d.Buffer()
		n, err := strconv.Atoi(string(name[max(len(name)-clickNumber, 0):]))
		switch {
		case err != nil:
		case n >= t.pointer:
			t.fresh = append(t.fresh, n)
		default:
			t.old = append(t.old, n)
		}
	}
	slices.Sort(t.fresh)
	slices.Sort(t.old)
	t.fresh = t.fresh[:min(len(t.fresh), clickPull)]
	if len(t.fresh) == 0 {
		t.tidy()
	}
}

// read takes the values of the entries of the log.
func (t *clickThread) read(d *proto.Decoder) {
	for range t.fresh {
		d.MultiHeader()
		lines := bytes.SplitN(d.Buffer(), []byte("\n"), 5)
		d.Stat()
		if len(lines) < 5 {
			continue // nothing of a replica's
		}
		foreign := lines[1][len(lines[1])-1] != '0'+t.number
		t.pulled = append(t.pulled, clickEntry{part: slices.Clone(lines[3]), foreign: foreign})
	}
}

// copied takes the names of the entries in the queue.
func (t *clickThread) copied(d *proto.Decoder) {
	for i := range t.pulled {
		d.MultiHeader()
		path := d.Buffer()
		t.pulled[i].name = slices.Clone(path[bytes.LastIndexByte(path, '/')+1:])
	}
	t.queue = append(t.queue, t.pulled...)
	t.pointer = t.fresh[len(t.fresh)-1] + 1
	t.tidy()
}

// tidy goes on to look whether the log can be cut, which is for one of the replicas, when it is worth it.
func (t *clickThread) tidy() {
	switch {
	case t.number != 0 || len(t.old) < clickTrim:
		t.next()
	case t.alone:
		t.actor.at = clickTrimLog
		t.trimmed = t.trimmed[:0]
		t.trimLog(t.pointer, func(n int) []byte { return fmt.Appendf(nil, "%s/log/log-%010d", t.table, n) })
	default:
		t.actor.at = clickPeek
	}
}

// trimLog goes on to delete the entries that the other replica has copied too.
func (t *clickThread) trimLog(theirs int, entry func(n int) []byte) {
	t.trimmed = t.trimmed[:0]
	for _, n := range t.old {
		if n < theirs && len(t.trimmed) < clickTrim {
			t.trimmed = append(t.trimmed, entry(n))
		}
	}
	t.actor.at = clickTrimLog
	if len(t.trimmed) == 0 {
		t.next()
	}
}
