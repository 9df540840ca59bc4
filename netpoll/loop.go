package netpoll

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"
)

// Loop is an event loop. Index, the queue and the buffers may be used from any goroutine; the rest is the
// loop's.
type Loop struct {
	index   int
	opts    *Options
	handler Handler
	server  *Server
	el      gnet.EventLoop
	onWake  gnet.Runnable // woken
	onTimer gnet.Runnable // sweep

	mu     sync.Mutex
	queue  []*Conn  // connections with output to send or a wish to close
	spare  []*Conn  // the queue's other half
	bufs   [][]byte // empty buffers
	waking atomic.Bool

	sent     []Sent  // replies that were sent and not reported yet, owned by the loop
	watched  []*Conn // parked or lingering, owned by the loop
	sweeping bool
	timer    *time.Timer // of the next sweep
}

func newLoop(s *Server, el gnet.EventLoop, index int) *Loop {
	l := &Loop{index: index, opts: &s.opts, handler: s.handler, server: s, el: el}
	l.onWake, l.onTimer = gnet.RunnableFunc(l.woken), gnet.RunnableFunc(l.sweep)
	return l
}

// Index numbers the loop, from 0.
func (l *Loop) Index() int { return l.index }

// bufferKeepMax is the capacity above which a buffer is left to the garbage collector, and buffersMax how
// many are kept.
const (
	bufferKeepMax = 256 << 10
	bufferInitial = 4 << 10
	buffersMax    = 256
)

func (l *Loop) takeBuffer() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.bufs); n > 0 {
		b := l.bufs[n-1]
		l.bufs = l.bufs[:n-1]
		return b
	}
	return make([]byte, 0, bufferInitial)
}

func (l *Loop) giveBuffer(b []byte) {
	if cap(b) > bufferKeepMax {
		return
	}
	l.mu.Lock()
	if len(l.bufs) < buffersMax {
		l.bufs = append(l.bufs, b[:0])
	}
	l.mu.Unlock()
}

func (l *Loop) enqueue(c *Conn) {
	l.mu.Lock()
	l.queue = append(l.queue, c)
	l.mu.Unlock()
}

// wake makes the loop flush its queue, if there is something in it and no wake-up is under way.
func (l *Loop) wake() {
	l.mu.Lock()
	empty := len(l.queue) == 0
	l.mu.Unlock()
	if !empty && l.waking.CompareAndSwap(false, true) {
		l.execute(l.onWake)
	}
}

// execute has the loop run task soon. Any goroutine. It does nothing when the server stops, which closes all
// connections: gnet would write to a file descriptor that may be another file's by then.
func (l *Loop) execute(task gnet.Runnable) {
	l.server.running.RLock()
	defer l.server.running.RUnlock()
	if !l.server.stopped {
		_ = l.el.Execute(context.Background(), task)
	}
}

// woken flushes the connections in the queue.
func (l *Loop) woken(context.Context) error {
	l.waking.Store(false) // first: what is queued from now on wants another wake-up
	l.flushQueue()
	return nil
}

func (l *Loop) flushQueue() {
	l.mu.Lock()
	queue := l.queue
	l.queue, l.spare = l.spare[:0], nil
	l.mu.Unlock()
	for i, c := range queue {
		queue[i] = nil
		c.flush(true)
		l.tellSent(sentMax)
	}
	l.tellSent(1)
	l.mu.Lock()
	l.spare = queue[:0]
	l.mu.Unlock()
}

// watch has the loop look after c until it is no longer parked or lingering.
func (l *Loop) watch(c *Conn) {
	if c.watched {
		return
	}
	c.watched = true
	l.watched = append(l.watched, c)
	if !l.sweeping {
		l.sweeping = true
		l.sweepSoon()
	}
}

func (l *Loop) sweepSoon() {
	if l.timer == nil {
		l.timer = time.AfterFunc(sweepEvery, func() { l.execute(l.onTimer) })
		return
	}
	l.timer.Reset(sweepEvery)
}

func (l *Loop) sweep(context.Context) error {
	now := time.Now()
	was := l.watched
	l.watched = nil // sweeping may add to it
	keep := was[:0]
	for _, c := range was {
		if c.watched = c.sweep(now); c.watched {
			keep = append(keep, c)
		}
	}
	clear(was[len(keep):])
	l.watched = append(keep, l.watched...)
	if l.sweeping = len(l.watched) > 0; l.sweeping {
		l.sweepSoon()
	}
	return nil
}
