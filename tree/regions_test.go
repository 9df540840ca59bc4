package tree

import "testing"

// TestRegions takes chunks of a part that is small at first: they must be empty and nobody else's.
func TestRegions(t *testing.T) {
	for _, expected := range []int64{0, regionsFrom} {
		g := regions[slot]{expected: expected}
		const length = regionBytes / slotBytes / 3 // does not divide a region
		var chunks [][]slot
		for range regionsFrom/regionBytes*3 + 10 {
			c := g.take(length)
			for i := 0; i < length; i += 64 {
				if c[i] != (slot{}) {
					t.Fatalf("chunk %d is not empty", len(chunks))
				}
				c[i].tag = uint32(len(chunks) + 1)
			}
			if len(c) != length || cap(c) != length {
				t.Fatalf("a chunk of %d, room for %d", len(c), cap(c))
			}
			chunks = append(chunks, c)
		}
		for i, c := range chunks {
			for j := 0; j < length; j += 64 {
				if c[j].tag != uint32(i+1) {
					t.Fatalf("chunk %d is also chunk %d", i, c[j].tag-1)
				}
			}
		}
		if want := int64(len(chunks)) * length * slotBytes; g.handed != want {
			t.Errorf("handed out %d bytes, says %d", want, g.handed)
		}
	}
}
