package backup

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gamekeeper/proto"
	"gamekeeper/server/control"
	"gamekeeper/snapshot"
	"gamekeeper/tools/progress"
)

// SaveOptions say what to back up, and where to.
type SaveOptions struct {
	Source Source
	// Folder is where backups gather; it is made if it is missing. File, in its place, gets one whole backup; it
	// must not exist.
	Folder string
	File   string
	// Link lets tables be hard links to those of the server, if the folder is on the same file system. That costs
	// no space and no time, but what harms the server's copy then harms the backup, too.
	Link bool
	// HoldLog asks the running server to keep its log from where the backup ends for so long, so that the next one
	// goes on there.
	HoldLog time.Duration
	// Progress is told of steps that take longer than two seconds. May be nil.
	Progress func(progress.Report)

	now  func() time.Time // nil: time.Now
	step func()           // called after each change of the folder; nil: nothing
	done func(*Manifest)  // called when the backup is complete and the log still held back; nil: nothing
}

// SaveResult is what Save did.
type SaveResult struct {
	Manifest *Manifest `json:"manifest"`
	Path     string    `json:"path"`
	// Gap says why the log does not go on where that of the backup before ended; empty if it does, or there was
	// none. Points in time between the two cannot be restored.
	Gap string `json:"gap,omitempty"`
	// What was added to the folder, and what was there already.
	AddedFiles  int   `json:"added_files"`
	AddedChunks int   `json:"added_chunks"`
	AddedBytes  int64 `json:"added_bytes"`
	KeptFiles   int   `json:"kept_files"`
	// Removed are files that an interrupted command had left.
	Removed    int           `json:"removed_files"`
	Damaged    []string      `json:"damaged,omitempty"` // manifests, and log of the server, that cannot be read
	Checkpoint time.Duration `json:"checkpoint_ns"`
	Elapsed    time.Duration `json:"elapsed_ns"`
}

// scratchPrefix begins the names of what a backup makes in the data directory for a while.
const scratchPrefix = "backup-scratch-"

// RemoveScratch removes what backups that were killed left in a data directory. A server may call it when it
// starts, as no backup of it can be under way then.
func RemoveScratch(dataDir string) error {
	names, err := list(dataDir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, scratchPrefix) {
			if err := os.RemoveAll(filepath.Join(dataDir, name)); err != nil {
				return ioError(err)
			}
		}
	}
	return nil
}

// tableSuffix ends the names of Pebble's tables.
const tableSuffix = ".sst"

// saver is one backup that is made.
type saver struct {
	o      SaveOptions
	f      *folder
	status control.Status
	cp     control.Checkpoint
	dir    string // of the copy of the store
	m      *Manifest
	before []*Manifest
	prev   *Manifest // the newest of before
	goesOn bool      // with the series of prev
	// Of the log that was added: its files, and their size.
	chunks     []string
	chunkBytes int64
	meter      *progress.Meter
	result     SaveResult
}

// Save takes a backup. Writes go on meanwhile. If it fails, what was there before is as good as before.
func Save(ctx context.Context, o SaveOptions) (SaveResult, error) {
	if o.now == nil {
		o.now = time.Now
	}
	if o.step == nil {
		o.step = func() {}
	}
	if (o.Folder == "") == (o.File == "") {
		return SaveResult{}, errors.New("backup: give either a folder or a file")
	}
	status, err := o.Source.Status(ctx)
	if err != nil {
		return SaveResult{}, fmt.Errorf("backup: %w", err)
	}
	target, err := filepath.Abs(o.Folder + o.File)
	if err != nil {
		return SaveResult{}, ioError(err)
	}
	// Named after the target, so that the next backup into it removes what this one leaves if it is killed.
	sum := sha256.Sum256([]byte(target))
	scratch := filepath.Join(status.DataDir, scratchPrefix+hex.EncodeToString(sum[:4]))
	s := &saver{o: o, status: status, dir: scratch + "-store", meter: progress.New(o.Progress)}
	if o.File != "" {
		return s.saveFile(ctx, target, scratch+"-folder")
	}
	if s.f, err = lockFolder(target); err != nil {
		return SaveResult{}, err
	}
	err = s.run(ctx)
	s.result.Path = o.Folder
	return s.result, errors.Join(err, s.f.close())
}

// saveFile makes a folder beside the store, where links are possible, and packs it.
func (s *saver) saveFile(ctx context.Context, target, folder string) (_ SaveResult, err error) {
	if _, err := os.Lstat(target); err == nil {
		return s.result, fmt.Errorf("backup: %s exists: remove it, or give another name", s.o.File)
	}
	if err := os.RemoveAll(folder); err != nil {
		return s.result, ioError(err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	if s.f, err = lockFolder(folder); err != nil {
		return s.result, err
	}
	s.o.Link = true
	err = s.run(ctx)
	if err == nil {
		s.result.AddedBytes, err = pack(ctx, s.f, s.m, s.o.File, s.meter)
	}
	s.result.Path = s.o.File
	return s.result, errors.Join(err, s.f.close())
}

func (s *saver) run(ctx context.Context) (err error) {
	begun := s.o.now()
	defer func() { s.result.Elapsed = s.o.now().Sub(begun) }()
	var bad []error
	if s.before, bad, err = s.f.manifests(); err != nil {
		return err
	}
	for _, b := range bad {
		s.result.Damaged = append(s.result.Damaged, b.Error())
	}
	if st, ok := s.o.Source.(*stopped); ok && st.damage != nil {
		d := st.damage
		s.result.Damaged = append(s.result.Damaged, fmt.Sprintf("log segment %s of the server is damaged at offset %d: %s; the server "+
			"starts without it, and this backup is whole, but what is in it can be restored from earlier backups alone", d.File, d.Offset, d.Reason))
	}
	if s.result.Removed, err = s.f.clean(s.before, bad); err != nil {
		return err
	}
	if n := len(s.before); n > 0 {
		s.prev = s.before[n-1]
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return ioError(err)
	}
	defer func() {
		if rerr := os.RemoveAll(s.dir); rerr != nil && err == nil {
			err = ioError(rerr)
		}
	}()
	if s.cp, err = s.o.Source.Checkpoint(ctx, s.dir); err != nil {
		return fmt.Errorf("backup: checkpoint: %w", err)
	}
	s.result.Checkpoint = s.o.now().Sub(begun)
	defer func() {
		if rerr := s.o.Source.Release(s.cp.ID); rerr != nil && err == nil {
			err = fmt.Errorf("backup: %w", rerr)
		}
	}()
	if err := s.begin(ctx); err != nil {
		return err
	}
	if err := s.saveTables(ctx); err != nil {
		return err
	}
	if err := s.saveLog(ctx); err != nil {
		return err
	}
	if err := s.finish(); err != nil {
		return err
	}
	if s.o.done != nil {
		s.o.done(s.m)
	}
	return s.hold(ctx)
}

// hold has the server keep its log. The record at the last zxid itself shows that the log goes on.
func (s *saver) hold(ctx context.Context) error {
	c, running := s.o.Source.(*control.Client)
	if s.o.HoldLog == 0 || s.o.File != "" || !running || s.m.Last == 0 {
		return nil
	}
	if err := c.HoldLog(ctx, s.f.path, s.m.Last-1, s.o.HoldLog); err != nil {
		return fmt.Errorf("the backup %s is complete, but the log is not kept for the next one: %w", s.m.ID, err)
	}
	return nil
}

// begin fills in what is known of the manifest, and decides whether the series goes on.
func (s *saver) begin(ctx context.Context) error {
	created := s.o.now().UTC()
	if s.prev != nil && !created.After(s.prev.Created) {
		created = s.prev.Created.Add(time.Millisecond) // the clock was set back; ids must sort
	}
	created = created.Truncate(time.Millisecond)
	s.m = &Manifest{
		Format: formatVersion, Created: created, ID: created.Format("20060102T150405.000Z"),
		ServerVersion: s.status.Version, ExtendedTypes: s.status.ExtendedTypes, Emulate353: s.status.Emulate353,
		Last: s.cp.Last, Files: []File{}, Log: []Chunk{},
	}
	s.result.Manifest = s.m
	if s.cp.HasSnapshot {
		mark, err := readMark(s.dir)
		if err != nil {
			return err
		}
		s.m.Mark = markOf(mark)
	}
	if s.cp.Last < s.m.earliest() {
		return fmt.Errorf("backup: the snapshot in %s reaches to zxid %s, and the log ends at %s: take the backup of another "+
			"server, or restore this one", s.status.DataDir, s.m.earliest(), s.cp.Last)
	}
	if s.prev != nil {
		gap, err := s.gap(ctx)
		if err != nil {
			return err
		}
		s.result.Gap, s.goesOn = gap, gap == ""
	}
	switch {
	case s.goesOn:
		s.m.Series = s.prev.Series
	case s.cp.LogBase > s.m.replayAfter():
		return fmt.Errorf("backup: the snapshot in %s needs the log after zxid %s, and the log begins after %s: take the "+
			"backup of another server, or restore this one", s.status.DataDir, s.m.replayAfter(), s.cp.LogBase)
	default:
		s.m.Series = s.newSeries()
	}
	return nil
}

func (s *saver) newSeries() string { return s.m.ID + "-" + rand.Text()[:6] }

// gap says why the source's log does not go on where that of the backup before ended.
func (s *saver) gap(ctx context.Context) (string, error) {
	p := s.prev
	switch {
	case p.Last > s.cp.Last:
		return fmt.Sprintf("the backup before ends at zxid %s and the server is at %s: it went back, or is another one", p.Last, s.cp.Last), nil
	case p.Last == 0 && s.cp.LogBase == 0:
	case s.cp.LogBase >= p.Last || p.LastSHA256 == "":
		return fmt.Sprintf("the log after zxid %s, where the backup before ends, is no longer there: take backups more often, "+
			"or keep more log", p.Last), nil
	default:
		same := false
		err := s.o.Source.ReadLog(ctx, p.Last-1, p.Last, func(z proto.Zxid, record []byte) error {
			same = z == p.Last && sumOf(record) == p.LastSHA256
			return nil
		})
		if err != nil && (ctx.Err() != nil || p.Last > s.m.replayAfter()) {
			return "", fmt.Errorf("backup: %w", err)
		}
		if err != nil { // the snapshot makes it needless
			return fmt.Sprintf("transaction %s, the last one of the backup before, cannot be read: %v", p.Last, err), nil
		}
		if !same {
			return fmt.Sprintf("transaction %s, the last one of the backup before, is not in the log: the server went back, or is another one", p.Last), nil
		}
	}
	chain, err := s.f.chain(p.Series, s.before)
	if err != nil {
		return "", err
	}
	if _, err := s.f.between(p.Series, chain, min(s.m.replayAfter(), p.Last), p.Last); err != nil {
		return err.Error(), nil
	}
	return "", nil
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// readMark reads the mark of a copy of a store. It may reach further than the running store says.
func readMark(dir string) (snapshot.Mark, error) {
	store, err := snapshot.Open(snapshot.Options{Dir: dir, ReadOnly: true})
	if err != nil {
		return snapshot.Mark{}, err
	}
	mark, ok := store.Mark()
	if !ok {
		err = fmt.Errorf("backup: %w in the checkpoint", snapshot.ErrEmpty)
	}
	return mark, errors.Join(err, store.Close())
}

// saveTables puts the files of the store into the folder, unless they are there.
func (s *saver) saveTables(ctx context.Context) error {
	if !s.cp.HasSnapshot {
		return nil
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return ioError(err)
	}
	var infos []fs.FileInfo
	var total int64
	for _, e := range entries {
		if e.Name() == lockName || !e.Type().IsRegular() {
			continue // made by opening it
		}
		info, err := e.Info()
		if err != nil {
			return ioError(err)
		}
		infos = append(infos, info)
		total += info.Size()
	}
	known, sizes := map[string]File{}, map[int64]bool{}
	for _, m := range s.before {
		for _, file := range m.Files {
			sizes[file.Bytes] = true
			if s.goesOn && m.Series == s.m.Series {
				known[file.Name] = file
			}
		}
	}
	s.meter.Begin("copying tables", "bytes", total)
	for _, info := range infos {
		k := known[info.Name()]
		// A table never changes, and its number is never used again.
		table := strings.HasSuffix(info.Name(), tableSuffix) && k.Bytes == info.Size() && k.Modified.Equal(info.ModTime())
		if _, err := os.Stat(s.f.file(k.SHA256)); table && err == nil {
			s.m.Files = append(s.m.Files, k)
			s.result.KeptFiles++
			s.meter.Add(info.Size())
			continue
		}
		if err := s.saveTable(ctx, info, sizes[info.Size()]); err != nil {
			return err
		}
	}
	return syncDir(s.f.files())
}

// saveTable adds a file. One that may be there already is looked at before it is copied.
func (s *saver) saveTable(ctx context.Context, info fs.FileInfo, mayBeThere bool) (err error) {
	file := File{Name: info.Name(), Bytes: info.Size(), Modified: info.ModTime().UTC()}
	from := filepath.Join(s.dir, info.Name())
	if mayBeThere || s.o.Link {
		if _, file.SHA256, err = hashFile(ctx, from, s.meter.Add); err != nil {
			return err
		}
		if st, err := os.Stat(s.f.file(file.SHA256)); err == nil && st.Size() == file.Bytes {
			s.result.KeptFiles++
			s.m.Files = append(s.m.Files, file)
			return nil
		}
	}
	// Only tables are never changed.
	linked := s.o.Link && strings.HasSuffix(file.Name, tableSuffix) && os.Link(from, s.f.file(file.SHA256)) == nil
	if !linked {
		src, err := os.Open(from)
		if err != nil {
			return ioError(err)
		}
		defer src.Close()
		incoming := filepath.Join(s.f.files(), "incoming"+tempSuffix)
		if file.Bytes, file.SHA256, err = copyFile(ctx, incoming, src, s.meter.Add); err != nil {
			return err
		}
		s.o.step()
		if err := os.Rename(incoming, s.f.file(file.SHA256)); err != nil {
			return ioError(err)
		}
		s.result.AddedBytes += file.Bytes
	}
	s.o.step()
	s.result.AddedFiles++
	s.m.Files = append(s.m.Files, file)
	return nil
}

// finish writes the manifest.
func (s *saver) finish() error {
	b, err := s.m.encode()
	if err != nil {
		return err
	}
	path := s.f.manifest(s.m.ID)
	if _, err := DecodeManifest(path, b); err != nil {
		return fmt.Errorf("backup: the manifest is not what it should be: %w", err)
	}
	if err := syncDir(s.f.logs()); err != nil {
		return err
	}
	if err := writeFile(path, b); err != nil {
		return err
	}
	s.o.step()
	return syncDir(s.f.backups())
}
