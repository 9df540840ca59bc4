package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gamekeeper/proto"
	"gamekeeper/server"
	"gamekeeper/server/servertest"
)

// TestForsakenConnection: a connection on which nothing comes any more is closed when its session would have ended, also
// if that goes on at another server.
func TestForsakenConnection(t *testing.T) {
	t.Parallel()
	e := startEnsemble(t, 3, 0)
	others := e.others(e.await())
	old := connectFor(t, e.servers[others[0]], time.Second)
	quiet := connectFor(t, e.servers[others[0]], 50*time.Second)
	c := reattach(t, e.servers[others[1]], old)
	closed := make(chan error)
	go func() {
		_, err := old.Drained()
		closed <- err
	}()
	eventually(t, "the forsaken connection is closed", func() bool {
		must(t, c, proto.OpExists, servertest.Watch("/", false))
		select {
		case err := <-closed:
			if err != nil {
				t.Error(err)
			}
			return true
		default:
			return false
		}
	})
	must(t, quiet, proto.OpExists, servertest.Watch("/", false))
	must(t, c, proto.OpExists, servertest.Watch("/", false))
}

// leave has a client end its session and close the connection without a look at the answers, as the C client does. What
// it sent is done: it has written, and its ephemeral goes.
func leave(t *testing.T, s *server.Server, n int) {
	t.Helper()
	other, c := connect(t, s), connectFor(t, s, time.Hour)
	ephemeral, written := fmt.Sprintf("/leaving-%d", n), fmt.Sprintf("/left-%d", n)
	create(t, c, ephemeral, "", proto.Ephemeral)
	must(t, other, proto.OpExists, servertest.Watch(ephemeral, true))
	c.Send(proto.OpCreate, servertest.Create(written, nil, proto.Persistent))
	c.Send(proto.OpCloseSession, nil)
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if f, err := other.Read(); err != nil || !f.IsEvent() || f.Event().Type != proto.NodeDeleted {
		t.Fatalf("round %d: %+v, %v", n, f, err)
	}
	if !exists(t, other, written) {
		t.Errorf("round %d: what was sent before the end of the session is not done", n)
	}
}

func TestLeaveWithoutWaiting(t *testing.T) {
	t.Parallel()
	s := startServer(t, "maxSessionTimeout=3600000")
	for n := range 100 {
		leave(t, s, n)
	}
}

func TestLeaveEnsembleWithoutWaiting(t *testing.T) {
	t.Parallel()
	e := startEnsemble(t, 3, 0, "maxSessionTimeout=3600000")
	leader := e.await()
	for n := range 20 {
		leave(t, e.servers[leader], 2*n)
		leave(t, e.servers[e.others(leader)[0]], 2*n+1)
	}
}

// TestLeaveLocallyWithoutWaiting is about sessions that only their server knows.
func TestLeaveLocallyWithoutWaiting(t *testing.T) {
	t.Parallel()
	e := startEnsemble(t, 3, 0, "localSessionsEnabled=true", "maxSessionTimeout=3600000", "4lw.commands.whitelist=mntr")
	leader := e.await()
	for _, i := range []int{leader, e.others(leader)[0]} {
		s := e.servers[i]
		for range 20 {
			c := connectFor(t, s, time.Hour)
			c.Send(proto.OpExists, servertest.Watch("/", false))
			c.Send(proto.OpCloseSession, nil)
			if err := c.Flush(); err != nil {
				t.Fatal(err)
			}
			_ = c.Close()
		}
		eventually(t, "no session is left", func() bool {
			return strings.Contains(word(t, s.Addr(), "mntr", false), "zk_local_sessions\t0\n")
		})
	}
}
