package snapshot

import (
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

var benchNodes = flag.Int("znodes", 1_000_000, "how many znodes the benchmarks of large trees have")

const benchBytes = 100

// growRandom creates the znodes, with data that does not compress.
func growRandom(b *testing.B, t *tree.Tree) {
	rng := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, benchBytes)
	for i := range *benchNodes {
		grow(b, t, i, i+1, otherData(data, rng))
	}
}

// otherData fills b anew.
func otherData(b []byte, rng *rand.Rand) []byte {
	for i := 0; i < len(b); i += 4 {
		binary.LittleEndian.PutUint32(b[i:], rng.Uint32())
	}
	return b
}

// cpuTime is what this process has used, in nanoseconds.
func cpuTime() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkLoad restarts from a snapshot of a million znodes, a hundred per directory.
func BenchmarkLoad(b *testing.B) {
	dir := b.TempDir()
	s := mustOpen(b, Options{Dir: dir})
	t := tree.New(tree.Options{Track: true})
	growRandom(b, t)
	stats := flush(b, s, t)
	b.Logf("first round: %+v", stats)
	mustClose(b, s)
	nodes := t.Count()
	t = nil
	b.ReportAllocs()
	from := cpuTime()
	for b.Loop() {
		s = mustOpen(b, Options{Dir: dir, ReadOnly: true})
		if _, _, err := s.Load(tree.Options{}, nil); err != nil {
			b.Fatal(err)
		}
		mustClose(b, s)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(nodes), "ns/znode")
	b.ReportMetric((cpuTime()-from)/float64(b.N)/float64(nodes), "cpu-ns/znode")
}

// BenchmarkRound writes rounds that change 1 % of a million znodes, other ones each time.
func BenchmarkRound(b *testing.B) {
	s := mustOpen(b, Options{Dir: b.TempDir()})
	t := tree.New(tree.Options{Track: true})
	growRandom(b, t)
	rng := rand.New(rand.NewPCG(3, 4))
	data := make([]byte, benchBytes)
	full := flush(b, s, t)
	s.compaction.Wait()
	compacted := s.compactedBytes()
	var spare *tree.Changes
	b.ReportAllocs()
	var flushed int64
	var longest float64
	k := uint32(0)
	for b.Loop() {
		b.StopTimer()
		for range *benchNodes / 100 {
			k += 0x9e3779b1
			apply(b, t, proto.OpSetData, leaf(int(uint64(k)*uint64(*benchNodes)>>32)), otherData(data, rng))
		}
		b.StartTimer()
		c := t.TakeChanges(spare)
		stats, err := s.Round(Source{Tree: t, Lock: &sync.Mutex{}, Changes: []*tree.Changes{c}, ReplayAfter: t.LastZxid()})
		if err != nil {
			b.Fatal(err)
		}
		c.Reset()
		spare = c
		flushed += stats.FlushedBytes
		longest = max(longest, float64(stats.LongestStep.Microseconds()))
	}
	s.compaction.Wait()
	b.ReportMetric(float64(flushed)/float64(b.N), "B/round")
	b.ReportMetric(100*float64(flushed)/float64(b.N)/float64(full.FlushedBytes), "%full")
	b.ReportMetric(float64(s.compactedBytes()-compacted)/float64(b.N), "merged-B/round")
	b.ReportMetric(longest, "longest-step-µs")
	mustClose(b, s)
}
