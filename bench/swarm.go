package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"gamekeeper/bench/report"
	"gamekeeper/proto"
)

// swarm is many sessions that do more than load: they watch, come and go, and act on what they are told. Its loops
// serve them; what each does is its part. The methods are for the goroutine that conducts the workload.
type swarm struct {
	options   *Options
	timeout   time.Duration // of sessions, asked for
	retry     time.Duration // until a connection is tried again, at most
	addresses []netip.AddrPort
	loops     []*swarmLoop
	agents    []*agent
	silence   *silence     // with the clock that all loops share
	counted   atomic.Int32 // one more than the kind that ends a silence; 0 when nobody asks
	source    int          // of the addresses to connect from, the first; see agent.dial
	gathering atomic.Pointer[countdown]
	troubles  troubles

	failing sync.Once
	failed  chan struct{} // closed when err is set
	err     error
	done    sync.WaitGroup
}

// part is what a session does. If it has a method beat, that is told how long each heartbeat took. Its loop calls the
// methods, and functions given to an agent: parts that share state between sessions on several loops lock it.
type part interface {
	// opened is called when the session was opened, or attached again after its connection had ended, unless the part is a
	// resumer that works: no request is outstanding then. The part calls the method served of the agent when its first
	// work is done.
	opened(a *agent)
	// event is called with each notification. The path is valid during the call.
	event(a *agent, e proto.WatcherEvent)
}

// worker is a part that begins its work when all sessions are open.
type worker interface {
	part
	work(a *agent)
}

// resumer is a worker that knows how to go on when its connection is lost at work, if that is no reason to end the run.
// What other parts do then is what they do when they are opened.
type resumer interface {
	worker
	// interrupted is called when the connection is lost: no reply will come to what was asked for, which may have been
	// done or not. Nothing can be asked for until resumed.
	interrupted(a *agent)
	// resumed is called when there is a connection again. The watches are gone. The session is the same, with its
	// ephemerals, or it has expired, and another one was opened.
	resumed(a *agent, same bool)
}

// countdown says when something was done so many times.
type countdown struct {
	left atomic.Int64
	over chan struct{} // closed then
}

func newCountdown(n int) *countdown {
	c := &countdown{over: make(chan struct{})}
	c.left.Store(int64(n))
	if n == 0 {
		close(c.over)
	}
	return c
}

// one counts one.
func (c *countdown) one() {
	if c.left.Add(-1) == 0 {
		close(c.over)
	}
}

// newSwarm starts the loops for n sessions, none of which is open. The caller calls stop.
func newSwarm(o *Options, n int, timeout time.Duration, partOf func(i int) part) (*swarm, error) {
	s := &swarm{options: o, timeout: timeout, retry: retryWithin, silence: newSilence(), failed: make(chan struct{}), source: firstSource()}
	for _, server := range o.Servers {
		address, err := net.ResolveTCPAddr("tcp", server)
		if err != nil {
			return nil, fmt.Errorf("cannot connect to %s: %w", server, err)
		}
		at := address.AddrPort()
		if !at.Addr().IsValid() { // a port alone is on this machine
			at = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port())
		}
		s.addresses = append(s.addresses, netip.AddrPortFrom(at.Addr().Unmap(), at.Port()))
	}
	for range min(o.Threads, n) {
		l, err := newSwarmLoop(s)
		if err != nil {
			s.stop()
			return nil, err
		}
		s.loops = append(s.loops, l)
	}
	s.agents = make([]*agent, n)
	for i := range s.agents {
		l := s.loops[i%len(s.loops)]
		s.agents[i] = &agent{number: i, wire: wire{poller: l.poller, index: len(l.agents)}, home: l, part: partOf(i), server: i % len(o.Servers)}
		l.agents = append(l.agents, s.agents[i])
	}
	for _, l := range s.loops {
		s.done.Go(func() {
			if err := l.run(); err != nil {
				s.fail(err)
			}
		})
	}
	return s, nil
}

// clock returns the time since the swarm began, in nanoseconds.
func (s *swarm) clock() int64 { return s.silence.clock() }

// fail makes whoever waits for the swarm give up. The first error counts.
func (s *swarm) fail(err error) {
	s.failing.Do(func() {
		s.err = err
		close(s.failed)
	})
}

// stop ends the loops and closes the sockets. Sessions that are open expire.
func (s *swarm) stop() {
	for _, l := range s.loops {
		l.post(func() { l.ended = true })
	}
	s.done.Wait()
	for _, l := range s.loops {
		l.close()
	}
}

// each has the loops call do with every agent, and returns at once.
func (s *swarm) each(do func(a *agent)) {
	for _, l := range s.loops {
		l.post(func() {
			for _, a := range l.agents {
				do(a)
				a.flush()
			}
		})
	}
}

// eachDone is each, and waits until do has been called with all.
func (s *swarm) eachDone(ctx context.Context, what string, do func(a *agent)) error {
	c := newCountdown(len(s.agents))
	s.each(func(a *agent) {
		do(a)
		c.one()
	})
	return s.await(ctx, what, c.over)
}

// gather connects every session that has no connection, at most so many at a time, 0 for no limit, and waits until
// all are served. Sessions that were open before are attached again.
func (s *swarm) gather(ctx context.Context, what string, atOnce int) error {
	c := newCountdown(len(s.agents))
	s.gathering.Store(c)
	defer s.gathering.Store(nil)
	for i, l := range s.loops {
		l.post(func() {
			l.atOnce = 0
			if atOnce > 0 {
				l.atOnce = max(1, share(atOnce, len(s.loops), i))
			}
			for _, a := range l.agents {
				if a.stage == stagePresent {
					c.one()
				} else {
					l.enqueue(a)
				}
			}
		})
	}
	err := s.await(ctx, what, c.over)
	if errors.Is(err, errSilent) {
		err = fmt.Errorf("%w; %d of %d sessions were not served (does the server have enough open files, ulimit -n, and no limit like maxClientCnxns?)",
			err, c.left.Load(), len(s.agents))
	}
	return err
}

// closeAtOnce bounds the sessions that are attached again to be closed.
const closeAtOnce = 256

// closeSessions closes every session; one without a connection is attached again for it.
func (s *swarm) closeSessions(ctx context.Context) error {
	c := newCountdown(len(s.agents))
	s.each(func(a *agent) {
		a.part = farewell{c}
		switch {
		case a.stage == stagePresent:
			a.leave(func(*agent) { c.one() })
		case a.session.id == 0:
			a.hangUp()
			c.one()
		default:
			a.home.atOnce = closeAtOnce
			a.home.enqueue(a)
		}
	})
	return s.await(ctx, "closing the sessions", c.over)
}

// farewell is the part of a session that is attached to be closed.
type farewell struct{ closed *countdown }

func (f farewell) opened(a *agent) {
	a.leave(func(a *agent) {
		a.served()
		f.closed.one()
	})
}

func (farewell) event(*agent, proto.WatcherEvent) {}

// await waits until done is closed, and returns why that will not be: a failure, the end of ctx, or servers that
// were silent for too long.
func (s *swarm) await(ctx context.Context, what string, done <-chan struct{}) error {
	interval := max(s.options.Patience/10, time.Millisecond)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	heard, idle := s.heard(), time.Duration(0)
	for {
		select {
		case <-s.failed:
			return fmt.Errorf("%s: %w", what, s.err)
		case <-done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		if n := s.heard(); n != heard {
			heard, idle = n, 0
			continue
		}
		if idle += interval; idle > s.options.Patience {
			return fmt.Errorf("%s: %w for %v", what, errSilent, s.options.Patience)
		}
	}
}

// pause lets the swarm go on for a time.
func (s *swarm) pause(ctx context.Context, what string, d time.Duration) error {
	over := make(chan struct{})
	timer := time.AfterFunc(d, func() { close(over) })
	defer timer.Stop()
	return s.await(ctx, what, over)
}

// heard counts what came from the servers, but for answers to heartbeats.
func (s *swarm) heard() int64 {
	var sum int64
	for _, l := range s.loops {
		sum += l.heard.Load()
	}
	return sum
}

// count begins to measure silence: until something of the kind is recorded.
func (s *swarm) count(k Kind) {
	s.counted.Store(int32(k) + 1)
	s.silence.begin()
}

// collect adds to sum what the loops have recorded since the last time.
func (s *swarm) collect(sum *sample) {
	for _, l := range s.loops {
		sum.merge(l.recorder.take(newSample()))
	}
	if s.counted.Load() > 0 {
		sum.silent = s.silence.take()
	}
}

// rest lets the swarm go on for a time in which there may be nothing to hear.
func (s *swarm) rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-s.failed:
		return s.err
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// present counts the sessions that are connected.
func (s *swarm) present(ctx context.Context) (n int64, err error) {
	var present atomic.Int64
	err = s.eachDone(ctx, "counting the sessions", func(a *agent) {
		if a.stage == stagePresent {
			present.Add(1)
		}
	})
	return present.Load(), err
}

// forget is drop for sessions that nobody will want again: they expire.
func (s *swarm) forget(ctx context.Context) error {
	if err := s.drop(ctx); err != nil {
		return err
	}
	return s.eachDone(ctx, "forgetting the sessions", func(a *agent) { a.session, a.zxid = session{}, 0 })
}

// drop closes the sockets of all sessions, which stay open at their servers.
func (s *swarm) drop(ctx context.Context) error {
	return s.eachDone(ctx, "dropping the connections", func(a *agent) { a.hangUp() })
}

// troubles counts why connections had to be tried again.
type troubles struct {
	refused, closed, late, expired atomic.Int64
	lost, back                     atomic.Int64 // connections in use, that were opened again
}

// retries returns how often connections were tried again.
func (t *troubles) retries() int64 { return t.refused.Load() + t.closed.Load() + t.late.Load() }

// notes says what there was in a line, if anything.
func (t *troubles) notes() []string {
	var notes []string
	if n := t.lost.Load(); n > 0 {
		notes = append(notes, fmt.Sprintf("connections that were lost in use: %s, of which %s were opened again",
			report.Whole(float64(n)), report.Whole(float64(t.back.Load()))))
	}
	for _, n := range []struct {
		count int64
		what  string
	}{
		{t.refused.Load(), "connections that were refused, and tried again"},
		{t.closed.Load(), "connections that were closed before their sessions were served, and tried again"},
		{t.late.Load(), "handshakes that took longer than a client waits, and were tried again"},
		{t.expired.Load(), "sessions that had expired, and were followed by new ones"},
	} {
		if n.count > 0 {
			notes = append(notes, fmt.Sprintf("%s: %s", n.what, report.Whole(float64(n.count))))
		}
	}
	return notes
}

// errSilent says that there is nothing to wait for any more.
var errSilent = errors.New("nothing came from the servers")

// errRefused says that a server opened no session.
var errRefused = errors.New("the server refused the session")
