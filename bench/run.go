package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"gamekeeper/bench/report"
	"gamekeeper/proto"
)

// What a load connection asks for as timeout of its session: more than a stall that the run survives, unless
// connections are to be given up.
const (
	sessionTimeout   = 60 * time.Second
	reconnectTimeout = 15 * time.Second
)

// Progress is told how a run goes. Any of it may be nil.
type Progress struct {
	Part   func(Part)          // what is measured from now on
	Stage  func(name string)   // what begins now
	Second func(report.Second) // once a second while measuring
	Begin  func(time.Time)     // measuring begins when this returns
	End    func()              // and ends now; what follows cleans up
}

func (p *Progress) part(part Part) {
	if p.Part != nil {
		p.Part(part)
	}
}

func (p *Progress) stage(format string, args ...any) {
	if p.Stage != nil {
		p.Stage(fmt.Sprintf(format, args...))
	}
}

func (p *Progress) begin(at time.Time) {
	if p.Begin != nil {
		p.Begin(at)
	}
}

func (p *Progress) end() {
	if p.End != nil {
		p.End()
	}
}

// runLoad makes load l as o says and returns what came of it, as Run does.
func runLoad(ctx context.Context, o Options, l load, p Progress) (*report.Run, error) {
	// Cleaning up goes on after an interruption.
	calm := context.WithoutCancel(ctx)
	d := o.dialer()
	control, err := newClient(ctx, d, o.Servers...)
	if err != nil {
		return nil, err
	}
	defer control.close()
	p.stage("opening %d connections", o.Connections)
	f, err := openFleet(ctx, d, &o)
	if err != nil {
		return nil, err
	}
	defer f.close()
	g, err := plantGrove(control, &o)
	if err != nil {
		return nil, err
	}
	r := &runner{options: &o, load: l, fleet: f, grove: g, progress: p, own: make([]span, o.Connections)}
	result, err := r.measure(ctx)
	if f.broken {
		return nil, fmt.Errorf("%w (what the run created is left in %s: --clean deletes it)", err, g.root)
	}
	e := r.leave(calm)
	switch {
	case err != nil:
		return nil, err
	case e != nil && o.Reconnect:
		// What was done to the servers is no reason to throw the figures away.
		result.Notes = append(result.Notes, leftNote(g.root, e))
	case e != nil:
		return nil, e
	}
	return result, nil
}

func leftNote(root string, why error) string {
	return fmt.Sprintf("what the run created is left in %s, which --clean deletes: %v", root, why)
}

// leave deletes what the run made, and closes its sessions.
func (r *runner) leave(ctx context.Context) error {
	if !r.options.Keep {
		r.progress.stage("deleting the znodes of the run")
		if err := r.grove.clear(ctx, r.fleet, r.keys(), r.own); err != nil {
			return err
		}
	}
	return r.fleet.farewell(ctx)
}

// dialer returns how load connections are opened.
func (o *Options) dialer() *dialer {
	d := o.controlDialer()
	if o.SessionTimeout > 0 {
		d.SessionTimeout = o.SessionTimeout
	}
	return d
}

// controlDialer returns how the connections are opened that prepare and clean up.
func (o *Options) controlDialer() *dialer {
	return &dialer{SessionTimeout: o.timeout(sessionTimeout), Patience: o.Patience, Reconnect: o.Reconnect}
}

// timeout is what sessions ask for that should ask for usual, and shorter if connections are to be given up.
func (o *Options) timeout(usual time.Duration) time.Duration {
	if o.Reconnect {
		return min(usual, reconnectTimeout)
	}
	return usual
}

// runner is one run, while it lasts.
type runner struct {
	options  *Options
	load     load
	fleet    *fleet
	grove    *grove
	progress Progress
	own      []span // znodes that each connection's creates made and that are still there
	values   values
	replays  []*replay // of each connection, in a replay
}

// keys returns the number of keys that the workload needs.
func (r *runner) keys() int {
	if r.load.keys {
		return r.options.Keys
	}
	return 0
}

// measure prepares, warms up and measures.
func (r *runner) measure(ctx context.Context) (*report.Run, error) {
	o := r.options
	r.values = newValues(o.Size, o.Compressible)
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	if err := r.catchUp(ctx); err != nil {
		return nil, err
	}
	if o.Warmup > 0 {
		r.progress.stage("warming up for %v", o.Warmup)
		if err := r.phase(ctx, phase{limit: o.Warmup, pace: o.pace(o.Rate)}); err != nil {
			return nil, err
		}
	}
	if ctx.Err() != nil {
		return nil, errors.New("interrupted before measuring")
	}
	if o.FindRate > 0 {
		return r.ramp(ctx)
	}
	r.progress.stage("measuring")
	m := &meter{progress: r.progress}
	p := phase{measure: m, requests: o.Requests, pace: o.pace(o.Rate)}
	if o.Requests == 0 {
		p.limit = o.Duration
	}
	if err := r.phase(ctx, p); err != nil {
		return nil, err
	}
	run := newRun(o, m)
	r.notes(run, m)
	return run, nil
}

// pace returns when requests are due at a rate; 0 is a closed loop.
func (o *Options) pace(rate int) pace {
	return pace{rate: float64(rate), poisson: o.Arrivals == "poisson"}
}

// phase runs a phase of the workload's requests.
func (r *runner) phase(ctx context.Context, p phase) error {
	p.sources = r.sources()
	p.expect = expectation{sizes: r.options.Size}
	if r.options.Reconnect {
		// Whether a create that was lost has happened is not known.
		p.expect.tolerated[KindDelete] = proto.NoNode
	}
	if len(r.replays) > 0 {
		p.expect = replayExpectation()
	}
	_, err := r.fleet.run(ctx, p)
	for i, p := range r.fleet.pipes {
		switch s := p.source.(type) {
		case *creates:
			r.own[i].to = s.at
		case *keyed:
			r.own[i] = s.own
		}
	}
	return err
}

// notes says what the reader of an open loop, or of a run with lost connections, must know.
func (r *runner) notes(run *report.Run, m *meter) {
	o := r.options
	if o.Rate > 0 {
		reached := run.Values[figureThroughput]
		run.Values[figureReached] = reached
		if late := m.total.latency[KindUnsent]; late != nil {
			note := fmt.Sprintf("in the end %s requests were due and not sent; they count with the time that they waited", report.Whole(float64(late.TotalCount())))
			if reached < rampReached*float64(o.Rate) {
				note = fmt.Sprintf("the server did not keep up: of %s requests a second it answered %s, and ",
					report.Whole(float64(o.Rate)), report.Whole(reached)) + note
			}
			run.Notes = append(run.Notes, note)
		}
	}
	var undone int64
	for _, replay := range r.replays {
		undone += replay.undone()
	}
	if undone > 0 {
		run.Notes = append(run.Notes, fmt.Sprintf("%d multis were answered, and not done: another session was first", undone))
	}
	if v := r.fleet.reviver; v != nil {
		if n := v.revived.Load(); n > 0 {
			run.Notes = append(run.Notes, fmt.Sprintf("%d connections were lost and opened again, %d of them with a new session", n, v.expired.Load()))
		}
	}
}

// prepare makes the znodes that the workload needs.
func (r *runner) prepare(ctx context.Context) error {
	o := r.options
	if r.load.prepare != nil {
		return r.load.prepare(ctx, r)
	}
	if m := r.load.mix(o); m.news() {
		if err := r.grove.growParents(ctx, r.fleet); err != nil {
			return err
		}
	}
	if o.Reuse {
		return nil
	}
	r.progress.stage("creating %d keys", o.Keys)
	return r.grove.growKeys(ctx, r.fleet, o.Keys, r.values)
}

// prepareParents makes the directories of creates.
func prepareParents(ctx context.Context, r *runner) error { return r.grove.growParents(ctx, r.fleet) }

// prepareDeletes makes what is to be deleted.
func prepareDeletes(ctx context.Context, r *runner) error {
	o := r.options
	r.progress.stage("creating %d znodes to delete", o.Requests)
	if err := r.grove.growParents(ctx, r.fleet); err != nil {
		return err
	}
	for i := range r.own {
		r.own[i].to = share(o.Requests, o.Connections, i)
	}
	return r.fleet.each(ctx, 0, func(i int) source {
		return &creates{paths: r.grove.news.of(i), step: 1, end: r.own[i].to, values: r.values.another()}
	})
}

// catchUp waits until every server has what was prepared: the znodes were created through all of them, and a
// server of an ensemble may show a moment later what was created through another.
func (r *runner) catchUp(ctx context.Context) error {
	servers := slices.Compact(slices.Sorted(slices.Values(r.options.Servers)))
	if len(servers) == 1 {
		return nil
	}
	for _, server := range servers {
		c, err := newClient(ctx, r.options.dialer(), server)
		if err != nil {
			return err
		}
		err = c.sync([]byte(r.grove.top))
		c.close()
		if err != nil {
			return fmt.Errorf("%s: cannot sync: %w", server, err)
		}
	}
	return nil
}

// sources returns the sources of a phase of the workload.
func (r *runner) sources() func(conn int) source {
	seed := rand.Uint64()
	if r.load.source != nil {
		return func(conn int) source { return r.load.source(r, conn, seed) }
	}
	o := r.options
	m, c := r.load.mix(o), o.chooser()
	return func(conn int) source {
		k := &keyed{
			paths: r.grove.keys, keys: c, mix: m, values: r.values.another(), batch: o.Batch,
			news: r.grove.news.of(conn), own: r.own[conn],
		}
		k.random.Seed(seed, uint64(conn))
		k.keys.seed(seed, uint64(conn)+1<<32)
		return k
	}
}

func sourceOfCreates(r *runner, conn int, _ uint64) source {
	return &creates{paths: r.grove.news.of(conn), at: r.own[conn].to, step: 1, end: math.MaxInt, values: r.values.another()}
}

func sourceOfDeletes(r *runner, conn int, _ uint64) source {
	return &deletes{paths: r.grove.news.of(conn), step: 1, end: r.own[conn].to}
}

// share divides total among n and returns the part of number i.
func share(total, n, i int) int {
	part := total / n
	if i < total%n {
		part++
	}
	return part
}
