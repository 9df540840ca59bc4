package zab

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"gamekeeper/proto"
)

// ensemble joins peers by a network that loses nothing and takes no time, with disks that are never late. What can
// go wrong is the simulator's matter; here is what must come out when nothing does.
type ensemble struct {
	t     *testing.T
	now   int64
	hosts []*testHost // by id - 1
	queue []func()
	links Link
	// voters is how many there are; the rest observe.
	voters int
	// configure changes the configuration of servers that are started from now on.
	configure func(cfg *Config)
}

// testHost is one server.
type testHost struct {
	e       *ensemble
	id      proto.ServerID
	peer    *Peer
	up      bool
	listens bool
	port    Port               // on which it does
	conn    *testLink          // to its leader
	links   map[Link]*testLink // of its learners

	accepted, current proto.Epoch
	base              proto.Zxid
	log               []proto.Zxid // txns after base
	applied           proto.Zxid
	status            Status
	confirmed         uint64
	sent              []proto.PacketType // to its leader and learners, without PINGs
	noDiff            bool
	untrusted         bool
	receives          bool // a snapshot: the rest of the link waits
}

type testLink struct {
	id              Link
	learner, leader *testHost
	closed          bool
}

// newEnsemble makes servers that nobody has started.
func newEnsemble(t *testing.T, voters, observers int, configure ...func(cfg *Config)) *ensemble {
	e := &ensemble{t: t, voters: voters, configure: func(cfg *Config) {
		for _, f := range configure {
			f(cfg)
		}
	}}
	for i := range voters + observers {
		e.hosts = append(e.hosts, &testHost{e: e, id: proto.ServerID(i + 1)})
	}
	return e
}

// serving makes an ensemble that serves.
func serving(t *testing.T, voters, observers int, configure ...func(cfg *Config)) *ensemble {
	t.Helper()
	e := newEnsemble(t, voters, observers, configure...)
	for _, h := range e.hosts {
		e.start(h)
	}
	e.run("serving", e.allServe)
	return e
}

// start starts a server with what it has on disk.
func (e *ensemble) start(h *testHost) {
	h.startAs(h)
	for _, o := range e.hosts {
		if o.peer != nil && o.up && o != h {
			o.peer.VoterLink(e.now, h.id, true)
			h.peer.VoterLink(e.now, o.id, true)
		}
	}
}

// startAs starts a server that has as for its host. It hears of no others.
func (h *testHost) startAs(as Host) {
	cfg := Config{ID: h.id, Membership: flat(h.e.voters, len(h.e.hosts)-h.e.voters), TickMs: 100, InitLimit: 10, SyncLimit: 5,
		MinNotificationMs: 200, MaxNotificationMs: 1000, Random: func(int64) int64 { return 0 }}
	h.e.configure(&cfg)
	history := History{Base: h.base}
	for _, z := range h.log {
		history.Append(z)
	}
	h.links, h.conn, h.up, h.applied = map[Link]*testLink{}, nil, true, history.Last()
	h.peer = New(cfg, State{AcceptedEpoch: h.accepted, CurrentEpoch: h.current, History: history, Untrusted: h.untrusted}, as)
	h.peer.Start(h.e.now)
}

// follows lets a server know that all others follow the leader, in a round.
func (h *testHost) follows(leader proto.ServerID, round int64, epoch proto.Epoch) {
	for _, o := range h.e.hosts[:h.e.voters] {
		if o == h {
			continue
		}
		v := proto.Vote{State: proto.Following, Leader: leader, Round: round, PeerEpoch: epoch, Version: proto.VoteVersion}
		if o.id == leader {
			v.State = proto.Leading
		}
		h.peer.VoterLink(h.e.now, o.id, true)
		h.peer.ReceiveVote(h.e.now, o.id, &v)
	}
	h.peer.Settle(h.e.now)
}

// stop ends a server as kill -9 does.
func (e *ensemble) stop(h *testHost) {
	h.up = false
	for _, l := range h.links {
		h.e.cut(l)
	}
	if h.conn != nil {
		e.cut(h.conn)
	}
	for _, o := range e.hosts {
		if o.up {
			o.peer.VoterLink(e.now, h.id, false)
		}
	}
}

func (e *ensemble) cut(l *testLink) {
	if l.closed {
		return
	}
	l.closed = true
	if l.learner.conn == l {
		l.learner.conn = nil
		e.post(l.learner, func(p *Peer) { p.Disconnected(e.now) })
	}
	if l.leader.links[l.id] == l {
		delete(l.leader.links, l.id)
		e.post(l.leader, func(p *Peer) { p.Gone(e.now, l.id) })
	}
}

func (e *ensemble) post(h *testHost, f func(p *Peer)) {
	peer := h.peer
	e.queue = append(e.queue, func() {
		if h.up && h.peer == peer {
			f(peer)
		}
	})
}

// run lets time pass until a condition holds.
func (e *ensemble) run(what string, until func() bool) {
	e.t.Helper()
	for end := e.now + 20_000; e.now < end; e.now += 10 {
		for range 50 {
			queue := e.queue
			e.queue = nil
			for _, f := range queue {
				f()
			}
			for _, h := range e.hosts {
				if h.up {
					h.peer.Settle(e.now)
				}
			}
			if len(e.queue) == 0 {
				break
			}
		}
		if until() {
			return
		}
	}
	e.t.Fatalf("%s did not come to be: %s", what, e)
}

// let lets so much time pass, and calls check again and again.
func (e *ensemble) let(ms int64, check func()) {
	e.t.Helper()
	for end := e.now + ms; e.now < end; check() {
		at := e.now
		e.run("time passes", func() bool { return e.now > at })
	}
}

func (e *ensemble) String() (s string) {
	for _, h := range e.hosts {
		s += fmt.Sprintf("\n%d: %+v log %x", h.id, h.status, h.log)
	}
	return s
}

func (e *ensemble) leader() *testHost {
	for _, h := range e.hosts {
		if h.up && h.status.State == proto.Leading && h.status.Serving {
			return h
		}
	}
	return nil
}

func (e *ensemble) allServe() bool {
	for _, h := range e.hosts {
		if h.up && !h.status.Serving {
			return false
		}
	}
	return true
}

func (e *ensemble) propose(n int) {
	l := e.leader()
	for range n {
		z := l.peer.LastLogged() + 1
		if z.Epoch() != l.status.Epoch {
			z = proto.MakeZxid(l.status.Epoch, 1)
		}
		l.peer.Propose(z, []byte{1})
	}
}

// write proposes n transactions and waits until all have them.
func (e *ensemble) write(n int) {
	e.t.Helper()
	e.propose(n)
	e.run("equal histories", e.equal)
}

// equal says whether all servers that run have applied the leader's history.
func (e *ensemble) equal() bool {
	l := e.leader()
	if l == nil || l.applied != l.peer.LastLogged() {
		return false
	}
	for _, h := range e.hosts {
		if h.up && (h.applied != l.applied || h.base == l.base && !slices.Equal(h.log, l.log)) {
			return false
		}
	}
	return true
}

func (h *testHost) SendVote(to proto.ServerID, v *proto.Vote) {
	o := h.e.hosts[to-1]
	vote := *v
	if o.up && h.up {
		h.e.post(o, func(p *Peer) { p.ReceiveVote(h.e.now, h.id, &vote) })
	}
}

func (h *testHost) Connect(to proto.ServerID, port Port) {
	o := h.e.hosts[to-1]
	h.e.post(h, func(p *Peer) {
		if !o.up || !o.listens || o.port != port {
			p.Disconnected(h.e.now)
			return
		}
		h.e.links++
		l := &testLink{id: h.e.links, learner: h, leader: o}
		h.conn, o.links[l.id] = l, l
		h.e.post(o, func(q *Peer) { q.Accepted(h.e.now, l.id) })
		p.Connected(h.e.now)
	})
}

func (h *testHost) Disconnect() {
	if l := h.conn; l != nil {
		h.conn = nil
		h.e.cut(l)
	}
}

func (h *testHost) note(t proto.PacketType) {
	if t != proto.PacketPing {
		h.sent = append(h.sent, t)
	}
}

func (h *testHost) SendToLeader(p *proto.QuorumPacket) {
	l, pkt := h.conn, *p
	pkt.Data = slices.Clone(p.Data)
	h.note(p.Type)
	h.e.post(l.leader, func(q *Peer) { q.FromLearner(h.e.now, l.id, &pkt) })
}

func (h *testHost) Listen(port Port) { h.listens, h.port = true, port }
func (h *testHost) StopListening() {
	h.listens = false
	for _, l := range h.links {
		h.CloseLink(l.id)
	}
}

func (h *testHost) CloseLink(id Link) {
	l := h.links[id]
	delete(h.links, id)
	h.e.cut(l)
}

func (h *testHost) Send(id Link, p *proto.QuorumPacket) {
	l, pkt := h.links[id], *p
	pkt.Data = slices.Clone(p.Data)
	h.note(p.Type)
	h.e.deliver(l, &pkt)
}

// deliver hands a packet to a learner when it is ready for it.
func (e *ensemble) deliver(l *testLink, pkt *proto.QuorumPacket) {
	e.post(l.learner, func(p *Peer) {
		switch {
		case l.learner.conn != l:
		case l.learner.receives:
			e.deliver(l, pkt)
		default:
			p.FromLeader(e.now, pkt)
		}
	})
}

func (h *testHost) SendLog(id Link, after, upTo, committed proto.Zxid, observer bool) {
	for _, z := range h.log {
		switch {
		case z <= after || z > upTo:
		case observer && z <= committed:
			h.Send(id, &proto.QuorumPacket{Type: proto.PacketInform, Zxid: z, Data: []byte{1}})
		case !observer:
			h.Send(id, &proto.QuorumPacket{Type: proto.PacketProposal, Zxid: z, Data: []byte{1}})
			if z <= committed {
				h.Send(id, &proto.QuorumPacket{Type: proto.PacketCommit, Zxid: z})
			}
		}
	}
}

func (h *testHost) SendSnapshot(id Link, _ Format) (proto.Zxid, bool) {
	h.Send(id, &proto.QuorumPacket{Type: proto.PacketSnap, Zxid: h.applied})
	return h.applied, true
}

func (h *testHost) Inform(id Link, after, upTo proto.Zxid) {
	h.SendLog(id, after, upTo, upTo, true)
}

func (h *testHost) DiffPays(proto.Zxid) bool { return !h.noDiff }

func (h *testHost) SetEpochs(accepted, current proto.Epoch) {
	h.accepted, h.current = accepted, current
}

func (h *testHost) Append(z proto.Zxid, _ []byte) {
	h.log = append(h.log, z)
	h.e.post(h, func(p *Peer) { p.Durable(z) })
}

func (h *testHost) Truncate(to proto.Zxid) {
	h.log = slices.DeleteFunc(h.log, func(z proto.Zxid) bool { return z > to })
	h.applied = min(h.applied, to)
}

func (h *testHost) ReceiveSnapshot(z proto.Zxid, _ Format) {
	h.base, h.log, h.applied, h.receives = z, nil, z, true
	h.e.post(h, func(p *Peer) {
		h.receives = false
		p.SnapshotReceived(h.e.now, z)
	})
}

func (h *testHost) Commit(z proto.Zxid)                   { h.applied = z }
func (h *testHost) FromLearner(Link, *proto.QuorumPacket) {}
func (h *testHost) FromLeader(*proto.QuorumPacket)        {}
func (h *testHost) AppendTouched(b []byte) []byte         { return b }
func (h *testHost) Confirmed(token uint64)                { h.confirmed = token }
func (h *testHost) Changed(s Status)                      { h.status = s }
func (h *testHost) Log(level slog.Level, msg string, args ...any) {
	h.e.t.Log(h.e.now, h.id, msg, args)
}
