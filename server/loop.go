package server

import (
	"sync"

	"gamekeeper/netpoll"
	"gamekeeper/proto"
	"gamekeeper/server/admin"
	"gamekeeper/server/auth"
	"gamekeeper/server/ordering"
)

// loop is the server's part of an event loop. Everything but the intake belongs to the loop's goroutine.
type loop struct {
	s     *Server
	index int
	gate  *sync.Mutex // the loop's lock of the tree
	in    *intake
	lane  *admin.Lane
	times loopStages

	now    int64   // of the read being handled, nanoseconds since the server started
	busy   bool    // a read is being handled
	gated  bool    // the gate is held
	reply  []byte  // replies of the read being handled
	toCore []frame // what the core shall have of it
	served int     // requests answered here
	sent   int     // bytes of their replies

	lastOp  proto.Op // of those, for the connection's statistics
	lastXid int32
}

// frame is a request for the core. It aliases the event loop's buffer until the end of the read.
type frame struct {
	body []byte
	xid  int32
	op   proto.Op
	kind inputKind

	prepared ordering.Prepared
}

// replyFlushBytes is how much reply a loop gathers before it sends in the middle of a read.
const replyFlushBytes = 256 << 10

// handler receives the event loops' callbacks.
type handler struct {
	s     *Server
	ready <-chan struct{} // closed when the server has started: the first connections may come before
}

// Opened admits a connection, or not.
func (h handler) Opened(nc *netpoll.Conn) bool {
	<-h.ready
	c := &conn{net: nc, loop: h.s.loops[nc.Loop().Index()], opened: h.s.wall()}
	ids := auth.Initial(nc.Remote().Addr())
	c.identities.Store(&ids)
	nc.User = c
	return h.s.clients.admit(c)
}

// Word answers four-letter words.
func (h handler) Word(nc *netpoll.Conn, word uint32) bool {
	if !admin.Known(word) {
		return false
	}
	c := nc.User.(*conn)
	c.loop.begin()
	c.loop.lane.Received(1, 4)
	c.stats.received.Store(1)
	c.dead.Store(true)
	c.needed.Add(1)
	nc.AnswerApart(func() []byte {
		defer h.s.clients.release(c)
		return h.s.words.Answer(word)
	})
	return true
}

// Frame takes one request.
func (h handler) Frame(nc *netpoll.Conn, b []byte) bool {
	c := nc.User.(*conn)
	l := c.loop
	l.begin()
	pending := c.pending.Load() // before dead: the core closes first, and then has done with the request
	if c.dead.Load() {
		return true
	}
	c.stats.received.Store(c.stats.received.Load() + 1)
	if !c.greeted {
		c.greeted = true
		nc.SetEstablished()
		l.toCore = append(l.toCore, frame{body: b, op: proto.OpCreateSession, kind: inputConnect})
		return true
	}
	d := proto.NewDecoder(b)
	hdr := d.RequestHeader()
	if d.Err() != nil {
		return false
	}
	if len(l.toCore) > 0 || pending > 0 || l.s.orders(hdr.Op) {
		f := frame{body: d.Rest(), xid: hdr.Xid, op: hdr.Op}
		if l.s.leads.Load() {
			f.prepared = ordering.Prepare(f.op, f.body)
		}
		l.toCore = append(l.toCore, f)
		return true
	}
	if !l.gated {
		l.gated = true
		l.gate.Lock()
	}
	l.served++
	l.lastOp, l.lastXid = hdr.Op, hdr.Xid
	before := len(l.reply)
	reply, ok := l.s.execute(l.reply, c, hdr.Xid, hdr.Op, d.Rest())
	l.reply = reply
	l.sent += len(reply) - before
	l.lane.Replied(len(reply) - before)
	l.lane.Received(1, len(b))
	if !ok {
		c.close(true)
	}
	if len(l.reply) > replyFlushBytes {
		l.send(c)
	}
	return true
}

// begin notes the time, once for each read.
func (l *loop) begin() {
	if !l.busy {
		l.busy = true
		l.now = l.s.now()
	}
}

// send passes on the replies that have gathered, and releases the gate. They are in the connection's output
// before the gate is released: an event of a later change must not overtake the reply of the read that set
// the watch.
func (l *loop) send(c *conn) {
	if len(l.reply) > 0 {
		c.net.Append(l.reply)
	}
	if l.gated {
		l.gated = false
		l.gate.Unlock()
	}
	served, ready := l.served, l.now
	if served > 0 {
		ready = l.s.now()
		l.s.telemetry.answeredOnLoop(l, c, ready) // before the replies go out: who has one may ask for the counters
		l.served, l.sent = 0, 0
	}
	if len(l.reply) > 0 {
		l.reply = l.reply[:0]
		if cap(l.reply) > 2*replyFlushBytes {
			l.reply = nil
		}
		c.net.Flush()
	}
	if served > 0 {
		l.times.answered(int64(served), l.now, ready, l.s.now())
	}
}

// Done ends a read: replies are sent, the rest goes to the core.
func (h handler) Done(nc *netpoll.Conn) {
	c := nc.User.(*conn)
	l := c.loop
	l.send(c)
	if c.dead.Load() {
		nc.Flush() // carries out a wish to close
	}
	if !l.busy {
		return
	}
	l.busy = false
	if s := c.session.Load(); s != nil {
		s.Touch(l.now / 1e6)
	}
	if len(l.toCore) > 0 {
		l.handOver(c)
	}
}

// Heard keeps the session alive of a client that has long to read: its pings wait behind what it asked for.
func (h handler) Heard(nc *netpoll.Conn) {
	if s := nc.User.(*conn).session.Load(); s != nil {
		s.Touch(h.s.now() / 1e6)
	}
}

// handOver gives the gathered requests to the core, and waits while there are too many.
func (l *loop) handOver(c *conn) {
	n := len(l.toCore)
	c.pending.Add(int32(n))
	bytes := 0
	over := handOver{at: l.s.now()}
	for i := range l.toCore {
		bytes += len(l.toCore[i].body)
		over.count[kindOf(l.toCore[i].op)]++
	}
	l.times.handedOver(&over, l.now)
	l.in.add(load{int64(n), int64(bytes)})
	l.in.mu.Lock()
	b := l.in.batch
	b.handed = append(b.handed, over)
	wasEmpty := len(b.inputs) == 0
	for i := range l.toCore {
		f := &l.toCore[i]
		start := int32(len(b.buf))
		b.buf = append(b.buf, f.body...)
		b.inputs = append(b.inputs, input{c: c, at: l.now, start: start, end: int32(len(b.buf)),
			xid: f.xid, op: f.op, kind: f.kind, prepared: f.prepared})
	}
	l.in.mu.Unlock()
	l.lane.Received(n, bytes)
	clear(l.toCore)
	l.toCore = l.toCore[:0]
	if wasEmpty {
		l.s.core.poke()
	}
	l.in.await()
}

// Closed tells the core, which gives up the connection's watches and its session's owner behind whatever the
// connection has with it.
func (h handler) Closed(nc *netpoll.Conn, err error) {
	c := nc.User.(*conn)
	c.ended()
	h.s.clients.release(c)
	if err != nil {
		h.s.logger.Debug("connection closed", "client", nc.Remote(), "reason", err)
	}
	l := c.loop
	l.in.add(load{requests: 1})
	l.in.mu.Lock()
	wasEmpty := len(l.in.batch.inputs) == 0
	l.in.batch.inputs = append(l.in.batch.inputs, input{c: c, kind: inputGone})
	l.in.mu.Unlock()
	if wasEmpty {
		l.s.core.poke()
	}
}
