package zab

import (
	"math"

	"gamekeeper/proto"
)

// finalizeWaitMs is how long a server waits for a better vote once a quorum agrees, as Apache's finalizeWait.
const finalizeWaitMs = 200

// notDue is the time of what is not due at all.
const notDue int64 = math.MaxInt64

// election is fast leader election, as one server takes part in it. Between begin and the outcome the server is
// looking: it proposes a leader to all voters, adopts every better proposal, and is done when a quorum proposes
// the same. In between it answers those that are looking. The caller calls tick after everything else it calls,
// and again when tick says.
//
// Rounds number the elections; a proposal counts in its own round alone. Whoever hears of a later round goes on
// to it with its own initial vote, so that nobody is elected by votes of two elections.
type election struct {
	cfg  *Config
	send func(to proto.ServerID, v *proto.Vote)

	looking, elected bool // neither: begin has not been called yet

	// initial is the vote with which this server goes into a round.
	initial ballot
	// vote is the proposal while looking, and the outcome from then on. Its state is what this server does.
	vote ballot

	// votes are those of this round, one for each voter; this server's own is among them if it has a say.
	votes map[proto.ServerID]ballot
	// joined are the votes of servers that follow or lead, of whatever round.
	joined map[proto.ServerID]ballot
	// links are the servers that can be reached.
	links map[proto.ServerID]bool

	interval, resendAt int64 // of the next repetition of the proposal
	finalizeAt         int64 // notDue, unless a quorum agrees with the proposal
}

// newElection returns an election that has not begun. It keeps cfg and reads its membership anew at every call.
func newElection(cfg *Config, send func(to proto.ServerID, v *proto.Vote)) *election {
	return &election{
		cfg: cfg, send: send,
		votes: map[proto.ServerID]ballot{}, joined: map[proto.ServerID]ballot{}, links: map[proto.ServerID]bool{},
		resendAt: notDue, finalizeAt: notDue,
	}
}

// begin starts to look for a leader, in the next round. zxid is the last one of the log, epoch the current epoch
// on disk. A zxid of -1 means that this server's data may be less than what it once had: it does not vote then.
func (e *election) begin(now int64, zxid proto.Zxid, epoch proto.Epoch) {
	e.initial = ballot{state: proto.Looking, leader: noServer, zxid: minZxid, epoch: minEpoch}
	if e.voter() {
		e.initial.leader, e.initial.zxid, e.initial.epoch = e.cfg.ID, zxid, epoch
	}
	e.looking, e.elected = true, false
	clear(e.votes)
	clear(e.joined)
	e.interval = e.shortest()
	e.propose(now, e.vote.round+1, e.initial)
	e.count(now)
}

// receive takes a notification, in whatever state this server is.
func (e *election) receive(now int64, from proto.ServerID, v *proto.Vote) {
	b := ballotOf(v)
	m := &e.cfg.Membership
	switch {
	case from == e.cfg.ID || !e.looking && !e.elected:
	case !m.Voter(from):
		// Its vote does not count, so it is told at once what it wants to know, unless it is in a later round
		// than this server and would not listen. Apache's servers answer it then too, and whoever does not
		// look for a leader any more: with a server that answers in turn that goes on without end.
		if e.elected || b.round <= e.vote.round {
			e.inform(from, b)
		}
	case !e.looking:
		// The answer has the round of the vote, so that the votes of all who follow the leader go together.
		e.inform(from, b)
	case b.state == proto.Looking && b.round < e.vote.round:
		e.inform(from, b)
	case !m.Voter(b.leader):
	case b.state == proto.Looking:
		e.weigh(now, from, b)
	case b.state == proto.Following || b.state == proto.Leading:
		e.join(now, from, b)
	}
}

// inform answers a server that is looking. What a server says that does not vote is of no use to anyone.
func (e *election) inform(to proto.ServerID, b ballot) {
	if b.state == proto.Looking && e.voter() {
		e.tell(to)
	}
}

// link says that the transport has, or has lost, a connection to a server.
func (e *election) link(now int64, id proto.ServerID, up bool) {
	if up {
		e.links[id] = true
		if e.looking && e.cfg.Membership.Voter(id) {
			e.tell(id) // what was sent before may have been lost
			e.news(now)
		}
	} else {
		delete(e.links, id)
	}
	if e.finalizeAt != notDue {
		e.count(now) // who there is to wait for has changed
	}
}

// tick does what is due and returns when there is more.
func (e *election) tick(now int64) (due int64) {
	switch {
	case !e.looking:
		return notDue
	case now >= e.finalizeAt:
		e.finish(e.vote)
		return notDue
	case now >= e.resendAt:
		e.interval = min(2*e.interval, max(e.shortest(), e.cfg.MaxNotificationMs))
		e.broadcast(now)
	}
	return min(e.resendAt, e.finalizeAt)
}

// outcome returns the leader, once there is one: from then on until the next begin.
func (e *election) outcome() (leader proto.ServerID, ok bool) {
	if !e.elected {
		return noServer, false
	}
	return e.vote.leader, true
}

// looksAgain says whether a server whose vote counted for the leader is in a later round. In the same round it is still
// about to find out who leads: its vote may have been under way for long.
func (e *election) looksAgain(id proto.ServerID, round int64) bool {
	v, ok := e.votes[id]
	return ok && e.elected && v.leader == e.vote.leader && round > e.vote.round
}

// settle says what the server does about the outcome; it is what others are told.
func (e *election) settle(state proto.PeerState) { e.vote.state = state }

// established says that this server has the history of the leader, in the leader's epoch. All who follow it have
// to name the same epoch in their votes, or no latecomer could tell that they are a quorum.
func (e *election) established(epoch proto.Epoch) {
	if e.elected {
		e.vote.epoch = epoch
	}
}

// weigh counts the vote of a voter that is looking too.
func (e *election) weigh(now int64, from proto.ServerID, b ballot) {
	if e.initial.zxid == untrustedZxid || b.zxid == untrustedZxid {
		return
	}
	m := &e.cfg.Membership
	switch {
	case b.round > e.vote.round:
		clear(e.votes)
		p := e.initial
		if better(m, b, p) {
			p = b
		}
		e.propose(now, b.round, p)
	case better(m, b, e.vote):
		e.propose(now, b.round, b)
	}
	e.record(now, e.votes, from, b)
	e.count(now)
}

// join looks whether a quorum has a leader already, now that one of them has told. The leader itself must say
// that it leads: otherwise servers could go on to elect one that has died. And who is told that it leads itself
// believes it in its own round alone: the others may have voted before it was restarted.
func (e *election) join(now int64, from proto.ServerID, b ballot) {
	if b.round == e.vote.round {
		// Within a round there is but one epoch that a leader can establish. Version 0 says not to compare it:
		// some have established it, and some are about to.
		same := b
		same.version = 0
		e.record(now, e.votes, from, same)
		if e.confirmed(e.votes, b) {
			e.finish(b)
			return
		}
	}
	e.record(now, e.joined, from, b)
	if e.confirmed(e.joined, b) {
		e.finish(b)
		return
	}
	if e.finalizeAt != notDue {
		e.count(now)
	}
}

// confirmed says whether a quorum of votes is the same as b, and the leader's own vote says so too.
func (e *election) confirmed(votes map[proto.ServerID]ballot, b ballot) bool {
	if !e.quorum(votes, b) {
		return false
	}
	if b.leader == e.cfg.ID {
		return b.round == e.vote.round
	}
	v, ok := votes[b.leader]
	return ok && v.state == proto.Leading
}

func (e *election) quorum(votes map[proto.ServerID]ballot, b ballot) bool {
	return e.cfg.Membership.Quorum(func(id proto.ServerID) bool {
		v, ok := votes[id]
		return ok && sameVote(v, b)
	})
}

// count ends the election if a quorum agrees with the proposal and nothing better is to be expected.
//
// A server that has not voted yet may still bring a better candidate. Apache waits a while for it: electing the
// lesser one is safe, as a quorum has all that was ever committed, but then the better one loses its log's end,
// or the others have moved on when some still follow the lesser one. A vote can only come from a server that is
// connected. So if all of those have voted for the proposal there is nobody to wait for, and after a leader's
// death that is so as soon as the votes have crossed. When a part of the servers is started before the rest it
// is right too: the rest are not connected and might not come for a long time, and when they do they join.
// Only with no connection at all is nothing known about the others, and then the wait remains.
func (e *election) count(now int64) {
	switch {
	case !e.quorum(e.votes, e.vote):
		e.finalizeAt = notDue
	case e.unanimous():
		e.finish(e.vote)
	case e.finalizeAt == notDue:
		e.finalizeAt = now + finalizeWaitMs
	}
}

// unanimous says whether all voters that are connected have voted for the proposal.
func (e *election) unanimous() bool {
	others, linked := 0, 0
	for _, x := range e.cfg.Membership.Members {
		if !x.Voter || x.ID == e.cfg.ID {
			continue
		}
		others++
		if !e.links[x.ID] {
			continue
		}
		linked++
		if v, ok := e.votes[x.ID]; !ok || !sameVote(v, e.vote) {
			return false
		}
	}
	return linked > 0 || others == 0
}

// finish takes b as the outcome.
func (e *election) finish(b ballot) {
	e.looking, e.elected = false, true
	e.resendAt, e.finalizeAt = notDue, notDue
	e.vote = b
	self, member := e.cfg.Membership.Member(e.cfg.ID)
	switch {
	case b.leader == e.cfg.ID:
		e.vote.state = proto.Leading
	case member && !self.Voter:
		e.vote.state = proto.Observing
	default:
		e.vote.state = proto.Following
	}
	if !e.voter() {
		return
	}
	// Observers ask, and are answered, but proposals are not for them: this spares them the next question.
	for _, x := range e.cfg.Membership.Members {
		if !x.Voter && e.links[x.ID] {
			e.tell(x.ID)
		}
	}
}

// propose makes b the proposal and tells the voters.
func (e *election) propose(now, round int64, b ballot) {
	b.state, b.round = proto.Looking, round
	e.vote = b
	e.finalizeAt = notDue
	if e.voter() && e.initial.zxid != untrustedZxid {
		e.votes[e.cfg.ID] = b
	}
	e.broadcast(now)
}

func (e *election) broadcast(now int64) {
	for _, x := range e.cfg.Membership.Members {
		if x.Voter && x.ID != e.cfg.ID {
			e.tell(x.ID)
		}
	}
	e.resendAt = now + e.interval
}

func (e *election) tell(to proto.ServerID) {
	v := e.vote.notification(e.cfg.ConfigText)
	e.send(to, &v)
}

// record notes a vote.
func (e *election) record(now int64, votes map[proto.ServerID]ballot, from proto.ServerID, b ballot) {
	if old, ok := votes[from]; !ok || old != b {
		votes[from] = b
		e.news(now)
	}
}

// news says that something has changed out there, so that it makes sense to ask again soon: servers that elect a
// leader pass through states in which their votes do not fit together. Who has been looking for a long time would
// else not ask for up to MaxNotificationMs.
func (e *election) news(now int64) {
	e.interval = e.shortest()
	e.resendAt = min(e.resendAt, now+e.interval)
}

func (e *election) shortest() int64 { return max(1, e.cfg.MinNotificationMs) }

func (e *election) voter() bool { return e.cfg.Membership.Voter(e.cfg.ID) }
