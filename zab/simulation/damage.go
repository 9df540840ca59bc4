package simulation

// A disk that damages what it holds is not noticed before that is read: at the next start, when the log is sent to a
// learner, or when the state is loaded again. A server that needs what is damaged refuses to go on. Its operator then
// empties its disk, if it is safe to, and the others seed it again.

// rot damages a record of a server's log, or its snapshot, unless no quorum of servers with sound disks would be left.
func (s *Simulation) rot(srv *server) {
	if srv.member.Voter && !s.check.quorum(func(o *server) bool { return o != srv && !o.damaged() && !o.emptied() }) {
		return
	}
	d := &srv.disk
	switch {
	case d.synced > 0 && s.chance(0.7):
		e := &d.log[s.between(0, int64(d.synced))]
		e.rotten = true
		s.tracef("%d has a damaged record %s", srv.id, e.zxid)
	case d.snap != nil:
		d.snapRotten = true
		s.tracef("%d has a damaged snapshot", srv.id)
	}
}

// damaged says whether a server cannot start from what it has.
func (s *server) damaged() bool {
	d := &s.disk
	if d.snapRotten {
		return true
	}
	first := 0
	if d.snap != nil {
		first = d.after(d.snap.zxid)
	}
	for _, e := range d.log[first:] {
		if e.rotten {
			return true
		}
	}
	return false
}

// emptied says whether a server has lost what it had, and has not acknowledged a leader's history since.
func (s *server) emptied() bool { return s.wiped && s.disk.current == 0 }

// refuse is what a server does that finds damage when it starts.
func (s *server) refuse() {
	if s.sim.opt.Mistake == DamageCut {
		s.cutDamage()
		s.start()
		return
	}
	s.sim.tracef("%d does not start: what it has on disk is damaged", s.id)
	s.sim.after(s.sim.between(50_000, 500_000), func() {
		switch {
		case s.mayBeEmptied():
			s.empty()
		case s.sim.faulty:
			s.refuse()
			return
		default:
			s.repair()
		}
		s.start()
	})
}

// mayBeEmptied says whether everything can go on without what a server has. If it votes as soon as it is empty, no
// other server may lack anything that this one knows. Otherwise those that have lost nothing have to be a quorum that
// has given the promises that this server has: any leader needs a quorum of such servers, and this one with what it
// had forgotten is none of them.
func (s *server) mayBeEmptied() bool {
	if !s.member.Voter {
		return true
	}
	d := &s.disk
	if !s.sim.profile.emptyVotes {
		return s.sim.check.quorum(func(o *server) bool {
			return o != s && !o.emptied() && o.disk.accepted >= d.accepted
		})
	}
	for _, o := range s.sim.servers {
		if o != s && o.member.Voter &&
			!(o.disk.holds(d.last()) && o.disk.accepted >= d.accepted && o.disk.current >= d.current) {
			return false
		}
	}
	return s.sim.check.quorum(func(o *server) bool { return o != s })
}

func (s *server) empty() {
	s.sim.tracef("%d is emptied", s.id)
	s.disk, s.wiped, s.acked = disk{}, true, 0
}

// repair brings back what was damaged.
func (s *server) repair() {
	s.sim.tracef("%d is repaired", s.id)
	s.disk.snapRotten = false
	for i := range s.disk.log {
		s.disk.log[i].rotten = false
	}
}

// cutDamage is a mistake: to take damage for the torn end of the log.
func (s *server) cutDamage() {
	d := &s.disk
	d.snapRotten = false
	for i, e := range d.log {
		if e.rotten {
			d.log = d.log[:i:i]
			d.synced = min(d.synced, i)
			return
		}
	}
}

// cannotRead is what a leader does whose log or snapshot turns out to be damaged while it is sent: the learner's
// connection is closed, and a new snapshot is made, which stands for that part. One that does not serve yet cannot make
// one, and stops: another server may lead, or its operator has to do something.
func (s *server) cannotRead(c *conn) {
	s.sim.tracef("%d cannot read what it is to send to %d", s.id, c.learner.id)
	if !s.status.Serving && (s.disk.snap == nil || s.disk.snapRotten || s.disk.snap.zxid < s.unreadable) {
		s.die("it cannot read what its followers lack")
		return
	}
	s.forget(c)
	c.close(toLearner)
	s.later = append(s.later, func() { s.peer.Gone(s.clock(), c.id) })
	s.after(1000, s.round)
}

// full says whether the server's disk takes nothing more.
func (s *server) full() bool { return s.sim.faulty && s.sim.now < s.fullUntil }
