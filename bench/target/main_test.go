package target

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary be all programs that a target starts: a server of Gamekeeper, the Java VM with a
// server of Apache's, "gamekeeper backup", and a program that dies and leaves its servers to themselves.
func TestMain(m *testing.M) {
	args := os.Args[1:]
	switch {
	case len(args) == 2 && args[0] == "server":
		fakeServer(args[1])
	case slices.Equal(args, []string{"-version"}):
		fmt.Fprint(os.Stderr, javaVersionText)
	case slices.Contains(args, "org.apache.zookeeper.server.quorum.QuorumPeerMain"):
		fakeServer(args[len(args)-1])
	case len(args) > 1 && args[0] == "backup" && args[1] == "save":
		fakeBackup(args[2:])
	case slices.Equal(args, []string{"orphans"}):
		fakeOrphans()
	default:
		os.Exit(m.Run())
	}
}

const javaVersionText = `Picked up JAVA_TOOL_OPTIONS: -Dx=y
openjdk version "17.0.99" 2026-01-01
OpenJDK Runtime Environment (build 17.0.99+1)
OpenJDK 64-Bit Server VM (build 17.0.99+1, mixed mode, sharing)
`

// fakeServer serves four-letter words as its zoo.cfg says. In an ensemble the first voter leads whose election port is
// open. Lines of zoo.cfg have it misbehave: fake.fail, fake.deaf, fake.stubborn.
func fakeServer(file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		fatal(err)
	}
	config := map[string]string{}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		config[key] = value
	}
	if _, ok := config["fake.fail"]; ok {
		fatal("the fake was told to fail")
	}
	if _, ok := config["fake.stubborn"]; ok {
		signal.Ignore(syscall.SIGTERM)
	}
	id := "1"
	if b, err := os.ReadFile(filepath.Join(config["dataDir"], "myid")); err == nil {
		id = strings.TrimSpace(string(b))
	}
	if member := config["server."+id]; member != "" {
		if _, err := net.Listen("tcp", election(member)); err != nil {
			fatal(err)
		}
	}
	l, err := net.Listen("tcp", config["clientPortAddress"]+":"+config["clientPort"])
	if err != nil {
		fatal(err)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			fatal(err)
		}
		reply(c, config, id)
	}
}

func reply(c net.Conn, config map[string]string, id string) {
	defer c.Close()
	if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
		return
	}
	if _, ok := config["fake.deaf"]; ok {
		fmt.Fprintln(c, "This ZooKeeper instance is not currently serving requests")
		return
	}
	fmt.Fprintf(c, "Zookeeper version: 3.9.9-fake, built on 2026-01-01\nMode: %s\n", fakeMode(config, id))
}

func fakeMode(config map[string]string, id string) string {
	if config["server.1"] == "" {
		return standalone
	}
	if config["peerType"] == "observer" {
		return "observer"
	}
	for other := '1'; string(other) < id; other++ {
		if c, err := net.Dial("tcp", election(config["server."+string(other)])); err == nil {
			c.Close()
			return following
		}
	}
	return leading
}

// election is the address of a member for elections, of host:port:port[:observer].
func election(member string) string {
	f := strings.Split(member, ":")
	return f[0] + ":" + f[2]
}

func fakeBackup(args []string) {
	if _, err := os.Stat(args[1]); err != nil || args[0] != "--data-dir" || args[2] != "--to" {
		fatal("bad arguments of the backup")
	}
	if err := os.WriteFile(filepath.Join(args[3], "backup"), make([]byte, 1_500_000), 0o600); err != nil {
		fatal(err)
	}
}

// fakeOrphans starts a target, tells where it is, and waits for its own end.
func fakeOrphans() {
	t, err := Spec{Name: "orphans", Kind: Gamekeeper, Voters: 2}.Start(context.Background(), Options{Dir: os.Getenv("FAKE_DIR")})
	if err != nil {
		fatal(err)
	}
	fmt.Println(strings.Join(t.Servers(), ","))
	select {}
}

func fatal(what any) {
	fmt.Fprintln(os.Stderr, what)
	os.Exit(1)
}

// startFake starts a target of fakes, and stops it with the test.
func startFake(t *testing.T, spec string, o Options) *Target {
	t.Helper()
	s, err := Parse(spec)
	if err != nil {
		t.Fatal(err)
	}
	o.Dir, o.Java = t.TempDir(), os.Args[0]
	target, err := s.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := target.Stop(false); err != nil {
			t.Error(err)
		}
	})
	return target
}

// within fails the test if a condition does not come to hold.
func within(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if !poll(ctx, condition) {
		t.Fatal("not within a minute: " + what)
	}
}

// poll waits until a condition holds; it is false if the context ends first.
func poll(ctx context.Context, condition func() bool) bool {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// modes asks all servers of a target for their modes.
func modes(t *testing.T, target *Target) []string {
	var all []string
	for _, s := range target.servers {
		all = append(all, target.mode(t.Context(), s))
	}
	return all
}
