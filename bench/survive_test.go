package bench

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// gate passes connections on to a server, and cuts them: after so many pieces of data, all at once, or while it is shut.
type gate struct {
	addr string
	to   string
	wg   sync.WaitGroup

	mu     sync.Mutex
	pieces int // that pass until all connections are cut, and more the next time; 0 is no limit
	passed int
	cuts   int
	shut   bool
	conns  map[net.Conn]bool
}

// startGate passes connections on until the test ends.
func startGate(t *testing.T, to string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{addr: l.Addr().String(), to: to, conns: map[net.Conn]bool{}}
	g.wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			g.pass(in)
		}
	})
	t.Cleanup(func() {
		l.Close()
		g.set(true, 0)
		g.wg.Wait()
	})
	return g
}

// set shuts the gate or opens it, and says how many pieces pass between two cuts.
func (g *gate) set(shut bool, pieces int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut, g.pieces, g.passed = shut, pieces, 0
	if shut {
		g.cut()
	}
}

// cut closes all connections; g.mu is held.
func (g *gate) cut() {
	g.cuts++
	for c := range g.conns {
		c.Close()
	}
	clear(g.conns)
}

func (g *gate) pass(in net.Conn) {
	out, err := net.Dial("tcp", g.to)
	if err != nil {
		in.Close()
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		in.Close()
		out.Close()
		return
	}
	g.conns[in], g.conns[out] = true, true
	for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
		g.wg.Go(func() {
			_, _ = io.Copy(way[0], io.TeeReader(way[1], g))
			in.Close()
			out.Close()
			g.mu.Lock()
			defer g.mu.Unlock()
			delete(g.conns, in)
			delete(g.conns, out)
		})
	}
}

// Write counts what passes.
func (g *gate) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.passed++; g.pieces > 0 && g.passed >= g.pieces {
		g.passed, g.pieces = 0, g.pieces*3/2 // some time the run has to get on
		g.cut()
	}
	return len(b), nil
}

// survivors are the storms and recipes that are hurt while they measure, with what a test of theirs changes.
func survivors() map[string]func(o *Options) {
	return map[string]func(o *Options){
		"watchers":            func(o *Options) { o.Requests = 20 },
		"watchers persistent": func(o *Options) { o.Requests, o.Persistent = 20, true },
		"watch-churn":         func(o *Options) { o.Requests = 1000 },
		"ephemerals":          func(o *Options) { o.PerSession = 3 },
		"locks":               func(*Options) {},
		"locks held":          func(o *Options) { o.Locks, o.HoldTime = 4, time.Millisecond },
		"election":            func(o *Options) { o.Connections, o.Requests = 5, 20 },
		"queue":               func(o *Options) { o.Requests = 300 },
		"queue of one":        func(o *Options) { o.Backlog, o.Consumers = 1, 2 },
		"registration":        func(o *Options) { o.Observers = 3 },
	}
}

// Connections that are lost in the midst of whatever goes on are opened again, and what the recipes promise holds.
func TestStormsSurviveLostConnections(t *testing.T) {
	addr := startServer(t)
	for name, change := range survivors() {
		t.Run(name, func(t *testing.T) {
			g := startGate(t, addr)
			workload, _, _ := strings.Cut(name, " ")
			o := stormOptions(g.addr, workload)
			change(&o)
			// A session whose connection is lost while it closes expires.
			o.Reconnect, o.Warmup, o.SessionTimeout = true, 0, 2*time.Second
			p := Progress{Begin: func(time.Time) { g.set(false, 67) }, End: func() { g.set(false, 0) }}
			r, err := Run(context.Background(), o, p)
			if err != nil {
				t.Fatal(err)
			}
			g.mu.Lock()
			cuts := g.cuts
			g.mu.Unlock()
			if cuts == 0 || !strings.Contains(strings.Join(r.Notes, "\n"), "connections that were lost in use") {
				t.Errorf("%d cuts, notes %q", cuts, r.Notes)
			}
			for _, e := range r.Errors {
				if e.Code != int32(connectionLost) {
					t.Errorf("errors %+v", r.Errors)
				}
			}
			checkLeft(t, addr)
		})
	}
}

// Sessions that expire meanwhile are opened anew.
func TestStormsSurviveExpiry(t *testing.T) {
	for name, change := range survivors() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := startServer(t, "maxSessionTimeout=1000")
			g := startGate(t, addr)
			workload, _, _ := strings.Cut(name, " ")
			o := stormOptions(g.addr, workload)
			change(&o)
			o.Reconnect, o.Warmup = true, 0
			var expired sync.WaitGroup
			p := Progress{Begin: func(time.Time) {
				g.set(true, 0)
				expired.Go(func() {
					awaitMetrics(t, addr, "zk_global_sessions\t0\n")
					g.set(false, 0)
				})
			}}
			r, err := Run(context.Background(), o, p)
			expired.Wait()
			if err != nil {
				t.Fatal(err)
			}
			// Those of ephemerals may all have been coming or going.
			if workload != "ephemerals" && !strings.Contains(strings.Join(r.Notes, "\n"), "sessions that had expired") {
				t.Errorf("notes %q", r.Notes)
			}
		})
	}
}
