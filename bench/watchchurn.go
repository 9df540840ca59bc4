package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"

	"gamekeeper/bench/report"
	"gamekeeper/proto"
)

// churnRemoves is of how many gets with a watch one is followed by the removal of the watch.
const churnRemoves = 10

// The figures of watch-churn.
const (
	figureRequests = "requests"
	figureGetP99   = "get p99"
	figureToldP99  = "notification p99"
)

func churnWorkload() workload {
	return workload{
		name:  "watch-churn",
		about: "get random keys with a watch, remove some watches, and set random keys, by --reads, which triggers them",
		figures: []report.Figure{
			{Name: figureRequests, Unit: report.PerSecond, Better: report.Higher},
			{Name: figureToldRate, Unit: report.PerSecond, Better: report.Higher},
			{Name: figureGetP99, Unit: report.Duration, Better: report.Lower},
			{Name: figureSetP99, Unit: report.Duration, Better: report.Lower},
			{Name: figureToldP99, Unit: report.Duration, Better: report.Lower},
		},
		flags: []string{"connections", "outstanding", "reads", "keys", "shape", "depth", "size", "duration", "requests", "warmup", "threads"},
		run: func(ctx context.Context, o Options, p Progress) (*report.Run, error) {
			return runStorm(ctx, o, p, measureChurn)
		},
	}
}

// churner is the part of a session that sets and triggers watches. It has --outstanding requests outstanding.
type churner struct {
	shift   *shift
	options *Options
	keys    keyPaths
	values  values
	setAt   []atomic.Int64 // when a set of each key was asked for last, on the swarm's clock; of all sessions
	random  *rand.Rand

	path    []byte
	out     int // requests outstanding
	gets    int
	watched uint64 // watches set
	told    uint64
	ended   bool
}

func (*churner) opened(a *agent) { a.served() }

func (c *churner) work(a *agent) {
	for c.out < c.options.Outstanding {
		n := c.random.IntN(len(c.setAt))
		c.path = c.keys.appendKey(c.path[:0], n)
		c.out++
		if c.random.IntN(100) >= c.options.Reads {
			c.setAt[n].Store(a.home.swarm.clock())
			a.set(c.path, c.values.next(), c.answered)
			continue
		}
		a.get(c.path, true, c.got)
		c.gets++
		if c.gets%churnRemoves == 0 {
			c.out++
			a.unwatch(c.path, c.removed)
		}
	}
}

func (*churner) interrupted(*agent) {}

// resumed begins anew: there are no watches any more, and nothing is outstanding.
func (c *churner) resumed(a *agent, _ bool) {
	if c.ended {
		return
	}
	c.out, c.watched, c.told = 0, 0, 0
	if c.shift.over.Load() {
		c.stop()
		return
	}
	c.work(a)
}

func (c *churner) stop() {
	c.ended = true
	c.shift.stopped()
}

func (c *churner) got(a *agent, r *reply) {
	c.watched++
	c.answered(a, r)
}

// removed allows for a watch that was triggered meanwhile.
func (c *churner) removed(a *agent, r *reply) {
	if r.code == proto.NoWatcher {
		r.code = proto.OK
	}
	c.answered(a, r)
}

func (c *churner) answered(a *agent, r *reply) {
	if !a.fine(r, "setting and triggering watches") {
		return
	}
	c.out--
	c.shift.did()
	switch {
	case !c.shift.over.Load():
		c.work(a)
	case c.out == 0:
		c.stop()
	}
}

// event times a notification from the last request for a change: keys are changed so rarely that it is the one.
func (c *churner) event(a *agent, e proto.WatcherEvent) {
	n, ok := c.keys.number(e.Path)
	if c.told++; c.told > c.watched || !ok || n >= len(c.setAt) {
		a.home.swarm.fail(fmt.Errorf("%s: a session was told of %s, number %d, and had set %d watches", a.serverName(), e.Path, c.told, c.watched))
		return
	}
	a.home.record(KindNotify, a.home.swarm.clock()-c.setAt[n].Load())
}

func measureChurn(ctx context.Context, st *storm) (*report.Run, error) {
	o := st.options
	s := newShift(o.Connections)
	v := newValues(o.Size, o.Compressible)
	if err := st.growKeys(ctx, v); err != nil {
		return nil, err
	}
	setAt := make([]atomic.Int64, o.Keys)
	err := st.recruit(o.Connections, sessionTimeout, func(int) part {
		return &churner{
			shift: s, options: o, keys: st.grove.keys, values: v.another(), setAt: setAt,
			random: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
		}
	})
	if err == nil {
		err = st.open(ctx)
	}
	if err != nil {
		return nil, err
	}
	m, err := st.work(ctx, s, KindGet)
	if err != nil {
		return nil, err
	}
	return st.result(m, map[string]float64{
		figureRequests: m.rate(KindGet) + m.rate(KindSet) + m.rate(KindRemoveWatch),
		figureToldRate: m.rate(KindNotify),
		figureGetP99:   float64(m.latency(KindGet).P99),
		figureSetP99:   float64(m.latency(KindSet).P99),
		figureToldP99:  float64(m.latency(KindNotify).P99),
	}), nil
}
