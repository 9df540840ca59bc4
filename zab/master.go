package zab

import (
	"log/slog"
	"slices"

	"gamekeeper/proto"
)

// master is what a follower knows while it serves observers, which spares its leader to do so: it brings them to its own
// history, and tells them what is committed when it is told. They speak to it as to a leader. It needs no quorum for
// anything, since all that it tells them is committed.
type master struct {
	learners       []*learner
	pingAt, tickAt int64
	informed       proto.Zxid // what observers were told of
	waiting        bool       // one knows more than this server: see teach
}

// serveObservers opens the port for observers.
func (p *Peer) serveObservers() {
	if !p.cfg.ObserverMasters || p.learn.observer {
		return
	}
	p.master = &master{pingAt: p.now, tickAt: p.now, informed: p.committed}
	p.host.Listen(ObserverPort)
}

// fromObserver takes a packet of an observer that this follower serves.
func (p *Peer) fromObserver(l *learner, pkt *proto.QuorumPacket) {
	switch pkt.Type {
	case proto.PacketObserverInfo:
		if p.introduced(l, pkt) {
			p.sendLeaderInfo(l)
		}
	case proto.PacketAckEpoch:
		if _, ok := epochOf(pkt.Data); !ok || l.stage != learnerGreeted {
			p.closeLearner(l, "its ACKEPOCH is malformed or out of turn")
			return
		}
		l.last, l.stage = pkt.Zxid, learnerPromised
		p.teach(l)
	case proto.PacketAck:
		p.acknowledgedMaster(l, pkt.Zxid)
	case proto.PacketPing:
		if l.stage == learnerServes {
			p.host.FromLearner(l.link, pkt)
		}
	case proto.PacketRequest, proto.PacketRevalidate:
		p.requested(l, pkt)
	case proto.PacketFollowerInfo:
		p.closeLearner(l, "it is no observer, and has connected to the port for observers")
	default:
		p.log(slog.LevelWarn, "unexpected packet of an observer", "server", l.id, "type", pkt.Type)
	}
}

// teach brings an observer to this server's history. One may have learned more of this epoch elsewhere; as an observer
// it was told nothing but what is committed. So it must not go back, and waits until this server knows as much.
func (p *Peer) teach(l *learner) {
	z := max(l.last, 0)
	switch {
	case z.Epoch() > p.current:
		p.closeLearner(l, "it has a more recent history than this follower")
	case z.Epoch() == p.current && z.Counter() != 0 && z > p.committed:
		p.master.waiting = true
	default:
		p.synchronise(l)
	}
}

// acknowledgedMaster takes an ACK of NEWLEADER: an observer acknowledges nothing else.
func (p *Peer) acknowledgedMaster(l *learner, zxid proto.Zxid) {
	switch {
	case l.stage < learnerSyncs || zxid != proto.MakeZxid(p.status.Epoch, 0):
		p.closeLearner(l, "it acknowledged what it was not sent, or a proposal")
	case l.stage == learnerSyncs:
		l.stage = learnerSynced
		p.sendUpToDate(l)
	}
}

// inform tells the observers what was committed since the last time.
func (p *Peer) inform() {
	m := p.master
	if m == nil || m.informed == p.committed {
		return
	}
	m.informed = p.committed
	for _, l := range m.learners {
		if l.stage >= learnerSyncs && l.told < p.committed {
			p.host.Inform(l.link, l.told, p.committed)
			l.told = p.committed
		}
	}
	if m.waiting {
		m.waiting = false
		for _, l := range slices.Clone(m.learners) {
			if l.stage == learnerPromised {
				p.teach(l)
			}
		}
	}
}

// settleMaster informs the observers, and does what time demands.
func (p *Peer) settleMaster() (next int64) {
	m := p.master
	p.inform()
	if p.now >= m.pingAt {
		m.pingAt = p.now + max(p.cfg.TickMs/2, 1)
		for _, l := range m.learners {
			if l.stage >= learnerSynced {
				p.ping(l)
			}
		}
	}
	if p.now >= m.tickAt {
		m.tickAt = p.now + p.cfg.TickMs
		for _, l := range slices.Clone(m.learners) {
			if p.silent(l) {
				p.closeLearner(l, silence)
			}
		}
	}
	return min(m.pingAt, m.tickAt)
}

// nextMaster returns from whom an observer learns. The followers take turns in an order that chance has given, so that
// one that cannot be reached is passed over, and observers spread. A leader that nobody follows serves observers itself.
func (p *Peer) nextMaster(leader proto.ServerID) (proto.ServerID, Port) {
	if !p.cfg.ObserverMasters {
		return leader, QuorumPort
	}
	if p.masters == nil {
		p.masters = p.shuffledVoters()
	}
	for range p.masters {
		first := p.masters[0]
		copy(p.masters, p.masters[1:])
		p.masters[len(p.masters)-1] = first
		if first != leader {
			return first, ObserverPort
		}
	}
	return leader, QuorumPort
}

func (p *Peer) shuffledVoters() (ids []proto.ServerID) {
	for _, x := range p.cfg.Membership.Members {
		if x.Voter {
			ids = append(ids, x.ID)
		}
	}
	for i := range ids {
		j := i + int(p.cfg.Random(int64(len(ids)-i)))
		ids[i], ids[j] = ids[j], ids[i]
	}
	return ids
}
