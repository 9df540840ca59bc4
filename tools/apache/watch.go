package apache

import (
	"context"
	"io"
	"math/bits"

	"gamekeeper/tools/progress"
)

// watch is what a long operation looks at: whether it is to end, and who hears how far it is. Nil is neither.
type watch struct {
	ctx   context.Context
	meter *progress.Meter
	steps int64 // not told to the meter yet
}

func newWatch(ctx context.Context, report func(progress.Report)) *watch {
	return &watch{ctx: ctx, meter: progress.New(report)}
}

// begin starts a step.
func (w *watch) begin(step, unit string, total int64) {
	if w == nil {
		return
	}
	w.steps = 0
	w.meter.Begin(step, unit, total)
}

// watchSteps is how often one of many small steps looks.
const watchSteps = 1 << 10

// step counts one of many small steps as done.
func (w *watch) step() error {
	if w == nil {
		return nil
	}
	if w.steps++; w.steps < watchSteps {
		return nil
	}
	w.meter.Add(w.steps)
	w.steps = 0
	return w.ctx.Err()
}

// reader returns r, with what is read of it counted.
func (w *watch) reader(r io.Reader) io.Reader {
	if w == nil {
		return r
	}
	return &watchedReader{r, w}
}

type watchedReader struct {
	r io.Reader
	w *watch
}

func (r *watchedReader) Read(b []byte) (int, error) {
	if err := r.w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(b)
	r.w.meter.Add(int64(n))
	return n, err
}

// sorting returns compare for a sort of n things, which is then watched: it counts how many comparisons a sort takes,
// about. When the operation is to end all things are the same to it, which soon ends the sort.
func sorting[T any](w *watch, n int, compare func(a, b T) int) func(a, b T) int {
	each := int64(max(1, bits.Len(uint(n))))
	compared, ended := int64(0), false
	return func(a, b T) int {
		if compared++; compared%(watchSteps*each) == 0 {
			w.meter.Set(min(compared/each, int64(n)))
			ended = w.ctx.Err() != nil
		}
		if ended {
			return 0
		}
		return compare(a, b)
	}
}
