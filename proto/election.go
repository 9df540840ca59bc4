package proto

import (
	"fmt"
	"strconv"
	"strings"
)

// Versions of the initial message.
const (
	InitialMessageV1  int64 = -65536 // one address
	InitialMessageV2  int64 = -65535 // several; understood since ZooKeeper 3.6
	initialMessageOld int64 = 0      // ours, for the form before 3.5: the server id alone
)

// InitialMessageMaxBytes is the size that an initial message has at most: the limit for a stream decoder.
const InitialMessageMaxBytes = 20 + maxInitialAddresses

const maxInitialAddresses = 2048

// InitialMessage is what the dialling side of an election connection sends first, and alone.
type InitialMessage struct {
	Version   int64 // 0 for the form before ZooKeeper 3.5, which has the server id alone
	Server    ServerID
	Addresses []string // where the dialler's election port can be reached, as host:port
}

// AppendInitialMessage appends m. The receiver reads it with a single call: send it with one write.
func AppendInitialMessage(b []byte, m *InitialMessage) []byte {
	if m.Version == initialMessageOld {
		return AppendInt64(b, int64(m.Server))
	}
	b = AppendInt64(b, m.Version)
	b = AppendInt64(b, int64(m.Server))
	return AppendString(b, strings.Join(m.Addresses, "|"))
}

// InitialMessage reads the record. The addresses are copied.
func (d *Decoder) InitialMessage() InitialMessage {
	switch v := d.Int64(); {
	case v >= 0:
		return InitialMessage{Version: initialMessageOld, Server: ServerID(v)}
	case v != InitialMessageV1 && v != InitialMessageV2:
		d.fail(fmt.Errorf("%w: election protocol version %d", ErrMalformed, v))
		return InitialMessage{}
	default:
		m := InitialMessage{Version: v, Server: ServerID(d.Int64())}
		n := d.Int32()
		if d.err == nil && (n <= 0 || n > maxInitialAddresses) {
			d.fail(fmt.Errorf("%w: %d bytes of election addresses", ErrMalformed, n))
		}
		if a := d.take(int(max(0, n))); d.err == nil {
			m.Addresses = strings.Split(string(a), "|")
		}
		return m
	}
}

// PeerState is what a server does, as its votes say.
type PeerState int32

// The states of a server.
const (
	Looking   PeerState = 0
	Following PeerState = 1
	Leading   PeerState = 2
	Observing PeerState = 3
)

// String names the state as logs and srvr do, for instance "LOOKING".
func (s PeerState) String() string {
	switch s {
	case Looking:
		return "LOOKING"
	case Following:
		return "FOLLOWING"
	case Leading:
		return "LEADING"
	case Observing:
		return "OBSERVING"
	}
	return "STATE" + strconv.Itoa(int(s))
}

// VoteMaxBytes is the size that a Vote has at most: the limit for the frame around it.
const VoteMaxBytes = 512 << 10

// VoteVersion is the version of a Vote that carries a configuration.
const VoteVersion int32 = 2

// Vote is a notification of the leader election: who should lead, or leads, to the sender's mind. On the
// wire it stands in a frame. The connection says who the sender is.
type Vote struct {
	State     PeerState // of the sender
	Leader    ServerID
	Zxid      Zxid  // last logged by Leader
	Round     int64 // of elections; electionEpoch in Apache's words
	PeerEpoch Epoch // current epoch of Leader
	Version   int32 // VoteVersion, or 0 for a vote that says no more than this
	Config    []byte
}

const (
	vote28Bytes = 28 // ZooKeeper 3.3: up to Round
	vote40Bytes = 40 // before 3.5: up to Version, which is not looked at
)

// AppendVote appends v without its frame: with its configuration if Version is VoteVersion or more.
func AppendVote(b []byte, v *Vote) []byte {
	b = AppendInt32(b, int32(v.State))
	b = AppendInt64(b, int64(v.Leader))
	b = AppendInt64(b, int64(v.Zxid))
	b = AppendInt64(b, v.Round)
	b = AppendInt64(b, int64(v.PeerEpoch))
	b = AppendInt32(b, v.Version)
	if v.Version >= VoteVersion {
		b = AppendInt32(b, int32(len(v.Config)))
		b = append(b, v.Config...)
	}
	return b
}

// Vote reads the record, which takes up all that remains: its length says which fields it has. Votes
// without a configuration get version 0, those without a peer epoch the epoch of their zxid.
func (d *Decoder) Vote() Vote {
	size := d.Len()
	v := Vote{
		State:  PeerState(d.Int32()),
		Leader: ServerID(d.Int64()),
		Zxid:   Zxid(d.Int64()),
		Round:  d.Int64(),
	}
	switch {
	case d.err != nil:
	case v.State < Looking || v.State > Observing:
		d.fail(fmt.Errorf("%w: vote of a server in state %d", ErrMalformed, v.State))
	case size == vote28Bytes:
		v.PeerEpoch = v.Zxid.Epoch()
	case size == vote40Bytes:
		v.PeerEpoch = Epoch(d.Int64())
		d.take(4)
	default:
		v.PeerEpoch = Epoch(d.Int64())
		version := d.Int32()
		if version < VoteVersion {
			break
		}
		v.Version = version
		n := d.Int32()
		if n < 0 {
			d.fail(errLength)
		}
		v.Config = d.take(int(max(0, n)))
	}
	return v
}
