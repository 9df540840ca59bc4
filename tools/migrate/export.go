package migrate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
	"gamekeeper/server/epoch"
	"gamekeeper/server/recovery"
	"gamekeeper/snapshot"
	"gamekeeper/tools/apache"
	"gamekeeper/tools/progress"
	"gamekeeper/wal"
)

// Exported is what an export has written.
type Exported struct {
	Files []string `json:"files"`
	Notes []string `json:"notes,omitempty"` // what is worth telling the operator, a line each
}

// Export writes files that an Apache server starts from, with dir as its dataDir. It fails soon after the end of ctx, and
// leaves no file after a failure.
func Export(ctx context.Context, from Place, dir string, opts apache.ExportOptions) (x *Exported, err error) {
	if has, err := from.HasData(); err != nil || !has {
		return nil, errors.Join(err, fmt.Errorf("%s holds no data of a server", from.Data))
	}
	log, err := openLog(from)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	ready := snapshot.ReadyDir(from.snapshot())
	if _, err := os.Stat(ready); !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(err, fmt.Errorf("%s is a snapshot of another server that is to replace this server's data: "+
			"start the server once, so that it does", ready))
	}
	r, err := recoverState(ctx, from, log, progress.New(opts.Progress))
	if err != nil {
		return nil, err
	}
	state := &apache.State{Tree: r.Tree, Sessions: r.Sessions, Zxid: r.Tree.LastZxid()}
	if state.Epochs, err = epochs(from.Data, state.Zxid.Epoch()); err != nil {
		return nil, err
	}
	x = &Exported{}
	if note := state.TTLNote(from.Tree); note != "" {
		x.Notes = append(x.Notes, note)
	}
	x.Files, err = apache.Export(ctx, state, dir, opts)
	return x, err
}

// openLog opens the log, whose lock keeps servers away. As for a server, what the snapshot makes needless may be damaged.
func openLog(from Place) (*wal.Log, error) {
	opt := wal.Options{Dir: from.wal()}
	// If the store cannot be opened, who loads it says why.
	if store, err := snapshot.Open(snapshot.Options{Dir: from.snapshot(), ReadOnly: true}); err == nil {
		mark, _ := store.Mark()
		opt.CheckAfter, opt.MustReach = mark.ReplayAfter, max(mark.ReplayAfter, mark.FuzzyUntil)
		if err := store.Close(); err != nil {
			return nil, err
		}
	}
	log, err := wal.Open(opt)
	if errors.Is(err, wal.ErrLocked) {
		return nil, fmt.Errorf("%w; stop the server, or restore a backup of it elsewhere and export that", err)
	}
	return log, err
}

// recoverState rebuilds what the server had at the end of its log.
func recoverState(ctx context.Context, from Place, log *wal.Log, meter *progress.Meter) (r *recovery.Recovery, err error) {
	store, err := snapshot.Open(snapshot.Options{Dir: from.snapshot(), ReadOnly: true, Cancel: ctx.Done()})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	mark, _ := store.Mark()
	meter.Begin("loading the snapshot", "znodes", int64(mark.Nodes))
	r, err = recovery.Load(store, recovery.Options{Tree: from.Tree, Progress: func(n, _ int) { meter.Set(int64(n)) }})
	if err != nil {
		return nil, err
	}
	if err := r.Replay(&watchedLog{ctx, log, meter}, recovery.Everything, nil); err != nil {
		return nil, err
	}
	return r, r.Finish()
}

// watchedLog is a log whose replay ends with ctx, and is told to meter.
type watchedLog struct {
	ctx   context.Context
	log   *wal.Log
	meter *progress.Meter
}

// watchRecords is how many records are replayed between two looks.
const watchRecords = 1 << 10

// Replay implements recovery.Log.
func (w *watchedLog) Replay(after proto.Zxid, fn func(zxid proto.Zxid, record []byte) error) error {
	var total int64
	for _, s := range w.log.Segments() {
		if s.Last > after {
			total += s.Bytes
		}
	}
	w.meter.Begin("replaying the log", "bytes", total)
	n, bytes := 0, int64(0)
	return w.log.Replay(after, func(zxid proto.Zxid, record []byte) error {
		bytes += int64(len(record))
		if n++; n%watchRecords == 0 {
			w.meter.Set(bytes)
			if err := w.ctx.Err(); err != nil {
				return err
			}
		}
		return fn(zxid, record)
	})
}

// epochs are those of a member of an ensemble whose last transaction is of an epoch, nil for a server that is on
// its own.
func epochs(dataDir string, last proto.Epoch) (*apache.Epochs, error) {
	file, err := epoch.Open(vfs.Default, dataDir)
	if err != nil || file.Accepted() == 0 {
		return nil, err
	}
	// A server that was sent a snapshot, and ended before it confirmed that, has a log ahead of its epoch. It has
	// the whole history up to there nonetheless, and Apache's server would not start.
	e := &apache.Epochs{Current: max(file.Current(), last)}
	e.Accepted = max(file.Accepted(), e.Current)
	return e, nil
}
