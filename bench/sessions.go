package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"gamekeeper/bench/report"
	"gamekeeper/bench/target"
	"gamekeeper/proto"
)

// SessionOptions describe a run with many idle sessions.
type SessionOptions struct {
	Target     target.Spec
	Start      target.Options // of a target that is started
	Count      int            // sessions to open
	Sockets    int            // of them, that stay connected, 0 is all; the others wait for their timeout
	Hold       time.Duration  // time to hold them all
	Timeout    time.Duration  // session timeout to ask for
	Drop       bool           // in the end close the sockets alone, so that the sessions expire
	Ephemerals bool           // each session makes an ephemeral znode
	AtOnce     int            // sessions being opened at a time
	Probe      time.Duration  // between two requests of the prober
	Path       string         // znode to work under
	Patience   time.Duration  // with a server that does not answer
	Version    string         // of this program
}

// DefaultSessionOptions returns what the flags are without any; there is no target.
func DefaultSessionOptions() SessionOptions {
	return SessionOptions{
		Count:    10_000,
		Hold:     30 * time.Second,
		Timeout:  30 * time.Second,
		AtOnce:   256,
		Probe:    20 * time.Millisecond,
		Path:     "/bench",
		Patience: 30 * time.Second,
	}
}

const (
	sessionsMax = 4_000_000
	expirySlack = 5 * time.Second
)

func (o *SessionOptions) validate() error {
	switch {
	case o.Count < 1 || o.Count > sessionsMax:
		return usageError("--count %d is out of range: it is from 1 to %d", o.Count, sessionsMax)
	case o.Hold <= 0:
		return usageError("--hold %v is too short to see anything", o.Hold)
	case o.Timeout < time.Second:
		return usageError("--timeout %v is below a second", o.Timeout)
	case o.Patience <= 0:
		return usageError("--patience %v gives a server no time to answer", o.Patience)
	case o.Sockets < 0:
		return usageError("--sockets %d is negative", o.Sockets)
	case o.AtOnce < 1 || o.Probe <= 0:
		return usageError("--at-once and --probe must be above 0")
	}
	if err := (&Options{Path: o.Path}).validatePath(); err != nil {
		return err
	}
	if o.Sockets == 0 || o.Sockets > o.Count {
		o.Sockets = o.Count
	}
	if err := target.Check([]target.Spec{o.Target}, o.Start, nil); err != nil {
		return err
	}
	return reserveFiles(min(o.Sockets+o.AtOnce, o.Count))
}

// swarmOptions are those of the swarm. A connection that is lost is opened again, and counted.
func (o *SessionOptions) swarmOptions(servers []string) *Options {
	return &Options{Servers: servers, Threads: 1, Patience: o.Patience, Path: o.Path, Parents: 1, Reconnect: true}
}

// The figures of idle sessions.
const (
	figureConnected = "connected"
	figureLost      = "lost connections"
	figureTook      = "took"
)

func sessionFigures() []report.Figure {
	return []report.Figure{
		{Name: figureSetP99, Unit: report.Duration, Better: report.Lower},
		{Name: figureSetMax, Unit: report.Duration, Better: report.Lower},
		{Name: figureConnected, Unit: report.Count},
		{Name: figureLost, Unit: report.Count, Better: report.Lower},
		{Name: figureTook, Unit: report.Duration},
	}
}

// crowd is a run with many idle sessions.
type crowd struct {
	options  *SessionOptions
	progress Progress
	target   *target.Target
	report   *report.Report
	control  *client
	root     string
	swarm    *swarm
	prober   *prober
	granted  time.Duration // session timeout
}

// idler is the part of a session that sends nothing but heartbeats.
type idler struct {
	path []byte // of its ephemeral; empty for none
	hold bool   // it stays connected
}

func (i *idler) opened(a *agent) {
	if len(i.path) == 0 {
		i.settle(a)
		return
	}
	a.create(i.path, nil, proto.Ephemeral, func(a *agent, r *reply) {
		if a.fineOr(r, proto.NodeExists, "creating an ephemeral znode") { // made before the connection was lost
			i.settle(a)
		}
	})
}

func (i *idler) settle(a *agent) {
	a.served()
	if !i.hold {
		a.hangUp() // the session stays
	}
}

func (*idler) beat(a *agent, took int64) { a.home.record(KindHeartbeat, took) }

func (*idler) event(*agent, proto.WatcherEvent) {}

// RunSessions opens sessions, holds them, and closes them or lets them expire; meanwhile one more client
// measures how it is served. Each of these stages is a scenario of the report. With an error, or when ctx ends, the report
// has the stages that were over; it is nil if there are none.
func RunSessions(ctx context.Context, o SessionOptions, p Progress) (_ *report.Report, err error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Target.Starts() {
		p.stage("starting %s", o.Target)
	}
	t, err := o.Target.Start(ctx, o.Start)
	if err != nil {
		return nil, err
	}
	c := &crowd{options: &o, progress: p, target: t}
	c.report = &report.Report{Format: report.Format, Title: report.Whole(float64(o.Count)) + " idle sessions", Version: o.Version,
		Command: os.Args, Began: time.Now(), Machine: target.Machine(o.Start.Dir), Targets: []report.Target{t.Report()}}
	if !o.Target.Starts() {
		c.report.Machine.Disk = "" // where the servers have their data is not known
	}
	err = errors.Join(c.run(ctx), t.Stop(false))
	c.report.Took = time.Since(c.report.Began)
	switch {
	case len(c.report.Scenarios) == 0:
		return nil, err
	case ctx.Err() != nil:
		return c.report, errInterrupted
	}
	return c.report, err
}

// run makes everything that a crowd needs, and clears it away.
func (c *crowd) run(ctx context.Context) (err error) {
	o := c.options.swarmOptions(c.target.Servers())
	d := o.controlDialer()
	d.Reconnect = false // nobody hurts the server
	if c.control, err = newClient(ctx, d, o.Servers...); err != nil {
		return err
	}
	defer c.control.close()
	g, err := plantGrove(c.control, o)
	if err != nil {
		return err
	}
	c.root = g.root
	defer func() {
		// After an error, that one counts and not what came of it.
		if e := errors.Join(g.fell(g.root), g.uproot()); err == nil {
			err = e
		}
	}()
	probing, err := newClient(ctx, d, o.Servers...)
	if err != nil {
		return err
	}
	defer probing.close()
	c.swarm, err = newSwarm(o, c.options.Count, c.options.Timeout, func(i int) part {
		part := &idler{hold: i < c.options.Sockets}
		if c.options.Ephemerals {
			part.path = appendDigits([]byte(c.root+"/new/"), i, seqDigits)
		}
		return part
	})
	if err != nil {
		return err
	}
	defer c.swarm.stop()
	c.prober = startProber(ctx, probing, []byte(g.root), c.options.Probe)
	err = c.stages(ctx)
	if e := c.prober.stop(); err == nil && e != nil {
		err = fmt.Errorf("the client that looked how it is served failed: %w", e)
	}
	return err
}

func (c *crowd) stages(ctx context.Context) error {
	o, s := c.options, c.swarm
	probe := fmt.Sprintf("a client sets a znode every %v", o.Probe)
	type stage struct {
		name, about string
		do          func() error
	}
	stages := []stage{
		{"alone", probe + ", and there are no sessions yet", func() error { return pause(ctx, min(o.Hold, 2*time.Second)) }},
		{"opening", fmt.Sprintf("%s while %s sessions are opened", probe, report.Whole(float64(o.Count))), func() error {
			if err := s.gather(ctx, "opening the sessions", o.AtOnce); err != nil {
				return err
			}
			return s.eachDone(ctx, "looking at the sessions", func(a *agent) {
				if a.number == 0 {
					c.granted = a.session.timeout
				}
			})
		}},
		{"holding", probe + " while the sessions send heartbeats alone", func() error { return s.rest(ctx, o.Hold) }},
		{"closing", probe + " while the sessions are closed", func() error { return s.closeSessions(ctx) }},
	}
	if o.Drop {
		stages[3] = stage{"expiring", probe + " while the sessions expire, all at once", func() error { return c.expire(ctx) }}
	}
	for _, stage := range stages {
		c.progress.part(Part{Scenario: stage.name, Target: c.target.Name(), Look: c.target.Processes})
		if err := c.stage(ctx, stage.name, stage.about, stage.do); err != nil {
			return err
		}
	}
	return nil
}

// collect adds to sum what was recorded since the last time.
func (c *crowd) collect(sum *sample) {
	c.swarm.collect(sum)
	c.prober.collect(sum)
}

// stage does something and reports what was seen meanwhile.
func (c *crowd) stage(ctx context.Context, name, about string, do func() error) error {
	c.progress.stage("%s", name)
	c.collect(newSample()) // what was before does not count
	w := &watch{target: c.target}
	kind := KindSet
	m := &meter{progress: w.progress(ctx, c.progress), kind: &kind}
	m.begin(c.collect, 0)
	began := time.Now()
	err := do()
	took := time.Since(began)
	m.end()
	if err := errors.Join(err, w.finish()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	connected, err := c.swarm.present(ctx)
	if err != nil {
		return err
	}
	set := m.latency(KindSet)
	run := newRun(c.swarm.options, m)
	run.Values = map[string]float64{
		figureSetP99:    float64(set.P99),
		figureSetMax:    float64(set.Max),
		figureConnected: float64(connected),
		figureLost:      float64(c.swarm.troubles.lost.Load()),
		figureTook:      float64(took),
	}
	run.Processes, run.Stages = w.processes, w.stages
	run.Notes = append(run.Notes, c.swarm.troubles.notes()...)
	o := c.options
	c.report.Scenarios = append(c.report.Scenarios, report.Scenario{
		Name: name, About: about, Figures: sessionFigures(), Runs: []report.Run{*run},
		Options: map[string]any{
			"count": o.Count, "sockets": o.Sockets, "timeout": o.Timeout.String(), "ephemerals": o.Ephemerals,
			"at-once": o.AtOnce, "probe": o.Probe.String(), "granted timeout": c.granted.String(),
		},
	})
	return nil
}

// expire drops all connections, and waits until the sessions have expired: with ephemerals until the last has gone, else
// for as long as it may take.
func (c *crowd) expire(ctx context.Context) error {
	if err := c.swarm.forget(ctx); err != nil {
		return err
	}
	until := c.granted + expirySlack
	if !c.options.Ephemerals {
		return pause(ctx, until)
	}
	path := []byte(c.root + "/new")
	for deadline := time.Now().Add(until + c.options.Patience); ; {
		n, err := c.control.numChildren(path)
		if err != nil || n == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d ephemeral znodes are still there %v after their sessions were dropped", n, until+c.options.Patience)
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// pause waits, or returns the error of ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lostSessions returns an error when connections of idle sessions were lost.
func lostSessions(r *report.Report) error {
	for _, s := range r.Scenarios {
		if n := s.Runs[0].Values[figureLost]; n > 0 {
			return fmt.Errorf("the server gave up %.0f connections by the end of %s", n, s.Name)
		}
	}
	return nil
}
