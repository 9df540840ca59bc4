package tree

import (
	"bytes"
	"slices"
	"syscall"
	"testing"

	"gamekeeper/proto"
)

// cpuTime is what this process has used, in nanoseconds.
func cpuTime() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano() + u.Stime.Nano())
}

// storedTree is a tree's records in the order that a Loader wants.
type storedTree struct {
	paths, records [][]byte
}

func storeTree(tr *Tree) (s storedTree) {
	level := []NodeID{rootID}
	for len(level) > 0 {
		var below []NodeID
		for _, n := range level {
			s.paths = append(s.paths, tr.AppendPath(nil, n))
			s.records = append(s.records, tr.AppendRecord(nil, n))
			var children []NodeID
			for c := tr.records.at(n).firstChild; c != 0; c = tr.records.at(c).next {
				children = append(children, c)
			}
			slices.SortFunc(children, func(a, b NodeID) int {
				return bytes.Compare(tr.name(tr.records.at(a)), tr.name(tr.records.at(b)))
			})
			below = append(below, children...)
		}
		level = below
	}
	return s
}

// BenchmarkLoader decodes records and builds a tree of a million znodes of them.
func BenchmarkLoader(b *testing.B) {
	s := storeTree(benchTree(1_000_000))
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		l := NewLoader(Options{}, false)
		var e Entry
		var buf []byte
		from := cpuTime()
		for i := 0; b.Loop(); i++ {
			if i == len(s.paths) {
				i = 0
			}
			var err error
			if buf, err = l.Parse(&e, buf[:0], s.paths[i], s.records[i]); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric((cpuTime()-from)/float64(b.N), "cpu-ns/znode")
	})
	b.Run("build", func(b *testing.B) {
		b.ReportAllocs()
		entries := make([]Entry, len(s.paths))
		cpu := 0.0
		for b.Loop() {
			l := NewLoader(Options{NodeCountHint: len(s.paths)}, false)
			for i := range entries {
				if _, err := l.Parse(&entries[i], nil, s.paths[i], s.records[i]); err != nil {
					b.Fatal(err)
				}
			}
			from := cpuTime()
			for i := range entries {
				if err := l.AddEntry(&entries[i]); err != nil {
					b.Fatal(err)
				}
			}
			if _, err := l.Finish(0); err != nil {
				b.Fatal(err)
			}
			cpu += cpuTime() - from
		}
		b.ReportMetric(cpu/float64(b.N)/float64(len(entries)), "cpu-ns/znode")
	})
}

func BenchmarkAppendRecord(b *testing.B) {
	tr := benchTree(100_000)
	b.ReportAllocs()
	var buf []byte
	from := cpuTime()
	for i := 0; b.Loop(); i++ {
		buf = tr.AppendRecord(buf[:0], NodeID(1+i%100_000))
	}
	b.ReportMetric((cpuTime()-from)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(len(buf)), "bytes")
}

// BenchmarkTracking is what an Apply costs with and without tracking of changes.
func BenchmarkTracking(b *testing.B) {
	for _, track := range []bool{false, true} {
		b.Run(map[bool]string{false: "off", true: "on"}[track], func(b *testing.B) {
			l := newLoader(Options{Track: track})
			for range 100_000 {
				l.add(make([]byte, 100))
			}
			tr := l.tr
			data := make([]byte, 100)
			var path []byte
			var c *Changes
			b.ReportAllocs()
			from := cpuTime()
			for i := 0; b.Loop(); i++ {
				path = appendLeaf(path[:0], i*7919%100_000)
				l.txn.Type, l.txn.Body.Type = proto.OpSetData, proto.OpSetData
				l.txn.Body.Path, l.txn.Body.Data, l.txn.Body.Version = path, data, int32(i)
				l.txn.Zxid++
				tr.Apply(&l.txn, nil)
				if track && i%10_000 == 0 {
					if c != nil {
						c.Reset()
					}
					c = tr.TakeChanges(c)
				}
			}
			b.ReportMetric((cpuTime()-from)/float64(b.N), "cpu-ns/op")
		})
	}
}
