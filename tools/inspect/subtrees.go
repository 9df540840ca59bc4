package inspect

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"gamekeeper/tree"
)

// subtreesMax is how many subtrees are counted at the same time.
const subtreesMax = 1 << 18

// subtree is a znode of a small depth and all below it.
type subtree struct {
	path  string
	nodes int64
	bytes int64 // of data and names
}

// subtrees counts the znodes below those of small depths. It is given all znodes, parents first. If there are
// too many subtrees, small ones are forgotten; what they had is the most by which another one that was
// forgotten once may be larger than it says.
type subtrees struct {
	source  source
	deepest int
	most    int // how many are kept
	known   map[string]*subtree
	missing int64 // znodes that a subtree may lack
	last    *subtree
}

func newSubtrees(s source, deepest int) *subtrees {
	return &subtrees{source: s, deepest: deepest, most: subtreesMax, known: map[string]*subtree{}}
}

// nodeBytes is what counts as the size of a znode.
func nodeBytes(path []byte, n *tree.Stored) int64 {
	return int64(len(path) - bytes.LastIndexByte(path, '/') - 1 + len(n.Data))
}

// add counts a znode for all subtrees that it is below of. A znode without children is none.
func (s *subtrees) add(path []byte, n *tree.Stored) error {
	size := nodeBytes(path, n)
	for i, level := 1, 0; i < len(path) && level < s.deepest; i++ {
		if path[i] != '/' {
			continue
		}
		level++
		t, err := s.at(path[:i])
		if err != nil {
			return err
		}
		t.nodes++
		t.bytes += size
	}
	return nil
}

func (s *subtrees) at(path []byte) (*subtree, error) {
	if s.last != nil && s.last.path == string(path) {
		return s.last, nil
	}
	t := s.known[string(path)]
	if t == nil {
		// Its own znode was given before anything told that it has children.
		own, ok, err := s.source.Get(path)
		if err != nil {
			return nil, err
		}
		t = &subtree{path: string(path)}
		if ok {
			t.nodes, t.bytes = 1, nodeBytes(path, &own)
		}
		if len(s.known) >= s.most {
			s.forget()
		}
		s.known[t.path] = t
	}
	s.last = t
	return t, nil
}

// forget makes room for others: it drops the smaller half.
func (s *subtrees) forget() {
	all := slices.SortedFunc(maps.Values(s.known), func(a, b *subtree) int {
		return cmp.Or(cmp.Compare(a.nodes, b.nodes), cmp.Compare(a.path, b.path))
	})
	for _, t := range all[:len(all)/2] {
		s.missing = max(s.missing, t.nodes)
		delete(s.known, t.path)
	}
	s.last = nil
}

// largest returns the largest of them, by a size.
func (s *subtrees) largest(n int, size func(*subtree) int64) []subtree {
	best := newTop(n, func(a, b *subtree) int {
		return cmp.Or(cmp.Compare(size(a), size(b)), -cmp.Compare(a.path, b.path))
	})
	for _, t := range s.known {
		best.add(t)
	}
	var list []subtree
	for _, t := range best.list() {
		list = append(list, *t)
	}
	return list
}
