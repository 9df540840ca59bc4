package bench

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gamekeeper/proto"
)

// startSwarm starts a swarm whose sessions do what newcomers do, unless partOf says otherwise, until the test ends.
func startSwarm(t *testing.T, servers []string, n int, partOf func(int) part) *swarm {
	t.Helper()
	o := DefaultOptions()
	o.Servers, o.Threads, o.Patience = servers, 2, time.Minute
	if partOf == nil {
		partOf = func(int) part { return &newcomer{path: []byte("/"), hold: true} }
	}
	s, err := newSwarm(&o, n, 30*time.Second, partOf)
	if err != nil {
		t.Fatal(err)
	}
	s.retry = time.Millisecond
	t.Cleanup(s.stop)
	return s
}

func assemble(t *testing.T, s *swarm) {
	t.Helper()
	if err := s.gather(context.Background(), "gathering", 0); err != nil {
		t.Fatal(err)
	}
}

// sessionsOf returns the sessions of all agents.
func sessionsOf(t *testing.T, s *swarm) []proto.SessionID {
	t.Helper()
	ids := make([]proto.SessionID, len(s.agents))
	if err := s.eachDone(context.Background(), "looking", func(a *agent) { ids[a.number] = a.session.id }); err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestSwarmAttachesSessionsAgain(t *testing.T) {
	addr := startServer(t)
	s := startSwarm(t, []string{addr}, 20, nil)
	assemble(t, s)
	before := sessionsOf(t, s)
	if err := s.drop(context.Background()); err != nil {
		t.Fatal(err)
	}
	// Without its password a session is not attached, and another one is opened.
	const forgetful = 7
	if err := s.eachDone(context.Background(), "forgetting", func(a *agent) {
		if a.number == forgetful {
			clear(a.session.password)
		}
	}); err != nil {
		t.Fatal(err)
	}
	assemble(t, s)
	for i, id := range sessionsOf(t, s) {
		if id == 0 || (id == before[i]) == (i == forgetful) {
			t.Errorf("session %d was %x and is %x", i, before[i], id)
		}
	}
	if notes := s.troubles.notes(); len(notes) != 1 || notes[0] != "sessions that had expired, and were followed by new ones: 1" {
		t.Errorf("notes %q", notes)
	}
	if err := s.closeSessions(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i, id := range sessionsOf(t, s) {
		if id != 0 {
			t.Errorf("session %d is still open", i)
		}
	}
}

// startDoor passes connections on to a server, but for the first ones, which it closes at once.
func startDoor(t *testing.T, to string, closes int64) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var came atomic.Int64
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			if came.Add(1) <= closes {
				in.Close()
				continue
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
				wg.Go(func() {
					_, _ = io.Copy(way[0], way[1])
					way[0].Close()
				})
			}
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

func TestSwarmTriesAgain(t *testing.T) {
	door := startDoor(t, startServer(t), 9)
	s := startSwarm(t, []string{"127.0.0.1:1", door}, 10, nil) // nothing listens on the first
	assemble(t, s)
	if n := s.troubles.closed.Load(); n != 9 {
		t.Errorf("%d connections were closed", n)
	}
	if n := s.troubles.refused.Load(); n < 5 {
		t.Errorf("%d connections were refused", n)
	}
	if err := s.closeSessions(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestSwarmLosesPatience(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := startSwarm(t, []string{l.Addr().String()}, 3, nil)
	s.options.Patience = 10 * time.Millisecond
	if err := s.gather(context.Background(), "gathering", 1); err == nil || !strings.Contains(err.Error(), "nothing came from the servers") {
		t.Errorf("error %v", err)
	}
}

// A connection that ends while its session is in use fails the run.
func TestSwarmMissesConnection(t *testing.T) {
	f := startFake(t, func(f *fakeServer) {
		f.mangle = func(reply []byte) []byte {
			if len(reply) == 4+proto.ReplyHeaderBytes { // to a heartbeat
				return nil
			}
			return reply
		}
	})
	s := startSwarm(t, []string{f.addr}, 2, nil)
	assemble(t, s)
	s.each(func(a *agent) { a.ping(0) })
	err := s.await(context.Background(), "waiting", nil)
	if err == nil || !strings.Contains(err.Error(), "the server closed the connection of a session in use") {
		t.Errorf("error %v", err)
	}
}

// Notifications that nobody asked for, or that come twice, fail the run.
func TestWatchersAreToldOnce(t *testing.T) {
	path := []byte("/watched")
	changed := proto.WatcherEvent{Type: proto.NodeDataChanged, Path: path}
	for want, events := range map[string][]proto.WatcherEvent{
		"told twice":      {changed, changed},
		"type 2":          {{Type: proto.NodeDeleted, Path: path}},
		"about /watched/": {{Type: proto.NodeDataChanged, Path: []byte("/watched/x")}},
	} {
		w := &watchers{path: path, version: 1, told: newCountdown(5), took: make([]int64, 5)}
		s := startSwarm(t, []string{"127.0.0.1:1"}, 5, func(int) part { return &watcher{watchers: w} })
		s.each(func(a *agent) {
			if a.number == 3 {
				for _, e := range events {
					a.part.event(a, e)
				}
			}
		})
		if err := s.await(context.Background(), "watching", w.told.over); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", want, err)
		}
	}
}

func TestTimersFireInOrder(t *testing.T) {
	s := startSwarm(t, []string{"127.0.0.1:1"}, 1, nil)
	var order []int
	over := make(chan struct{})
	l := s.loops[0]
	l.post(func() {
		for _, d := range []int{3, 1, 2, 0} {
			l.after(time.Duration(d)*2*time.Millisecond, func() {
				if order = append(order, d); len(order) == 4 {
					close(over)
				}
			})
		}
	})
	<-over
	for i, d := range order {
		if i != d {
			t.Errorf("order %v", order)
		}
	}
}
