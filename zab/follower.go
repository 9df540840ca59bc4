package zab

import (
	"log/slog"

	"gamekeeper/proto"
)

// following is what a peer knows while it follows or observes a leader.
type following struct {
	leader   proto.ServerID
	master   proto.ServerID // from which it learns: the leader, or for an observer a follower
	port     Port           // of the master
	stage    followStage
	observer bool
	own      bool        // the leader is a server of our kind: see features.go
	epoch    proto.Epoch // the leader's
	heard    int64       // when the leader was last heard from, or the stage began
	dialAt   int64       // when this server begins to connect; notDue: it has begun
	pingAt   int64       // when the leader is told that this server is still busy with the snapshot
	synced   proto.Zxid  // what must be on stable storage before NEWLEADER is acknowledged
	kept     proto.Zxid  // where this server's own log ended when it joined, behind DIFF or TRUNC
	told     proto.Zxid  // the leader has said that everything up to here is committed
	acked    proto.Zxid  // the last proposal that was acknowledged
}

// followStage is how far a learner has come.
type followStage uint8

const (
	followConnects  followStage = iota
	followGreets                // has told its accepted epoch, waits for LEADERINFO
	followPromises              // has promised the epoch, waits for DIFF, TRUNC or SNAP
	followReceives              // takes a snapshot
	followCatchesUp             // takes what it lacks, waits for NEWLEADER
	followWrites                // has NEWLEADER, waits for its own disk
	followWaits                 // has acknowledged NEWLEADER, waits for UPTODATE
	followServes
)

// startLearning begins after an election that another server has won.
func (p *Peer) startLearning(leader proto.ServerID) {
	me, _ := p.cfg.Membership.Member(p.cfg.ID)
	state := proto.Following
	if !me.Voter {
		state = proto.Observing
	}
	p.election.settle(state)
	f := &following{leader: leader, master: leader, observer: !me.Voter, heard: p.now, dialAt: p.now + p.retryPause()}
	if f.observer {
		f.master, f.port = p.nextMaster(leader)
		if delay := p.cfg.ObserverConnectDelayMs; f.port == QuorumPort && delay > 0 {
			f.dialAt += p.cfg.Random(delay) // the leader is not to meet all its observers at once
		}
	}
	p.learn = f
	p.changed(Status{State: state, Leader: leader, Master: f.master})
	p.dial()
}

// Between attempts to join a leader that come to nothing there are pauses. The first that fails may be due to an
// election that was not over everywhere.
const (
	retryPauseMinMs = 100
	retryPauseMaxMs = 1000 // long for the leader, and short for others that wait for this server's vote
)

// retryPause is how long a learner waits before it connects: some leaders cannot be joined, and the election, which
// takes no time once a quorum follows one, finds the same again.
func (p *Peer) retryPause() int64 {
	if p.failed < 2 {
		return 0
	}
	return min(retryPauseMinMs<<min(p.failed-2, 10), retryPauseMaxMs, p.cfg.TickMs)
}

// dial connects to the leader as soon as it is time.
func (p *Peer) dial() {
	f := p.learn
	if p.now < f.dialAt {
		return
	}
	f.dialAt, f.heard = notDue, p.now
	if f.port == ObserverPort {
		p.log(slog.LevelInfo, p.status.State.String()+": connecting to a follower", "leader", f.leader, "follower", f.master)
	} else {
		p.log(slog.LevelInfo, p.status.State.String()+": connecting to the leader", "leader", f.leader)
	}
	p.host.Connect(f.master, f.port)
}

// Connected says that there is a connection to the leader.
func (p *Peer) Connected(now int64) {
	p.now = now
	f := p.learn
	if f == nil || f.stage != followConnects {
		return
	}
	t := proto.PacketFollowerInfo
	if f.observer {
		t = proto.PacketObserverInfo
	}
	p.data = proto.AppendLearnerInfo(p.data[:0], proto.LearnerInfo{Server: p.cfg.ID, Protocol: proto.ProtocolVersion,
		ConfigVersion: p.cfg.Membership.Version})
	p.data = appendFeatures(p.data)
	p.enter(followGreets)
	p.toLeader(t, proto.MakeZxid(p.accepted, 0), p.data)
}

// Disconnected says that the connection to the leader is closed, or could not be made.
func (p *Peer) Disconnected(now int64) {
	p.now = now
	if p.learn != nil {
		p.look("the connection to the leader is lost")
	}
}

func (p *Peer) enter(s followStage) { p.learn.stage, p.learn.heard = s, p.now }

// FromLeader takes a packet of the leader.
func (p *Peer) FromLeader(now int64, pkt *proto.QuorumPacket) {
	p.now = now
	f := p.learn
	if f == nil {
		return
	}
	f.heard = now
	switch f.stage {
	case followGreets:
		p.leaderInfo(pkt)
	case followPromises:
		p.syncBegins(pkt)
	case followCatchesUp, followWrites, followWaits:
		p.fromLeaderSync(pkt)
	case followServes:
		p.fromLeaderServing(pkt)
	default:
		p.refuse(pkt, "it came out of turn")
	}
}

// refuse gives up a leader that breaks the protocol.
func (p *Peer) refuse(pkt *proto.QuorumPacket, why string) {
	p.log(slog.LevelError, "packet of the leader refused", "type", pkt.Type, "zxid", pkt.Zxid, "reason", why,
		"leader", p.learn.leader, "sent_by", p.learn.master, "log_ends", p.history.Last())
	p.look("the leader broke the protocol")
}

// leaderInfo promises the leader's epoch: no earlier one will be followed.
func (p *Peer) leaderInfo(pkt *proto.QuorumPacket) {
	f := p.learn
	e := pkt.Zxid.Epoch()
	switch {
	case pkt.Type != proto.PacketLeaderInfo:
		p.refuse(pkt, "LEADERINFO was expected")
		return
	case e < p.accepted:
		p.refuse(pkt, "this server has promised a later epoch")
		return
	}
	f.own, f.epoch = hasFeatures(pkt.Data, leaderInfoBytes), e
	promise := promisedBefore
	if e > p.accepted {
		if !p.untrusted {
			promise = int32(p.current)
		}
		p.setEpochs(e, p.current)
	}
	s := p.status
	s.Epoch = e
	p.changed(s)
	p.enter(followPromises)
	p.data = proto.AppendInt32(p.data[:0], promise)
	p.toLeader(proto.PacketAckEpoch, p.history.Last(), p.data)
}

// syncBegins takes the packet that says how this server comes to the leader's history.
func (p *Peer) syncBegins(pkt *proto.QuorumPacket) {
	f := p.learn
	switch pkt.Type {
	case proto.PacketDiff:
		f.kept = p.history.Last()
		p.enter(followCatchesUp)
	case proto.PacketTrunc:
		to := p.truncateTo(pkt.Zxid)
		if last := p.history.Last(); f.observer && last.Epoch() == f.epoch && to < last {
			p.look("the server from which this one learns has not committed yet what this one knows to be committed")
			return
		}
		if !p.history.Has(to) {
			p.refuse(pkt, "this server does not have the transaction to go back to: empty its data directory "+
				"if that repeats, and it will be sent everything")
			return
		}
		f.kept = to
		p.enter(followCatchesUp)
		p.truncate(to)
	case proto.PacketSnap:
		p.enter(followReceives)
		f.pingAt = p.now
		format := FormatApache
		if f.own {
			format = FormatOwn
		}
		p.host.ReceiveSnapshot(pkt.Zxid, format)
	case proto.PacketPing:
	default:
		p.refuse(pkt, "DIFF, TRUNC or SNAP was expected")
	}
}

// truncateTo returns where the history is to end when a leader says z. A log that begins at (e,0), behind a
// snapshot of an Apache leader, begins with the history that epoch e began with. When that leader's successor
// names the end of it by the zxid of its last transaction, this is the same.
func (p *Peer) truncateTo(z proto.Zxid) proto.Zxid {
	if base := p.history.Base; z.Epoch() < base.Epoch() && base.Counter() == 0 {
		return base
	}
	return z
}

func (p *Peer) truncate(z proto.Zxid) {
	if z == p.history.Last() {
		return
	}
	p.log(slog.LevelWarn, "transactions that were never committed are removed", "after", z, "up_to", p.history.Last())
	p.host.Truncate(z)
	p.history.Truncate(z)
	p.durable, p.committed = min(p.durable, z), min(p.committed, z)
}

// SnapshotReceived says that the snapshot whose stream ended is this server's state now, on disk too.
func (p *Peer) SnapshotReceived(now int64, z proto.Zxid) {
	p.now = now
	if p.learn == nil || p.learn.stage != followReceives {
		return
	}
	p.history.Reset(z)
	p.durable, p.committed = z, z
	p.enter(followCatchesUp)
}

// fromLeaderSync takes a packet between the beginning of the synchronisation and UPTODATE.
func (p *Peer) fromLeaderSync(pkt *proto.QuorumPacket) {
	f := p.learn
	switch pkt.Type {
	case proto.PacketProposal, proto.PacketCommit, proto.PacketInform:
		p.replicate(pkt)
	case proto.PacketNewLeader:
		if f.stage != followCatchesUp || pkt.Zxid != proto.MakeZxid(f.epoch, 0) {
			p.refuse(pkt, "it came out of turn, or is of another epoch")
			return
		}
		f.synced = p.history.Last()
		p.enter(followWrites)
		p.learnerDurable()
	case proto.PacketUpToDate:
		if f.stage != followWaits {
			p.refuse(pkt, "NEWLEADER was not acknowledged yet")
			return
		}
		p.upToDate()
	case proto.PacketPing: // not answered before UPTODATE, as Apache's learners do
	default:
		p.log(slog.LevelWarn, "unexpected packet of the leader while synchronising", "type", pkt.Type)
	}
}

// replicate takes a proposal or a commit. Proposals that are in the log already are let pass: behind a snapshot,
// Apache's leaders send those that it holds once more.
func (p *Peer) replicate(pkt *proto.QuorumPacket) {
	z := pkt.Zxid
	if pkt.Type == proto.PacketCommit {
		if z > p.history.Last() {
			p.refuse(pkt, "its proposal was never sent")
			return
		}
		p.learn.told = max(p.learn.told, z)
		p.commit(z)
		if p.learn.stage == followServes {
			p.serveClients()
		}
		return
	}
	if z > p.history.Last() {
		if !follows(p.history.Last(), z) || z.Epoch() > p.learn.epoch {
			p.refuse(pkt, "transactions are missing before it")
			return
		}
		p.history.Append(z)
		p.host.Append(z, pkt.Data)
	}
	if pkt.Type == proto.PacketInform {
		p.commit(z)
	}
}

// learnerDurable acknowledges what is on stable storage: NEWLEADER first, then proposals.
func (p *Peer) learnerDurable() {
	f := p.learn
	if f.stage == followWrites && p.durable >= f.synced {
		p.must(p.current <= f.epoch, invEpochsRise)
		p.setEpochs(max(p.accepted, f.epoch), f.epoch)
		p.untrusted = false
		p.enter(followWaits)
		f.acked = proto.MakeZxid(f.epoch, 0)
		if !f.own {
			f.acked = max(f.acked, p.committed) // all of it is, and needs no acknowledgement
		}
		p.toLeader(proto.PacketAck, proto.MakeZxid(f.epoch, 0), nil)
	}
	if f.stage < followWaits || f.observer || p.durable <= f.acked {
		return
	}
	p.must(p.durable <= p.history.Last(), invAckDurable)
	if f.own {
		f.acked = p.durable
		p.toLeader(proto.PacketAck, f.acked, nil)
		return
	}
	for f.acked < p.durable { // Apache's leaders count the acknowledgements of each
		f.acked++
		p.toLeader(proto.PacketAck, f.acked, nil)
	}
}

// upToDate begins to serve: this server has all that was committed when it joined.
func (p *Peer) upToDate() {
	f := p.learn
	p.enter(followServes)
	p.failed = 0
	p.toLeader(proto.PacketAck, proto.MakeZxid(f.epoch, 0), nil)
	p.commitKept()
	p.election.established(f.epoch)
	p.log(slog.LevelInfo, p.status.State.String()+": up to date with the leader", "leader", f.leader, "by", f.master,
		"epoch", f.epoch, "zxid", p.history.Last())
	p.serveClients()
}

// commitKept commits what this server had before it joined, for which no COMMIT comes. The leader serves: so the
// history with which its epoch began is committed. What this server kept of that very epoch is committed too if
// the leader is Apache's, which takes back what is not; one of our kind says by a COMMIT before UPTODATE how far.
// An observer is sent nothing that is not.
func (p *Peer) commitKept() {
	f := p.learn
	z, _ := p.history.Floor(proto.MakeZxid(f.epoch, 0))
	if !f.own || f.observer {
		z = max(z, f.kept, p.committed)
	}
	f.told = max(f.told, z)
	p.commit(f.told)
}

// serveClients begins to serve as soon as nothing was applied that may not be committed: a server that was
// restarted has applied the whole of its log, and the leader of its epoch may still wait for a quorum.
func (p *Peer) serveClients() {
	if s := p.status; !s.Serving && p.committed <= p.learn.told {
		s.Serving = true
		p.changed(s)
		p.serveObservers()
	}
}

// fromLeaderServing takes a packet after UPTODATE.
func (p *Peer) fromLeaderServing(pkt *proto.QuorumPacket) {
	switch pkt.Type {
	case proto.PacketProposal, proto.PacketCommit, proto.PacketInform:
		p.replicate(pkt)
	case proto.PacketPing:
		p.data = p.host.AppendTouched(p.data[:0])
		if p.data == nil {
			p.data = []byte{} // null would end the thread that serves us on an Apache leader
		}
		p.toLeader(proto.PacketPing, pkt.Zxid, p.data)
	case proto.PacketRevalidate, proto.PacketSync:
		p.inform() // before the answer, which may be one of theirs
		p.host.FromLeader(pkt)
	default:
		p.log(slog.LevelWarn, "unexpected packet of the leader", "type", pkt.Type)
	}
}

// settleLearner does what time demands.
func (p *Peer) settleLearner() (next int64) {
	next = p.watchLeader()
	if p.master != nil {
		next = min(next, p.settleMaster())
	}
	return next
}

// watchLeader gives a leader up that is silent, and tells it that a snapshot is still being taken.
func (p *Peer) watchLeader() (next int64) {
	f := p.learn
	limit := p.cfg.InitLimit * p.cfg.TickMs
	switch {
	case f.dialAt != notDue:
		if p.dial(); f.dialAt != notDue {
			return f.dialAt
		}
	case f.stage == followReceives:
		// The host watches the stream. A leader of Apache's kind sets its own limit.
		if f.own && p.now >= f.pingAt {
			f.pingAt = p.now + p.cfg.TickMs
			p.toLeader(proto.PacketPing, p.history.Last(), []byte{})
		}
		return p.now + p.cfg.TickMs
	case f.stage >= followWaits:
		limit = p.cfg.SyncLimit * p.cfg.TickMs
	}
	if p.now-f.heard >= limit {
		p.look("nothing was heard of the leader for too long")
		return p.now
	}
	return f.heard + limit
}

// toLeader sends a packet to the leader.
func (p *Peer) toLeader(t proto.PacketType, zxid proto.Zxid, data []byte) {
	p.packet = proto.QuorumPacket{Type: t, Zxid: zxid, Data: data}
	p.host.SendToLeader(&p.packet)
}
