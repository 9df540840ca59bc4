package tree

import (
	"bytes"
	"hash/crc32"
	"math/bits"
)

// The digest of a tree is Apache's, version 2 (DigestCalculator): per znode the CRC-32 of path, data and
// 60 bytes of stat, summed over the znodes. Here the checksum of path and data is kept with each znode,
// so that a change costs the 60 bytes alone.

// exemptPrefix begins the paths that do not count, as servers rewrite some of them locally.
var exemptPrefix = []byte("/zookeeper/")

// DigestExempt says whether the znode at path is left out of the digest. /zookeeper itself is not.
func DigestExempt(path []byte) bool { return bytes.HasPrefix(path, exemptPrefix) }

// PathDataCRC is the part of a znode's digest that path and data make. The root counts as the empty path.
func PathDataCRC(path, data []byte) uint32 {
	if len(path) == 1 {
		path = path[1:]
	}
	crc := crc32.Update(0, crc32.IEEETable, path)
	return crc32.Update(crc, crc32.IEEETable, data)
}

// Digest is what the znode adds to the tree's digest.
func (m *Meta) Digest() uint64 {
	if m.Exempt {
		return 0
	}
	s := stored{
		czxid: m.Czxid, mzxid: m.Mzxid, pzxid: m.Pzxid, ctime: m.Ctime, mtime: m.Mtime, owner: m.Owner,
		version: m.Version, rawCversion: m.RawCversion, aversion: m.Aversion, pathDataCRC: m.PathDataCRC,
	}
	return s.digest()
}

func (r *record) digest() uint64 {
	if r.acl&exemptBit != 0 {
		return 0
	}
	return r.stored.digest()
}

// digestOf is what r adds to the digest, as far as that is counted change by change.
func (t *Tree) digestOf(r *record) uint64 {
	if t.told {
		return 0
	}
	return r.digest()
}

func (s *stored) digest() uint64 {
	c := ^s.pathDataCRC
	c = crcWord(c, uint64(s.czxid))
	c = crcWord(c, uint64(s.mzxid))
	c = crcWord(c, uint64(s.pzxid))
	c = crcWord(c, uint64(s.ctime))
	c = crcWord(c, uint64(s.mtime))
	c = crcWord(c, uint64(uint32(s.version))<<32|uint64(uint32(s.rawCversion)))
	c = crcWord(c, uint64(uint32(s.aversion))<<32|uint64(s.owner)>>32)
	return uint64(^crcHalf(c, uint32(s.owner)))
}

// slicing holds the tables of CRC-32 by eight bytes at a time. hash/crc32 has the same inside, but takes
// slices only, and a slice given to it always lives on the heap.
var slicing = func() (t [8][256]uint32) {
	t[0] = *crc32.IEEETable
	for i := range 256 {
		c := t[0][i]
		for k := 1; k < 8; k++ {
			c = t[0][byte(c)] ^ c>>8
			t[k][i] = c
		}
	}
	return t
}()

// crcWord continues the inverted checksum c with the eight bytes of v, big-endian.
func crcWord(c uint32, v uint64) uint32 {
	v = bits.ReverseBytes64(v) ^ uint64(c)
	return slicing[7][byte(v)] ^ slicing[6][byte(v>>8)] ^ slicing[5][byte(v>>16)] ^ slicing[4][byte(v>>24)] ^
		slicing[3][byte(v>>32)] ^ slicing[2][byte(v>>40)] ^ slicing[1][byte(v>>48)] ^ slicing[0][byte(v>>56)]
}

// crcHalf continues c with four bytes.
func crcHalf(c, v uint32) uint32 {
	v = bits.ReverseBytes32(v) ^ c
	return slicing[3][byte(v)] ^ slicing[2][byte(v>>8)] ^ slicing[1][byte(v>>16)] ^ slicing[0][byte(v>>24)]
}
