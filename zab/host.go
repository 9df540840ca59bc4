package zab

import (
	"log/slog"

	"gamekeeper/proto"
)

// Link names a connection that a learner has made to this server. The host numbers them and never uses a number
// again.
type Link uint64

// Port is one of the ports of a server on which learners connect.
type Port uint8

// The ports.
const (
	// QuorumPort is a leader's, for all its learners.
	QuorumPort Port = iota
	// ObserverPort is a follower's, for observers (observerMasterPort).
	ObserverPort
)

// Format is how a snapshot is sent.
type Format uint8

// The formats of a snapshot.
const (
	// FormatApache is the stream that proto describes, behind a SNAP packet.
	FormatApache Format = iota
	// FormatOwn is between servers of this kind: the snapshot's own records, compressed.
	FormatOwn
)

// Host carries out what a Peer asks for. Calls come from the methods of the Peer, on its goroutine; none may
// block for long but those that say so, none may call the Peer, and their order counts.
type Host interface {
	// SendVote sends a notification of the election to a server, if it can be reached. A later vote to the same
	// server takes the place of one that was not sent yet.
	SendVote(to proto.ServerID, v *proto.Vote)

	// Connect begins to connect to a port of the leader, or of a follower that serves observers, trying again for
	// as long as the configuration says. The answer is Peer.Connected or Peer.Disconnected. There is one such
	// connection at a time; it is called the leader's in what follows, whoever is at its other end.
	Connect(to proto.ServerID, port Port)
	// Disconnect gives up the connection to the leader, or the attempt. No Disconnected follows, and nothing
	// that was received on it may be passed on any more.
	Disconnect()
	// SendToLeader puts a packet into the output of that connection.
	SendToLeader(p *proto.QuorumPacket)

	// Listen opens a port, at once: followers give up soon. There is one open at a time.
	Listen(port Port)
	// StopListening closes that port and every learner's link. As with CloseLink, nothing more of them
	// may be passed on.
	StopListening()
	// Send puts a packet into the output of a learner's link.
	Send(l Link, p *proto.QuorumPacket)
	// SendLog puts the transactions of the log after one zxid and up to another into the output, in their
	// place: PROPOSAL for each, with a COMMIT behind each that is not above committed; for an observer an
	// INFORM for each that is not above committed, and nothing for the others. The log may not have written
	// the last of them yet: the link waits for that.
	SendLog(l Link, after, upTo, committed proto.Zxid, observer bool)
	// SendSnapshot puts a SNAP packet and the stream behind it into the output. The zxid it returns is the
	// packet's: all transactions after it have to follow. Without a snapshot to send it returns false.
	SendSnapshot(l Link, f Format) (zxid proto.Zxid, ok bool)
	// Inform puts INFORM packets of the transactions after one zxid and up to another into the output of an
	// observer's link. They were committed since the last Settle, or are about to be in this very call of the Peer.
	Inform(l Link, after, upTo proto.Zxid)
	// CloseLink closes a learner's link. No Gone follows.
	CloseLink(l Link)
	// DiffPays says whether sending the log after a zxid costs less than sending a snapshot. It must if the
	// snapshot is not after that zxid: a learner that is sent one has less on its disk than before until it was
	// sent the rest, and what it had may be needed for a quorum.
	DiffPays(after proto.Zxid) bool

	// SetEpochs makes both durable before it returns.
	SetEpochs(accepted, current proto.Epoch)
	// Append gives a proposal to the log, behind all others. Peer.Durable reports when it is on stable storage.
	// On a leader it is what Propose was given, on a learner what came from the leader.
	Append(zxid proto.Zxid, txn []byte)
	// Truncate removes everything after a zxid: from the log, which is durable on return, from what waits to be
	// applied, and from the tree, which may take as long as loading it.
	Truncate(to proto.Zxid)
	// ReceiveSnapshot takes the stream that follows on the leader's connection, and makes it the state of this
	// server in the place of snapshot, tree and log, all or nothing; then the log is empty and goes on after
	// zxid, and Peer.SnapshotReceived tells. Until then nothing else from the leader may be passed on. If it
	// fails, or Disconnect comes first, the state remains what it was before. The host alone watches the stream:
	// if it stands still for too long, the host closes the connection and says Peer.Disconnected.
	ReceiveSnapshot(zxid proto.Zxid, f Format)
	// Commit says that everything appended up to zxid is to be applied. A later Truncate may take back what was
	// applied while Status.Serving was false: until it is true nothing of it may get into a snapshot.
	Commit(zxid proto.Zxid)

	// FromLearner passes on what a learner sends for its clients: REQUEST, REVALIDATE, and PING with the
	// sessions it has heard from. It comes only while this server serves, as the leader, or as a follower of
	// which the learner is an observer. A follower sends requests to its leader, and answers when that does: SYNC
	// and REVALIDATE come to FromLeader in the order in which they were asked for. What it sends a learner from
	// there is behind all that was committed before the answer, and before all that was committed after it.
	FromLearner(l Link, p *proto.QuorumPacket)
	// FromLeader passes on the answers to what this server sent for its clients: REVALIDATE and SYNC.
	FromLeader(p *proto.QuorumPacket)
	// AppendTouched appends the sessions that were heard from since the last call, as proto.SessionTimeout
	// records, for the answer to the leader's PING.
	AppendTouched(b []byte) []byte
	// Confirmed says that a quorum followed this leader at some time after Peer.Confirm(token) was called.
	Confirmed(token uint64)

	// Changed tells every change of the Status, before anything that follows from it.
	Changed(s Status)
	// Log tells the operator something; args are key-value pairs as those of log/slog.
	Log(level slog.Level, msg string, args ...any)
}

// Status is what a Peer does.
type Status struct {
	State  proto.PeerState
	Leader proto.ServerID // when State is not Looking
	// Master is the server that a learner learns from: the leader, or for an observer a follower. That may have
	// found another leader than the election did in which this server took part.
	Master proto.ServerID
	Epoch  proto.Epoch // of the leader, once it is known
	// Serving says that clients may be served: a leader whose history a quorum has, a learner that has all that
	// was committed when it joined.
	Serving bool
}
