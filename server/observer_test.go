package server_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"gamekeeper/proto"
	"gamekeeper/server/servertest"
)

// An observer syncs its log unless it is told not to.
func TestObserverSyncs(t *testing.T) {
	e := startEnsemble(t, 3, 1)
	e.await()
	for _, test := range []struct {
		keys  []string
		syncs bool
	}{
		{nil, true},
		{[]string{"syncEnabled=false"}, false},
		{[]string{"syncEnabled=true", "observer.syncEnabled=false"}, false},
	} {
		var syncs atomic.Int64
		e.stop(3)
		e.disks = map[int]vfs.FS{3: errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind == errorfs.OpFileSyncData && strings.HasSuffix(op.Path, ".wal") {
				syncs.Add(1)
			}
			return nil
		}))}
		e.start(3, test.keys...)
		leader := e.await()
		before := syncs.Load()
		c := connect(t, e.servers[leader])
		o := connect(t, e.servers[3])
		for i := range 10 {
			path := fmt.Sprintf("/%v-%d", strings.Join(test.keys, ","), i)
			create(t, c, path, "", proto.Persistent)
			syncUp(t, o)
			if !exists(t, o, path) {
				t.Fatalf("%v: %s is missing", test.keys, path)
			}
		}
		if n := syncs.Load() - before; n > 0 != test.syncs {
			t.Errorf("%v: the log was synced %d times", test.keys, n)
		}
	}
	// What was not synced is there all the same when the process ends and begins again.
	e.stop(3)
	e.start(3)
	e.await()
	e.agree()
}

// master is the index of the server that an observer learns from.
func (e *ensemble) master(observer int) int {
	e.tb.Helper()
	_, rest, _ := strings.Cut(word(e.tb, e.servers[observer].Addr(), "mntr", false), "zk_observer_master_id\t")
	id, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.Atoi(id)
	if err != nil {
		e.tb.Fatalf("the observer does not say from whom it learns: %q", rest)
	}
	return n - 1
}

// Observers learn from followers, which spares the leader: it does not see them. Clients notice nothing.
func TestFollowersServeObservers(t *testing.T) {
	e := startApart(t, 3, 2, "4lw.commands.whitelist=*")
	leader := e.await()
	masters := map[int]int{}
	for i := 3; i < 5; i++ {
		if m := e.master(i); m == leader {
			t.Errorf("observer %d learns from the leader", i+1)
		} else {
			masters[m]++
		}
	}
	for i := range 3 {
		want := fmt.Sprintf("zk_synced_observers\t%d\n", masters[i])
		eventually(t, fmt.Sprintf("server %d says %s", i+1, want), func() bool {
			return strings.Contains(word(t, e.servers[i].Addr(), "mntr", false), want)
		})
	}
	for i, s := range e.servers {
		c := connect(t, s)
		path := fmt.Sprintf("/from%d", i)
		create(t, c, path, "x", proto.Persistent)
		for j := range 20 {
			create(t, c, path+"/n-", strconv.Itoa(j), proto.PersistentSequential)
		}
		if data, _ := get(t, c, path+"/n-0000000019"); data != "19" {
			t.Errorf("server %d: a client does not read its own write: %q", i+1, data)
		}
		refused(t, c, proto.OpCreate, servertest.Create(path, nil, proto.Persistent), proto.NodeExists)
	}
	e.agree()
	repliesKeepTheirOrder(t, e)
	syncShowsWhatWasWritten(t, e)
	sessionsLiveByPings(t, e)
	e.agree()
}

// A session goes from any server to any other, and ends everywhere.
func TestSessionsMoveToObserversOfFollowers(t *testing.T) {
	e := startApart(t, 3, 2)
	e.await()
	for from := range e.servers {
		for to := range e.servers {
			if from == to {
				continue
			}
			c := connect(t, e.servers[from])
			create(t, c, "/mine", "", proto.Ephemeral)
			moved := rejoin(t, e.servers[to], c)
			must(t, moved, proto.OpSetData, servertest.Set("/mine", []byte("moved"), 0))
			c.SendXid(1000, proto.OpSetData, servertest.Set("/mine", []byte("old"), -1))
			if c.Flush() == nil {
				if f, err := c.Read(); err == nil && f.Err == proto.OK {
					t.Errorf("from %d to %d: a session writes through two connections", from+1, to+1)
				}
			}
			must(t, moved, proto.OpCloseSession, nil)
			eventually(t, "the session is over", func() bool { // a server that does not know of its end hangs up
				_, err := servertest.Reattach(e.servers[from].Addr(), moved)
				return errors.Is(err, servertest.ErrTurnedAway)
			})
		}
	}
	dying := connectFor(t, e.servers[3], 500*time.Millisecond)
	create(t, dying, "/died", "", proto.Ephemeral)
	dying.Close()
	other := connect(t, e.servers[4])
	eventually(t, "the session expires", func() bool { return !exists(t, other, "/died") })
	e.agree()
}

// Observers go to another follower when theirs is gone, and go on under another leader.
func TestObserversFindAnotherFollower(t *testing.T) {
	e := startApart(t, 3, 1, "4lw.commands.whitelist=*")
	leader := e.await()
	for range 3 {
		gone := e.master(3)
		e.stop(gone)
		e.await()
		if m := e.master(3); m == gone || m == leader {
			t.Fatalf("the observer learns from server %d, the leader is %d", m+1, leader+1)
		}
		create(t, connect(t, e.servers[3]), fmt.Sprintf("/without%d-", gone), "", proto.PersistentSequential)
		e.start(gone)
		e.await()
		e.agree()
	}
	e.stop(leader)
	next := e.await()
	if m := e.master(3); m == next {
		t.Errorf("the observer learns from the new leader")
	}
	create(t, connect(t, e.servers[3]), "/without-leader", "", proto.Persistent)
	e.start(leader)
	e.await()
	e.agree()
}

// An observer that was away is sent the log or a snapshot by a follower.
func TestFollowersBringObserversUpToDate(t *testing.T) {
	for name, keys := range map[string][]string{
		"from the log":      nil,
		"from the snapshot": {"snapCount=100", "snapMinIntervalMs=0", "preAllocSize=16"},
		"forced snapshot":   {"forceSnapshotSync=true", "snapCount=100", "snapMinIntervalMs=0"},
	} {
		t.Run(name, func(t *testing.T) {
			e := startApart(t, 3, 1, keys...)
			leader := e.await()
			c := connect(t, e.servers[leader])
			fill(t, c, "/first", 300)
			e.stop(3)
			for i := range 5 {
				fill(t, c, fmt.Sprintf("/while%d", i), 300)
			}
			must(t, c, proto.OpDelete, servertest.Versioned("/first/7", -1))
			e.start(3)
			e.await()
			e.agree()
			e.stop(3)
			e.start(3)
			e.await()
			create(t, connect(t, e.servers[3]), "/after", "", proto.Persistent)
			e.agree()
		})
	}
}

// A leader that has no followers serves observers itself.
func TestLoneLeaderServesObservers(t *testing.T) {
	e := startApart(t, 1, 1, "standaloneEnabled=false")
	e.await()
	create(t, connect(t, e.servers[1]), "/one", "", proto.Persistent)
	e.agree()
}
