package bench

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"gamekeeper/bench/report"
	"gamekeeper/proto"
)

// setupAtOnce bounds the sessions that connect at a time where that is not what is measured.
const setupAtOnce = 256

// storm is one run of a workload whose sessions are a swarm.
type storm struct {
	options  *Options
	progress Progress
	control  *client
	grove    *grove
	swarm    *swarm // once recruited
	keys     int    // that were made
}

// runStorm prepares a storm, lets conduct measure, and cleans up.
func runStorm(ctx context.Context, o Options, p Progress, conduct func(ctx context.Context, st *storm) (*report.Run, error)) (_ *report.Run, err error) {
	control, err := newClient(ctx, o.controlDialer(), o.Servers...)
	if err != nil {
		return nil, err
	}
	defer control.close()
	g, err := plantGrove(control, &o)
	if err != nil {
		return nil, err
	}
	st := &storm{options: &o, progress: p, control: control, grove: g}
	run, err := conduct(ctx, st)
	var left error // why something may be left
	if st.swarm != nil {
		if err == nil {
			p.stage("closing the sessions")
			// Cleaning up goes on after an interruption.
			left = st.swarm.closeSessions(context.WithoutCancel(ctx))
		}
		st.swarm.stop()
	}
	p.stage("deleting the znodes of the run")
	left = errors.Join(left, st.clear(context.WithoutCancel(ctx)))
	switch {
	case err != nil && left != nil:
		return nil, fmt.Errorf("%w (%s)", err, leftNote(g.root, left))
	case err != nil: // it counts, and not what came of it
		return nil, err
	case left != nil && !o.Reconnect:
		return nil, left
	case left != nil:
		run.Notes = append(run.Notes, leftNote(g.root, left))
	}
	run.Notes = append(run.Notes, st.swarm.troubles.notes()...)
	return run, nil
}

// The fleet that makes keys and deletes them.
const (
	growers           = 8
	growerOutstanding = 64
)

// withFleet has do make load that is not measured.
func (st *storm) withFleet(ctx context.Context, do func(f *fleet) error) error {
	o := *st.options
	o.Connections, o.Outstanding, o.Threads = growers, growerOutstanding, 1
	f, err := openFleet(ctx, o.controlDialer(), &o)
	if err != nil {
		return err
	}
	defer f.close()
	if err := do(f); err != nil {
		return err
	}
	return f.farewell(ctx)
}

// growKeys makes the keys of the run.
func (st *storm) growKeys(ctx context.Context, v values) error {
	st.keys = st.options.Keys
	st.progress.stage("creating %d keys", st.keys)
	return st.withFleet(ctx, func(f *fleet) error { return st.grove.growKeys(ctx, f, st.keys, v) })
}

// clear deletes everything of the run.
func (st *storm) clear(ctx context.Context) error {
	g := st.grove
	if st.keys > 0 {
		return st.withFleet(ctx, func(f *fleet) error { return g.clear(ctx, f, st.keys, make([]span, growers)) })
	}
	return errors.Join(g.fell(g.root), g.uproot())
}

// recruit makes the swarm: n sessions, none of which is open. Each asks for a timeout, unless --session-timeout says
// another one.
func (st *storm) recruit(n int, timeout time.Duration, partOf func(i int) part) error {
	return st.recruitFor(n, n, timeout, partOf)
}

// recruitFor is recruit for sessions that are not connected all at a time.
func (st *storm) recruitFor(connections, n int, timeout time.Duration, partOf func(i int) part) error {
	if err := reserveFiles(connections); err != nil {
		return err
	}
	timeout = st.options.timeout(timeout)
	if st.options.SessionTimeout > 0 {
		timeout = st.options.SessionTimeout
	}
	var err error
	st.swarm, err = newSwarm(st.options, n, timeout, partOf)
	return err
}

// open connects all sessions, where that is not what is measured.
func (st *storm) open(ctx context.Context) error {
	st.progress.stage("opening %d sessions", len(st.swarm.agents))
	return st.swarm.gather(ctx, "opening the sessions", setupAtOnce)
}

// path returns a path in the directory of the run.
func (st *storm) path(name string) []byte { return []byte(st.grove.root + "/" + name) }

// mkdir creates a znode without a value in the directory of the run.
func (st *storm) mkdir(name string) ([]byte, error) {
	path := st.path(name)
	if err := st.control.create(path, nil, proto.Persistent); err != nil {
		return nil, fmt.Errorf("cannot create %s: %w", path, err)
	}
	return path, nil
}

// meter returns a meter for what the loops record. Its seconds count the kind alone.
func (st *storm) meter(kind Kind) *meter {
	if st.swarm != nil {
		st.swarm.count(kind)
	}
	return &meter{progress: st.progress, kind: &kind}
}

// shift is the time in which sessions do something again and again. Their parts ask it each time whether to go on.
type shift struct {
	over  atomic.Bool
	rest  *countdown                // of those that have not stopped
	quota atomic.Pointer[countdown] // of what is to be measured; nil for no limit
}

// newShift is for so many sessions, which call stopped when they have seen that it is over.
func newShift(sessions int) *shift { return &shift{rest: newCountdown(sessions)} }

// did counts what --requests limits.
func (s *shift) did() {
	if q := s.quota.Load(); q != nil {
		q.one()
	}
}

// stopped says that a session does no more.
func (s *shift) stopped() { s.rest.one() }

// work lets all sessions work, first to warm up and then to measure, until they have stopped. The kind is what
// --requests and the seconds count.
func (st *storm) work(ctx context.Context, s *shift, kind Kind) (*meter, error) {
	o := st.options
	st.swarm.each((*agent).begin)
	if o.Warmup > 0 {
		st.progress.stage("warming up for %v", o.Warmup)
		if err := st.swarm.pause(ctx, "warming up", o.Warmup); err != nil {
			return nil, err
		}
	}
	st.progress.stage("measuring")
	m := st.meter(kind)
	st.swarm.collect(newSample()) // what was before does not count
	m.begin(st.swarm.collect, 0)
	var err error
	if o.Requests > 0 {
		q := newCountdown(o.Requests)
		s.quota.Store(q)
		err = st.swarm.await(ctx, "measuring", q.over)
	} else {
		err = st.swarm.pause(ctx, "measuring", o.Duration)
	}
	m.end()
	if err != nil {
		return nil, err
	}
	s.over.Store(true)
	return m, st.swarm.await(ctx, "coming to an end", s.rest.over)
}

// result returns the run that a meter saw, with figures of its own.
func (st *storm) result(m *meter, values map[string]float64) *report.Run {
	r := newRun(st.options, m)
	r.Values = values
	return r
}

// awaitNone sees that nothing is left in a directory. It need not be so at once if something may still go.
func (st *storm) awaitNone(ctx context.Context, dir []byte, what string, mayGo bool) error {
	for began := time.Now(); ; {
		n, err := st.control.numChildren(dir)
		switch {
		case err != nil:
			return fmt.Errorf("cannot count the %s that are left: %w", what, err)
		case n == 0:
			return nil
		case !mayGo || time.Since(began) > st.swarm.timeout+st.options.Patience:
			return fmt.Errorf("%d %s are left that should have gone", n, what)
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}
