package crashtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gamekeeper/server/servertest"
)

// victim is a server that can be crashed.
type victim interface {
	// start begins a life and returns the address. It may end in errCrashed when a crash was arranged.
	start() (addr string, err error)
	// crash ends this life, at whatever it is doing, and returns when it has ended.
	crash() error
}

// errCrashed says that the victim did not live to serve, as it was meant to.
var errCrashed = errors.New("crashed while it started")

// load is all workers of one data directory, and what they count.
type load struct {
	workers []*worker
	shared  shared
	rng     *rand.Rand

	answered, open, happened atomic.Int64

	// The crash comes when budget more requests have been sent.
	budget atomic.Int64
	due    chan struct{}
}

func newLoad(workers int, rng *rand.Rand) *load {
	l := &load{rng: rng, shared: shared{last: map[string]int{}}}
	for i := range workers {
		l.workers = append(l.workers, newWorker(i, rand.New(rand.NewPCG(rng.Uint64(), 0)), l))
	}
	return l
}

// sent counts a request.
func (l *load) sent() {
	if l.budget.Add(-1) == 0 {
		close(l.due)
	}
}

// round starts the victim, checks what it remembers, and crashes it after up to most requests.
func (l *load) round(v victim, most int) error {
	addr, err := v.start()
	if errors.Is(err, errCrashed) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := l.check(addr); err != nil {
		return errors.Join(err, v.crash())
	}
	l.due = make(chan struct{})
	l.budget.Store(1 + l.rng.Int64N(int64(most)))
	var crashing atomic.Bool
	errs := make(chan error, len(l.workers))
	for _, w := range l.workers {
		go func() {
			err := w.run(addr)
			if errors.Is(err, errGone) {
				if err = nil; !crashing.Load() {
					err = fmt.Errorf("%s: the connection was lost without a crash", w.name)
				}
			}
			errs <- err
		}()
	}
	var failures []error
	running := len(l.workers)
	select {
	case <-l.due:
	case err := <-errs: // something is wrong
		failures = append(failures, err)
		running--
	case <-time.After(servertest.Patience):
		failures = append(failures, errors.New("the load does not get on"))
	}
	crashing.Store(true)
	failures = append(failures, v.crash())
	for range running {
		failures = append(failures, <-errs)
	}
	return errors.Join(failures...)
}

// check compares the state of all workers with their models.
func (l *load) check(addr string) error {
	errs := make([]error, len(l.workers)+1)
	var all sync.WaitGroup
	for i, w := range l.workers {
		all.Go(func() {
			errs[i] = observing(addr, func(c *servertest.Client) error { return w.check(addr, c) })
		})
	}
	errs[len(l.workers)] = observing(addr, func(c *servertest.Client) error {
		return errors.Join(l.shared.check(c), checkRoot(c, l.workers))
	})
	all.Wait()
	return errors.Join(errs...)
}

// observing calls f with a session that is nobody's.
func observing(addr string, f func(*servertest.Client) error) error {
	c, err := servertest.Connect(addr, sessionTimeout)
	if err != nil {
		return err
	}
	defer c.Close()
	return f(c)
}

// seeded returns a generator, and says how to get the same one again.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if given, err := strconv.ParseUint(os.Getenv("GAMEKEEPER_CRASH_SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Logf("GAMEKEEPER_CRASH_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// rounds is how many crashes are asked for.
func rounds(byDefault int) int {
	if n, err := strconv.Atoi(os.Getenv("GAMEKEEPER_CRASH_ROUNDS")); err == nil && n > 0 {
		return n
	}
	return byDefault
}

// campaign crashes servers n times. Each of them is crashed some times on the same data; the log is replayed
// whole, so it must not grow for ever.
func campaign(t *testing.T, rng *rand.Rand, n, most int, newVictim func() victim) {
	t.Helper()
	const freshEvery = 20
	var answered, open, happened int64
	begun := time.Now()
	for done := 0; done < n; {
		l, v := newLoad(2+rng.IntN(7), rng), newVictim()
		for range min(n-done, freshEvery) {
			if err := l.round(v, most); err != nil {
				t.Fatalf("after %d crashes: %v", done, err)
			}
			done++
		}
		if err := l.last(v); err != nil {
			t.Fatalf("after %d crashes: %v", done, err)
		}
		answered += l.answered.Load()
		open += l.open.Load()
		happened += l.happened.Load()
	}
	t.Logf("%d crashes in %v: %d requests were answered, and all found; of %d that were open at a crash, %d at least had happened",
		n, time.Since(begun).Round(time.Second), answered, open, happened)
}

// last checks what remains after the last crash.
func (l *load) last(v victim) error {
	addr, err := v.start()
	for errors.Is(err, errCrashed) {
		addr, err = v.start()
	}
	if err != nil {
		return err
	}
	return errors.Join(l.check(addr), v.crash())
}
