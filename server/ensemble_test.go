package server_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
	"gamekeeper/server"
	"gamekeeper/server/config"
	"gamekeeper/server/servertest"
)

// ensemble is servers that form one. Those that are not running are nil.
type ensemble struct {
	tb      testing.TB
	keys    []string
	lines   []string // server.N
	dirs    []string
	servers []*server.Server
	disks   map[int]vfs.FS // of servers that have another than this machine's
}

// freeHost returns an address of this machine that other connections do not come from: a port of it is free as long as
// nobody listens there.
func freeHost() string {
	host := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		return "127.0.0.1" // not Linux
	}
	l.Close()
	return host
}

// freePorts returns ports of a host that nobody listens on.
func freePorts(tb testing.TB, host string, n int) []int {
	tb.Helper()
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", host+":0")
		if err != nil {
			tb.Fatal(err)
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}

// startEnsemble starts voters and observers, which find each other. They have the keys in common.
func startEnsemble(tb testing.TB, voters, observers int, keys ...string) *ensemble {
	tb.Helper()
	host := freeHost()
	ports := freePorts(tb, host, 2*(voters+observers))
	return startEnsembleAt(tb, voters, observers, func(i int) string {
		return fmt.Sprintf("%s:%d:%d", host, ports[2*i], ports[2*i+1])
	}, keys...)
}

// startApart is startEnsemble with a host for each server, on all of which the same ports are used, and with followers
// that serve observers.
func startApart(tb testing.TB, voters, observers int, keys ...string) *ensemble {
	tb.Helper()
	hosts := make([]string, voters+observers)
	for i := range hosts {
		if hosts[i] = freeHost(); hosts[i] == "127.0.0.1" {
			tb.Skip("this machine has one address")
		}
	}
	ports := freePorts(tb, hosts[0], 3)
	return startEnsembleAt(tb, voters, observers, func(i int) string {
		return fmt.Sprintf("%s:%d:%d", hosts[i], ports[0], ports[1])
	}, append(keys, fmt.Sprintf("observerMasterPort=%d", ports[2]))...)
}

// startEnsembleAt starts servers at addresses, host:port:port.
func startEnsembleAt(tb testing.TB, voters, observers int, address func(i int) string, keys ...string) *ensemble {
	tb.Helper()
	n := voters + observers
	e := &ensemble{tb: tb, keys: keys, servers: make([]*server.Server, n)}
	e.prepare(voters, observers, address)
	tb.Cleanup(func() {
		for i, s := range e.servers {
			if s != nil {
				e.stop(i)
			}
		}
	})
	for i := range n {
		e.start(i)
	}
	return e
}

// prepare gives the servers their lines of the configuration, and directories.
func (e *ensemble) prepare(voters, observers int, address func(i int) string) {
	tb := e.tb
	tb.Helper()
	for i := range voters + observers {
		role := "participant"
		if i >= voters {
			role = "observer"
		}
		e.lines = append(e.lines, fmt.Sprintf("server.%d=%s:%s", i+1, address(i), role))
		dir := tb.TempDir()
		e.dirs = append(e.dirs, dir)
		if err := os.WriteFile(filepath.Join(dir, "myid"), []byte(strconv.Itoa(i+1)), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
}

// config is the configuration of server i, counted from 0.
func (e *ensemble) config(i int, keys ...string) config.Config {
	e.tb.Helper()
	all := []string{"clientPort=0", "clientPortAddress=127.0.0.1", "dataDir=" + e.dirs[i], "preAllocSize=4096",
		"maxClientCnxns=0", "tickTime=200", "initLimit=20", "syncLimit=10", "minSessionTimeout=400", "maxSessionTimeout=60000"}
	all = append(append(append(all, e.lines...), e.keys...), keys...)
	cfg, _, err := config.Load("", all)
	if err != nil {
		e.tb.Fatal(err)
	}
	return cfg
}

// start starts server i, with keys of its own besides.
func (e *ensemble) start(i int, keys ...string) *server.Server {
	e.tb.Helper()
	opts := server.Options{Loops: 1, FS: e.disks[i]}
	if os.Getenv("GAMEKEEPER_TEST_LOG") != "" {
		opts.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("me", i+1)
	}
	s, err := server.Start(e.config(i, keys...), opts)
	if err != nil {
		e.tb.Fatal(err)
	}
	e.servers[i] = s
	return s
}

func (e *ensemble) stop(i int) {
	e.tb.Helper()
	s := e.servers[i]
	e.servers[i] = nil
	stop(e.tb, s)
}

// mode is what a server says it is: leader, follower, observer, or empty while it does not serve, and if it closes
// all connections at this very moment.
func mode(tb testing.TB, s *server.Server) string {
	tb.Helper()
	nc, err := net.Dial("tcp", s.Addr())
	if err != nil {
		tb.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Write([]byte("srvr")); err != nil {
		return ""
	}
	_ = nc.SetReadDeadline(time.Now().Add(servertest.Patience))
	answer, _ := io.ReadAll(nc)
	_, rest, ok := strings.Cut(string(answer), "Mode: ")
	if !ok {
		return ""
	}
	m, _, _ := strings.Cut(rest, "\n")
	return m
}

// await waits until every running server serves, and returns the leader's index.
func (e *ensemble) await() (leader int) {
	e.tb.Helper()
	eventually(e.tb, "all servers serve", func() bool {
		leader = -1
		for i, s := range e.servers {
			if s == nil {
				continue
			}
			switch m := mode(e.tb, s); m {
			case "":
				return false
			case "leader":
				leader = i
			}
		}
		return leader >= 0
	})
	return leader
}

// others returns the running servers but one.
func (e *ensemble) others(not int) (list []int) {
	for i, s := range e.servers {
		if s != nil && i != not {
			list = append(list, i)
		}
	}
	return list
}

// sync makes what was written anywhere visible to c.
func syncUp(tb testing.TB, c *servertest.Client) {
	tb.Helper()
	must(tb, c, proto.OpSync, servertest.Path("/"))
}

// rejoin goes on with the session of old at a server, as soon as that has what the client has seen.
func rejoin(tb testing.TB, s *server.Server, old *servertest.Client) (c *servertest.Client) {
	tb.Helper()
	eventually(tb, "the server has what the client has seen", func() bool {
		var err error
		if c, err = servertest.Reattach(s.Addr(), old); errors.Is(err, servertest.ErrTurnedAway) {
			tb.Fatal(err)
		}
		return err == nil
	})
	tb.Cleanup(func() { c.Close() })
	return c
}

// agree checks that all servers hold the same.
func (e *ensemble) agree() {
	e.tb.Helper()
	var first map[string]string
	for i, s := range e.servers {
		if s == nil {
			continue
		}
		c := connect(e.tb, s)
		syncUp(e.tb, c)
		all := everything(e.tb, c, "/", map[string]string{})
		c.Close()
		if first == nil {
			first = all
			continue
		}
		for path, what := range first {
			if all[path] != what {
				e.tb.Errorf("server %d has %s as %s, another %s", i+1, path, all[path], what)
			}
		}
		if len(all) != len(first) {
			e.tb.Errorf("server %d has %d znodes, another %d", i+1, len(all), len(first))
		}
	}
}
