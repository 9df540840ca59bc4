package watch

import (
	"hash/maphash"

	"gamekeeper/proto"
)

// Changed tells the watchers of a change that a transaction made to the znode path: t is NodeCreated,
// NodeDataChanged or NodeDeleted. It calls emit once for every notification, in order, with the path of
// the event: path itself, or for NodeChildrenChanged its parent. The paths alias path. Standard watches
// that fire are gone before emit is called for them.
//
// One connection gets at most one notification per table; one that is told of a deletion by the data
// table is not told again by the child table of the same path.
//
// Changed belongs to one goroutine, and emit must not call it.
func (r *Registry[W]) Changed(t proto.EventType, path []byte, emit func(w W, t proto.EventType, path []byte)) {
	if r.paths.Load() == 0 {
		return
	}
	r.change++
	at := dataTable
	if t == proto.NodeDeleted {
		at |= childTable
	}
	r.fire(path, at)
	if r.recursive.Load() > 0 {
		r.fireAncestors(path)
	}
	r.emit(t, path, emit)
	if t == proto.NodeDataChanged || len(path) <= 1 {
		return
	}
	// To the parent this is another trigger: who was told of path is told of its children too.
	r.change++
	parent, _ := proto.SplitPath(path)
	r.fire(parent, childTable)
	r.emit(proto.NodeChildrenChanged, parent, emit)
}

// fire collects the watchers of exactly path in the tables at, and takes their standard watches.
func (r *Registry[W]) fire(path []byte, at modes) {
	h := maphash.Bytes(r.seed, path)
	if r.slot(h).Load() == 0 {
		return
	}
	ps := r.pathShard(h)
	ps.mu.Lock()
	defer ps.mu.Unlock()
	n := ps.nodes[string(path)]
	if n == nil || n.data == 0 && at&childTable == 0 || n.child == 0 && at&dataTable == 0 {
		return
	}
	died := false
	for i := range n.entries {
		e := &n.entries[i]
		fires := e.modes & at
		if fires&dataTable != 0 {
			e.c.seen = r.change
			r.first = append(r.first, e.c)
		}
		if fires&childTable != 0 {
			r.children = append(r.children, e.c)
		}
		if used := fires & (dataStandard | childStandard); used != 0 {
			r.setModes(ps, n, e, e.modes&^used)
			died = died || e.modes == 0
		}
	}
	switch {
	case n.live == 0:
		r.drop(ps, n)
	case died:
		n.bury()
	}
}

// fireAncestors collects the recursive watchers above path, nearest first, that are not notified yet.
func (r *Registry[W]) fireAncestors(path []byte) {
	for len(path) > 1 {
		path, _ = proto.SplitPath(path)
		h := maphash.Bytes(r.seed, path)
		if r.slot(h).Load() == 0 {
			continue
		}
		r.collectRecursive(r.pathShard(h), path)
	}
}

func (r *Registry[W]) collectRecursive(ps *pathShard[W], path []byte) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	n := ps.nodes[string(path)]
	if n == nil || n.recursive == 0 {
		return
	}
	for i := range n.entries {
		e := &n.entries[i]
		if e.modes&dataRecursive != 0 && e.c.seen != r.change {
			e.c.seen = r.change
			r.first = append(r.first, e.c)
		}
	}
}

// emit calls f for whom was collected, the data table first, and empties the scratch.
func (r *Registry[W]) emit(t proto.EventType, path []byte, f func(w W, t proto.EventType, path []byte)) {
	for _, c := range r.first {
		f(c.w, t, path)
	}
	for _, c := range r.children {
		if c.seen != r.change {
			f(c.w, t, path)
		}
	}
	// Scratch must not keep connections alive.
	clear(r.first)
	clear(r.children)
	r.first, r.children = r.first[:0], r.children[:0]
}
