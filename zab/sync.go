package zab

import (
	"log/slog"

	"gamekeeper/proto"
)

// method is how a learner is brought to the leader's history.
type method uint8

const (
	sendDiff  method = iota // what it lacks
	sendTrunc               // it goes back to what the leader has too, then what it lacks
	sendSnap                // the leader's state
)

// chooseSync decides how a learner is synchronised, and which zxid it has from then on.
//
// Histories with a common transaction are equal up to there. So a learner whose last zxid z is in the leader's
// log lacks what follows. If z is not, it goes back to the last one before z that is, provided that it has it:
//
//   - In the epoch of z, zxids are contiguous, so it has.
//   - In an earlier epoch, it has too. The learner's transaction of epoch(z) was proposed after a quorum had the
//     history with which that epoch began. This leader's quorum meets that one, so the leader has that history,
//     and what it has before z is its end. Apache's learners do not go back to another epoch.
//
// (e,0) is what Apache's servers call the history with which epoch e began. The leader has it if it was of epoch
// e itself, or has transactions of e.
func (p *Peer) chooseSync(l *learner) (method, proto.Zxid) {
	z := max(l.last, 0) // below 0: a server without data that must not vote
	from, ok := p.history.Floor(z)
	if !ok {
		return sendSnap, 0
	}
	how := sendDiff
	switch {
	case !l.own && p.status.Serving && from > p.committed:
		// It takes its whole log for committed. So it goes back, and is sent the rest as proposals.
		how, from = sendTrunc, p.committed
	case from == z:
	case z.Counter() == 0:
		if !p.began(z.Epoch()) {
			return sendSnap, 0
		}
	case from.Epoch() != z.Epoch() && !l.own:
		return sendSnap, 0
	default:
		how = sendTrunc
	}
	if (from != p.history.Last() || p.cfg.ForceSnapshot) && !p.host.DiffPays(from) {
		return sendSnap, 0
	}
	return how, from
}

// began says whether this server is known to have the history with which an epoch began.
func (p *Peer) began(e proto.Epoch) bool {
	return e == p.current || p.lead != nil && e == p.lead.current || p.history.HasEpoch(e)
}

// synchronise sends a learner the history, and NEWLEADER behind it. From here on it is sent every proposal.
func (p *Peer) synchronise(l *learner) {
	how, from := p.chooseSync(l)
	if p.busySyncs(l, how) {
		p.closeLearner(l, "as many learners as allowed are being synchronised: it will come again")
		return
	}
	last := p.history.Last()
	committed := last // before it serves, a leader's whole history counts as committed: if it ever serves, it is
	if p.status.Serving {
		committed = p.committed
	}
	name := "DIFF"
	switch how {
	case sendSnap:
		format := FormatApache
		if l.own {
			format = FormatOwn
		}
		zxid, ok := p.host.SendSnapshot(l.link, format)
		if !ok {
			p.closeLearner(l, "it needs a snapshot, and this server has none yet")
			return
		}
		name, from, l.snapshot = "SNAP", zxid, true
	case sendTrunc:
		name = "TRUNC"
		p.send(l, proto.PacketTrunc, from, nil)
	default:
		p.send(l, proto.PacketDiff, last, nil)
	}
	p.log(slog.LevelInfo, "synchronising learner", "server", l.id, "observer", l.observer, "with", name,
		"its_zxid", l.last, "from", from, "to", last)
	if from < last {
		p.host.SendLog(l.link, from, last, committed, l.observer)
	}
	l.synced, l.told, l.before, l.acked = committed, committed, last, 0
	if l.own && !l.observer {
		l.told = 0
	}
	l.stage = learnerSyncs
	p.send(l, proto.PacketNewLeader, proto.MakeZxid(p.status.Epoch, 0), p.cfg.ConfigText)
}

// busySyncs says whether a learner that does not vote has to wait with its synchronisation.
func (p *Peer) busySyncs(l *learner, how method) bool {
	limit := p.cfg.MaxDiffSyncs
	if how == sendSnap {
		limit = p.cfg.MaxSnapSyncs
	}
	if l.votes || limit == 0 {
		return false
	}
	n := 0
	for _, x := range *p.learners() {
		if x.stage == learnerSyncs && x.snapshot == (how == sendSnap) {
			n++
		}
	}
	return n >= limit
}
