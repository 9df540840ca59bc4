package session

import (
	"sync/atomic"

	"gamekeeper/proto"
)

// Session is one client session. O is what owns it: the connection, or the learner, through which it was
// last validated. Sessions are made by Tracker.Create.
type Session[O any] struct {
	ID      proto.SessionID // fixed
	Owner   O               // core only; the zero value is unowned
	Closing bool            // core only; set once the end of the session is being proposed

	persisted int32        // fixed; timeout in the transaction that created the session, ms
	timeout   atomic.Int32 // negotiated at the last connect, ms
	touched   atomic.Int64 // time of the last request, ms

	// Where the session is filed; core only. bucket is nil when it is in none.
	bucket     *bucket[O]
	next, prev *Session[O]
}

// Touch notes a request at nowMs, which keeps the session alive. Any goroutine may call it.
func (s *Session[O]) Touch(nowMs int64) {
	if s.touched.Load() != nowMs { // a burst within a millisecond leaves the cache line shared
		s.touched.Store(nowMs)
	}
}

// Touched returns the time of the last Touch, or of the creation or re-arming. Any goroutine may call it.
func (s *Session[O]) Touched() int64 { return s.touched.Load() }

// Timeout returns the negotiated timeout in milliseconds. Any goroutine may call it. Tracker.SetTimeout
// changes it.
func (s *Session[O]) Timeout() int32 { return s.timeout.Load() }

// PersistedTimeout returns the timeout in milliseconds that the session was created with. A renewal does
// not change it, and a restart or a new leader goes back to it. Any goroutine may call it.
func (s *Session[O]) PersistedTimeout() int32 { return s.persisted }
