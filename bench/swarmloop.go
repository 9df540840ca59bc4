package bench

import (
	"container/heap"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"gamekeeper/proto"
)

const (
	dialsPerTurn = 64          // connections begun between two looks at the sockets
	beatRound    = time.Second // in which a loop looks at every session once
	beatsInTime  = 6           // rounds at least in the timeout of a session
)

// swarmLoop serves the sessions of a swarm that are its own, from one goroutine. Everything but post and what is
// atomic is that goroutine's.
type swarmLoop struct {
	swarm    *swarm
	poller   *poller
	wake     wake
	agents   []*agent
	queue    []*agent // that wait for their turn to connect
	dialing  int      // sessions connecting, until they are served
	atOnce   int      // dialing at most; 0 is no limit
	timers   timers
	beaten   int   // agents looked at in this round, for heartbeats
	beatFrom int64 // when the round began
	round    int64 // in which every session is looked at, in nanoseconds
	recorder recorder
	in       []byte
	random   *rand.Rand
	ended    bool
	heard    atomic.Int64

	mu    sync.Mutex
	posts []func()
}

func newSwarmLoop(s *swarm) (*swarmLoop, error) {
	p, err := newPoller()
	if err != nil {
		return nil, fmt.Errorf("cannot poll sockets: %w", err)
	}
	l := &swarmLoop{
		swarm:    s,
		poller:   p,
		round:    int64(beatRound),
		recorder: recorder{now: newSample()},
		in:       make([]byte, loopBuffer),
		random:   rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
	}
	if l.wake, err = newWake(); err == nil {
		err = p.add(l.wake.reader, wakeIndex)
	}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("cannot wake a loop: %w", err)
	}
	return l, nil
}

// close closes all sockets, when run has ended.
func (l *swarmLoop) close() {
	for _, a := range l.agents {
		a.hangUp()
	}
	l.wake.close()
	l.poller.close()
}

// post has the loop call do soon. Any goroutine may call it.
func (l *swarmLoop) post(do func()) {
	l.mu.Lock()
	l.posts = append(l.posts, do)
	first := len(l.posts) == 1
	l.mu.Unlock()
	if first {
		l.wake.up()
	}
}

// run serves until ended is set.
func (l *swarmLoop) run() error {
	ready := func(index int) error {
		if index == wakeIndex {
			l.wake.reset()
			l.takePosts()
			return nil
		}
		l.turn(l.agents[index])
		return nil
	}
	for !l.ended {
		more := l.dialSome()
		now := l.swarm.clock()
		l.beat(now)
		if err := l.poller.wait(l.nap(l.fire(now), more), false, ready); err != nil {
			return err
		}
	}
	return nil
}

func (l *swarmLoop) takePosts() {
	l.mu.Lock()
	posts := l.posts
	l.posts = nil
	l.mu.Unlock()
	for _, do := range posts {
		do()
	}
}

// nap is how long the loop may wait, when the next timer fires in so many nanoseconds.
func (l *swarmLoop) nap(next int64, more bool) time.Duration {
	if more {
		return 0
	}
	return min(time.Duration(next), tick)
}

// enqueue has a session connected when its turn comes. Without a limit its time begins now: when all are to connect at
// once, it counts that the loop cannot begin them all at once.
func (l *swarmLoop) enqueue(a *agent) {
	if a.stage != stageAway {
		a.hangUp() // and what it waited for
	}
	a.stage, a.began, a.tries = stageQueued, l.swarm.clock(), 0
	l.queue = append(l.queue, a)
}

// dialSome begins connections, and returns whether there are more to begin at once.
func (l *swarmLoop) dialSome() bool {
	for range dialsPerTurn {
		if len(l.queue) == 0 || l.atOnce > 0 && l.dialing >= l.atOnce {
			return false
		}
		a := l.queue[0]
		l.queue = l.queue[1:]
		l.dialing++
		a.serving = true
		if l.atOnce > 0 {
			a.began = l.swarm.clock()
		}
		a.dial()
	}
	return len(l.queue) > 0
}

// beat sends heartbeats to sessions that were silent for long, and gives up handshakes that take too long. A call
// looks at as many sessions as the time since the last one is worth.
func (l *swarmLoop) beat(now int64) {
	due := min(int(int64(len(l.agents))*(now-l.beatFrom)/l.round), len(l.agents))
	for ; l.beaten < due; l.beaten++ {
		a := l.agents[l.beaten]
		switch {
		case l.swarm.options.Reconnect && a.stage >= stagePresent && now-a.lastHeard > int64(a.session.timeout)*2/3:
			a.lost(errLate)
		case a.stage == stagePresent && now-a.lastSend > int64(a.session.timeout/3):
			a.ping(now)
		case a.stage == stageShaking && now-a.dialedAt > int64(l.swarm.timeout)/int64(len(l.swarm.addresses)):
			a.lost(errLate)
		}
	}
	if now-l.beatFrom >= l.round {
		l.beatFrom, l.beaten = now, 0
	}
}

// turn does what the socket of a session is ready for.
func (l *swarmLoop) turn(a *agent) {
	a.flush()
	if a.stage < stageShaking {
		return // there is no socket any more
	}
	connection := a.connection
	n, got, err := a.receive(l.in)
	if connection != a.connection || got == 0 && err == nil {
		return
	}
	if err != nil {
		a.lost(err)
		return
	}
	a.lastHeard = l.swarm.clock()
	used := l.consume(a, l.in[:n])
	if connection != a.connection {
		return
	}
	l.in = a.keep(l.in[used:n], l.in)
	a.flush()
}

// consume takes the whole frames in b and returns how many bytes they were.
func (l *swarmLoop) consume(a *agent, b []byte) int {
	now := l.swarm.clock()
	used := 0
	for connection := a.connection; connection == a.connection && len(b)-used >= 4; {
		n := int(binary.BigEndian.Uint32(b[used:]))
		if n > replyBytesMax || n < proto.ReplyHeaderBytes {
			l.swarm.fail(fmt.Errorf("%s: a reply of %d bytes: this is not the ZooKeeper protocol", a.serverName(), n))
			a.hangUp()
			return 0
		}
		if len(b)-used-4 < n {
			break
		}
		if err := a.frame(b[used+4:used+4+n], now); err != nil {
			l.swarm.fail(fmt.Errorf("%s: %w", a.serverName(), err))
			a.hangUp()
			return 0
		}
		used += 4 + n
	}
	return used
}

// record notes that something took so long.
func (l *swarmLoop) record(k Kind, took int64) {
	if s := l.swarm; s.counted.Load() == int32(k)+1 {
		s.silence.end(s.clock())
	}
	l.recorder.mu.Lock()
	defer l.recorder.mu.Unlock()
	l.recorder.ok(k, took, 1)
}

// failed notes requests that were lost with their connection.
func (l *swarmLoop) failed(kinds []Kind) {
	l.recorder.mu.Lock()
	defer l.recorder.mu.Unlock()
	for _, k := range kinds {
		l.recorder.failed(k, connectionLost)
	}
}

// timer calls do at a time on the swarm's clock.
type timer struct {
	at int64
	do func()
}

// timers is a heap by time.
type timers []timer

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at < t[j].at }
func (t timers) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *timers) Push(x any)        { *t = append(*t, x.(timer)) }
func (t *timers) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	*t = (*t)[:last]
	return x
}

// after calls do when a time has passed, to the millisecond.
func (l *swarmLoop) after(d time.Duration, do func()) {
	heap.Push(&l.timers, timer{l.swarm.clock() + int64(d), do})
}

// fire calls what is due and returns how long it is until the next.
func (l *swarmLoop) fire(now int64) int64 {
	for len(l.timers) > 0 {
		if next := l.timers[0].at; next > now {
			return next - now
		}
		heap.Pop(&l.timers).(timer).do()
	}
	return int64(tick)
}
