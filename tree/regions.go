package tree

import "unsafe"

// regions hands out chunks of one length, for records, for blocks, or for the index. A large tree takes them
// from regions of some megabytes, for which the system is asked to use huge pages: that saves most of the
// page faults when the tree grows, and of the misses of the TLB ever after. Nothing is given back but to
// the garbage collector, which frees a region when none of its chunks is in use: with the whole tree.
type regions[T any] struct {
	rest     []T   // of the last region
	handed   int64 // bytes handed out
	expected int64 // bytes that will be asked for, as far as anybody knows
}

const (
	// regionBytes is a compromise: a tree that grows may have to clear that much at once.
	regionBytes = 4 << 20
	// regionsFrom is the size of a tree's part from which a region more or less does not matter.
	regionsFrom = 16 * regionBytes
)

// take returns a chunk of n zero values.
func (g *regions[T]) take(n int) []T {
	size := int64(n) * int64(unsafe.Sizeof(*new(T)))
	if len(g.rest) < n {
		if max(g.handed, g.expected) < regionsFrom {
			g.handed += size
			return make([]T, n)
		}
		g.rest = make([]T, max(regionBytes/size, 1)*int64(n))
		adviseHugePages(uintptr(unsafe.Pointer(&g.rest[0])), uintptr(len(g.rest))*unsafe.Sizeof(g.rest[0]))
	}
	chunk := g.rest[:n:n]
	g.rest = g.rest[n:]
	g.handed += size
	return chunk
}
