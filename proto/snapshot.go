package proto

import "fmt"

// A snapshot, as it follows a SNAP packet and, with a header before and checksums after, stands in
// Apache's snapshot files:
//
//	int32 n, n SessionTimeout
//	int32 n, n SnapshotACL
//	SnapshotNode of the root, which has the path "", and of every other znode after its parent
//	the string "/"
//
// In the stream of a SNAP the string SnapshotSignature follows. The counts are plain integers: a count
// below 0 is 0. Read each piece with a NewStreamDecoder of its own.

// SnapshotSignature ends the stream after a SNAP packet.
const SnapshotSignature = "BenWasHere"

// SnapshotACL is an access control list and the key by which nodes name it.
type SnapshotACL struct {
	Key int64
	ACL ACLs
}

// SnapshotOpenACL is the key of world:anyone with every permission, which no SnapshotACL has.
const SnapshotOpenACL int64 = -1

// AppendSnapshotACL appends r.
func AppendSnapshotACL(b []byte, r SnapshotACL) []byte {
	return AppendACLs(AppendInt64(b, r.Key), r.ACL)
}

// SnapshotACL reads the record. A null list is an error.
func (d *Decoder) SnapshotACL() SnapshotACL {
	r := SnapshotACL{Key: d.Int64(), ACL: d.ACLs()}
	if r.ACL == nil {
		d.fail(errNull)
	}
	return r
}

// SnapshotNode is a znode.
type SnapshotNode struct {
	Path   []byte // "" for the root
	Data   []byte // null when nil
	ACLKey int64
	StatPersisted
}

// AppendSnapshotNode appends n.
func AppendSnapshotNode(b []byte, n *SnapshotNode) []byte {
	b = AppendBuffer(b, n.Path)
	b = AppendBuffer(b, n.Data)
	b = AppendInt64(b, n.ACLKey)
	return AppendStatPersisted(b, &n.StatPersisted)
}

// SnapshotNode reads the next znode; ok is false at the end of the znodes, which is then read, and after
// an error.
func (d *Decoder) SnapshotNode() (n SnapshotNode, ok bool) {
	n.Path = d.Buffer()
	switch {
	case d.err != nil || string(n.Path) == "/":
		return SnapshotNode{}, false
	case n.Path == nil:
		d.fail(fmt.Errorf("%w: znode with a null path", ErrMalformed))
		return SnapshotNode{}, false
	}
	n.Data, n.ACLKey, n.StatPersisted = d.Buffer(), d.Int64(), d.StatPersisted()
	return n, d.err == nil
}

// AppendSnapshotEnd ends the znodes.
func AppendSnapshotEnd(b []byte) []byte { return AppendString(b, "/") }

// StatPersisted is a znode's metadata as snapshots have it.
type StatPersisted struct {
	Czxid, Mzxid   Zxid
	Ctime, Mtime   int64 // milliseconds since the Unix epoch
	Version        int32
	Cversion       int32 // creations of children, not what a Stat shows
	Aversion       int32
	EphemeralOwner SessionID // of containers and znodes with a TTL too
	Pzxid          Zxid
}

// AppendStatPersisted appends s.
func AppendStatPersisted(b []byte, s *StatPersisted) []byte {
	b = AppendInt64(b, int64(s.Czxid))
	b = AppendInt64(b, int64(s.Mzxid))
	b = AppendInt64(b, s.Ctime)
	b = AppendInt64(b, s.Mtime)
	b = AppendInt32(b, s.Version)
	b = AppendInt32(b, s.Cversion)
	b = AppendInt32(b, s.Aversion)
	b = AppendInt64(b, int64(s.EphemeralOwner))
	return AppendInt64(b, int64(s.Pzxid))
}

// StatPersisted reads the record.
func (d *Decoder) StatPersisted() StatPersisted {
	return StatPersisted{
		Czxid:          Zxid(d.Int64()),
		Mzxid:          Zxid(d.Int64()),
		Ctime:          d.Int64(),
		Mtime:          d.Int64(),
		Version:        d.Int32(),
		Cversion:       d.Int32(),
		Aversion:       d.Int32(),
		EphemeralOwner: SessionID(d.Int64()),
		Pzxid:          Zxid(d.Int64()),
	}
}
