package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"gamekeeper/compat/ensemble"
)

const (
	// tickTime is short, so that servers miss each other and sessions expire within a round.
	tickTime = "250"
	// diskSize is far more than a server needs.
	diskSize = 8 << 30
	// restartsMax is how often a server may end while it starts after a fault.
	restartsMax = 3
)

// harness is the ensemble and what is known of it over all rounds.
type harness struct {
	ensemble *ensemble.Ensemble
	network  *ensemble.Network // nil if links cannot be cut
	disks    bool              // whether disks can be filled
	weakSync bool
	seed     uint64
	rng      *rand.Rand
	watcher  *watcher
	restarts map[int]int // by server, since all served
}

type options struct {
	rounds int
	limit  time.Duration
	kinds  string
	only   string
	compat string
	dir    string
	seed   uint64
	keep   bool
}

func main() {
	sandboxed, err := ensemble.Sandbox()
	if err != nil {
		fmt.Println("no links are cut and no disks filled here:", err)
	}
	var o options
	flag.IntVar(&o.rounds, "rounds", 10, "faults, one after the other")
	flag.DurationVar(&o.limit, "for", 0, "begin no round after this time; 0 is no limit")
	flag.StringVar(&o.kinds, "kinds", "gamekeeper,gamekeeper,gamekeeper", "what the servers are: gamekeeper or apache, with :observer behind it or not")
	flag.StringVar(&o.only, "only", "", "faults to choose from, by name (default all); \"list\" lists them")
	flag.StringVar(&o.compat, "compat", ".", "the directory compat/")
	flag.StringVar(&o.dir, "dir", "", "where servers have their files (default a temporary directory)")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "of the choice of faults and operations")
	flag.BoolVar(&o.keep, "keep", false, "keep the files of servers even if all goes well")
	flag.Parse()
	if o.only == "list" {
		for _, f := range faults {
			fmt.Println(f.name)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := runFaults(ctx, o, sandboxed); err != nil {
		fmt.Println(err)
		stop()
		os.Exit(1)
	}
}

func runFaults(ctx context.Context, o options, sandboxed bool) (err error) {
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "faults-"); err != nil {
			return err
		}
	}
	chosen, err := choose(o.only, sandboxed)
	if err != nil {
		return err
	}
	h, err := start(ctx, o, sandboxed)
	if err != nil {
		return err
	}
	fmt.Printf("%s, seed %d, files in %s\n", o.kinds, o.seed, o.dir)
	watching, stop := context.WithCancel(ctx)
	wg := h.watcher.watch(watching, h.ensemble.Servers)
	err = h.rounds(ctx, o, chosen)
	stop()
	wg.Wait()
	if err != nil {
		err = fmt.Errorf("%w\n%s\nseed %d, files in %s", err, h.ensemble, o.seed, o.dir)
		saveData(h)
	}
	if closing := h.ensemble.Close(); err == nil {
		err = closing
	}
	if err == nil && !o.keep {
		err = h.ensemble.Remove()
	}
	return err
}

// start makes the ensemble and starts it.
func start(ctx context.Context, o options, sandboxed bool) (*harness, error) {
	h := &harness{seed: o.seed, rng: rand.New(rand.NewPCG(o.seed, 0)), watcher: &watcher{leaders: map[int32][]int{}}, restarts: map[int]int{}}
	eo := ensemble.Options{Dir: o.dir, Compat: o.compat, Lines: []string{"tickTime=" + tickTime, "initLimit=16", "syncLimit=6",
		"maxSessionTimeout=10000", "maxClientCnxns=0", "snapCount=2000", "preAllocSize=1024"}}
	err := eo.SetKinds(o.kinds)
	if err != nil {
		return nil, fmt.Errorf("-kinds: %w", err)
	}
	h.weakSync = slices.Contains(eo.Kinds, ensemble.Apache)
	if sandboxed {
		if h.network, err = ensemble.NewNetwork(len(eo.Kinds)); err != nil {
			return nil, err
		}
		eo.Network, eo.Disk, h.disks = h.network, diskSize, true
	}
	if h.ensemble, err = ensemble.New(eo); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, healing)
	defer cancel()
	return h, h.ensemble.Start(ctx)
}

// choose returns the faults to choose from.
func choose(only string, sandboxed bool) ([]fault, error) {
	var chosen []fault
	names := strings.Split(only, ",")
	for _, f := range faults {
		if (only == "" || slices.Contains(names, f.name)) && (sandboxed || !f.cuts && !f.disk) {
			chosen = append(chosen, f)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no fault %q; -only list lists them", only)
	}
	return chosen, nil
}

// rounds runs all of them; every fault comes once before any comes again.
func (h *harness) rounds(ctx context.Context, o options, chosen []fault) error {
	began := time.Now()
	var bag []fault
	for n := range o.rounds {
		if o.limit > 0 && time.Since(began) > o.limit {
			fmt.Printf("no more rounds after %v\n", o.limit)
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if len(bag) == 0 {
			bag = slices.Clone(chosen)
			h.rng.Shuffle(len(bag), func(i, j int) { bag[i], bag[j] = bag[j], bag[i] })
		}
		f := bag[0]
		bag = bag[1:]
		at := time.Now()
		r, err := h.runRound(ctx, n+1, f)
		open := 0
		for _, op := range r.history.ops {
			if op.result == unknown {
				open++
			}
		}
		fmt.Printf("round %3d  %-24s %5.1f s  %5d operations, %d with unknown outcome, epochs so far %d\n",
			n+1, f.name, time.Since(at).Seconds(), len(r.history.ops), open, h.watcher.epochs())
		if err != nil {
			h.saveHistory(o.dir, r)
			return fmt.Errorf("round %d, %s: %w", n+1, f.name, err)
		}
	}
	if n := h.mismatches(); n > 0 {
		fmt.Printf("%d servers have complained of a digest on the way\n", n)
	}
	fmt.Printf("%.0f s, %d epochs, nothing lost\n", time.Since(began).Seconds(), h.watcher.epochs())
	return nil
}

// saveHistory writes what the clients of a round saw.
func (h *harness) saveHistory(dir string, r *round) {
	var b strings.Builder
	for _, o := range r.history.ops {
		fmt.Fprintln(&b, o)
	}
	_ = os.WriteFile(filepath.Join(dir, "history"), []byte(b.String()), 0o644)
}

// saveData copies the data of servers out of their disks in memory, which go with the sandbox.
func saveData(h *harness) {
	for _, s := range h.ensemble.Servers {
		if h.disks {
			_ = s.Kill()
			_ = os.CopyFS(filepath.Join(filepath.Dir(s.Data()), "saved"), os.DirFS(s.Data()))
		}
	}
}
