package tree

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

func TestSizeClasses(t *testing.T) {
	for n := 1; n <= maxBlock; n++ {
		c := sizeClass(n)
		size := classBytes(c)
		if c < 1 || c >= numClasses || size < n || size-n >= 32 || n <= 1024 && size-n >= 8 || size%blockUnit != 0 {
			t.Fatalf("%d bytes: class %d of %d bytes", n, c, size)
		}
		if classBytes(c-1) >= n {
			t.Fatalf("%d bytes: class %d, but %d fits", n, c, c-1)
		}
	}
}

func TestArena(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type held struct {
			h    handle
			size int
			fill byte
		}
		a := &arena{}
		var blocks []held
		sizes := rapid.SliceOfN(rapid.IntRange(1, maxBlock), 1, 4).Draw(rt, "sizes")
		for range rapid.IntRange(1, 30).Draw(rt, "rounds") {
			for range rapid.IntRange(0, 300).Draw(rt, "alloc") {
				size := sizes[len(blocks)%len(sizes)]
				h, ok := a.alloc(size)
				if !ok {
					rt.Fatal("out of handles")
				}
				b := held{h, size, byte(len(blocks))}
				copy(a.bytes(h), bytes.Repeat([]byte{b.fill}, size))
				blocks = append(blocks, b)
			}
			for range rapid.IntRange(0, len(blocks)).Draw(rt, "free") {
				i := int(blocks[0].h) % len(blocks)
				a.free(blocks[i].h)
				blocks[i] = blocks[len(blocks)-1]
				blocks = blocks[:len(blocks)-1]
			}
		}
		for _, b := range blocks {
			if got := a.bytes(b.h)[:b.size]; !bytes.Equal(got, bytes.Repeat([]byte{b.fill}, b.size)) {
				rt.Fatalf("block %d of %d bytes was overwritten", b.h, b.size)
			}
		}
		for _, b := range blocks {
			a.free(b.h)
		}
		for i, s := range a.slabs {
			if s.live != 0 {
				rt.Fatalf("slab %d still has %d blocks", i, s.live)
			}
		}
	})
}

// TestArenaServesOtherSizes fills the arena with blocks of one size, frees them, and fills it with others:
// that must take no more memory.
func TestArenaServesOtherSizes(t *testing.T) {
	a := &arena{}
	fill := func(size int) (hs []handle) {
		for range 4 << 20 / size {
			h, _ := a.alloc(size)
			hs = append(hs, h)
		}
		return hs
	}
	for _, h := range fill(128) {
		a.free(h)
	}
	chunks := len(a.chunks)
	fill(512)
	if len(a.chunks) > chunks {
		t.Errorf("%d chunks became %d", chunks, len(a.chunks))
	}
}
