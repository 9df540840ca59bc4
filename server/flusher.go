package server

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"gamekeeper/proto"
	"gamekeeper/server/admin"
	"gamekeeper/snapshot"
	"gamekeeper/tree"
	"gamekeeper/wal"
)

// flushing is the core's part of flush rounds: it decides when one begins, and says what has changed. It
// belongs to the core.
type flushing struct {
	// What was ordered since the last round began, and how much of it makes the next one due.
	txns, bytes       int64
	txnsMax, bytesMax int64
	limit             load  // snapCount and snapSizeLimitInKb; bytes 0 is no limit
	interval          int64 // nanoseconds between the beginnings of rounds, at least
	notBefore         int64 // when the next may begin, nanoseconds since the server started

	wanted  bool // somebody needs a newer snapshot, however little there is for it
	running bool
	again   bool          // the round that runs writes what one that failed should have written
	changes *tree.Changes // taken from the tree and not on disk: of the round that runs, or of one that failed
	upTo    proto.Zxid    // of changes
	taken   time.Time     // when they were
	spare   *tree.Changes
	begun   []snapshot.Session // sessions since the last complete round
	ended   []proto.SessionID
	given   [2]int // how many of those the running round has
}

func newFlushing(limit load, interval time.Duration) flushing {
	f := flushing{limit: limit, interval: int64(interval)}
	f.next()
	return f
}

// next draws when the next round is due: between half the limits and the whole, so that servers that apply
// the same transactions do not all write at once.
func (f *flushing) next() {
	half := func(limit int64) int64 {
		if limit <= 0 {
			return 0
		}
		return limit/2 + rand.Int64N(limit/2+1)
	}
	f.txns, f.bytes = 0, 0
	f.txnsMax, f.bytesMax = max(half(f.limit.requests), 1), half(f.limit.bytes)
}

// ordered counts a transaction.
func (f *flushing) ordered(bytes int) {
	f.txns++
	f.bytes += int64(bytes)
}

func (f *flushing) due(now int64) bool {
	return !f.running && now >= f.notBefore && (f.wanted || f.txns >= f.txnsMax || f.bytesMax > 0 && f.bytes >= f.bytesMax)
}

// flush begins a round when one is due, and takes note of one that has ended.
func (k *core) flush() {
	f := &k.flushing
	if f.running {
		select {
		case res := <-k.flusher.results:
			k.roundEnded(res)
		default:
			k.flusher.behind.Store(f.txns)
		}
	}
	if !f.due(k.now) || k.member != nil && !k.member.status.Serving {
		return
	}
	src := f.begin(k.tree, k.now, time.UnixMilli(k.wall))
	src.Lock, src.Durable, src.Pause = k.flusher.lock, k.flusher.durable, k.flusher.pause
	k.flusher.behind.Store(0)
	k.flusher.jobs <- src // has room: no round is running
}

// begin says what the round writes that begins now. If the one before failed it writes the same set: sets that
// gathered while a disk is full would take memory without bound, and the tree's own has all that is later.
func (f *flushing) begin(t *tree.Tree, now int64, wall time.Time) snapshot.Source {
	f.wanted = false
	f.running, f.notBefore = true, now+f.interval
	if f.again = f.changes != nil; !f.again {
		f.changes, f.upTo, f.taken = t.TakeChanges(f.spare), t.LastZxid(), wall
		f.spare = nil
	}
	f.given = [2]int{len(f.begun), len(f.ended)}
	f.next()
	return snapshot.Source{Tree: t, Changes: []*tree.Changes{f.changes}, ReplayAfter: f.upTo, Time: f.taken,
		Begun: f.begun, Ended: f.ended}
}

// roundEnded takes note of a round's end, and of the log that is gone since.
func (k *core) roundEnded(res flushResult) {
	k.flushing.finished(res)
	k.flusher.abort.Store(false)
	if k.member != nil {
		k.member.purged = true
	}
}

// finished takes note of a round's end. What a failed one should have written goes to the next.
func (f *flushing) finished(res flushResult) {
	f.running = false
	if res.err != nil {
		return
	}
	f.wanted = f.wanted || f.again // there is more
	f.begun = append([]snapshot.Session(nil), f.begun[f.given[0]:]...)
	f.ended = append([]proto.SessionID(nil), f.ended[f.given[1]:]...)
	f.spare, f.changes = f.changes, nil
}

// flusher is the goroutine that writes flush rounds, and deletes the log that they make needless.
type flusher struct {
	store   *snapshot.Store
	log     *wal.Log
	logger  *slog.Logger
	lock    sync.Locker // the flusher's lock of the tree's gate
	poke    func()
	took    *admin.Summary
	failed  *admin.Counter
	jobs    chan snapshot.Source
	results chan flushResult
	stop    chan struct{}
	done    sync.WaitGroup

	abort atomic.Bool // the round that runs is to end
	// durable waits for the log, in an ensemble, where what a quorum has is applied before the own disk has it, and
	// syncs it if nobody else does: a snapshot that reaches further than the log is of no use after a power cut.
	durable func(proto.Zxid) error

	behind  atomic.Int64 // transactions since the running round began: told by the core, for haste
	haste   int64        // that the round makes
	resumed time.Time    // when the running round began, or its last rest ended
	purge   purger
}

// flushResult is how a round ended.
type flushResult struct{ err error }

var errStopping = errors.New("the server stops")

// pause ends a round when the server stops, or no longer serves, and has it rest.
func (f *flusher) pause() error {
	if f.abort.Load() {
		return errStopping
	}
	select {
	case <-f.stop:
		return errStopping
	default:
		return f.rest()
	}
}

func (f *flusher) run() {
	defer f.done.Done()
	for {
		select {
		case <-f.stop:
			return
		case src := <-f.jobs:
			err := f.round(src)
			f.results <- flushResult{err} // has room: one job at a time
			f.poke()
		}
	}
}

func (f *flusher) round(src snapshot.Source) error {
	f.resumed = time.Now()
	f.makeHaste(1)
	stats, err := f.store.Round(src)
	f.makeHaste(1) // merging goes on
	switch {
	case errors.Is(err, errStopping):
		return err
	case err != nil:
		f.failed.Inc()
		f.logger.Error("snapshot failed: nothing is lost, but the log grows until one succeeds", "error", err)
		return err
	}
	for _, c := range src.Changes {
		c.Reset() // to be filled again
	}
	f.took.ObserveDuration(stats.Elapsed)
	f.logger.Info("snapshot", "zxid", stats.Mark.ReplayAfter, "written", stats.Written, "deleted", stats.Deleted,
		"bytes", stats.FlushedBytes, "took", stats.Elapsed.Round(time.Millisecond),
		"longest_step", stats.LongestStep.Round(time.Microsecond))
	f.purge.rounds(f, stats.Mark.ReplayAfter)
	return nil
}
