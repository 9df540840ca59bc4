package tree

import (
	"bytes"
	"slices"
	"testing"

	"gamekeeper/proto"
)

// TestWarm asks for znodes of all kinds, and for paths that are none.
func TestWarm(t *testing.T) {
	l := newLoader(Options{})
	for range 5000 {
		l.add(make([]byte, 100))
	}
	for i, data := range [][]byte{nil, {}, make([]byte, 300), make([]byte, maxBlock), make([]byte, 100_000)} {
		l.create("/load/"+string(rune('a'+i)), data)
	}
	tr := l.tr
	var paths [][]byte
	for _, p := range []string{"", "/", "//", "x", "/load", "/load/", "/load/none", "/load/a", "/load/b", "/load/c", "/load/d", "/load/e", "/zookeeper/quota"} {
		paths = append(paths, []byte(p))
	}
	for i := range 5000 {
		paths = append(paths, appendLeaf(nil, i))
	}
	tr.Warm(nil)
	tr.Warm(paths)
	for p := range slices.Chunk(paths, 100) {
		tr.Warm(p)
	}
	for i := range 100 {
		l.txn.Zxid, l.txn.Type = tr.LastZxid()+1, proto.OpDelete
		l.txn.Body = proto.TxnBody{Type: proto.OpDelete, Path: appendLeaf(nil, i)}
		if code := tr.Apply(&l.txn, nil); code != proto.OK {
			t.Fatal(code)
		}
	}
	before := tr.Digest()
	var nodes []NodeID
	for n := NodeID(1); n <= tr.records.used; n++ {
		nodes = append(nodes, n)
	}
	tr.WarmApply(paths, nodes)
	tr.WarmApply(nil, nodes[:1])
	checkInvariants(t, tr)
	if tr.Digest() != before {
		t.Error("the tree changed")
	}
	if n := testing.AllocsPerRun(10, func() { tr.Warm(paths); tr.WarmApply(paths, nodes) }); n != 0 {
		t.Errorf("%.1f allocations", n)
	}
}

// BenchmarkWarm sets random znodes of a million, in batches, that are warmed or not.
func BenchmarkWarm(b *testing.B) {
	const znodes = 1_000_000
	l := newLoader(Options{})
	data := bytes.Repeat([]byte{1}, 100)
	for range znodes {
		l.add(data)
	}
	for _, warm := range []bool{false, true} {
		b.Run(map[bool]string{false: "cold", true: "warm"}[warm], func(b *testing.B) {
			b.ReportAllocs()
			paths := make([][]byte, 256)
			k := uint32(1)
			from := cpuTime()
			for b.Loop() {
				for i := range paths {
					k = k*1664525 + 1013904223
					paths[i] = appendLeaf(paths[i][:0], int(uint64(k)*znodes>>32))
				}
				if warm {
					l.tr.WarmApply(paths, nil)
				}
				for _, p := range paths {
					l.txn.Type = proto.OpSetData
					l.txn.Body = proto.TxnBody{Type: proto.OpSetData, Path: p, Data: data, Version: int32(k)}
					l.txn.Zxid++
					l.tr.Apply(&l.txn, nil)
				}
			}
			b.ReportMetric((cpuTime()-from)/float64(b.N)/float64(len(paths)), "cpu-ns/set")
		})
	}
}
