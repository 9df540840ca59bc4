package simulation

import (
	"slices"

	"gamekeeper/proto"
	"gamekeeper/zab"
)

// service is the request handling of a server: the requests of its clients, and, on a leader, the order of all
// writes.
type service struct {
	clients []*client
	writes  map[requestID]*request
	syncs   []*request // answered in their order
	asked   map[proto.SessionID]*request
	touched map[proto.SessionID]int32
	lead    *leading
	// What a follower asked its leader, in this order: an observer's link, or 0 for a client of its own.
	askedSync, askedSession []zab.Link
	// owners says where sessions are that were with an observer: its link, or 0 for this follower.
	owners map[proto.SessionID]zab.Link
}

func (v *service) reset() {
	*v = service{writes: map[requestID]*request{}, asked: map[proto.SessionID]*request{}, touched: map[proto.SessionID]int32{},
		owners: map[proto.SessionID]zab.Link{}}
}

// begin is called when the server begins to serve.
func (v *service) begin(s *server) {
	if s.status.State == proto.Leading {
		v.lead = newLeading(s)
		v.lead.tick(s)
	}
}

// drop closes all clients' connections.
func (v *service) drop(string) {
	for _, c := range v.clients {
		c.dropped()
	}
	v.reset()
}

// accept takes the connection of a client, once its session is known to be alive.
func (v *service) accept(s *server, r *request) {
	c := r.client
	switch {
	case !s.serves():
		c.refused(r)
	case c.session == 0:
		v.clients = append(v.clients, c)
		c.accepted(r, s)
	case c.lastSeen > s.state.applied && s.sim.opt.Mistake != SeenIgnored:
		c.refused(r) // this server is behind what the client has seen
	case v.lead != nil:
		v.admit(s, r, v.lead.revalidate(s, c.session, 0))
	case s.link == nil:
		c.refused(r)
	default:
		v.asked[c.session] = r
		v.askedSession = append(v.askedSession, 0)
		if _, known := v.owners[c.session]; known {
			v.owners[c.session] = 0
		}
		data := proto.AppendSessionTimeout(nil, proto.SessionTimeout{Session: c.session, Timeout: sessionTimeoutMs})
		s.SendToLeader(&proto.QuorumPacket{Type: proto.PacketRevalidate, Zxid: -1, Data: data})
	}
}

func (v *service) admit(s *server, r *request, valid bool) {
	if !valid {
		r.client.expired(r)
		return
	}
	v.clients = append(v.clients, r.client)
	r.client.accepted(r, s)
}

// serves says whether clients are served: the mistake is to go on when the server may be behind or cut off.
func (s *server) serves() bool {
	return s.up && (s.status.Serving || s.sim.opt.Mistake == ServesAlways)
}

// leave forgets a client that closed its connection.
func (v *service) leave(c *client) {
	v.clients = slices.DeleteFunc(v.clients, func(x *client) bool { return x == c })
}

// request takes what a connected client asks for.
func (v *service) request(s *server, r *request) {
	if !s.serves() || !slices.Contains(v.clients, r.client) || v.owners[r.session] != 0 {
		return // the client has been told, or will be
	}
	v.touched[r.session] = sessionTimeoutMs
	switch {
	case r.kind == opRead:
		v.answerRead(s, r)
	case r.kind == opSync && v.lead != nil:
		v.lead.sync(s, 0, r)
	case v.lead != nil:
		v.writes[r.id()] = r
		v.lead.order(s, r.forwarded(), 0)
	case s.link == nil:
	default:
		if r.kind == opSync {
			v.syncs = append(v.syncs, r)
			v.askedSync = append(v.askedSync, 0)
		} else {
			v.writes[r.id()] = r
		}
		f := r.forwarded()
		p := &proto.QuorumPacket{Type: proto.PacketRequest, Zxid: -1, Data: proto.AppendForwarded(nil, &f)}
		s.SendToLeader(p)
		if r.kind != opSync && s.sim.mistaken(RequestRepeated, 0.05) && s.broken == "" {
			s.SendToLeader(p)
		}
	}
}

// answerRead reads the tree for a client.
func (v *service) answerRead(s *server, r *request) {
	value, ok := s.state.read(r.path)
	r.client.answered(r, answer{zxid: s.state.applied, value: value, exists: ok})
}

// applied answers the write that a transaction belongs to.
func (v *service) applied(s *server, txn *proto.Txn) {
	id := requestID{txn.Session, txn.Cxid}
	if r := v.writes[id]; r != nil && txn.Cxid != 0 {
		delete(v.writes, id)
		r.client.answered(r, answer{zxid: txn.Zxid, code: txnCode(txn)})
	}
	if txn.Type == proto.OpCloseSession {
		for range s.state.tree.Ephemerals(txn.Session) {
			s.sim.check.holds(false, EphemeralOwner, "server %d: session %s is closed and owns a znode", s.id, txn.Session)
		}
	}
}

// fromLearner takes what a learner sends to this server for its clients.
func (v *service) fromLearner(s *server, l zab.Link, p *proto.QuorumPacket) {
	if s.status.State == proto.Following {
		v.relay(s, l, p)
		return
	}
	s.sim.check.holds(v.lead != nil, MessageLegal, "server %d gets %s and does not lead", s.id, p.Type)
	d := proto.NewDecoder(p.Data)
	switch p.Type {
	case proto.PacketPing:
		for d.Len() > 0 && d.Err() == nil {
			t := d.SessionTimeout()
			if s.sim.opt.Mistake != TouchesIgnored {
				v.lead.touch(s, t.Session, t.Timeout)
			}
		}
	case proto.PacketRevalidate:
		t := d.SessionTimeout()
		valid := v.lead.revalidate(s, t.Session, l)
		s.sendOn(s.conn(l), &proto.QuorumPacket{Type: proto.PacketRevalidate, Zxid: -1,
			Data: proto.AppendSessionValidity(nil, proto.SessionValidity{Session: t.Session, Valid: valid})})
	case proto.PacketRequest:
		f := d.Forwarded()
		f.Body = slices.Clone(f.Body)
		s.later = append(s.later, func() {
			if v.lead == nil {
				return
			}
			if f.Op == proto.OpSync {
				v.lead.sync(s, l, nil)
				return
			}
			v.lead.order(s, f, l)
		})
	}
}

// relay sends to the leader what an observer of this follower sends for its clients.
func (v *service) relay(s *server, l zab.Link, p *proto.QuorumPacket) {
	d := proto.NewDecoder(p.Data)
	switch p.Type {
	case proto.PacketPing:
		for d.Len() > 0 && d.Err() == nil {
			t := d.SessionTimeout()
			v.touched[t.Session] = t.Timeout
		}
		return
	case proto.PacketRevalidate:
		v.askedSession = append(v.askedSession, l)
		v.owners[d.SessionTimeout().Session] = l
	case proto.PacketRequest:
		f := d.Forwarded()
		owner, known := v.owners[f.Session]
		switch {
		case f.Op == proto.OpSync:
			v.askedSync = append(v.askedSync, l)
		case f.Op == proto.OpCreateSession || !known:
			v.owners[f.Session] = l
		case owner != l && s.sim.opt.Mistake != MasterForgetsOwner:
			f.Op, f.Body = proto.OpDelete, nil // of no znode: it fails
			p = &proto.QuorumPacket{Type: proto.PacketRequest, Zxid: -1, Data: proto.AppendForwarded(nil, &f)}
		}
	}
	s.SendToLeader(p)
}

// firstOf takes the first of those who asked.
func firstOf(asked *[]zab.Link) (l zab.Link) {
	if len(*asked) > 0 {
		l, *asked = (*asked)[0], (*asked)[1:]
	}
	return l
}

// fromLeader takes the leader's answers.
func (v *service) fromLeader(s *server, p *proto.QuorumPacket) {
	asked := &v.askedSession
	if p.Type == proto.PacketSync {
		asked = &v.askedSync
	}
	if l := firstOf(asked); l != 0 {
		s.sendOn(s.conn(l), p)
		return
	}
	switch p.Type {
	case proto.PacketSync:
		if len(v.syncs) > 0 {
			r := v.syncs[0]
			v.syncs = v.syncs[1:]
			v.answerRead(s, r)
		}
	case proto.PacketRevalidate:
		d := proto.NewDecoder(p.Data)
		a := d.SessionValidity()
		if r := v.asked[a.Session]; r != nil {
			delete(v.asked, a.Session)
			v.admit(s, r, a.Valid)
		}
	}
}

// appendTouched appends the sessions that were heard from, and forgets them.
func (v *service) appendTouched(b []byte) []byte {
	for _, id := range sortedSessions(v.touched) {
		b = proto.AppendSessionTimeout(b, proto.SessionTimeout{Session: id, Timeout: v.touched[id]})
	}
	clear(v.touched)
	return b
}

func sortedSessions[T any](m map[proto.SessionID]T) []proto.SessionID {
	ids := make([]proto.SessionID, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// confirmed answers the syncs that waited for a quorum.
func (v *service) confirmed(s *server, token uint64) {
	if v.lead != nil {
		v.lead.confirmed(s, token)
	}
}
