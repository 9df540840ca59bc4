package simulation

import "gamekeeper/proto"

// connChecks is what the checks remember of a connection.
type connChecks struct {
	// What the leader has sent.
	synced  bool       // DIFF, TRUNC or SNAP
	reach   proto.Zxid // the learner has everything up to here once it has read it all
	offered proto.Zxid // the learner's last zxid, as ACKEPOCH told
	told    bool       // UPTODATE

	// What the learner has got and sent.
	promised  proto.Epoch
	newLeader proto.Zxid
	history   proto.Zxid // the last transaction of earlier epochs that came before NEWLEADER
	acked     proto.Zxid
	ackedNew  bool
}

// arrivesAtLearner notes what a learner gets.
func (k *connChecks) arrivesAtLearner(p *proto.QuorumPacket) {
	switch p.Type {
	case proto.PacketLeaderInfo:
		k.promised = p.Zxid.Epoch()
	case proto.PacketNewLeader:
		k.newLeader = p.Zxid
	case proto.PacketProposal, proto.PacketInform:
		if k.newLeader == 0 && p.Zxid.Epoch() < k.promised {
			k.history = max(k.history, p.Zxid)
		}
	}
}

// sendsToLeader checks a learner's packet against its disk when it leaves.
func (c *checker) sendsToLeader(s *server, conn *conn, p *proto.QuorumPacket) {
	k := &conn.checked
	d := &s.disk
	switch p.Type {
	case proto.PacketAckEpoch:
		c.holds(k.promised != 0 && d.accepted == k.promised && s.promiseKept(), AckEpochDurable,
			"server %d promises epoch %d and has %d on disk", s.id, k.promised, d.accepted)
		k.offered = p.Zxid
	case proto.PacketAck:
		if p.Zxid.Counter() != 0 {
			c.acksProposal(s, k, p.Zxid)
			return
		}
		c.holds(p.Zxid == k.newLeader, AckOrder, "server %d acknowledges the leader of %s", s.id, p.Zxid)
		c.holds(d.current == p.Zxid.Epoch() && s.promiseKept(), AckNewLeaderDurable, "server %d acknowledges epoch %d and has %d on disk",
			s.id, p.Zxid.Epoch(), d.current)
		c.holds(k.history == 0 || d.holds(k.history) && d.durable() >= k.history, AckNewLeaderDurable,
			"server %d acknowledges NEWLEADER %s and has not %s on disk", s.id, p.Zxid, k.history)
		k.ackedNew = true
		s.acked = max(s.acked, k.history)
	case proto.PacketFollowerInfo, proto.PacketObserverInfo:
		c.holds(p.Zxid == proto.MakeZxid(d.accepted, 0), MessageLegal, "server %d says that it accepted %s and has %d",
			s.id, p.Zxid, d.accepted)
	case proto.PacketRequest, proto.PacketRevalidate:
		c.holds(s.status.Serving, MessageLegal, "server %d sends %s before it serves", s.id, p.Type)
	case proto.PacketPing:
	default:
		c.broken(MessageLegal, "server %d sends %s to its leader", s.id, p.Type)
	}
}

// promiseKept says whether what the disk has now survives a crash.
func (s *server) promiseKept() bool {
	return s.disk.keptAccepted == s.disk.accepted && s.disk.keptCurrent == s.disk.current ||
		s.sim.opt.Mistake == EpochsNotSynced // which must be found by what follows from it
}

func (c *checker) acksProposal(s *server, k *connChecks, z proto.Zxid) {
	d := &s.disk
	c.holds(s.member.Voter, MessageLegal, "server %d observes and acknowledges %s", s.id, z)
	c.holds(k.ackedNew, AckOrder, "server %d acknowledges %s before NEWLEADER", s.id, z)
	switch {
	case z <= k.acked:
		c.broken(AckOrder, "server %d acknowledges %s after %s", s.id, z, k.acked)
	case !d.holds(z) || d.durable() < z:
		c.broken(AckProposalDurable, "server %d acknowledges %s and has %s on disk", s.id, z, d.durable())
	case d.current != k.newLeader.Epoch():
		c.broken(AckProposalDurable, "server %d acknowledges %s in epoch %d", s.id, z, d.current)
	}
	k.acked = z
	s.acked = max(s.acked, z)
}

// sendsToLearner checks a leader's packet when it leaves.
func (c *checker) sendsToLearner(s *server, conn *conn, p *proto.QuorumPacket) {
	k := &conn.checked
	observer := !conn.learner.member.Voter
	if s.status.State != proto.Leading && (s.status.State != proto.Following || !observer || !s.status.Serving) {
		c.broken(MessageLegal, "server %d is %s and sends %s", s.id, s.status.State, p.Type)
	}
	switch p.Type {
	case proto.PacketLeaderInfo:
		c.holds(s.disk.accepted == p.Zxid.Epoch() && s.promiseKept(), AckEpochDurable,
			"leader %d announces %s and has accepted %d", s.id, p.Zxid, s.disk.accepted)
	case proto.PacketDiff, proto.PacketTrunc, proto.PacketSnap:
		if s.status.State == proto.Leading {
			c.reigns(c.established, s, s.disk.current, "synchronises in")
		}
		c.holds(!k.synced, MessageLegal, "server %d synchronises link %d twice", s.id, conn.id)
		k.synced, k.reach = true, p.Zxid
		if p.Type == proto.PacketDiff {
			c.sim.result.Diffs++
			k.reach = max(k.offered, 0)
		}
	case proto.PacketNewLeader:
		c.holds(k.synced && p.Zxid == proto.MakeZxid(s.disk.current, 0), MessageLegal,
			"leader %d sends NEWLEADER %s in epoch %d", s.id, p.Zxid, s.disk.current)
	case proto.PacketProposal, proto.PacketInform:
		if !k.synced || observer != (p.Type == proto.PacketInform) || !follows(k.reach, p.Zxid) {
			c.broken(MessageLegal, "leader %d sends server %d %s %s behind %s", s.id, conn.learner.id, p.Type, p.Zxid,
				k.reach)
		}
		k.reach = p.Zxid
		if s.status.State == proto.Following {
			c.durable(p.Zxid, "is committed by server", s.id)
		}
	case proto.PacketCommit:
		if p.Zxid > k.reach || !k.synced {
			c.broken(CommitProposed, "leader %d sends COMMIT %s, its proposals end at %s", s.id, p.Zxid, k.reach)
		}
		if s.status.Serving {
			c.durable(p.Zxid, "is committed by server", s.id)
		}
	case proto.PacketUpToDate:
		c.holds(s.status.Serving && k.synced, MessageLegal, "leader %d sends UPTODATE and does not serve", s.id)
		k.told = true
	case proto.PacketSync, proto.PacketRevalidate:
		c.holds(k.told, MessageLegal, "leader %d sends %s before UPTODATE", s.id, p.Type)
	case proto.PacketPing:
	default:
		c.broken(MessageLegal, "leader %d sends %s", s.id, p.Type)
	}
}
