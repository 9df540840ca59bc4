package wal

import (
	"sync"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// directory is the open directory of a log.
type directory struct {
	fs   vfs.FS
	path string
	mu   sync.Mutex // one sync at a time: vfs.File asks for it
	file vfs.File
}

// MakeDirectory makes the directory of a log and what is missing above it, durably. Open does that as well; this is for
// who must have it before something else.
func MakeDirectory(fs vfs.FS, path string) error {
	d, err := makeDirectory(fs, path)
	if err != nil {
		return err
	}
	if err := d.close(); err != nil {
		return ioError("close directory", path, err)
	}
	return nil
}

// makeDirectory opens a directory; what is missing of its path is made, durably.
func makeDirectory(fs vfs.FS, path string) (*directory, error) {
	var missing []string
	for p := path; ; {
		if _, err := fs.Stat(p); err == nil || !oserror.IsNotExist(err) {
			break // an error that matters comes back from MkdirAll
		}
		missing = append(missing, p)
		parent := fs.PathDir(p)
		if parent == p {
			break
		}
		p = parent
	}
	if len(missing) > 0 {
		if err := fs.MkdirAll(path, 0o755); err != nil {
			return nil, ioError("make directory", path, err)
		}
	}
	for _, p := range missing {
		if err := syncDirectory(fs, fs.PathDir(p)); err != nil {
			return nil, err
		}
	}
	f, err := fs.OpenDir(path)
	if err != nil {
		return nil, ioError("open directory", path, err)
	}
	return &directory{fs: fs, path: path, file: f}, nil
}

func syncDirectory(fs vfs.FS, path string) error {
	d, err := fs.OpenDir(path)
	if err != nil {
		return ioError("open directory", path, err)
	}
	if err := d.Sync(); err != nil {
		_ = d.Close()
		return syncError(path, err)
	}
	if err := d.Close(); err != nil {
		return ioError("close directory", path, err)
	}
	return nil
}

func (d *directory) join(name string) string { return d.fs.PathJoin(d.path, name) }

// sync makes names made, changed and removed in the directory durable.
func (d *directory) sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.file.Sync(); err != nil {
		return syncError(d.path, err)
	}
	return nil
}

func (d *directory) close() error { return d.file.Close() }
