package server

import (
	"gamekeeper/proto"
	"gamekeeper/zab"
)

// relay is what a follower does for the observers that it serves: what they send for their clients goes to the leader
// under this server's name. The transactions come back in the stream of all transactions, of which observers are told
// too. SYNC and the answers about sessions do not say for whom they are: they come in the order of the questions. It
// belongs to the core.
type relay struct {
	syncs, renewals askers
	// touched are sessions that observers have heard from, and those of connections that are gone, with their timeouts.
	touched map[proto.SessionID]int32
	// owners are the servers where sessions are: of those that were with an observer, since this server serves.
	owners map[proto.SessionID]zab.Link
}

// ownClient stands for a client of this server among the links that have asked.
const ownClient zab.Link = 0

// askers are those who have asked the leader, in this order.
type askers struct{ queue[zab.Link] }

// first takes the one that has asked first.
func (a *askers) first() zab.Link {
	l, _ := a.pop() // ownClient if nobody has: the edge knows that nobody of its own has either
	return l
}

func newRelay() relay {
	return relay{touched: map[proto.SessionID]int32{}, owners: map[proto.SessionID]zab.Link{}}
}

// relayRevalidation asks the leader about a session for an observer, to which the session's client has gone.
func (m *member) relayRevalidation(l zab.Link, p *proto.QuorumPacket, id proto.SessionID) {
	m.relay.owners[id] = l
	m.relay.renewals.push(l)
	if sess := m.k.tracker.Get(id); sess != nil && sess.Owner.conn != nil {
		m.k.closeNow(sess.Owner.conn)
	}
	m.SendToLeader(p)
}

// relayRequest sends an observer's request to the leader, which looks at it as at that of a client of this server.
func (m *member) relayRequest(l zab.Link, p *proto.QuorumPacket, f *proto.Forwarded) {
	r := &m.relay
	owner, known := r.owners[f.Session]
	switch {
	case f.Op == proto.OpSync:
		r.syncs.push(l)
	case f.Op == proto.OpCreateSession || !known && m.k.tracker.Get(f.Session) != nil:
		r.owners[f.Session] = l
	case !known: // the observer's own, or one that is no more: nothing would take note of its end
	case f.Op == proto.OpCloseSession: // whoever asks: it is the session's end
	case owner != l:
		m.refuseRelayed(f)
		return
	}
	m.SendToLeader(p)
}

// refuseRelayed has the leader refuse a request of a session that has gone to another server behind this one, which
// the leader cannot tell from it: what was on its way must not be done after what came later. The observer waits for
// a transaction with the request's number, so it must have one: that of a request which cannot be right.
func (m *member) refuseRelayed(f *proto.Forwarded) {
	body := proto.AppendInt32(proto.AppendString(nil, ""), -1)
	m.data = proto.AppendForwarded(m.data[:0], &proto.Forwarded{Session: f.Session, Cxid: f.Cxid, Op: proto.OpDelete, Body: body})
	m.packet = proto.QuorumPacket{Type: proto.PacketRequest, Zxid: -1, Data: m.data}
	m.SendToLeader(&m.packet)
}

// comesBack takes note that a client of this server goes on with a session, which an observer may have had.
func (r *relay) comesBack(id proto.SessionID) {
	if _, known := r.owners[id]; known {
		r.owners[id] = ownClient
	}
}

// appendTouched appends the sessions of which no connection of this server can tell that they were heard from since the
// last time.
func (r *relay) appendTouched(b []byte) []byte {
	for id, timeout := range r.touched {
		b = proto.AppendSessionTimeout(b, proto.SessionTimeout{Session: id, Timeout: timeout})
	}
	clear(r.touched)
	return b
}
