package waltest

import (
	"io"
	"maps"
	"os"
	"path"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// file is an open file or directory of a Disk.
type file struct {
	disk   *Disk
	node   *node
	path   string
	write  bool
	closed bool
	pos    int64
}

func (f *file) Close() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.closed {
		return os.ErrClosed
	}
	f.closed = true
	return nil
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.closed {
		return 0, os.ErrClosed
	}
	if off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.pos)
	f.pos += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *file) Write(p []byte) (int, error) {
	n, err := f.WriteAt(p, f.pos)
	f.pos += int64(n)
	return n, err
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	d, n := f.disk, f.node
	d.mu.Lock()
	defer d.mu.Unlock()
	if f.closed || !f.write {
		return 0, os.ErrClosed
	}
	crash, err := d.begin(Op{Kind: "write", Path: f.path, Offset: off, Bytes: len(p)})
	if err != nil {
		return 0, err
	}
	if reached := d.allocate(n, off, off+int64(len(p))); reached < off+int64(len(p)) {
		p = p[:reached-off]
		err = syscall.ENOSPC
	}
	if grow := off + int64(len(p)) - int64(len(n.data)); grow > 0 {
		n.data = append(n.data, make([]byte, grow)...)
	}
	copy(n.data[off:], p)
	if n.dirty == nil {
		n.dirty = map[int64]bool{}
	}
	for s := off / sectorBytes; s*sectorBytes < off+int64(len(p)); s++ {
		n.dirty[s] = true
	}
	if err == nil {
		err = end(crash)
	}
	return len(p), err
}

func (f *file) Preallocate(off, length int64) error {
	d, n := f.disk, f.node
	d.mu.Lock()
	defer d.mu.Unlock()
	crash, err := d.begin(Op{Kind: "allocate", Path: f.path, Offset: off, Bytes: int(length)})
	if err != nil {
		return err
	}
	if d.allocate(n, off, off+length) < off+length {
		return syscall.ENOSPC
	}
	return end(crash)
}

func (f *file) Sync() error {
	d, n := f.disk, f.node
	d.mu.Lock()
	defer d.mu.Unlock()
	if f.closed {
		return os.ErrClosed
	}
	op := Op{Kind: "sync", Path: f.path}
	if n.children != nil {
		op.Kind = "syncdir"
	}
	crash, err := d.begin(op)
	if crash {
		return ErrCrashed
	}
	if err != nil {
		if err != ErrCrashed {
			clear(n.dirty) // readable, not on the disk, and not to be written again
		}
		return err
	}
	if n.children != nil {
		n.synced = maps.Clone(n.children)
		n.pending = nil
		return nil
	}
	if grow := len(n.data) - len(n.durable); grow > 0 {
		n.durable = append(n.durable, make([]byte, grow)...)
	}
	for s := range n.dirty {
		at := s * sectorBytes
		copy(n.durable[at:], n.data[at:min(at+sectorBytes, int64(len(n.data)))])
	}
	clear(n.dirty)
	return nil
}

func (f *file) SyncData() error             { return f.Sync() }
func (f *file) SyncTo(int64) (bool, error)  { return false, nil }
func (f *file) Prefetch(int64, int64) error { return nil }
func (f *file) Fd() uintptr                 { return vfs.InvalidFd }

func (f *file) Stat() (vfs.FileInfo, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return info{name: path.Base(f.path), size: int64(len(f.node.data)), dir: f.node.children != nil}, nil
}

type info struct {
	name string
	size int64
	dir  bool
}

func (i info) Name() string           { return i.name }
func (i info) Size() int64            { return i.size }
func (i info) Mode() os.FileMode      { return 0o644 }
func (i info) ModTime() time.Time     { return time.Time{} }
func (i info) IsDir() bool            { return i.dir }
func (i info) Sys() any               { return nil }
func (i info) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }
