package waltest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"sync"
	"syscall"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	sectorBytes = 512
	blockBytes  = 4096 // unit of allocation
)

// ErrCrashed is what every operation on a crashed disk returns.
var ErrCrashed = errors.New("the disk has crashed")

// Op is one modifying operation as a fault function sees it.
type Op struct {
	Kind   string // create, write, sync, syncdir, rename, remove, link, mkdir, allocate
	Path   string
	Offset int64
	Bytes  int
}

func (o Op) String() string {
	if o.Kind == "write" || o.Kind == "allocate" {
		return fmt.Sprintf("%s %s [%d,%d)", o.Kind, o.Path, o.Offset, o.Offset+int64(o.Bytes))
	}
	return o.Kind + " " + o.Path
}

// Disk is a vfs.FS. Make one with New.
type Disk struct {
	vfs.FS // nil: what is not implemented panics

	mu      sync.Mutex
	root    *node
	locked  map[string]bool
	free    int64 // bytes that can still be allocated
	fault   func(Op) error
	ops     int
	crashAt int // 0: never
	crashed bool
	copyAt  int // 0: never
	copied  *Disk
}

// node is a file or a directory.
type node struct {
	// of a file
	data    []byte
	durable []byte
	dirty   map[int64]bool // sectors of data that a sync has yet to write
	blocks  map[int64]bool // allocated

	// of a directory
	children map[string]*node // nil for a file
	synced   map[string]*node
	pending  []change
}

// change is one modification of a directory: a name removed, a name set, or both.
type change struct {
	removed string
	set     string
	node    *node
}

func (c change) apply(m map[string]*node) {
	if c.removed != "" {
		delete(m, c.removed)
	}
	if c.set != "" {
		m[c.set] = c.node
	}
}

func newDirectory() *node {
	return &node{children: map[string]*node{}, synced: map[string]*node{}}
}

// New returns an empty disk without a limit of space.
func New() *Disk {
	return &Disk{root: newDirectory(), locked: map[string]bool{}, free: 1 << 60}
}

// Fault sets a function that is asked before each modifying operation and makes it fail with what it
// returns. It must not call the disk.
func (d *Disk) Fault(f func(Op) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = f
}

// SetFree sets how many more bytes can be allocated.
func (d *Disk) SetFree(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free = n
}

// CrashAt makes the disk crash in the k-th modifying operation from now, counted from 1. That operation
// reaches the cache, if it is not a sync, and fails.
func (d *Disk) CrashAt(k int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ops, d.crashAt = 0, k
}

// CopyAt makes the disk keep a copy of itself as it is before the k-th modifying operation from now, counted from
// 1, and go on. It is for programs that do not survive a crash, to be given one all the same.
func (d *Disk) CopyAt(k int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ops, d.copyAt, d.copied = 0, k, nil
}

// Copied returns the copy, nil if the operation of CopyAt was not reached.
func (d *Disk) Copied() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.copied
}

// Crashed tells whether the operation of CrashAt was reached.
func (d *Disk) Crashed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.crashed
}

// Corrupt inverts one bit of a file, in the cache and on the disk.
func (d *Disk) Corrupt(name string, offset int64, bit uint) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(name)
	if err != nil {
		panic(err)
	}
	n.data[offset] ^= 1 << bit
	if offset < int64(len(n.durable)) {
		n.durable[offset] ^= 1 << bit
	}
}

// Restart returns the disk as another process finds it: the cache is kept, locks are gone.
func (d *Disk) Restart() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.clone((*node).copy)
}

// copy returns a node like n, with the same children.
func (n *node) copy() *node {
	c := *n
	c.data, c.durable = slices.Clone(n.data), slices.Clone(n.durable)
	c.dirty, c.blocks = maps.Clone(n.dirty), maps.Clone(n.blocks)
	c.children, c.synced = maps.Clone(n.children), maps.Clone(n.synced)
	c.pending = slices.Clone(n.pending)
	return &c
}

// Crash returns the disk as it may be after a power cut at this moment, drawn from rng.
func (d *Disk) Crash(rng *rand.Rand) *Disk {
	percent := []int{0, 10, 50, 90, 100}[rng.IntN(5)]
	keep := func() bool { return rng.IntN(100) < percent }
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.clone(func(n *node) *node {
		if n.children != nil {
			names := maps.Clone(n.synced)
			for _, c := range n.pending {
				if keep() {
					c.apply(names)
				}
			}
			return &node{children: names, synced: maps.Clone(names)}
		}
		data := slices.Clone(n.durable)
		if len(n.data) > len(data) && keep() {
			data = append(data, make([]byte, len(n.data)-len(data))...)
		}
		for _, s := range slices.Sorted(maps.Keys(n.dirty)) {
			if at := s * sectorBytes; keep() && at < int64(len(data)) {
				copy(data[at:min(at+sectorBytes, int64(len(data)))], n.data[at:])
			}
		}
		return &node{data: data, durable: slices.Clone(data), blocks: maps.Clone(n.blocks)}
	})
}

// clone copies the tree, each node once and in a fixed order. mu is held.
func (d *Disk) clone(copyNode func(*node) *node) *Disk {
	done := map[*node]*node{}
	var visit func(n *node) *node
	visit = func(n *node) *node {
		if c := done[n]; c != nil {
			return c
		}
		c := copyNode(n)
		done[n] = c
		for _, m := range []map[string]*node{c.children, c.synced} {
			for _, name := range slices.Sorted(maps.Keys(m)) {
				m[name] = visit(m[name])
			}
		}
		for i := range c.pending {
			if c.pending[i].node != nil {
				c.pending[i].node = visit(c.pending[i].node)
			}
		}
		return c
	}
	return &Disk{root: visit(d.root), locked: map[string]bool{}, free: d.free}
}

// begin counts and judges one operation. crash says that it is the one in which the disk crashes.
func (d *Disk) begin(op Op) (crash bool, err error) {
	if d.crashed {
		return false, ErrCrashed
	}
	d.ops++
	if d.ops == d.copyAt {
		d.copied = d.clone((*node).copy)
	}
	if d.ops == d.crashAt {
		d.crashed = true
		return true, nil
	}
	if d.fault != nil {
		return false, d.fault(op)
	}
	return false, nil
}

// end turns the outcome of begin into that of the operation.
func end(crash bool) error {
	if crash {
		return ErrCrashed
	}
	return nil
}

// find returns the node of a path.
func (d *Disk) find(name string) (*node, error) {
	n := d.root
	for _, part := range split(name) {
		if n.children == nil || n.children[part] == nil {
			return nil, &os.PathError{Op: "open", Path: name, Err: oserror.ErrNotExist}
		}
		n = n.children[part]
	}
	return n, nil
}

// parent returns the directory of a path, and the last element.
func (d *Disk) parent(name string) (*node, string, error) {
	n, err := d.find(path.Dir(path.Join("/", name)))
	if err == nil && n.children == nil {
		err = &os.PathError{Op: "open", Path: name, Err: syscall.ENOTDIR}
	}
	return n, path.Base(name), err
}

func split(name string) []string {
	var parts []string
	for dir := path.Join("/", name); dir != "/"; dir = path.Dir(dir) {
		parts = append(parts, path.Base(dir))
	}
	slices.Reverse(parts)
	return parts
}

// allocate takes the blocks for [from, to) of a file, and returns how far the space reached.
func (d *Disk) allocate(n *node, from, to int64) int64 {
	if n.blocks == nil {
		n.blocks = map[int64]bool{}
	}
	for b := from / blockBytes; b*blockBytes < to; b++ {
		if n.blocks[b] {
			continue
		}
		if d.free < blockBytes {
			return max(from, b*blockBytes)
		}
		d.free -= blockBytes
		n.blocks[b] = true
	}
	return to
}

func (n *node) change(c change) {
	c.apply(n.children)
	n.pending = append(n.pending, c)
}
