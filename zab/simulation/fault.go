package simulation

// The kinds of faults.
const (
	faultCrash     = iota // one server
	faultCrashMany        // several at once, at times all
	faultLeader           // the leader
	faultPause            // a server stands still
	faultCut              // one direction between two servers
	faultPartition        // the ensemble in two parts
	faultIsolate          // a server, in one direction or both
	faultReset            // connections are reset
	faultHeal             // what was cut
	faultAway             // a server is gone for a long time
	faultRot              // a disk damages something that it holds
	faultFull             // a disk has no space left
	faultKinds
)

// nextFault lets a fault happen after a while, and so on.
func (s *Simulation) nextFault() {
	if s.profile.fault == 0 {
		return
	}
	s.after(1+int64(float64(s.profile.fault)*s.rng.ExpFloat64()), func() {
		if s.faulty {
			s.fault()
			s.nextFault()
		}
	})
}

func (s *Simulation) anyServer() *server { return s.servers[s.rng.IntN(len(s.servers))] }

func (s *Simulation) fault() {
	total := 0
	for _, w := range s.profile.weights {
		total += w
	}
	n := int(s.between(0, int64(total)))
	kind := faultHeal
	for k, w := range s.profile.weights {
		if n < w {
			kind = k
			break
		}
		n -= w
	}
	switch kind {
	case faultCrash:
		s.anyServer().crash("it crashes")
	case faultCrashMany:
		p := pick(s.rng, 0.3, 0.6, 1)
		for _, srv := range s.servers {
			if s.chance(p) {
				srv.crash("it crashes with others")
			}
		}
	case faultLeader:
		if l := s.leader(); l != nil {
			l.crash("it crashes as leader")
		}
	case faultPause:
		srv := s.anyServer()
		srv.busyUntil = srv.ready() + s.between(10_000, pick[int64](s.rng, 100_000, 1_000_000, 4_000_000))
		s.tracef("%d pauses until %d.%06d", srv.id, srv.busyUntil/1e6, srv.busyUntil%1e6)
	case faultCut:
		a, b := s.anyServer(), s.anyServer()
		s.cut(a, b)
	case faultPartition:
		in := map[*server]bool{}
		for _, srv := range s.servers {
			in[srv] = s.chance(0.5)
		}
		oneWay := s.chance(0.3)
		for _, a := range s.servers {
			for _, b := range s.servers {
				if in[a] != in[b] && (!oneWay || in[a]) {
					s.cut(a, b)
				}
			}
		}
	case faultIsolate:
		a := s.anyServer()
		if l := s.leader(); l != nil && s.chance(0.7) {
			a = l
		}
		way := s.rng.IntN(3)
		for _, b := range s.servers {
			if way != 0 {
				s.cut(a, b)
			}
			if way != 1 {
				s.cut(b, a)
			}
		}
	case faultReset:
		for _, c := range s.net.conns {
			if s.chance(0.4) {
				c.reset()
			}
		}
		for _, a := range s.servers {
			for _, b := range s.servers {
				if a.id < b.id && s.chance(0.3) {
					s.net.voteLink(a, b).down(false)
				}
			}
		}
	case faultHeal:
		s.healNetwork()
	case faultAway:
		a := s.anyServer()
		a.awayUntil = s.now + s.between(1_000_000, 10_000_000)
		a.crash("it is taken away")
	case faultRot:
		s.rot(s.anyServer())
	case faultFull:
		a := s.anyServer()
		a.fullUntil = s.now + s.between(10_000, pick[int64](s.rng, 500_000, 5_000_000))
		s.tracef("%d has a full disk", a.id)
	}
}

func (s *Simulation) cut(a, b *server) {
	if a == b {
		return
	}
	s.tracef("cut from %d to %d", a.id, b.id)
	s.net.setCut(a, b, true)
	s.after(s.between(50_000, pick[int64](s.rng, 300_000, 2_000_000, 6_000_000)), func() { s.net.setCut(a, b, false) })
}

func (s *Simulation) healNetwork() {
	for _, a := range s.servers {
		for _, b := range s.servers {
			if a != b {
				s.net.setCut(a, b, false)
			}
		}
	}
}

// heal ends what is broken. Pauses end by themselves.
func (s *Simulation) heal() {
	s.tracef("faults end")
	s.healNetwork()
	for _, srv := range s.servers {
		srv.slow = 1
	}
}

// crash stops the server, from outside a call.
func (s *server) crash(why string) {
	if s.up {
		s.broken = why
		s.stop()
	}
}

// restartLater lets a server start again.
func (s *Simulation) restartLater(srv *server) {
	us := max(s.between(10_000, pick[int64](s.rng, 100_000, 500_000, 3_000_000)), srv.awayUntil-s.now)
	s.after(us, func() {
		switch {
		case srv.up:
		case srv.damaged():
			srv.refuse()
		default:
			srv.start()
		}
	})
}

// nextRound lets the server write a snapshot after a while, and so on.
func (s *server) nextRound() {
	s.sim.after(1+int64(float64(s.sim.profile.roundEvery)*s.sim.rng.ExpFloat64()), func() {
		if s.up && s.broken == "" && s.busyUntil <= s.sim.now && !s.settling { // no round ends amid a batch of inputs
			s.round()
		}
		s.nextRound()
	})
}

// round writes a snapshot: of a state that cannot be taken back, and that the log has reached. The log may be
// deleted up to where its replay begins.
func (s *server) round() {
	d := &s.disk
	st := s.state
	ok := s.status.Serving || s.sim.opt.Mistake == SnapshotsUncommitted
	if !ok || st.applied < st.reach || st.applied > d.durable() || st.applied == 0 || s.full() {
		return
	}
	s.sim.check.holds(s.sim.opt.Mistake != None || s.position > 0, SnapshotCommitted, "server %d", s.id)
	oldest := d.base
	if d.snap != nil {
		oldest = max(oldest, d.snap.zxid)
	}
	mark := st.applied
	if first, n := d.after(oldest), d.after(mark); n > first && s.sim.chance(0.5) {
		mark = d.log[s.sim.between(int64(first), int64(n))].zxid // what came since is replayed
	}
	d.snap, d.snapRotten = st.take(mark), false
	s.sim.tracef("%d has written a snapshot: replay after %s, reach %s", s.id, mark, st.applied)
	if !s.sim.chance(s.sim.profile.purge) {
		return
	}
	base := mark
	if n := d.after(mark); n > 0 && s.sim.chance(0.5) {
		base = d.log[s.sim.between(0, int64(n))].zxid
	}
	if s.sim.mistaken(PurgesTooEarly, 1) {
		base = d.durable()
	}
	d.purge(base)
	if s.sim.opt.Mistake != PurgesTooEarly {
		s.tell(func() { s.peer.Purged(base) })
	}
}
