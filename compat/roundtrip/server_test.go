package roundtrip

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gamekeeper/server/servertest"
)

// sessionTimeout is longer than anything here takes.
const sessionTimeout = 40 * time.Second

// underTest is the server that the runner started.
type underTest struct {
	addr, control, dataDir string
}

// server returns the server that the runner started, if it is of this target.
func server(t *testing.T, target string) underTest {
	addr, control, config := os.Getenv("ZK_ADDRESS"), os.Getenv("COMPAT_CONTROL"), os.Getenv("COMPAT_CONFIG")
	if addr == "" || control == "" || config == "" {
		t.Skip("runs as a program of compat/run")
	}
	if os.Getenv("COMPAT_TARGET") != target {
		t.Skipf("is for %s", target)
	}
	return underTest{addr, control, filepath.Join(filepath.Dir(config), "data")}
}

func (s underTest) do(t *testing.T, verb string) {
	t.Helper()
	if out, err := exec.Command(s.control, verb).CombinedOutput(); err != nil {
		t.Fatalf("%s the server: %v\n%s", verb, err, out)
	}
}

func (s underTest) connect(t *testing.T) *servertest.Client {
	t.Helper()
	c, err := servertest.Connect(s.addr, sessionTimeout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// reattach goes on with the clients' sessions.
func (s underTest) reattach(t *testing.T, clients []*servertest.Client) {
	t.Helper()
	for i, c := range clients {
		_ = c.Close()
		again, err := servertest.Reattach(s.addr, c)
		if err != nil {
			t.Fatalf("session %s: %v", c.Session, err)
		}
		clients[i] = again
		t.Cleanup(func() { _ = again.Close() })
	}
}

// metric is a number that mntr tells.
func (s underTest) metric(t *testing.T, name string) string {
	t.Helper()
	conn, err := net.DialTimeout("tcp", s.addr, servertest.Patience)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("mntr")); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == name {
			return f[1]
		}
	}
	t.Fatalf("mntr does not tell %s", name)
	return ""
}

// keep copies the files of the server into dir, with a listing of what its clients saw and their sessions.
func (s underTest) keep(t *testing.T, dir string, seen dump, clients []*servertest.Client) {
	t.Helper()
	if err := os.CopyFS(dir, os.DirFS(s.dataDir)); err != nil {
		t.Fatal(err)
	}
	logs, err := filepath.Glob(filepath.Join(dir, "version-2", "log.*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range logs { // most of a log is zeros
		b, err := os.ReadFile(l)
		if err == nil {
			err = os.WriteFile(l, append(bytes.TrimRight(b, "\x00"), make([]byte, 64)...), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var b strings.Builder
	for _, c := range clients {
		fmt.Fprintln(&b, "session", c.Session, c.Timeout.Milliseconds())
	}
	for _, path := range slices.Sorted(maps.Keys(seen)) {
		fmt.Fprintln(&b, path, seen[path])
	}
	if err := os.WriteFile(filepath.Join(dir, "seen.txt"), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
