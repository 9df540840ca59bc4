package bench

import (
	"math/rand/v2"

	"gamekeeper/proto"
)

// source makes the requests of one connection in one phase.
type source interface {
	// next appends the frame of the next request, with the given xid. It returns false, and the slice as
	// it was, when there are no more.
	next(b []byte, xid int32) ([]byte, Kind, bool)
}

// listener is a source whose requests depend on replies.
type listener interface {
	source
	// hear is told of each reply, in the order of requests, before anything else is asked of the source. A request
	// that was lost with its connection is heard with connectionLost. The body is valid during the call.
	hear(kind Kind, code proto.Code, body proto.Decoder)
	// waits is asked when next has returned false: whether there will be more after some reply.
	waits() bool
}

// connectionLost is what clients call it when a connection ends with requests outstanding. No server sends it.
const connectionLost proto.Code = -4

// keyed makes requests on keys that exist already, and creates and deletes znodes of its own beside them.
type keyed struct {
	paths  keyPaths
	keys   chooser
	mix    *mix
	values values
	batch  int // operations of one multi
	random rand.PCG
	path   []byte

	news appendPath
	own  span // of the znodes of its own that exist
}

// span is the numbers from one to before another.
type span struct{ from, to int }

func (k *keyed) next(b []byte, xid int32) ([]byte, Kind, bool) {
	kind := k.mix.pick(k.random.Uint64() >> 32)
	if kind == KindDelete && k.own.from == k.own.to {
		kind = KindCreate // there is nothing to delete yet
	}
	b, at := proto.BeginFrame(b)
	switch kind {
	case KindSet:
		b = proto.AppendRequestHeader(b, xid, proto.OpSetData)
		b = k.appendSet(b)
	case KindGet:
		b = proto.AppendRequestHeader(b, xid, proto.OpGetData)
		b = k.appendGet(b)
	case KindExists:
		b = proto.AppendRequestHeader(b, xid, proto.OpExists)
		b = k.appendGet(b)
	case KindChildren:
		b = proto.AppendRequestHeader(b, xid, proto.OpGetChildren2)
		k.path = k.paths.appendDir(k.path[:0], k.keys.pick())
		b = proto.AppendPathWatch(b, proto.PathWatch{Path: k.path})
	case KindCreate:
		b = proto.AppendRequestHeader(b, xid, proto.OpCreate)
		k.path = k.news(k.path[:0], k.own.to)
		k.own.to++
		r := proto.CreateRequest{Path: k.path, Data: k.values.next(), ACL: proto.OpenACL}
		b = proto.AppendCreateRequest(b, proto.OpCreate, &r)
	case KindDelete:
		b = proto.AppendRequestHeader(b, xid, proto.OpDelete)
		k.path = k.news(k.path[:0], k.own.from)
		k.own.from++
		b = proto.AppendPathVersion(b, proto.PathVersion{Path: k.path, Version: -1})
	case KindSync, KindACL:
		op := proto.OpSync
		if kind == KindACL {
			op = proto.OpGetACL
		}
		b = proto.AppendRequestHeader(b, xid, op)
		k.path = k.paths.appendKey(k.path[:0], k.keys.pick())
		b = proto.AppendBuffer(b, k.path)
	case KindMulti:
		b = proto.AppendRequestHeader(b, xid, proto.OpMulti)
		b = k.appendBatch(b, proto.OpSetData, k.appendSet)
	case KindMultiread:
		b = proto.AppendRequestHeader(b, xid, proto.OpMultiRead)
		b = k.appendBatch(b, proto.OpGetData, k.appendGet)
	}
	return proto.EndFrame(b, at), kind, true
}

func (k *keyed) appendSet(b []byte) []byte {
	k.path = k.paths.appendKey(k.path[:0], k.keys.pick())
	return proto.AppendSetData(b, &proto.SetData{Path: k.path, Data: k.values.next(), Version: -1})
}

func (k *keyed) appendGet(b []byte) []byte {
	k.path = k.paths.appendKey(k.path[:0], k.keys.pick())
	return proto.AppendPathWatch(b, proto.PathWatch{Path: k.path})
}

func (k *keyed) appendBatch(b []byte, op proto.Op, one func([]byte) []byte) []byte {
	for range k.batch {
		b = proto.AppendMultiHeader(b, proto.MultiHeader{Op: op, Err: -1})
		b = one(b)
	}
	return proto.AppendMultiHeader(b, proto.MultiEnd)
}

// appendPath appends the path of the znode with number n of some set.
type appendPath func(b []byte, n int) []byte

// creates makes one create for each number from at, in steps, below end.
type creates struct {
	paths         appendPath
	at, step, end int
	values        values
	path          []byte
}

func (c *creates) next(b []byte, xid int32) ([]byte, Kind, bool) {
	if c.at >= c.end {
		return b, 0, false
	}
	c.path = c.paths(c.path[:0], c.at)
	c.at += c.step
	b, at := proto.BeginFrame(b)
	b = proto.AppendRequestHeader(b, xid, proto.OpCreate)
	r := proto.CreateRequest{Path: c.path, Data: c.values.next(), ACL: proto.OpenACL}
	b = proto.AppendCreateRequest(b, proto.OpCreate, &r)
	return proto.EndFrame(b, at), KindCreate, true
}

// deletes makes one delete for each number from at, in steps, below end.
type deletes struct {
	paths         appendPath
	at, step, end int
	path          []byte
}

func (d *deletes) next(b []byte, xid int32) ([]byte, Kind, bool) {
	if d.at >= d.end {
		return b, 0, false
	}
	d.path = d.paths(d.path[:0], d.at)
	d.at += d.step
	b, at := proto.BeginFrame(b)
	b = proto.AppendRequestHeader(b, xid, proto.OpDelete)
	b = proto.AppendPathVersion(b, proto.PathVersion{Path: d.path, Version: -1})
	return proto.EndFrame(b, at), KindDelete, true
}

// closing ends the session.
type closing struct{ sent bool }

func (c *closing) next(b []byte, xid int32) ([]byte, Kind, bool) {
	if c.sent {
		return b, 0, false
	}
	c.sent = true
	b, at := proto.BeginFrame(b)
	b = proto.AppendRequestHeader(b, xid, proto.OpCloseSession)
	return proto.EndFrame(b, at), KindClose, true
}
