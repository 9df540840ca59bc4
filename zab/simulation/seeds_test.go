package simulation

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// quickSeeds is how many seeds a plain go test runs.
const quickSeeds = 300

// number reads a number from the environment.
func number(t *testing.T, key string, otherwise uint64) uint64 {
	text := os.Getenv(key)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return n
}

// inParallel runs do for n numbers on all processors.
func inParallel(n uint64, do func(i uint64)) {
	var next atomic.Uint64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < n; i = next.Add(1) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}

// TestMain lets the heap grow: runs make a lot of garbage and keep little.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// TestSeeds runs SIMULATE_SEEDS seeds from SIMULATE_FROM on. Each failing one can be looked at with TestSeed.
func TestSeeds(t *testing.T) {
	n, from := number(t, "SIMULATE_SEEDS", quickSeeds), number(t, "SIMULATE_FROM", 1)
	var mu sync.Mutex
	var total Result
	done, failed := 0, 0
	inParallel(n, func(i uint64) {
		seed := from + i
		mu.Lock()
		enough := failed >= 10
		mu.Unlock()
		if enough {
			return
		}
		r := Run(seed, Options{})
		err := verdict(seed, &r)
		mu.Lock()
		defer mu.Unlock()
		done++
		total.add(&r)
		if err != nil {
			failed++
			t.Errorf("seed %d: %v\n  SIMULATE_SEED=%d go test -run 'TestSeed$' ./zab/simulation", seed, err, seed)
		}
		if done%5000 == 0 {
			fmt.Printf("%d seeds, %d failed\n", done, failed)
		}
	})
	t.Logf("%d seeds: %s", done, total.String())
}

// verdict says what is wrong with a run. The histories of some are given to porcupine, which takes longer.
func verdict(seed uint64, r *Result) error {
	if r.Violation != nil {
		return r.Violation
	}
	if seed%8 == 0 {
		return linearizable(r.History)
	}
	return nil
}

func (r *Result) add(o *Result) {
	r.Events += o.Events
	r.Delivered += o.Delivered
	r.Acknowledged += o.Acknowledged
	r.Reads += o.Reads
	r.Elections += o.Elections
	r.Crashes += o.Crashes
	r.Snaps += o.Snaps
	r.Truncs += o.Truncs
	r.Diffs += o.Diffs
	r.VirtualTime += o.VirtualTime
}

func (r *Result) String() string {
	return fmt.Sprintf("%d virtual seconds, %d events, %d transactions, %d writes acknowledged, %d reads, %d elections, "+
		"%d crashes, %d DIFF, %d TRUNC, %d SNAP", r.VirtualTime/1e6, r.Events, r.Delivered, r.Acknowledged, r.Reads,
		r.Elections, r.Crashes, r.Diffs, r.Truncs, r.Snaps)
}

// TestSeed runs SIMULATE_SEED and prints what happened.
func TestSeed(t *testing.T) {
	seed := number(t, "SIMULATE_SEED", 0)
	if seed == 0 {
		t.Skip("SIMULATE_SEED is not set")
	}
	lines := number(t, "SIMULATE_LINES", 400)
	mistake := number(t, "SIMULATE_MISTAKE", 0)
	r := Run(seed, Options{Trace: int(lines), Mistake: Mistake(mistake), tune: tuned(Mistake(mistake))})
	for _, line := range r.Trace {
		fmt.Println(line)
	}
	if err := verdict(seed, &r); err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
	t.Logf("seed %d: %s", seed, r.String())
}

// TestRegressions runs the seeds that once found something.
func TestRegressions(t *testing.T) {
	f, err := os.Open("testdata/seeds")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		r := Run(seed, Options{})
		if err := verdict(seed, &r); err != nil {
			t.Errorf("seed %s: %v", lines.Text(), err)
		}
	}
}

// TestSameSeedSameRun shows that nothing but the seed decides.
func TestSameSeedSameRun(t *testing.T) {
	for seed := uint64(1); seed <= 10; seed++ {
		a, b := Run(seed, Options{Trace: 1000}), Run(seed, Options{Trace: 1000})
		if a.Events != b.Events || strings.Join(a.Trace, "\n") != strings.Join(b.Trace, "\n") {
			t.Errorf("seed %d: two runs differ: %s; %s", seed, a.String(), b.String())
		}
	}
}
