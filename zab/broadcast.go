package zab

import (
	"gamekeeper/proto"
)

// Propose gives a transaction to the log and to every follower. Only a leader that serves may propose, and zxid
// must be the next: (epoch,1) first, then one more each time.
func (p *Peer) Propose(zxid proto.Zxid, txn []byte) {
	p.must(p.lead != nil && p.lead.stage == stageServes, invOnlyLeader)
	p.must(zxid.Epoch() == p.lead.epoch && follows(p.history.Last(), zxid), invContiguous)
	p.history.Append(zxid)
	p.host.Append(zxid, txn)
	p.packet = proto.QuorumPacket{Type: proto.PacketProposal, Zxid: zxid, Data: txn}
	for _, l := range p.lead.learners {
		if l.stage >= learnerSyncs && !l.observer {
			p.host.Send(l.link, &p.packet)
		}
	}
}

// acknowledged takes an ACK: of NEWLEADER, or of a proposal and thereby of all before it.
//
// Proposals count only when NEWLEADER was acknowledged: before that the learner is not of our epoch on disk, and
// what it has could lose an election against a shorter log that is (ZOOKEEPER-4685).
func (p *Peer) acknowledged(l *learner, zxid proto.Zxid) {
	switch {
	case l.stage < learnerSyncs:
		p.closeLearner(l, "it acknowledged something before it was sent anything")
	case zxid.Counter() == 0:
		p.acknowledgedLeader(l, zxid)
	case zxid > p.history.Last():
		p.closeLearner(l, "it acknowledged a proposal that was never made")
	case zxid > l.acked:
		l.acked = zxid
	}
}

func (p *Peer) acknowledgedLeader(l *learner, zxid proto.Zxid) {
	if zxid != proto.MakeZxid(p.lead.epoch, 0) {
		p.closeLearner(l, "it acknowledged another leader")
		return
	}
	if l.stage != learnerSyncs {
		return // the second one, after UPTODATE
	}
	l.stage, l.acked = learnerSynced, max(l.acked, l.synced)
	if p.lead.stage == stageServes {
		p.sendUpToDate(l)
		return
	}
	p.advance()
}

// commitAgreed moves the commit point to what a quorum has on stable storage.
func (p *Peer) commitAgreed() {
	z := p.cfg.Membership.Agreed(func(id proto.ServerID) proto.Zxid {
		if id == p.cfg.ID {
			return p.durable
		}
		if l := p.lead.voter(id); l != nil && l.stage >= learnerSynced {
			return l.acked
		}
		return 0
	})
	if p.lead.held {
		z = min(z, p.lead.holdAfter)
	}
	if z <= p.committed {
		return
	}
	p.must(z.Epoch() == p.lead.epoch, invCommitOrder)
	for _, l := range p.lead.learners {
		// COMMITs wait for UPTODATE: between NEWLEADER and that, some of Apache's releases have forgotten the
		// proposals that came before. An observer has nothing to forget.
		switch {
		case l.observer && l.stage >= learnerSyncs:
			p.host.Inform(l.link, max(l.told, p.committed), z)
			l.told = z
		case l.stage == learnerServes:
			p.tellCommits(l, z)
		}
	}
	p.commit(z)
}

// HoldCommits keeps everything after a zxid from being committed until ReleaseCommits: an answer to a learner's
// sync is to be sent first. Apache's learners take the answers and the commits for what a session's requests wait
// for, in their order; a commit of a later request before the answer leaves its client without a reply.
func (p *Peer) HoldCommits(after proto.Zxid) {
	if p.lead != nil {
		p.lead.held, p.lead.holdAfter = true, after
	}
}

// ReleaseCommits ends HoldCommits.
func (p *Peer) ReleaseCommits() {
	if p.lead != nil {
		p.lead.held = false
	}
}

// tellCommits sends a follower the commits that it was not sent yet.
func (p *Peer) tellCommits(l *learner, upTo proto.Zxid) {
	if l.observer || l.told >= upTo {
		return
	}
	if l.own {
		p.send(l, proto.PacketCommit, upTo, nil)
		l.told = upTo
		return
	}
	// What it was not told of is of this epoch: all before was committed when it was synchronised.
	z := max(l.told, proto.MakeZxid(p.lead.epoch, 0))
	for z < upTo {
		z++
		p.send(l, proto.PacketCommit, z, nil)
	}
	l.told = z
}

// pingLearners keeps the learners from giving this leader up. The answer of one that connected after the
// leadership was put in question confirms it as well.
func (p *Peer) pingLearners() {
	for _, l := range p.lead.learners {
		if l.stage >= learnerSynced {
			p.ping(l)
		}
		if p.lead.confirm.asked && l.asked == 0 && l.votes && l.stage == learnerServes {
			l.asked = l.pings
		}
	}
}

// ping asks a learner for a sign of life, and for the sessions it has heard from. One that was not sent UPTODATE
// does not answer.
func (p *Peer) ping(l *learner) {
	if l.stage == learnerServes {
		l.pings++
	}
	p.send(l, proto.PacketPing, p.history.Last(), nil)
}

// pinged takes the answer to a ping.
func (p *Peer) pinged(l *learner, pkt *proto.QuorumPacket) {
	if l.stage != learnerServes {
		return // a learner of our kind that is busy with its snapshot
	}
	l.answers++
	if p.lead.stage == stageServes {
		p.host.FromLearner(l.link, pkt)
	}
}

// confirmation is the question whether a quorum still follows this leader. It is asked with pings, whose answers
// come in their order: a server that answered was following after the question was asked, and as long as a
// quorum of such servers exists, no later leader can have committed anything before.
type confirmation struct {
	asked  bool
	token  uint64 // of the question that was asked
	wanted bool
	next   uint64 // of the one to be asked then
}

// Confirm asks whether a quorum follows this leader. Host.Confirmed answers for the last token, and thereby for
// those before; there is no answer if the leadership ends. Tokens rise. Only a leader that serves may ask.
func (p *Peer) Confirm(now int64, token uint64) {
	p.now = now
	p.must(p.lead != nil && p.lead.stage == stageServes, invOnlyLeader)
	c := &p.lead.confirm
	c.wanted, c.next = true, token
	if !c.asked {
		p.ask()
	}
}

func (p *Peer) ask() {
	c := &p.lead.confirm
	c.asked, c.wanted, c.token = true, false, c.next
	for _, l := range p.lead.learners {
		l.asked = 0
		if l.votes && l.stage == learnerServes {
			p.ping(l)
			l.asked = l.pings
		}
	}
}

// confirmed tells the host when a quorum has answered.
func (p *Peer) confirmed() {
	c := &p.lead.confirm
	for c.asked && p.quorum(func(l *learner) bool { return l.asked > 0 && l.answers >= l.asked }) {
		c.asked = false
		p.host.Confirmed(c.token)
		if c.wanted {
			p.ask()
		}
	}
}
