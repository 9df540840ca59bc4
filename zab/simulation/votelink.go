package simulation

import "gamekeeper/proto"

// voteLink is the election connection between two servers. Votes in flight are lost when it breaks; when it comes
// up again the last vote may be sent once more.
type voteLink struct {
	net     *network
	ends    [2]*server
	up      bool
	looking bool // an attempt to connect is due
	number  int  // of the connection: what was sent on an earlier one is lost
	streams [2]voteStream
}

// voteStream is what one end sends.
type voteStream struct {
	unsent    *proto.Vote // the connection is down
	last      *proto.Vote
	queue     []timedVote
	at        int64
	scheduled bool
}

type timedVote struct {
	at int64
	v  proto.Vote
}

func newVoteLink(n *network, a, b *server) *voteLink {
	return &voteLink{net: n, ends: [2]*server{a, b}}
}

// voteLink finds the link between two servers.
func (n *network) voteLink(a, b *server) *voteLink {
	return n.votes[[2]proto.ServerID{min(a.id, b.id), max(a.id, b.id)}]
}

func (n *network) sendVote(from *server, to proto.ServerID, v proto.Vote) {
	v.Config = append([]byte(nil), v.Config...)
	other := n.sim.server(to)
	if other == nil || other == from {
		return
	}
	n.voteLink(from, other).send(from, v)
}

func (l *voteLink) side(s *server) int {
	if l.ends[0] == s {
		return 0
	}
	return 1
}

func (l *voteLink) send(from *server, v proto.Vote) {
	i := l.side(from)
	s := &l.streams[i]
	if !l.up {
		s.unsent = &v
		return
	}
	s.last = &v
	s.at = max(s.at, from.ready()+l.net.delay())
	s.queue = append(s.queue, timedVote{s.at, v})
	l.schedule(i)
}

func (l *voteLink) schedule(i int) {
	s := &l.streams[i]
	if s.scheduled || len(s.queue) == 0 {
		return
	}
	s.scheduled = true
	n := l.net
	at := max(s.queue[0].at, n.sim.now, l.ends[1-i].busyUntil)
	n.sim.events.push(event{at: at, do: func() {
		s.scheduled = false
		l.arrive(i)
	}})
}

func (l *voteLink) arrive(i int) {
	s := &l.streams[i]
	from, to := l.ends[i], l.ends[1-i]
	for len(s.queue) > 0 && to.up {
		head := s.queue[0]
		if head.at > l.net.sim.now || to.busyUntil > l.net.sim.now {
			l.schedule(i)
			return
		}
		if l.net.isCut(from, to) {
			return // look schedules it again
		}
		s.queue = s.queue[1:]
		to.tell(func() { to.peer.ReceiveVote(to.clock(), from.id, &head.v) })
	}
}

// look sees whether the link can come up or has to go down, a while after something has changed.
func (l *voteLink) look() {
	for i := range l.streams {
		l.schedule(i)
	}
	if l.looking {
		return
	}
	l.looking = true
	l.net.sim.after(l.net.sim.between(1000, 200_000), func() {
		l.looking = false
		a, b := l.ends[0], l.ends[1]
		ok := l.net.reachable(a, b)
		switch {
		case ok && !l.up:
			l.connect()
		case !ok && l.up && (l.net.isCut(a, b) && l.net.isCut(b, a) || l.net.sim.chance(0.2)):
			l.down(false)
		case !ok && a.up && b.up:
			l.look()
		}
	})
}

func (l *voteLink) connect() {
	l.up = true
	l.number++
	for i, s := range l.ends {
		other := l.ends[1-i]
		number := l.number
		s.after(0, func() {
			if l.up && l.number == number {
				s.tell(func() { s.peer.VoterLink(s.clock(), other.id, true) })
			}
		})
		st := &l.streams[i]
		v := st.unsent
		if v == nil && st.last != nil && l.net.sim.chance(0.5) {
			v = st.last
		}
		if st.unsent = nil; v != nil && s.up && l.up {
			l.send(s, *v)
		}
	}
}

// down breaks the link. An end that is up is told, unless nothing tells it.
func (l *voteLink) down(silent bool) {
	if !l.up {
		return
	}
	l.up = false
	for i, s := range l.ends {
		l.streams[i].queue = nil
		l.streams[i].at = 0
		if !s.up {
			l.streams[i].last, l.streams[i].unsent = nil, nil
			continue
		}
		other, number := l.ends[1-i], l.number
		delay := l.net.sim.between(100, 50_000)
		if silent {
			delay = l.net.sim.between(100, 2_000_000)
		}
		s.after(delay, func() {
			if l.number == number {
				s.tell(func() { s.peer.VoterLink(s.clock(), other.id, false) })
			}
		})
	}
	l.look()
}
