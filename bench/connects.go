package bench

import (
	"context"
	"time"

	"gamekeeper/bench/report"
	"gamekeeper/proto"
)

// The figures of connects and reconnects.
const (
	figureAllServed = "until all served"
	figureSessions  = "sessions"
	figureServedP50 = "served p50"
	figureServedP99 = "served p99"
	figureRetries   = "retries"
)

// connectTimeout is the session timeout of those who connect at once, unless --session-timeout says another one:
// that of usual clients, which do not wait for a handshake for longer either.
const connectTimeout = 30 * time.Second

func connectsWorkloads() []workload {
	figures := []report.Figure{
		{Name: figureAllServed, Unit: report.Duration, Better: report.Lower},
		{Name: figureSessions, Unit: report.PerSecond, Better: report.Higher},
		{Name: figureServedP50, Unit: report.Duration, Better: report.Lower},
		{Name: figureServedP99, Unit: report.Duration, Better: report.Lower},
		{Name: figureRetries, Unit: report.Count, Better: report.Lower},
	}
	flags := []string{"connections", "at-once", "session-timeout", "threads"}
	return []workload{
		{
			name:    "connects",
			about:   "open a session for every connection at once, until a request of each is answered",
			figures: figures,
			flags:   append(flags, "hold"),
			run: func(ctx context.Context, o Options, p Progress) (*report.Run, error) {
				return runStorm(ctx, o, p, measureConnects)
			},
		},
		{
			name:    "reconnects",
			about:   "drop the connections of all sessions, and attach the sessions at once, until each is served",
			figures: figures,
			flags:   flags,
			run: func(ctx context.Context, o Options, p Progress) (*report.Run, error) {
				return runStorm(ctx, o, p, measureReconnects)
			},
		},
	}
}

// newcomer is the part of sessions that open and make one request.
type newcomer struct {
	path []byte
	hold bool // stays connected then
}

func (n *newcomer) opened(a *agent) {
	a.exists(n.path, false, func(a *agent, r *reply) {
		if !a.fine(r, "the first request of a session") {
			return
		}
		a.served()
		if !n.hold {
			a.hangUp()
		}
	})
}

func (*newcomer) event(*agent, proto.WatcherEvent) {}

func measureConnects(ctx context.Context, st *storm) (*report.Run, error) {
	o := st.options
	n := &newcomer{path: []byte(st.grove.root), hold: o.Hold}
	if err := st.recruitNewcomers(n); err != nil {
		return nil, err
	}
	return st.measureGathering(ctx, "connecting %d sessions")
}

func measureReconnects(ctx context.Context, st *storm) (*report.Run, error) {
	n := &newcomer{path: []byte(st.grove.root), hold: true}
	if err := st.recruitNewcomers(n); err != nil {
		return nil, err
	}
	if err := st.open(ctx); err != nil {
		return nil, err
	}
	if err := st.swarm.drop(ctx); err != nil {
		return nil, err
	}
	return st.measureGathering(ctx, "attaching %d sessions")
}

// recruitNewcomers recruits as many as there are connections. When these close once served, fewer files are needed.
func (st *storm) recruitNewcomers(n *newcomer) error {
	o := st.options
	files := o.Connections
	if !n.hold && o.AtOnce > 0 {
		files = min(files, o.AtOnce)
	}
	return st.recruitFor(files, o.Connections, connectTimeout, func(int) part { return n })
}

// measureGathering connects all sessions at once.
func (st *storm) measureGathering(ctx context.Context, stage string) (*report.Run, error) {
	o := st.options
	st.progress.stage(stage, o.Connections)
	st.swarm.collect(newSample())
	m := st.meter(KindConnect)
	m.begin(st.swarm.collect, 0)
	retries := st.swarm.troubles.retries()
	err := st.swarm.gather(ctx, "connecting the sessions", o.AtOnce)
	m.end()
	if err != nil {
		return nil, err
	}
	served := m.latency(KindConnect)
	return st.result(m, map[string]float64{
		figureAllServed: float64(m.elapsed),
		figureSessions:  float64(o.Connections) / m.elapsed.Seconds(),
		figureServedP50: float64(served.P50),
		figureServedP99: float64(served.P99),
		figureRetries:   float64(st.swarm.troubles.retries() - retries),
	}), nil
}
