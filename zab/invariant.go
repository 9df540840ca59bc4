package zab

import (
	"fmt"

	"gamekeeper/proto"
)

// invariant names something that this code guarantees whatever other servers do. What others break is answered
// by closing their link.
type invariant string

const (
	invEpochsRise    invariant = "accepted and current epoch never decrease"
	invEpochOrder    invariant = "the current epoch is never above the accepted one"
	invCommitKnown   invariant = "only what is in the log is committed"
	invCommitOrder   invariant = "the commit point never goes back while a leader serves"
	invContiguous    invariant = "a leader's proposals are (epoch,1), (epoch,2) and so on without a gap"
	invOnlyLeader    invariant = "only a leader that serves proposes"
	invDurableBefore invariant = "the history of an epoch is on stable storage before its epoch is current"
	invAckDurable    invariant = "what is acknowledged is on stable storage, and everything before it"
)

// must panics when an invariant does not hold: going on could lose what was acknowledged.
func (p *Peer) must(holds bool, inv invariant) {
	if !holds {
		panic(fmt.Sprintf("zab: broken invariant: %s (server %d, %s, epochs %d/%d, log %s durable %s committed %s)",
			inv, p.cfg.ID, p.status.State, p.accepted, p.current, p.history.Last(), p.durable, p.committed))
	}
}

// follows says whether z may come right after last in a history: the next of its epoch, or the first of a later
// one.
func follows(last, z proto.Zxid) bool {
	if z.Epoch() == last.Epoch() {
		return z == last+1
	}
	return z.Epoch() > last.Epoch() && z.Counter() == 1
}
