package ordering

import (
	"bytes"

	"gamekeeper/proto"
	"gamekeeper/server/auth"
	"gamekeeper/tree"
)

// Options of an Orderer.
type Options struct {
	Tree *tree.Tree
	Auth *auth.Registry

	// ExtendedTypes allows znodes with a TTL (extendedTypesEnabled).
	ExtendedTypes bool
	// EnforceQuota refuses writes beyond a hard quota (enforceQuota).
	EnforceQuota bool
	// NoDigest leaves the tree's digest out of transactions (digest.enabled=false).
	NoDigest bool
	// NoClosePaths leaves the ephemerals out of closeSession transactions (closeSessionTxn.enabled=false).
	NoClosePaths bool
}

// Request is a write, as a client sent it or the server made it.
type Request struct {
	Session    proto.SessionID
	Xid        int32
	Op         proto.Op
	Body       []byte   // what follows the request header; not kept
	Prepared   Prepared // of Op and Body; it may be zero
	Identities auth.Identities
	Time       int64 // milliseconds since the Unix epoch
}

// Orderer gives writes their order. See the package comment for its owner.
type Orderer struct {
	Options
	tree     *tree.Tree
	inFlight *pending
	zxid     proto.Zxid // of the transaction being ordered, and then of the last one
	digest   uint64     // of the tree once everything in flight is applied
	hint     tree.Hint  // for the transaction that was ordered last

	// Of the request being ordered; kept for the next one's use.
	subs    []subRequest // of a multi
	results []proto.TxnBody
	paths   []byte   // where paths are put together
	closing [][]byte // the ephemerals of a session that ends
}

// New returns an Orderer whose first transaction follows the tree's last.
func New(opts Options) *Orderer {
	return &Orderer{
		Options:  opts,
		tree:     opts.Tree,
		inFlight: newPending(),
		zxid:     opts.Tree.LastZxid(),
		digest:   opts.Tree.Digest(),
		closing:  [][]byte{}, // not nil: that would be a null vector
	}
}

// Follow makes zxid the one that the next transaction follows, which is how the leader of an epoch begins. Nothing
// may be in flight.
func (o *Orderer) Follow(zxid proto.Zxid) { o.zxid = zxid }

// LastZxid returns the zxid of the last transaction that was ordered.
func (o *Orderer) LastZxid() proto.Zxid { return o.zxid }

// InFlight returns how many znodes transactions in flight touch.
func (o *Orderer) InFlight() int { return o.inFlight.used }

// Applied says that the tree has everything up to zxid.
func (o *Orderer) Applied(zxid proto.Zxid) { o.inFlight.applied(zxid) }

// Hint is what the tree may be told of the transaction that was ordered last, when that is applied: behind all that was
// ordered before it, and to the tree that this orderer has.
func (o *Orderer) Hint() tree.Hint { return o.hint }

// Order appends the transaction of r to dst. A request that is refused gives an error transaction, which
// carries the code. A body that is no record of its type gives a code, and no transaction: it uses up no zxid.
func (o *Orderer) Order(dst []byte, r *Request) ([]byte, proto.Code) {
	start := len(dst)
	o.zxid++
	o.hint = tree.Hint{}
	o.paths = o.paths[:0]
	h := proto.TxnHeader{Session: r.Session, Cxid: r.Xid, Zxid: o.zxid, Time: r.Time, Type: r.Op}
	dst = proto.AppendTxnHeader(dst, &h)
	body := len(dst)
	dst, code, decoded := o.body(dst, r)
	switch {
	case !decoded:
		o.zxid--
		return dst[:start], proto.MarshallingError
	case code == proto.OK:
		if o.NoDigest || r.Op == proto.OpCloseSession && o.NoClosePaths {
			return dst, proto.OK
		}
		o.hint.Digest, o.hint.Digested = o.digest, true
		return proto.AppendTxnDigest(dst, proto.TxnDigest{Version: proto.DigestVersion, Digest: o.digest}), proto.OK
	}
	h.Type = proto.OpError
	dst = proto.AppendTxnHeader(dst[:body-proto.TxnHeaderBytes], &h)
	return proto.AppendTxnBody(dst, &proto.TxnBody{Type: proto.OpError, Err: code}), proto.OK
}

// Refuse appends an error transaction that answers r with code.
func (o *Orderer) Refuse(dst []byte, r *Request, code proto.Code) []byte {
	o.zxid++
	o.hint = tree.Hint{}
	h := proto.TxnHeader{Session: r.Session, Cxid: r.Xid, Zxid: o.zxid, Time: r.Time, Type: proto.OpError}
	dst = proto.AppendTxnHeader(dst, &h)
	return proto.AppendTxnBody(dst, &proto.TxnBody{Type: proto.OpError, Err: code})
}

// body appends the transaction's body. When it returns a code, nothing in flight has changed. A multi that
// does not decode counts as decoded: for Apache it uses up a zxid.
func (o *Orderer) body(dst []byte, r *Request) (_ []byte, code proto.Code, decoded bool) {
	switch r.Op {
	case proto.OpMulti:
		dst, code = o.multi(dst, r)
		o.hint = tree.Hint{} // it would be of one of the operations
		return dst, code, true
	case proto.OpCloseSession:
		dst = o.closeSession(dst, r)
		o.hint = tree.Hint{}
		return dst, proto.OK, true
	case proto.OpCreateSession:
		d := proto.NewDecoder(r.Body)
		t := proto.TxnBody{Type: r.Op, Timeout: d.Int32()}
		return proto.AppendTxnBody(dst, &t), proto.OK, d.Err() == nil
	case proto.OpReconfig:
		// Membership cannot change on a standalone server, nor elsewhere unless it is enabled.
		return dst, proto.ReconfigDisabled, true
	}
	s := subRequest{op: r.Op, prepared: r.Prepared}
	if !s.decode(r.Body) {
		return dst, proto.MarshallingError, false
	}
	t, code := o.one(&s, r)
	if code != proto.OK {
		o.hint = tree.Hint{}
		return dst, code, true
	}
	return proto.AppendTxnBody(dst, &t), proto.OK, true
}

// subRequest is one decoded write, alone or in a multi. It aliases the request.
type subRequest struct {
	op     proto.Op
	create proto.CreateRequest // the creates
	set    proto.SetData       // setData
	acl    proto.SetACL        // setACL
	target proto.PathVersion   // delete, check, deleteContainer

	prepared Prepared
}

// decode reads the request; false says that it is no record of its type.
func (s *subRequest) decode(body []byte) bool {
	d := proto.NewDecoder(body)
	return s.read(&d)
}

func (s *subRequest) read(d *proto.Decoder) bool {
	switch s.op {
	case proto.OpCreate, proto.OpCreate2, proto.OpCreateCont, proto.OpCreateTTL:
		s.create = d.CreateRequest(s.op)
	case proto.OpDelete, proto.OpCheck:
		s.target = d.PathVersion()
	case proto.OpDeleteCont:
		s.target = proto.PathVersion{Path: d.Buffer(), Version: -1}
	case proto.OpSetData:
		s.set = d.SetData()
	case proto.OpSetACL:
		s.acl = d.SetACL()
	default:
		return false
	}
	return d.Err() == nil
}

// one checks one write and records its effect; it returns the body of its transaction.
func (o *Orderer) one(s *subRequest, r *Request) (proto.TxnBody, proto.Code) {
	switch s.op {
	case proto.OpCreate, proto.OpCreate2, proto.OpCreateCont, proto.OpCreateTTL:
		return o.create(s.op, &s.create, r, &s.prepared)
	case proto.OpDelete:
		return o.delete(s.target, r)
	case proto.OpDeleteCont:
		return o.deleteContainer(s.target.Path, r)
	case proto.OpSetData:
		return o.setData(&s.set, r, &s.prepared)
	case proto.OpSetACL:
		return o.setACL(&s.acl, r)
	case proto.OpCheck:
		return o.check(s.target, r)
	}
	return proto.TxnBody{}, proto.Unimplemented
}

// nextVersion checks the expected version against the current one, and returns the one after it. Counting
// never arrives at -1, which would match any version (ZOOKEEPER-4743).
func nextVersion(current, expected int32) (int32, proto.Code) {
	if expected != -1 && expected != current {
		return 0, proto.BadVersion
	}
	if current++; current == -1 {
		current = 0
	}
	return current, proto.OK
}

// keepACL returns acl in memory that outlives the request.
func keepACL(acl proto.ACLs) proto.ACLs {
	if bytes.Equal(acl, proto.OpenACL) {
		return proto.OpenACL
	}
	return bytes.Clone(acl)
}
