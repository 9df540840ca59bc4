package server

import (
	"gamekeeper/proto"
	"gamekeeper/server/ordering"
	"gamekeeper/server/session"
)

// Local sessions are those that their own server alone knows: no transaction begins or ends them, and they are lost
// when the server no longer serves. A session that creates an ephemeral znode becomes one of the ensemble, if the
// configuration lets it. Read-only clients have no others.

// local says whether only this server knows a session.
func (k *core) local(sess *clientSession) bool {
	return k.member != nil && k.member.local.Get(sess.ID) == sess
}

// sessionOrLocal returns a session of either kind, nil if there is none.
func (k *core) sessionOrLocal(id proto.SessionID) *clientSession {
	if sess := k.tracker.Get(id); sess != nil || k.member == nil {
		return sess
	}
	return k.member.local.Get(id)
}

// greetLocally begins or renews a local session, if it is for this server to do.
func (k *core) greetLocally(in *input, r *proto.ConnectRequest, timeout int32) bool {
	m, c := k.member, in.c
	sess := m.local.Get(r.Session)
	switch {
	case m.readOnly && (!r.ReadOnly || r.Session != 0 && sess == nil):
		// A session of the ensemble cannot be kept alive here.
		k.closeNow(c)
		k.drop(in)
		return true
	case r.Session == 0 && (m.readOnly || m.s.cfg.Ensemble.LocalSessions):
		id := k.ids.Next(func(id proto.SessionID) bool { return k.sessionOrLocal(id) != nil })
		sess = m.local.Create(id, timeout, k.now/1e6)
	case r.Session == 0 || sess == nil || sess.Closing || !session.CheckPassword(r.Session, r.Password):
		return false
	default:
		m.local.SetTimeout(sess, timeout, k.now/1e6)
	}
	e := entry{kind: entryRenewed, c: c, sess: sess, at: in.at, op: proto.OpCreateSession, read: in.end - in.start,
		withReadOnly: r.HasReadOnly}
	if m.leads() {
		k.own(sess, c)
		c.session.Store(sess)
		*k.pipe.push() = e
		return true
	}
	m.edge.add(c).entry = e
	m.edge.wakens(c)
	k.begins(c, sess)
	return true
}

// upgrade makes a local session one of the ensemble on the leader, ahead of the write that needs it.
func (k *core) upgrade(c *conn, sess *clientSession) *clientSession {
	timeout := sess.Timeout()
	k.member.local.Remove(sess.ID)
	global := k.tracker.Create(sess.ID, timeout, k.now/1e6)
	global.Owner = owner{conn: c}
	c.session.Store(global)
	e := k.pipe.push()
	*e = entry{sess: global, at: k.now}
	var body [4]byte
	k.propose(e, &ordering.Request{Session: sess.ID, Op: proto.OpCreateSession,
		Body: proto.AppendInt32(body[:0], timeout), Time: k.wall})
	return global
}

// upgradeAtEdge asks the leader to make a local session one of the ensemble.
func (k *core) upgradeAtEdge(c *conn, sess *clientSession) {
	m := k.member
	if m.edge.upgrading[sess.ID] {
		return
	}
	m.edge.upgrading[sess.ID] = true
	var body [4]byte
	k.forward(c, sess.ID, 0, proto.OpCreateSession, proto.AppendInt32(body[:0], sess.Timeout()))
}

// upgraded lets a session that has become one of the ensemble go on as such.
func (k *core) upgraded(global *clientSession) {
	m := k.member
	if !m.edge.upgrading[global.ID] {
		return
	}
	delete(m.edge.upgrading, global.ID)
	sess := m.local.Get(global.ID)
	if sess == nil {
		return
	}
	m.local.Remove(sess.ID)
	global.Owner, global.Closing = sess.Owner, sess.Closing
	if c := global.Owner.conn; c != nil {
		c.session.Store(global)
	}
}

// endLocal ends a local session at its client's wish.
func (k *core) endLocal(e *entry) {
	c := e.c
	k.member.local.Remove(c.session.Load().ID)
	if c.dead.Load() {
		return
	}
	k.reply(e, proto.ReplyHeader{Xid: e.xid, Zxid: k.tree.LastZxid()})
	k.hangUp(c, true)
}

// expireLocal ends the local sessions that have not been heard from.
func (m *member) expireLocal(now int64) {
	k := m.k
	k.expired = m.local.Expired(now, expireMax, k.expired[:0])
	for _, sess := range k.expired {
		if c := sess.Owner.conn; c != nil {
			k.closeNow(c)
		}
		m.local.Remove(sess.ID)
	}
	clear(k.expired)
}

// forgetLocal forgets all local sessions: their connections are closed.
func (m *member) forgetLocal() {
	m.local = session.NewTracker[owner](m.s.cfg.Session.TickTime.Milliseconds())
}
