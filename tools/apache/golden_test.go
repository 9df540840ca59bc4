package apache

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pgregory.net/rapid"

	"gamekeeper/tree"
)

var extended = tree.Options{ExtendedTypes: true}

// seen lists what clients see of the znodes of t, as testdata/apache/*/seen.txt does.
func seen(t *tree.Tree) []string {
	var lines []string
	var visit func(path string)
	visit = func(path string) {
		n, _ := t.Lookup([]byte(path))
		var b strings.Builder
		data := t.Data(n)
		fmt.Fprintf(&b, "%s %+v data=%t:", path, t.Stat(n), data != nil)
		if len(data) < 100 {
			fmt.Fprintf(&b, "%q acl=", data)
		} else {
			fmt.Fprintf(&b, "crc32:%08x acl=", crc32.ChecksumIEEE(data))
		}
		for a := range t.ACL(n).All() {
			fmt.Fprintf(&b, " %d:%s:%s", a.Perms, a.Scheme, a.ID)
		}
		lines = append(lines, b.String())
		for name := range t.Children(n) {
			visit(strings.TrimSuffix(path, "/") + "/" + string(name))
		}
	}
	visit("/")
	slices.Sort(lines)
	return lines
}

// owners lists who owns what, and null data apart from empty: what clients do not see.
func owners(t *tree.Tree) []string {
	var lines []string
	w := &snapshotWriter{tree: t}
	_ = w.walk(func(path []byte, n tree.NodeID) error {
		if o := t.Meta(n).Owner; o != 0 {
			lines = append(lines, fmt.Sprintf("%s %x %d", path, uint64(o), t.OwnerKind(o)))
		}
		return nil
	})
	slices.Sort(lines)
	return lines
}

func sameState(t rapid.TB, got, want *State) {
	t.Helper()
	if got.Tree.Digest() != want.Tree.Digest() || got.Zxid != want.Zxid || got.Tree.LastZxid() != want.Zxid {
		t.Errorf("digest %d at %s, want %d at %s", got.Tree.Digest(), got.Zxid, want.Tree.Digest(), want.Zxid)
	}
	for _, diff := range []string{
		cmp.Diff(seen(want.Tree), seen(got.Tree)), cmp.Diff(owners(want.Tree), owners(got.Tree)), cmp.Diff(want.Sessions, got.Sessions),
		cmp.Diff(want.Epochs, got.Epochs),
	} {
		if diff != "" {
			t.Fatalf("(-want +got):\n%.3000s", diff)
		}
	}
}

// goldens are the directories of Apache servers that were killed under load.
func goldens(t testing.TB) []string {
	t.Helper()
	dirs, err := filepath.Glob("testdata/apache/*/" + versionDir)
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no test data: %v", err)
	}
	return dirs
}

func TestGoldenImport(t *testing.T) {
	for _, dir := range goldens(t) {
		t.Run(filepath.Base(filepath.Dir(dir)), func(t *testing.T) {
			state, err := Import(t.Context(), Dirs{Data: filepath.Dir(dir)}, Options{Tree: extended})
			if err != nil {
				t.Fatal(err)
			}
			if state.Transactions == 0 || len(state.Notes) != 0 || state.Epochs != nil || state.HasMyID {
				t.Errorf("%d transactions, notes %q, epochs %v", state.Transactions, state.Notes, state.Epochs)
			}
			if state.Tree.TTLCount() != 2 || state.Tree.ContainerCount() != 2 || state.Tree.EphemeralCount() < 8 {
				t.Errorf("%d znodes with a time to live, %d containers, %d ephemerals", state.Tree.TTLCount(), state.Tree.ContainerCount(), state.Tree.EphemeralCount())
			}
			compareSeen(t, state, filepath.Join(filepath.Dir(dir), "seen.txt"))
			eachSnapshotAlone(t, dir, state)
		})
	}
}

// compareSeen compares with what clients of the Apache server saw.
func compareSeen(t *testing.T, state *State, file string) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	var sessions, znodes []string
	for l := range strings.Lines(string(text)) {
		l = strings.TrimSuffix(l, "\n")
		if s, ok := strings.CutPrefix(l, "session "); ok {
			sessions = append(sessions, s)
		} else {
			znodes = append(znodes, l)
		}
	}
	slices.Sort(znodes)
	if diff := cmp.Diff(znodes, seen(state.Tree)); diff != "" {
		t.Errorf("znodes (-want +got):\n%.3000s", diff)
	}
	var got []string
	for id := range maps.Keys(state.Sessions) {
		got = append(got, fmt.Sprint(id, " ", state.Sessions[id]))
	}
	slices.Sort(sessions)
	slices.Sort(got)
	if diff := cmp.Diff(sessions, got); diff != "" {
		t.Errorf("sessions (-want +got):\n%s", diff)
	}
}

// eachSnapshotAlone imports from each snapshot as if it were the newest.
func eachSnapshotAlone(t *testing.T, dir string, want *State) {
	files, err := list(dir, snapshotPrefix)
	if err != nil {
		t.Fatal(err)
	}
	fuzzy := 0
	for _, f := range files {
		lone := t.TempDir()
		copyFile(t, f.path, lone)
		state, err := Import(t.Context(), Dirs{Data: lone, Log: dir}, Options{Tree: extended})
		if err != nil {
			t.Fatal(err)
		}
		sameState(t, state, want)
		r, err := OpenSnapshot(f.path)
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = r.Next()
		}
		if !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		if tr := r.Trailer(); tr.DigestZxid > r.Zxid && tr.LastZxid >= tr.DigestZxid {
			fuzzy++
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if fuzzy == 0 && strings.Contains(dir, "fuzzy") {
		t.Error("no snapshot was written while transactions went on")
	}
}

func copyFile(t rapid.TB, from, toDir string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(filepath.Join(toDir, filepath.Base(from)), b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestGoldenCompression expects the same of a snapshot however it is compressed.
func TestGoldenCompression(t *testing.T) {
	if got := compressionOf("snapshot.58"); got != Plain {
		t.Errorf("%q", got)
	}
	if got := compressionOf("snapshot.58.SNAPPY"); got != Snappy {
		t.Errorf("%q", got)
	}
	if got := compressionOf("snapshot.58.gz.tmp"); got != Plain {
		t.Errorf("%q", got)
	}
	_, err := OpenSnapshot("testdata/apache/plain/version-2/log.2af")
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("a log as a snapshot: %v", err)
	}
}
