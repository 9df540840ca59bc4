package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/bench/report"
	"gamekeeper/proto"
	"gamekeeper/server"
	"gamekeeper/server/config"
)

// startServer serves until the test ends, from memory. Storms are more than the fake server knows of.
func startServer(tb testing.TB, keys ...string) (addr string) {
	tb.Helper()
	cfg, _, err := config.Load("", append([]string{"clientPort=0", "clientPortAddress=127.0.0.1", "dataDir=" + tb.TempDir(),
		"preAllocSize=4096", "maxClientCnxns=0", "tickTime=100", "maxSessionTimeout=60000", "4lw.commands.whitelist=mntr"}, keys...))
	if err != nil {
		tb.Fatal(err)
	}
	s, err := server.Start(cfg, server.Options{FS: vfs.NewMem()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return s.Addr()
}

// stormOptions is a small run.
func stormOptions(addr, workload string) Options {
	o := DefaultOptions()
	o.Servers = []string{addr}
	o.Workload = workload
	o.Connections, o.Outstanding, o.Threads = 12, 3, 2
	o.Keys, o.Size, o.Reads = 150, fixedSize(32), 50
	o.Requests, o.Warmup = 60, time.Millisecond
	return o
}

// Each storm and each recipe runs, has its figures, and leaves neither sessions nor znodes.
func TestStorms(t *testing.T) {
	addr := startServer(t)
	for name, change := range map[string]func(o *Options){
		"watchers":            func(o *Options) { o.Requests = 5 },
		"watchers persistent": func(o *Options) { o.Requests, o.Persistent = 5, true },
		"watch-churn":         func(o *Options) { o.Requests = 2000 },
		"watch-churn deep":    func(o *Options) { o.Shape = string(shapeDeep) },
		"connects":            func(*Options) {},
		"connects some":       func(o *Options) { o.AtOnce, o.Hold = 3, false },
		"reconnects":          func(*Options) {},
		"expiries":            func(o *Options) { o.SessionTimeout, o.Probe = time.Second, time.Millisecond },
		"ephemerals":          func(o *Options) { o.PerSession = 3 },
		"locks":               func(*Options) {},
		"locks held":          func(o *Options) { o.Locks, o.HoldTime = 4, time.Millisecond },
		"election":            func(*Options) {},
		"queue":               func(o *Options) { o.Requests = 300 },
		"queue of one":        func(o *Options) { o.Backlog, o.Consumers = 1, 2 },
		"registration":        func(o *Options) { o.Observers = 3 },
	} {
		t.Run(name, func(t *testing.T) {
			workload, _, _ := strings.Cut(name, " ")
			o := stormOptions(addr, workload)
			change(&o)
			r, err := Run(context.Background(), o, Progress{})
			if err != nil {
				t.Fatal(err)
			}
			checkFigures(t, o, r)
			checkLeft(t, addr)
		})
	}
}

func checkFigures(t *testing.T, o Options, r *report.Run) {
	t.Helper()
	s, err := Scenario(o)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Values) != len(s.Figures) {
		t.Errorf("values %v", r.Values)
	}
	for i, f := range s.Figures {
		if v, ok := r.Values[f.Name]; !ok || i == 0 && v <= 0 {
			t.Errorf("%s is %v, of %v", f.Name, v, r.Values)
		}
	}
	if len(r.Latency) == 0 || len(r.Kinds) == 0 || r.Elapsed <= 0 || r.Began.IsZero() || len(r.Errors) != 0 {
		t.Errorf("run %+v", r)
	}
}

// askMetrics returns what a server answers to mntr.
func askMetrics(t *testing.T, addr string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer conn.Close()
	fmt.Fprint(conn, "mntr")
	mntr, err := io.ReadAll(conn)
	if err != nil {
		t.Error(err)
	}
	return string(mntr)
}

// awaitMetrics waits until the answer to mntr has a line.
func awaitMetrics(t *testing.T, addr, line string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(askMetrics(t, addr), line); <-tick.C {
		if time.Now().After(deadline) {
			t.Errorf("no %q in the answer to mntr", line)
			return
		}
	}
}

// checkLeft sees that nobody left anything at a server, whose metrics may be a little behind its replies. It is much
// faster than sessions of storms expire.
func checkLeft(t *testing.T, addr string) {
	t.Helper()
	for _, want := range []string{"zk_global_sessions\t0\n", "zk_ephemerals_count\t0\n", "zk_watch_count\t0\n"} {
		awaitMetrics(t, addr, want)
	}
	c, err := newClient(context.Background(), &dialer{SessionTimeout: time.Second, Patience: time.Minute}, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if names, err := c.children([]byte("/")); err != nil || len(names) != 1 {
		t.Errorf("left behind: %s, error %v", names, err)
	}
}

func TestStormInterrupted(t *testing.T) {
	addr := startServer(t)
	for _, workload := range []string{"queue", "watchers", "expiries"} {
		o := stormOptions(addr, workload)
		o.Requests, o.Duration, o.Warmup = 0, time.Hour, 0
		ctx, cancel := context.WithCancel(context.Background())
		p := Progress{Stage: func(name string) {
			if name == "measuring" || strings.HasPrefix(name, "dropping") {
				cancel()
			}
		}}
		if _, err := Run(ctx, o, p); err == nil || ctx.Err() == nil {
			t.Errorf("%s: error %v", workload, err)
		}
		cancel()
		c, err := newClient(context.Background(), &dialer{SessionTimeout: time.Second, Patience: time.Minute}, addr)
		if err != nil {
			t.Fatal(err)
		}
		if names, err := c.children([]byte("/")); err != nil || len(names) != 1 {
			t.Errorf("%s left %s behind, error %v", workload, names, err)
		}
		c.close()
	}
}

func TestStormUsage(t *testing.T) {
	f := startFake(t, nil)
	for args, want := range map[string]string{
		"--workload queue --consumers 9 --connections 9": "both consumers and producers",
		"--workload election --connections 1":            "two candidates",
		"--workload locks --keep":                        "--keep is for",
		"--workload locks --reuse":                       "--reuse is for",
		"--workload locks --hold-time -1s":               "--hold-time -1s is negative",
		"--session-timeout 3ms":                          "--session-timeout 3ms is below a second",
		"--probe 0s":                                     "--probe 0s is too short",
		"--at-once -1":                                   "--at-once -1 is out of range",
	} {
		if err := execute(args + " --servers " + f.addr); exitCode(err) != 2 || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: exit code %d, error %v", args, exitCode(err), err)
		}
	}
	if err := reserveFiles(1 << 40); exitCode(err) != 2 || !strings.Contains(err.Error(), "ulimit -n") {
		t.Errorf("a million million files: %v", err)
	}
}

// errors of the recipes' referees are the point of them.
func TestReferee(t *testing.T) {
	place := func(n int) []byte { return fmt.Appendf(nil, "/l/n-%010d", n) }
	r := newReferee(2)
	steps := []struct {
		lock, session, place int
		drop                 bool
		want                 string
	}{
		{lock: 0, session: 1, place: 0},
		{lock: 1, session: 2, place: 7},
		{lock: 1, session: 3, place: 8, want: "sessions 2 and 3 hold one lock"},
		{lock: 1, drop: true},
		{lock: 1, session: 3, place: 6, want: "place 6 of the line, after place 7"},
		{lock: 1, session: 3, place: 8},
	}
	for i, s := range steps {
		if s.drop {
			r.drop(s.lock)
			continue
		}
		err := r.take(s.lock, s.session, place(s.place))
		if s.want == "" && err != nil || s.want != "" && (err == nil || !strings.Contains(err.Error(), s.want)) {
			t.Errorf("step %d: %v", i, err)
		}
	}
	if err := r.take(0, 1, []byte("/l/0123456789x")); err == nil {
		t.Error("a place without a number was taken")
	}
}

func TestLedger(t *testing.T) {
	l := newLedger(2)
	for i := range 3 {
		if n, ok := l.enter(&producer{}, int64(10+i)); ok != (i < 2) || ok && n != i {
			t.Errorf("item %d: %d, %v", i, n, ok)
		}
	}
	if made, err := l.consume(1); made != 11 || err != nil {
		t.Errorf("made at %d, error %v", made, err)
	}
	for number, want := range map[uint64]string{1: "twice", 2: "only 2 were made", 1 << 63: "only 2 were made"} {
		if _, err := l.consume(number); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("item %d: %v", number, err)
		}
	}
	l.seal()
	select {
	case <-l.empty:
		t.Fatal("empty with an item")
	default:
	}
	if _, err := l.consume(0); err != nil {
		t.Fatal(err)
	}
	<-l.empty
}

// A change is known when the observer that is furthest behind has listed it.
func TestRegistry(t *testing.T) {
	s := startSwarm(t, []string{"127.0.0.1:1"}, 1, nil)
	r := &registry{listed: make([]proto.Zxid, 2)}
	known := make(chan proto.Zxid, 3)
	change := func(zxid proto.Zxid) {
		r.changed(&service{agent: s.agents[0], changed: zxid, knows: func() { known <- zxid }})
	}
	see := func(observer int, zxid proto.Zxid) {
		t.Helper()
		if err := r.saw(observer, zxid); err != nil {
			t.Error(err)
		}
	}
	change(5)
	change(7)
	see(0, 7)
	see(1, 6)
	if zxid := <-known; zxid != 5 {
		t.Errorf("%v is known", zxid)
	}
	if len(r.unknown) != 1 {
		t.Errorf("%d changes are unknown", len(r.unknown))
	}
	change(6)
	<-known
	if err := r.saw(0, 6); err == nil {
		t.Error("an observer went back in time")
	}
	see(1, 9)
	if zxid := <-known; zxid != 7 {
		t.Errorf("%v is known", zxid)
	}
}

func TestKeyNumbers(t *testing.T) {
	for _, s := range []shape{shapeTwoLevel, shapeWide, shapeDeep} {
		p := newKeyPaths("/r", s, 3)
		for _, n := range []int{0, 7, 99, 100, 12_345_678} {
			path := p.appendKey(nil, n)
			if got, ok := p.number(path); !ok || got != n {
				t.Errorf("%s is number %d, %v; want %d", path, got, ok, n)
			}
		}
		for _, path := range []string{"", "/r", "/r/keys/", "/r/keys/000000", "/r/keys/000000/0x", "/r/wide/1", "/r/keys/0000000/00"} {
			if n, ok := p.number([]byte(path)); ok {
				t.Errorf("%q is number %d", path, n)
			}
		}
	}
}

// What may have been done before a connection was lost explains an item that comes again, and nothing else does.
func TestLedgerKnowsDoubts(t *testing.T) {
	l := newLedger(9)
	for range 3 {
		l.enter(&producer{}, 5)
	}
	l.repeat(0)
	l.repeat(0) // two copies may be there besides
	l.gone(1)   // deleted by whoever
	for i, want := range []struct {
		number uint64
		made   int64
		fails  bool
	}{{0, 5, false}, {0, 0, false}, {0, 0, false}, {0, 0, true}, {1, 0, false}, {1, 0, true}, {2, 5, false}, {2, 0, true}} {
		if made, err := l.consume(want.number); made != want.made || (err != nil) != want.fails {
			t.Errorf("step %d: made at %d, error %v", i, made, err)
		}
	}
	l.seal()
	<-l.empty
}
