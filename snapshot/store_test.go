package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

func TestEmptyStore(t *testing.T) {
	fs := vfs.NewMem()
	for range 2 {
		s := mustOpen(t, testOptions(fs, "s"))
		if m, ok := s.Mark(); ok {
			t.Errorf("mark %+v", m)
		}
		if _, _, err := s.Load(tree.Options{}, nil); !errors.Is(err, ErrEmpty) {
			t.Errorf("load: %v", err)
		}
		mustClose(t, s)
	}
	opt := testOptions(fs, "other")
	opt.ReadOnly = true
	if _, err := Open(opt); err == nil {
		t.Error("a store that does not exist was opened for reading")
	}
}

func TestVersion(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, testOptions(fs, "s"))
	flush(t, s, tree.New(tree.Options{Track: true}))
	if err := s.db.Set(versionKey, binary.BigEndian.AppendUint32(nil, formatVersion+1), pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	if _, err := Open(testOptions(fs, "s")); !errors.Is(err, ErrVersion) {
		t.Errorf("open: %v", err)
	}
}

// TestEarlierManifest goes back to the files that there were before a round: all of them are sound.
func TestEarlierManifest(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, testOptions(fs, "s"))
	tr := tree.New(tree.Options{Track: true})
	grow(t, tr, 0, 100, nil)
	flush(t, s, tr)
	if err := s.Checkpoint("before"); err != nil {
		t.Fatal(err)
	}
	grow(t, tr, 100, 200, nil)
	flush(t, s, tr)
	seal := readFile(t, fs, "s/"+sealName)
	mustClose(t, s)
	writeFile(t, fs, "before/"+sealName, seal)
	if _, err := Open(testOptions(fs, "before")); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "round 2 was complete") {
		t.Errorf("open: %v", err)
	}
}

func TestCheckpoint(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, testOptions(nil, dir+"/s"))
	tr := tree.New(tree.Options{Track: true})
	grow(t, tr, 0, 1000, []byte("data"))
	flush(t, s, tr)
	if err := s.Checkpoint(dir + "/copy"); err != nil {
		t.Fatal(err)
	}
	want := tree.New(tree.Options{Track: true})
	grow(t, want, 0, 1000, []byte("data"))
	grow(t, tr, 1000, 2000, nil)
	apply(t, tr, proto.OpDelete, leaf(5), nil)
	flush(t, s, tr)
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	for _, readOnly := range []bool{true, false} {
		opt := testOptions(nil, dir+"/copy")
		opt.ReadOnly = readOnly
		c := mustOpen(t, opt)
		got, sessions, err := c.Load(tree.Options{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		sameTree(t, got, want)
		if !slices.Equal(sessions, []Session{{7, 4000}}) {
			t.Errorf("sessions %v", sessions)
		}
		if readOnly {
			if _, err := c.Round(Source{}); !errors.Is(err, errReadOnly) {
				t.Errorf("round on a read-only store: %v", err)
			}
		}
		mustClose(t, c)
	}
}

func TestReading(t *testing.T) {
	s := mustOpen(t, testOptions(vfs.NewMem(), "s"))
	defer mustClose(t, s)
	tr := tree.New(tree.Options{Track: true})
	for _, p := range []string{"/a", "/a/b", "/a/b/c", "/a/d", "/a-", "/a-/x", "/a0", "/a0/y"} {
		apply(t, tr, proto.OpCreate, p, []byte(p))
	}
	flush(t, s, tr)
	for _, test := range []struct {
		path            string
		children, nodes string
	}{
		{"/", "/a /a- /a0 /zookeeper", "/ /a /a- /a0 /zookeeper /a-/x /a/b /a/d /a0/y /zookeeper/config /zookeeper/quota /a/b/c"},
		{"/a", "/a/b /a/d", "/a /a/b /a/d /a/b/c"},
		{"/a0/y", "", "/a0/y"},
		{"/none", "", ""},
	} {
		collect := func(f func([]byte, func([]byte, tree.Stored) bool) error, most int) string {
			var got []string
			if err := f([]byte(test.path), func(p []byte, n tree.Stored) bool {
				got = append(got, string(p))
				return len(got) < most
			}); err != nil {
				t.Fatal(err)
			}
			return strings.Join(got, " ")
		}
		if got := collect(s.Children, 100); got != test.children {
			t.Errorf("children of %s: %s", test.path, got)
		}
		if got := collect(s.Nodes, 100); got != test.nodes {
			t.Errorf("nodes below %s: %s", test.path, got)
		}
		if got := collect(s.Nodes, 1); got != strings.Split(test.nodes, " ")[0] {
			t.Errorf("first node below %s: %s", test.path, got)
		}
		n, ok, err := s.Get([]byte(test.path))
		if id, want := tr.Lookup([]byte(test.path)); err != nil || ok != want || ok && string(n.Data) != string(tr.Data(id)) {
			t.Errorf("%s: %+v, %t, %v", test.path, n, ok, err)
		}
	}
}

// TestMerging runs many small rounds and wants few tables and little written.
func TestMerging(t *testing.T) {
	s := mustOpen(t, testOptions(vfs.NewMem(), "s"))
	defer mustClose(t, s)
	tr := tree.New(tree.Options{Track: true})
	grow(t, tr, 0, 3000, make([]byte, 100))
	flush(t, s, tr)
	for i := range 300 {
		for j := range 10 {
			apply(t, tr, proto.OpSetData, leaf((i*131+j*977)%3000), fmt.Append(nil, i))
		}
		flush(t, s, tr)
		s.compaction.Wait()
		if runs := s.db.Metrics().Levels[0].Sublevels; runs > runsMax {
			t.Fatalf("%d runs", runs)
		}
	}
	got, _, err := s.Load(tree.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	sameTree(t, got, tr)
	t.Logf("flushed %d bytes, merged %d", s.flushedBytes(), s.compactedBytes())
	if s.compactedBytes() > 3*s.flushedBytes() {
		t.Errorf("flushed %d bytes, merged %d", s.flushedBytes(), s.compactedBytes())
	}
}

// TestFullDisk wants a round to fail, and the snapshot to be the one before it.
func TestFullDisk(t *testing.T) {
	mem := vfs.NewMem()
	var mu sync.Mutex
	full := false
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if full && op.Kind == errorfs.OpFileWrite && strings.HasSuffix(op.Path, ".sst") {
			return syscall.ENOSPC
		}
		return nil
	}))
	s := mustOpen(t, testOptions(fs, "s"))
	tr := tree.New(tree.Options{Track: true})
	grow(t, tr, 0, 100, nil)
	first := flush(t, s, tr)
	grow(t, tr, 100, 200, nil)
	mu.Lock()
	full = true
	mu.Unlock()
	for range 2 {
		_, err := s.Round(Source{Tree: tr, Lock: &sync.Mutex{}, ReplayAfter: tr.LastZxid(), Changes: []*tree.Changes{tr.TakeChanges(nil)}})
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "started again") {
			t.Errorf("round: %v", err)
		}
	}
	if m, _ := s.Mark(); m != join(first.Mark, reachOf(tr)) { // what is not on the disk is in memory
		t.Errorf("mark %+v, want %+v with the reach of the second round", m, first.Mark)
	}
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("close hangs")
	}
	s = mustOpen(t, testOptions(mem, "s"))
	defer mustClose(t, s)
	if m, _ := s.Mark(); m != first.Mark {
		t.Errorf("mark %+v, want %+v", m, first.Mark)
	}
}
