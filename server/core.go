package server

import (
	"sync"
	"time"

	"gamekeeper/proto"
	"gamekeeper/server/ordering"
	"gamekeeper/server/session"
	"gamekeeper/tree"
	"gamekeeper/wal"
)

// core is the goroutine that owns the replicated state. See the package comment.
type core struct {
	s       *Server
	tree    *tree.Tree
	gate    *tree.Gate
	log     *wal.Log
	order   *ordering.Orderer
	tracker *session.Tracker[owner]
	ids     *session.Generator
	pipe    *pipeline
	spare   []*batch // an empty batch for each loop's intake
	account []load   // requests finished and not reported to each loop's intake yet
	expired []*clientSession
	reaper  reaper

	answering answering
	notified  int      // notifications sent, ever
	paths     [][]byte // for warm and warmApply
	nodes     []tree.NodeID

	flushing flushing
	flusher  *flusher
	times    coreStages

	member *member // nil: standalone

	sweepAt int64 // when connections without a session are looked at next, ms
	lookAt  int64 // when timers wanted to be called at the latest, ms; 0 before it was

	// The transaction being applied, and what it does.
	txn   proto.Txn
	event struct {
		acl, parentACL proto.ACLs
	}
	emit  func(c *conn, t proto.EventType, path []byte)
	node  tree.NodeID // of the last step
	multi []byte      // results of the steps of a multi

	closed bool // connections were closed outside a step, and their loops do not know yet

	wall int64 // milliseconds since the Unix epoch, of this turn
	now  int64 // nanoseconds since the server started, of this turn

	wake    chan struct{}
	stop    chan struct{}
	stopped sync.WaitGroup
}

const (
	// applyMax is how many entries are finished for each time the gate is held.
	applyMax = 128
	// entriesMax is how many entries may wait before the intake stops; the loops' own limits come first.
	entriesMax = 1 << 18
	// commitMax is how many entries may be under way for the core to wait for the disk.
	commitMax = 8
	// directMax is how many entries may be under way for the core to write to sockets itself.
	directMax = 8
	// warmAtOnce is how many requests warm looks ahead.
	warmAtOnce = 128
	// expireMax is how many sessions are looked at for each turn when many expire at once.
	expireMax = 256
	// sweepEveryMs is how often connections that never greet are looked for.
	sweepEveryMs = 1000
)

// poke wakes the core. Any goroutine.
func (k *core) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// run is the core's goroutine, until the server stops or the log fails.
func (k *core) run() {
	defer k.stopped.Done()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	if k.member != nil {
		k.now, k.wall = k.s.now(), k.s.wall().UnixMilli()
		k.member.peer.Start(k.member.now())
	}
	for {
		k.now, k.wall = k.s.now(), k.s.wall().UnixMilli()
		worked := k.takeIn()
		due := k.timers()
		k.submit()
		k.times.synced(k.member == nil)
		if k.member != nil {
			due = min(due, k.member.settle())
		}
		if k.finish() {
			worked = true
		}
		if k.member != nil {
			k.member.flush()
		}
		k.flush()
		k.times.publish()
		k.s.gauges.publish(k)
		if err := k.failure(); err != nil {
			k.s.fail(err)
			if k.member != nil {
				k.member.stop() // the others shall not wait for this server to fall silent
			}
			return
		}
		if worked {
			select {
			case <-k.stop:
				return
			default:
				continue
			}
		}
		timer.Reset(time.Duration(max(due-k.now/1e6, 1)) * time.Millisecond)
		select {
		case <-k.wake:
		case <-timer.C:
		case <-k.stop:
			return
		}
	}
}

// failure returns what keeps the core from going on.
func (k *core) failure() error {
	if err := k.log.Err(); err != nil || k.member == nil {
		return err
	}
	return k.member.failed
}

// takeIn takes what the loops have gathered, unless the log or the pipeline is full.
func (k *core) takeIn() bool {
	worked := false
	if k.member != nil {
		if worked = k.member.takeIn(); worked {
			k.now = k.s.now()
		}
	}
	for i, l := range k.s.loops {
		if k.log.Full() || k.pipe.count >= entriesMax {
			return worked // the log's next sync brings us back here
		}
		b := l.in.take(k.spare[i])
		if len(b.inputs) == 0 {
			continue
		}
		worked = true
		writes := k.times.takenUp(b.handed, k.now)
		before := k.now
		for j := range b.inputs {
			if j%warmAtOnce == 0 {
				k.warm(b, j)
			}
			in := &b.inputs[j]
			k.accept(in, b.buf[in.start:in.end])
		}
		b.reset()
		k.spare[i] = b
		k.now = k.s.now()
		if k.orders() {
			k.times.order.Record(writes, k.now-before)
		}
		k.submit()
	}
	return worked
}

// submit has what was appended written. With little under way a standalone server waits for the disk itself: to
// wake up the log's writer, and be woken by it, takes longer than what could be done meanwhile. A member of an
// ensemble has others to listen to.
func (k *core) submit() {
	k.submitted()
	if k.member != nil || k.pipe.count > commitMax || !k.log.Commit() {
		k.log.Submit()
	}
}

// orders says whether this server gives writes their order: it is standalone, or leads.
func (k *core) orders() bool { return k.member == nil || k.member.leads() }

// submitted notes when transactions are given to the log's writer, and by a leader to the learners.
func (k *core) submitted() {
	if last := k.log.LastZxid(); last > k.times.submitted.last {
		k.times.submitted.reached(last, k.now)
		if k.member != nil && k.member.leads() {
			k.times.proposed.reached(last, k.now)
		}
	}
}

// warm brings what the next writes of a batch will look at into the processor's cache, if writes are ordered here.
func (k *core) warm(b *batch, from int) {
	if !k.orders() {
		return
	}
	k.paths = k.paths[:0]
	for i := from; i < min(from+warmAtOnce, len(b.inputs)); i++ {
		if in := &b.inputs[i]; in.prepared.Ready() {
			d := proto.NewDecoder(b.buf[in.start:in.end])
			k.paths = append(k.paths, d.Buffer()) // each such request begins with its path
		}
	}
	k.tree.Warm(k.paths)
}

// warmApply is warm for the transactions that are applied next: ordered here, they say which znodes they are about.
func (k *core) warmApply() {
	k.paths, k.nodes = k.paths[:0], k.nodes[:0]
	for i := 0; i < min(k.pipe.count, applyMax); i++ {
		e := k.pipe.at(i)
		switch {
		case e.kind != entryTxn:
		case e.hint.Node != 0:
			k.nodes = append(k.nodes, e.hint.Node)
		case e.hint.Parent != 0:
			k.nodes = append(k.nodes, e.hint.Parent)
		case !k.orders():
			if p := proto.TxnPath(e.bytes); p != nil {
				k.paths = append(k.paths, p)
			}
		}
	}
	k.tree.WarmApply(k.paths, k.nodes)
}

// accept puts one request into the pipeline.
func (k *core) accept(in *input, body []byte) {
	c := in.c
	if in.kind == inputConnect {
		k.connect(in, body)
		return
	}
	if k.member != nil && !k.member.leads() {
		k.acceptAtEdge(in, body)
		return
	}
	if in.kind == inputGone {
		*k.pipe.push() = entry{kind: entryGone, c: c}
		return
	}
	sess := c.session.Load()
	if sess != nil && sess.Owner.conn != c && !c.dead.Load() {
		k.closeNow(c) // the session goes on elsewhere
	}
	if k.over(c, sess) {
		k.drop(in)
		return
	}
	if k.local(sess) && k.s.cfg.Ensemble.LocalSessionUpgrade && ordering.CreatesEphemeral(in.op, body) {
		sess = k.upgrade(c, sess)
	}
	e := k.pipe.push()
	*e = entry{kind: entryRead, c: c, op: in.op, xid: in.xid, at: in.at, taken: k.now,
		read: in.end - in.start}
	switch {
	case in.op.Class() == proto.ClassConn:
		// An identity counts for all that was sent behind it, and writes are checked now.
		if e.code = k.s.authenticate(c, in.op, body); e.code == proto.OK {
			e.kind = entryAuthenticated
		} else {
			e.kind, c.refused = entryRefuse, true
		}
	case in.op == proto.OpSync && k.member != nil:
		k.member.sync(e)
		k.pipe.keep(e, append(k.pipe.space(len(body)), body...))
	case in.op.Class() != proto.ClassWrite:
		k.pipe.keep(e, append(k.pipe.space(len(body)), body...))
	case !k.s.auth.Enforced(c.ids()):
		e.kind, e.code, c.refused = entryRefuse, proto.SessionRequireSASLAuth, true
	case k.local(sess) && in.op == proto.OpCloseSession:
		e.kind, sess.Closing = entryEndLocal, true
	case k.local(sess) && !k.s.cfg.Ensemble.LocalSessionUpgrade && ordering.CreatesEphemeral(in.op, body):
		e.code = proto.EphemeralOnLocalSession
	default:
		k.propose(e, &ordering.Request{Session: sess.ID, Xid: in.xid, Op: in.op, Body: body,
			Prepared: in.prepared, Identities: c.ids(), Time: k.wall})
		if in.op == proto.OpCloseSession {
			sess.Closing = true
		}
	}
}

// over says that the requests of c which are still on their way are not executed: its session, sess, has ended or goes on
// elsewhere, or the server has closed the connection. If the client did that, they are, as long as this server has served
// since.
func (k *core) over(c *conn, sess *clientSession) bool {
	if sess == nil || sess.Closing || sess.Owner.conn != c || c.refused || c.hungUp() {
		return true
	}
	return c.dead.Load() && k.sessionOrLocal(sess.ID) != sess
}

// propose orders a write and gives it to the log. e becomes its entry.
func (k *core) propose(e *entry, r *ordering.Request) {
	const txnOverhead = 256
	txn, code := k.order.Order(k.pipe.space(len(r.Body)+txnOverhead), r)
	if code != proto.OK {
		e.kind, e.code = entryRead, code
		return
	}
	e.kind, e.op, e.xid, e.zxid, e.hint = entryTxn, r.Op, r.Xid, k.order.LastZxid(), k.order.Hint()
	k.pipe.keep(e, txn)
	if k.member != nil {
		k.member.propose(e.zxid, txn)
		return
	}
	k.log.Append(e.zxid, txn)
	k.flushing.ordered(len(txn))
}

// closeNow closes a connection to which no entry belongs that would have its loop told.
func (k *core) closeNow(c *conn) {
	k.hangUp(c, false)
	k.closed = true
}

// drop finishes a request that nobody will answer.
func (k *core) drop(in *input) {
	in.c.pending.Add(-1)
	k.finished(in.c, in.end-in.start)
}

// finished notes that a request of c, of so many bytes, is done with.
func (k *core) finished(c *conn, bytes int32) {
	d := &k.account[c.loop.index]
	d.requests++
	d.bytes += int64(bytes)
}

// timers does what is due, and returns when to look again, in milliseconds since the server started.
func (k *core) timers() int64 {
	now := k.now / 1e6
	k.stoodStill(now)
	k.lookAt = k.due(now)
	return k.lookAt
}

// stoodStill lets sessions live if the core was not there to hear of them: the process was stopped, or a turn took
// long. What learners and clients sent meanwhile may not have arrived here yet.
func (k *core) stoodStill(now int64) {
	late := now - k.lookAt
	if tick := k.s.cfg.Session.TickTime.Milliseconds(); k.lookAt == 0 || late <= tick {
		return
	}
	held := k.tracker.Hold(now)
	if k.member != nil {
		held = k.member.local.Hold(now) || held
	}
	if held {
		k.s.logger.Warn("the server stood still: no session expires for a tick", "for_ms", late)
	}
}

// due does what is due at now, and returns when to look again.
func (k *core) due(now int64) int64 {
	if k.sweepAt <= now {
		k.sweepAt = now + sweepEveryMs
		k.s.clients.closeSilent(k.s.wall())
		if k.member != nil && !k.member.leads() {
			k.tracker.DropEmpty() // nobody asks what has expired
			k.closeForsaken(now)
		}
		k.s.net.Flush()
	}
	if k.member != nil {
		if due := k.member.timers(now); !k.member.leads() {
			return min(due, k.sweepAt) // the ensemble's sessions and reaping are the leader's
		}
	}
	if k.tracker.NextDue() <= now {
		k.expire(now)
	}
	if k.reaper.next <= now {
		k.reap(now)
	}
	return min(k.tracker.NextDue(), k.reaper.next, k.sweepAt)
}

// expire ends the sessions that have not been heard from, a portion at a time.
func (k *core) expire(now int64) {
	if k.log.Full() {
		return
	}
	k.expired = k.tracker.Expired(now, expireMax, k.expired[:0])
	for _, sess := range k.expired {
		e := k.pipe.push()
		*e = entry{sess: sess, at: k.now}
		k.propose(e, &ordering.Request{Session: sess.ID, Op: proto.OpCloseSession, Time: k.wall})
	}
	if n := len(k.expired); n > 0 {
		k.s.telemetry.expired.Add(int64(n))
		k.s.logger.Info("sessions expired", "count", n, "first", k.expired[0].ID)
	}
	clear(k.expired)
	if k.tracker.NextDue() <= now {
		k.poke()
	}
}

// bound returns the zxid up to which transactions may be applied.
func (k *core) bound() proto.Zxid {
	if k.member != nil {
		return k.member.committed
	}
	return k.log.Durable()
}

// finish finishes the entries whose turn has come: all up to the first transaction that is not durable, in an
// ensemble committed.
func (k *core) finish() bool {
	worked := k.member != nil && k.member.answer()
	bound := k.bound()
	k.times.committed.reached(bound, k.now)
	if k.advance(bound) {
		worked = true
	}
	if k.closed {
		k.closed = false
		k.s.net.Flush()
	}
	for i, d := range k.account {
		if d.requests > 0 {
			k.s.loops[i].in.done(d)
			k.account[i] = load{}
		}
	}
	return worked
}

// advance finishes entries, of transactions those up to bound. It says whether there were any.
func (k *core) advance(bound proto.Zxid) bool {
	if !k.ready(bound) || k.member != nil && !k.member.fit() {
		return false
	}
	k.now = k.s.now()
	for k.ready(bound) {
		k.warmApply()
		k.gate.Lock()
		for n := 0; n < applyMax && k.ready(bound); n++ {
			e := k.pipe.first()
			if e.c != nil {
				k.turnTo(e.c)
			}
			k.step(e)
			switch {
			case e.c == nil:
			case e.kind == entryGone:
				k.finished(e.c, e.read)
			default:
				k.done(e.c, e.read)
			}
			k.pipe.pop()
		}
		k.deliver()
		k.gate.Unlock()
		k.order.Applied(k.tree.LastZxid())
		k.now = k.s.now()
		k.times.committed.passed(k.tree.LastZxid(), k.now, k.times.apply)
		k.s.gauges.publish(k)
		k.s.net.Flush()
	}
	return true
}

// ready says whether the oldest entry can be finished.
func (k *core) ready(bound proto.Zxid) bool {
	e := k.pipe.first()
	switch {
	case e == nil, k.member != nil && k.member.failed != nil:
		return false
	case e.kind == entryTxn:
		return e.zxid <= bound
	case e.kind == entrySync:
		return e.token <= k.member.confirmed
	}
	return true
}
