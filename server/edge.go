package server

import (
	"gamekeeper/proto"
	"gamekeeper/server/ordering"
	"gamekeeper/server/session"
)

// edge is what a learner has for its clients: for each connection with something that only the leader can answer,
// a queue of its requests, the oldest first. It belongs to the core.
//
// A write is forwarded when it is taken, and answered when its transaction, which comes back in the stream of all
// transactions, is applied. What stands behind it in its connection's queue waits until then, so that replies keep
// the order of requests and a client reads its own writes.
type edge struct {
	waiters []waiter // the first is not used, so that 0 is none
	free    int32    // list of waiters that nobody has

	// greetings are the sessions that were asked for and have not begun.
	greetings map[proto.SessionID]*conn
	// syncs and renewals were sent to the leader, which answers them in their order.
	syncs, renewals queue[int32]
	// orphans are the writes of connections that are gone, by session: their transactions are nobody's, and must
	// not be taken for those of a later connection of the session.
	orphans map[proto.SessionID][]int32
	// upgrading are local sessions that the leader was asked to make the ensemble's.
	upgrading map[proto.SessionID]bool
	// ready are connections whose oldest request can be answered.
	ready []*conn
}

// waiter is a request in a connection's queue.
type waiter struct {
	entry
	id      proto.SessionID // of a handshake
	timeout int32           // of a handshake: the negotiated timeout, milliseconds
	state   waiting
	next    int32
}

// waiting says what a waiter waits for.
type waiting uint8

const (
	waitNothing  waiting = iota // it can be answered in its turn
	waitTxn                     // its transaction
	waitSync                    // the leader's SYNC
	waitRenewal                 // the leader's REVALIDATE
	waitGreeting                // the handshake before it: it was not looked at yet
)

// queue is a queue of what was asked of the leader, which answers in this order. Waiters are freed when they leave it,
// if their connection is gone by then.
type queue[T any] struct {
	list []T
	head int
}

func (q *queue[T]) push(x T) {
	if q.head > len(q.list)/2 { // it may never be empty
		n := copy(q.list, q.list[q.head:])
		q.list, q.head = q.list[:n], 0
	}
	q.list = append(q.list, x)
}

func (q *queue[T]) pop() (x T, ok bool) {
	if q.head == len(q.list) {
		return x, false
	}
	x = q.list[q.head]
	if q.head++; q.head == len(q.list) {
		q.list, q.head = q.list[:0], 0
	}
	return x, true
}

func newEdge() edge {
	return edge{waiters: make([]waiter, 1), greetings: map[proto.SessionID]*conn{}, orphans: map[proto.SessionID][]int32{},
		upgrading: map[proto.SessionID]bool{}}
}

// add appends a request to its connection's queue.
func (g *edge) add(c *conn) *waiter {
	i := g.free
	if i != 0 {
		g.free = g.waiters[i].next
	} else {
		i = int32(len(g.waiters))
		g.waiters = append(g.waiters, waiter{})
	}
	g.waiters[i] = waiter{}
	if c.last != 0 {
		g.waiters[c.last].next = i
	} else {
		c.first = i
	}
	c.last = i
	return &g.waiters[i]
}

// discard gives a waiter back that is in no connection's queue any more.
func (k *core) discard(i int32) {
	g := &k.member.edge
	w := &g.waiters[i]
	k.pipe.release(&w.entry)
	*w = waiter{next: g.free}
	g.free = i
}

// wakens notes that c's oldest request may have become one that can be answered.
func (g *edge) wakens(c *conn) {
	if !c.ready {
		c.ready = true
		g.ready = append(g.ready, c)
	}
}

// acceptAtEdge takes one request of a client of a learner.
func (k *core) acceptAtEdge(in *input, body []byte) {
	c := in.c
	if in.kind == inputGone {
		k.leaveEdge(c)
		k.tellLast(c)
		k.forget(c)
		k.finished(c, 0)
		return
	}
	if !k.s.serving.Load() || c.refused || c.hungUp() || c.session.Load() == nil && !c.greeting {
		k.drop(in)
		return
	}
	w := k.member.edge.add(c)
	w.entry = entry{kind: entryRead, c: c, op: in.op, xid: in.xid, at: in.at, taken: k.now, read: in.end - in.start}
	k.pipe.keep(&w.entry, append(k.pipe.space(len(body)), body...))
	if c.greeting {
		w.state = waitGreeting
		return
	}
	k.takeAtEdge(c.last)
}

// tellLast has the leader told of what came last over a connection that is gone, and is not asked any more: else the
// session would seem to have been silent since the leader was told before, which may be a third of its timeout ago.
func (k *core) tellLast(c *conn) {
	sess := c.session.Load()
	if sess != nil && sess.Owner.conn == c && !k.local(sess) && sess.Touched() != c.told {
		k.member.relay.touched[sess.ID] = sess.Timeout()
	}
}

// takeAtEdge looks at a request of a connection that has a session: it forwards it or makes it ready.
func (k *core) takeAtEdge(i int32) {
	g := &k.member.edge
	w := &g.waiters[i]
	c := w.c
	w.state = waitNothing
	g.wakens(c)
	sess := c.session.Load()
	switch {
	case k.over(c, sess):
		w.kind = entryNothing
	case w.op.Class() == proto.ClassConn:
		if w.code = k.s.authenticate(c, w.op, w.bytes); w.code == proto.OK {
			w.kind = entryAuthenticated
		} else {
			w.kind, c.refused = entryRefuse, true
		}
	case !writes(w.op):
	case !k.s.auth.Enforced(c.ids()):
		w.kind, w.code, c.refused = entryRefuse, proto.SessionRequireSASLAuth, true
	case w.op == proto.OpCloseSession && k.local(sess) && !g.upgrading[sess.ID]:
		w.kind, sess.Closing = entryEndLocal, true
	case k.member.readOnly:
		w.code = proto.NotReadOnly
	case w.op == proto.OpSync:
		d := proto.NewDecoder(w.bytes)
		if d.Buffer(); d.Err() != nil {
			w.code = proto.MarshallingError
			return
		}
		w.state = waitSync
		g.syncs.push(i)
		k.member.relay.syncs.push(ownClient)
		k.forward(c, sess.ID, w.xid, w.op, w.bytes)
	case !ordering.WellFormed(w.op, w.bytes):
		w.code = proto.MarshallingError
	case k.local(sess) && ordering.CreatesEphemeral(w.op, w.bytes) && !k.s.cfg.Ensemble.LocalSessionUpgrade:
		w.code = proto.EphemeralOnLocalSession
	default:
		if k.local(sess) && ordering.CreatesEphemeral(w.op, w.bytes) {
			k.upgradeAtEdge(c, sess)
		}
		w.state = waitTxn
		k.forward(c, sess.ID, w.xid, w.op, w.bytes)
		if w.op == proto.OpCloseSession {
			sess.Closing = true
		}
	}
}

// forward sends a request to the leader, in the name of its client.
func (k *core) forward(c *conn, id proto.SessionID, xid int32, op proto.Op, body []byte) {
	m := k.member
	m.data = proto.AppendForwarded(m.data[:0], &proto.Forwarded{Session: id, Cxid: xid, Op: op, Body: body})
	ids := c.ids()
	m.auth = proto.AppendInt32(m.auth[:0], int32(ids.Len()))
	for identity := range ids.All() {
		m.auth = proto.AppendIdentity(m.auth, identity)
	}
	m.packet = proto.QuorumPacket{Type: proto.PacketRequest, Zxid: -1, Data: m.data, Auth: m.auth}
	m.SendToLeader(&m.packet)
}

// greetAtEdge begins a session, or asks the leader whether it goes on.
func (k *core) greetAtEdge(in *input, r *proto.ConnectRequest, timeout int32) {
	c, g := in.c, &k.member.edge
	w := g.add(c)
	w.entry = entry{c: c, at: in.at, taken: k.now, op: proto.OpCreateSession, read: in.end - in.start,
		withReadOnly: r.HasReadOnly}
	w.timeout = timeout
	if r.Session == 0 {
		w.id = k.ids.Next(func(id proto.SessionID) bool { return k.sessionOrLocal(id) != nil })
		w.state, c.greeting = waitTxn, true
		g.greetings[w.id] = c
		var body [4]byte
		k.forward(c, w.id, 0, proto.OpCreateSession, proto.AppendInt32(body[:0], timeout))
		return
	}
	w.id = r.Session
	if !session.CheckPassword(r.Session, r.Password) {
		w.kind = entryUnknown
		g.wakens(c)
		return
	}
	w.state, c.greeting = waitRenewal, true
	g.renewals.push(c.last)
	m := k.member
	m.relay.renewals.push(ownClient)
	m.relay.comesBack(r.Session)
	m.data = proto.AppendSessionTimeout(m.data[:0], proto.SessionTimeout{Session: r.Session, Timeout: timeout})
	m.packet = proto.QuorumPacket{Type: proto.PacketRevalidate, Zxid: -1, Data: m.data}
	m.SendToLeader(&m.packet)
}

// renewed takes the leader's word on a session. Everything that the leader had committed before is applied.
func (k *core) renewed(v proto.SessionValidity) {
	g := &k.member.edge
	i, ok := g.renewals.pop()
	if !ok || g.waiters[i].id != v.Session {
		k.s.logger.Warn("the leader answers about a session that was not asked for", "session", v.Session)
		return
	}
	w := &g.waiters[i]
	c := w.c
	if c == nil { // gone meanwhile
		k.discard(i)
		return
	}
	w.state, w.kind, c.greeting = waitNothing, entryUnknown, false
	g.wakens(c)
	sess := k.tracker.Get(v.Session)
	if !v.Valid || sess == nil {
		return
	}
	w.kind, w.sess = entryRenewed, sess
	k.tracker.SetTimeout(sess, w.timeout, k.now/1e6)
	k.begins(c, sess)
}

// begins gives a connection its session, and takes what came behind the handshake.
func (k *core) begins(c *conn, sess *clientSession) {
	if old := sess.Owner.conn; old != nil && old != c {
		k.leaveEdge(old)
	}
	k.own(sess, c)
	c.session.Store(sess)
	c.greeting = false
	for i := c.first; i != 0; i = k.member.edge.waiters[i].next {
		if k.member.edge.waiters[i].state == waitGreeting {
			k.takeAtEdge(i)
		}
	}
}

// synced takes the leader's answer to the oldest sync.
func (k *core) synced() {
	g := &k.member.edge
	i, ok := g.syncs.pop()
	if !ok {
		k.s.logger.Warn("the leader answers a sync that was not asked for")
		return
	}
	w := &g.waiters[i]
	if w.c == nil {
		k.discard(i)
		return
	}
	w.state = waitNothing
	g.wakens(w.c)
}

// waitingFor returns the request that txn answers, nil if that is none of a client of this server.
func (k *core) waitingFor(txn *proto.Txn) *waiter {
	g := &k.member.edge
	if txn.Session == 0 {
		return nil
	}
	if gone := g.orphans[txn.Session]; len(gone) > 0 && gone[0] == txn.Cxid {
		if g.orphans[txn.Session] = gone[1:]; len(gone) == 1 {
			delete(g.orphans, txn.Session)
		}
		return nil
	}
	var c *conn
	if txn.Type == proto.OpCreateSession {
		c = g.greetings[txn.Session]
		delete(g.greetings, txn.Session)
	} else if sess := k.sessionOrLocal(txn.Session); sess != nil {
		c = sess.Owner.conn
	}
	if c == nil || c.first == 0 {
		return nil
	}
	w := &g.waiters[c.first]
	if w.state != waitTxn || w.xid != txn.Cxid || txn.Type == proto.OpCloseSession && w.op != proto.OpCloseSession {
		return nil
	}
	return w
}

// answerReady answers what can be answered of the connections for which something has changed. The core holds the
// gate.
func (k *core) answerReady() {
	g := &k.member.edge
	for _, c := range g.ready {
		c.ready = false
		k.answerOldest(c)
	}
	clear(g.ready)
	g.ready = g.ready[:0]
}

// answerOldest answers a connection's requests up to the first that waits. The core holds the gate.
func (k *core) answerOldest(c *conn) {
	g := &k.member.edge
	for c.first != 0 && g.waiters[c.first].state == waitNothing {
		k.turnTo(c)
		k.step(&g.waiters[c.first].entry)
		k.leaveQueue(c)
	}
}

// leaveQueue takes a connection's oldest request, which is finished, out of its queue.
func (k *core) leaveQueue(c *conn) {
	i := c.first
	w := &k.member.edge.waiters[i]
	if c.first = w.next; c.first == 0 {
		c.last = 0
	}
	k.done(c, w.read)
	k.discard(i)
}

// leaveEdge gives up a connection's queue. Nobody will see the replies.
func (k *core) leaveEdge(c *conn) {
	g := &k.member.edge
	sess := c.session.Load()
	for i := c.first; i != 0; {
		w := &g.waiters[i]
		next := w.next
		c.pending.Add(-1)
		k.finished(c, w.read)
		switch w.state {
		case waitSync, waitRenewal:
			w.c = nil // stays in the other queue
		case waitTxn:
			k.orphan(w, sess)
			k.discard(i)
		default:
			if w.kind == entryEndLocal {
				k.member.local.Remove(sess.ID)
			}
			k.discard(i)
		}
		i = next
	}
	c.first, c.last = 0, 0
}

// orphan notes that the transaction of w will be nobody's.
func (k *core) orphan(w *waiter, sess *clientSession) {
	g := &k.member.edge
	id := w.id
	if w.op != proto.OpCreateSession {
		if sess == nil || k.sessionOrLocal(sess.ID) != sess {
			return // ended: it has no later connection
		}
		id = sess.ID
	}
	delete(g.greetings, id)
	g.orphans[id] = append(g.orphans[id], w.xid)
}

// closeEdge gives up all that waits: the leader is lost, and answers nothing any more.
func (k *core) closeEdge() {
	g := &k.member.edge
	for i := range g.waiters {
		w := &g.waiters[i]
		if c := w.c; c != nil {
			c.pending.Add(-1)
			k.finished(c, w.read)
			c.first, c.last, c.ready, c.greeting = 0, 0, false, false
		}
		k.pipe.release(&w.entry)
	}
	*g = newEdge()
}

// closeForsaken closes the connections on which nothing came for as long as their sessions may be silent. A leader ends
// the session, and with it the connection; but that of a learner's client may go on at another server, and leave a
// connection behind of which nobody ever hears again. It is asked twice: when this server stood still, what clients have
// sent may be unread the first time.
func (k *core) closeForsaken(now int64) {
	k.s.clients.each(func(c *conn) {
		sess := c.session.Load()
		if sess == nil || c.dead.Load() || k.local(sess) || k.tracker.Expiry(sess) > now {
			c.forsaken = false
			return
		}
		if c.forsaken {
			k.s.logger.Debug("connection closed: its client is silent, and its session lives elsewhere",
				"client", c.net.Remote(), "session", sess.ID)
			c.close(false)
		}
		c.forsaken = true
	})
}
