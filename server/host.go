package server

import (
	"context"
	"log/slog"

	"gamekeeper/proto"
	"gamekeeper/zab"
)

// What follows makes a member the zab.Host of its peer. Once it has failed nothing is carried out any more.

// SendVote implements zab.Host.
func (m *member) SendVote(to proto.ServerID, v *proto.Vote) {
	if m.failed == nil {
		m.mesh.Send(to, v)
	}
}

// Connect implements zab.Host.
func (m *member) Connect(to proto.ServerID, port zab.Port) {
	if m.failed == nil {
		m.links.connect(to, port)
	}
}

// Disconnect implements zab.Host.
func (m *member) Disconnect() { m.links.disconnect() }

// SendToLeader implements zab.Host.
func (m *member) SendToLeader(p *proto.QuorumPacket) {
	if m.failed == nil && m.links.leader != nil {
		m.links.leader.Send(p)
		m.links.sent = true
	}
}

// Listen implements zab.Host.
func (m *member) Listen(port zab.Port) {
	if m.failed == nil {
		m.links.listen(port)
	}
}

// StopListening implements zab.Host.
func (m *member) StopListening() { m.links.stopListening() }

// Send implements zab.Host.
func (m *member) Send(l zab.Link, p *proto.QuorumPacket) {
	if m.failed != nil {
		return
	}
	if to := m.links.to(l); to != nil {
		to.Send(p)
	}
	if p.Type == proto.PacketDiff || p.Type == proto.PacketTrunc {
		m.telemetry.diffs.Inc()
	}
}

// CloseLink implements zab.Host.
func (m *member) CloseLink(l zab.Link) { m.links.closeLearner(l) }

// Inform implements zab.Host.
func (m *member) Inform(l zab.Link, after, upTo proto.Zxid) {
	to := m.links.to(l)
	if to == nil || m.failed != nil {
		return
	}
	pipe := m.k.pipe
	for i := range pipe.count {
		e := pipe.at(i)
		if e.kind != entryTxn || e.zxid <= after {
			continue
		}
		if e.zxid > upTo {
			return
		}
		m.packet = proto.QuorumPacket{Type: proto.PacketInform, Zxid: e.zxid, Data: e.bytes}
		to.Send(&m.packet)
	}
}

// SetEpochs implements zab.Host.
func (m *member) SetEpochs(accepted, current proto.Epoch) {
	if m.failed != nil {
		return
	}
	if err := m.s.epochs.Set(accepted, current); err != nil {
		m.fail("the epoch cannot be written: free the disk or repair it, then start the server", err)
	}
}

// Append implements zab.Host.
func (m *member) Append(zxid proto.Zxid, txn []byte) {
	k := m.k
	switch {
	case m.failed != nil:
		return
	case !m.proposing:
		e := k.pipe.push()
		*e = entry{zxid: zxid, at: k.now}
		k.pipe.keep(e, append(k.pipe.space(len(txn)), txn...))
		m.telemetry.received.Inc()
	}
	k.log.Append(zxid, txn)
	k.flushing.ordered(len(txn))
}

// Commit implements zab.Host.
func (m *member) Commit(zxid proto.Zxid) {
	if m.failed == nil {
		m.telemetry.committed(m.status.State == proto.Leading, m.committed, zxid)
		m.committed = zxid
		k := m.k
		if m.status.State == proto.Leading {
			k.times.proposed.passed(zxid, k.now, k.times.quorum)
		}
		k.times.committed.reached(zxid, k.now)
	}
}

// FromLearner implements zab.Host. Whoever gave the packet to the peer takes it from here.
func (m *member) FromLearner(_ zab.Link, p *proto.QuorumPacket) { m.request.packet = p }

// FromLeader implements zab.Host.
func (m *member) FromLeader(p *proto.QuorumPacket) {
	if p.Type == proto.PacketSync {
		if l := m.relay.syncs.first(); l != ownClient {
			m.Send(l, p)
			return
		}
		m.answers = append(m.answers, answer{after: m.committed, sync: true})
		return
	}
	d := proto.NewDecoder(p.Data)
	v := d.SessionValidity()
	if d.Err() != nil {
		m.s.logger.Warn("the leader's answer about a session is malformed")
		return
	}
	if !v.Valid {
		delete(m.relay.owners, v.Session)
	}
	if l := m.relay.renewals.first(); l != ownClient {
		m.Send(l, p)
		return
	}
	m.answers = append(m.answers, answer{after: m.committed, session: v})
}

// AppendTouched implements zab.Host.
func (m *member) AppendTouched(b []byte) []byte {
	m.s.clients.each(func(c *conn) {
		sess := c.session.Load()
		if sess == nil || m.k.local(sess) {
			return
		}
		// A loop notes when a read began, which may be before the last answer though it was noted after that.
		if at := sess.Touched(); at != c.told {
			c.told = at
			b = proto.AppendSessionTimeout(b, proto.SessionTimeout{Session: sess.ID, Timeout: sess.Timeout()})
		}
	})
	return m.relay.appendTouched(b)
}

// Confirmed implements zab.Host.
func (m *member) Confirmed(token uint64) { m.confirmed = token }

// Log implements zab.Host.
func (m *member) Log(level slog.Level, msg string, args ...any) {
	m.s.logger.Log(context.Background(), level, msg, args...)
}
