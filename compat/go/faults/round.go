package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"gamekeeper/compat/client"
	"gamekeeper/compat/ensemble"
)

const (
	root       = "/faults"
	keys       = 6                      // that clients fight over in a round
	rawWorkers = 5                      // see worker
	libWorkers = 2                      // see libraryWorker
	calm       = 300 * time.Millisecond // of work before the fault, and after everything is healed
	healing    = 90 * time.Second       // until all servers serve again
	resting    = 60 * time.Second       // until sessions of silent clients have gone and nothing changes any more
)

// round is one fault with its clients and their history.
type round struct {
	number  int
	addrs   []string
	history *history
	workers []*worker
}

func (r *round) path(name string) string { return fmt.Sprintf("%s/%d/%s", root, r.number, name) }

// key returns one of those that clients fight over.
func (r *round) key(rng *rand.Rand) string { return r.path(fmt.Sprint("key", rng.IntN(keys))) }

// prepare makes the parents of the round's znodes.
func (r *round) prepare(c *client.Conn) error {
	for _, path := range []string{root, fmt.Sprintf("%s/%d", root, r.number), r.path("log"), r.path("ephemerals")} {
		if _, _, err := c.Create(path, nil, client.Persistent); err != nil && !errors.Is(err, client.CodeNodeExists) {
			return fmt.Errorf("create %s: %w", path, err)
		}
	}
	return nil
}

// runRound hurts the ensemble once and checks everything. The error tells what was violated, or what did not come
// back.
func (h *harness) runRound(ctx context.Context, number int, f fault) (r *round, err error) {
	r = &round{number: number, addrs: h.ensemble.Addrs(), history: newHistory()}
	if err := h.withSession(ctx, r.prepare); err != nil {
		return r, fmt.Errorf("prepare: %w", err)
	}
	stop := r.work(ctx, h.seed)
	err = h.hurtAndHeal(ctx, f)
	stop()
	if err != nil {
		return r, err
	}
	views, err := h.inspect(ctx, r)
	if err == nil {
		err = errors.Join(h.compare(views), checkHistory(r.history.ops, h.weakSync), checkTree(r, views[0].tree), h.watcher.check())
	}
	for _, w := range r.workers {
		w.end()
	}
	if err == nil {
		err = h.withSession(ctx, func(c *client.Conn) error { return r.forget(c) })
	}
	return r, err
}

// work starts the clients. The function that it returns stops them.
func (r *round) work(ctx context.Context, seed uint64) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for i := range rawWorkers + libWorkers {
		rng := rand.New(rand.NewPCG(seed, uint64(r.number)<<8|uint64(i)))
		if i >= rawWorkers {
			w := &libraryWorker{id: i, round: r, rng: rng}
			wg.Go(func() { w.run(ctx) })
			continue
		}
		w := &worker{id: i, round: r, rng: rng, timeout: time.Duration(1+i) * time.Second, dies: i == 0, seen: map[string]int32{}}
		r.workers = append(r.workers, w)
		wg.Go(func() { w.run(ctx) })
	}
	return func() {
		cancel()
		wg.Wait()
	}
}

// hurtAndHeal does what the fault says, between two times of calm.
func (h *harness) hurtAndHeal(ctx context.Context, f fault) error {
	ctx, cancel := context.WithTimeout(ctx, healing)
	defer cancel()
	leader, err := h.ensemble.AwaitLeader(ctx)
	if err != nil {
		return err
	}
	pace(ctx, calm)
	if err := f.hurt(ctx, &victim{Ensemble: h.ensemble, net: h.network, rng: h.rng, leader: leader}); err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	if err := h.heal(ctx); err != nil {
		return fmt.Errorf("healing after %s: %w", f.name, err)
	}
	pace(ctx, calm)
	return nil
}

// heal undoes every fault and waits until all servers serve. A server that ended may do so once more while it starts.
func (h *harness) heal(ctx context.Context) error {
	if h.network != nil {
		if err := h.network.Heal(); err != nil {
			return err
		}
	}
	for _, s := range h.ensemble.Servers {
		if h.disks {
			if err := s.FreeDisk(); err != nil {
				return err
			}
		}
		if s.Running() {
			if err := s.Resume(); err != nil {
				return err
			}
		}
	}
	for {
		err := h.ensemble.Start(ctx)
		var ended *ensemble.EndedError
		if errors.As(err, &ended) && ctx.Err() == nil && h.restarts[ended.Server.ID] < restartsMax {
			h.restarts[ended.Server.ID]++
			continue
		}
		clear(h.restarts)
		return err
	}
}

// forget deletes what the round has left, so that trees stay small.
func (r *round) forget(c *client.Conn) error {
	tree, err := c.Tree(fmt.Sprintf("%s/%d", root, r.number))
	if err != nil {
		return err
	}
	byDepth := make([][]string, 8)
	for path := range tree {
		depth := strings.Count(path, "/")
		byDepth[depth] = append(byDepth[depth], path)
	}
	for _, paths := range slices.Backward(byDepth) {
		var calls []*client.Call
		for _, path := range paths {
			calls = append(calls, c.Start(client.OpDelete, client.VersionBody(path, -1)))
		}
		for _, call := range calls {
			if _, err := call.Wait(); err != nil && !errors.Is(err, client.CodeNoNode) {
				return fmt.Errorf("delete what round %d has left: %w", r.number, err)
			}
		}
	}
	return nil
}
