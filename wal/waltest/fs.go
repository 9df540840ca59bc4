package waltest

import (
	"io"
	"os"
	"path"
	"slices"
	"syscall"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// OpenReadWrite implements vfs.FS.
func (d *Disk) OpenReadWrite(name string, _ vfs.DiskWriteCategory, _ ...vfs.OpenOption) (vfs.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.crashed {
		return nil, ErrCrashed
	}
	if n, err := d.find(name); err == nil {
		return &file{disk: d, node: n, path: name, write: true}, nil
	}
	dir, base, err := d.parent(name)
	if err != nil {
		return nil, err
	}
	crash, err := d.begin(Op{Kind: "create", Path: name})
	if err != nil {
		return nil, err
	}
	n := &node{}
	dir.change(change{set: base, node: n})
	return &file{disk: d, node: n, path: name, write: true}, end(crash)
}

// Create implements vfs.FS.
func (d *Disk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := d.Remove(name); err != nil && !oserror.IsNotExist(err) {
		return nil, err
	}
	return d.OpenReadWrite(name, c)
}

// Open implements vfs.FS.
func (d *Disk) Open(name string, _ ...vfs.OpenOption) (vfs.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.crashed {
		return nil, ErrCrashed
	}
	n, err := d.find(name)
	if err != nil {
		return nil, err
	}
	return &file{disk: d, node: n, path: name}, nil
}

// OpenDir implements vfs.FS.
func (d *Disk) OpenDir(name string) (vfs.File, error) { return d.Open(name) }

// Remove implements vfs.FS.
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(name)
	if err != nil {
		return err
	}
	dir, base, err := d.parent(name)
	if err != nil {
		return err
	}
	crash, err := d.begin(Op{Kind: "remove", Path: name})
	if err != nil {
		return err
	}
	dir.change(change{removed: base})
	d.free += int64(len(n.blocks)) * blockBytes
	n.blocks = nil
	return end(crash)
}

// RemoveAll implements vfs.FS: one operation for each file and directory, the innermost first.
func (d *Disk) RemoveAll(name string) error {
	names, err := d.List(name)
	if oserror.IsNotExist(err) {
		return nil
	}
	for _, child := range names {
		if err == nil {
			err = d.RemoveAll(path.Join(name, child))
		}
	}
	if err == nil {
		err = d.Remove(name)
	}
	return err
}

// Link implements vfs.FS.
func (d *Disk) Link(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(from)
	if err != nil {
		return err
	}
	dir, base, err := d.parent(to)
	if err != nil {
		return err
	}
	if dir.children[base] != nil {
		return &os.LinkError{Op: "link", Old: from, New: to, Err: os.ErrExist}
	}
	crash, err := d.begin(Op{Kind: "link", Path: from + " -> " + to})
	if err != nil {
		return err
	}
	dir.change(change{set: base, node: n})
	return end(crash)
}

// ReuseForWrite implements vfs.FS: it makes a new file.
func (d *Disk) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := d.Remove(from); err != nil {
		return nil, err
	}
	return d.Create(to, c)
}

// Rename implements vfs.FS, within one directory. A directory takes the place of no other.
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(from)
	if err != nil {
		return err
	}
	dir, base, err := d.parent(from)
	if err != nil {
		return err
	}
	if old, err := d.find(to); err == nil && len(old.children) > 0 {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: syscall.ENOTEMPTY}
	}
	crash, err := d.begin(Op{Kind: "rename", Path: from + " -> " + to})
	if err != nil {
		return err
	}
	dir.change(change{removed: base, set: path.Base(to), node: n})
	return end(crash)
}

// MkdirAll implements vfs.FS.
func (d *Disk) MkdirAll(name string, _ os.FileMode) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.root
	at := "/"
	for _, part := range split(name) {
		at = path.Join(at, part)
		next := n.children[part]
		if next == nil {
			crash, err := d.begin(Op{Kind: "mkdir", Path: at})
			if err != nil {
				return err
			}
			next = newDirectory()
			n.change(change{set: part, node: next})
			if crash {
				return ErrCrashed
			}
		}
		if next.children == nil {
			return &os.PathError{Op: "mkdir", Path: at, Err: syscall.ENOTDIR}
		}
		n = next
	}
	return nil
}

// Lock implements vfs.FS. The lock file has no node.
func (d *Disk) Lock(name string) (io.Closer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.locked[name] {
		return nil, syscall.EAGAIN
	}
	if _, _, err := d.parent(name); err != nil {
		return nil, err
	}
	d.locked[name] = true
	return closer(func() error {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.locked, name)
		return nil
	}), nil
}

type closer func() error

func (c closer) Close() error { return c() }

// List implements vfs.FS.
func (d *Disk) List(name string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(name)
	if err != nil {
		return nil, err
	}
	var names []string
	for child := range n.children {
		names = append(names, child)
	}
	slices.Sort(names)
	return names, nil
}

// Stat implements vfs.FS.
func (d *Disk) Stat(name string) (vfs.FileInfo, error) {
	f, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	return f.Stat()
}

// PathBase implements vfs.FS.
func (d *Disk) PathBase(name string) string { return path.Base(name) }

// PathJoin implements vfs.FS.
func (d *Disk) PathJoin(elem ...string) string { return path.Join(elem...) }

// PathDir implements vfs.FS.
func (d *Disk) PathDir(name string) string { return path.Dir(name) }

// Unwrap implements vfs.FS.
func (d *Disk) Unwrap() vfs.FS { return nil }

// GetDiskUsage says that it cannot tell, which callers must live with.
func (d *Disk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{}, vfs.ErrUnsupported
}
