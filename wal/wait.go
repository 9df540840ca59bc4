package wal

import (
	"context"
	"errors"
	"sync"

	"gamekeeper/proto"
)

// ErrClosed is returned to those who wait for records of a log that was closed.
var ErrClosed = errors.New("the log is closed")

// waiters are goroutines that wait for something to change: what is durable, or that anything more will be.
// It costs a lock and no allocation when there are none.
type waiters struct {
	mu     sync.Mutex
	change chan struct{} // closed at the next change; nil if nobody waits
}

// next returns a channel that is closed at the next change after this call.
func (w *waiters) next() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.change == nil {
		w.change = make(chan struct{})
	}
	return w.change
}

func (w *waiters) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.change != nil {
		close(w.change)
		w.change = nil
	}
}

// WaitDurable waits until everything up to z is durable, so that a Reader gives it. It ends before with ctx's
// error, Err if the log has failed, ErrTruncated if the log is truncated or reset meanwhile, or ErrClosed. A
// zxid that is not appended yet is waited for, too. It may be called from any goroutine.
func (l *Log) WaitDurable(ctx context.Context, z proto.Zxid) error {
	return l.wait(ctx, z, l.generation.Load())
}

// Wait waits until Next gives the record z, if there is one, as WaitDurable does. It is ErrTruncated as well
// if the log was truncated after the Reader was made.
func (r *Reader) Wait(ctx context.Context, z proto.Zxid) error {
	if r.err != nil {
		return r.err
	}
	return r.log.wait(ctx, z, r.generation)
}

func (l *Log) wait(ctx context.Context, z proto.Zxid, generation uint64) error {
	for {
		change := l.waiters.next() // before the state is looked at
		durable := l.Durable()     // before the generation: a truncation lowers it after that has changed
		closed := false
		select {
		case <-l.done:
			closed = true
		default:
		}
		switch {
		case l.truncated(generation):
			return ErrTruncated
		case durable >= z:
			return nil
		case l.Err() != nil:
			return l.Err()
		case closed:
			return ErrClosed
		}
		select {
		case <-change:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
