package simulation

import (
	"log/slog"

	"gamekeeper/proto"
	"gamekeeper/zab"
)

// server implements zab.Host.
var _ zab.Host = (*server)(nil)

// SendVote implements zab.Host.
func (s *server) SendVote(to proto.ServerID, v *proto.Vote) {
	if s.crashPoint() {
		return
	}
	if s.status.Serving && v.State != proto.Looking {
		s.sim.check.holds(v.Leader == s.status.Leader && v.PeerEpoch == s.status.Epoch, VoteAgrees,
			"server %d serves in epoch %d of %d and votes %d in epoch %d", s.id, s.status.Epoch, s.status.Leader,
			v.Leader, v.PeerEpoch)
	}
	w := *v
	if v.State == proto.Looking && s.member.Voter && v.Leader == s.id && s.belittlesItself() {
		w.Zxid, w.PeerEpoch = 0, 0
	}
	if s.sim.tracing() {
		s.sim.tracef("%d -> %d vote %s for %d, zxid %s, round %d, epoch %d", s.id, to, v.State, v.Leader, v.Zxid, v.Round, v.PeerEpoch)
	}
	s.sim.net.sendVote(s, to, w)
}

func (s *server) belittlesItself() bool {
	p := s.sim.profile.modest
	return s.sim.opt.Mistake == StaleVote || s.sim.faulty && p > 0 && s.sim.chance(p)
}

// Connect implements zab.Host.
func (s *server) Connect(to proto.ServerID, port zab.Port) {
	if s.crashPoint() {
		return
	}
	s.connects++
	s.sim.net.connect(s, s.sim.server(to), port, s.connects, 0)
}

// Disconnect implements zab.Host.
func (s *server) Disconnect() {
	if s.broken != "" {
		return
	}
	s.connects++
	if c := s.link; c != nil {
		s.link = nil
		c.close(toLeader)
	}
	if s.disk.before != nil {
		s.die("it could not finish what began with a snapshot")
	}
}

// SendToLeader implements zab.Host.
func (s *server) SendToLeader(p *proto.QuorumPacket) {
	if s.crashPoint() || s.link == nil {
		return
	}
	if p.Type == proto.PacketAck {
		s.disk.before = nil
	}
	s.sim.check.sendsToLeader(s, s.link, p)
	s.link.send(toLeader, p)
}

// Listen implements zab.Host.
func (s *server) Listen(port zab.Port) {
	if !s.crashPoint() {
		s.listening, s.port = true, port
	}
}

// StopListening implements zab.Host.
func (s *server) StopListening() {
	if s.broken != "" {
		return
	}
	s.listening = false
	for _, c := range s.conns {
		c.close(toLearner)
	}
	s.conns = nil
}

// conn finds the connection of a learner.
func (s *server) conn(l zab.Link) *conn {
	for _, c := range s.conns {
		if c.id == l {
			return c
		}
	}
	return nil
}

// Send implements zab.Host.
func (s *server) Send(l zab.Link, p *proto.QuorumPacket) {
	if s.crashPoint() {
		return
	}
	s.sendOn(s.conn(l), p)
}

func (s *server) sendOn(c *conn, p *proto.QuorumPacket) {
	if c == nil {
		return
	}
	s.sim.check.sendsToLearner(s, c, p)
	c.send(toLearner, p)
}

// SendLog implements zab.Host.
func (s *server) SendLog(l zab.Link, after, upTo, committed proto.Zxid, observer bool) {
	c := s.conn(l)
	if s.crashPoint() || c == nil {
		return
	}
	for _, e := range s.disk.log[s.disk.after(after):s.disk.after(upTo)] {
		if e.rotten {
			s.sendLog(c, after, e.zxid-1, committed, observer)
			s.unreadable = max(s.unreadable, e.zxid)
			s.cannotRead(c)
			return
		}
	}
	s.sendLog(c, after, upTo, committed, observer)
}

func (s *server) sendLog(c *conn, after, upTo, committed proto.Zxid, observer bool) {
	s.sim.check.holds(after >= s.disk.base, MessageLegal, "server %d is to send its log after %s, and it begins after %s",
		s.id, after, s.disk.base)
	for _, e := range s.disk.log[s.disk.after(after):s.disk.after(upTo)] {
		switch {
		case !observer:
			s.sendOn(c, &proto.QuorumPacket{Type: proto.PacketProposal, Zxid: e.zxid, Data: e.data})
			if e.zxid <= committed {
				s.sendOn(c, &proto.QuorumPacket{Type: proto.PacketCommit, Zxid: e.zxid})
			}
		case e.zxid <= committed:
			s.sendOn(c, &proto.QuorumPacket{Type: proto.PacketInform, Zxid: e.zxid, Data: e.data})
		}
	}
}

// Inform implements zab.Host.
func (s *server) Inform(l zab.Link, after, upTo proto.Zxid) {
	if c := s.conn(l); !s.crashPoint() && c != nil {
		s.sendLog(c, after, upTo, upTo, true) // from memory, whatever the disk has
	}
}

// SendSnapshot implements zab.Host. A server that serves may send what it has in memory.
func (s *server) SendSnapshot(l zab.Link, _ zab.Format) (proto.Zxid, bool) {
	c := s.conn(l)
	if s.crashPoint() || c == nil {
		return 0, false
	}
	snap, rotten := s.disk.snap, s.disk.snapRotten
	if s.status.Serving && (s.sim.profile.forceSnapshot || s.sim.chance(0.5)) && s.state.applied >= s.state.reach {
		snap, rotten = s.state.take(s.state.applied), false
	}
	if snap == nil {
		snap = newState().take(0)
	}
	sent := *snap
	if next := s.disk.after(snap.reach); s.sim.opt.Mistake == SnapshotLosesLast && s.status.Serving &&
		next < s.disk.after(s.state.applied) {
		sent.zxid, sent.reach = s.disk.log[next].zxid, s.disk.log[next].zxid
	}
	if s.sim.opt.Mistake == SessionsNotSent {
		sent.sessions = nil
	}
	s.sim.result.Snaps++
	s.sendOn(c, &proto.QuorumPacket{Type: proto.PacketSnap, Zxid: sent.zxid})
	if rotten {
		s.cannotRead(c)
		return sent.zxid, true
	}
	c.sendSnapshot(&sent)
	return sent.zxid, true
}

// CloseLink implements zab.Host.
func (s *server) CloseLink(l zab.Link) {
	if s.broken != "" {
		return
	}
	if c := s.conn(l); c != nil {
		s.forget(c)
		c.close(toLearner)
	}
}

func (s *server) forget(c *conn) {
	for i, x := range s.conns {
		if x == c {
			s.conns = append(s.conns[:i:i], s.conns[i+1:]...)
			return
		}
	}
}

// DiffPays implements zab.Host.
func (s *server) DiffPays(after proto.Zxid) bool {
	switch {
	case s.disk.snap == nil || s.disk.snap.zxid <= after:
		return true
	case after < s.unreadable:
		return false
	}
	return !s.sim.profile.forceSnapshot && s.sim.chance(0.5)
}

// SetEpochs implements zab.Host.
func (s *server) SetEpochs(accepted, current proto.Epoch) {
	d := &s.disk
	s.sim.check.holds(accepted >= d.accepted && current >= d.current && current <= accepted, EpochsRise,
		"server %d goes from epochs %d/%d to %d/%d", s.id, d.accepted, d.current, accepted, current)
	if s.crashPoint() || s.dieIfFull() {
		return
	}
	s.diskWork()
	d.keptAccepted, d.keptCurrent = d.accepted, d.current
	d.accepted = accepted
	if s.crashPoint() {
		return
	}
	d.current = current
	d.before = nil
	if s.sim.opt.Mistake != EpochsNotSynced {
		d.keptAccepted, d.keptCurrent = accepted, current
	}
	s.sim.tracef("%d epochs %d/%d on disk", s.id, accepted, current)
	s.crashPoint()
}

// Append implements zab.Host.
func (s *server) Append(z proto.Zxid, txn []byte) {
	if s.crashPoint() {
		return
	}
	if s.appended++; s.sim.mistaken(ProposalDropped, 0.02) {
		return
	}
	s.sim.check.appends(s, s.disk.last(), z, txn)
	s.disk.log = append(s.disk.log, entry{zxid: z, data: append([]byte(nil), txn...)})
	if s.sim.mistaken(AckBeforeSync, 1) || s.sim.opt.Mistake == LeaderAcksEarly && s.status.State == proto.Leading {
		s.later = append(s.later, func() { s.peer.Durable(z) })
	}
	s.startSync()
}

// startSync makes what is in the log durable, unless that is being done.
func (s *server) startSync() {
	if s.syncing || s.disk.synced == len(s.disk.log) || s.broken != "" {
		return
	}
	s.syncing = true
	gen, target := s.syncs, s.disk.last()
	us := 1 + s.slow*s.sim.between(0, 2*s.sim.profile.syncTime)
	if s.sim.chance(s.sim.profile.slowDisk) {
		us *= s.sim.between(5, 100)
	}
	s.after(min(us, 3_000_000), func() {
		if gen != s.syncs {
			return
		}
		s.syncing = false
		if s.sim.faulty && s.sim.chance(s.sim.profile.failingDisk) {
			s.crash("its disk fails")
			return
		}
		if s.full() {
			s.crash("its disk is full")
			return
		}
		s.disk.synced = max(s.disk.synced, s.disk.after(target))
		s.reportDurable()
		s.startSync()
	})
}

// reportDurable tells the peer how far the log is durable.
func (s *server) reportDurable() {
	gen, z := s.syncs, s.disk.durable()
	report := func() {
		if gen == s.syncs {
			s.tell(func() { s.peer.Durable(z) })
		}
	}
	if s.sim.chance(0.8) {
		report()
		return
	}
	s.after(s.sim.between(1, 300), report)
}

// diskWork keeps the server busy for as long as its disk takes.
func (s *server) diskWork() {
	s.busyUntil = s.ready() + s.slow*s.sim.between(0, 2*s.sim.profile.syncTime)
}

// dieIfFull ends a server that has to write something at once and cannot.
func (s *server) dieIfFull() bool {
	if s.full() {
		s.die("its disk is full")
	}
	return s.broken != ""
}

// Truncate implements zab.Host.
func (s *server) Truncate(to proto.Zxid) {
	s.sim.check.truncates(s, to)
	if s.crashPoint() || s.dieIfFull() {
		return
	}
	s.sim.result.Truncs++
	s.acked = min(s.acked, to)
	s.sim.tracef("%d truncates its log from %s to %s", s.id, s.disk.last(), to)
	s.diskWork()
	s.syncs++
	s.syncing = false
	if s.sim.opt.Mistake != TruncateSkipped {
		s.disk.truncate(to)
	}
	if s.state.applied > to && s.sim.opt.Mistake != TruncateKeepsTree {
		s.sim.check.holds(s.disk.snap == nil || s.disk.snap.zxid <= to, Truncation,
			"server %d is to truncate to %s, before its snapshot", s.id, to)
		if s.damaged() {
			s.die("what it has on disk is damaged")
			return
		}
		s.recover(to)
	}
	gen, z := s.syncs, s.disk.durable()
	s.later = append(s.later, func() {
		if gen == s.syncs {
			s.peer.Durable(z)
		}
	})
	s.crashPoint()
}

// ReceiveSnapshot implements zab.Host.
func (s *server) ReceiveSnapshot(z proto.Zxid, _ zab.Format) {
	if s.crashPoint() || s.link == nil {
		return
	}
	c := s.link
	c.awaits, c.awaited = true, z
	p := &s.sim.profile
	s.after(2*p.initLimit*p.tick*1000, func() { // a stream that stands still is given up
		if s.link == c && c.awaits {
			s.giveUp(c)
		}
	})
}

// giveUp closes the connection to the leader, from this side.
func (s *server) giveUp(c *conn) {
	s.link = nil
	c.close(toLeader)
	s.tell(func() { s.peer.Disconnected(s.clock()) })
}

// install makes a snapshot that was received the state of the server.
func (s *server) install(c *conn, snap *snapshot) {
	check := s.sim.check
	if !c.plain {
		check.drops(s, snap.zxid, Durability)
	}
	if s.crashPoint() {
		s.stop()
		return
	}
	if s.full() {
		s.giveUp(c)
		return
	}
	check.holds(snap.zxid == c.awaited, MessageLegal, "server %d gets a snapshot of %s for %s", s.id, snap.zxid, c.awaited)
	s.sim.tracef("%d has the snapshot of %s", s.id, snap.zxid)
	s.syncs++
	s.syncing = false
	if c.plain {
		before := s.disk
		s.disk.before = &before
	}
	if s.sim.opt.Mistake == LogKeptUnderSnapshot {
		s.disk.snap = snap
	} else {
		s.disk.replace(snap)
	}
	s.acked = min(s.acked, snap.zxid)
	s.recover(s.disk.last())
	c.awaits = false
	s.tell(func() {
		if !s.crashPoint() {
			s.peer.SnapshotReceived(s.clock(), snap.zxid)
		}
	})
}

// Commit implements zab.Host.
func (s *server) Commit(z proto.Zxid) {
	if s.crashPoint() {
		return
	}
	if last := s.disk.last(); z > last && s.sim.opt.Mistake == None {
		s.sim.check.broken(CommitProposed, "server %d is to apply %s, its log ends at %s", s.id, z, last)
	}
	s.apply(z)
	if s.status.Serving {
		s.deliver()
	}
}

// apply applies the log up to z.
func (s *server) apply(z proto.Zxid) {
	d := &s.disk
	from, to := d.after(s.state.applied), d.after(z)
	if to-from > 1 && s.sim.mistaken(CommitsSwapped, 0.2) {
		s.applyOne(d.log[from+1])
		s.applyOne(d.log[from])
		from += 2
	}
	for _, e := range d.log[from:max(from, to)] {
		s.applyOne(e)
	}
}

func (s *server) applyOne(e entry) {
	txn, code, err := s.state.apply(e.data)
	check := s.sim.check
	if err != nil || txn.Zxid != e.zxid {
		check.broken(SameBytes, "server %d cannot apply %s: %v", s.id, e.zxid, err)
	}
	check.applied(s, e.zxid)
	s.tentative = append(s.tentative, delivery{e.zxid, hash(e.data)})
	if e.zxid > s.state.reach && code != txnCode(&txn) {
		check.broken(SameDigest, "server %d: %s has the outcome %d", s.id, e.zxid, code)
	}
	if s.status.Serving || s.sim.opt.Mistake == ServesAlways {
		s.service.applied(s, &txn)
	}
}

// txnCode is the outcome that a transaction has wherever it is applied.
func txnCode(t *proto.Txn) proto.Code {
	if t.Type == proto.OpError {
		return t.Body.Err
	}
	return proto.OK
}

// deliver hands what was applied to the checks: the server serves, so nothing may take it back.
func (s *server) deliver() { s.sim.check.delivers(s) }

// FromLearner implements zab.Host.
func (s *server) FromLearner(l zab.Link, p *proto.QuorumPacket) {
	if s.broken == "" {
		s.service.fromLearner(s, l, p)
	}
}

// FromLeader implements zab.Host.
func (s *server) FromLeader(p *proto.QuorumPacket) {
	if s.broken == "" {
		s.service.fromLeader(s, p)
	}
}

// AppendTouched implements zab.Host.
func (s *server) AppendTouched(b []byte) []byte {
	if s.broken != "" {
		return b
	}
	return s.service.appendTouched(b)
}

// Confirmed implements zab.Host.
func (s *server) Confirmed(token uint64) {
	if s.broken == "" {
		s.service.confirmed(s, token)
	}
}

// Changed implements zab.Host.
func (s *server) Changed(st zab.Status) {
	if s.broken != "" {
		return
	}
	if s.sim.tracing() {
		s.sim.tracef("%d is %s, leader %d, epoch %d, serving %v, log to %s", s.id, st.State, st.Leader, st.Epoch,
			st.Serving, s.disk.last())
	}
	if st.State == proto.Looking {
		s.sim.result.Elections++
	}
	if st.State != s.status.State || st.Leader != s.status.Leader {
		s.term++
	}
	was := s.status
	s.status = st
	s.sim.check.changes(s, st)
	if was.Serving && !st.Serving && s.sim.opt.Mistake != ServesAlways {
		s.service.drop("the server serves no longer")
	}
	if st.Serving && !was.Serving {
		s.deliver()
		s.service.begin(s)
	}
}

// Log implements zab.Host.
func (s *server) Log(_ slog.Level, msg string, args ...any) {
	if s.sim.tracing() {
		s.sim.tracef("%d says: %s %v", s.id, msg, args)
	}
}
