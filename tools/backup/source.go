package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"gamekeeper/proto"
	"gamekeeper/server/control"
	"gamekeeper/snapshot"
	"gamekeeper/tree"
	"gamekeeper/wal"
)

// Source is what a backup is taken of: a server in this process (what it serves on its control socket), a
// running one (control.Client), or a stopped one.
type Source interface {
	control.Handler
}

// Dirs are the data directories of a server.
type Dirs struct {
	Data string // dataDir
	Log  string // dataLogDir; empty is the same
	// Tree are the options of the tree that the server's configuration asks for.
	Tree tree.Options
}

func (d Dirs) store() string { return filepath.Join(d.Data, "snapshot") }

func (d Dirs) wal() string { return filepath.Join(d.logDir(), "wal") }

func (d Dirs) logDir() string {
	if d.Log == "" {
		return d.Data
	}
	return d.Log
}

// Connect opens the source with these directories: the server that runs on them, or, if none does, the
// directories themselves. The caller closes the closer.
func Connect(ctx context.Context, d Dirs) (Source, io.Closer, error) {
	c, err := control.Dial(ctx, d.Data)
	if err == nil {
		return c, c, nil
	}
	if !errors.Is(err, control.ErrNotRunning) {
		return nil, nil, err
	}
	s, err := openStopped(d)
	if errors.Is(err, wal.ErrLocked) {
		return nil, nil, fmt.Errorf("a server holds %s and does not listen on %s: start it anew, or stop it: %w",
			d.wal(), control.Path(d.Data), err)
	}
	if err != nil {
		return nil, nil, err
	}
	return s, s, nil
}

// stopped is the source that a stopped server left.
type stopped struct {
	dirs   Dirs
	log    *wal.Log
	damage *wal.CorruptError // of log that the server does not need to start; nil is none
}

// openStopped opens the log, whose lock keeps a server from starting.
func openStopped(d Dirs) (*stopped, error) {
	if _, err := os.Stat(d.wal()); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no server's data in %s: the log %s is missing; give the data directory with "+
			"--data-dir, or the server's zoo.cfg with --config", d.Data, d.wal())
	} else if err != nil {
		return nil, ioError(err)
	}
	if err := checkOwner(d.wal()); err != nil {
		return nil, err
	}
	ready := snapshot.ReadyDir(d.store())
	if _, err := os.Stat(ready); !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(err, fmt.Errorf("%s is a snapshot of another server that is to replace this server's data: "+
			"start the server, so that it does", ready))
	}
	mark := markIn(d.store())
	opt := wal.Options{Dir: d.wal(), MustReach: max(mark.ReplayAfter, mark.FuzzyUntil)}
	s := &stopped{dirs: d}
	var err error
	if s.log, err = wal.Open(opt); errors.As(err, &s.damage) {
		opt.CheckAfter = mark.ReplayAfter // as the server does
		s.log, err = wal.Open(opt)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// markIn is the mark of the store in dir, zero if it has none. Nor has one that cannot be opened: who needs it opens it
// once more, and says why.
func markIn(dir string) snapshot.Mark {
	mark, err := readMark(dir)
	if err != nil {
		return snapshot.Mark{}
	}
	return mark
}

// checkOwner refuses to open the files of another user: new ones would be ours, and the server could not
// open them.
func checkOwner(dir string) error {
	st, err := os.Stat(dir)
	if err != nil {
		return ioError(err)
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok && int(sys.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d: run this as that user, or start the server first", dir, sys.Uid)
	}
	return nil
}

func (s *stopped) Close() error { return s.log.Close() }

// Checkpoint implements Source.
func (s *stopped) Checkpoint(_ context.Context, dir string) (control.Checkpoint, error) {
	cp := control.Checkpoint{ID: 1, LogBase: s.log.Base(), Last: s.log.Durable()}
	if _, err := os.Stat(s.dirs.store()); errors.Is(err, fs.ErrNotExist) {
		return cp, nil
	}
	store, err := snapshot.Open(snapshot.Options{Dir: s.dirs.store(), ReadOnly: true})
	if err != nil {
		return cp, err
	}
	if _, cp.HasSnapshot = store.Mark(); cp.HasSnapshot {
		err = linkFiles(s.dirs.store(), dir)
	}
	return cp, errors.Join(err, store.Close())
}

// linkFiles makes a copy of a store by hard links. Nobody writes to it while it is open here; Pebble itself
// makes no checkpoint of a store that is open for reading only.
func linkFiles(store, dir string) error {
	names, err := list(store)
	if err != nil {
		return err
	}
	if err := makeDir(dir); err != nil {
		return err
	}
	for _, name := range names {
		if name == lockName {
			continue
		}
		if err := os.Link(filepath.Join(store, name), filepath.Join(dir, name)); err != nil {
			return ioError(err)
		}
	}
	return nil
}

// Release implements Source.
func (s *stopped) Release(uint64) error { return nil }

// ReadLog implements Source.
func (s *stopped) ReadLog(ctx context.Context, after, until proto.Zxid, visit func(proto.Zxid, []byte) error) error {
	return ReadLog(ctx, s.log, after, until, visit)
}

// Status implements Source.
func (s *stopped) Status(context.Context) (control.Status, error) {
	data, err := filepath.Abs(s.dirs.Data)
	if err != nil {
		return control.Status{}, ioError(err)
	}
	logDir, err := filepath.Abs(s.dirs.logDir())
	if err != nil {
		return control.Status{}, ioError(err)
	}
	return control.Status{
		DataDir: data, DataLogDir: logDir, LastZxid: s.log.Durable(), LogBase: s.log.Base(),
		ExtendedTypes: s.dirs.Tree.ExtendedTypes, Emulate353: s.dirs.Tree.Emulate353,
	}, nil
}

// ReadLog is control.Handler's for a log that is open in this process.
func ReadLog(ctx context.Context, log *wal.Log, after, until proto.Zxid, visit func(proto.Zxid, []byte) error) error {
	if after >= until {
		return nil
	}
	r, err := log.NewReader(after)
	if err != nil {
		return err
	}
	defer r.Close()
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		z, record, err := r.Next()
		if err == io.EOF || err == nil && z > until {
			return nil
		}
		if err == nil {
			err = visit(z, record)
		}
		if err != nil || z == until {
			return err
		}
	}
}
