package simulation

// Mistake is a bug that the simulated host or the wire can have, to see that the checks find it.
type Mistake int

// The mistakes. None is what a right server does.
const (
	None                 Mistake = iota
	AckBeforeSync                // the log says that it is durable before it is
	LeaderAcksEarly              // the leader's own log alone does
	EpochsNotSynced              // epochs are in memory until the next ones are written
	TruncateSkipped              // the log is not cut
	TruncateKeepsTree            // the log is, the tree goes on from what was cut off
	CommitsSwapped               // two transactions are applied in the wrong order
	ProposalDropped              // a transaction is not written
	SnapshotLosesLast            // a snapshot is sent without the last transaction it claims to have
	SnapshotsUncommitted         // snapshots are taken while nobody knows whether it will be committed
	StaleVote                    // a vote for itself has not the server's last zxid
	LogReordered                 // in a crash the log loses a transaction and keeps one behind it
	LogKeptUnderSnapshot         // the log from before is still there after a snapshot was received
	PurgesTooEarly               // the log is deleted beyond the snapshot
	SmallQuorum                  // two servers suffice
	ServesAlways                 // clients are served by a server without a leader
	ConfirmsAlone                // a leader answers a sync without asking its followers
	RequestRepeated              // a learner sends a request twice
	OldConnection                // packets from a connection that was given up are passed on
	ReceivedCounts               // after a crash a snapshot counts that had come, and was given up
	DamageCut                    // a damaged record is taken for the log's torn end
	EmptiedVotes                 // a server whose disk was emptied counts before it was seeded again
	WeightsIgnored               // a majority of servers counts as a quorum of groups
	MovesIgnored                 // a session's old server may write for it
	SeenIgnored                  // a server takes clients that have seen more than it has
	TouchesIgnored               // the leader forgets which sessions its learners have heard from
	SessionsNotSent              // a snapshot is sent without the sessions
	MasterForgetsOwner           // a follower does not know which of its observers a session has gone to
	mistakes
)

var mistakeNames = [mistakes]string{"None", "AckBeforeSync", "LeaderAcksEarly", "EpochsNotSynced", "TruncateSkipped",
	"TruncateKeepsTree", "CommitsSwapped", "ProposalDropped", "SnapshotLosesLast", "SnapshotsUncommitted", "StaleVote",
	"LogReordered", "LogKeptUnderSnapshot", "PurgesTooEarly", "SmallQuorum", "ServesAlways", "ConfirmsAlone",
	"RequestRepeated", "OldConnection", "ReceivedCounts", "DamageCut", "EmptiedVotes", "WeightsIgnored", "MovesIgnored",
	"SeenIgnored", "TouchesIgnored", "SessionsNotSent", "MasterForgetsOwner"}

// String names the mistake.
func (m Mistake) String() string { return mistakeNames[m] }
