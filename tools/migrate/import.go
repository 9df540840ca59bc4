package migrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
	"gamekeeper/server/epoch"
	"gamekeeper/snapshot"
	"gamekeeper/tools/apache"
	"gamekeeper/tools/backup"
	"gamekeeper/tools/progress"
	"gamekeeper/tree"
	"gamekeeper/wal"
)

// Place is a data directory of this server.
type Place struct {
	Data string // dataDir
	Log  string // dataLogDir; empty: the same
	// Tree are the options of the tree, as the server's configuration has them.
	Tree tree.Options
	// SkipDigest, TrustEmpty and AcceptFuzzy are the options of an import: see apache.Options. The first two
	// are digest.enabled=false and snapshot.trust.empty.
	SkipDigest, TrustEmpty, AcceptFuzzy bool
}

// The directories that a server has in its data directory and its log directory.
const (
	snapshotName = "snapshot"
	walName      = "wal"
	unfinished   = ".importing" // what an import has not completed
)

func (p Place) snapshot() string { return filepath.Join(p.Data, snapshotName) }

func (p Place) wal() string {
	if p.Log == "" {
		return filepath.Join(p.Data, walName)
	}
	return filepath.Join(p.Log, walName)
}

// HasData says whether a server has run with the place, or an import was completed.
func (p Place) HasData() (bool, error) {
	_, err := os.Stat(p.wal())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// RefuseUnfinished returns an error if an import into the place was interrupted, or is under way: a server would start
// there with nothing.
func (p Place) RefuseUnfinished() error {
	if has, err := p.HasData(); err != nil || has {
		return err
	}
	for _, path := range []string{p.snapshot() + unfinished, p.wal() + unfinished} {
		if _, err := os.Stat(path); err == nil {
			return fmt.Errorf("%s: an import into this directory was interrupted, or is under way: run `gamekeeper import` again, or "+
				"remove %s to start without data", p.Data, path)
		}
	}
	return nil
}

// Result is what an import has built.
type Result struct {
	Zxid         proto.Zxid `json:"zxid"`
	Znodes       int        `json:"znodes"`
	Sessions     int        `json:"sessions"`
	Snapshot     string     `json:"snapshot"`     // file it began with
	Transactions int        `json:"transactions"` // of the logs, applied on top
	Notes        []string   `json:"notes,omitempty"`
	// Epochs are nil if the Apache server was no member of an ensemble.
	Epochs *apache.Epochs `json:"epochs,omitempty"`
}

// Options say who hears of an import or an export.
type Options struct {
	// Logger is told of what Result.Notes will say, when it is found. May be nil.
	Logger *slog.Logger
	// Progress is told of steps that take longer than two seconds. May be nil.
	Progress func(progress.Report)
}

// Import builds the place's data from an Apache server's. The log directory gets its name last: until then the server
// takes the place for an empty one. It fails soon after the end of ctx, and leaves nothing then that is in the way of
// another import.
func Import(ctx context.Context, dirs apache.Dirs, to Place, o Options) (*Result, error) {
	switch has, err := to.HasData(); {
	case err != nil:
		return nil, err
	case has:
		return nil, fmt.Errorf("%s holds data already: an import needs an empty directory", to.Data)
	}
	if err := backup.RefuseUnfinished(backup.Dirs{Data: to.Data, Log: to.Log}); err != nil {
		return nil, err
	}
	opts := to.Tree
	opts.Track = true // all of it is to be written
	st, err := apache.Import(ctx, dirs, apache.Options{Tree: opts, Logger: o.Logger, Progress: o.Progress,
		SkipDigest: to.SkipDigest, TrustEmpty: to.TrustEmpty, AcceptFuzzy: to.AcceptFuzzy})
	if err != nil {
		return nil, err
	}
	newSnapshot, newWAL := to.snapshot()+unfinished, to.wal()+unfinished
	if err := to.clear(); err != nil {
		return nil, err
	}
	if err := write(ctx, st, newSnapshot, newWAL, o); err != nil {
		return nil, errors.Join(err, os.RemoveAll(newSnapshot), os.RemoveAll(newWAL))
	}
	if e := st.Epochs; e != nil {
		file, err := epoch.Open(vfs.Default, to.Data)
		if err == nil {
			err = file.Set(e.Accepted, e.Current)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, move := range [][2]string{{newSnapshot, to.snapshot()}, {newWAL, to.wal()}} {
		if err := rename(move[0], move[1]); err != nil {
			return nil, err
		}
	}
	return &Result{Zxid: st.Zxid, Znodes: st.Tree.Count(), Sessions: len(st.Sessions), Snapshot: st.Snapshot,
		Transactions: st.Transactions, Notes: st.Notes, Epochs: st.Epochs}, nil
}

// clear removes what an import has left that was interrupted. It is known by the log, which has not got its name: a
// snapshot or epochs without that are a server's, whose log lies elsewhere or on a disk that is not mounted.
func (p Place) clear() error {
	log := p.wal() + unfinished
	_, err := os.Stat(log)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	names := []string{p.snapshot(), filepath.Join(p.Data, epoch.Name)}
	if err != nil {
		for _, name := range append(names, snapshot.ReadyDir(p.snapshot())) {
			if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
				return cmp.Or(err, fmt.Errorf("%s is a server's, and there is no log in %s: mount the disk of dataLogDir, or set "+
					"dataLogDir to where the log is; an import needs an empty directory, and nothing was changed", name, filepath.Dir(p.wal())))
			}
		}
	}
	for _, name := range append(names, p.snapshot()+unfinished, log) { // the log last
		if err := os.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}

// write makes a snapshot of the state, and an empty log that goes on behind it.
func write(ctx context.Context, st *apache.State, snapshotDir, walDir string, o Options) (err error) {
	store, err := snapshot.Open(snapshot.Options{Dir: snapshotDir})
	if err != nil {
		return err
	}
	begun := make([]snapshot.Session, 0, len(st.Sessions))
	for id, timeout := range st.Sessions {
		begun = append(begun, snapshot.Session{ID: id, Timeout: timeout})
	}
	slices.SortFunc(begun, func(a, b snapshot.Session) int { return cmp.Compare(a.ID, b.ID) })
	meter := progress.New(o.Progress)
	meter.Begin("writing the snapshot", "znodes", int64(st.Tree.Count()))
	_, err = store.Round(snapshot.Source{
		Tree:        st.Tree,
		Lock:        new(sync.Mutex), // nobody else has the tree
		Changes:     []*tree.Changes{st.Tree.TakeChanges(nil)},
		ReplayAfter: st.Zxid,
		Time:        time.Now(),
		Begun:       begun,
		Pause:       ctx.Err,
		Progress:    func(znodes int) { meter.Set(int64(znodes)) },
	})
	if err = errors.Join(err, store.Close()); err != nil {
		return err
	}
	log, err := wal.Open(wal.Options{Dir: walDir, SegmentBytes: importSegmentBytes})
	if err != nil {
		return err
	}
	return errors.Join(log.Reset(st.Zxid), log.Close())
}

// importSegmentBytes is small: the server makes its own segments.
const importSegmentBytes = 64 << 10

// rename gives what is complete its name, durably.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
