package server_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gamekeeper/proto"
	"gamekeeper/server"
	"gamekeeper/server/servertest"
)

// run starts the binary with settings, waits until it ends, and returns the exit code and what it wrote to stderr.
func run(t *testing.T, binary string, settings ...string) (code int, stderr string) {
	t.Helper()
	cmd := command(binary, settings...)
	var out bytes.Buffer
	cmd.Stderr, cmd.WaitDelay = &out, servertest.Patience
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(servertest.Patience, func() { _ = cmd.Process.Kill() })
	defer stuck.Stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

func command(binary string, settings ...string) *exec.Cmd {
	args := []string{"server", "--log-level", "error"}
	for _, s := range append([]string{"clientPort=0", "clientPortAddress=127.0.0.1", "preAllocSize=64"}, settings...) {
		args = append(args, "--set", s)
	}
	return exec.Command(binary, args...)
}

// TestRefusesToStart: what keeps a server from starting is one clear line and an exit code, and damages nothing.
func TestRefusesToStart(t *testing.T) {
	t.Parallel()
	binary, err := servertest.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, takenPort, _ := net.SplitHostPort(taken.Addr().String())

	used := t.TempDir()
	holder := startServer(t, "dataDir="+used, "preAllocSize=64")
	c := connect(t, holder)
	create(t, c, "/n", "value", proto.Persistent)

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	apache := t.TempDir()
	if err := os.MkdirAll(filepath.Join(apache, "version-2"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(apache, "version-2", "log.1"), []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	sealed := t.TempDir()
	for _, name := range []string{"snapshot", "wal"} {
		if err := os.Mkdir(filepath.Join(sealed, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(sealed, "snapshot", "SEAL"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		settings []string
		code     int
		says     []string
	}{
		"dataDir is a file":      {[]string{"dataDir=" + file}, 3, []string{file, "dataDir"}},
		"dataDir below a file":   {[]string{"dataDir=" + filepath.Join(file, "data")}, 3, []string{file, "dataDir"}},
		"dataLogDir is a file":   {[]string{"dataDir=" + t.TempDir(), "dataLogDir=" + file}, 3, []string{file}},
		"directory in use":       {[]string{"dataDir=" + used}, 3, []string{used, "another server"}},
		"snapshot damaged":       {[]string{"dataDir=" + sealed}, 3, []string{sealed, "damaged", "restore a backup"}},
		"data of Apache":         {[]string{"dataDir=" + apache}, 3, []string{apache, "import", "no snapshot"}},
		"port in use":            {[]string{"dataDir=" + t.TempDir(), "clientPort=" + takenPort}, 1, []string{takenPort, "in use"}},
		"metrics port in use":    {[]string{"dataDir=" + t.TempDir(), "metricsProvider.httpHost=127.0.0.1", "metricsProvider.httpPort=" + takenPort}, 1, []string{takenPort, "in use"}},
		"admin port in use":      {[]string{"dataDir=" + t.TempDir(), "admin.enableServer=true", "admin.serverPort=" + takenPort}, 4, []string{"admin.serverPort=" + takenPort, "in use"}},
		"no address of ours":     {[]string{"dataDir=" + t.TempDir(), "clientPortAddress=192.0.2.1"}, 1, []string{"192.0.2.1", "clientPortAddress"}},
		"value that is none":     {[]string{"dataDir=" + t.TempDir(), "tickTime=soon"}, 2, []string{"tickTime=soon"}},
		"contradicting timeouts": {[]string{"dataDir=" + t.TempDir(), "minSessionTimeout=5000", "maxSessionTimeout=4000"}, 2, []string{"SessionTimeout"}},
		"an ensemble":            {[]string{"dataDir=" + apache, "server.1=a:1:2", "server.2=b:1:2", "server.3=c:1:2", "initLimit=5", "syncLimit=5"}, 2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			code, stderr := run(t, binary, x.settings...)
			if code != x.code {
				t.Errorf("exit code %d, want %d", code, x.code)
			}
			if strings.Count(strings.TrimSpace(stderr), "\n") > 0 || !strings.HasPrefix(stderr, "gamekeeper: ") {
				t.Errorf("not one line: %s", stderr)
			}
			for _, text := range x.says {
				if !strings.Contains(stderr, text) {
					t.Errorf("%q is not in: %s", text, stderr)
				}
			}
		})
	}
	for _, path := range []string{file, filepath.Join(apache, "version-2", "log.1")} {
		if b, err := os.ReadFile(path); string(b) != "precious" {
			t.Errorf("%s was changed: %v", path, err)
		}
	}
	if entries, err := os.ReadDir(apache); err != nil || len(entries) != 1 {
		t.Errorf("something was made beside Apache's data: %v, %v", entries, err)
	}
	// The server that has the directory goes on, and so do its data.
	must(t, c, proto.OpSetData, servertest.Set("/n", []byte("newer"), -1))
}

// TestSecondServer is the same conflict within one process, and what is left of it.
func TestSecondServer(t *testing.T) {
	t.Parallel()
	cfg := configure(t)
	first, err := server.Start(cfg, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := connect(t, first)
	create(t, c, "/n", "", proto.Persistent)
	for range 3 {
		if second, err := server.Start(cfg, server.Options{}); !errors.Is(err, server.ErrDataDir) {
			t.Fatalf("%v, %v", second, err)
		}
	}
	create(t, c, "/n/child", "", proto.Persistent)
	stop(t, first)
	second := startOn(t, cfg, nil)
	if c = reattach(t, second, c); !exists(t, c, "/n/child") {
		t.Error("a write of the first server is lost")
	}
}

// TestSignals: SIGTERM and SIGINT end the process with code 0, and everything is there afterwards.
func TestSignals(t *testing.T) {
	t.Parallel()
	binary, err := servertest.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var session *servertest.Client
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		p, err := servertest.Launch(binary, "dataDir="+dir, "preAllocSize=64")
		if err != nil {
			t.Fatal(err)
		}
		addr, err := p.Address()
		if err != nil {
			t.Fatal(err)
		}
		if session == nil {
			session, err = servertest.Connect(addr, 30*time.Second)
		} else {
			session, err = servertest.Reattach(addr, session)
		}
		if err != nil {
			t.Fatal(err)
		}
		create(t, session, "/s-", "", proto.EphemeralSequential)
		if n := len(children(t, session, "/")); sig == os.Interrupt && n != 3 {
			t.Errorf("%d znodes, want both ephemerals and /zookeeper", n)
		}
		if code, err := p.End(sig); code != 0 || err != nil {
			t.Errorf("%v: exit code %d, %v: %s", sig, code, err, p.Log())
		}
	}
}

// TestLogOutOfSight: a server whose log is on a disk that is not mounted must not begin without it, though it has a
// snapshot directory, in which no round may have written anything yet.
func TestLogOutOfSight(t *testing.T) {
	t.Parallel()
	cfg := configure(t)
	cfg.Storage.DataLogDir = t.TempDir()
	s := startOn(t, cfg, nil)
	create(t, connect(t, s), "/acknowledged", "", proto.Persistent)
	stop(t, s)
	mounted := cfg.Storage.DataLogDir
	cfg.Storage.DataLogDir = t.TempDir()
	for range 2 {
		_, err := server.Start(cfg, server.Options{})
		if !errors.Is(err, server.ErrDataDir) || !strings.Contains(err.Error(), "mount the disk of dataLogDir") {
			t.Fatal("it started without its log:", err)
		}
	}
	cfg.Storage.DataLogDir = mounted
	s = startOn(t, cfg, nil)
	if !exists(t, connect(t, s), "/acknowledged") {
		t.Error("an acknowledged write is gone")
	}
}

// TestCrashInFirstStart: what the first start made before a crash does not keep the next one from starting.
func TestCrashInFirstStart(t *testing.T) {
	t.Parallel()
	cfg := configure(t)
	if err := os.Mkdir(server.LogDir(cfg.Storage.DataLogDir), 0o755); err != nil {
		t.Fatal(err)
	}
	create(t, connect(t, startOn(t, cfg, nil)), "/n", "", proto.Persistent)
}
