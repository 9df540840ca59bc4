package apache

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

// grown is a server with n znodes of 100 bytes.
func grown(b *testing.B, n int) *State {
	t := tree.New(extended)
	data := bytes.Repeat([]byte("x"), 100)
	for i := range n {
		parent := i / 1000
		path := fmt.Sprintf("/p%05d/n%03d", parent, i%1000)
		if i%1000 == 0 {
			path = fmt.Sprintf("/p%05d", parent)
		}
		t.Apply(&proto.Txn{
			TxnHeader: proto.TxnHeader{Zxid: proto.Zxid(i + 1), Time: 1, Type: proto.OpCreate},
			Body:      proto.TxnBody{Type: proto.OpCreate, Path: []byte(path), Data: data, Version: proto.ParentCversionUnknown},
		}, nil)
	}
	return &State{Tree: t, Zxid: proto.Zxid(n)}
}

const benchNodes = 200_000

func BenchmarkExport(b *testing.B) {
	s := grown(b, benchNodes)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := Export(b.Context(), s, filepath.Join(b.TempDir(), fmt.Sprint(i)), ExportOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(benchNodes*float64(b.N)/b.Elapsed().Seconds(), "znodes/s")
}

func BenchmarkImport(b *testing.B) {
	dir := b.TempDir()
	if _, err := Export(b.Context(), grown(b, benchNodes), dir, ExportOptions{}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Import(b.Context(), Dirs{Data: dir}, ext); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(benchNodes*float64(b.N)/b.Elapsed().Seconds(), "znodes/s")
}

func BenchmarkReadSnapshot(b *testing.B) {
	var out bytes.Buffer
	if err := writeSnapshot(&out, grown(b, benchNodes), Plain, nil); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(out.Len()))
	b.ReportAllocs()
	for b.Loop() {
		r, err := readSnapshot("snapshot.1", Plain, bytes.NewReader(out.Bytes()))
		for err == nil {
			_, err = r.Next()
		}
	}
}

func BenchmarkReadLog(b *testing.B) {
	f := &fake{State: State{Tree: tree.New(extended)}}
	f.plainly(20_000)
	b.SetBytes(int64(len(f.log)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := readLog("log.1", bytes.NewReader(f.log), int64(len(f.log)), nil)
		for err == nil {
			_, err = r.Next()
		}
	}
}
