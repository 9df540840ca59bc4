package zab

import (
	"fmt"
	"log/slog"
	"slices"

	"gamekeeper/proto"
)

// learner is a follower or an observer, as its leader sees it.
type learner struct {
	link     Link
	stage    learnerStage
	id       proto.ServerID
	observer bool
	votes    bool // it is a voter, and followed as one
	own      bool // it is a server of our kind: see features.go
	heard    int64

	accepted proto.Epoch
	promised bool       // its promise counts
	last     proto.Zxid // the end of its log
	synced   proto.Zxid // what it had to have before its ACK of NEWLEADER, as far as that was committed
	before   proto.Zxid // the history's end when NEWLEADER was sent
	snapshot bool       // it is sent one
	acked    proto.Zxid // it has everything up to here on stable storage
	told     proto.Zxid // commits up to here were sent; to an observer, transactions
	pings    int64      // sent since UPTODATE
	answers  int64      // to these, which come in their order
	asked    int64      // the ping whose answer confirms the leadership; 0: none
}

// learnerStage is how far a learner has come.
type learnerStage uint8

const (
	learnerNew      learnerStage = iota
	learnerGreeted               // has told its accepted epoch
	learnerPromised              // has promised our epoch
	learnerSyncs                 // was sent our history and NEWLEADER
	learnerSynced                // has acknowledged that
	learnerServes                // was sent UPTODATE
)

func (l *learner) greeted() bool     { return l.stage >= learnerGreeted }
func (l *learner) hasPromised() bool { return l.stage >= learnerPromised && l.promised }
func (l *learner) hasHistory() bool  { return l.stage >= learnerSynced }

// Accepted says that a learner has connected.
func (p *Peer) Accepted(now int64, link Link) {
	p.now = now
	all := p.learners()
	if all == nil {
		p.host.CloseLink(link)
		return
	}
	*all = append(*all, &learner{link: link, heard: now})
}

// Gone says that a learner's link is closed.
func (p *Peer) Gone(now int64, link Link) {
	p.now = now
	if l := p.learner(link); l != nil {
		p.log(slog.LevelInfo, "learner gone", "server", l.id)
		p.forget(l)
	}
}

// learners returns those that learn from this server, in the order in which they came; nil if nobody may.
func (p *Peer) learners() *[]*learner {
	switch {
	case p.lead != nil:
		return &p.lead.learners
	case p.master != nil:
		return &p.master.learners
	}
	return nil
}

func (p *Peer) learner(link Link) *learner {
	all := p.learners()
	if all == nil {
		return nil
	}
	for _, l := range *all {
		if l.link == link {
			return l
		}
	}
	return nil
}

// FromLearner takes a packet of a learner.
func (p *Peer) FromLearner(now int64, link Link, pkt *proto.QuorumPacket) {
	p.now = now
	l := p.learner(link)
	if l == nil {
		return
	}
	l.heard = now
	if p.master != nil {
		p.fromObserver(l, pkt)
		return
	}
	switch pkt.Type {
	case proto.PacketAck:
		p.acknowledged(l, pkt.Zxid)
	case proto.PacketPing:
		p.pinged(l, pkt)
	case proto.PacketRequest, proto.PacketRevalidate:
		p.requested(l, pkt)
	case proto.PacketFollowerInfo, proto.PacketObserverInfo:
		p.greet(l, pkt)
	case proto.PacketAckEpoch:
		p.promisedBy(l, pkt)
	default:
		p.log(slog.LevelWarn, "unexpected packet of a learner", "server", l.id, "type", pkt.Type)
	}
}

// requested takes what a learner passes on for its clients.
func (p *Peer) requested(l *learner, pkt *proto.QuorumPacket) {
	if p.status.Serving && l.stage == learnerServes {
		p.host.FromLearner(l.link, pkt)
		return
	}
	p.closeLearner(l, "it passed on a request before it was up to date")
}

// greet takes the first packet of a learner.
func (p *Peer) greet(l *learner, pkt *proto.QuorumPacket) {
	if !p.introduced(l, pkt) {
		return
	}
	p.seen = max(p.seen, l.accepted)
	switch {
	case p.lead.stage < stagePromise:
		p.advance()
	case l.votes && l.accepted > p.lead.epoch:
		// It has led, or followed, somebody who got no quorum. It may not follow an earlier epoch any more, so it
		// could never join this one.
		p.look(fmt.Sprintf("server %d has promised the later epoch %d: the next one will be above it", l.id, l.accepted))
	default:
		p.sendLeaderInfo(l)
	}
}

// introduced takes what a learner says of itself. It is false if the learner was closed because of that.
func (p *Peer) introduced(l *learner, pkt *proto.QuorumPacket) bool {
	d := proto.NewDecoder(pkt.Data)
	info := d.LearnerInfo()
	switch {
	case d.Err() != nil || l.stage != learnerNew:
		p.closeLearner(l, "its greeting is malformed, or a second one")
		return false
	case info.Protocol < proto.ProtocolVersion:
		p.closeLearner(l, "it speaks a protocol older than that of ZooKeeper 3.5")
		return false
	case info.ConfigVersion > p.cfg.Membership.Version:
		p.closeLearner(l, "its configuration is newer than this server's")
		return false
	case info.Server == p.cfg.ID:
		p.closeLearner(l, "it has this server's own id: check the myid files")
		return false
	}
	for _, old := range slices.Clone(*p.learners()) {
		if old.id == info.Server && old.greeted() {
			p.closeLearner(old, "it has connected anew") // counted twice, it would make a quorum of itself
		}
	}
	l.id, l.stage, l.accepted = info.Server, learnerGreeted, pkt.Zxid.Epoch()
	l.observer = pkt.Type == proto.PacketObserverInfo
	l.votes = !l.observer && p.cfg.Membership.Voter(l.id)
	l.own = hasFeatures(pkt.Data, learnerInfoBytes)
	return true
}

func (p *Peer) sendLeaderInfo(l *learner) {
	p.data = proto.AppendInt32(p.data[:0], proto.ProtocolVersion)
	if l.own {
		p.data = appendFeatures(p.data)
	}
	p.send(l, proto.PacketLeaderInfo, proto.MakeZxid(p.status.Epoch, 0), p.data)
}

// promisedBy takes ACKEPOCH: the learner follows no epoch before ours any more, and tells what it has.
func (p *Peer) promisedBy(l *learner, pkt *proto.QuorumPacket) {
	epoch, ok := epochOf(pkt.Data)
	if !ok || l.stage != learnerGreeted || p.lead.stage < stagePromise {
		p.closeLearner(l, "its ACKEPOCH is malformed or out of turn")
		return
	}
	l.last = pkt.Zxid
	if p.lead.stage == stagePromise && epoch != promisedBefore {
		if p.moreRecent(proto.Epoch(epoch), l.last) {
			p.closeLearner(l, "it has a more recent history than this leader")
			return
		}
		l.promised = l.last != untrustedZxid // which an Apache server says that may have lost its data
	}
	l.stage = learnerPromised
	if p.lead.stage >= stageHistory {
		p.synchronise(l)
		return
	}
	p.advance()
}

// moreRecent says whether a history with that current epoch and end can hold something committed that this
// leader's has not.
func (p *Peer) moreRecent(epoch proto.Epoch, last proto.Zxid) bool {
	if epoch != p.lead.current {
		return epoch > p.lead.current
	}
	if last.Counter() == 0 && last.Epoch() == epoch {
		return false // (e,0) stands for the history that epoch e began with, which this server has: it is of e too
	}
	return last > p.lead.last
}

func (p *Peer) sendUpToDate(l *learner) {
	l.stage = learnerServes
	if l.own {
		p.tellCommits(l, p.committed) // some of what is committed it may have had in its log before: see Peer.commitKept
	}
	p.send(l, proto.PacketUpToDate, -1, nil)
	p.tellCommits(l, p.committed)
	p.log(slog.LevelInfo, "learner is up to date", "server", l.id, "observer", l.observer)
}

// send sends a packet to a learner.
func (p *Peer) send(l *learner, t proto.PacketType, zxid proto.Zxid, data []byte) {
	p.packet = proto.QuorumPacket{Type: t, Zxid: zxid, Data: data}
	p.host.Send(l.link, &p.packet)
}
