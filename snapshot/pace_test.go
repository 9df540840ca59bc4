package snapshot

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/tree"
)

// TestPacedTables writes files in a bubble, whose clock moves only when everybody waits.
func TestPacedTables(t *testing.T) {
	const rate = 1 << 20
	write := func(p *pacer, name string, kilobytes int) time.Duration {
		f, err := p.fs(vfs.NewMem()).Create(name, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		for range kilobytes {
			if _, err := f.Write(make([]byte, 1<<10)); err != nil {
				t.Fatal(err)
			}
		}
		return time.Since(begun)
	}
	near := func(t *testing.T, took, want time.Duration) {
		t.Helper()
		if d := took - want; d < -2*pacePause || d > 2*pacePause {
			t.Errorf("took %v, want %v", took, want)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(rate)
		near(t, write(p, "000001.sst", 2<<10), 2*time.Second)
		near(t, write(p, "000002.sst", 512), time.Second/2)
		near(t, write(p, "MANIFEST-000003", 5<<10), 0)
		near(t, write(p, "000004.sst", 1), 0)
	})
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(rate)
		go func() {
			<-time.After(time.Second)
			p.end()
		}()
		near(t, write(p, "000001.sst", 5<<10), time.Second)
	})
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(rate)
		fs := p.fs(vfs.NewMem())
		begun := time.Now()
		for range 10 {
			_ = fs.Remove("000001.sst") // there is none
		}
		near(t, time.Since(begun), 10*time.Second)
	})
}

// TestCloseHurries closes a store that merges its tables as slowly as can be.
func TestCloseHurries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(vfs.NewMem(), "/store")
		o.WriteRate, o.CompactRatio = 1<<40, 0.01
		s := mustOpen(t, o)
		tr := tree.New(tree.Options{Track: true})
		grow(t, tr, 0, 1000, make([]byte, 100))
		flush(t, s, tr)
		s.compaction.Wait()
		s.SetWriteRate(1000)
		grow(t, tr, 1000, 1010, make([]byte, 100))
		begun := time.Now()
		flush(t, s, tr)
		if took := time.Since(begun); took < time.Second {
			t.Errorf("a round of some kilobytes took %v", took)
		}
		begun = time.Now()
		mustClose(t, s)
		if took := time.Since(begun); took > time.Second {
			t.Errorf("closing took %v", took)
		}
	})
}
