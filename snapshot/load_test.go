package snapshot

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/tree"
)

// TestReaderLetsGo reads a range and does with the chunks what their receiver may: they are its own from when they are
// sent, and the reader goes on with others.
func TestReaderLetsGo(t *testing.T) {
	tr := tree.New(tree.Options{Track: true})
	const nodes = 50 * chunkEntries
	grow(t, tr, 0, nodes, nil)
	s := mustOpen(t, testOptions(vfs.NewMem(), "s"))
	defer mustClose(t, s)
	flush(t, s, tr)
	l := load{s: s, loader: tree.NewLoader(tree.Options{}, true), stop: make(chan struct{})}
	r := keyRange{from: []byte{keyNode}, to: []byte{keyNode + 1}, chunks: make(chan *chunk)}
	go func() {
		defer close(r.chunks)
		l.readRange(&r)
	}()
	seen, n := map[*chunk]bool{}, 0
	for c := range r.chunks {
		n += len(c.entries)
		c.entries = c.entries[:0]
		if seen[c] {
			t.Error("a chunk was sent twice")
		}
		seen[c] = true
	}
	if n < nodes {
		t.Errorf("%d znodes, want more than %d", n, nodes)
	}
}
