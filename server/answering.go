package server

import (
	"time"

	"gamekeeper/netpoll"
	"gamekeeper/proto"
)

// answering gathers what the core has for one connection while it finishes requests of that one after the other, as
// they usually come: a client that keeps many outstanding has them read, ordered and synced together. What each request
// would cost alone, locks and counters that others read, is paid once for all of them. It belongs to the core.
type answering struct {
	c   *conn // nil for none
	out []byte

	finished int32 // requests of c
	answered answered
	tally    netpoll.Sent
	replies  int // of which so many were counted in the lane, of so many bytes
	bytes    int
	size     int // of the last reply that the lane was told, bytes

	// Requests in a row that took equally long are recorded together.
	latency time.Duration
	update  bool
	same    int
}

// turnTo makes c the connection whose requests are finished next.
func (k *core) turnTo(c *conn) {
	if a := &k.answering; a.c != c {
		k.deliver()
		a.c = c
	}
}

// deliver gives the connection what has gathered for it. It comes before the gate is given back, so that no event of a
// later change can overtake a reply. What is counted is counted before: who has a reply may ask for the counters.
func (k *core) deliver() {
	a := &k.answering
	c := a.c
	if c == nil {
		return
	}
	if a.replies > 0 {
		c.answered(&a.answered)
		k.record()
		k.s.telemetry.core.Sent(a.replies, a.bytes)
	}
	if len(a.out) > 0 || a.tally != (netpoll.Sent{}) {
		k.send(c)
		if cap(a.out) > 2*replyFlushBytes {
			a.out = nil
		}
	} else if a.finished > 0 {
		c.pending.Add(-a.finished)
	}
	*a = answering{out: a.out[:0], size: a.size}
}

// send gives c's connection what has gathered for it, with little under way the socket itself.
func (k *core) send(c *conn) {
	a := &k.answering
	out := append(c.net.Begin(), a.out...)
	c.pending.Add(-a.finished) // the loop may answer by itself again, behind this: its replies wait for the output
	if k.pipe.count > directMax {
		c.net.EndTallied(out, &a.tally)
		return
	}
	k.s.gauges.publish(k) // it is the reply of what it shows
	if c.net.EndNow(out, &a.tally) {
		k.times.replied(&a.tally, k.s.now())
	}
}

// record tells the lane of requests that took equally long.
func (k *core) record() {
	a := &k.answering
	if lane := k.s.telemetry.core; a.update {
		lane.UpdatedBatch(a.same, a.latency)
	} else {
		lane.ReadBatch(a.same, a.latency)
	}
	a.same = 0
}

// begin returns the output of a connection for appending; end must follow at once.
func (k *core) begin(c *conn) []byte {
	if a := &k.answering; a.c == c {
		return a.out
	}
	return c.net.Begin()
}

// end takes the output that begin returned, with what was appended.
func (k *core) end(c *conn, out []byte) {
	a := &k.answering
	if a.c != c {
		c.net.End(out)
		return
	}
	if a.out = out; len(out) > replyFlushBytes {
		c.net.EndTallied(append(c.net.Begin(), out...), &a.tally)
		a.out, a.tally = out[:0], netpoll.Sent{}
	}
}

// hangUp closes a connection behind what was written for it.
func (k *core) hangUp(c *conn, linger bool) {
	if k.answering.c == c {
		k.deliver()
	}
	c.close(linger)
}

// done finishes a request of c that was so many bytes long.
func (k *core) done(c *conn, bytes int32) {
	if a := &k.answering; a.c == c {
		a.finished++
	} else {
		c.pending.Add(-1)
	}
	k.finished(c, bytes)
}

// answered notes the reply to e, whose connection the core has turned to.
func (k *core) answered(e *entry, zxid proto.Zxid, bytes int) {
	a := &k.answering
	latency, update := k.now-e.at, e.zxid != 0
	if a.same > 0 && (a.latency != time.Duration(latency) || a.update != update) {
		k.record()
	}
	a.latency, a.update = time.Duration(latency), update
	a.same++
	a.replies++
	a.bytes += bytes
	if a.size != bytes {
		a.size = bytes
		k.s.telemetry.core.Replied(bytes)
	}
	t := &a.tally[kindOf(e.op)]
	t.Count++
	t.Read += e.at
	t.Ready += k.now
	a.answered.add(e.op, e.xid, zxid, k.now, latency, 1)
}
