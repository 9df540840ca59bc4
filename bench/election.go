package bench

import (
	"context"
	"fmt"
	"sync"

	"gamekeeper/bench/report"
)

// The figures of election.
const (
	figureHandoverP50 = "handover p50"
	figureHandoverP99 = "handover p99"
	figureHandovers   = "handovers"
)

func electionWorkload() workload {
	return workload{
		name:  "election",
		about: "leader election by the recipe: the leader closes its session, until the next knows that it leads",
		figures: []report.Figure{
			{Name: figureHandoverP50, Unit: report.Duration, Better: report.Lower},
			{Name: figureHandoverP99, Unit: report.Duration, Better: report.Lower},
			{Name: figureHandovers, Unit: report.PerSecond, Better: report.Higher},
		},
		flags: []string{"connections", "session-timeout", "duration", "requests", "warmup", "threads"},
		run: func(ctx context.Context, o Options, p Progress) (*report.Run, error) {
			return runStorm(ctx, o, p, measureElection)
		},
	}
}

// race is what all candidates of an election share.
type race struct {
	shift *shift

	mu     sync.Mutex
	leader *candidate // nil when none leads, as far as the sessions know
	placed int        // sessions that are in line, the leader included
	left   int64      // when a leader began to leave or was lost, on the swarm's clock; 0 when nobody waits for the next
	unsure *candidate // the leader that was lost, and may be it still
	ended  bool       // the sessions are about to be closed, in whatever order
}

// candidate is the part of a session that wants to lead, and leaves as soon as it does and all others are in line.
type candidate struct {
	line
	race    *race
	agent   *agent
	working bool
	inLine  bool // counted by race.placed, whose mutex it is under
}

// opened joins the line, but for the first session of all, which waits for work.
func (c *candidate) opened(a *agent) {
	c.agent = a
	a.served()
	if c.working {
		c.join(a)
	}
}

func (c *candidate) work(a *agent) {
	c.working = true
	c.join(a)
}

// interrupted has the session not rely on its place any more: its znode may go before the session is told.
func (c *candidate) interrupted(*agent) {
	r := c.race
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.inLine {
		c.inLine = false
		r.placed--
	}
	if r.leader == c {
		r.leader, r.unsure, r.left = nil, c, c.agent.home.swarm.clock()
	}
}

func (c *candidate) resumed(a *agent, same bool) {
	r := c.race
	r.mu.Lock()
	if r.unsure == c && !same {
		r.unsure = nil
	}
	r.mu.Unlock()
	c.resume(a, same)
}

// settled is called when the session knows that it leads, or that somebody is ahead of it. When all know, the leader
// leaves.
func (c *candidate) settled(leads bool) {
	r, s := c.race, c.agent.home.swarm
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return
	}
	if !c.inLine {
		c.inLine = true
		r.placed++
	}
	if leads {
		if r.leader != nil {
			s.fail(fmt.Errorf("sessions %d and %d lead at a time", r.leader.agent.number, c.agent.number))
			return
		}
		r.leader = c
		if r.left > 0 && r.unsure != c {
			c.agent.home.record(KindHandover, s.clock()-r.left)
			r.shift.did()
		}
		r.left, r.unsure = 0, nil
	}
	switch leader := r.leader; {
	case leader == nil || r.placed < len(s.agents):
	case r.shift.over.Load():
		r.ended = true
		r.shift.stopped()
	default:
		leader.agent.home.post(leader.resign)
	}
}

// resign closes the leader's session, and opens another one for it.
func (c *candidate) resign() {
	r := c.race
	r.mu.Lock()
	leads := r.leader == c
	if leads {
		c.inLine, r.leader = false, nil
		r.placed--
		r.left = c.agent.home.swarm.clock()
	}
	r.mu.Unlock()
	if leads {
		c.agent.leave(func(a *agent) { a.home.enqueue(a) })
		c.agent.flush()
	}
}

func measureElection(ctx context.Context, st *storm) (*report.Run, error) {
	o := st.options
	if o.Connections < 2 {
		return nil, usageError("--connections %d: an election needs two candidates", o.Connections)
	}
	dir, err := st.mkdir("election")
	if err != nil {
		return nil, err
	}
	s := newShift(1)
	r := &race{shift: s}
	err = st.recruit(o.Connections, sessionTimeout, func(int) part {
		c := &candidate{race: r}
		c.line = line{
			dir:    dir,
			placed: func(*agent) { c.settled(false) },
			first:  func(*agent) { c.settled(true) },
		}
		return c
	})
	if err == nil {
		err = st.open(ctx)
	}
	if err != nil {
		return nil, err
	}
	m, err := st.work(ctx, s, KindHandover)
	if err != nil {
		return nil, err
	}
	handover := m.latency(KindHandover)
	return st.result(m, map[string]float64{
		figureHandoverP50: float64(handover.P50),
		figureHandoverP99: float64(handover.P99),
		figureHandovers:   m.rate(KindHandover),
	}), nil
}
