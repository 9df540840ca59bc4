package server

import (
	"slices"

	"gamekeeper/proto"
	"gamekeeper/server/ordering"
	"gamekeeper/zab"
)

// request is what the peer has passed on of a learner.
type request struct{ packet *proto.QuorumPacket }

// forClients takes what a learner sends for its clients: of a leader, or of a follower that serves observers, which
// sends it on. What the leader would refuse to read is not sent to it.
func (m *member) forClients(l zab.Link, p *proto.QuorumPacket) {
	d := proto.NewDecoder(p.Data)
	switch leads := m.leads(); p.Type {
	case proto.PacketPing:
		for d.Len() >= proto.SessionTimeoutBytes {
			if t := d.SessionTimeout(); !leads {
				m.relay.touched[t.Session] = t.Timeout
			} else if sess := m.k.tracker.Get(t.Session); sess != nil && !sess.Closing {
				m.k.touch(sess, t.Timeout)
			}
		}
	case proto.PacketRevalidate:
		t := d.SessionTimeout()
		switch {
		case d.Err() != nil:
			m.s.logger.Warn("question of a learner about a session dropped: it is malformed")
		case leads:
			m.k.revalidate(l, t)
		default:
			m.relayRevalidation(l, p, t.Session)
		}
	case proto.PacketRequest:
		f := d.Forwarded()
		switch {
		case d.Err() != nil:
			m.s.logger.Warn("request of a learner dropped: it is malformed", "session", f.Session)
		case leads:
			m.k.orderForwarded(l, &f, p.Auth)
		default:
			m.relayRequest(l, p, &f)
		}
	}
}

// touch notes that a session was heard from, elsewhere.
func (k *core) touch(sess *clientSession, timeout int32) {
	if now := k.now / 1e6; timeout > 0 && timeout != sess.Timeout() {
		k.tracker.SetTimeout(sess, timeout, now)
	} else {
		sess.Touch(now)
	}
}

// revalidate tells a learner whether a session is alive, which from then on is that learner's.
func (k *core) revalidate(l zab.Link, t proto.SessionTimeout) {
	m := k.member
	sess := k.tracker.Get(t.Session)
	valid := sess != nil && !sess.Closing
	if valid {
		if old := sess.Owner.conn; old != nil {
			k.closeNow(old)
		}
		sess.Owner = owner{link: l}
		k.touch(sess, t.Timeout)
	}
	m.data = proto.AppendSessionValidity(m.data[:0], proto.SessionValidity{Session: t.Session, Valid: valid})
	m.packet = proto.QuorumPacket{Type: proto.PacketRevalidate, Zxid: -1, Data: m.data}
	m.Send(l, &m.packet)
}

// orderForwarded orders a learner's request. Every write must come back as one transaction, in order: the learner
// has a client that waits for it.
func (k *core) orderForwarded(l zab.Link, f *proto.Forwarded, ids proto.Identities) {
	e := k.pipe.push()
	*e = entry{at: k.now, link: l, op: f.Op}
	if f.Op == proto.OpSync {
		k.member.sync(e)
		return
	}
	r := ordering.Request{Session: f.Session, Xid: f.Cxid, Op: f.Op, Body: f.Body, Time: k.wall}
	if code := k.admit(l, f); code != proto.OK {
		k.refuse(e, &r, code)
		return
	}
	r.Identities = k.member.known.of(ids)
	if k.propose(e, &r); e.code != proto.OK {
		k.refuse(e, &r, e.code)
	}
}

// admit checks a forwarded write's session, and notes what the write does to it.
func (k *core) admit(l zab.Link, f *proto.Forwarded) proto.Code {
	switch f.Op {
	case proto.OpCreateSession:
		d := proto.NewDecoder(f.Body)
		timeout := d.Int32()
		if d.Err() != nil {
			return proto.MarshallingError
		}
		k.tracker.Create(f.Session, timeout, k.now/1e6).Owner = owner{link: l}
		return proto.OK
	case proto.OpCloseSession: // whoever asks: it is the session's end
		if sess := k.tracker.Get(f.Session); sess != nil {
			sess.Closing = true
		}
		return proto.OK
	case proto.OpDeleteCont: // an Apache learner passes it on if a client sent it
	default:
		if f.Op.Class() != proto.ClassWrite {
			return proto.Unimplemented
		}
	}
	sess := k.tracker.Get(f.Session)
	switch {
	case sess == nil && k.s.cfg.Ensemble.LocalSessions && byte(uint64(f.Session)>>56) != byte(k.member.id):
		return proto.OK // the learner's own
	case sess == nil || sess.Closing:
		return proto.SessionExpired
	case sess.Owner == owner{}:
		sess.Owner = owner{link: l}
	case sess.Owner != owner{link: l}:
		return proto.SessionMoved
	}
	return proto.OK
}

// refuse orders a transaction that answers r with code. e becomes its entry.
func (k *core) refuse(e *entry, r *ordering.Request, code proto.Code) {
	txn := k.order.Refuse(k.pipe.space(proto.TxnHeaderBytes+4), r, code)
	e.kind, e.code, e.zxid = entryTxn, proto.OK, k.order.LastZxid()
	k.pipe.keep(e, txn)
	k.member.propose(e.zxid, txn)
}

// propose gives a transaction to the log and to the learners.
func (m *member) propose(zxid proto.Zxid, txn []byte) {
	m.proposing = true
	m.peer.Propose(zxid, txn)
	m.proposing = false
	m.telemetry.proposed(len(txn))
}

// ordered says whether this server, as the leader that it is, has made a transaction.
func (m *member) ordered(zxid proto.Zxid) bool { return m.leads() && zxid.Epoch() == m.status.Epoch }

// sync makes e wait until a quorum has confirmed that this server still leads: then everything that was committed
// anywhere before the sync was sent is committed here, and in the pipeline before e.
//
// A learner takes SYNC and COMMIT for what a session's requests wait for, in their order. So nothing that was ordered
// behind a learner's sync may be committed before that is answered: see Peer.HoldCommits.
func (m *member) sync(e *entry) {
	e.kind = entrySync
	if e.c == nil {
		if m.held = append(m.held, m.k.order.LastZxid()); len(m.held) == 1 {
			m.peer.HoldCommits(m.held[0])
		}
	}
	if m.s.cfg.Ensemble.ConfirmSync {
		if !m.asking {
			m.asking = true
			m.token++
		}
		e.token = m.token
	}
}

// answerSync answers a client, or the learner that asks for one.
func (k *core) answerSync(e *entry) {
	if e.c != nil {
		k.answerRead(e)
		return
	}
	m := k.member
	m.packet = proto.QuorumPacket{Type: proto.PacketSync}
	m.Send(e.link, &m.packet)
	m.held = slices.Delete(m.held, 0, 1)
	if len(m.held) > 0 {
		m.peer.HoldCommits(m.held[0])
	} else {
		m.peer.ReleaseCommits()
	}
}

// appliedInEnsemble does what a transaction means that is none of a client of this leader: of one of a learner, of
// a client of this learner, or of nobody here.
func (k *core) appliedInEnsemble(e *entry, txn *proto.Txn) {
	if k.member.leads() {
		if txn.Type == proto.OpCreateSession {
			k.tracker.Create(txn.Session, txn.Body.Timeout, k.now/1e6)
		}
		k.answerTxn(e, txn)
		return
	}
	w := k.waitingFor(txn)
	if txn.Type == proto.OpCreateSession {
		sess := k.tracker.Create(txn.Session, txn.Body.Timeout, k.now/1e6)
		if w != nil && w.c.session.Load() == nil {
			w.sess = sess
			k.begins(w.c, sess)
		}
		k.upgraded(sess)
	}
	if w == nil {
		k.answerTxn(e, txn)
	} else {
		k.times.forward.Record(1, k.times.committed.of(txn.Zxid, k.now)-w.taken)
		k.turnTo(w.c)
		k.answerTxn(&w.entry, txn)
		c := w.c
		k.leaveQueue(c)
		k.answerOldest(c)
	}
	if txn.Type == proto.OpCloseSession {
		delete(k.member.edge.orphans, txn.Session)
		delete(k.member.relay.owners, txn.Session)
	}
}
