package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"gamekeeper/proto"
)

const (
	loopBuffer   = 256 << 10
	tick         = 100 * time.Millisecond // at most this long until a loop looks up from its sockets
	downTick     = 5 * time.Millisecond   // the same, while a connection is down
	batchTime    = 50 * time.Microsecond  // requests that are due within so long are sent together, to save the machine
	pendingLimit = 1 << 20                // no more requests are built while so much waits for the server to read
)

// loop drives its connections from one goroutine.
type loop struct {
	poller   *poller
	links    []*link
	silence  *silence // of the fleet; requests are stamped with its clock
	patience time.Duration
	recorder recorder
	reviver  *reviver // nil when a connection that is lost ends the run
	arrivals arrivals // connections that the reviver opened
	in, out  []byte

	schedule *schedule // of an open loop; nil in a closed one
	turnOf   int       // the link that the next request is due on
	touched  []*link   // that requests became due on, in this turn
	offered  int64     // when requests last became due

	inflight int // requests outstanding on all links
	open     int // links whose sources may have more
	down     int // links without a connection
	issuing  bool
	lastRead int64 // when the last reply came
	lastLook int64 // at idle links
}

// link is a pipe and its connection.
type link struct {
	*pipe
	wire
	number  int  // in the fleet
	touched bool // is among those of the loop
	down    bool // the socket is closed, and another is being opened
	dead    bool // the session and the socket are closed
}

func newLoop(patience time.Duration, s *silence) (*loop, error) {
	p, err := newPoller()
	if err != nil {
		return nil, fmt.Errorf("cannot poll sockets: %w", err)
	}
	return &loop{
		poller:   p,
		silence:  s,
		patience: patience,
		recorder: recorder{now: newSample()},
		in:       make([]byte, loopBuffer),
	}, nil
}

// attach gives the loop the connection with a number in the fleet, which it closes in the end.
func (l *loop) attach(number int, p *pipe, s socket) error {
	k := &link{pipe: p, wire: wire{poller: l.poller, index: len(l.links)}, number: number}
	k.lastHeard = l.clock()
	l.links = append(l.links, k)
	return k.connect(s)
}

func (l *loop) close() {
	for _, k := range l.links {
		if !k.dead && !k.down {
			k.socket.close()
		}
	}
	for _, a := range l.arrivals.take() {
		a.socket.close()
	}
	l.poller.close()
}

// clock returns the time since the fleet began, in nanoseconds.
func (l *loop) clock() int64 { return l.silence.clock() }

// run keeps requests outstanding, or sends them when the schedule says, until the sources have no more, the time is
// over (0 is no limit), stop is set or ctx ends; then it waits for the replies that are due.
func (l *loop) run(ctx context.Context, limit time.Duration, s *schedule, stop *atomic.Bool) error {
	now := l.clock()
	deadline := now + int64(limit)
	s.begin(now)
	l.issuing, l.lastRead, l.offered, l.schedule, l.open = true, now, now, s, len(l.links)
	for _, k := range l.links {
		if err := l.begin(k, now); err != nil {
			return err
		}
	}
	ready := func(index int) error { return l.turn(l.links[index]) }
	for l.inflight > 0 || l.issuing && l.open > 0 {
		nap := l.nap(now, deadline, limit)
		if err := l.poller.wait(nap, l.schedule != nil && l.issuing, ready); err != nil {
			return err
		}
		now = l.clock()
		if l.issuing {
			until := now
			if limit > 0 {
				until = min(now, deadline-1)
			}
			if err := l.offer(now, until); err != nil {
				return err
			}
		}
		if limit > 0 && now >= deadline || stop.Load() || ctx.Err() != nil {
			l.issuing = false
		}
		if err := l.look(now); err != nil {
			return err
		}
	}
	l.abandon(l.clock())
	return nil
}

// begin begins with a link: in a closed loop its window is filled. A session without a connection needs no farewell.
func (l *loop) begin(k *link, now int64) error {
	if _, closing := k.source.(*closing); closing && k.down {
		k.exhausted = true
		l.open--
		return nil
	}
	return l.send(k, now)
}

// nap is how long the loop may wait for sockets.
func (l *loop) nap(now, deadline int64, limit time.Duration) time.Duration {
	nap := tick
	if l.down > 0 {
		nap = downTick
	}
	if limit > 0 && l.issuing {
		nap = min(nap, time.Duration(deadline-now))
	}
	if l.schedule != nil && l.issuing && l.open > 0 {
		due := max(int64(l.schedule.next), l.offered+int64(batchTime))
		nap = min(nap, time.Duration(due-now))
	}
	return max(nap, 0)
}

// offer gives the links, in turn, the requests that have become due, and sends those there is room for.
func (l *loop) offer(now, until int64) error {
	s := l.schedule
	if s == nil || int64(s.next) > until {
		return nil
	}
	l.offered = now
	for int64(s.next) <= until && l.open > 0 {
		k := l.links[l.turnOf]
		if l.turnOf++; l.turnOf == len(l.links) {
			l.turnOf = 0
		}
		if k.exhausted {
			continue
		}
		k.due.add(int64(s.next))
		s.advance()
		if !k.touched {
			k.touched = true
			l.touched = append(l.touched, k)
		}
	}
	for _, k := range l.touched {
		k.touched = false
		if err := l.send(k, now); err != nil {
			return err
		}
	}
	l.touched = l.touched[:0]
	return nil
}

// abandon records how long the requests that were due and never sent have waited. Left out, they would make a server
// that cannot keep up look better.
func (l *loop) abandon(now int64) {
	l.recorder.mu.Lock()
	defer l.recorder.mu.Unlock()
	for _, k := range l.links {
		if k.exhausted {
			k.due.clear() // the source had no requests for them
		}
		for ; k.due.count() > 0; k.due.drop() {
			l.recorder.unsent(now - k.due.first())
		}
	}
}

// look does what is due without replies: it gives up on a silent server, keeps idle sessions alive, and takes in the
// connections that were opened anew.
func (l *loop) look(now int64) error {
	for _, a := range l.arrivals.take() {
		if err := l.revive(l.links[a.index], a, now); err != nil {
			return err
		}
	}
	if l.inflight > 0 && now-l.lastRead > int64(l.patience) {
		return fmt.Errorf("no reply for %v with %d requests outstanding", l.patience, l.inflight)
	}
	if now-l.lastRead > int64(l.patience) && l.stranded() {
		return fmt.Errorf("no server gave a connection back for %v", l.patience)
	}
	if now-l.lastLook < int64(tick) {
		return nil
	}
	l.lastLook = now
	for _, k := range l.links {
		if err := l.lookAt(k, now); err != nil {
			return err
		}
	}
	return nil
}

// stranded reports whether only links without a connection could go on.
func (l *loop) stranded() bool {
	if l.down == 0 || l.inflight > 0 {
		return false
	}
	for _, k := range l.links {
		if !k.down && !k.dead && !k.exhausted {
			return false
		}
	}
	return true
}

// lookAt keeps the session of a link alive, and gives up a connection on which nothing comes any more, when that is no
// reason to end the run, after two thirds of the session's timeout, as clients do.
func (l *loop) lookAt(k *link, now int64) error {
	if k.dead || k.down {
		return nil
	}
	if silent := now - k.lastHeard; l.reviver != nil && silent > int64(k.session.timeout)*2/3 {
		return l.lost(k, io.EOF)
	}
	if k.outstanding() > 0 {
		return nil
	}
	b := k.ping(l.out[:0], now)
	if len(b) == 0 {
		return nil
	}
	l.out = b
	return l.write(k, b)
}

// turn takes all replies that are there and sends as many requests.
func (l *loop) turn(k *link) error {
	if k.dead || k.down {
		return nil
	}
	n, got, err := k.receive(l.in)
	if err != nil {
		return l.lost(k, err)
	}
	now := l.clock()
	if got > 0 {
		before := k.done
		if err := l.consume(k, n, now); err != nil {
			return err
		}
		if k.done > before {
			l.silence.end(now)
		}
		l.inflight -= int(k.done - before)
		l.lastRead, k.lastHeard = now, now
	}
	return l.send(k, now)
}

// consume takes the replies in the first n bytes read.
func (l *loop) consume(k *link, n int, now int64) error {
	l.recorder.mu.Lock()
	used, err := k.consume(l.in[:n], now, &l.recorder)
	l.recorder.mu.Unlock()
	if err != nil {
		return err
	}
	l.in = k.keep(l.in[used:n], l.in)
	return nil
}

// send builds the requests there is room for, and writes them.
func (l *loop) send(k *link, now int64) error {
	if k.down || k.dead {
		return nil
	}
	b := l.out[:0]
	if l.issuing && len(k.pending) < pendingLimit {
		before, exhausted := k.sent, k.exhausted
		b = k.fill(b, now)
		l.inflight += int(k.sent - before)
		if k.exhausted && !exhausted {
			l.open--
		}
		l.out = b
	}
	if len(b) == 0 && len(k.pending) == 0 {
		return nil
	}
	return l.write(k, b)
}

// write writes b behind what is pending, and keeps what the socket does not take.
func (l *loop) write(k *link, b []byte) error {
	if len(k.pending) > 0 {
		k.pending = append(k.pending, b...)
		b = k.pending
	}
	n, err := k.socket.write(b)
	if err != nil {
		return l.lost(k, err)
	}
	return k.took(b, n)
}

// lost says that a connection has ended: an error unless its session was closed, or the run goes on without.
func (l *loop) lost(k *link, err error) error {
	if _, closing := k.source.(*closing); closing && (k.outstanding() == 0 || l.reviver != nil) {
		l.inflight -= k.outstanding()
		k.lose(func(Kind) {})
		k.dead = true
		k.disconnect()
		return nil
	}
	switch {
	case l.reviver != nil:
		l.disconnect(k)
		return nil
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%s: the server closed the connection with %d requests outstanding", k.server, k.outstanding())
	}
	return fmt.Errorf("%s: %w", k.server, err)
}

// disconnect gives up a connection: what was outstanding is lost, and the reviver opens another.
func (l *loop) disconnect(k *link) {
	k.disconnect()
	l.inflight -= k.outstanding()
	l.recorder.mu.Lock()
	k.lose(func(kind Kind) { l.recorder.failed(kind, connectionLost) })
	l.recorder.mu.Unlock()
	k.down = true
	l.down++
	l.reviver.revive(&l.arrivals, k.index, k.number, k.session, k.zxid)
}

// revive goes on with a link that has a connection again.
func (l *loop) revive(k *link, a arrival, now int64) error {
	k.session, k.server = a.session, a.server
	k.down, k.lastHeard, k.lastSend = false, now, now
	l.down--
	l.lastRead = now
	if err := k.connect(a.socket); err != nil {
		return err
	}
	return l.send(k, now)
}

// errorText names a code as reports do.
func errorText(c proto.Code) string {
	if c == connectionLost {
		return "connection lost"
	}
	return c.Error()
}
