package bench

import (
	"context"
	"fmt"
	"time"

	"gamekeeper/bench/report"
	"gamekeeper/proto"
)

// The figures of expiries.
const (
	figureExpiring     = "expiring all"
	figureOverdue      = "last past its timeout"
	figureSetP99       = "set p99"
	figureSetMax       = "set max"
	figureSetP99Before = "set p99 before"
)

const (
	expiringTimeout = 6 * time.Second       // of sessions that are to expire
	expiryLook      = 10 * time.Millisecond // between two looks how many are left
)

func expiriesWorkload() workload {
	return workload{
		name:  "expiries",
		about: "drop all sessions, each with an ephemeral znode, and time from the first that has expired until the last",
		figures: []report.Figure{
			{Name: figureExpiring, Unit: report.Duration, Better: report.Lower},
			{Name: figureOverdue, Unit: report.Duration, Better: report.Lower},
			{Name: figureSetP99, Unit: report.Duration, Better: report.Lower},
			{Name: figureSetMax, Unit: report.Duration, Better: report.Lower},
			{Name: figureSetP99Before, Unit: report.Duration},
		},
		flags: []string{"connections", "session-timeout", "probe", "warmup", "threads"},
		run: func(ctx context.Context, o Options, p Progress) (*report.Run, error) {
			return runStorm(ctx, o, p, measureExpiries)
		},
	}
}

// owner is the part of sessions that own an ephemeral znode each.
type owner struct {
	dir   []byte
	path  []byte
	heard *countdown // of those that were heard; nil when nobody asks
}

func (w *owner) opened(a *agent) {
	w.path = append(append(w.path[:0], w.dir...), '/')
	w.path = appendDigits(w.path, a.number, connDigits)
	a.create(w.path, nil, proto.Ephemeral, func(a *agent, r *reply) {
		if a.fineOr(r, proto.NodeExists, "creating an ephemeral znode") {
			a.served()
			w.say(a)
		}
	})
}

// say has the server hear of the session.
func (w *owner) say(a *agent) {
	if w.heard == nil {
		return
	}
	a.exists(w.dir, false, func(_ *agent, r *reply) {
		if heard := w.heard; heard != nil {
			w.heard = nil
			heard.one()
		}
	})
}

func (*owner) event(*agent, proto.WatcherEvent) {}

func measureExpiries(ctx context.Context, st *storm) (*report.Run, error) {
	dir, err := st.mkdir("owned")
	if err != nil {
		return nil, err
	}
	if err := st.recruit(st.options.Connections, expiringTimeout, func(int) part { return &owner{dir: dir} }); err != nil {
		return nil, err
	}
	if err := st.open(ctx); err != nil {
		return nil, err
	}
	probing, err := newClient(ctx, st.options.controlDialer(), st.options.Servers...)
	if err != nil {
		return nil, err
	}
	defer probing.close()
	prober := startProber(ctx, probing, []byte(st.grove.root), st.options.Probe)
	run, err := st.expire(ctx, prober, dir)
	if e := prober.stop(); err == nil && e != nil {
		err = fmt.Errorf("the client that looked how it is served failed: %w", e)
	}
	return run, err
}

// expire drops all sessions and waits until they have expired.
func (st *storm) expire(ctx context.Context, prober *prober, dir []byte) (*report.Run, error) {
	s := st.swarm
	st.progress.stage("probing for %v", st.options.Warmup)
	prober.take()
	if err := s.pause(ctx, "probing", st.options.Warmup); err != nil {
		return nil, err
	}
	// All are heard once more, so that all have the same time left.
	heard := newCountdown(len(s.agents))
	s.each(func(a *agent) {
		w := a.part.(*owner)
		if w.heard = heard; a.stage == stagePresent {
			w.say(a)
		}
	})
	if err := s.await(ctx, "hearing all sessions", heard.over); err != nil {
		return nil, err
	}
	before := newLatency(prober.take())
	timeout := s.agents[0].session.timeout
	st.progress.stage("dropping %d sessions, which expire in %v", len(s.agents), timeout)
	m := st.meter(KindSet)
	m.begin(prober.collect, 0)
	first, last, err := st.awaitExpiry(ctx, dir, timeout)
	m.end()
	if err != nil {
		return nil, err
	}
	probed := newLatency(m.total.all())
	return st.result(m, map[string]float64{
		figureExpiring:     float64(last - first),
		figureOverdue:      float64(last - timeout),
		figureSetP99:       float64(probed.P99),
		figureSetMax:       float64(probed.Max),
		figureSetP99Before: float64(before.P99),
	}), nil
}

// awaitExpiry drops all sessions, whose ephemerals are in dir, and returns when the first and the last had gone.
func (st *storm) awaitExpiry(ctx context.Context, dir []byte, timeout time.Duration) (first, last time.Duration, err error) {
	s := st.swarm
	began := time.Now()
	if err := s.forget(ctx); err != nil {
		return 0, 0, err
	}
	ticker := time.NewTicker(expiryLook)
	defer ticker.Stop()
	for {
		n, err := st.control.numChildren(dir)
		passed := time.Since(began)
		switch {
		case err != nil:
			return 0, 0, fmt.Errorf("cannot count the ephemerals that are left: %w", err)
		case n == 0:
			return max(first, 0), passed, nil
		case n == len(s.agents):
			first = passed
		case passed > timeout+st.options.Patience:
			return 0, 0, fmt.Errorf("%d of %d ephemerals are still there %v after their sessions were dropped", n, len(s.agents), passed.Round(time.Second))
		}
		select {
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		case <-ticker.C:
		}
	}
}
