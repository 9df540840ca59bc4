package bench

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"gamekeeper/bench/report"
	"gamekeeper/proto"
)

// The figures of watchers.
const (
	figureLastTold   = "last notification"
	figureMedianTold = "median notification"
	figureFirstTold  = "first notification"
	figureToldRate   = "notifications"
	figureChange     = "change reply"
)

func watchersWorkload() workload {
	return workload{
		name:  "watchers",
		about: "change a znode that all connections watch, and time until the last is told",
		figures: []report.Figure{
			{Name: figureLastTold, Unit: report.Duration, Better: report.Lower},
			{Name: figureMedianTold, Unit: report.Duration, Better: report.Lower},
			{Name: figureFirstTold, Unit: report.Duration, Better: report.Lower},
			{Name: figureToldRate, Unit: report.PerSecond, Better: report.Higher},
			{Name: figureChange, Unit: report.Duration, Better: report.Lower},
		},
		flags: []string{"connections", "size", "persistent", "duration", "requests", "warmup", "threads"},
		run: func(ctx context.Context, o Options, p Progress) (*report.Run, error) {
			return runStorm(ctx, o, p, measureWatchers)
		},
	}
}

// watchers is what all sessions share that watch one znode.
type watchers struct {
	path       []byte
	persistent bool
	began      atomic.Int64 // when the change was asked for, on the swarm's clock; publishes what follows
	version    int32        // of the znode, when changed
	told       *countdown   // those who were not told yet
	took       []int64      // until each session was told
	armed      *countdown   // those who have not set their watches again
}

// watcher is the part of a session that watches.
type watcher struct {
	*watchers
	version int32 // that the session was told of last
	arms    bool  // the session is to set its watch again, and the others wait for that
}

// opened is called again when the connection was lost, and the watch with it.
func (w *watcher) opened(a *agent) {
	armed := func(a *agent, r *reply) {
		if !a.fine(r, "setting a watch") {
			return
		}
		r.body.Buffer()
		if v := r.body.Stat().Version; v > w.version { // it was changed meanwhile
			w.tell(a, v)
		}
		if w.arms {
			w.arms = false
			w.armed.one()
		}
		a.served()
	}
	if !w.persistent {
		a.get(w.path, true, armed)
		return
	}
	a.watchAlways(w.path, func(a *agent, r *reply) {
		if a.fine(r, "setting a watch") {
			a.get(w.path, false, armed)
		}
	})
}

// arm has the session set its watch again, when it has a connection.
func (w *watcher) arm(a *agent) {
	if w.arms = true; a.stage == stagePresent {
		w.opened(a)
	}
}

// tell notes that the session knows of a version.
func (w *watcher) tell(a *agent, version int32) {
	w.version = version
	took := max(a.home.swarm.clock()-w.began.Load(), 1)
	w.took[a.number] = took
	a.home.record(KindNotify, took)
	w.told.one()
}

func (w *watcher) event(a *agent, e proto.WatcherEvent) {
	w.began.Load()
	switch {
	case e.Type != proto.NodeDataChanged || !bytes.Equal(e.Path, w.path):
		a.unwatched(e)
	case w.version == w.watchers.version:
		a.home.swarm.fail(fmt.Errorf("%s: a session was told twice of one change", a.serverName()))
	default:
		w.tell(a, w.watchers.version)
	}
}

// toldOf is what a change came to.
type toldOf struct{ first, median, last, reply time.Duration }

func measureWatchers(ctx context.Context, st *storm) (*report.Run, error) {
	o := st.options
	path, err := st.mkdir("watched")
	if err != nil {
		return nil, err
	}
	w := &watchers{path: path, persistent: o.Persistent}
	if err := st.recruit(o.Connections, sessionTimeout, func(int) part { return &watcher{watchers: w} }); err != nil {
		return nil, err
	}
	if err := st.open(ctx); err != nil {
		return nil, err
	}
	v := newValues(o.Size, o.Compressible).another()
	st.progress.stage("warming up for %v", o.Warmup)
	for began := time.Now(); time.Since(began) < o.Warmup; {
		if _, err := st.change(ctx, w, v.next()); err != nil {
			return nil, err
		}
	}
	st.progress.stage("measuring")
	st.swarm.collect(newSample())
	m := st.meter(KindNotify)
	m.begin(st.swarm.collect, 0)
	var changes []toldOf
	for began := time.Now(); o.Requests == 0 && time.Since(began) < o.Duration || len(changes) < o.Requests; {
		var c toldOf
		if c, err = st.change(ctx, w, v.next()); err != nil {
			break
		}
		changes = append(changes, c)
	}
	m.end()
	if err != nil {
		return nil, err
	}
	middle := func(of func(c toldOf) time.Duration) float64 {
		var all []float64
		for _, c := range changes {
			all = append(all, float64(of(c)))
		}
		return report.Median(all)
	}
	last := middle(func(c toldOf) time.Duration { return c.last })
	return st.result(m, map[string]float64{
		figureLastTold:   last,
		figureMedianTold: middle(func(c toldOf) time.Duration { return c.median }),
		figureFirstTold:  middle(func(c toldOf) time.Duration { return c.first }),
		figureToldRate:   float64(o.Connections) / (last / float64(time.Second)),
		figureChange:     middle(func(c toldOf) time.Duration { return c.reply }),
	}), nil
}

// change sets the watched znode, waits until all are told, and has them set their watches again.
func (st *storm) change(ctx context.Context, w *watchers, value []byte) (toldOf, error) {
	s := st.swarm
	w.told, w.took = newCountdown(len(s.agents)), make([]int64, len(s.agents))
	w.version++
	began := s.clock()
	w.began.Store(began)
	if err := st.control.replace(w.path, value, w.version-1); err != nil {
		return toldOf{}, fmt.Errorf("cannot change %s: %w", w.path, err)
	}
	reply := s.clock() - began
	if err := s.await(ctx, "waiting for notifications", w.told.over); err != nil {
		return toldOf{}, fmt.Errorf("%w; %d of %d sessions were not told", err, w.told.left.Load(), len(s.agents))
	}
	var took []float64
	for _, t := range w.took {
		took = append(took, float64(t))
	}
	c := toldOf{
		first:  time.Duration(slices.Min(took)),
		median: time.Duration(report.Median(took)),
		last:   time.Duration(slices.Max(took)),
		reply:  time.Duration(reply),
	}
	if w.persistent {
		return c, nil
	}
	w.armed = newCountdown(len(s.agents))
	s.each(func(a *agent) { a.part.(*watcher).arm(a) })
	return c, s.await(ctx, "setting the watches again", w.armed.over)
}
