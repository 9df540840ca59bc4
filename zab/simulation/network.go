package simulation

import (
	"bytes"
	"slices"

	"gamekeeper/proto"
	"gamekeeper/zab"
)

// network carries votes between servers and packets between leaders and learners. A cut holds back what is sent
// in one direction, as TCP does; what waits is delivered when the cut heals, or lost when a connection is reset.
type network struct {
	sim   *Simulation
	cut   map[[2]proto.ServerID]bool // from, to
	conns []*conn
	votes map[[2]proto.ServerID]*voteLink // the lower id first
}

func newNetwork(s *Simulation) *network {
	n := &network{sim: s, cut: map[[2]proto.ServerID]bool{}, votes: map[[2]proto.ServerID]*voteLink{}}
	for i, a := range s.servers {
		for _, b := range s.servers[i+1:] {
			n.votes[[2]proto.ServerID{a.id, b.id}] = newVoteLink(n, a, b)
		}
	}
	return n
}

// delay draws how long a message takes.
func (n *network) delay() int64 {
	p := &n.sim.profile
	us := 20 + n.sim.between(0, 2*p.latency)
	if n.sim.chance(p.jitter) {
		us *= n.sim.between(2, 40)
	}
	return us
}

func (n *network) isCut(from, to *server) bool {
	return n.cut[[2]proto.ServerID{from.id, to.id}]
}

// reachable says whether a connection can be made.
func (n *network) reachable(a, b *server) bool {
	return a.up && b.up && !n.isCut(a, b) && !n.isCut(b, a)
}

// setCut cuts a direction or heals it.
func (n *network) setCut(from, to *server, cut bool) {
	if n.isCut(from, to) == cut {
		return
	}
	n.cut[[2]proto.ServerID{from.id, to.id}] = cut
	if !cut {
		for _, c := range n.conns {
			c.healed()
		}
	}
	n.voteLink(from, to).look()
}

// direction of a packet.
type direction int

const (
	toLeader direction = iota
	toLearner
)

// conn is a connection of a learner to its leader, or to a follower that serves observers: two streams.
type conn struct {
	net             *network
	id              zab.Link
	learner, leader *server
	incs            [2]int // incarnations of the receivers: leader, learner
	closed          [2]bool
	streams         [2]stream

	// awaits says that the learner takes a snapshot and nothing else until it has it.
	awaits  bool
	awaited proto.Zxid
	plain   bool // the ends do not tell each other what they can

	checked connChecks
}

// stream is one direction of a connection.
type stream struct {
	queue     []message
	last      int64 // no message arrives before the last one
	scheduled bool
	arrive    func()
}

// message is a packet, a snapshot, or the end of the stream.
type message struct {
	at   int64
	p    proto.QuorumPacket
	snap *snapshot
	end  bool
}

func (c *conn) ends(d direction) (from, to *server) {
	if d == toLeader {
		return c.learner, c.leader
	}
	return c.leader, c.learner
}

// connect makes a connection, after some tries.
func (n *network) connect(learner, leader *server, port zab.Port, generation, tries int) {
	learner.after(n.delay(), func() {
		switch {
		case learner.connects != generation:
		case n.reachable(learner, leader) && leader.listening && leader.port == port:
			n.establish(learner, leader)
		case tries >= 8:
			learner.tell(func() { learner.peer.Disconnected(learner.clock()) })
		default:
			learner.after(n.sim.between(10_000, 100_000), func() { n.connect(learner, leader, port, generation, tries+1) })
		}
	})
}

func (n *network) establish(learner, leader *server) {
	n.sim.nextLink++
	c := &conn{net: n, id: n.sim.nextLink, learner: learner, leader: leader, plain: learner.plain || leader.plain}
	c.incs = [2]int{leader.incarnation, learner.incarnation}
	for d := range c.streams {
		c.streams[d].arrive = func() {
			c.streams[d].scheduled = false
			c.arrive(direction(d))
		}
	}
	n.conns = append(n.conns, c)
	learner.link = c
	leader.conns = append(leader.conns, c)
	n.sim.tracef("%d is connected to %d, link %d", learner.id, leader.id, c.id)
	accepted := n.delay()
	c.streams[toLeader].last = n.sim.now + accepted + 1
	leader.after(accepted, func() {
		if !c.closed[toLeader] {
			leader.tell(func() { leader.peer.Accepted(leader.clock(), c.id) })
		}
	})
	learner.tell(func() { learner.peer.Connected(learner.clock()) })
}

// send puts a packet into a stream.
func (c *conn) send(d direction, p *proto.QuorumPacket) {
	m := message{p: *p}
	from, to := c.ends(d)
	if e := from.disk.newest(); p.Type == proto.PacketProposal && e.zxid == p.Zxid && bytes.Equal(e.data, p.Data) {
		m.p.Data = e.data // which never changes
	} else {
		m.p.Data = slices.Clone(p.Data)
	}
	if c.plain {
		m.p.Data = withoutFeatures(m.p.Type, m.p.Data)
	}
	if c.net.sim.tracing() {
		c.net.sim.tracef("%d -> %d %s %s", from.id, to.id, p.Type, p.Zxid)
	}
	c.put(d, m)
}

func (c *conn) sendSnapshot(snap *snapshot) { c.put(toLearner, message{snap: snap}) }

// withoutFeatures cuts off what servers of this kind tell each other beyond Apache's protocol.
func withoutFeatures(t proto.PacketType, data []byte) []byte {
	switch t {
	case proto.PacketFollowerInfo, proto.PacketObserverInfo:
		return data[:min(len(data), 20)]
	case proto.PacketLeaderInfo:
		return data[:min(len(data), 4)]
	}
	return data
}

func (c *conn) put(d direction, m message) {
	from, to := c.ends(d)
	s := &c.streams[d]
	m.at = max(from.ready()+c.net.delay()*max(from.slow, to.slow), s.last)
	s.last = m.at
	s.queue = append(s.queue, m)
	c.schedule(d)
}

// schedule lets the head of a stream arrive in time.
func (c *conn) schedule(d direction) {
	s := &c.streams[d]
	if s.scheduled || len(s.queue) == 0 {
		return
	}
	s.scheduled = true
	_, to := c.ends(d)
	n := c.net
	at := max(s.queue[0].at, n.sim.now)
	if to.up {
		at = max(at, to.busyUntil)
	}
	n.sim.events.push(event{at: at, do: s.arrive})
}

// arrive delivers what has arrived.
func (c *conn) arrive(d direction) {
	s := &c.streams[d]
	from, to := c.ends(d)
	for len(s.queue) > 0 {
		if stale := c.net.sim.opt.Mistake == OldConnection && d == toLearner; c.closed[d] && !stale || !to.up ||
			to.incarnation != c.incs[d] {
			s.queue = nil
			return
		}
		m := s.queue[0]
		if m.at > c.net.sim.now || to.busyUntil > c.net.sim.now {
			c.schedule(d)
			return
		}
		if c.net.isCut(from, to) || d == toLearner && c.awaits && m.snap == nil && !m.end {
			return // goes on when healed, or when the snapshot is there
		}
		s.queue = s.queue[1:]
		c.deliver(d, m)
	}
}

func (c *conn) deliver(d direction, m message) {
	_, to := c.ends(d)
	switch {
	case m.end && d == toLeader:
		c.closed[d] = true
		to.forget(c)
		to.tell(func() { to.peer.Gone(to.clock(), c.id) })
	case m.end:
		c.closed[d] = true
		if to.link == c {
			to.link = nil
			to.tell(func() { to.peer.Disconnected(to.clock()) })
		}
	case m.snap != nil:
		load := 1 + 4*to.sim.profile.syncTime
		if to.sim.faulty && to.sim.chance(to.sim.profile.slowLoad) {
			load = 2_000_000
		}
		to.disk.received = m.snap
		to.after(to.sim.between(100, load), func() {
			if to.link == c && c.awaits {
				to.install(c, m.snap)
				c.schedule(d)
			} else if to.disk.received == m.snap {
				to.disk.received = nil
			}
		})
	case d == toLeader:
		to.sim.traceArrival(c, d, &m.p)
		to.tell(func() { to.peer.FromLearner(to.clock(), c.id, &m.p) })
	default:
		to.sim.traceArrival(c, d, &m.p)
		c.checked.arrivesAtLearner(&m.p)
		to.tell(func() { to.peer.FromLeader(to.clock(), &m.p) })
	}
}

func (s *Simulation) traceArrival(c *conn, d direction, p *proto.QuorumPacket) {
	if s.tracing() {
		from, to := c.ends(d)
		s.tracef("        %d <- %d %s %s", to.id, from.id, p.Type, p.Zxid)
	}
}

// healed lets a stream that waited go on. What waited is sent again after a while.
func (c *conn) healed() {
	for d := range c.streams {
		d := direction(d)
		from, to := c.ends(d)
		if s := &c.streams[d]; len(s.queue) > 0 && !s.scheduled && !c.net.isCut(from, to) {
			s.queue[0].at = c.net.sim.now + c.net.sim.between(0, 300_000)
			s.last = max(s.last, s.queue[0].at)
			for i := range s.queue {
				s.queue[i].at = max(s.queue[i].at, s.queue[0].at)
			}
			c.schedule(d)
		}
	}
}

// close ends a connection at the receiving end of the opposite direction: that of a learner for toLeader.
func (c *conn) close(d direction) {
	c.closed[1-d] = true // nothing more is received
	if c.net.sim.opt.Mistake != OldConnection {
		c.streams[1-d].queue = nil
	}
	if c.net.sim.chance(0.3) { // what was not sent yet is lost
		s := &c.streams[d]
		s.queue = s.queue[:c.net.sim.between(0, int64(len(s.queue))+1)]
	}
	c.put(d, message{end: true})
}

// reset loses what is in flight. Both ends hear of it, some time.
func (c *conn) reset() {
	for d := range c.streams {
		c.streams[d].queue = nil
		if !c.closed[d] {
			c.put(direction(d), message{end: true})
		}
	}
}

// started lets the election links of a server come up.
func (n *network) started(s *server) {
	for _, o := range n.sim.servers {
		if o != s {
			n.voteLink(s, o).look()
		}
	}
}

// stopped ends all connections of a server. The other ends hear of it soon, or not at all if the machine lost
// power.
func (n *network) stopped(s *server) {
	silent := n.sim.chance(0.3)
	n.conns = slices.DeleteFunc(n.conns, func(c *conn) bool { return c.closed[0] && c.closed[1] })
	for _, c := range n.conns {
		for d := range c.streams {
			from, to := c.ends(direction(d))
			st := &c.streams[d]
			switch s {
			case to:
				c.closed[d] = true
				st.queue = nil
			case from:
				st.queue = st.queue[:n.sim.between(0, int64(len(st.queue))+1)]
				if !silent {
					c.put(direction(d), message{end: true})
				}
			}
		}
	}
	for _, o := range n.sim.servers {
		if o != s {
			n.voteLink(s, o).down(silent)
		}
	}
}
