package apache

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

// builder makes a tree of the znodes of a snapshot file, which it is given each once. It keeps everything in memory until
// the end, to bring it into the order that tree.Loader wants.
type builder struct {
	opt    tree.Options
	watch  *watch
	chunks [][]byte
	nodes  []kept
}

// kept says where a path and the record behind it are.
type kept struct{ chunk, at, path, record, depth uint32 }

const keptChunkBytes = 1 << 20

// Add takes a znode at path, which for the root is "/". Path and record, which is what tree.DecodeRecord reads, are good
// during the call alone.
func (m *builder) Add(path, record []byte) error {
	need, last := len(path)+len(record), len(m.chunks)-1
	if last < 0 || cap(m.chunks[last])-len(m.chunks[last]) < need {
		m.chunks = append(m.chunks, make([]byte, 0, max(need, keptChunkBytes)))
		last++
	}
	k := kept{chunk: uint32(last), at: uint32(len(m.chunks[last])), path: uint32(len(path)), record: uint32(len(record))}
	if len(path) > 1 {
		k.depth = uint32(bytes.Count(path, []byte{'/'}))
	}
	m.chunks[last] = append(append(m.chunks[last], path...), record...)
	m.nodes = append(m.nodes, k)
	return nil
}

func (m *builder) path(k kept) []byte { return m.chunks[k.chunk][k.at:][:k.path] }

// Finish returns the tree of all that was added, as of a zxid.
func (m *builder) Finish(zxid proto.Zxid) (*tree.Tree, error) {
	m.watch.begin("sorting the znodes", "znodes", int64(len(m.nodes)))
	slices.SortFunc(m.nodes, sorting(m.watch, len(m.nodes), func(a, b kept) int {
		return cmp.Or(cmp.Compare(a.depth, b.depth), bytes.Compare(m.path(a), m.path(b)))
	}))
	m.watch.begin("building the tree", "znodes", int64(len(m.nodes)))
	m.opt.NodeCountHint = max(m.opt.NodeCountHint, len(m.nodes))
	l := tree.NewLoader(m.opt, false)
	for _, k := range m.nodes {
		if err := m.watch.step(); err != nil {
			return nil, err
		}
		if err := l.Add(m.path(k), m.chunks[k.chunk][k.at+k.path:][:k.record]); err != nil {
			return nil, fmt.Errorf("build the tree: %w", err)
		}
	}
	t, err := l.Finish(zxid)
	if err != nil {
		return nil, fmt.Errorf("build the tree: %w", err)
	}
	return t, nil
}

// appendRecord appends the stored record of n.
func appendRecord(b []byte, n *Node) []byte {
	return tree.AppendStored(b, &tree.Stored{
		Meta: tree.MetaOf(&n.StatPersisted),
		ACLs: n.ACL,
		Data: n.Data,
	})
}
