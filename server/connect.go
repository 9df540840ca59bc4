package server

import (
	"gamekeeper/proto"
	"gamekeeper/server/ordering"
	"gamekeeper/server/session"
)

// connect handles the first frame of a connection, in the order of Apache's processConnectRequest.
func (k *core) connect(in *input, body []byte) {
	c := in.c
	d := proto.NewDecoder(body)
	r := d.ConnectRequest()
	if d.Err() != nil {
		k.s.logger.Info("connection closed: its first frame is no connect request", "client", c.net.Remote())
		k.closeNow(c)
		k.drop(in)
		return
	}
	if !k.s.serving.Load() {
		k.closeNow(c)
		k.drop(in)
		return
	}
	if last := k.reached(); r.LastZxidSeen > last {
		// Not "expired": that would cost the client its ephemerals. It shall try another server.
		k.s.logger.Warn("connection refused: the client has seen a later zxid than this server",
			"client", c.net.Remote(), "seen", r.LastZxidSeen, "last", last)
		k.closeNow(c)
		k.drop(in)
		return
	}
	cfg := &k.s.cfg.Session
	timeout := int32(min(max(int64(r.Timeout), cfg.MinTimeout.Milliseconds()), cfg.MaxTimeout.Milliseconds()))
	if k.member != nil && k.greetLocally(in, &r, timeout) {
		return
	}
	if k.member != nil && !k.member.leads() {
		k.greetAtEdge(in, &r, timeout)
		return
	}
	if r.Session == 0 {
		k.createSession(in, timeout, r.HasReadOnly)
		return
	}
	e := k.pipe.push()
	*e = entry{c: c, at: in.at, op: proto.OpCreateSession, read: in.end - in.start, withReadOnly: r.HasReadOnly}
	sess := k.tracker.Get(r.Session)
	if sess == nil || sess.Closing || !session.CheckPassword(r.Session, r.Password) {
		e.kind = entryUnknown
		return
	}
	// The password is looked at before the session's connection is taken over: Apache does it the other way
	// around, and lets a stranger disconnect a client.
	k.own(sess, c)
	k.tracker.SetTimeout(sess, timeout, k.now/1e6)
	c.session.Store(sess)
	e.kind, e.sess = entryRenewed, sess
}

// reached returns the zxid up to which this server has everything. Who serves in an epoch has all that was before it.
// Apache's servers show their clients the beginning of an epoch as the last zxid, which no transaction of ours has.
func (k *core) reached() proto.Zxid {
	last := k.tree.LastZxid()
	if k.member != nil && k.member.status.Serving {
		last = max(last, proto.MakeZxid(k.member.status.Epoch, 0))
	}
	return last
}

// own makes c the session's connection, and closes the one it had.
func (k *core) own(sess *clientSession, c *conn) {
	if old := sess.Owner.conn; old != nil && old != c {
		old.close(false)
	}
	sess.Owner = owner{conn: c}
}

// createSession orders the transaction that begins a session; the client is answered when it is applied, but
// what it sends meanwhile is taken.
func (k *core) createSession(in *input, timeout int32, withReadOnly bool) {
	id := k.ids.Next(func(id proto.SessionID) bool { return k.sessionOrLocal(id) != nil })
	sess := k.tracker.Create(id, timeout, k.now/1e6)
	sess.Owner.conn = in.c
	in.c.session.Store(sess)
	e := k.pipe.push()
	*e = entry{c: in.c, sess: sess, at: in.at, read: in.end - in.start, withReadOnly: withReadOnly}
	var body [4]byte
	k.propose(e, &ordering.Request{Session: id, Op: proto.OpCreateSession,
		Body: proto.AppendInt32(body[:0], timeout), Time: k.wall})
}

// welcome tells the client that its session has begun, or goes on.
func (k *core) welcome(e *entry) {
	if e.c == nil || e.c.dead.Load() {
		return
	}
	k.greet(e, e.sess)
	k.s.clients.greeted(e.c)
}

// turnAway tells the client that its session is no more. The connection lingers: closed at once, with
// requests of the client unread, it could lose the reply.
func (k *core) turnAway(e *entry) {
	if e.c.dead.Load() {
		return
	}
	k.greet(e, nil)
	k.hangUp(e.c, true)
}
