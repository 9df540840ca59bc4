package zab

import (
	"log/slog"
	"math"

	"gamekeeper/proto"
)

// Config of a Peer. Times are milliseconds.
type Config struct {
	ID         proto.ServerID
	Membership Membership
	// ConfigText is the membership as notifications and NEWLEADER carry it.
	ConfigText []byte

	// TickMs is tickTime. InitLimit and SyncLimit are in ticks.
	TickMs, InitLimit, SyncLimit int64
	// MinNotificationMs and MaxNotificationMs bound the wait for votes (fastleader.minNotificationInterval...).
	MinNotificationMs, MaxNotificationMs int64
	// ObserverDelayMs is the longest time that an observer waits before it looks for a new leader.
	ObserverDelayMs int64
	// ObserverConnectDelayMs is the longest time that an observer waits before it connects to its leader.
	ObserverConnectDelayMs int64
	// ObserverMasters says that followers serve observers, and that observers learn from followers instead of
	// the leader.
	ObserverMasters bool
	// EpochWaitMs is how long an elected leader waits for the epochs of a quorum although one of those that have
	// elected it looks for a leader again; 0 is as long as otherwise, which is InitLimit.
	EpochWaitMs int64
	// ForceSnapshot sends learners that lack nothing a snapshot too, unless Host.DiffPays (forceSnapshotSync).
	ForceSnapshot bool
	// MaxSnapSyncs and MaxDiffSyncs bound how many learners that do not vote are synchronised at once; 0 is no
	// bound.
	MaxSnapSyncs, MaxDiffSyncs int
	// CounterMax is the counter of a zxid at which a leader makes way for a new epoch; 0 is shortly before the
	// counter would overflow.
	CounterMax uint32
	// Random draws a number from 0 to n-1.
	Random func(n int64) int64
}

// State is what a Peer has on disk when it starts.
type State struct {
	AcceptedEpoch, CurrentEpoch proto.Epoch
	// History is what the log holds. All of it is on stable storage and was handed to the tree.
	History History
	// Untrusted says that what this server had may have been lost, and that it has not acknowledged a leader's history
	// since: until it has joined a leader it has no say in elections, and no leader counts its promise
	// (zookeeper.db.autocreate=false).
	Untrusted bool
}

// Peer is one server's part in the agreement. See the package comment for who may call it.
type Peer struct {
	cfg      Config
	host     Host
	election *election
	status   Status
	now      int64

	accepted, current proto.Epoch // as on disk
	seen              proto.Epoch // the latest that any learner has promised
	history           History
	durable           proto.Zxid // of the history, what is on stable storage
	committed         proto.Zxid // of the history, what the host was told to apply
	untrusted         bool       // see State.Untrusted

	lookAt int64       // when an observer that lost its leader begins to look for another
	failed int         // attempts in a row to join a leader that was reached, and to no avail
	lead   *leadership // while leading
	learn  *following  // while following or observing
	master *master     // while following and serving observers

	masters []proto.ServerID // the voters, in the order in which an observer tries to learn from them

	packet proto.QuorumPacket // the one being sent; a local one would be allocated for each
	data   []byte             // for building the data of packets
}

// New returns a Peer that does nothing before Start.
func New(cfg Config, state State, host Host) *Peer {
	if cfg.CounterMax == 0 {
		// What is in flight when it is noticed must still fit.
		const margin = 1 << 20
		cfg.CounterMax = math.MaxUint32 - margin
	}
	p := &Peer{
		cfg:       cfg,
		host:      host,
		accepted:  state.AcceptedEpoch,
		current:   state.CurrentEpoch,
		history:   state.History,
		durable:   state.History.Last(),
		committed: state.History.Last(),
		untrusted: state.Untrusted,
		lookAt:    notDue,
	}
	p.election = newElection(&p.cfg, host.SendVote)
	return p
}

// Start begins to look for a leader.
func (p *Peer) Start(now int64) {
	p.now = now
	p.must(p.current <= p.accepted, invEpochOrder)
	p.look("the server starts")
}

// Status returns what the Peer does.
func (p *Peer) Status() Status { return p.status }

// Committed returns the last zxid that the host was told to apply.
func (p *Peer) Committed() proto.Zxid { return p.committed }

// LastLogged returns the last zxid of the log.
func (p *Peer) LastLogged() proto.Zxid { return p.history.Last() }

// ReceiveVote takes a notification of the election.
func (p *Peer) ReceiveVote(now int64, from proto.ServerID, v *proto.Vote) {
	p.now = now
	p.election.receive(now, from, v)
	if v.State == proto.Looking {
		p.looksAgain(from, v.Round)
	}
	p.decide()
}

// VoterLink says that there is, or is no longer, an election link to a server.
func (p *Peer) VoterLink(now int64, id proto.ServerID, up bool) {
	p.now = now
	p.election.link(now, id, up)
	p.decide()
}

// Durable says that the log is on stable storage up to z.
func (p *Peer) Durable(z proto.Zxid) {
	if z <= p.durable {
		return
	}
	p.durable = min(z, p.history.Last())
	switch {
	case p.lead != nil:
		p.advance()
	case p.learn != nil:
		p.learnerDurable()
	}
}

// Purged says that the log has nothing up to base any more.
func (p *Peer) Purged(base proto.Zxid) { p.history.Purge(base) }

// Settle ends a batch of inputs: it commits what a quorum has and does what is due. It returns when to be called
// again, if nothing happens before.
func (p *Peer) Settle(now int64) (next int64) {
	p.now = now
	switch {
	case p.lead != nil:
		return p.settleLeader()
	case p.learn != nil:
		return p.settleLearner()
	case p.lookAt != notDue:
		if now < p.lookAt {
			return p.lookAt
		}
		p.begin()
	}
	next = p.election.tick(now)
	p.decide()
	if p.status.State != proto.Looking {
		return now // the new role says when
	}
	return next
}

// look gives up what the peer does, and begins an election.
func (p *Peer) look(why string) {
	was := p.status
	lead, learn, master := p.lead, p.learn, p.master
	p.lead, p.learn, p.master = nil, nil, nil
	if learn != nil && learn.stage > followConnects && learn.stage < followServes {
		p.failed++
	}
	p.changed(Status{State: proto.Looking})
	if lead != nil || master != nil {
		p.host.StopListening()
	}
	if learn != nil {
		p.host.Disconnect()
	}
	p.log(slog.LevelInfo, "LOOKING for a leader", "reason", why, "was", was.State, "epoch", was.Epoch,
		"zxid", p.history.Last())
	me, _ := p.cfg.Membership.Member(p.cfg.ID)
	if !me.Voter && learn != nil && p.cfg.ObserverDelayMs > 0 {
		p.lookAt = p.now + p.cfg.Random(p.cfg.ObserverDelayMs)
		return
	}
	p.begin()
}

func (p *Peer) begin() {
	p.lookAt = notDue
	last := p.history.Last()
	if p.untrusted {
		last = untrustedZxid
	}
	p.election.begin(p.now, last, p.current)
	p.decide()
}

// decide takes up the role that the election has given.
func (p *Peer) decide() {
	if p.status.State != proto.Looking || p.lookAt != notDue {
		return
	}
	leader, ok := p.election.outcome()
	switch {
	case !ok:
	case leader == p.cfg.ID:
		p.startLeading()
	default:
		p.startLearning(leader)
	}
}

// changed notes and tells what the peer does now.
func (p *Peer) changed(s Status) {
	if s != p.status || s.State == proto.Looking {
		p.status = s
		p.host.Changed(s)
	}
}

// setEpochs makes epochs durable.
func (p *Peer) setEpochs(accepted, current proto.Epoch) {
	p.must(accepted >= p.accepted && current >= p.current, invEpochsRise)
	p.must(current <= accepted, invEpochOrder)
	if accepted == p.accepted && current == p.current {
		return
	}
	p.host.SetEpochs(accepted, current)
	p.accepted, p.current = accepted, current
}

// commit lets the host apply everything up to z.
func (p *Peer) commit(z proto.Zxid) {
	if z <= p.committed {
		return
	}
	p.must(z <= p.history.Last(), invCommitKnown)
	p.committed = z
	p.host.Commit(z)
}

// log tells the operator something.
func (p *Peer) log(level slog.Level, msg string, args ...any) { p.host.Log(level, msg, args...) }
