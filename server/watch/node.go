package watch

import "sync/atomic"

// indexAbove is the number of watchers of a path above which they are found by a map and not by a scan.
const indexAbove = 16

// conn is a connection that has, or had, watches.
type conn[W comparable] struct {
	w     W
	paths []*node[W] // guarded by the conn shard; some may no longer be watched, see Registry.sweep
	seen  uint64     // number of the last change that notified it; Changed only

	entries atomic.Int32 // paths watched in either table
	data    atomic.Int32 // of these, in the data table
}

// node is a watched path. It is guarded by its path shard. It leaves the shard with its last watcher and
// is then not used again.
type node[W comparable] struct {
	path    string // fixed
	entries []entry[W]
	sole    [1]entry[W]        // what entries starts in: most paths have one watcher
	index   map[*conn[W]]int32 // into entries, once there are many; nil before

	live      int32 // entries with modes
	data      int32 // of these, in the data table
	child     int32 // of these, in the child table
	recursive int32 // of these, recursive
}

// entry is one watcher of a path. It is dead when it has no modes; dead entries keep the order of the
// others until there are enough of them to compact the list.
type entry[W comparable] struct {
	c     *conn[W]
	at    int32 // position in c.paths
	modes modes
}

func newNode[W comparable](path []byte) *node[W] {
	n := &node[W]{path: string(path)}
	n.entries = n.sole[:0]
	return n
}

// find returns the live entry of c, or nil.
func (n *node[W]) find(c *conn[W]) *entry[W] {
	if n.index != nil {
		if i, ok := n.index[c]; ok {
			return &n.entries[i]
		}
		return nil
	}
	for i := range n.entries {
		if e := &n.entries[i]; e.c == c {
			return e
		}
	}
	return nil
}

// append adds a dead entry for c and returns it. The caller gives it modes.
func (n *node[W]) append(c *conn[W]) *entry[W] {
	n.entries = append(n.entries, entry[W]{c: c})
	switch last := len(n.entries) - 1; {
	case n.index != nil:
		n.index[c] = int32(last)
	case last >= indexAbove:
		n.reindex()
	}
	return &n.entries[len(n.entries)-1]
}

// bury forgets the connections of all entries that have just died, and compacts the list when half of it
// is dead.
func (n *node[W]) bury() {
	for i := range n.entries {
		if e := &n.entries[i]; e.modes == 0 && e.c != nil {
			n.forget(e)
		}
	}
	n.compact()
}

// forget takes the connection out of a dead entry.
func (n *node[W]) forget(e *entry[W]) {
	if n.index != nil {
		delete(n.index, e.c)
	}
	e.c = nil
}

func (n *node[W]) compact() {
	if len(n.entries) <= 2*int(n.live)+2 {
		return
	}
	live := make([]entry[W], 0, n.live)
	for _, e := range n.entries {
		if e.modes != 0 {
			live = append(live, e)
		}
	}
	n.entries, n.index = live, nil
	if len(live) > indexAbove {
		n.reindex()
	}
}

func (n *node[W]) reindex() {
	n.index = make(map[*conn[W]]int32, len(n.entries))
	for i := range n.entries {
		if c := n.entries[i].c; c != nil {
			n.index[c] = int32(i)
		}
	}
}
