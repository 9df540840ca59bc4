package snapshot

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

// damagedStore makes a store of several tables in both levels, and returns its files.
func damagedStore(t *testing.T) (fs *vfs.MemFS, files []string, want *tree.Tree) {
	t.Helper()
	fs = vfs.NewMem()
	s := mustOpen(t, testOptions(fs, "s"))
	want = tree.New(tree.Options{Track: true})
	grow(t, want, 0, 2000, bytes.Repeat([]byte("data"), 20))
	flush(t, s, want)
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	grow(t, want, 2000, 2100, nil)
	for i := 0; i < 2000; i += 7 {
		apply(t, want, proto.OpSetData, leaf(i), []byte("other"))
	}
	flush(t, s, want)
	mustClose(t, s)
	files, err := fs.List("s")
	if err != nil {
		t.Fatal(err)
	}
	return fs, files, want
}

func readFile(t *testing.T, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t *testing.T, fs vfs.FS, path string, b []byte) {
	t.Helper()
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// outcome opens and loads. It fails the test if that gives another tree than want without an error, or an
// error that does not say what is damaged.
func outcome(t *testing.T, fs vfs.FS, want *tree.Tree, file, what string) (found bool) {
	t.Helper()
	s, err := Open(testOptions(fs, "s"))
	if err == nil {
		defer mustClose(t, s)
		var got *tree.Tree
		if got, _, err = s.Load(tree.Options{}, nil); err == nil {
			sameTree(t, got, want)
			return false
		}
	}
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("%s %s: %v is not of class ErrCorrupt", file, what, err)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%s %s: more than one line: %v", file, what, err)
	}
	if strings.HasSuffix(file, ".sst") && !strings.Contains(err.Error(), file) {
		t.Errorf("%s %s: %v does not name the file", file, what, err)
	}
	return true
}

func TestDamage(t *testing.T) {
	fs, files, want := damagedStore(t)
	rng := rand.New(rand.NewPCG(1, 2))
	flips := 40
	if testing.Short() {
		flips = 10
	}
	for _, name := range files {
		if name == "LOCK" {
			continue
		}
		good := readFile(t, fs, fs.PathJoin("s", name))
		found, tried := 0, 0
		try := func(what string, damage func(fs *vfs.MemFS, path string)) {
			tried++
			copied := vfs.NewMem()
			if _, err := vfs.Clone(fs, copied, "s", "s"); err != nil {
				t.Fatal(err)
			}
			damage(copied, fs.PathJoin("s", name))
			if outcome(t, copied, want, name, what) {
				found++
			}
		}
		try("missing", func(fs *vfs.MemFS, path string) {
			if err := fs.Remove(path); err != nil {
				t.Fatal(err)
			}
		})
		if len(good) > 0 {
			for _, n := range []int{0, len(good) / 2, len(good) - 1} {
				try("truncated", func(fs *vfs.MemFS, path string) { writeFile(t, fs, path, good[:n]) })
			}
			for range flips {
				b := bytes.Clone(good)
				b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
				try("flipped", func(fs *vfs.MemFS, path string) { writeFile(t, fs, path, b) })
			}
		}
		t.Logf("%s, %d bytes: %d of %d damages found, the others did no harm", name, len(good), found, tried)
	}
}
