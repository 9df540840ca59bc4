package snapshot

import (
	"encoding/binary"
	"fmt"
	"time"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

// formatVersion is that of the keys and values. It is only ever raised.
const formatVersion = 1

// Mark says what a snapshot holds and what is to be done after loading it.
type Mark struct {
	// Round is the number of the flush round that made it, from 1 on.
	Round uint64
	// ReplayAfter is the zxid that the snapshot is complete up to: the transactions after it, and none before,
	// are to be applied to what Load returns.
	ReplayAfter proto.Zxid
	// Time is when ReplayAfter was the last zxid.
	Time time.Time
	// FuzzyUntil is the last zxid whose effects may be in the snapshot, ReplayAfter if it is exact. Until it is
	// applied, the tree is a state that never was: its digest says nothing and it must not be served.
	FuzzyUntil proto.Zxid
	// Digest and Nodes are those of the tree after FuzzyUntil, before the next transaction.
	Digest uint64
	Nodes  int
	// Unverified says that there is nothing to compare with: the snapshot was received from an Apache server,
	// which does not say how far its effects reach, nor what the digest was. Digest is 0 then, Nodes is what was
	// received. The replay converges nonetheless, at a zxid above FuzzyUntil that nobody knows; digests in the
	// log say nothing before it. The next round makes a mark that can be verified.
	Unverified bool
}

// Verify compares t, to which everything up to FuzzyUntil was applied and nothing after it, with the mark.
// The error is of class ErrCorrupt. Of an unverified mark everything is accepted.
func (m *Mark) Verify(t *tree.Tree) error {
	if m.Unverified {
		return nil
	}
	if t.Count() != m.Nodes || t.Digest() != m.Digest {
		return fmt.Errorf("%w: the tree after zxid %s has %d znodes and digest %#x, and had %d and %#x when the snapshot was written",
			ErrCorrupt, m.FuzzyUntil, t.Count(), t.Digest(), m.Nodes, m.Digest)
	}
	return nil
}

// reach is the state of a tree that a batch of znodes was read from.
type reach struct {
	zxid       proto.Zxid
	digest     uint64
	nodes      int
	unverified bool // there is no digest
}

func reachOf(t *tree.Tree) reach {
	return reach{zxid: t.LastZxid(), digest: t.Digest(), nodes: t.Count()}
}

const (
	markBytes            = 24
	reachBytes           = 24
	unverifiedReachBytes = 16
)

// appendMark appends the part of m that the key of the mark has: the rest is that of the reach.
func appendMark(b []byte, m *Mark) []byte {
	b = binary.BigEndian.AppendUint64(b, m.Round)
	b = binary.BigEndian.AppendUint64(b, uint64(m.ReplayAfter))
	return binary.BigEndian.AppendUint64(b, uint64(m.Time.UnixMilli()))
}

func decodeMark(b []byte) (m Mark, ok bool) {
	if len(b) != markBytes {
		return m, false
	}
	m.Round = binary.BigEndian.Uint64(b)
	m.ReplayAfter = proto.Zxid(binary.BigEndian.Uint64(b[8:]))
	m.Time = time.UnixMilli(int64(binary.BigEndian.Uint64(b[16:])))
	return m, true
}

func appendReach(b []byte, r reach) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(r.zxid))
	if !r.unverified {
		b = binary.BigEndian.AppendUint64(b, r.digest)
	}
	return binary.BigEndian.AppendUint64(b, uint64(r.nodes))
}

func decodeReach(b []byte) (r reach, ok bool) {
	switch len(b) {
	case reachBytes:
		r.digest = binary.BigEndian.Uint64(b[8:])
	case unverifiedReachBytes:
		r.unverified = true
	default:
		return r, false
	}
	r.zxid = proto.Zxid(binary.BigEndian.Uint64(b))
	r.nodes = int(binary.BigEndian.Uint64(b[len(b)-8:]))
	return r, true
}

// join makes one mark of what the two keys say.
func join(m Mark, r reach) Mark {
	m.FuzzyUntil, m.Digest, m.Nodes, m.Unverified = r.zxid, r.digest, r.nodes, r.unverified
	return m
}
