package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
	"gamekeeper/server/control"
	"gamekeeper/server/epoch"
	"gamekeeper/tools/progress"
	"gamekeeper/tree"
	"gamekeeper/wal"
)

// RestoreOptions say what to restore, and where to.
type RestoreOptions struct {
	From   string // a backup folder, or a file
	Backup string // an id, or the beginning of one; empty is the newest that fits
	Point  Point
	// To are the directories to build; they may exist, and may hold no data of a server. Its Tree is not used.
	To Dirs
	// DryRun checks everything and builds nothing. To may be empty then.
	DryRun   bool
	Progress func(progress.Report) // may be nil

	segmentBytes int64  // of the log that is built; 0 is the usual
	step         func() // called after each change of the directories; nil: nothing
}

// RestoreResult is what was restored.
type RestoreResult struct {
	Backup     string        `json:"backup"` // with whose snapshot it began
	Zxid       proto.Zxid    `json:"zxid"`
	ZxidText   string        `json:"zxid_text"`
	Time       time.Time     `json:"time"` // of the last transaction
	Nodes      int           `json:"nodes"`
	Ephemerals int           `json:"ephemerals"`
	Sessions   int           `json:"sessions"`
	Digest     uint64        `json:"digest"`
	Replayed   int           `json:"replayed"` // transactions
	Checked    int           `json:"checked_digests"`
	DataDir    string        `json:"data_dir,omitempty"`
	DataLogDir string        `json:"data_log_dir,omitempty"`
	DryRun     bool          `json:"dry_run,omitempty"`
	Elapsed    time.Duration `json:"elapsed_ns"`
}

// stagingName is where a directory is built: inside of it, as it may be a mount point.
const stagingName = ".restore"

// Restore builds the data directories of a server from a backup. Everything is checked before anything is put
// in its place: the checksums, that the log has no gap, and the digest of the tree that comes of it.
func Restore(ctx context.Context, o RestoreOptions) (result RestoreResult, err error) {
	begun := time.Now()
	r := newRestorer(o)
	if o.DryRun {
		if r.data, err = os.MkdirTemp("", "gamekeeper-restore-"); err != nil {
			return result, ioError(err)
		}
		err = errors.Join(r.run(ctx), os.RemoveAll(r.data))
		return r.result(begun), err
	}
	if err := r.stage(ctx); err != nil {
		return result, errors.Join(err, r.unstage())
	}
	err = r.run(ctx)
	if err == nil {
		err = r.place()
	}
	return r.result(begun), errors.Join(err, r.unstage())
}

type restorer struct {
	o         RestoreOptions
	meter     *progress.Meter
	data, log string   // where the directories are built
	made      []string // directories that were made, those above first
	staged    []*staging
	plan      plan
	st        *state
}

func newRestorer(o RestoreOptions) *restorer {
	if o.step == nil {
		o.step = func() {}
	}
	return &restorer{o: o, meter: progress.New(o.Progress)}
}

func (r *restorer) result(begun time.Time) RestoreResult {
	x := RestoreResult{DryRun: r.o.DryRun, Elapsed: time.Since(begun)}
	if r.st == nil {
		return x
	}
	t := r.st.tree
	x.Backup, x.Zxid, x.ZxidText = r.plan.m.ID, t.LastZxid(), t.LastZxid().String()
	x.Nodes, x.Ephemerals, x.Sessions = t.Count(), t.EphemeralCount(), len(r.st.sessions)
	x.Digest, x.Replayed, x.Checked = t.Digest(), r.st.txns, r.st.checked
	switch m := r.plan.m; {
	case r.st.txns > 0:
		x.Time = txnTime(&r.st.last)
	case x.Zxid == m.Last && !m.LastTime.IsZero():
		x.Time = m.LastTime
	case m.Mark != nil:
		x.Time = m.Mark.Time
	}
	if !r.o.DryRun {
		x.DataDir, x.DataLogDir = r.o.To.Data, r.o.To.logDir()
	}
	return x
}

// Tree returns what a backup holds at a point, without writing anything but temporary files.
func Tree(ctx context.Context, o RestoreOptions) (*tree.Tree, map[proto.SessionID]int32, error) {
	dir, err := os.MkdirTemp("", "gamekeeper-backup-")
	if err != nil {
		return nil, nil, ioError(err)
	}
	o.DryRun = true
	r := newRestorer(o)
	r.data = dir
	err = errors.Join(r.run(ctx), os.RemoveAll(dir))
	if err != nil {
		return nil, nil, err
	}
	return r.st.tree, r.st.sessions, nil
}

// staging is a directory in which one is built.
type staging struct {
	path string
	lock io.Closer
}

// stage makes sure that the directories hold no data, and makes those to build in.
func (r *restorer) stage(ctx context.Context) error {
	if r.o.To.Data == "" {
		return errors.New("restore: no data directory was given")
	}
	dirs := []string{r.o.To.Data}
	if l := r.o.To.logDir(); filepath.Clean(l) != filepath.Clean(r.o.To.Data) {
		dirs = append(dirs, l)
	}
	if c, err := control.Dial(ctx, r.o.To.Data); err == nil {
		return errors.Join(fmt.Errorf("%w: a server runs on %s", ErrNotEmpty, r.o.To.Data), c.Close())
	}
	for _, d := range dirs {
		if err := refuseData(d); err != nil {
			return err
		}
	}
	for _, d := range dirs {
		for p := d; ; p = filepath.Dir(p) {
			if _, err := os.Stat(p); !errors.Is(err, fs.ErrNotExist) {
				break
			}
			r.made = append(r.made, p)
		}
		s, err := newStaging(filepath.Join(d, stagingName))
		if s != nil {
			r.staged = append(r.staged, s)
		}
		if err != nil {
			return err
		}
	}
	r.data, r.log = r.staged[0].path, r.staged[len(r.staged)-1].path
	return nil
}

// refuseData refuses a directory that holds what a server, or Apache ZooKeeper, left.
func refuseData(dir string) error {
	for _, name := range []string{"wal", "snapshot", "version-2"} {
		path := filepath.Join(dir, name)
		names, err := list(path)
		if err != nil {
			return err
		}
		if len(names) > 0 {
			return fmt.Errorf("%w: there is %s: nothing was changed; give another directory, or move this one out of the way",
				ErrNotEmpty, path)
		}
	}
	path := filepath.Join(dir, epoch.Name)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("%w: %s holds what a member of an ensemble has promised: nothing was changed; "+
			"give another directory, or move it out of the way", ErrNotEmpty, path))
	}
	return nil
}

// newStaging makes an empty directory that no other restore uses.
func newStaging(path string) (*staging, error) {
	if err := makeDir(path); err != nil {
		return nil, err
	}
	f := folder{path: path}
	if err := f.takeLock(); err != nil {
		return nil, err
	}
	s := &staging{path, f.lock}
	names, err := list(path)
	if err != nil {
		return s, err
	}
	for _, name := range names {
		if name != lockName {
			if err := os.RemoveAll(filepath.Join(path, name)); err != nil {
				return s, ioError(err)
			}
		}
	}
	return s, nil
}

// unstage removes what was built and not placed.
func (r *restorer) unstage() error {
	var errs []error
	for _, s := range r.staged {
		errs = append(errs, os.RemoveAll(s.path), s.lock.Close())
	}
	for _, d := range r.made {
		_ = os.Remove(d) // fails if it is not empty, as after success
	}
	if err := errors.Join(errs...); err != nil {
		return ioError(err)
	}
	return nil
}

func (r *restorer) run(ctx context.Context) error {
	f, err := openBackup(ctx, r.o.From, func() (string, error) {
		dir := filepath.Join(r.data, "unpacked")
		return dir, makeDir(dir)
	}, r.meter)
	if err != nil {
		return err
	}
	if r.plan, err = f.planRestore(r.o.Backup, r.o.Point); err != nil {
		return err
	}
	m := r.plan.m
	store := filepath.Join(r.data, "snapshot")
	if err := r.buildStore(ctx, f, store); err != nil {
		return err
	}
	if r.st, err = loadState(ctx, m, store, r.meter); err != nil {
		return err
	}
	if r.o.DryRun {
		err = f.replay(ctx, r.st, m.Series, r.plan.chunks, r.plan.until, r.meter, nil)
	} else {
		err = r.buildLog(ctx, f, filepath.Join(r.log, "wal"))
	}
	if err == nil {
		err = r.st.done()
	}
	if err == nil && !r.o.DryRun {
		err = r.buildEpochs()
	}
	return err
}

// buildEpochs writes the epochs that the restored server may claim: both that of its last transaction, which is
// the last one whose history it surely has. What the server that was saved had promised binds its ensemble and
// not the one that begins with this state.
func (r *restorer) buildEpochs() error {
	e := r.st.tree.LastZxid().Epoch()
	if e <= 0 {
		return nil
	}
	file, err := epoch.Open(vfs.Default, r.data)
	if err != nil {
		return err
	}
	return file.Set(e, e)
}

// buildStore copies the files of the snapshot, or links them for a dry run, and checks them.
func (r *restorer) buildStore(ctx context.Context, f *folder, dir string) error {
	m := r.plan.m
	if m.Mark == nil {
		return nil
	}
	if err := makeDir(dir); err != nil {
		return err
	}
	total := int64(0)
	for _, file := range m.Files {
		total += file.Bytes
	}
	r.meter.Begin("copying the snapshot", "bytes", total)
	for _, file := range m.Files {
		if err := r.copyTable(ctx, f, file, dir); err != nil {
			return err
		}
		r.o.step()
	}
	if r.o.DryRun {
		return f.linkStore(m, dir)
	}
	return syncDir(dir)
}

func (r *restorer) copyTable(ctx context.Context, f *folder, file File, dir string) error {
	path := f.file(file.SHA256)
	from, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return damaged(path, "it is missing: %s of backup %s", file.Name, r.plan.m.ID)
	}
	if err != nil {
		return ioError(err)
	}
	defer from.Close()
	var n int64
	var sum string
	if r.o.DryRun {
		n, sum, err = copyHashed(ctx, io.Discard, from, r.meter.Add)
	} else {
		n, sum, err = copyFile(ctx, filepath.Join(dir, file.Name), from, r.meter.Add)
	}
	if err != nil {
		return err
	}
	if n != file.Bytes || sum != file.SHA256 {
		return damaged(path, "its checksum does not fit: %s of backup %s", file.Name, r.plan.m.ID)
	}
	return nil
}

// buildLog writes the log, while the same records are replayed, and then reads it as a server would.
func (r *restorer) buildLog(ctx context.Context, f *folder, dir string) error {
	w, err := newLogWriter(dir, r.plan.m.replayAfter(), r.o.segmentBytes)
	if err != nil {
		return err
	}
	err = f.replay(ctx, r.st, r.plan.m.Series, r.plan.chunks, r.plan.until, r.meter, w.add)
	if err = errors.Join(err, w.log.Close()); err != nil {
		return err
	}
	r.o.step()
	log, err := wal.Open(wal.Options{Dir: dir, SegmentBytes: r.o.segmentBytes})
	if err != nil {
		return err
	}
	if log.Base() != r.plan.m.replayAfter() || log.Durable() != r.st.tree.LastZxid() {
		err = fmt.Errorf("restore: the new log reaches from zxid %s to %s, and not from %s to %s: check the disk of %s",
			log.Base(), log.Durable(), r.plan.m.replayAfter(), r.st.tree.LastZxid(), r.o.To.logDir())
	}
	return errors.Join(err, log.Close())
}

// logWriter writes records into a new log.
type logWriter struct {
	log   *wal.Log
	ready chan struct{} // something became durable
	since int
}

func newLogWriter(dir string, base proto.Zxid, segmentBytes int64) (*logWriter, error) {
	w := &logWriter{ready: make(chan struct{}, 1)}
	var err error
	w.log, err = wal.Open(wal.Options{Dir: dir, SegmentBytes: segmentBytes, Notify: func() {
		select {
		case w.ready <- struct{}{}:
		default:
		}
	}})
	if err == nil && base > 0 {
		if err = w.log.Reset(base); err != nil {
			err = errors.Join(err, w.log.Close())
		}
	}
	return w, err
}

// submitBytes is how much is appended before it is written.
const submitBytes = 1 << 20

func (w *logWriter) add(z proto.Zxid, record []byte) error {
	for w.log.Full() {
		w.log.Submit()
		if err := w.log.Err(); err != nil {
			return err
		}
		<-w.ready
	}
	w.log.Append(z, record)
	if w.since += len(record); w.since >= submitBytes {
		w.log.Submit()
		w.since = 0
	}
	return w.log.Err()
}

// place puts what was built where a server looks for it. The log comes first: a server that finds a log that
// begins after a zxid, and no snapshot, does not start.
func (r *restorer) place() error {
	for _, d := range []string{r.o.To.Data, r.o.To.logDir()} {
		if err := refuseData(d); err != nil { // it was empty when we began
			return err
		}
	}
	for _, s := range r.staged {
		if err := giveTo(filepath.Dir(s.path), s.path); err != nil {
			return err
		}
		if err := syncDir(s.path); err != nil {
			return err
		}
	}
	moves := [][2]string{{filepath.Join(r.log, "wal"), r.o.To.wal()}}
	if r.plan.m.Mark != nil {
		moves = append(moves, [2]string{filepath.Join(r.data, "snapshot"), r.o.To.store()})
	}
	if r.st.tree.LastZxid().Epoch() > 0 {
		// Last: without it, a server takes its epochs from the log.
		moves = append(moves, [2]string{filepath.Join(r.data, epoch.Name), filepath.Join(r.o.To.Data, epoch.Name)})
	}
	for i, m := range moves {
		err := remove(m[1]) // an empty directory; any other stays, and is an error
		if err == nil {
			err = os.Rename(m[0], m[1])
		}
		if err == nil {
			r.o.step()
			err = syncDir(filepath.Dir(m[1]))
		}
		if err != nil {
			for _, undo := range moves[:i] {
				err = errors.Join(err, os.Rename(undo[1], undo[0]))
			}
			return ioError(err)
		}
	}
	return nil
}
