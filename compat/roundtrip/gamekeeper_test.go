package roundtrip

import (
	"cmp"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"gamekeeper/proto"
	"gamekeeper/server/servertest"
)

// startApache starts an Apache server of our own on whatever is in dir/data.
func startApache(t *testing.T, dir string) underTest {
	t.Helper()
	s := underTest{fmt.Sprint("127.0.0.1:", freePorts(t, 1)[0]), filepath.Join(dir, "control"), filepath.Join(dir, "data")}
	script, err := filepath.Abs("apache")
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(s.control, fmt.Appendf(nil, "#!/bin/sh\nexec '%s' \"$1\" '%s'\n", script, dir), 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(script, "start", dir, s.addr[len("127.0.0.1:"):], "tickTime=500", "maxSessionTimeout=40000",
		"4lw.commands.whitelist=*", "extendedTypesEnabled=true", "znode.container.checkIntervalMs=300", "snapCount=2000").CombinedOutput()
	t.Cleanup(func() { s.do(t, "kill") })
	if err != nil {
		t.Fatalf("start Apache: %v\n%s", err, out)
	}
	return s
}

// gamekeeper runs the binary.
func gamekeeper(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(cmp.Or(os.Getenv("GAMEKEEPER"), "../bin/gamekeeper"), args...).CombinedOutput(); err != nil {
		t.Fatalf("gamekeeper %q: %v\n%s", args, err, out)
	}
}

// contents are checksums of the files in dir.
func contents(t *testing.T, dir string) map[string]uint32 {
	t.Helper()
	sums := map[string]uint32{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, path))
		sums[path] = crc32.ChecksumIEEE(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}

// TestThroughGamekeeper swaps the binary under the data and the clients of an Apache server, and back.
func TestThroughGamekeeper(t *testing.T) {
	s := server(t, "gamekeeper")
	home := os.Getenv("COMPAT_DIR")
	first := startApache(t, filepath.Join(home, "apache1"))
	clients := load(t, first, 2_000, 6_000)
	before := dumpServer(t, clients[0])
	first.do(t, "kill")

	// By itself, when there is nothing but Apache's data.
	s.do(t, "stop")
	if err := os.RemoveAll(s.dataDir); err != nil {
		t.Fatal(err)
	}
	version := filepath.Join(s.dataDir, "version-2")
	if err := os.CopyFS(version, os.DirFS(filepath.Join(first.dataDir, "version-2"))); err != nil {
		t.Fatal(err)
	}
	original := contents(t, version)
	s.do(t, "start")
	s.reattach(t, clients)
	same(t, "Gamekeeper on Apache's data", dumpServer(t, clients[0]), before)
	if _, err := clients[0].Do(proto.OpCreate, servertest.Create("/by-gamekeeper", []byte("x"), proto.Ephemeral)); err != nil {
		t.Fatal(err)
	}
	if _, err := clients[1].Do(proto.OpCloseSession, nil); err != nil {
		t.Fatal(err)
	}
	clients = append(clients[:1], clients[2:]...)
	after := dumpServer(t, clients[0])
	s.do(t, "stop")
	if diff := gocmp.Diff(original, contents(t, version)); diff != "" {
		t.Fatalf("Apache's files were changed (-before +after):\n%s", diff)
	}

	second := filepath.Join(home, "apache2")
	gamekeeper(t, "export", "--config", filepath.Join(filepath.Dir(s.dataDir), "zoo.cfg"), "--to", filepath.Join(second, "data"))
	third := startApache(t, second)
	third.reattach(t, clients)
	same(t, "Apache on Gamekeeper's data", dumpServer(t, clients[0]), after)
	if n := third.metric(t, "zk_digest_mismatches_count"); n != "0" {
		t.Fatalf("Apache found %s digests different", n)
	}

	// By command, and out again at once.
	place := "dataDir=" + filepath.Join(home, "place")
	gamekeeper(t, "import", "--from", first.dataDir, "--set", place, "--set", "extendedTypesEnabled=true")
	gamekeeper(t, "export", "--gzip", "--to", filepath.Join(home, "out"), "--set", place, "--set", "extendedTypesEnabled=true")
	in, out := importFrom(t, first.dataDir), importFrom(t, filepath.Join(home, "out"))
	if in.Tree.Digest() != out.Tree.Digest() || in.Zxid != out.Zxid || gocmp.Diff(in.Sessions, out.Sessions) != "" {
		t.Fatalf("digest %d at %s, want %d at %s; sessions %v, want %v", out.Tree.Digest(), out.Zxid, in.Tree.Digest(), in.Zxid, out.Sessions, in.Sessions)
	}
	same(t, "imported and exported", dumpTree(out.Tree), before)
}
