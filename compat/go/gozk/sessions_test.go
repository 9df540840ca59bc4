package gozk

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
)

func TestWatches(t *testing.T) {
	c, other := connect(t, 30*time.Second), connect(t, 10*time.Second)
	must(c.Create("/watch", nil, 0, world))
	must(c.Create("/watch/a", nil, 0, world))
	_, _, data, err := c.GetW("/watch/a")
	if err != nil {
		t.Fatal(err)
	}
	_, _, missing, err := c.ExistsW("/watch/b")
	if err != nil {
		t.Fatal(err)
	}
	_, _, children, err := c.ChildrenW("/watch")
	if err != nil {
		t.Fatal(err)
	}
	must(other.Set("/watch/a", []byte("x"), -1))
	if e := receive(t, data); e.Type != zk.EventNodeDataChanged || e.Path != "/watch/a" {
		t.Errorf("data watch: %+v", e)
	}
	must(other.Create("/watch/b", nil, 0, world))
	if e := receive(t, missing); e.Type != zk.EventNodeCreated || e.Path != "/watch/b" {
		t.Errorf("exists watch: %+v", e)
	}
	if e := receive(t, children); e.Type != zk.EventNodeChildrenChanged || e.Path != "/watch" {
		t.Errorf("child watch: %+v", e)
	}
	_, _, data, err = c.GetW("/watch/a")
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Delete("/watch/a", -1); err != nil {
		t.Fatal(err)
	}
	if e := receive(t, data); e.Type != zk.EventNodeDeleted {
		t.Errorf("delete: %+v", e)
	}
}

// Watches survive a lost connection, and what changed meanwhile is told once.
func TestWatchesAcrossReconnect(t *testing.T) {
	c, other := connect(t, 30*time.Second), connect(t, 10*time.Second)
	must(c.Create("/war", nil, 0, world))
	must(c.Create("/war/changed", nil, 0, world))
	must(c.Create("/war/same", nil, 0, world))
	_, _, changed, err := c.GetW("/war/changed")
	if err != nil {
		t.Fatal(err)
	}
	_, _, same, err := c.GetW("/war/same")
	if err != nil {
		t.Fatal(err)
	}
	control(t, "kill")
	c.waitState(zk.StateDisconnected)
	control(t, "start")
	other.waitState(zk.StateHasSession)
	eventually(t, "another client writes", func() (bool, error) {
		_, err := other.Set("/war/changed", []byte("x"), -1)
		return err == nil, err
	})
	if e := receive(t, changed); e.Type != zk.EventNodeDataChanged {
		t.Errorf("missed change: %+v", e)
	}
	must(other.Set("/war/same", []byte("y"), -1))
	if e := receive(t, same); e.Type != zk.EventNodeDataChanged {
		t.Errorf("watch set again: %+v", e)
	}
}

func TestSessionSurvivesReconnect(t *testing.T) {
	c, observer := connect(t, 30*time.Second), connect(t, 10*time.Second)
	must(c.Create("/ssr", nil, zk.FlagEphemeral, world))
	id := c.SessionID()
	for range 3 {
		c.cut()
		c.waitState(zk.StateHasSession)
	}
	control(t, "restart")
	c.waitState(zk.StateHasSession)
	if c.SessionID() != id {
		t.Errorf("session %#x became %#x", id, c.SessionID())
	}
	eventually(t, "ephemeral is there", func() (bool, error) {
		found, stat, err := observer.Exists("/ssr")
		return found && stat.EphemeralOwner == id, err
	})
	c.Close()
	eventually(t, "ephemeral goes with its session", func() (bool, error) {
		found, _, err := observer.Exists("/ssr")
		return !found, err
	})
}

// A client that is cut off for longer than its timeout learns on its return
// that the session has expired, and opens another.
func TestExpiry(t *testing.T) {
	observer := connect(t, 30*time.Second)
	var blocked atomic.Bool
	c := connectUnless(t, 2*time.Second, &blocked)
	must(c.Create("/exp", nil, zk.FlagEphemeral, world))
	first := c.SessionID()
	_, _, gone, err := observer.ExistsW("/exp")
	if err != nil {
		t.Fatal(err)
	}
	blocked.Store(true)
	c.cut()
	if e := receive(t, gone); e.Type != zk.EventNodeDeleted {
		t.Errorf("event %+v", e)
	}
	blocked.Store(false)
	c.waitState(zk.StateExpired)
	c.waitState(zk.StateHasSession)
	if c.SessionID() == first {
		t.Error("an expired session came back")
	}
}

func TestLock(t *testing.T) {
	const workers, rounds = 4, 10
	var inside, total atomic.Int32
	var wg sync.WaitGroup
	for range workers {
		c := connect(t, 30*time.Second)
		wg.Go(func() {
			lock := zk.NewLock(c.Conn, "/lock", world)
			for range rounds {
				if err := lock.Lock(); err != nil {
					t.Errorf("lock: %v", err)
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two holders of one lock")
				}
				total.Add(1)
				inside.Add(-1)
				if err := lock.Unlock(); err != nil {
					t.Errorf("unlock: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := total.Load(); n != workers*rounds {
		t.Errorf("locked %d times, want %d", n, workers*rounds)
	}
}

// Writes that were answered before a kill are there after it; of the others,
// each either happened or did not.
func TestKillUnderLoad(t *testing.T) {
	c := connect(t, 30*time.Second)
	must(c.Create("/load", nil, 0, world))
	acknowledged := make([]int, 4)
	var wg sync.WaitGroup
	var enough sync.WaitGroup
	enough.Add(len(acknowledged))
	// A request that the library had not sent yet fails in no way: it goes to the new server.
	var restarted atomic.Bool
	for w := range acknowledged {
		wg.Go(func() {
			for i := 0; !restarted.Load(); i++ {
				if i == 50 {
					enough.Done()
				}
				_, err := c.Create(fmt.Sprintf("/load/%d-%d", w, i), nil, 0, world)
				if err != nil {
					if i < 50 {
						t.Errorf("create %d: %v", i, err)
						enough.Done()
					}
					return
				}
				acknowledged[w] = i + 1
			}
		})
	}
	enough.Wait()
	control(t, "restart")
	restarted.Store(true)
	wg.Wait()
	c.waitState(zk.StateHasSession)
	var children []string
	eventually(t, "list", func() (bool, error) {
		var err error
		children, _, err = c.Children("/load")
		return err == nil, err
	})
	there := map[string]bool{}
	for _, name := range children {
		there[name] = true
	}
	all := 0
	for w, n := range acknowledged {
		for i := range n {
			if !there[fmt.Sprintf("%d-%d", w, i)] {
				t.Errorf("acknowledged node %d-%d is missing", w, i)
			}
		}
		all += n
	}
	if extra := len(children) - all; extra < 0 || extra > len(acknowledged) {
		t.Errorf("%d nodes, %d acknowledged", len(children), all)
	}
}

func TestFourLetterHelpers(t *testing.T) {
	connect(t, 30*time.Second)
	servers := []string{os.Getenv("ZK_ADDRESS")}
	if answers := zk.FLWRuok(servers, patience); !answers[0] {
		t.Error("ruok: no")
	}
	cons, _ := zk.FLWCons(servers, patience)
	if len(cons[0].Clients) == 0 || cons[0].Error != nil {
		t.Errorf("cons: %+v", cons[0])
	}
}
