package target

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	pollEvery = 20 * time.Millisecond // that long a server serves before it is seen
	deathsMax = 3                     // how often one server may end by itself
)

// leaderOf is the index of the server that says it leads, or that stands alone; -1 if there is none, or more than one.
func leaderOf(modes []string) int {
	leader := -1
	for i, mode := range modes {
		if mode != leading && mode != standalone {
			continue
		}
		if leader >= 0 {
			return -1
		}
		leader = i
	}
	return leader
}

// settle waits until the servers serve, and those of an ensemble have one leader.
func (t *Target) settle(ctx context.Context, dead func(*server) error, servers ...*server) error {
	return t.await(ctx, dead, func(modes []string) (*server, bool) {
		for i, s := range t.servers {
			if (modes[i] == "" || modes[i] == unknown) && slices.Contains(servers, s) {
				return s, false
			}
		}
		return nil, leaderOf(modes) >= 0
	})
}

// await asks all servers for their modes until a condition holds, for as long as the options have it. The condition
// tells which server it still waits for, if it is one. dead is called for a server that ended by itself: an error ends
// waiting, without one the server was started again.
func (t *Target) await(ctx context.Context, dead func(*server) error, condition func(modes []string) (*server, bool)) error {
	limited, cancel := context.WithTimeout(ctx, t.options.patience())
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	answers := make(chan answer)
	modes := make([]string, len(t.servers))
	for i := range t.servers {
		modes[i] = unknown
		asking.Go(func() { t.askAll(limited, i, answers) })
	}
	var late *server
	for ok := false; !ok; {
		select {
		case a := <-answers:
			s := t.servers[a.server]
			if t.died(s) {
				if err := dead(s); err != nil {
					return err
				}
			}
			modes[a.server] = a.mode
			late, ok = condition(modes)
		case <-limited.Done():
			return t.overdue(ctx, late)
		}
	}
	return nil
}

// overdue says why waiting was in vain, perhaps because of a server.
func (t *Target) overdue(ctx context.Context, late *server) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case late != nil:
		return fmt.Errorf("%s does not serve after %v", late.name, t.options.patience())
	}
	return fmt.Errorf("no server leads after %v", t.options.patience())
}

// answer is the mode that a server is in; "" if it does not serve, or could not answer.
type answer struct {
	server int
	mode   string
}

// askAll asks one server again and again until ctx ends. Each is asked by a goroutine of its own, as one that accepts
// connections and does not answer must not hide what the others say.
func (t *Target) askAll(ctx context.Context, i int, answers chan<- answer) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case answers <- answer{i, t.mode(ctx, t.servers[i])}:
		case <-ctx.Done():
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// mode asks a server for its mode.
func (t *Target) mode(ctx context.Context, s *server) string {
	t.mu.Lock()
	mute := s.paused || !s.running()
	t.mu.Unlock()
	if mute {
		return ""
	}
	return ask(ctx, s.address).mode
}

// died tells whether a server that should run has ended by itself.
func (t *Target) died(s *server) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return s.wanted && !s.running()
}

// relaunch does for a server that ended by itself what its operator's supervisor does, unless somebody else did so
// meanwhile. A follower of Apache ZooKeeper 3.9 can end so when its leader dies under load.
func (t *Target) relaunch(s *server) (launched bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !s.wanted || s.running() {
		return false, nil
	}
	if s.deaths++; s.deaths > deathsMax {
		return false, fmt.Errorf("%s ends by itself again and again; the end of %s:\n%s", s.name, s.log(), s.tail())
	}
	err = s.launch()
	return err == nil, err
}

// Mend waits until all servers serve that were started, after it started those that do not run: a run with faults, or
// one that broke off, may have left some so. A server that ended by itself is started again three times at the most.
func (t *Target) Mend(ctx context.Context) error {
	if !t.spec.Starts() {
		return nil
	}
	for _, s := range t.servers {
		if err := t.rouse(s); err != nil {
			return err
		}
	}
	revive := func(s *server) error {
		_, err := t.relaunch(s)
		return err
	}
	return t.settle(ctx, revive, t.servers...)
}

// rouse has a server run that a fault has ended or paused.
func (t *Target) rouse(s *server) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case s.paused:
		s.paused = false
		return s.process.signal(syscall.SIGCONT)
	case !s.wanted:
		return s.launch()
	}
	return nil
}
