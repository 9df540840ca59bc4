package bench

import (
	"context"

	"gamekeeper/bench/report"
	"gamekeeper/proto"
)

// The figures of ephemerals.
const (
	figureCreates  = "creates"
	figureCloseP99 = "close p99"
)

func ephemeralsWorkload() workload {
	return workload{
		name:  "ephemerals",
		about: "every connection opens a session, creates --per-session ephemerals and closes it, again and again",
		figures: []report.Figure{
			{Name: figureSessions, Unit: report.PerSecond, Better: report.Higher},
			{Name: figureCreates, Unit: report.PerSecond, Better: report.Higher},
			{Name: figureCloseP99, Unit: report.Duration, Better: report.Lower},
			{Name: figureServedP99, Unit: report.Duration, Better: report.Lower},
			{Name: figureRetries, Unit: report.Count, Better: report.Lower},
		},
		flags: []string{"connections", "per-session", "size", "session-timeout", "duration", "requests", "warmup", "threads"},
		run: func(ctx context.Context, o Options, p Progress) (*report.Run, error) {
			return runStorm(ctx, o, p, measureEphemerals)
		},
	}
}

// mayfly is the part of a connection whose sessions are short.
type mayfly struct {
	shift  *shift
	dir    []byte
	each   int // ephemerals of a session
	values values

	made    int  // ephemerals ever, so that no name comes twice
	missing int  // replies to creates of this session
	repeats bool // some creates of this session may have been done
	path    []byte
	working bool
}

// opened creates at once, but for the first session of all, which waits for work.
func (f *mayfly) opened(a *agent) {
	a.served()
	if f.working {
		f.work(a)
	}
}

func (f *mayfly) work(a *agent) {
	f.working, f.missing, f.repeats = true, f.each, false
	f.made += f.each
	f.create(a)
}

// create asks for the ephemerals that are missing.
func (f *mayfly) create(a *agent) {
	for n := f.made - f.missing; n < f.made; n++ {
		f.path = append(append(f.path[:0], f.dir...), '/')
		f.path = appendDigits(f.path, a.number, connDigits)
		f.path = appendDigits(f.path, n, seqDigits)
		a.create(f.path, f.values.next(), proto.Ephemeral, f.created)
	}
}

func (*mayfly) interrupted(*agent) {}

func (f *mayfly) resumed(a *agent, same bool) {
	if same {
		f.repeats = true
		f.create(a)
		return
	}
	f.work(a)
}

func (f *mayfly) created(a *agent, r *reply) {
	if f.repeats && r.code == proto.NodeExists {
		r.code = proto.OK
	}
	if !a.fine(r, "creating an ephemeral znode") {
		return
	}
	if f.missing--; f.missing == 0 {
		a.leave(f.left)
	}
}

func (f *mayfly) left(a *agent) {
	f.shift.did()
	if f.shift.over.Load() {
		f.shift.stopped()
		return
	}
	a.home.enqueue(a)
}

func (*mayfly) event(*agent, proto.WatcherEvent) {}

func measureEphemerals(ctx context.Context, st *storm) (*report.Run, error) {
	o := st.options
	dir, err := st.mkdir("owned")
	if err != nil {
		return nil, err
	}
	s := newShift(o.Connections)
	v := newValues(o.Size, o.Compressible)
	err = st.recruit(o.Connections, connectTimeout, func(int) part {
		return &mayfly{shift: s, dir: dir, each: o.PerSession, values: v.another()}
	})
	if err != nil {
		return nil, err
	}
	if err := st.open(ctx); err != nil {
		return nil, err
	}
	if err := st.swarm.eachDone(ctx, "opening the sessions", func(a *agent) { a.home.atOnce = 0 }); err != nil {
		return nil, err
	}
	retries := st.swarm.troubles.retries()
	m, err := st.work(ctx, s, KindClose)
	if err != nil {
		return nil, err
	}
	// A session whose connection was lost while it was being closed expires.
	if err := st.awaitNone(ctx, dir, "ephemerals", o.Reconnect); err != nil {
		return nil, err
	}
	return st.result(m, map[string]float64{
		figureSessions:  m.rate(KindClose),
		figureCreates:   m.rate(KindCreate),
		figureCloseP99:  float64(m.latency(KindClose).P99),
		figureServedP99: float64(m.latency(KindConnect).P99),
		figureRetries:   float64(st.swarm.troubles.retries() - retries),
	}), nil
}
