package simulation

import (
	"slices"

	"gamekeeper/proto"
	"gamekeeper/zab"
)

const sessionTimeoutMs = 3000

// leading is what a leader's host knows: the state after everything it has ordered, applied or not, and the
// sessions of all servers.
type leading struct {
	next     proto.Zxid
	nodes    map[string]node
	children int32 // the root's count of creations
	sessions map[proto.SessionID]*session
	syncs    []pendingSync
	token    uint64
}

type node struct {
	version int32
	owner   proto.SessionID
}

// session is one as its leader tracks it.
type session struct {
	deadline int64 // of the server's clock
	owner    zab.Link
	owned    bool
}

// pendingSync waits for the confirmation of its token.
type pendingSync struct {
	token     uint64
	link      zab.Link // 0: a client of this server
	request   *request
	delivered proto.Zxid // what was delivered anywhere when it was asked for
	proposed  proto.Zxid // and what this leader had proposed
}

func newLeading(s *server) *leading {
	l := &leading{next: proto.MakeZxid(s.status.Epoch, 1), nodes: map[string]node{}, sessions: map[proto.SessionID]*session{}}
	t := s.state.tree
	root, _ := t.Lookup([]byte("/"))
	l.children = t.Meta(root).RawCversion
	for name := range t.Children(root) {
		path := "/" + string(name)
		n, _ := t.Lookup([]byte(path))
		m := t.Meta(n)
		l.nodes[path] = node{m.Version, proto.SessionID(m.Owner)}
	}
	for id := range s.state.sessions {
		l.sessions[id] = &session{deadline: s.clock() + sessionTimeoutMs}
	}
	return l
}

// tick expires sessions.
func (l *leading) tick(s *server) {
	s.after(s.sim.profile.tick*1000, func() {
		if s.service.lead != l {
			return
		}
		for id := range s.service.touched {
			l.touch(s, id, s.service.touched[id])
		}
		clear(s.service.touched)
		for _, id := range sortedSessions(l.sessions) {
			if l.sessions[id].deadline < s.clock() {
				s.sim.checkExpiry(s, id)
				s.sim.tracef("%d expires session %s", s.id, id)
				s.tell(func() { l.order(s, proto.Forwarded{Session: id, Op: proto.OpCloseSession}, anyLink) })
				if s.service.lead != l {
					return
				}
			}
		}
		l.tick(s)
	})
}

// anyLink is the owner of what the leader does itself.
const anyLink = ^zab.Link(0)

func (l *leading) touch(s *server, id proto.SessionID, timeout int32) {
	if x := l.sessions[id]; x != nil {
		x.deadline = s.clock() + int64(timeout)
	}
}

// revalidate says whether a session is alive, and makes the server behind link its owner.
func (l *leading) revalidate(s *server, id proto.SessionID, link zab.Link) bool {
	x := l.sessions[id]
	if x == nil {
		return false
	}
	x.owner, x.owned = link, true
	l.touch(s, id, sessionTimeoutMs)
	return true
}

// sync confirms that this server still leads, before it answers.
func (l *leading) sync(s *server, link zab.Link, r *request) {
	l.token++
	l.syncs = append(l.syncs, pendingSync{l.token, link, r, s.sim.check.last(), s.disk.last()})
	token := l.token
	if s.sim.opt.Mistake == ConfirmsAlone {
		s.later = append(s.later, func() { s.Confirmed(token) })
		s.wake()
		return
	}
	s.later = append(s.later, func() {
		if s.service.lead == l {
			s.peer.Confirm(s.clock(), token)
			l.hold(s)
		}
	})
	s.wake()
}

// hold keeps commits behind the oldest sync, in runs that do so: the answer has to come first.
func (l *leading) hold(s *server) {
	switch {
	case !s.sim.profile.holdCommits || s.service.lead != l:
	case len(l.syncs) > 0:
		s.peer.HoldCommits(l.syncs[0].proposed)
	default:
		s.peer.ReleaseCommits()
	}
}

// wake lets what is to be done later be done, if no call of the peer is going on that ends with it.
func (s *server) wake() {
	s.after(0, func() { s.tell(func() {}) })
}

func (l *leading) confirmed(s *server, token uint64) {
	for len(l.syncs) > 0 && l.syncs[0].token <= token {
		p := l.syncs[0]
		l.syncs = l.syncs[1:]
		if s.sim.opt.Mistake != ConfirmsAlone {
			s.sim.check.holds(s.state.applied >= p.delivered, ConfirmedByQuorum,
				"leader %d is confirmed, and has applied %s of %s", s.id, s.state.applied, p.delivered)
		}
		if p.link == 0 {
			s.service.answerRead(s, p.request)
			continue
		}
		s.sendOn(s.conn(p.link), &proto.QuorumPacket{Type: proto.PacketSync})
	}
	s.later = append(s.later, func() { l.hold(s) })
}

// order makes a transaction of a request and proposes it. It must be called where the peer may be.
func (l *leading) order(s *server, f proto.Forwarded, link zab.Link) {
	if s.broken != "" || s.status.State != proto.Leading || !s.status.Serving {
		return
	}
	z := l.next
	l.next++
	body := proto.TxnBody{Type: f.Op}
	var rest []byte
	if code := l.validate(s, f, link); code != proto.OK {
		body = proto.TxnBody{Type: proto.OpError, Err: code}
	} else {
		rest = l.execute(s, &f, link, &body)
	}
	b := proto.AppendTxnHeader(nil, &proto.TxnHeader{Session: f.Session, Cxid: f.Cxid, Zxid: z, Time: s.clock(), Type: body.Type})
	if body.Type == proto.OpCloseSession {
		b = append(b, rest...)
	} else {
		b = proto.AppendTxnBody(b, &body)
	}
	s.sim.check.proposes(s, z, b, f, body.Type)
	if s.sim.tracing() {
		s.sim.tracef("%d proposes %s: %s of session %s, cxid %d", s.id, z, body.Type, f.Session, f.Cxid)
	}
	s.peer.Propose(z, b)
}

// validate says whether a request can be done.
func (l *leading) validate(s *server, f proto.Forwarded, link zab.Link) proto.Code {
	if f.Op == proto.OpCreateSession {
		return proto.OK
	}
	x := l.sessions[f.Session]
	if x == nil {
		return proto.SessionExpired
	}
	if link != anyLink {
		if x.owned && x.owner != link && s.sim.opt.Mistake != MovesIgnored {
			return proto.SessionMoved
		}
		x.owner, x.owned = link, true
	}
	path, _ := splitBody(f.Body)
	_, exists := l.nodes[path]
	switch {
	case f.Op == proto.OpCreate && exists:
		return proto.NodeExists
	case (f.Op == proto.OpSetData || f.Op == proto.OpDelete) && !exists:
		return proto.NoNode
	}
	return proto.OK
}

// execute fills in the transaction's body, or returns it, and notes what it does.
func (l *leading) execute(s *server, f *proto.Forwarded, link zab.Link, body *proto.TxnBody) (rest []byte) {
	path, value := splitBody(f.Body)
	body.Path, body.Data = []byte(path), []byte(value)
	switch f.Op {
	case proto.OpCreateSession:
		body.Timeout = sessionTimeoutMs
		l.sessions[f.Session] = &session{deadline: s.clock() + sessionTimeoutMs, owner: link, owned: true}
	case proto.OpCloseSession:
		delete(l.sessions, f.Session)
		var paths []string
		for p, n := range l.nodes {
			if n.owner == f.Session {
				paths = append(paths, p)
				delete(l.nodes, p)
			}
		}
		slices.Sort(paths)
		rest = proto.AppendInt32(nil, int32(len(paths)))
		for _, p := range paths {
			rest = proto.AppendString(rest, p)
		}
	case proto.OpCreate:
		n := node{}
		if isEphemeral(path) {
			n.owner, body.Ephemeral = f.Session, true
		}
		l.children++
		body.ACL, body.Version = proto.OpenACL, l.children
		l.nodes[path] = n
	case proto.OpSetData:
		n := l.nodes[path]
		n.version++
		l.nodes[path], body.Version = n, n.version
	case proto.OpDelete:
		delete(l.nodes, path)
	}
	return rest
}
