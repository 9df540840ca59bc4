package tree

import (
	"fmt"
	"sync"
	"testing"

	"gamekeeper/proto"
)

// benchTrees are built once, as the big one takes seconds.
var benchTrees = map[int]func() *Tree{
	10_000:    sync.OnceValue(func() *Tree { return benchTree(10_000) }),
	5_000_000: sync.OnceValue(func() *Tree { return benchTree(5_000_000) }),
}

func benchTree(n int) *Tree {
	l := newLoader(Options{})
	data := make([]byte, 128)
	for range n {
		l.add(data)
	}
	return l.tr
}

// sizes runs f over trees of both sizes. The znodes it asks for are spread over the tree.
func sizes(b *testing.B, f func(b *testing.B, tr *Tree, leaf func(buf []byte, i int) []byte)) {
	for _, n := range []int{10_000, 5_000_000} {
		b.Run(fmt.Sprintf("nodes=%d", n), func(b *testing.B) {
			tr := benchTrees[n]()
			b.ReportAllocs()
			b.ResetTimer()
			f(b, tr, func(buf []byte, i int) []byte {
				return appendLeaf(buf[:0], int(uint64(uint32(i)*0x9e3779b1)*uint64(n)>>32))
			})
		})
	}
}

func BenchmarkLookup(b *testing.B) {
	sizes(b, func(b *testing.B, tr *Tree, leaf func([]byte, int) []byte) {
		var path []byte
		for i := 0; b.Loop(); i++ {
			path = leaf(path, i)
			if _, ok := tr.Lookup(path); !ok {
				b.Fatalf("%s is missing", path)
			}
		}
	})
}

// BenchmarkGet is what a getData takes from the tree.
func BenchmarkGet(b *testing.B) {
	sizes(b, func(b *testing.B, tr *Tree, leaf func([]byte, int) []byte) {
		var path, out []byte
		for i := 0; b.Loop(); i++ {
			path = leaf(path, i)
			n, _ := tr.Lookup(path)
			out = proto.AppendBuffer(out[:0], tr.Data(n))
			out = tr.AppendStat(out, n)
		}
	})
}

func BenchmarkApplySet(b *testing.B) {
	sizes(b, func(b *testing.B, tr *Tree, leaf func([]byte, int) []byte) {
		var txn proto.Txn
		var path []byte
		data := make([]byte, 128)
		for i := 0; b.Loop(); i++ {
			path = leaf(path, i)
			txn.Zxid, txn.Type = proto.Zxid(i), proto.OpSetData
			txn.Body = proto.TxnBody{Type: proto.OpSetData, Path: path, Data: data, Version: int32(i)}
			tr.Apply(&txn, nil)
		}
	})
}

// BenchmarkApplyCreateDelete creates a znode below /load/dir and deletes it again.
func BenchmarkApplyCreateDelete(b *testing.B) {
	sizes(b, func(b *testing.B, tr *Tree, leaf func([]byte, int) []byte) {
		var txn proto.Txn
		var path []byte
		data := make([]byte, 128)
		for i := 0; b.Loop(); i++ {
			path = append(leaf(path, i), "/child"...)
			txn.Zxid, txn.Type = proto.Zxid(i), proto.OpCreate
			txn.Body = proto.TxnBody{Type: proto.OpCreate, Path: path, Data: data, ACL: proto.OpenACL, Version: proto.ParentCversionUnknown}
			if tr.Apply(&txn, nil) != proto.OK {
				b.Fatal("not created")
			}
			txn.Type, txn.Body = proto.OpDelete, proto.TxnBody{Type: proto.OpDelete, Path: path}
			if tr.Apply(&txn, nil) != proto.OK {
				b.Fatal("not deleted")
			}
		}
	})
}

// BenchmarkGrow creates znodes that stay, index splits and chunks included.
func BenchmarkGrow(b *testing.B) {
	b.ReportAllocs()
	l := newLoader(Options{})
	data := make([]byte, 128)
	for b.Loop() {
		l.add(data)
	}
	b.ReportMetric(overhead(l.tr), "overhead-B/znode")
}

func BenchmarkAppendChildren(b *testing.B) {
	sizes(b, func(b *testing.B, tr *Tree, leaf func([]byte, int) []byte) {
		var path, out []byte
		for i := 0; b.Loop(); i++ {
			path = leaf(path, i)
			n, _ := tr.Lookup(path[:len("/load/dir0000000")])
			out = tr.AppendChildren(out[:0], n)
		}
		b.ReportMetric(100, "children")
	})
}

func BenchmarkDigest(b *testing.B) {
	b.ReportAllocs()
	m := Meta{Czxid: 1, Mzxid: 2, PathDataCRC: 3}
	for b.Loop() {
		m.Mzxid += proto.Zxid(m.Digest())
	}
}
