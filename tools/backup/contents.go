package backup

import (
	"cmp"
	"slices"

	"gamekeeper/tree"
)

// Contents are the counts of a tree.
type Contents struct {
	Nodes      int       `json:"nodes"`
	Ephemerals int       `json:"ephemerals"`
	Containers int       `json:"containers"`
	TTLs       int       `json:"ttls"`
	Sessions   int       `json:"sessions"`
	DataBytes  int64     `json:"data_bytes"` // of all data
	Digest     uint64    `json:"digest"`
	Subtrees   []Subtree `json:"subtrees"` // the biggest first
}

// Subtree is a znode with all below it.
type Subtree struct {
	Path  string `json:"path"`
	Nodes int    `json:"nodes"`
	Bytes int64  `json:"bytes"` // of names and data
}

// contentsOf counts, and names the n biggest subtrees that begin at most depth below the root.
func contentsOf(t *tree.Tree, n, depth int) Contents {
	c := Contents{
		Nodes: t.Count(), Ephemerals: t.EphemeralCount(), Containers: t.ContainerCount(), TTLs: t.TTLCount(),
		Digest: t.Digest(), Subtrees: []Subtree{},
	}
	w := treeWalk{t: t, c: &c, n: n, depth: depth}
	root, _ := t.Lookup([]byte{'/'})
	w.visit(root, 0)
	w.cut()
	return c
}

// treeWalk adds up subtrees, children first.
type treeWalk struct {
	t        *tree.Tree
	c        *Contents
	n, depth int
	path     []byte // of the znode that is visited, empty for the root
}

func (w *treeWalk) visit(n tree.NodeID, level int) Subtree {
	data := int64(len(w.t.Data(n)))
	w.c.DataBytes += data
	s := Subtree{Nodes: 1, Bytes: data}
	at := len(w.path)
	for name := range w.t.Children(n) {
		w.path = append(append(w.path[:at], '/'), name...)
		child, _ := w.t.Lookup(w.path)
		below := w.visit(child, level+1)
		s.Nodes += below.Nodes
		s.Bytes += below.Bytes + int64(len(name))
	}
	w.path = w.path[:at]
	if level > 0 && level <= w.depth && w.n > 0 {
		s.Path = string(w.path)
		w.c.Subtrees = append(w.c.Subtrees, s)
		if len(w.c.Subtrees) > 4*w.n+1000 {
			w.cut()
		}
	}
	return s
}

// cut leaves the biggest.
func (w *treeWalk) cut() {
	slices.SortFunc(w.c.Subtrees, func(a, b Subtree) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(b.Nodes, a.Nodes), cmp.Compare(a.Path, b.Path))
	})
	if len(w.c.Subtrees) > w.n {
		w.c.Subtrees = w.c.Subtrees[:w.n]
	}
}
