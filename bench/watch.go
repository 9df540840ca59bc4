package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"gamekeeper/bench/report"
	"gamekeeper/bench/target"
)

// watch is what goes on besides the load of one run: the processes are sampled, the servers' stages are asked for before
// and after, and faults are played. It follows the run's progress: everything begins when measuring does, not with what
// is prepared, and ends with it.
type watch struct {
	target *target.Target
	faults []target.Fault

	mu      sync.Mutex // the beginning and the end come from goroutines of the run's
	began   time.Time
	sampler *target.Sampler
	before  map[string]stageCounts // by server
	faulted sync.WaitGroup
	cancel  context.CancelFunc

	// Read when the run has ended.
	elapsed   time.Duration
	processes []report.Process
	stages    []report.Stage
	events    []report.Event
	notes     []string
	err       error
}

// progress returns p with what the watch needs in it.
func (w *watch) progress(ctx context.Context, p Progress) Progress {
	p.Begin = func(at time.Time) { w.begin(ctx, at) }
	p.End = func() { w.end(context.WithoutCancel(ctx)) }
	return p
}

func (w *watch) begin(ctx context.Context, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sampler != nil {
		return
	}
	w.began = at
	w.before = w.scrape(ctx)
	w.sampler = w.target.Sample(at)
	if len(w.faults) == 0 {
		return
	}
	ctx, w.cancel = context.WithCancel(ctx)
	w.faulted.Go(func() {
		events, err := w.target.Play(ctx, w.faults, at)
		if errors.Is(err, context.Canceled) {
			w.notes = append(w.notes, "the run ended before all faults had")
			err = nil
		}
		w.events, w.err = events, err
	})
}

func (w *watch) end(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sampler == nil || w.elapsed > 0 {
		return
	}
	w.elapsed = time.Since(w.began)
	w.processes = w.sampler.Stop()
	after := w.scrape(ctx)
	for _, e := range w.target.Metrics() {
		for _, s := range after[e.Server].since(w.before[e.Server]) {
			s.Server = e.Server
			w.stages = append(w.stages, s)
		}
	}
	if w.cancel != nil {
		w.cancel()
		w.faulted.Wait()
		// What cleans up needs servers.
		w.err = errors.Join(w.err, w.target.Mend(ctx))
	}
}

// scrape asks the servers that tell for their stages. One that does not answer, as a fault may have it, has none.
func (w *watch) scrape(ctx context.Context) map[string]stageCounts {
	counts := map[string]stageCounts{}
	for _, e := range w.target.Metrics() {
		c, err := scrapeStages(ctx, e.URL)
		if err != nil {
			w.notes = append(w.notes, fmt.Sprintf("%s: no stages: %v", e.Server, err))
			continue
		}
		counts[e.Server] = c
	}
	return counts
}

// finish ends what a run that failed has left, and returns what went wrong with the faults.
func (w *watch) finish() error {
	w.end(context.Background())
	return w.err
}
