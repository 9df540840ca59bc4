package main

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"gamekeeper/compat/client"
)

// kind is what an operation does.
type kind string

const (
	opSet     kind = "set"
	opCreate  kind = "create"
	opDelete  kind = "delete"
	opGet     kind = "get"      // without a sync before it
	opSyncGet kind = "sync+get" // from the call of the sync to the reply of the get
	opAppend  kind = "append"   // creates a znode of its own; several are on their way at once
)

func (k kind) writes() bool { return k == opSet || k == opCreate || k == opDelete || k == opAppend }

// result is how an operation ended.
type result string

const (
	succeeded result = "ok"
	refused   result = "refused" // by the state of the tree: code says how
	unknown   result = "unknown" // it may have happened, or may still
	unsent    result = "unsent"  // it has not happened and never will
)

// operation is one entry of the history.
type operation struct {
	client  int
	session int64
	conn    int // number of the connection within the client
	kind    kind
	path    string
	value   string // written, or read
	want    int32  // the version that a set or a delete insists on, -1 for any

	called, returned time.Duration // since the history began; returned has no meaning for an unknown outcome
	result           result
	code             client.Code
	zxid             int64 // of the reply, 0 if the client library does not tell
	stat             client.Stat
}

func (o *operation) String() string {
	s := fmt.Sprintf("client %d, session %#x, connection %d: %s %s", o.client, o.session, o.conn, o.kind, o.path)
	if o.value != "" {
		s += " " + o.value
	}
	if o.want >= 0 {
		s += fmt.Sprintf(" if version %d", o.want)
	}
	s += fmt.Sprintf(" [%v, %v]: %s", o.called, o.returned, o.result)
	switch o.result {
	case refused:
		s += fmt.Sprintf(", %v", o.code)
	case succeeded:
		s += fmt.Sprintf(", zxid %#x, version %d, mzxid %#x", o.zxid, o.stat.Version, o.stat.Mzxid)
	}
	return s
}

// finish notes the outcome of a request. Refusals that depend on the tree are part of the history; any other error
// code says nothing about what happened.
func (o *operation) finish(now time.Duration, err error) {
	o.returned = now
	switch {
	case err == nil:
		o.result = succeeded
	case errors.Is(err, client.ErrUnsent):
		o.result = unsent
	case errors.Is(err, client.CodeNoNode), errors.Is(err, client.CodeNodeExists), errors.Is(err, client.CodeBadVersion):
		o.result = refused
		errors.As(err, &o.code)
	default:
		o.result = unknown
	}
}

// history records operations in the order in which each client began them. All methods may be called at once.
type history struct {
	start time.Time
	mu    sync.Mutex
	ops   []*operation
}

func newHistory() *history { return &history{start: time.Now()} }

func (h *history) now() time.Duration { return time.Since(h.start) }

// begin adds an operation, which is the caller's until the history is read.
func (h *history) begin(o operation) *operation {
	o.called = h.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, &o)
	return &o
}
