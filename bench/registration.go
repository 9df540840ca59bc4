package bench

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"

	"gamekeeper/bench/report"
	"gamekeeper/proto"
)

// The figures of registration.
const (
	figureChanges  = "changes"
	figureKnownP50 = "all know p50"
	figureKnownP99 = "all know p99"
	figureListings = "listings"
)

func registrationWorkload() workload {
	return workload{
		name:  "registration",
		about: "services come to a registry and leave it, each again when all --observers, who watch and list it, know",
		figures: []report.Figure{
			{Name: figureChanges, Unit: report.PerSecond, Better: report.Higher},
			{Name: figureKnownP50, Unit: report.Duration, Better: report.Lower},
			{Name: figureKnownP99, Unit: report.Duration, Better: report.Lower},
			{Name: figureListings, Unit: report.PerSecond},
		},
		flags: []string{"connections", "observers", "size", "duration", "requests", "warmup", "threads"},
		run: func(ctx context.Context, o Options, p Progress) (*report.Run, error) {
			return runStorm(ctx, o, p, measureRegistration)
		},
	}
}

// registry says which changes all observers know: those up to the lowest zxid that an observer has listed.
type registry struct {
	mu      sync.Mutex
	listed  []proto.Zxid // by observer: of the last change that its last listing holds
	lowest  proto.Zxid   // of them
	unknown []*service   // whose last change is not known to all
}

// changed waits, without blocking, until all observers know a service's last change.
func (r *registry) changed(s *service) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unknown = append(r.unknown, s)
	r.tell()
}

// saw notes a listing.
func (r *registry) saw(observer int, changed proto.Zxid) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.listed[observer]
	if changed < before {
		return fmt.Errorf("observer %d listed the registry as of %v after %v: it went back in time", observer, changed, before)
	}
	r.listed[observer] = changed
	if before == r.lowest {
		r.lowest = slices.Min(r.listed)
		r.tell()
	}
	return nil
}

// tell lets the services go on whose changes all know. The caller holds mu.
func (r *registry) tell() {
	r.unknown = slices.DeleteFunc(r.unknown, func(s *service) bool {
		known := s.changed <= r.lowest
		if known {
			s.agent.home.post(s.knows)
		}
		return known
	})
}

// service is the part of a session that registers and deregisters, again and again.
type service struct {
	shift      *shift
	registry   *registry
	agent      *agent
	dir        []byte
	path       []byte
	values     values
	registered bool
	stage      serviceStage
	began      int64      // to change, on the swarm's clock
	changed    proto.Zxid // of the last change
	knows      func()     // called by the session's loop when all observers know it
}

// serviceStage says what a service waits for.
type serviceStage uint8

const (
	serviceIdle     serviceStage = iota // for a connection
	serviceChanging                     // for a reply
	serviceWaiting                      // until all observers know
	serviceStopped
)

func (s *service) opened(a *agent) {
	s.agent, s.knows = a, s.known
	a.served()
}

func (s *service) work(a *agent) {
	s.began, s.stage = a.home.swarm.clock(), serviceChanging
	s.change(a, s.done)
}

// change registers, or deregisters.
func (s *service) change(a *agent, then func(*agent, *reply)) {
	if s.registered {
		a.remove(s.path, then)
		return
	}
	s.path = append(append(s.path[:0], s.dir...), '/')
	s.path = appendDigits(s.path, a.number, connDigits)
	a.create(s.path, s.values.next(), proto.Ephemeral, then)
}

func (s *service) done(a *agent, r *reply) {
	if a.fine(r, "changing the registry") {
		s.changedAt(r.zxid)
	}
}

// changedAt notes that the registry was changed.
func (s *service) changedAt(zxid proto.Zxid) {
	s.registered, s.changed, s.stage = !s.registered, zxid, serviceWaiting
	s.registry.changed(s)
}

func (*service) interrupted(*agent) {}

// resumed changes again what may have been changed. A session that has expired has deregistered.
func (s *service) resumed(a *agent, same bool) {
	switch {
	case s.stage == serviceChanging && s.registered && !same:
		s.find(a)
	case s.stage == serviceChanging && same:
		s.change(a, s.doneAgain)
	case s.stage == serviceChanging:
		s.change(a, s.done)
	default:
		s.registered = s.registered && same
		if s.stage == serviceIdle {
			s.work(a)
		}
	}
}

// doneAgain is done for a change that may have been made before.
func (s *service) doneAgain(a *agent, r *reply) {
	if r.code == proto.NodeExists || r.code == proto.NoNode {
		s.find(a)
		return
	}
	s.done(a, r)
}

// find notes that the registry was changed, at a time that is not known: by now it was.
func (s *service) find(a *agent) {
	a.children(s.dir, false, func(a *agent, r *reply) {
		if a.fine(r, "listing the registry") {
			r.body.Strings()
			s.changedAt(r.body.Stat().Pzxid)
		}
	})
}

// known ends a change: all observers know it.
func (s *service) known() {
	a := s.agent
	a.home.record(KindChange, a.home.swarm.clock()-s.began)
	s.shift.did()
	if s.shift.over.Load() {
		s.stage = serviceStopped
		s.shift.stopped()
		return
	}
	if s.stage = serviceIdle; a.stage == stagePresent {
		s.work(a)
		a.flush()
	}
}

func (*service) event(*agent, proto.WatcherEvent) {}

// observer is the part of a session that watches a registry, and lists it after each change.
type observer struct {
	registry *registry
	number   int
	dir      []byte
}

func (*observer) opened(a *agent) { a.served() }

func (o *observer) work(a *agent) { a.children(o.dir, true, o.listed) }

func (*observer) interrupted(*agent) {}

func (o *observer) resumed(a *agent, _ bool) { o.work(a) }

func (o *observer) listed(a *agent, r *reply) {
	if !a.fine(r, "listing the registry") {
		return
	}
	names, stat := r.body.Strings(), r.body.Stat()
	err := r.body.Err()
	if err == nil && len(names) != int(stat.NumChildren) {
		err = fmt.Errorf("a listing of %d names of %d children", len(names), stat.NumChildren)
	}
	if err == nil {
		err = o.registry.saw(o.number, stat.Pzxid)
	}
	if err != nil {
		a.home.swarm.fail(fmt.Errorf("%s: %w", a.serverName(), err))
	}
}

func (o *observer) event(a *agent, e proto.WatcherEvent) {
	if e.Type != proto.NodeChildrenChanged || !bytes.Equal(e.Path, o.dir) {
		a.unwatched(e)
		return
	}
	o.work(a)
}

func measureRegistration(ctx context.Context, st *storm) (*report.Run, error) {
	o := st.options
	dir, err := st.mkdir("services")
	if err != nil {
		return nil, err
	}
	s := newShift(o.Connections)
	r := &registry{listed: make([]proto.Zxid, o.Observers)}
	v := newValues(o.Size, o.Compressible)
	err = st.recruit(o.Connections+o.Observers, sessionTimeout, func(i int) part {
		if i < o.Connections {
			return &service{shift: s, registry: r, dir: dir, values: v.another()}
		}
		return &observer{registry: r, number: i - o.Connections, dir: dir}
	})
	if err == nil {
		err = st.open(ctx)
	}
	if err != nil {
		return nil, err
	}
	m, err := st.work(ctx, s, KindChange)
	if err != nil {
		return nil, err
	}
	known := m.latency(KindChange)
	return st.result(m, map[string]float64{
		figureChanges:  m.rate(KindChange),
		figureKnownP50: float64(known.P50),
		figureKnownP99: float64(known.P99),
		figureListings: m.rate(KindChildren),
	}), nil
}
