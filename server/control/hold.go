package control

import (
	"context"
	"fmt"
	"sync"
	"time"

	"gamekeeper/proto"
)

// LogHolder is a Handler that can keep its log from being purged for longer than a checkpoint does, so that
// the next backup goes on where this one ended.
type LogHolder interface {
	// HoldLog keeps the log after a zxid until Release.
	HoldLog(after proto.Zxid) (id uint64)
}

// holdMax bounds how long a command may have the log kept.
const holdMax = 7 * 24 * time.Hour

// holds are those that commands asked for. They outlive their connections, and end by themselves.
type holds struct {
	handler Handler
	mu      sync.Mutex
	named   map[string]*hold
	closed  bool
}

type hold struct {
	id  uint64
	end *time.Timer
}

// set replaces the hold of a name.
func (h *holds) set(name string, after proto.Zxid, d time.Duration) error {
	holder, ok := h.handler.(LogHolder)
	if !ok {
		return fmt.Errorf("this server cannot keep its log for the next backup")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return fmt.Errorf("the server stops")
	}
	next := &hold{id: holder.HoldLog(after)}
	err := h.drop(name)
	next.end = time.AfterFunc(min(d, holdMax), func() { h.expire(name, next) })
	h.named[name] = next
	return err
}

// drop ends the hold of a name.
func (h *holds) drop(name string) error {
	old := h.named[name]
	if old == nil {
		return nil
	}
	delete(h.named, name)
	old.end.Stop()
	return h.handler.Release(old.id)
}

// expire ends a hold, unless it was replaced.
func (h *holds) expire(name string, which *hold) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.named[name] == which {
		_ = h.drop(name) // a pin that is not known is no harm
	}
}

// close ends all.
func (h *holds) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for name := range h.named {
		_ = h.drop(name)
	}
}

// HoldLog asks the server to keep its log after a zxid for so long, a week at most, or until the next call
// with the same name.
func (c *Client) HoldLog(ctx context.Context, name string, after proto.Zxid, d time.Duration) error {
	_, err := c.call(ctx, request{Op: opHoldLog, Name: name, After: after, For: d}, nil)
	return err
}
