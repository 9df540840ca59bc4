package tree

import (
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"
)

// TestUvarint8 compares with package binary.
func TestUvarint8(t *testing.T) {
	check := func(b [8]byte) {
		v, n := uvarint8(binary.LittleEndian.Uint64(b[:]))
		want, k := binary.Uvarint(b[:])
		if k <= 0 {
			want, k = 0, 0
		}
		if v != want || n != k {
			t.Fatalf("% x: %#x in %d bytes, want %#x in %d", b, v, n, want, k)
		}
	}
	for bit := range 57 {
		for _, v := range []uint64{1 << bit, 1<<bit - 1, 1<<bit | 1} {
			b := [8]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
			if v < 1<<56 {
				binary.PutUvarint(b[:], v)
			}
			check(b)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		check([8]byte(rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(rt, "bytes")))
	})
}
