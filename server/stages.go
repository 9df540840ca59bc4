package server

import (
	"fmt"
	"sync/atomic"

	"gamekeeper/netpoll"
	"gamekeeper/proto"
	"gamekeeper/server/admin"
)

// The stages of a request. docs/performance.md says what each means to who reads it; times are noted once for each
// batch, and each stage begins where the one before it ends.
//
// A write goes through decode (from the read of its socket until the loop has handed it over), queue (until the core
// takes it up), order (until the core gives the log what it took up with it), log (until it is durable here) or, on a
// leader, quorum (until a quorum has it), apply (until it is in the tree) and reply (until the loop has given the reply
// to the socket). On a learner order and quorum are one stage, forward. A read on the loop has read and reply; one that
// stands behind a write goes through decode, queue, wait and reply. Total is from the read of the socket to the end.

// kind tells writes from reads.
type kind uint8

const (
	kindRead kind = iota
	kindWrite
	kinds = netpoll.Classes
)

func (k kind) String() string { return [kinds]string{"read", "write"}[k] }

// kindOf is the kind of requests of an operation: to begin a session is a write.
func kindOf(op proto.Op) kind {
	if op.Class() == proto.ClassWrite || op == proto.OpCreateSession {
		return kindWrite
	}
	return kindRead
}

// stages are the distributions of a server's stages. The last lane of each is the core's, the others are the loops'.
type stages struct {
	loops int

	decode, queue, reply, total [kinds]*admin.Times
	read, wait                  *admin.Times // of reads
	order, log, apply           *admin.Times // of writes
	quorum, forward             *admin.Times // of writes in an ensemble, nil without

	syncs syncs
}

func newStages(m *admin.Metrics, loops int, replicated bool) *stages {
	times := func(stage string, k kind) *admin.Times {
		return m.Times("gamekeeper_stage_seconds", fmt.Sprintf("stage=%q,kind=%q", stage, k), loops+1)
	}
	t := &stages{loops: loops, read: times("read", kindRead), wait: times("wait", kindRead),
		order: times("order", kindWrite), log: times("log", kindWrite), apply: times("apply", kindWrite)}
	for k := range kinds {
		k := kind(k)
		t.decode[k], t.queue[k] = times("decode", k), times("queue", k)
		t.reply[k], t.total[k] = times("reply", k), times("total", k)
	}
	if replicated {
		t.quorum, t.forward = times("quorum", kindWrite), times("forward", kindWrite)
	}
	return t
}

// loopStages are what a loop records. They belong to it.
type loopStages struct {
	decode, reply, total [kinds]*admin.TimesLane
	read                 *admin.TimesLane
}

func (t *stages) ofLoop(i int) (l loopStages) {
	for k := range kinds {
		l.decode[k], l.reply[k], l.total[k] = t.decode[k].Lane(i), t.reply[k].Lane(i), t.total[k].Lane(i)
	}
	l.read = t.read.Lane(i)
	return l
}

// handedOver notes what was read at a time and goes to the core.
func (t *loopStages) handedOver(h *handOver, read int64) {
	for k, n := range h.count {
		if n > 0 {
			t.decode[k].Record(n, h.at-read)
			t.decode[k].Publish()
		}
	}
}

// answered notes reads that the loop itself has answered.
func (t *loopStages) answered(n, read, ready, sent int64) {
	t.read.Record(n, ready-read)
	t.reply[kindRead].Record(n, sent-ready)
	t.total[kindRead].Record(n, sent-read)
	t.read.Publish()
	t.reply[kindRead].Publish()
	t.total[kindRead].Publish()
}

// replied notes replies of the core's that the loop has given to their sockets by now.
func (t *loopStages) replied(replies []netpoll.Sent, now int64) {
	for i := range replies {
		recordReplies(&replies[i], now, &t.reply, &t.total)
	}
	for k := range kinds {
		t.reply[k].Publish()
		t.total[k].Publish()
	}
}

// replied notes replies that the core has given to their socket by now.
func (c *coreStages) replied(replies *netpoll.Sent, now int64) {
	recordReplies(replies, now, &c.reply, &c.total)
}

func recordReplies(replies *netpoll.Sent, now int64, reply, total *[kinds]*admin.TimesLane) {
	for k := range replies {
		x := &replies[k]
		reply[k].RecordSum(x.Count, x.Count*now-x.Ready)
		total[k].RecordSum(x.Count, x.Count*now-x.Read)
	}
}

// coreStages are what the core records. They belong to it.
type coreStages struct {
	queue                              [kinds]*admin.TimesLane
	order, log, quorum, apply, forward *admin.TimesLane
	wait                               *admin.TimesLane
	reply, total                       [kinds]*admin.TimesLane // of replies that the core itself gave to the socket

	submitted timeline // transactions that the log's writer has, until they are durable
	proposed  timeline // a leader's, until they are committed
	committed timeline // those that may be applied, until they are
	syncs     *syncs
}

func (t *stages) ofCore(last proto.Zxid) (c coreStages) {
	i := t.loops
	for k := range kinds {
		c.queue[k], c.reply[k], c.total[k] = t.queue[k].Lane(i), t.reply[k].Lane(i), t.total[k].Lane(i)
	}
	c.order, c.log, c.apply, c.wait = t.order.Lane(i), t.log.Lane(i), t.apply.Lane(i), t.wait.Lane(i)
	if t.quorum != nil {
		c.quorum, c.forward = t.quorum.Lane(i), t.forward.Lane(i)
	}
	c.syncs = &t.syncs
	c.restart(last)
	return c
}

// restart forgets what is under way: the log now ends with a zxid, and nothing is being written.
func (c *coreStages) restart(last proto.Zxid) {
	for _, ok := c.syncs.take(); ok; _, ok = c.syncs.take() {
	}
	c.submitted.restart(last)
	c.proposed.restart(last)
	c.committed.restart(last)
}

// takenUp notes that the core takes up a batch now, and returns how many writes there are.
func (c *coreStages) takenUp(handed []handOver, now int64) (writes int64) {
	for i := range handed {
		h := &handed[i]
		for k, n := range h.count {
			if n > 0 {
				c.queue[k].Record(n, now-h.at)
			}
		}
		writes += h.count[kindWrite]
	}
	return writes
}

// synced takes note of what the log's writer has synced. On a standalone server that commits it.
func (c *coreStages) synced(commits bool) {
	for s, ok := c.syncs.take(); ok; s, ok = c.syncs.take() {
		c.submitted.passed(s.upTo, s.at, c.log)
		if commits {
			c.committed.reached(s.upTo, s.at)
		}
	}
}

// publish shows others what was recorded, once a turn.
func (c *coreStages) publish() {
	for k := range kinds {
		c.queue[k].Publish()
		c.reply[k].Publish()
		c.total[k].Publish()
	}
	c.order.Publish()
	c.log.Publish()
	c.quorum.Publish()
	c.apply.Publish()
	c.forward.Publish()
	c.wait.Publish()
}

// syncs carries the times of syncs from the log's writer to the core. When the core is late and there is no room, a
// time is dropped: the next one, which is later, counts for what was synced.
type syncs struct {
	ring         [64]synced
	given, taken atomic.Uint64 // how many ever were
}

// synced says when the log was durable up to a zxid.
type synced struct {
	upTo proto.Zxid
	at   int64
}

// put is the writer's.
func (s *syncs) put(upTo proto.Zxid, at int64) {
	if n := s.given.Load(); n-s.taken.Load() < uint64(len(s.ring)) {
		s.ring[n%uint64(len(s.ring))] = synced{upTo, at}
		s.given.Store(n + 1)
	}
}

// take is the core's.
func (s *syncs) take() (x synced, ok bool) {
	n := s.taken.Load()
	if n == s.given.Load() {
		return synced{}, false
	}
	x = s.ring[n%uint64(len(s.ring))]
	s.taken.Store(n + 1)
	return x, true
}
