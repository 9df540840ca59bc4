package server

import (
	"sync"
	"sync/atomic"

	"gamekeeper/proto"
	"gamekeeper/server/ordering"
)

// intake carries requests from one event loop to the core, in batches. The loop appends to a batch, the core
// takes the whole of it and leaves an empty one.
type intake struct {
	mu    sync.Mutex
	batch *batch
	room  sync.Cond // signalled when the loop may go on

	// requests and bytes count what the loop has handed over and the core has not finished. The loop waits
	// while one is above its limit: it stops reading its sockets, which is how load pushes back on clients.
	requests, bytes       atomic.Int64
	requestsMax, bytesMax int64
	waiting               atomic.Bool
	closed                bool // guarded by mu: the core is gone, nothing is taken any more
}

// load is a number of requests and of their bytes.
type load struct{ requests, bytes int64 }

// inputKind says what a loop tells the core.
type inputKind uint8

const (
	inputRequest inputKind = iota
	inputConnect           // the handshake of a connection
	inputGone              // the connection is closed
)

// input is one entry of a batch; its bytes are batch.buf[start:end].
type input struct {
	c          *conn
	at         int64 // when it was read, nanoseconds since the server started
	start, end int32
	xid        int32
	op         proto.Op
	kind       inputKind

	prepared ordering.Prepared
}

// batch is what gathered on a loop while the core was busy.
type batch struct {
	buf    []byte
	inputs []input
	handed []handOver
}

// handOver is what the loop has handed over at one time.
type handOver struct {
	at    int64 // nanoseconds since the server started
	count [kinds]int64
}

func (b *batch) reset() {
	const keepMax = 4 << 20
	if cap(b.buf) > keepMax {
		b.buf = nil
	}
	clear(b.inputs)
	b.buf, b.inputs, b.handed = b.buf[:0], b.inputs[:0], b.handed[:0]
}

func newIntake(limit load) *intake {
	in := &intake{batch: &batch{}, requestsMax: limit.requests, bytesMax: limit.bytes}
	in.room.L = &in.mu
	return in
}

// take swaps the gathered batch against an empty one, and returns empty when there is nothing.
func (in *intake) take(empty *batch) *batch {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.batch.inputs) == 0 {
		return empty
	}
	full := in.batch
	in.batch = empty
	return full
}

// add counts what the loop hands over.
func (in *intake) add(l load) {
	in.requests.Add(l.requests)
	in.bytes.Add(l.bytes)
}

// done says that the core has finished requests of the loop.
func (in *intake) done(l load) {
	in.requests.Add(-l.requests)
	in.bytes.Add(-l.bytes)
	if in.waiting.Load() && in.eased() {
		in.mu.Lock()
		in.waiting.Store(false)
		in.room.Broadcast()
		in.mu.Unlock()
	}
}

// eased says whether a loop that waits may go on.
func (in *intake) eased() bool {
	return in.requests.Load() <= in.requestsMax/2 && in.bytes.Load() <= in.bytesMax/2
}

// await blocks the loop while too much is in flight. The core never waits for a loop, so it goes on.
func (in *intake) await() {
	if in.requests.Load() <= in.requestsMax && in.bytes.Load() <= in.bytesMax {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for !in.closed {
		in.waiting.Store(true)
		if in.eased() {
			in.waiting.Store(false)
			return
		}
		in.room.Wait()
	}
}

// close lets a waiting loop go on: the core takes nothing any more.
func (in *intake) close() {
	in.mu.Lock()
	in.closed = true
	in.room.Broadcast()
	in.mu.Unlock()
}
