package gozk

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
)

const patience = 60 * time.Second // no wait in these tests is longer

var world = zk.WorldACL(zk.PermAll)

// client is a connection whose TCP connection can be cut by the test.
type client struct {
	*zk.Conn
	t *testing.T

	mu     sync.Mutex
	tcp    net.Conn
	served net.Conn   // the last one that has a session
	states []zk.State // reported by the client and not yet waited for
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// connect opens a session and waits until the server has granted it.
func connect(t *testing.T, timeout time.Duration) *client {
	t.Helper()
	return connectUnless(t, timeout, new(atomic.Bool))
}

// connectUnless is connect for a client that reaches the server only while
// blocked is false.
func connectUnless(t *testing.T, timeout time.Duration, blocked *atomic.Bool) *client {
	t.Helper()
	address := os.Getenv("ZK_ADDRESS")
	if address == "" {
		t.Skip("ZK_ADDRESS is not set")
	}
	c := &client{t: t}
	dial := func(network, address string, timeout time.Duration) (net.Conn, error) {
		if blocked.Load() {
			return nil, errors.New("blocked by the test")
		}
		tcp, err := net.DialTimeout(network, address, timeout)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.tcp = tcp
		if err == nil && os.Getenv("COMPAT_TARGET") == "apache" {
			time.AfterFunc(handshakeMax, func() { c.giveUp(tcp) })
		}
		return tcp, err
	}
	// The client's own channel drops events that nobody takes at once.
	keep := func(e zk.Event) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.states = append(c.states, e.State)
		if e.State == zk.StateHasSession {
			c.served = c.tcp
		}
	}
	conn, _, err := zk.Connect([]string{address}, timeout, zk.WithDialer(dial), zk.WithLogger(quiet{}), zk.WithEventCallback(keep))
	if err != nil {
		t.Fatal(err)
	}
	c.Conn = conn
	t.Cleanup(conn.Close)
	c.waitState(zk.StateHasSession)
	return c
}

// handshakeMax is how long Apache's server has for the answer to a handshake. One that just starts may accept a
// connection and never read from it, and the library would wait for ten times its read timeout. A Gamekeeper server
// gets no such help.
const handshakeMax = 10 * time.Second

// giveUp closes a connection on which no session was granted.
func (c *client) giveUp(tcp net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.served != tcp {
		tcp.Close()
	}
}

// cut breaks the TCP connection under the client.
func (c *client) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tcp.Close()
}

// waitState waits until the client reports the state, or finds it among the
// earlier reports; those up to it are then forgotten.
func (c *client) waitState(want zk.State) {
	c.t.Helper()
	eventually(c.t, "state "+want.String(), func() (bool, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		i := slices.Index(c.states, want)
		if i < 0 {
			return false, nil
		}
		c.states = c.states[i+1:]
		return true, nil
	})
}

// receive waits for a watch to fire.
func receive(t *testing.T, ch <-chan zk.Event) zk.Event {
	t.Helper()
	select {
	case e := <-ch:
		return e
	case <-time.After(patience):
		t.Fatalf("no event within %v", patience)
		return zk.Event{}
	}
}

func control(t *testing.T, verb string) {
	t.Helper()
	if out, err := exec.Command(os.Getenv("COMPAT_CONTROL"), verb).CombinedOutput(); err != nil {
		t.Fatalf("server %s: %v\n%s", verb, err, out)
	}
}

// must returns v if err is nil.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// eventually retries through lost connections until the condition holds.
func eventually(t *testing.T, what string, condition func() (bool, error)) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		done, err := condition()
		if done && err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s (%v)", patience, what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
