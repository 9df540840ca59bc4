package server

import (
	"gamekeeper/proto"
	"gamekeeper/tree"
	"gamekeeper/zab"
)

// entry is one step of the pipeline: something that is finished in its turn.
type entry struct {
	kind  entryKind
	op    proto.Op
	xid   int32
	code  proto.Code     // entryRefuse, and entryRead for a write that does not decode
	c     *conn          // nil when the server itself asked
	sess  *clientSession // connects, and writes of the server itself
	hint  tree.Hint      // entryTxn: for applying it here
	zxid  proto.Zxid     // entryTxn: finished when it is durable, in an ensemble when it is committed
	token uint64         // entrySync: finished when the leader was confirmed so far
	link  zab.Link       // entrySync: the learner's that asks, when c is nil
	at    int64          // when the request was read, nanoseconds since the server started
	taken int64          // when the core took it up
	bytes []byte         // entryTxn: the transaction; entryRead: the request
	chunk *chunk         // where bytes lie, nil for memory of their own
	read  int32          // length of the request as it was read, for the loop's account

	withReadOnly bool // handshakes: the client's request had a read-only byte, the reply needs one
}

// entryKind says what is to be done when an entry's turn comes.
type entryKind uint8

const (
	entryTxn           entryKind = iota // apply, and answer
	entryRead                           // execute, and answer
	entryAuthenticated                  // answer an auth request that was carried out already
	entryRefuse                         // answer with code and no zxid, and close
	entryRenewed                        // tell the client that its session goes on
	entryUnknown                        // tell the client that its session is no more, and close
	entryGone                           // forget the connection
	entrySync                           // answer a sync, once the leader is confirmed
	entryEndLocal                       // end the local session, answer, and close
	entryNothing                        // its client is gone
)

// chunk is memory for the bytes of entries. It is used again when all of them are finished.
type chunk struct {
	buf  []byte
	refs int
}

const chunkBytes = 256 << 10

// pipeline is the queue of entries, oldest first, and the memory they use. It belongs to the core.
type pipeline struct {
	ring  []entry // a power of two long
	head  int
	count int

	current *chunk
	free    []*chunk
}

func newPipeline() *pipeline {
	return &pipeline{ring: make([]entry, 1024), current: &chunk{buf: make([]byte, 0, chunkBytes)}}
}

// push appends an entry and returns it for filling in.
func (p *pipeline) push() *entry {
	if p.count == len(p.ring) {
		ring := make([]entry, 2*len(p.ring))
		n := copy(ring, p.ring[p.head:])
		copy(ring[n:], p.ring[:p.head])
		p.ring, p.head = ring, 0
	}
	e := &p.ring[(p.head+p.count)&(len(p.ring)-1)]
	p.count++
	return e
}

// first returns the oldest entry, nil when there is none.
func (p *pipeline) first() *entry {
	if p.count == 0 {
		return nil
	}
	return &p.ring[p.head]
}

// pop forgets the oldest entry and the bytes it has.
func (p *pipeline) pop() {
	p.release(&p.ring[p.head])
	p.head = (p.head + 1) & (len(p.ring) - 1)
	p.count--
}

// release forgets an entry and the bytes it has.
func (p *pipeline) release(e *entry) {
	if ch := e.chunk; ch != nil {
		if ch.refs--; ch.refs == 0 && ch != p.current {
			ch.buf = ch.buf[:0]
			p.free = append(p.free, ch)
		}
	}
	*e = entry{}
}

// at returns the i-th entry, 0 the oldest.
func (p *pipeline) at(i int) *entry { return &p.ring[(p.head+i)&(len(p.ring)-1)] }

// cut forgets all entries but the oldest n.
func (p *pipeline) cut(n int) {
	for p.count > n {
		p.count--
		p.release(p.at(p.count))
	}
}

// space returns an empty slice with room for n bytes, in the current chunk when n is not large.
func (p *pipeline) space(n int) []byte {
	if n > chunkBytes/4 {
		return make([]byte, 0, n)
	}
	if cap(p.current.buf)-len(p.current.buf) < n {
		p.nextChunk()
	}
	at := len(p.current.buf)
	return p.current.buf[at:at:cap(p.current.buf)]
}

func (p *pipeline) nextChunk() {
	old := p.current
	if k := len(p.free); k > 0 {
		p.current, p.free = p.free[k-1], p.free[:k-1]
	} else {
		p.current = &chunk{buf: make([]byte, 0, chunkBytes)}
	}
	if old.refs == 0 {
		old.buf = old.buf[:0]
		p.free = append(p.free, old)
	}
}

// keep gives b, which was appended to what space returned, to e.
func (p *pipeline) keep(e *entry, b []byte) {
	e.bytes = b
	at := len(p.current.buf)
	if len(b) == 0 || cap(p.current.buf) == at || &b[0] != &p.current.buf[:at+1][at] {
		return // it outgrew the chunk, or never was in it
	}
	p.current.buf = p.current.buf[:at+len(b)]
	p.current.refs++
	e.chunk = p.current
}
