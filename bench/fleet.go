package bench

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// dialsAtOnce bounds the connections being opened at a time.
const dialsAtOnce = 64

// fleet is the connections of a run, on their loops.
type fleet struct {
	loops   []*loop
	silence *silence
	pipes   []*pipe // by number of the connection
	stop    atomic.Bool

	reviver *reviver // nil when a connection that is lost ends the run

	broken bool // a phase failed, and replies to it may still come: no other can follow
}

// openFleet opens all connections of a run.
func openFleet(ctx context.Context, d *dialer, o *Options) (_ *fleet, err error) {
	f := &fleet{silence: newSilence()}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	if o.Reconnect {
		f.reviver = newReviver(d, o.Servers)
	}
	for range o.Threads {
		l, err := newLoop(o.Patience, f.silence)
		if err != nil {
			return nil, err
		}
		l.reviver = f.reviver
		f.loops = append(f.loops, l)
	}
	f.pipes = make([]*pipe, o.Connections)
	sockets := make([]socket, o.Connections)
	err = inParallel(o.Connections, dialsAtOnce, func(i int) error {
		server := o.Servers[i%len(o.Servers)]
		conn, granted, err := d.from(server, i).open(ctx, server)
		if err != nil {
			return err
		}
		f.pipes[i] = newPipe(server, o.Outstanding, granted)
		sockets[i], err = takeSocket(conn)
		return err
	})
	for i, p := range f.pipes {
		if p == nil || sockets[i].fd == 0 {
			continue
		}
		if e := f.loops[i%len(f.loops)].attach(i, p, sockets[i]); err == nil {
			err = e
		}
	}
	return f, err
}

// inParallel calls do for 0 to n-1, some at a time, and returns the first error; after one it starts no
// more.
func inParallel(n, atOnce int, do func(i int) error) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for range min(n, atOnce) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || failed.Load() != nil {
					return
				}
				if err := do(i); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// phase is one loop over all connections.
type phase struct {
	sources  func(conn int) source
	expect   expectation
	requests int           // of all connections; 0 is as many as the sources have
	limit    time.Duration // 0 lasts as long as the sources
	pace     pace          // zero is a closed loop
	measure  *meter        // nil when nobody looks at how it goes
}

// run runs a phase to its end and returns what was recorded.
func (f *fleet) run(ctx context.Context, p phase) (*sample, error) {
	f.stop.Store(false)
	for i, pipe := range f.pipes {
		requests := math.MaxInt
		if p.requests > 0 {
			requests = share(p.requests, len(f.pipes), i)
		}
		pipe.begin(p.sources(i), &p.expect, requests, p.pace.rate > 0)
	}
	errs := make([]error, len(f.loops))
	var wg sync.WaitGroup
	if p.measure != nil {
		f.silence.begin()
		p.measure.begin(f.collect, p.limit)
	}
	for i, l := range f.loops {
		part := float64(len(l.links)) / float64(len(f.pipes))
		s := p.pace.of(i, len(f.loops), part)
		wg.Go(func() {
			errs[i] = l.run(ctx, p.limit, s, &f.stop)
			if errs[i] != nil {
				f.stop.Store(true) // the others need not go on
			}
		})
	}
	wg.Wait()
	if p.measure != nil {
		p.measure.end()
	}
	rest := newSample()
	f.collect(rest)
	err := errors.Join(errs...)
	f.broken = err != nil
	return rest, err
}

// collect adds to sum what the loops have recorded since the last time.
func (f *fleet) collect(sum *sample) {
	for _, l := range f.loops {
		sum.merge(l.recorder.take(newSample()))
	}
	sum.silent = f.silence.take()
}

// farewell closes all sessions.
func (f *fleet) farewell(ctx context.Context) error {
	_, err := f.run(ctx, phase{sources: func(int) source { return &closing{} }})
	return err
}

// close closes the connections, with or without a farewell.
func (f *fleet) close() {
	if f.reviver != nil {
		f.reviver.stop()
	}
	for _, l := range f.loops {
		l.close()
	}
}
