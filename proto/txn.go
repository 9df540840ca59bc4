package proto

import (
	"encoding/binary"
	"fmt"
	"iter"
)

// TxnHeader opens every transaction: who asked, in which order it stands, when the leader ordered it.
type TxnHeader struct {
	Session SessionID
	Cxid    int32 // xid of the client's request
	Zxid    Zxid
	Time    int64 // milliseconds since the Unix epoch, by the leader's clock
	Type    Op
}

// TxnHeaderBytes is the size of an encoded TxnHeader.
const TxnHeaderBytes = 32

// AppendTxnHeader appends h.
func AppendTxnHeader(b []byte, h *TxnHeader) []byte {
	b = AppendInt64(b, int64(h.Session))
	b = AppendInt32(b, h.Cxid)
	b = AppendInt64(b, int64(h.Zxid))
	b = AppendInt64(b, h.Time)
	return AppendInt32(b, int32(h.Type))
}

// TxnHeader reads the header.
func (d *Decoder) TxnHeader() TxnHeader {
	b := d.take(TxnHeaderBytes)
	if b == nil {
		return TxnHeader{}
	}
	return TxnHeader{
		Session: SessionID(binary.BigEndian.Uint64(b)),
		Cxid:    int32(binary.BigEndian.Uint32(b[8:])),
		Zxid:    Zxid(binary.BigEndian.Uint64(b[12:])),
		Time:    int64(binary.BigEndian.Uint64(b[20:])),
		Type:    Op(int32(binary.BigEndian.Uint32(b[28:]))),
	}
}

// TxnBody is the body of a transaction of any type. Which fields count depends on Type; the others are
// zero. Slices alias what was decoded.
type TxnBody struct {
	Type Op

	Path []byte // create*, delete*, setData, setACL, check, reconfig
	Data []byte // create*, setData, reconfig
	ACL  ACLs   // create*, setACL

	// Version is what the znode has afterwards: version for setData, aversion for setACL; the expected
	// version for check; for create* the parent's count of creations (raw cversion), -1 when the log is
	// too old to say.
	Version   int32
	Ephemeral bool  // create, create2
	TTL       int64 // createTTL, milliseconds
	Err       Code  // error
	Timeout   int32 // createSession, milliseconds

	// Paths2Delete of closeSession, a vector in its encoding; nil when the log is too old to say.
	closePaths []byte
	// Operations of multi, a vector in its encoding.
	multi []byte
}

// ParentCversionUnknown is the Version of a create whose log is too old to say: one more than the parent
// has.
const ParentCversionUnknown int32 = -1

// AppendTxnBody appends t. A multi and the paths of a closeSession are appended as they were decoded; to
// make new ones use BeginMultiTxn and AppendStrings.
func AppendTxnBody(b []byte, t *TxnBody) []byte {
	switch t.Type {
	case OpCreate, OpCreate2, OpCreateCont, OpCreateTTL:
		b = AppendBuffer(b, t.Path)
		b = AppendBuffer(b, t.Data)
		b = AppendACLs(b, t.ACL)
		if t.Type == OpCreate || t.Type == OpCreate2 {
			b = AppendBool(b, t.Ephemeral)
		}
		b = AppendInt32(b, t.Version)
		if t.Type == OpCreateTTL {
			b = AppendInt64(b, t.TTL)
		}
	case OpDelete, OpDeleteCont:
		b = AppendBuffer(b, t.Path)
	case OpSetData, OpReconfig:
		b = AppendSetData(b, &SetData{t.Path, t.Data, t.Version})
	case OpSetACL:
		b = AppendSetACL(b, &SetACL{t.Path, t.ACL, t.Version})
	case OpCheck:
		b = AppendPathVersion(b, PathVersion{t.Path, t.Version})
	case OpError:
		b = AppendInt32(b, int32(t.Err))
	case OpCreateSession:
		b = AppendInt32(b, t.Timeout)
	case OpCloseSession:
		b = append(b, t.closePaths...)
	case OpMulti:
		if t.multi == nil {
			panic("proto: a multi's transaction is made with BeginMultiTxn")
		}
		b = append(b, t.multi...)
	default:
		panic(fmt.Sprintf("proto: no transaction body of type %d", t.Type))
	}
	return b
}

// TxnBody reads the body of a transaction of type op. An unknown type is an error.
func (d *Decoder) TxnBody(op Op) TxnBody {
	t := TxnBody{Type: op}
	switch op {
	case OpCreate, OpCreate2, OpCreateCont, OpCreateTTL:
		t.Path, t.Data, t.ACL = d.Buffer(), d.Buffer(), d.ACLs()
		if op == OpCreate || op == OpCreate2 {
			t.Ephemeral = d.Bool()
		}
		if op == OpCreate && d.err == nil && d.Len() == 0 {
			t.Version = ParentCversionUnknown // ZooKeeper 3.3 and older
			break
		}
		t.Version = d.Int32()
		if op == OpCreateTTL {
			t.TTL = d.Int64()
		}
	case OpDelete, OpDeleteCont:
		t.Path = d.Buffer()
	case OpSetData, OpReconfig:
		r := d.SetData()
		t.Path, t.Data, t.Version = r.Path, r.Data, r.Version
	case OpSetACL:
		r := d.SetACL()
		t.Path, t.ACL, t.Version = r.Path, r.ACL, r.Version
	case OpCheck:
		r := d.PathVersion()
		t.Path, t.Version = r.Path, r.Version
	case OpError:
		t.Err = Code(d.Int32())
	case OpCreateSession:
		t.Timeout = d.Int32()
	case OpCloseSession:
		if d.err == nil && d.Len() > 0 && !d.atBareDigest() {
			start := d.off
			n := d.Count(4)
			for range n {
				if len(d.Buffer()) == 0 { // two of them would look like a digest
					d.fail(errNoPath)
				}
			}
			if t.closePaths = d.vectorFrom(start, n); t.closePaths == nil && d.err == nil {
				t.closePaths = []byte{0, 0, 0, 0} // a null vector names no paths; without one it is another record
			}
		}
	case OpMulti:
		start := d.off
		n := d.Count(8)
		for range n {
			d.Int32()
			d.Buffer()
		}
		if t.multi = d.vectorFrom(start, n); t.multi == nil {
			d.fail(errNull)
		}
	default:
		d.fail(unknownTxn(op))
	}
	return t
}

func unknownTxn(op Op) error { return fmt.Errorf("%w: unknown transaction type %d", ErrMalformed, op) }

// atBareDigest says whether what remains is a TxnDigest and nothing else, which is how a closeSession
// without a body looks (zookeeper.closeSessionTxn.enabled=false). As a vector the bytes would be two paths
// in 8 bytes, both empty, so they cannot be mistaken.
func (d *Decoder) atBareDigest() bool {
	rest := NewDecoder(d.Rest())
	return rest.Len() == TxnDigestBytes && rest.Int32() == DigestVersion
}

// HasClosePaths says whether a closeSession names the ephemerals that end with it; logs of ZooKeeper
// before 3.6 do not.
func (t *TxnBody) HasClosePaths() bool { return t.closePaths != nil }

// ClosePaths yields the ephemerals that a closeSession names.
func (t *TxnBody) ClosePaths() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		d := NewDecoder(t.closePaths)
		for n := d.Int32(); n > 0; n-- {
			if !yield(d.Buffer()) {
				return
			}
		}
	}
}

// Subs yields the operations of a multi. A body that does not decode is yielded with its error, and ends
// the sequence.
func (t *TxnBody) Subs() iter.Seq2[TxnBody, error] {
	return func(yield func(TxnBody, error) bool) {
		d := NewDecoder(t.multi)
		for n := d.Int32(); n > 0; n-- {
			op := Op(d.Int32())
			sd := NewDecoder(d.Buffer())
			sub := sd.TxnBody(op)
			err := d.Err()
			if err == nil {
				err = sd.Err()
			}
			if err == nil && (op == OpMulti || op == OpCreateSession || op == OpCloseSession) {
				err = fmt.Errorf("%w: transaction type %d inside a multi", ErrMalformed, op)
			}
			if !yield(sub, err) || err != nil {
				return
			}
		}
	}
}

// BeginMultiTxn appends the head of a multi's body with n operations; append each with AppendSubTxn.
func BeginMultiTxn(b []byte, n int) []byte { return AppendInt32(b, int32(n)) }

// AppendSubTxn appends one operation of a multi.
func AppendSubTxn(b []byte, t *TxnBody) []byte {
	b = AppendInt32(b, int32(t.Type))
	b, at := BeginFrame(b)
	return EndFrame(AppendTxnBody(b, t), at)
}

// TxnDigest is the digest of the tree after a transaction, which lets replicas find that they diverged.
type TxnDigest struct {
	Version int32 // DigestVersion
	Digest  uint64
}

// DigestVersion is the version of the digest's algorithm: CRC-32 per znode, summed.
const DigestVersion int32 = 2

// TxnDigestBytes is the size of an encoded TxnDigest, which ends the transaction that has one.
const TxnDigestBytes = 12

// AppendTxnDigest appends g.
func AppendTxnDigest(b []byte, g TxnDigest) []byte {
	return AppendInt64(AppendInt32(b, g.Version), int64(g.Digest))
}

// Txn is a whole transaction as the log and PROPOSAL packets hold it.
type Txn struct {
	TxnHeader
	Body      TxnBody
	Digest    TxnDigest
	HasDigest bool
}

// AppendTxn appends t. Its body is of the header's type.
func AppendTxn(b []byte, t *Txn) []byte {
	b = AppendTxnHeader(b, &t.TxnHeader)
	b = AppendTxnBody(b, &t.Body)
	if t.HasDigest {
		b = AppendTxnDigest(b, t.Digest)
	}
	return b
}

// TxnPath returns the path that a transaction is about, in b; nil if it is none of one path, or malformed.
func TxnPath(b []byte) []byte {
	d := NewDecoder(b)
	switch d.TxnHeader().Type {
	case OpCreate, OpCreate2, OpCreateCont, OpCreateTTL, OpDelete, OpDeleteCont, OpSetData, OpSetACL:
		return d.Buffer()
	}
	return nil
}

// DecodeTxn reads a transaction that takes up the whole of b; results alias b. Bytes after the body that
// are too few for a digest are ignored, and bytes after the digest too, as Apache does.
func DecodeTxn(b []byte) (t Txn, err error) {
	d := NewDecoder(b)
	t.TxnHeader = d.TxnHeader()
	if t.Type == OpCheck { // lives inside a multi alone; no Apache server can read it elsewhere
		d.fail(unknownTxn(t.Type))
	}
	t.Body = d.TxnBody(t.Type)
	if d.Len() >= TxnDigestBytes {
		t.HasDigest = true
		t.Digest = TxnDigest{Version: d.Int32(), Digest: uint64(d.Int64())}
	}
	if d.err != nil {
		return t, fmt.Errorf("transaction %s of type %s: %w", t.Zxid, t.Type, d.err)
	}
	return t, nil
}
