package simulation

import (
	"slices"

	"gamekeeper/proto"
	"gamekeeper/zab"
)

// server is a simulated server: a peer, and the host that carries out what it asks for.
type server struct {
	sim    *Simulation
	id     proto.ServerID
	member zab.Member
	plain  bool // it does not tell what it can

	// offset and rate make this server's clock: microseconds, and thousandths of the true speed.
	offset, rate int64

	up          bool
	incarnation int
	term        int        // rises with each change of role, over all incarnations
	busyUntil   int64      // paused, or waiting for its disk
	awayUntil   int64      // it does not start before
	fullUntil   int64      // its disk takes nothing before
	slow        int64      // how many times as slow as others it is
	acked       proto.Zxid // what it has acknowledged to a leader, and no leader has taken back
	wiped       bool       // its disk was emptied
	unreadable  proto.Zxid // of its log, up to here, something cannot be sent
	broken      string
	peer        *zab.Peer
	status      zab.Status
	later       []func() // what a call of the host wants the peer to be told

	settling bool  // a Settle is due
	timer    int64 // when Settle is called at the latest

	disk     disk
	syncing  bool
	syncs    int // generation: a sync of an earlier one is not reported
	appended int

	state     *state
	position  int        // how many of checker.delivered this server has delivered
	tentative []delivery // applied and not delivered, as the server does not serve

	link      *conn // to the leader, of a learner
	connects  int   // generation of attempts to connect
	listening bool
	port      zab.Port
	conns     []*conn // from learners

	service service
}

func newServer(s *Simulation, m zab.Member) *server {
	slow := int64(1)
	if m.ID == proto.ServerID(s.profile.slowServer) {
		slow = s.profile.slowness
	}
	return &server{
		sim: s, id: m.ID, member: m,
		plain:  s.chance(s.profile.plain),
		offset: s.between(0, 1e9),
		rate:   1000 + s.between(-s.profile.drift, s.profile.drift+1),
		slow:   slow,
	}
}

// clock is the server's time in ms.
func (s *server) clock() int64 { return (s.offset + s.sim.now*s.rate/1000) / 1000 }

// clockAt is the virtual time at which the server's clock shows ms.
func (s *server) clockAt(ms int64) int64 {
	return max(s.sim.now, ((ms*1000-s.offset)*1000+s.rate-1)/s.rate)
}

// after lets something happen to the server, unless it crashes before.
func (s *server) after(us int64, do func()) {
	s.sim.events.push(event{at: s.sim.now + us, srv: s, inc: s.incarnation, do: do})
}

// ready is when what the server does now is done: the disk may keep it waiting.
func (s *server) ready() int64 { return max(s.sim.now, s.busyUntil) }

// start boots the server from its disk.
func (s *server) start() {
	if s.up {
		return
	}
	s.incarnation++
	s.up, s.broken, s.busyUntil = true, "", 0
	s.status = zab.Status{}
	s.later, s.settling, s.timer, s.syncing = nil, false, 0, false
	s.link, s.conns, s.listening, s.unreadable = nil, nil, false, 0
	s.service.reset()
	if s.disk.received != nil && s.sim.opt.Mistake == ReceivedCounts {
		s.disk.replace(s.disk.received)
	}
	s.disk.received = nil
	s.sim.check.holds(s.disk.holds(s.acked), Durability, "server %d has acknowledged %s, and starts without it", s.id, s.acked)
	s.disk.keptAccepted, s.disk.keptCurrent = s.disk.accepted, s.disk.current
	s.sim.tracef("%d starts: epochs %d/%d, log %s to %s", s.id, s.disk.accepted, s.disk.current, s.disk.base, s.disk.last())
	s.recover(s.disk.last())
	s.sim.check.holds(s.disk.last().Epoch() <= s.disk.accepted, EpochsRise,
		"server %d has %s in its log and promised epoch %d", s.id, s.disk.last(), s.disk.accepted)
	s.peer = zab.New(s.config(), zab.State{
		AcceptedEpoch: s.disk.accepted, CurrentEpoch: s.disk.current, History: s.disk.history(),
		Untrusted: s.emptied() && !s.sim.profile.emptyVotes && s.sim.opt.Mistake != EmptiedVotes,
	}, s)
	s.tell(func() { s.peer.Start(s.clock()) })
	s.sim.net.started(s)
}

func (s *server) config() zab.Config {
	p := &s.sim.profile
	m := s.sim.membership
	m.Members = slices.Clone(m.Members)
	if s.sim.opt.Mistake == SmallQuorum {
		m.Hierarchical = false
		for i := range m.Members {
			m.Members[i].Voter = m.Members[i].Voter && (m.Members[i].ID == s.id || i == 0)
		}
	}
	if s.sim.opt.Mistake == WeightsIgnored {
		m.Hierarchical = false
	}
	return zab.Config{
		ID: s.id, Membership: m, ConfigText: []byte("simulated"),
		TickMs: p.tick, InitLimit: p.initLimit, SyncLimit: p.syncLimit,
		MinNotificationMs: p.minNotification, MaxNotificationMs: p.maxNotification, ObserverDelayMs: 200,
		ObserverConnectDelayMs: p.connectDelay, EpochWaitMs: p.epochWait,
		ObserverMasters: p.observerMasters,
		ForceSnapshot:   p.forceSnapshot, CounterMax: p.counterMax, MaxSnapSyncs: p.maxSyncs, MaxDiffSyncs: p.maxSyncs,
		Random: s.sim.rng.Int64N,
	}
}

// recover makes the state that the disk holds, up to a zxid of the log.
func (s *server) recover(upTo proto.Zxid) {
	c := s.sim.check
	st, err := load(s.disk.snap)
	c.holds(err == nil, Restartable, "server %d: %v", s.id, err)
	s.state = st
	c.holds(s.disk.base <= st.applied, Restartable, "server %d has a snapshot of %s and its log begins after %s",
		s.id, st.applied, s.disk.base)
	var known bool
	s.position, known = c.position(st.applied)
	c.holds(known, SnapshotCommitted, "server %d has a snapshot of %s, which nobody delivered", s.id, st.applied)
	s.tentative = s.tentative[:0]
	last := s.disk.base
	for _, e := range s.disk.log {
		c.holds(follows(last, e.zxid), Restartable, "server %d has %s behind %s in its log", s.id, e.zxid, last)
		last = e.zxid
	}
	s.apply(upTo)
}

// tell calls the peer, and what follows from that.
func (s *server) tell(f func()) {
	if !s.up {
		return
	}
	f()
	if s.settle(); s.broken != "" {
		s.stop()
	}
}

// settle calls Settle, now or when more has come in.
func (s *server) settle() {
	for s.broken == "" {
		if len(s.later) > 0 {
			do := s.later[0]
			s.later = s.later[1:]
			do()
			continue
		}
		if s.settling {
			return
		}
		if s.sim.chance(s.sim.profile.batch) {
			s.settling = true
			s.after(s.sim.between(1, 500), func() {
				s.settling = false
				s.settleNow()
			})
			return
		}
		if s.callSettle(); len(s.later) == 0 {
			return
		}
	}
}

// settleNow ends a batch.
func (s *server) settleNow() {
	s.callSettle()
	for len(s.later) > 0 && s.broken == "" {
		do := s.later[0]
		s.later = s.later[1:]
		if do(); len(s.later) == 0 {
			s.callSettle()
		}
	}
	if s.broken != "" {
		s.stop()
	}
}

func (s *server) callSettle() {
	next := s.peer.Settle(s.clock())
	if s.broken != "" || next >= neverMs {
		return
	}
	at := max(s.clockAt(next), s.sim.now+1)
	if s.timer > s.sim.now && s.timer <= at {
		return
	}
	s.timer = at
	s.after(at-s.sim.now, func() {
		if s.timer == at {
			s.timer = 0
			s.settleNow()
		}
	})
}

// neverMs is later than any time that is meant.
const neverMs = int64(1) << 50

// die makes the server stop at the end of the call in which it is; until then it does nothing more.
func (s *server) die(why string) {
	if s.broken == "" {
		s.broken = why
	}
}

// crashPoint may let the server crash at a call of the host.
func (s *server) crashPoint() bool {
	if s.broken != "" {
		return true
	}
	if s.sim.faulty && s.sim.profile.crashPoint > 0 && s.sim.chance(s.sim.profile.crashPoint) {
		s.die("it crashes in the middle of something")
		return true
	}
	return false
}

// stop ends the server as a crash does: what was not synced may be lost.
func (s *server) stop() {
	if !s.up {
		return
	}
	s.sim.result.Crashes++
	s.sim.tracef("%d stops: %s", s.id, s.broken)
	s.up = false
	s.status = zab.Status{}
	s.term++
	s.service.drop("the server stopped")
	s.sim.net.stopped(s)
	s.link, s.conns, s.listening = nil, nil, false
	s.connects++
	s.syncs++
	s.loseUnsynced()
	s.sim.restartLater(s)
}

// loseUnsynced keeps some of what was written and not synced.
func (s *server) loseUnsynced() {
	d := &s.disk
	if before := d.before; before != nil {
		before.accepted, before.current, before.keptAccepted = d.accepted, d.current, d.accepted
		*d = *before
	}
	n := len(d.log) - d.synced
	keep := 0
	switch s.sim.rng.IntN(4) {
	case 0:
		keep = n
	case 1:
		keep = int(s.sim.between(0, int64(n)+1))
	}
	if n-keep > 0 {
		s.sim.tracef("%d loses %d transactions that were not synced, keeps %d", s.id, n-keep, keep)
	}
	if s.sim.mistaken(LogReordered, 1) && n > keep+1 {
		// The last one survives, and one before it does not.
		d.log = append(d.log[:d.synced+keep:d.synced+keep], d.log[len(d.log)-1])
	} else {
		d.log = d.log[: d.synced+keep : d.synced+keep]
	}
	d.synced = len(d.log)
	if s.sim.opt.Mistake == EpochsNotSynced {
		d.accepted, d.current = d.keptAccepted, d.keptCurrent
	}
}
