package server

import (
	"sync/atomic"
	"time"

	"gamekeeper/netpoll"
	"gamekeeper/proto"
	"gamekeeper/server/auth"
	"gamekeeper/server/session"
	"gamekeeper/zab"
)

// clientSession is a session as this server tracks it.
type clientSession = session.Session[owner]

// owner is through what a session was last validated: a connection of this server or, on a leader, a
// learner's link. The zero owner is nobody.
type owner struct {
	conn *conn
	link zab.Link
}

// conn is a client's connection as the server sees it.
type conn struct {
	net  *netpoll.Conn
	loop *loop

	// pending counts the requests that are with the core. While it is 0 the loop may answer; while it is
	// not, everything goes to the core, so that replies keep their order.
	pending atomic.Int32
	// dead says that nothing more is executed for the connection: it is closed, or will be when its output
	// has been sent.
	dead atomic.Bool
	// gone says that the client has closed the connection, before the server did. What it sent before that is
	// executed, though nobody reads the replies: a client may ask for its session's end and not wait for it.
	gone atomic.Bool
	// session is set by the core once, when it accepts the handshake.
	session atomic.Pointer[clientSession]
	// identities change with auth requests, by whoever executes those: the loop or the core, never both at a
	// time.
	identities atomic.Pointer[auth.Identities]

	// needed counts who needs the connection among the clients: its loop until it is closed, and what answers a
	// four-letter word, which shows the connection that asked though that has closed its side by then.
	needed atomic.Int32

	greeted bool // the handshake was read; owned by the loop
	refused bool // an entryRefuse is on its way, nothing behind it counts; owned by the core

	// Of the core, on a learner: the queue of requests that wait for the leader (edge.go), whether the handshake is
	// among them, and whether the oldest can be answered.
	first, last     int32
	greeting, ready bool
	told            int64 // the touch of the session that the leader was told last
	forsaken        bool  // nothing came for longer than the session may be silent, when it was looked at last

	opened time.Time
	stats  connStats
}

// connStats is what the four-letter word cons shows. Any goroutine may read it.
type connStats struct {
	received, sent      atomic.Int64
	lastOp              atomic.Int32
	lastXid             atomic.Int32
	lastZxid            atomic.Int64
	lastReply           atomic.Int64 // nanoseconds since the server started
	last, min, max, sum atomic.Int64 // latencies, nanoseconds
	measured            atomic.Int64
}

func (c *conn) ids() auth.Identities { return *c.identities.Load() }

// hungUp says that the server has closed the connection: requests that are still on their way are not executed.
func (c *conn) hungUp() bool { return c.dead.Load() && !c.gone.Load() }

// ended notes that the connection is closed, by whomever.
func (c *conn) ended() {
	if !c.dead.Load() {
		c.gone.Store(true) // first: who sees that the connection is dead shall know why
	}
	c.dead.Store(true)
}

// close marks the connection dead and has it closed; with linger, when the client has had time to read the
// last reply. Any goroutine; takes effect with the next flush of its loop.
func (c *conn) close(linger bool) {
	c.dead.Store(true)
	c.net.CloseSoon(linger)
}

// answered sums up replies that a connection got one after the other.
type answered struct {
	op            proto.Op // of the last
	xid           int32
	zxid          proto.Zxid
	now           int64 // when that was, nanoseconds since the server started
	last          int64 // latencies, nanoseconds
	min, max, sum int64
	n             int64
}

// add adds n replies that took equally long, the last of them to op.
func (a *answered) add(op proto.Op, xid int32, zxid proto.Zxid, now, latency int64, n int) {
	if a.n == 0 || latency < a.min {
		a.min = latency
	}
	a.op, a.xid, a.zxid, a.now, a.last = op, xid, zxid, now, latency
	a.max = max(a.max, latency)
	a.sum += latency * int64(n)
	a.n += int64(n)
}

// answered notes replies. It is called by whoever executed the requests.
func (c *conn) answered(a *answered) {
	s := &c.stats
	first := s.measured.Load() == 0
	s.measured.Store(s.measured.Load() + a.n)
	s.sent.Add(a.n) // which the core does for events, at any time
	s.lastOp.Store(int32(a.op))
	s.lastXid.Store(a.xid)
	s.lastZxid.Store(int64(a.zxid))
	s.lastReply.Store(a.now)
	s.last.Store(a.last)
	s.sum.Store(s.sum.Load() + a.sum)
	if a.max > s.max.Load() {
		s.max.Store(a.max)
	}
	if first || a.min < s.min.Load() {
		s.min.Store(a.min)
	}
}

func (s *connStats) reset() {
	for _, v := range []*atomic.Int64{&s.received, &s.sent, &s.last, &s.min, &s.max, &s.sum, &s.measured} {
		v.Store(0)
	}
	s.lastOp.Store(0)
}
