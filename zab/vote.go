package zab

import (
	"math"

	"gamekeeper/proto"
)

// What a server without a candidate of its own proposes: Java's Long.MIN_VALUE in every field, as Apache does.
const (
	noServer proto.ServerID = math.MinInt64
	minZxid  proto.Zxid     = math.MinInt64
	minEpoch proto.Epoch    = math.MinInt64
)

// untrustedZxid is the zxid of a server whose database may have lost what it once had (zookeeper.db.autocreate=false).
// It has no say in who leads, but may join a leader.
const untrustedZxid proto.Zxid = -1

// ballot is a notification without the configuration: what is remembered of it, and comparable.
type ballot struct {
	state   proto.PeerState // of the server that cast it
	leader  proto.ServerID
	zxid    proto.Zxid
	round   int64
	epoch   proto.Epoch
	version int32
}

func ballotOf(v *proto.Vote) ballot {
	return ballot{v.State, v.Leader, v.Zxid, v.Round, v.PeerEpoch, v.Version}
}

// notification is b as it goes out.
func (b ballot) notification(config []byte) proto.Vote {
	return proto.Vote{
		State: b.state, Leader: b.leader, Zxid: b.zxid, Round: b.round, PeerEpoch: b.epoch,
		Version: proto.VoteVersion, Config: config,
	}
}

// better says whether a proposes a better leader than b: the one with the later epoch, then the later zxid, then
// the greater id. One that cannot be elected is worse than any other. Rounds do not matter.
func better(m *Membership, a, b ballot) bool {
	if ea, eb := electable(m, a.leader), electable(m, b.leader); !ea || !eb {
		return ea
	}
	if a.epoch != b.epoch {
		return a.epoch > b.epoch
	}
	if a.zxid != b.zxid {
		return a.zxid > b.zxid
	}
	return a.leader > b.leader
}

// electable says whether id may lead: it votes, and it has weight if there are weights.
func electable(m *Membership, id proto.ServerID) bool {
	x, ok := m.Member(id)
	return ok && x.Voter && (!m.Hierarchical || x.Weight != 0)
}

// sameVote says whether two votes are for the same thing.
//
// Votes of servers that follow or lead are compared by leader and epoch alone: servers that joined the same
// leader at different times name different zxids and rounds. A version of 0 on one side means a server older
// than ZooKeeper 3.4.6, which does not tell the epoch that its leader has established.
func sameVote(a, b ballot) bool {
	switch {
	case a.leader != b.leader:
		return false
	case a.state == proto.Looking || b.state == proto.Looking:
		return a.zxid == b.zxid && a.round == b.round && a.epoch == b.epoch
	case (a.version > 0) != (b.version > 0):
		return true
	}
	return a.epoch == b.epoch
}
