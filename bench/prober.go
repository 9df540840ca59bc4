package bench

import (
	"context"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// prober is a client of its own that sets a znode again and again, and measures how long that takes, so that
// one sees what other clients feel while something happens. It has one request outstanding at most; for one
// that takes longer than the interval it also counts those that would have been due meanwhile, so that a
// stall weighs by its length.
type prober struct {
	client   *client
	path     []byte
	interval time.Duration
	value    []byte

	cancel context.CancelFunc
	done   sync.WaitGroup
	err    error // read after done

	mu      sync.Mutex
	latency *hdrhistogram.Histogram
	silence *silence
}

// startProber starts the goroutine, which owns c until stop.
func startProber(ctx context.Context, c *client, path []byte, interval time.Duration) *prober {
	p := &prober{client: c, path: path, interval: interval, value: make([]byte, 16), latency: newHistogram(), silence: newSilence()}
	ctx, p.cancel = context.WithCancel(ctx)
	p.done.Go(func() { p.err = p.probe(ctx) })
	return p
}

func (p *prober) probe(ctx context.Context) error {
	ticker := time.NewTicker(p.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		began := time.Now()
		if err := p.client.set(p.path, p.value); err != nil {
			return err
		}
		p.silence.end(p.silence.clock())
		took := min(max(time.Since(began), latencyMin), latencyMax)
		p.mu.Lock()
		_ = p.latency.RecordCorrectedValue(int64(took), int64(p.interval)) // in range
		p.mu.Unlock()
	}
}

// take returns what was measured since the last call.
func (p *prober) take() *hdrhistogram.Histogram {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.latency
	p.latency = newHistogram()
	return h
}

// collect adds to sum what was measured since the last call, or the last of take.
func (p *prober) collect(sum *sample) {
	s := newSample()
	s.latency[KindSet] = p.take()
	s.replies = s.latency[KindSet].TotalCount()
	s.silent = p.silence.take()
	sum.merge(s)
}

// stop ends the goroutine and returns what went wrong in it.
func (p *prober) stop() error {
	p.cancel()
	p.done.Wait()
	return p.err
}
