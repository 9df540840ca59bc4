package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"gamekeeper/compat/client"
	"gamekeeper/compat/ensemble"
)

const (
	root        = "/recovery"
	attempt     = 200 * time.Millisecond // to connect to one server
	sessionTime = 20 * time.Second
)

// load is clients that set znodes, each at a server of its own choice and at another one when that is gone.
type load struct {
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	writes  atomic.Int64
	clients []*loader
}

// loader is one client. Only its goroutine writes times; gaps reads them when that has ended.
type loader struct {
	home   string // the server that it began with
	latest atomic.Int64
	times  []time.Time // of acknowledgements, in order: the first of each millisecond
	sent   []time.Time // of the requests that these answer
}

// startLoad begins to write; every client has written when it returns.
func startLoad(ctx context.Context, e *ensemble.Ensemble, o options) (*load, error) {
	var addrs []string
	for _, s := range e.Servers {
		if s.Running() {
			addrs = append(addrs, s.Addr)
		}
	}
	c, err := client.Dial(ctx, addrs[0], client.Session{Timeout: sessionTime})
	if err != nil {
		return nil, err
	}
	for i := range o.connections + 1 {
		path := root
		if i > 0 {
			path = fmt.Sprintf("%s/%d", root, i-1)
		}
		if _, _, err := c.Create(path, nil, client.Persistent); err != nil && !errors.Is(err, client.CodeNodeExists) {
			return nil, fmt.Errorf("create %s: %w", path, err)
		}
	}
	if err := c.Close(); err != nil {
		return nil, err
	}
	l := &load{}
	l.ctx, l.cancel = context.WithCancel(ctx)
	for i := range o.connections {
		w := &loader{home: addrs[i%len(addrs)]}
		l.clients = append(l.clients, w)
		l.wg.Go(func() { l.write(w, addrs, i, o) })
	}
	return l, l.awaitAll(ctx, time.Now())
}

// write keeps requests outstanding until the load is stopped.
func (l *load) write(w *loader, addrs []string, i int, o options) {
	body := client.SetBody(fmt.Sprintf("%s/%d", root, i), make([]byte, o.size), -1)
	session := client.Session{Timeout: sessionTime}
	for next := i; l.ctx.Err() == nil; next++ {
		dialing, cancel := context.WithTimeout(l.ctx, attempt)
		c, err := client.Dial(dialing, addrs[next%len(addrs)], session)
		cancel()
		if errors.Is(err, client.ErrExpired) {
			session = client.Session{Timeout: sessionTime}
		}
		if err != nil {
			pause(l.ctx, 5*time.Millisecond)
			continue
		}
		l.pipeline(w, c, body, o.outstanding)
		session = c.Session()
		if l.ctx.Err() != nil && c.Close() == nil {
			return
		}
		c.Drop()
	}
}

// pipeline writes on one connection until it is lost or the load is stopped.
func (l *load) pipeline(w *loader, c *client.Conn, body client.Body, outstanding int) {
	calls := make([]*client.Call, outstanding)
	for i := range calls {
		calls[i] = c.Start(client.OpSetData, body)
	}
	for n := 0; ; n++ {
		call := calls[n%outstanding]
		if _, err := call.Wait(); err != nil {
			return
		}
		l.writes.Add(1)
		w.saw(call)
		if l.ctx.Err() != nil {
			break
		}
		calls[n%outstanding] = c.Start(client.OpSetData, body)
	}
	for _, call := range calls {
		_, _ = call.Wait()
	}
}

func (w *loader) saw(call *client.Call) {
	w.latest.Store(max(w.latest.Load(), call.Sent.UnixNano()))
	if n := len(w.times); n > 0 && call.Answered.Sub(w.times[n-1]) < time.Millisecond {
		return
	}
	w.times, w.sent = append(w.times, call.Answered), append(w.sent, call.Sent)
}

// awaitAll waits until each client has been answered a request that it sent after a time.
func (l *load) awaitAll(ctx context.Context, after time.Time) error {
	for _, w := range l.clients {
		for w.latest.Load() <= after.UnixNano() {
			if ctx.Err() != nil {
				return fmt.Errorf("a client of %s is not served: %w", w.home, ctx.Err())
			}
			pause(ctx, time.Millisecond)
		}
	}
	return nil
}

// awaitWrites waits until so many writes have been acknowledged.
func (l *load) awaitWrites(ctx context.Context, n int) error {
	for l.writes.Load() < int64(n) {
		if ctx.Err() != nil {
			return fmt.Errorf("only %d writes: %w", l.writes.Load(), ctx.Err())
		}
		pause(ctx, 5*time.Millisecond)
	}
	return nil
}

func (l *load) stop() {
	l.cancel()
	l.wg.Wait()
}

// gaps returns how long after a kill the first write was acknowledged that had been sent after it, and the longest
// time around the kill in which some client of another server, and some client of the dead one, heard nothing.
func (l *load) gaps(at time.Time, dead string) (first, others, own time.Duration) {
	for _, w := range l.clients {
		longest := time.Duration(0)
		for i, t := range w.times {
			if w.sent[i].After(at) && (first == 0 || t.Sub(at) < first) {
				first = t.Sub(at)
			}
			if i > 0 && t.After(at) {
				longest = max(longest, t.Sub(w.times[i-1]))
			}
		}
		if w.home == dead {
			own = max(own, longest)
		} else {
			others = max(others, longest)
		}
	}
	return first, others, own
}
