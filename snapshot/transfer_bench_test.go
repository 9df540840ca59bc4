package snapshot

import (
	"bytes"
	"testing"

	"gamekeeper/tree"
)

// BenchmarkTransfer sends a snapshot of a million znodes, and receives it.
func BenchmarkTransfer(b *testing.B) {
	s := mustOpen(b, Options{Dir: b.TempDir()})
	t := tree.New(tree.Options{Track: true})
	growRandom(b, t)
	flush(b, s, t)
	nodes := float64(t.Count())
	t = nil
	for _, name := range []string{"apache", "own"} {
		v := mustView(b, s)
		var stream bytes.Buffer
		perNode := func(b *testing.B) {
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/nodes, "ns/znode")
			b.ReportMetric(float64(stream.Len())/nodes, "B/znode")
		}
		b.Run("send/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				stream.Reset()
				if err := v.Send(&stream, formats[name]); err != nil {
					b.Fatal(err)
				}
			}
			perNode(b)
		})
		b.Run("receive/"+name, func(b *testing.B) {
			dir := b.TempDir()
			b.ReportAllocs()
			for b.Loop() {
				_, err := Receive(Options{Dir: dir + "/s"}, formats[name], v.Mark().ReplayAfter, bytes.NewReader(stream.Bytes()), nil)
				if err != nil {
					b.Fatal(err)
				}
			}
			perNode(b)
		})
		if err := v.Close(); err != nil {
			b.Fatal(err)
		}
	}
	mustClose(b, s)
}
