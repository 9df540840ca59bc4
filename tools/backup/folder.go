package backup

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
)

// folder is a backup folder: see the package's comment for what lies where.
type folder struct {
	path string
	lock io.Closer // nil if it was opened for reading
}

const (
	lockName       = "LOCK"
	manifestSuffix = ".json"
)

func (f *folder) backups() string          { return filepath.Join(f.path, "backups") }
func (f *folder) files() string            { return filepath.Join(f.path, "files") }
func (f *folder) file(sum string) string   { return filepath.Join(f.path, "files", sum) }
func (f *folder) logs() string             { return filepath.Join(f.path, "log") }
func (f *folder) log(series string) string { return filepath.Join(f.path, "log", series) }
func (f *folder) manifest(id string) string {
	return filepath.Join(f.path, "backups", id+manifestSuffix)
}
func (f *folder) chunk(series string, c *Chunk) string {
	return filepath.Join(f.log(series), c.name())
}

// openFolder opens a folder that exists for reading.
func openFolder(path string) (*folder, error) {
	f := &folder{path: path}
	st, err := os.Stat(f.backups())
	if errors.Is(err, fs.ErrNotExist) || err == nil && !st.IsDir() {
		return nil, fmt.Errorf("%w in %s: it is not a backup folder", ErrNoBackup, path)
	}
	if errors.Is(err, syscall.ENOTDIR) {
		return nil, fmt.Errorf("%w folder: %s is a file", ErrNoBackup, path)
	}
	if err != nil {
		return nil, ioError(err)
	}
	return f, nil
}

// lockFolder opens a folder for changing it. One that does not exist, or is empty, is made.
func lockFolder(path string) (*folder, error) {
	f := &folder{path: path}
	if _, err := openFolder(path); errors.Is(err, ErrNoBackup) {
		names, err := list(path)
		if errors.Is(err, syscall.ENOTDIR) {
			return nil, fmt.Errorf("%s is a file: give a folder, an empty or a new one", path)
		}
		if err != nil {
			return nil, err
		}
		names = slices.DeleteFunc(names, func(n string) bool {
			return slices.Contains([]string{lockName, "backups", "files", "log", "lost+found"}, n)
		})
		if len(names) > 0 {
			return nil, fmt.Errorf("%s is no backup folder and not empty, it holds %s: give an empty or a new one", path, names[0])
		}
	} else if err != nil {
		return nil, err
	}
	for _, d := range []string{f.backups(), f.files(), f.logs()} {
		if err := makeDir(d); err != nil {
			return nil, err
		}
	}
	if err := f.takeLock(); err != nil {
		return nil, err
	}
	return f, nil
}

// takeLock keeps other commands off.
func (f *folder) takeLock() (err error) {
	path := filepath.Join(f.path, lockName)
	if f.lock, err = vfs.Default.Lock(path); err != nil {
		return fmt.Errorf("%w: cannot lock %s (%w): wait until the other command is done", ErrLocked, path, err)
	}
	return nil
}

func (f *folder) close() error {
	if f.lock == nil {
		return nil
	}
	return f.lock.Close()
}

// manifests returns the backups that can be read, oldest first, and an error for each that cannot.
func (f *folder) manifests() (ms []*Manifest, bad []error, err error) {
	names, err := list(f.backups())
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		id, ok := strings.CutSuffix(name, manifestSuffix)
		if !ok {
			continue
		}
		path := filepath.Join(f.backups(), name)
		b, err := os.ReadFile(path)
		if err != nil {
			bad = append(bad, badManifest{id, ioError(err)})
			continue
		}
		m, err := DecodeManifest(path, b)
		if err == nil && m.ID != id {
			err = damaged(path, "it is the manifest of %s", m.ID)
		}
		if err != nil {
			bad = append(bad, badManifest{id, err})
			continue
		}
		ms = append(ms, m)
	}
	slices.SortFunc(ms, func(a, b *Manifest) int { return cmp.Compare(a.ID, b.ID) })
	return ms, bad, nil
}

// chain returns the chunks of a series in their order, as their names describe them; what the manifests of
// the series say is filled in.
func (f *folder) chain(series string, ms []*Manifest) ([]Chunk, error) {
	names, err := list(f.log(series))
	if err != nil {
		return nil, err
	}
	known := map[string]Chunk{}
	for _, m := range ms {
		if m.Series == series {
			for _, c := range m.Log {
				known[c.name()] = c
			}
		}
	}
	var chain []Chunk
	for _, name := range names {
		c, ok := parseChunkName(name)
		if !ok {
			continue
		}
		if k, ok := known[name]; ok {
			c = k
		}
		chain = append(chain, c)
	}
	slices.SortFunc(chain, func(a, b Chunk) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	return chain, nil
}

// readChunk reads a chunk, checks it, and shows its records.
func (f *folder) readChunk(series string, c *Chunk, visit func(proto.Zxid, []byte) error) (Chunk, error) {
	path := f.chunk(series, c)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return *c, damaged(path, "it is missing")
	}
	if err != nil {
		return *c, ioError(err)
	}
	return DecodeChunk(path, *c, b, visit)
}

// missingLog is the error about a part of the log that no chunk holds.
func (f *folder) missingLog(series string, from, to proto.Zxid) error {
	return damaged(f.log(series), "the log is missing from zxid %s to %s", from, to)
}

// between picks the chunks of a chain that hold the records after from, up to to, and sees to it that there
// is no gap.
func (f *folder) between(series string, chain []Chunk, from, to proto.Zxid) ([]Chunk, error) {
	var picked []Chunk
	at := from
	for _, c := range chain {
		if c.To <= at || at >= to {
			continue
		}
		if c.From > at {
			return nil, f.missingLog(series, at, c.From)
		}
		picked = append(picked, c)
		at = c.To
	}
	if at < to {
		return nil, f.missingLog(series, at, to)
	}
	return picked, nil
}

// clean removes what an interrupted command left: files that are being written, and those that no manifest
// names. It leaves everything as it is while a manifest cannot be read, as that may name them.
func (f *folder) clean(ms []*Manifest, bad []error) (removed int, err error) {
	for _, dir := range []string{f.backups(), f.files()} {
		n, err := removeIf(dir, func(name string) bool { return strings.HasSuffix(name, tempSuffix) })
		if removed += n; err != nil {
			return removed, err
		}
	}
	if len(bad) > 0 {
		return removed, nil
	}
	used := usedFiles(ms)
	n, err := removeIf(f.files(), func(name string) bool { return isSum(name) && !used[name] })
	if removed += n; err != nil {
		return removed, err
	}
	series, err := list(f.logs())
	if err != nil {
		return removed, err
	}
	for _, s := range series {
		n, err := f.cleanLog(s, ms)
		if removed += n; err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// usedFiles are the names of the files that backups have.
func usedFiles(ms []*Manifest) map[string]bool {
	used := map[string]bool{}
	for _, m := range ms {
		for _, file := range m.Files {
			used[file.SHA256] = true
		}
	}
	return used
}

// cleanLog removes the chunks of a series that are not between its oldest backup and its newest.
func (f *folder) cleanLog(series string, ms []*Manifest) (removed int, err error) {
	var from, to proto.Zxid
	found := false
	for _, m := range ms {
		if m.Series != series {
			continue
		}
		if !found {
			from, to, found = m.replayAfter(), m.Last, true
		}
		from, to = min(from, m.replayAfter()), max(to, m.Last)
	}
	removed, err = removeIf(f.log(series), func(name string) bool {
		c, ok := parseChunkName(name)
		return strings.HasSuffix(name, tempSuffix) || ok && (!found || c.To <= from || c.To > to)
	})
	if err != nil || found {
		return removed, err
	}
	if names, err := list(f.log(series)); err != nil || len(names) > 0 {
		return removed, err
	}
	if err := remove(f.log(series)); err != nil {
		return removed, err
	}
	return removed, syncDir(f.logs())
}

// removeIf removes files of a directory, durably.
func removeIf(dir string, which func(name string) bool) (removed int, err error) {
	names, err := list(dir)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		if which(name) {
			if err := remove(filepath.Join(dir, name)); err != nil {
				return removed, err
			}
			removed++
		}
	}
	if removed == 0 {
		return 0, nil
	}
	return removed, syncDir(dir)
}
