package watch

import (
	"iter"
	"slices"
)

// Watches returns the number of entries in both tables, as mntr reports watch_count. A persistent watch
// counts in each.
func (r *Registry[W]) Watches() int {
	n := 0
	for i := range r.byPath {
		ps := &r.byPath[i]
		ps.mu.Lock()
		n += ps.dataEntries + ps.childEntries
		ps.mu.Unlock()
	}
	return n
}

// DataWatches returns the number of entries in the data table. Like Paths, Connections, ByPath and
// ByConnection it leaves child watches out, as the four-letter words wchs, wchp and wchc do.
func (r *Registry[W]) DataWatches() int {
	n := 0
	for i := range r.byPath {
		ps := &r.byPath[i]
		ps.mu.Lock()
		n += ps.dataEntries
		ps.mu.Unlock()
	}
	return n
}

// Paths returns the number of paths in the data table.
func (r *Registry[W]) Paths() int {
	n := 0
	for i := range r.byPath {
		ps := &r.byPath[i]
		ps.mu.Lock()
		n += ps.dataPaths
		ps.mu.Unlock()
	}
	return n
}

// Connections returns the number of connections in the data table.
func (r *Registry[W]) Connections() int { return int(r.dataConns.Load()) }

// ByPath yields every path of the data table with its connections, in no particular order of paths. It
// copies a shard at a time and holds no lock while it yields, so the whole is not of one instant.
func (r *Registry[W]) ByPath() iter.Seq2[string, []W] {
	type watched struct {
		path string
		by   []W
	}
	return func(yield func(string, []W) bool) {
		var shard []watched
		for i := range r.byPath {
			shard = shard[:0]
			ps := &r.byPath[i]
			ps.mu.Lock()
			for path, n := range ps.nodes {
				if n.data > 0 {
					shard = append(shard, watched{path, n.dataWatchers()})
				}
			}
			ps.mu.Unlock()
			for _, x := range shard {
				if !yield(x.path, x.by) {
					return
				}
			}
		}
	}
}

func (n *node[W]) dataWatchers() []W {
	by := make([]W, 0, n.data)
	for i := range n.entries {
		if e := &n.entries[i]; e.modes&dataTable != 0 {
			by = append(by, e.c.w)
		}
	}
	return by
}

// ByConnection yields every connection of the data table with its paths, sorted, in no particular order
// of connections. It holds no lock while it yields, so the whole is not of one instant.
func (r *Registry[W]) ByConnection() iter.Seq2[W, []string] {
	return func(yield func(W, []string) bool) {
		var shard []*conn[W]
		for i := range r.byConn {
			shard = shard[:0]
			cs := &r.byConn[i]
			cs.mu.Lock()
			for _, c := range cs.conns {
				shard = append(shard, c)
			}
			cs.mu.Unlock()
			for _, c := range shard {
				if paths := r.dataPaths(cs, c); len(paths) > 0 && !yield(c.w, paths) {
					return
				}
			}
		}
	}
}

// dataPaths returns the paths of c in the data table.
func (r *Registry[W]) dataPaths(cs *connShard[W], c *conn[W]) []string {
	cs.mu.Lock()
	nodes := slices.Clone(c.paths)
	cs.mu.Unlock()
	var paths []string
	for _, n := range nodes {
		ps := r.shardOf(n)
		ps.mu.Lock()
		if e := n.find(c); e != nil && e.modes&dataTable != 0 {
			paths = append(paths, n.path)
		}
		ps.mu.Unlock()
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}
