package proto

import "strconv"

// PacketType is the kind of a QuorumPacket. The numbers are those of Apache's Leader class.
type PacketType int32

// The kinds of packets between a leader and its learners, and what their zxid and data are. e is the
// leader's epoch; data is null where nothing is said of it.
const (
	PacketRequest           PacketType = 1  // learner: a client's write. zxid -1, data Forwarded, auth the client's
	PacketProposal          PacketType = 2  // leader: zxid and bytes of a transaction
	PacketAck               PacketType = 3  // learner: zxid of a proposal, or (e,0)
	PacketCommit            PacketType = 4  // leader: zxid of a proposal
	PacketPing              PacketType = 5  // leader: last proposed zxid; learner: the same, data SessionTimeout*
	PacketRevalidate        PacketType = 6  // learner: zxid -1, data SessionTimeout; leader: data SessionValidity
	PacketSync              PacketType = 7  // learner's REQUEST of a sync is answered: zxid 0
	PacketInform            PacketType = 8  // leader to observer: a committed transaction, as in PROPOSAL
	PacketCommitAndActivate PacketType = 9  // leader: zxid of a reconfig, data int64 designated leader
	PacketNewLeader         PacketType = 10 // leader: (e,0), data the leader's last seen configuration
	PacketFollowerInfo      PacketType = 11 // learner: (accepted epoch,0), data LearnerInfo
	PacketUpToDate          PacketType = 12 // leader: zxid -1
	PacketDiff              PacketType = 13 // leader: zxid of the last transaction that follows
	PacketTrunc             PacketType = 14 // leader: zxid to keep up to
	PacketSnap              PacketType = 15 // leader: last processed zxid, then a raw snapshot (SnapshotNode)
	PacketObserverInfo      PacketType = 16 // as FOLLOWERINFO, from an observer
	PacketLeaderInfo        PacketType = 17 // leader: (e,0), data int32 ProtocolVersion
	PacketAckEpoch          PacketType = 18 // learner: last logged zxid, data int32 current epoch, or -1
	PacketInformAndActivate PacketType = 19 // leader to observer: a reconfig, data int64 designated leader, transaction
)

// ProtocolVersion of the leader-learner protocol, in LearnerInfo and LEADERINFO.
const ProtocolVersion int32 = 0x10000

// String returns the name that the protocol's documents use, for instance "PROPOSAL".
func (t PacketType) String() string {
	switch t {
	case PacketRequest:
		return "REQUEST"
	case PacketProposal:
		return "PROPOSAL"
	case PacketAck:
		return "ACK"
	case PacketCommit:
		return "COMMIT"
	case PacketPing:
		return "PING"
	case PacketRevalidate:
		return "REVALIDATE"
	case PacketSync:
		return "SYNC"
	case PacketInform:
		return "INFORM"
	case PacketCommitAndActivate:
		return "COMMITANDACTIVATE"
	case PacketNewLeader:
		return "NEWLEADER"
	case PacketFollowerInfo:
		return "FOLLOWERINFO"
	case PacketUpToDate:
		return "UPTODATE"
	case PacketDiff:
		return "DIFF"
	case PacketTrunc:
		return "TRUNC"
	case PacketSnap:
		return "SNAP"
	case PacketObserverInfo:
		return "OBSERVERINFO"
	case PacketLeaderInfo:
		return "LEADERINFO"
	case PacketAckEpoch:
		return "ACKEPOCH"
	case PacketInformAndActivate:
		return "INFORMANDACTIVATE"
	}
	return "PACKET" + strconv.Itoa(int(t))
}

// QuorumPacket is what a leader and a learner send each other. Packets follow one another in the stream
// without a length before them: read them with NewStreamDecoder. Data and Auth are null when nil.
type QuorumPacket struct {
	Type PacketType
	Zxid Zxid
	Data []byte
	Auth Identities
}

// AppendQuorumPacket appends p.
func AppendQuorumPacket(b []byte, p *QuorumPacket) []byte {
	b = AppendInt32(b, int32(p.Type))
	b = AppendInt64(b, int64(p.Zxid))
	b = AppendBuffer(b, p.Data)
	return AppendIdentities(b, p.Auth)
}

// QuorumPacket reads the record.
func (d *Decoder) QuorumPacket() QuorumPacket {
	return QuorumPacket{
		Type: PacketType(d.Int32()),
		Zxid: Zxid(d.Int64()),
		Data: d.Buffer(),
		Auth: d.Identities(),
	}
}

// LearnerInfo is the data of FOLLOWERINFO and OBSERVERINFO.
type LearnerInfo struct {
	Server        ServerID
	Protocol      int32 // ProtocolVersion
	ConfigVersion int64 // of the configuration that the learner has committed
}

// AppendLearnerInfo appends r.
func AppendLearnerInfo(b []byte, r LearnerInfo) []byte {
	b = AppendInt64(b, int64(r.Server))
	b = AppendInt32(b, r.Protocol)
	return AppendInt64(b, r.ConfigVersion)
}

// LearnerInfo reads the record. Old learners leave out the last field or the last two; these are then 0
// and, for Protocol, 1.
func (d *Decoder) LearnerInfo() LearnerInfo {
	r := LearnerInfo{Server: ServerID(d.Int64()), Protocol: 1}
	if d.Len() >= 4 {
		r.Protocol = d.Int32()
	}
	if d.Len() >= 8 {
		r.ConfigVersion = d.Int64()
	}
	return r
}

// Forwarded is the data of REQUEST: a client's write that a learner passes on. Body is the client's
// request record unchanged, to the end of the data; a createSession has its timeout there, a
// closeSession nothing.
type Forwarded struct {
	Session SessionID
	Cxid    int32
	Op      Op
	Body    []byte // not nil
}

// AppendForwarded appends r.
func AppendForwarded(b []byte, r *Forwarded) []byte {
	b = AppendInt64(b, int64(r.Session))
	b = AppendInt32(b, r.Cxid)
	b = AppendInt32(b, int32(r.Op))
	return append(b, r.Body...)
}

// Forwarded reads the record, which takes up all that remains.
func (d *Decoder) Forwarded() Forwarded {
	r := Forwarded{Session: SessionID(d.Int64()), Cxid: d.Int32(), Op: Op(d.Int32())}
	r.Body = d.take(d.Len())
	return r
}

// SessionTimeout is a session with its timeout in milliseconds: in the data of PING and REVALIDATE from
// a learner, and in snapshots.
type SessionTimeout struct {
	Session SessionID
	Timeout int32
}

// SessionTimeoutBytes is the size of an encoded SessionTimeout. The data of a learner's PING is these
// records up to its end.
const SessionTimeoutBytes = 12

// AppendSessionTimeout appends r.
func AppendSessionTimeout(b []byte, r SessionTimeout) []byte {
	return AppendInt32(AppendInt64(b, int64(r.Session)), r.Timeout)
}

// SessionTimeout reads the record.
func (d *Decoder) SessionTimeout() SessionTimeout {
	return SessionTimeout{Session: SessionID(d.Int64()), Timeout: d.Int32()}
}

// SessionValidity is the data of REVALIDATE from the leader: whether the session is alive, and from now
// on the learner's that asked.
type SessionValidity struct {
	Session SessionID
	Valid   bool
}

// AppendSessionValidity appends r.
func AppendSessionValidity(b []byte, r SessionValidity) []byte {
	return AppendBool(AppendInt64(b, int64(r.Session)), r.Valid)
}

// SessionValidity reads the record.
func (d *Decoder) SessionValidity() SessionValidity {
	return SessionValidity{Session: SessionID(d.Int64()), Valid: d.Bool()}
}
