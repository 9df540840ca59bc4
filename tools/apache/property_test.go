package apache

import (
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"gamekeeper/proto"
)

// TestFuzzySnapshots imports what a server leaves that went on while it wrote snapshots, and expects the
// state that it had, whichever snapshot the import begins with.
func TestFuzzySnapshots(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := scratch(rt)
		f := newFake(dir)
		for range rapid.IntRange(0, 12).Draw(rt, "rounds") {
			for range rapid.IntRange(0, 12).Draw(rt, "transactions") {
				f.step(rt)
			}
			f.roll(rapid.SampledFrom([]int{0, 1, 700}).Draw(rt, "padding"))
			began := f.Zxid
			b := f.snapshot(func() {
				for range rapid.IntRange(0, 2).Draw(rt, "meanwhile") {
					f.step(rt)
				}
			})
			f.write(snapshotName(began, Plain), b)
		}
		f.roll(100)
		sameState(rt, importDir(rt, dir), &f.State)

		files, err := list(dir, snapshotPrefix)
		if err != nil {
			rt.Fatal(err)
		}
		lone := scratch(rt)
		copyFile(rt, rapid.SampledFrom(files).Draw(rt, "snapshot").path, lone)
		s, err := Import(t.Context(), Dirs{Data: lone, Log: dir}, Options{Tree: extended})
		if err != nil {
			rt.Fatal(err)
		}
		sameState(rt, s, &f.State)
	})
}

// TestExportThenImport gives back what was exported.
func TestExportThenImport(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFake(scratch(rt))
		for range rapid.IntRange(0, 60).Draw(rt, "transactions") {
			f.step(rt)
		}
		if rapid.Bool().Draw(rt, "member") {
			f.Epochs = &Epochs{Current: 3, Accepted: proto.Epoch(rapid.IntRange(3, 5).Draw(rt, "accepted"))}
			f.MyID, f.HasMyID = 7, true
		}
		dir := filepath.Join(scratch(rt), "data")
		opt := ExportOptions{Compression: rapid.SampledFrom([]Compression{Plain, Gzip}).Draw(rt, "compression")}
		if _, err := Export(t.Context(), &f.State, dir, opt); err != nil {
			rt.Fatal(err)
		}
		s := importDir(rt, dir)
		sameState(rt, s, &f.State)
		if s.MyID != f.MyID || s.HasMyID != f.HasMyID {
			rt.Fatalf("myid %d %t", s.MyID, s.HasMyID)
		}
	})
}

// scratch makes a directory that goes with the test case.
func scratch(rt *rapid.T) string {
	dir, err := os.MkdirTemp("", "apache-")
	if err != nil {
		rt.Fatal(err)
	}
	rt.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
