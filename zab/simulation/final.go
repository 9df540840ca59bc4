package simulation

import "gamekeeper/proto"

// final checks what all servers have at the end.
func (c *checker) final() {
	first := c.sim.servers[0]
	for _, s := range c.sim.servers {
		c.holds(s.position == len(c.delivered), Agreement, "server %d has delivered %d of %d transactions", s.id,
			s.position, len(c.delivered))
		c.holds(s.state.tree.Digest() == first.state.tree.Digest(), SameDigest, "servers %d and %d end with different trees",
			s.id, first.id)
		c.holds(len(s.state.sessions) == len(first.state.sessions), Agreement, "servers %d and %d end with different sessions",
			s.id, first.id)
		for id := range s.state.sessions {
			_, ok := first.state.sessions[id]
			c.holds(ok, Agreement, "server %d has session %s, server %d has not", s.id, id, first.id)
		}
		for id, n := range s.state.tree.EphemeralSessions() {
			_, open := s.state.sessions[id]
			c.holds(open || n == 0, EphemeralOwner, "server %d: %d znodes of session %s, which is closed", s.id, n, id)
		}
		c.ephemeralsAreThere(s)
	}
}

// ephemeralsAreThere checks that what a client created under its session is there as long as that is open.
func (c *checker) ephemeralsAreThere(s *server) {
	for _, cl := range c.sim.clients {
		if _, open := s.state.sessions[cl.session]; !open || cl.session == 0 {
			continue
		}
		for path := range cl.ephemeral {
			n, ok := s.state.tree.Lookup([]byte(path))
			c.holds(ok && s.state.tree.Meta(n).Owner == int64(cl.session), EphemeralOwner,
				"server %d lacks %s of session %s, which is open", s.id, path, cl.session)
		}
	}
}

// checkExpiry checks that a leader has a reason to end a session. One that was paused until others had another leader
// does not matter: what it proposes is never committed.
func (s *Simulation) checkExpiry(srv *server, id proto.SessionID) {
	for _, o := range s.servers {
		if o.status.Epoch > srv.status.Epoch {
			return
		}
	}
	for _, c := range s.clients {
		if s.calm && c.session == id && c.server != nil && max(c.since, s.calmSince)+sessionTimeoutMs*1000/2 < s.now {
			s.check.holds(false, SessionKept, "server %d expires session %s of client %d, which is there", srv.id, id, c.id)
		}
	}
}
