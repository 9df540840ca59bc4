package bench

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"gamekeeper/bench/report"
)

// The figures of locks.
const (
	figureAcquisitions = "acquisitions"
	figureAcquireP50   = "acquire p50"
	figureAcquireP99   = "acquire p99"
)

func locksWorkload() workload {
	return workload{
		name:  "locks",
		about: "acquire and release --lock-count locks by the recipe: an ephemeral sequential znode each, a watch on the one before",
		figures: []report.Figure{
			{Name: figureAcquisitions, Unit: report.PerSecond, Better: report.Higher},
			{Name: figureAcquireP50, Unit: report.Duration, Better: report.Lower},
			{Name: figureAcquireP99, Unit: report.Duration, Better: report.Lower},
		},
		flags: []string{"connections", "lock-count", "hold-time", "duration", "requests", "warmup", "threads"},
		run: func(ctx context.Context, o Options, p Progress) (*report.Run, error) {
			return runStorm(ctx, o, p, measureLocks)
		},
	}
}

// referee knows who holds each lock, to see that nobody else does.
type referee struct {
	mu     sync.Mutex
	holder []int   // number of the agent, by lock; -1 when none holds it
	last   []int   // the last holder
	number []int64 // of the last place in line that acquired the lock
}

func newReferee(locks int) *referee {
	r := &referee{holder: make([]int, locks), last: make([]int, locks), number: make([]int64, locks)}
	for i := range r.holder {
		r.holder[i], r.number[i] = -1, -1
	}
	return r
}

// take notes that a session with a place in line thinks that it holds a lock. It may do so again with the same place, if
// it was not sure for a while.
func (r *referee) take(lock, session int, place []byte) error {
	number, err := strconv.ParseInt(string(place[len(place)-seqDigits:]), 10, 64)
	if err != nil {
		return fmt.Errorf("%s has no number at its end: %w", place, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.holder[lock] >= 0:
		return fmt.Errorf("sessions %d and %d hold one lock at a time", r.holder[lock], session)
	case number < r.number[lock] || number == r.number[lock] && session != r.last[lock]:
		return fmt.Errorf("session %d acquired a lock at place %d of the line, after place %d", session, number, r.number[lock])
	}
	r.holder[lock], r.last[lock], r.number[lock] = session, session, number
	return nil
}

// drop notes that the holder is about to release a lock, or is not sure any more.
func (r *referee) drop(lock int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holder[lock] = -1
}

// locker is the part of a session that acquires a lock and releases it, again and again.
type locker struct {
	line
	shift   *shift
	referee *referee
	options *Options
	lock    int
	began   int64 // to acquire
	holds   bool  // and is sure of it
	counted bool  // this acquisition was
}

func (*locker) opened(a *agent) { a.served() }

func (k *locker) work(a *agent) {
	k.began, k.counted = a.home.swarm.clock(), false
	k.join(a)
}

// interrupted has the session not rely on the lock any more: its znode may go before the session is told.
func (k *locker) interrupted(*agent) {
	if k.holds {
		k.holds = false
		k.referee.drop(k.lock)
	}
}

func (k *locker) resumed(a *agent, same bool) {
	if k.counted && !same { // that one is over, and the session wants another
		k.began, k.counted = a.home.swarm.clock(), false
	}
	k.resume(a, same)
}

func (k *locker) acquired(a *agent) {
	if err := k.referee.take(k.lock, a.number, k.own); err != nil {
		a.home.swarm.fail(err)
		return
	}
	k.holds = true
	if !k.counted {
		k.counted = true
		a.home.record(KindAcquire, a.home.swarm.clock()-k.began)
		k.shift.did()
	}
	if k.options.HoldTime == 0 || k.shift.over.Load() {
		k.release(a)
		return
	}
	connection := a.connection
	a.home.after(k.options.HoldTime, func() {
		if connection == a.connection {
			k.release(a)
			a.flush()
		}
	})
}

func (k *locker) release(a *agent) {
	k.holds = false
	k.referee.drop(k.lock)
	k.leave(a, func(a *agent) {
		if k.shift.over.Load() {
			k.shift.stopped()
			return
		}
		k.work(a)
	})
}

func measureLocks(ctx context.Context, st *storm) (*report.Run, error) {
	o := st.options
	var dirs [][]byte
	for i := range o.Locks {
		dir, err := st.mkdir(string(appendDigits([]byte("lock-"), i, parentDigit)))
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, dir)
	}
	s, r := newShift(o.Connections), newReferee(o.Locks)
	err := st.recruit(o.Connections, sessionTimeout, func(i int) part {
		k := &locker{shift: s, referee: r, options: o, lock: i % o.Locks}
		k.line = line{dir: dirs[k.lock], placed: func(*agent) {}, first: k.acquired}
		return k
	})
	if err == nil {
		err = st.open(ctx)
	}
	if err != nil {
		return nil, err
	}
	m, err := st.work(ctx, s, KindAcquire)
	if err != nil {
		return nil, err
	}
	acquire := m.latency(KindAcquire)
	return st.result(m, map[string]float64{
		figureAcquisitions: m.rate(KindAcquire),
		figureAcquireP50:   float64(acquire.P50),
		figureAcquireP99:   float64(acquire.P99),
	}), nil
}
