package server

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
	"gamekeeper/server/config"
	"gamekeeper/server/epoch"
	"gamekeeper/snapshot"
	"gamekeeper/wal"
	"gamekeeper/zab"
)

// LogDir and SnapshotDir are where the log and the snapshot lie in the configured directories.
func LogDir(dataLogDir string) string   { return filepath.Join(dataLogDir, "wal") }
func SnapshotDir(dataDir string) string { return filepath.Join(dataDir, "snapshot") }

// openStorage opens the snapshot and the log, and checks that they fit together.
func (s *Server) openStorage(opts Options) error {
	for _, dir := range []string{s.cfg.Storage.DataDir, s.cfg.Storage.DataLogDir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("%w: %w: %s", ErrDataDir, err, writable)
		}
	}
	s.snapshotFS = cmp.Or(opts.SnapshotFS, opts.FS, vfs.Default)
	if err := s.makeLogDir(cmp.Or(opts.FS, vfs.Default)); err != nil {
		return fmt.Errorf("%w: %w", ErrDataDir, err)
	}
	store, err := s.openSnapshot()
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return fmt.Errorf("%w: %s is in use: another server runs on it; stop that one or set another dataDir: %w",
			ErrDataDir, s.cfg.Storage.DataDir, err)
	case err != nil:
		return dataDirError(err)
	}
	s.store = store
	if err := s.finishTakeOver(opts.FS); err != nil {
		err = dataDirError(err)
		if s.store != nil {
			err = errors.Join(err, s.store.Close())
		}
		return err
	}
	if err := s.openLog(opts.FS, s.store); err != nil {
		return errors.Join(err, s.store.Close())
	}
	if err := s.fitTogether(); err != nil {
		return errors.Join(fmt.Errorf("%w: %w", ErrDataDir, err), s.closeStorage())
	}
	return nil
}

// makeLogDir makes the directory of the log if this is a new server. It comes before that of the snapshot: where that
// one is alone, the log is on a disk that is not mounted, or dataLogDir was changed. A server that began without it
// would lack what it has acknowledged, if there was no round yet all of it.
func (s *Server) makeLogDir(logFS vfs.FS) error {
	log, snap := LogDir(s.cfg.Storage.DataLogDir), SnapshotDir(s.cfg.Storage.DataDir)
	if _, err := logFS.Stat(log); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := s.snapshotFS.Stat(snap); !errors.Is(err, fs.ErrNotExist) {
		return cmp.Or(err, fmt.Errorf("there is a snapshot in %s, and no log in %s: mount the disk of dataLogDir, or set dataLogDir "+
			"to where the log is; nothing was changed. If the log is lost, %s", snap, s.cfg.Storage.DataLogDir, wayOut))
	}
	return wal.MakeDirectory(logFS, log)
}

// openSnapshot opens the store for flush rounds that spare the writes beside them.
func (s *Server) openSnapshot() (*snapshot.Store, error) {
	opt := s.snapshotOptions()
	opt.WriteRate = flushRate()
	return snapshot.Open(opt)
}

func (s *Server) snapshotOptions() snapshot.Options {
	return snapshot.Options{FS: s.snapshotFS, Dir: SnapshotDir(s.cfg.Storage.DataDir), Logger: s.logger}
}

// finishTakeOver puts the snapshot in place that the leader had sent completely before the server ended.
func (s *Server) finishTakeOver(fs vfs.FS) error {
	mark, ok, err := snapshot.Ready(s.snapshotFS, s.store.Dir())
	if err != nil || !ok {
		return err
	}
	s.logger.Info("a received snapshot is put in place", "zxid", mark.ReplayAfter)
	log, err := wal.Open(wal.Options{FS: fs, Dir: LogDir(s.cfg.Storage.DataLogDir), SegmentBytes: s.cfg.Storage.PreAllocBytes,
		CheckAfter: everything, Logger: s.logger})
	if err != nil {
		return err
	}
	if err := errors.Join(log.Reset(mark.ReplayAfter), log.Close()); err != nil {
		return err
	}
	return s.adoptSnapshot()
}

// adoptSnapshot puts a received snapshot in the place of the store.
func (s *Server) adoptSnapshot() error {
	s.storeMu.Lock()
	defer s.storeMu.Unlock()
	old := s.store
	s.store = nil
	if err := old.Close(); err != nil {
		return err
	}
	if err := snapshot.Adopt(s.snapshotFS, old.Dir()); err != nil {
		return err
	}
	store, err := s.openSnapshot()
	if err != nil {
		return err
	}
	s.store = store
	if s.core != nil {
		s.core.flusher.store = store // it rests
	}
	return nil
}

// syncsLog says whether what is in the log has to be on stable storage before it counts. Nobody relies on what an
// observer has.
func (s *Server) syncsLog() bool {
	e := &s.cfg.Ensemble
	if s.replicated && e.Role == config.Observer && !e.ObserverSyncs {
		return false
	}
	return s.cfg.Storage.ForceSync
}

func (s *Server) openLog(fs vfs.FS, store *snapshot.Store) error {
	mark, _ := store.Mark()
	warnAfter := s.cfg.Storage.FsyncWarning
	log, err := wal.Open(wal.Options{
		FS:           fs,
		Dir:          LogDir(s.cfg.Storage.DataLogDir),
		SegmentBytes: s.cfg.Storage.PreAllocBytes,
		CheckAfter:   mark.ReplayAfter,
		MustReach:    s.neededLog(mark),
		NoSync:       !s.syncsLog(),
		Logger:       s.logger,
		Notify:       func() { s.core.poke() },
		Observe: func(b wal.BatchStats) {
			s.telemetry.synced(b)
			s.telemetry.stages.syncs.put(s.log.Durable(), s.now())
			if b.Sync > warnAfter {
				s.logger.Warn("fsync of the log took long: writes wait for it", "took", b.Sync, "bytes", b.Bytes)
			}
		},
	})
	if short := (*wal.ShortError)(nil); errors.As(err, &short) {
		return fmt.Errorf("%w: the snapshot in %s needs the log up to zxid %s, and the log in %s ends at %s; nothing was changed: %s",
			ErrDataDir, store.Dir(), short.Need, short.Dir, short.Last, wayOut)
	}
	if err != nil {
		return dataDirError(err)
	}
	s.log = log
	return nil
}

// neededLog is the zxid up to which the log has to reach for a snapshot to be of use.
func (s *Server) neededLog(mark snapshot.Mark) proto.Zxid {
	if s.replicated {
		return mark.ReplayAfter // of a snapshot, a leader sends the rest
	}
	return max(mark.ReplayAfter, mark.FuzzyUntil)
}

// openEpochs reads the epochs that this server has promised. If there are none beside a log, which is so after a
// restore or an import, the log's last transaction tells: who has that has the history its epoch began with.
func (s *Server) openEpochs(fs vfs.FS) (err error) {
	if fs == nil {
		fs = vfs.Default
	}
	if s.epochs, err = epoch.Open(fs, s.cfg.Storage.DataDir); err != nil {
		return dataDirError(err)
	}
	if e := s.log.LastZxid().Epoch(); e > 0 && s.epochs.Accepted() == 0 {
		s.logger.Info("this server's epoch is taken from its log", "epoch", e)
		if err := s.epochs.Set(e, e); err != nil {
			return fmt.Errorf("%w: %w", ErrDataDir, err)
		}
	}
	return nil
}

// history is what the log holds, as package zab wants it.
func (s *Server) history() (zab.History, error) {
	runs, err := s.log.Runs()
	if err != nil {
		return zab.History{}, fmt.Errorf("%w: %w", ErrDataDir, err)
	}
	h := zab.History{Base: s.log.Base()}
	for _, r := range runs {
		h.Runs = append(h.Runs, zab.Run{First: r.First, Last: r.Last})
	}
	return h, nil
}

// mayVote says whether this server's history may count as that of the ensemble. One that has lost its data would
// otherwise help to elect one that lacks something too. The file by which an operator allows it is for one start.
func (s *Server) mayVote(h *zab.History) (bool, error) {
	err := os.Remove(filepath.Join(s.cfg.Storage.DataLogDir, "initialize"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("%w: %w: make the directory writable", ErrDataDir, err)
	}
	// Data alone prove nothing: a crash may have ended the synchronisation that was to replace what was lost. Who has
	// acknowledged that has a current epoch. Who has data and has never promised anything was given them by an operator.
	trusted := s.epochs.Current() > 0 || s.epochs.Accepted() == 0 && h.Last() != 0
	if trusted || s.cfg.Storage.AutocreateDB || err == nil {
		return true, nil
	}
	s.logger.Warn("this server has lost its data, or never had any, and does not vote (db.autocreate=false): it joins a leader that the others elect; " +
		"to begin an ensemble, put an empty file named initialize into dataLogDir of each server and start them again")
	return false, nil
}

// What an operator can do about damaged data, and about a directory that cannot be written.
const (
	wayOut   = "restore a backup, or, in an ensemble, empty the data directory of this server"
	writable = "make it writable or set another dataDir"
)

// dataDirError is an error of opening what a data directory holds, with the way out where err does not have one.
func dataDirError(err error) error {
	switch {
	case errors.Is(err, snapshot.ErrCorrupt):
		return fmt.Errorf("%w: %w: %s", ErrDataDir, err, wayOut)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: %w: %s", ErrDataDir, err, writable)
	}
	return fmt.Errorf("%w: %w", ErrDataDir, err)
}

// fitTogether says whether log and snapshot together hold everything: the log must begin at the snapshot's mark or
// before it. That it reaches as far as the snapshot does was asked for when it was opened.
func (s *Server) fitTogether() error {
	mark, ok := s.store.Mark()
	base := s.log.Base()
	log, snap := LogDir(s.cfg.Storage.DataLogDir), s.store.Dir()
	switch {
	case !ok && base > 0:
		return fmt.Errorf("%s has no complete snapshot, and the log in %s begins only after zxid %s: %s", snap, log, base, wayOut)
	case base > mark.ReplayAfter:
		return fmt.Errorf("the snapshot in %s needs the log after zxid %s, and the log in %s begins only after %s: %s",
			snap, mark.ReplayAfter, log, base, wayOut)
	}
	return nil
}

func (s *Server) closeStorage() error {
	err := s.log.Close()
	if s.store == nil { // another one could not be put in its place
		return err
	}
	return errors.Join(err, s.store.Close())
}
