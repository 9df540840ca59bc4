package proto

import "fmt"

// quorumAuthMagic opens a QuorumAuthPacket; no QuorumPacket begins like this.
const quorumAuthMagic int64 = 0x5f2435013501edcc

// QuorumAuthStatus says how far the authentication of a server has come.
type QuorumAuthStatus int32

// The states of an authentication.
const (
	QuorumAuthInProgress QuorumAuthStatus = 0
	QuorumAuthSuccess    QuorumAuthStatus = 1
	QuorumAuthError      QuorumAuthStatus = -1
)

// QuorumAuthPacket carries a SASL token between two servers, before anything else on a quorum connection
// and right after the initial message on an election connection.
type QuorumAuthPacket struct {
	Status QuorumAuthStatus
	Token  []byte
}

// AppendQuorumAuthPacket appends p.
func AppendQuorumAuthPacket(b []byte, p QuorumAuthPacket) []byte {
	b = AppendInt64(b, quorumAuthMagic)
	b = AppendInt32(b, int32(p.Status))
	return AppendBuffer(b, p.Token)
}

// IsQuorumAuth says whether a connection whose first eight bytes are b begins with a QuorumAuthPacket: a
// server that does not authenticate begins with something else.
func IsQuorumAuth(b []byte) bool {
	d := NewDecoder(b)
	return d.Int64() == quorumAuthMagic
}

// QuorumAuthPacket reads the record.
func (d *Decoder) QuorumAuthPacket() QuorumAuthPacket {
	if m := d.Int64(); m != quorumAuthMagic {
		d.fail(fmt.Errorf("%w: magic number %#x is not a quorum authentication's", ErrMalformed, uint64(m)))
	}
	return QuorumAuthPacket{Status: QuorumAuthStatus(d.Int32()), Token: d.Buffer()}
}
