package watch

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"gamekeeper/proto"
)

const (
	shards      = 64      // of each kind; a power of two
	filterSlots = 1 << 17 // a power of two; 4 bytes each
)

// Registry holds the watches of all connections. The zero value is not usable; see New. The package
// comment says which goroutine may call what.
type Registry[W comparable] struct {
	seed maphash.Seed

	// What Changed looks at before it takes any lock.
	paths     atomic.Int64              // watched paths
	recursive atomic.Int64              // recursive entries
	filter    [filterSlots]atomic.Int32 // watched paths by hash

	dataConns atomic.Int64 // connections with entries in the data table

	byPath [shards]pathShard[W]
	byConn [shards]connShard[W]

	// Of Changed.
	change   uint64     // number of the current change
	first    []*conn[W] // scratch: whom the data table notifies
	children []*conn[W] // scratch: whom the child table notifies
}

// pathShard holds the paths of some hashes. Lock order: conn shard, then path shard.
type pathShard[W comparable] struct {
	mu    sync.Mutex
	nodes map[string]*node[W]

	dataPaths                 int // nodes with entries in the data table
	dataEntries, childEntries int
	_                         [128 - 40]byte // a shard to itself on its cache lines
}

type connShard[W comparable] struct {
	mu    sync.Mutex
	conns map[W]*conn[W]
	_     [128 - 16]byte
}

// New returns a Registry without watches.
func New[W comparable]() *Registry[W] {
	r := &Registry[W]{seed: maphash.MakeSeed()}
	for i := range shards {
		r.byPath[i].nodes = make(map[string]*node[W])
		r.byConn[i].conns = make(map[W]*conn[W])
	}
	return r
}

// AddData registers the standard watch of getData and exists: the next creation, change or deletion of
// path. path is copied when it is new.
func (r *Registry[W]) AddData(path []byte, w W) { r.add(path, w, dataStandard) }

// AddChild registers the standard watch of getChildren: the next change of the children of path, or its
// deletion.
func (r *Registry[W]) AddChild(path []byte, w W) { r.add(path, w, childStandard) }

// AddPersistent registers w for every event of path.
func (r *Registry[W]) AddPersistent(path []byte, w W) { r.add(path, w, dataPersistent|childPersistent) }

// AddRecursive registers w for every creation, change and deletion of path and its descendants.
func (r *Registry[W]) AddRecursive(path []byte, w W) { r.add(path, w, dataRecursive) }

func (r *Registry[W]) add(path []byte, w W, add modes) {
	cs := r.connShard(w)
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.conns[w]
	if c == nil {
		c = &conn[W]{w: w}
		cs.conns[w] = c
	}
	h := maphash.Bytes(r.seed, path)
	ps := r.pathShard(h)
	ps.mu.Lock()
	n := ps.nodes[string(path)]
	if n == nil {
		n = newNode[W](path)
		ps.nodes[n.path] = n
		r.paths.Add(1)
		r.slot(h).Add(1)
	}
	e := n.find(c)
	isNew := e == nil
	if isNew {
		e = n.append(c)
		e.at = int32(len(c.paths))
	}
	r.setModes(ps, n, e, e.modes|add)
	ps.mu.Unlock()
	if isNew {
		c.paths = append(c.paths, n)
		r.sweep(c)
	}
}

// Has is checkWatches: whether w watches exactly path in a way that t means.
func (r *Registry[W]) Has(path []byte, t proto.WatcherType, w W) (has bool) {
	r.find(path, w, func(_ *pathShard[W], _ *node[W], e *entry[W]) { has = e.modes&sought(t) != 0 })
	return has
}

// Remove is removeWatches: it takes from w what t means at exactly path, and says whether there was any.
func (r *Registry[W]) Remove(path []byte, t proto.WatcherType, w W) (was bool) {
	r.find(path, w, func(ps *pathShard[W], n *node[W], e *entry[W]) {
		if was = e.modes&removed(t) != 0; was {
			r.take(ps, n, e, removed(t))
		}
	})
	return was
}

// find calls f with the entry of w at exactly path, if there is one, holding the lock of the path's shard.
func (r *Registry[W]) find(path []byte, w W, f func(*pathShard[W], *node[W], *entry[W])) {
	c := r.conn(w)
	if c == nil {
		return
	}
	ps := r.pathShard(maphash.Bytes(r.seed, path))
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if n := ps.nodes[string(path)]; n != nil {
		if e := n.find(c); e != nil {
			f(ps, n, e)
		}
	}
}

// RemoveAll takes away every watch of w, whose connection is gone.
func (r *Registry[W]) RemoveAll(w W) {
	cs := r.connShard(w)
	cs.mu.Lock()
	c := cs.conns[w]
	delete(cs.conns, w)
	cs.mu.Unlock()
	if c == nil {
		return
	}
	for _, n := range c.paths {
		ps := r.shardOf(n)
		ps.mu.Lock()
		if e := n.find(c); e != nil {
			r.take(ps, n, e, dataTable|childTable)
		}
		ps.mu.Unlock()
	}
}

// take removes modes from an entry, and what is then empty.
func (r *Registry[W]) take(ps *pathShard[W], n *node[W], e *entry[W], less modes) {
	r.setModes(ps, n, e, e.modes&^less)
	if e.modes != 0 {
		return
	}
	n.forget(e)
	if n.live == 0 {
		r.drop(ps, n)
		return
	}
	n.compact()
}

// setModes changes the modes of an entry and everything that is counted.
func (r *Registry[W]) setModes(ps *pathShard[W], n *node[W], e *entry[W], now modes) {
	was := e.modes
	e.modes = now
	if d := step(was, now, dataTable|childTable); d != 0 {
		n.live += d
		e.c.entries.Add(d)
	}
	if d := step(was, now, childTable); d != 0 {
		n.child += d
		ps.childEntries += int(d)
	}
	if d := step(was, now, dataRecursive); d != 0 {
		n.recursive += d
		r.recursive.Add(int64(d))
	}
	if d := step(was, now, dataTable); d != 0 {
		if n.data == 0 {
			ps.dataPaths++
		}
		n.data += d
		if n.data == 0 {
			ps.dataPaths--
		}
		ps.dataEntries += int(d)
		if left := e.c.data.Add(d); left == 0 && d < 0 || left == 1 && d > 0 {
			r.dataConns.Add(int64(d))
		}
	}
}

// step returns by how much a count of entries with a mode of mask changes: 1, 0 or -1.
func step(was, now, mask modes) int32 {
	switch {
	case was&mask == 0 && now&mask != 0:
		return 1
	case was&mask != 0 && now&mask == 0:
		return -1
	}
	return 0
}

// drop removes a node that has no watchers.
func (r *Registry[W]) drop(ps *pathShard[W], n *node[W]) {
	delete(ps.nodes, n.path)
	n.entries, n.index = nil, nil
	r.paths.Add(-1)
	r.slot(maphash.String(r.seed, n.path)).Add(-1)
}

// sweep drops from c.paths what c no longer watches, once that may be half of it. Entries die without
// telling c.paths, so that a change need not lock every connection that it notifies. The conn shard is
// locked.
func (r *Registry[W]) sweep(c *conn[W]) {
	if len(c.paths) <= 2*int(c.entries.Load())+16 {
		return
	}
	kept := c.paths[:0]
	for i, n := range c.paths {
		ps := r.shardOf(n)
		ps.mu.Lock()
		// A path that was watched, fired and is watched again stands here twice; the later one counts.
		if e := n.find(c); e != nil && e.at == int32(i) {
			e.at = int32(len(kept))
			kept = append(kept, n)
		}
		ps.mu.Unlock()
	}
	clear(c.paths[len(kept):])
	c.paths = kept
}

func (r *Registry[W]) conn(w W) *conn[W] {
	cs := r.connShard(w)
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.conns[w]
}

func (r *Registry[W]) connShard(w W) *connShard[W] {
	return &r.byConn[maphash.Comparable(r.seed, w)%shards]
}

func (r *Registry[W]) pathShard(hash uint64) *pathShard[W] { return &r.byPath[hash%shards] }

func (r *Registry[W]) shardOf(n *node[W]) *pathShard[W] {
	return r.pathShard(maphash.String(r.seed, n.path))
}

func (r *Registry[W]) slot(hash uint64) *atomic.Int32 { return &r.filter[hash/shards%filterSlots] }
