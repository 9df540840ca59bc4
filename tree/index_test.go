package tree

import (
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// entries lists the index; each segment once.
func (x *index) entries() map[NodeID]uint32 {
	m := map[NodeID]uint32{}
	for _, slots := range x.dir {
		for _, e := range slots {
			if e.node != 0 {
				m[e.node] = e.tag
			}
		}
	}
	return m
}

// has probes as find does.
func (x *index) has(tag uint32, n NodeID) bool {
	slots := x.slots(tag)
	mask := uint32(len(slots) - 1)
	for i := tag & mask; slots[i].node != 0; i = (i + 1) & mask {
		if slots[i] == (slot{tag, n}) {
			return true
		}
	}
	return false
}

func TestIndexAgainstMap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		x := newIndex(0)
		want := map[NodeID]uint32{}
		next := NodeID(1)
		for range rapid.IntRange(1, 20).Draw(rt, "rounds") {
			// Few distinct bits make long runs, and splits that move everything or nothing.
			mask := rapid.SampledFrom([]uint32{0xffffffff, 0xff000fff, 0xfff00000, 0x00000fff, 0x80000ffe, 0xc0000000}).Draw(rt, "mask")
			seed := rapid.Uint32().Draw(rt, "seed")
			for i := range rapid.IntRange(0, 1500).Draw(rt, "insert") {
				tag := (seed + uint32(i)*0x9e3779b1) & mask
				x.insert(tag, next)
				want[next] = tag
				next++
			}
			remove := rapid.IntRange(0, len(want)).Draw(rt, "remove")
			for n, tag := range want {
				if remove == 0 {
					break
				}
				remove--
				x.remove(tag, n)
				delete(want, n)
			}
		}
		if got := x.entries(); !maps.Equal(got, want) {
			rt.Fatalf("index holds %d entries, want %d", len(got), len(want))
		}
		for n, tag := range want {
			if !x.has(tag, n) {
				rt.Fatalf("entry of %d is out of reach", n)
			}
		}
	})
}

// TestIndexOfEqualTags has more equal tags than a segment holds, which no split can part.
func TestIndexOfEqualTags(t *testing.T) {
	x := newIndex(0)
	const n = segmentSlots + 100
	for i := NodeID(1); i <= n; i++ {
		x.insert(0xabcdef01, i)
	}
	if x.depth != maxDepth {
		t.Errorf("depth %d, want %d", x.depth, maxDepth)
	}
	for i := NodeID(1); i <= n; i += 2 {
		x.remove(0xabcdef01, i)
	}
	for i := NodeID(1); i <= n; i++ {
		if got, want := x.has(0xabcdef01, i), i%2 == 0; got != want {
			t.Fatalf("entry %d: %t, want %t", i, got, want)
		}
	}
}

func TestIndexHint(t *testing.T) {
	x := newIndex(100_000)
	segments := x.segments
	for i := NodeID(1); i <= 100_000; i++ {
		x.insert(uint32(i)*0x9e3779b1, i)
	}
	if x.segments != segments {
		t.Errorf("%d segments became %d", segments, x.segments)
	}
}
