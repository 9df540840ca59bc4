package inspect

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/snapshot"
	"gamekeeper/wal"
)

// findBelow returns dir, or the one directory in it, that holds something.
func findBelow(dir, what string, holds func(dir string) bool) (string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return "", fmt.Errorf("%s is not a directory: give the data directory of a server, or a %s", dir, what)
	}
	if holds(dir) {
		return dir, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var found []string
	for _, e := range entries {
		sub := filepath.Join(dir, e.Name())
		if info, err := os.Stat(sub); err == nil && info.IsDir() && holds(sub) {
			found = append(found, sub)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%s holds no %s, nor does a directory in it", dir, what)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%s holds more than one %s: give one of %s", dir, what, strings.Join(found, ", "))
}

// holdsFile says whether a file whose name has a prefix and a suffix is in dir.
func holdsFile(dir, prefix, suffix string) bool {
	d, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(256)
		for _, n := range names {
			if strings.HasPrefix(n, prefix) && strings.HasSuffix(n, suffix) {
				return true
			}
		}
		if err != nil {
			return false
		}
	}
}

// openLog looks at the log in dir, a data directory or the folder of its log.
func openLog(dir string) (*wal.Inspection, error) {
	dir, err := findBelow(dir, "log", func(d string) bool { return holdsFile(d, "gk-", ".wal") })
	if err != nil {
		return nil, err
	}
	return wal.Inspect(wal.InspectOptions{Dir: dir})
}

// findStore finds the store in dir, a data directory or a copy of the store.
func findStore(dir string) (string, error) {
	return findBelow(dir, "snapshot", func(d string) bool { return holdsFile(d, "MANIFEST-", "") })
}

// findBackup says whether what the user gave is a backup folder or file, and which backup of it: FOLDER@ID names
// one, else it is the newest.
func findBackup(given string) (from, id string, ok bool) {
	from = given
	info, err := os.Stat(from)
	if errors.Is(err, fs.ErrNotExist) {
		if i := strings.LastIndexByte(given, '@'); i > 0 {
			from, id = given[:i], given[i+1:]
			info, err = os.Stat(from)
		}
	}
	if err != nil {
		return given, "", false
	}
	if info.Mode().IsRegular() {
		return from, id, true
	}
	for _, name := range []string{"backups", "files"} { // a data directory may have the first one, of its user
		if info, err := os.Stat(filepath.Join(from, name)); err != nil || !info.IsDir() {
			return from, id, false
		}
	}
	return from, id, true
}

// openStore opens the store in dir for reading.
func openStore(dir string) (*snapshot.Store, error) {
	dir, err := findStore(dir)
	if err != nil {
		return nil, err
	}
	s, err := snapshot.Open(snapshot.Options{FS: readFS{vfs.Default}, Dir: dir, ReadOnly: true})
	if errors.Is(err, errRunning) {
		return nil, fmt.Errorf("%s is in use: %w", dir, errRunning)
	}
	if err != nil {
		return nil, err
	}
	if _, ok := s.Mark(); !ok {
		return nil, errors.Join(fmt.Errorf("%w in %s: the server has not completed one yet", snapshot.ErrEmpty, dir), s.Close())
	}
	return s, nil
}

// readFS makes opening a store change nothing, not even its lock file.
type readFS struct{ vfs.FS }

// errRunning says that a server has the store open.
var errRunning = errors.New("a server has it open: take a backup with `gamekeeper backup save` and look into that, " +
	"or stop the server; `gamekeeper log` works while it runs")

// Lock takes a lock if there is a file for it. Where there is none, or where nothing can be written, nobody
// writes.
func (f readFS) Lock(name string) (io.Closer, error) {
	if _, err := f.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return noLock{}, nil
	}
	c, err := f.FS.Lock(name)
	var open *fs.PathError
	switch {
	case err == nil:
		return c, nil
	case errors.Is(err, syscall.EROFS):
		return noLock{}, nil
	case errors.As(err, &open):
		return nil, err // the file could not be opened
	}
	return nil, errRunning
}

type noLock struct{}

func (noLock) Close() error { return nil }
