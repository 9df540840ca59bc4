package zab

import (
	"fmt"
	"log/slog"
	"slices"

	"gamekeeper/proto"
)

// leadership is what a peer knows while it leads. Its stages are those of Zab: discovery ends when a quorum has
// promised to follow no earlier epoch, synchronisation when a quorum has the leader's history on disk.
type leadership struct {
	stage    stage
	epoch    proto.Epoch // 0 until a quorum has told which epochs it promised
	since    int64
	learners []*learner // in the order in which they came: the order of what is sent must not depend on chance

	// What this server was when it began to lead: a learner that is more recent must not follow it.
	current proto.Epoch
	last    proto.Zxid

	pingAt, tickAt int64
	lostAt         int64 // when the quorum was found missing; 0: it is there
	// proposed is the history's end at each of the last ticks, oldest first: how a learner that does not keep up
	// is noticed.
	proposed []proto.Zxid
	confirm  confirmation

	held      bool // nothing after holdAfter may be committed yet
	holdAfter proto.Zxid
}

// stage is how far a leader has come.
type stage uint8

const (
	stageEpochs  stage = iota // waits for the accepted epochs of a quorum
	stagePromise              // has announced its epoch, waits for a quorum to promise
	stageHistory              // brings a quorum to its history
	stageServes               // proposes
)

// startLeading begins after an election that this server has won.
func (p *Peer) startLeading() {
	p.election.settle(proto.Leading)
	p.lead = &leadership{since: p.now, current: p.current, last: p.history.Last(), pingAt: p.now, tickAt: p.now}
	p.changed(Status{State: proto.Leading, Leader: p.cfg.ID})
	p.host.Listen(QuorumPort)
	p.log(slog.LevelInfo, "LEADING: elected, waiting for a quorum of followers", "zxid", p.history.Last())
	p.advance()
}

// quorum says whether this server and the voters among the learners for which ok is true are a quorum.
func (p *Peer) quorum(ok func(l *learner) bool) bool {
	return p.cfg.Membership.Quorum(func(id proto.ServerID) bool {
		if id == p.cfg.ID {
			return true
		}
		l := p.lead.voter(id)
		return l != nil && ok(l)
	})
}

// voter returns the follower with that id, nil if it is not here. There is one at most: see greet.
func (d *leadership) voter(id proto.ServerID) *learner {
	for _, l := range d.learners {
		if l.id == id && l.votes {
			return l
		}
	}
	return nil
}

// advance goes to the next stage of taking office whenever a quorum allows it.
func (p *Peer) advance() {
	if p.lead.stage == stageEpochs && p.quorum((*learner).greeted) {
		p.announce()
	}
	if p.lead.stage == stagePromise && p.quorum((*learner).hasPromised) && p.durable == p.history.Last() {
		p.promise()
	}
	if p.lead.stage == stageHistory && p.quorum((*learner).hasHistory) {
		p.serve()
	}
}

// looksAgain takes note that a server looks for a leader. If it has elected this one it may be lost to it, and an
// election brings a leader sooner than waiting for those that are left.
func (p *Peer) looksAgain(id proto.ServerID, round int64) {
	d, wait := p.lead, p.cfg.EpochWaitMs
	if wait > 0 && d != nil && d.stage == stageEpochs && p.now-d.since > wait && p.election.looksAgain(id, round) {
		p.look(fmt.Sprintf("server %d, which has elected this one, looks for a leader again", id))
	}
}

// announce chooses the new epoch, above all that anybody is known to have promised.
func (p *Peer) announce() {
	epoch := max(p.accepted, p.seen) + 1
	p.setEpochs(epoch, p.current)
	p.lead.epoch, p.lead.stage = epoch, stagePromise
	p.changed(Status{State: proto.Leading, Leader: p.cfg.ID, Epoch: epoch})
	for _, l := range p.lead.learners {
		if l.greeted() {
			p.sendLeaderInfo(l)
		}
	}
}

// promise makes the epoch current: a quorum will follow no earlier one, so what this server has in its log is
// all that can have been committed. It must be on stable storage before: otherwise, after a crash, a server with
// the newest epoch and a shortened log would win the next election (ZOOKEEPER-4643).
func (p *Peer) promise() {
	p.must(p.durable == p.history.Last(), invDurableBefore)
	p.setEpochs(p.lead.epoch, p.lead.epoch)
	p.lead.stage = stageHistory
	for _, l := range slices.Clone(p.lead.learners) {
		if l.stage == learnerPromised {
			p.synchronise(l)
		}
	}
}

// serve begins the broadcast: a quorum has the history, so all of it is committed.
func (p *Peer) serve() {
	d := p.lead
	d.stage = stageServes
	p.failed = 0
	p.commit(p.history.Last())
	p.election.established(d.epoch)
	p.log(slog.LevelInfo, "LEADING: a quorum has synchronised", "epoch", d.epoch, "zxid", p.history.Last(),
		"took_ms", p.now-d.since)
	p.changed(Status{State: proto.Leading, Leader: p.cfg.ID, Epoch: d.epoch, Serving: true})
	for _, l := range d.learners {
		if l.stage == learnerSynced {
			p.sendUpToDate(l)
		}
	}
}

// settleLeader commits, and does what time demands.
func (p *Peer) settleLeader() (next int64) {
	d := p.lead
	if d.stage == stageServes {
		p.commitAgreed()
		p.confirmed()
		if p.history.Last().Epoch() == d.epoch && p.history.Last().Counter() >= p.cfg.CounterMax {
			p.look("the counter of the zxid has come to its end: a new epoch begins")
			return p.now
		}
	} else if p.now-d.since >= p.cfg.InitLimit*p.cfg.TickMs {
		p.look("no quorum of followers synchronised within initLimit")
		return p.now
	}
	if p.now >= d.pingAt {
		d.pingAt = p.now + max(p.cfg.TickMs/2, 1)
		p.pingLearners()
	}
	if p.now >= d.tickAt {
		d.tickAt = p.now + p.cfg.TickMs
		if p.tickLeader(); p.lead == nil {
			return p.now
		}
	}
	return min(d.pingAt, d.tickAt)
}

// tickLeader closes learners that are silent or do not keep up, and steps down when the rest is no quorum.
func (p *Peer) tickLeader() {
	d := p.lead
	limit := int(p.cfg.SyncLimit)
	d.proposed = append(d.proposed, p.history.Last())
	var behind proto.Zxid // what every synced follower must have acknowledged by now
	if len(d.proposed) > limit+1 {
		d.proposed = slices.Delete(d.proposed, 0, 1)
		behind = d.proposed[0]
	}
	for _, l := range slices.Clone(d.learners) {
		switch {
		case p.silent(l):
			p.closeLearner(l, silence)
		case l.stage == learnerServes && !l.observer && l.acked < behind && l.before < behind:
			p.closeLearner(l, "it did not acknowledge a proposal within syncLimit")
		}
	}
	switch {
	case d.stage != stageServes:
	case p.quorum((*learner).hasHistory):
		d.lostAt = 0
	case d.lostAt == 0:
		d.lostAt = p.now // nothing is committed meanwhile; a follower that reconnects spares everybody an election
	default:
		p.look("there is no quorum of followers any more")
	}
}

const silence = "it was silent for longer than syncLimit"

// silent says whether nothing was heard of a learner for too long.
func (p *Peer) silent(l *learner) bool {
	limit := p.cfg.SyncLimit
	if l.stage < learnerServes {
		limit += p.cfg.InitLimit
	}
	return p.now-l.heard > limit*p.cfg.TickMs
}

// closeLearner gives up a learner's link.
func (p *Peer) closeLearner(l *learner, why string) {
	p.log(slog.LevelWarn, "learner dropped", "server", l.id, "reason", why, "acknowledged", l.acked)
	p.host.CloseLink(l.link)
	p.forget(l)
}

func (p *Peer) forget(l *learner) {
	all := p.learners()
	*all = slices.DeleteFunc(*all, func(x *learner) bool { return x == l })
}
