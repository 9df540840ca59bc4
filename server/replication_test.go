package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gamekeeper/proto"
	"gamekeeper/server"
	"gamekeeper/server/recovery"
	"gamekeeper/server/servertest"
	"gamekeeper/snapshot"
	"gamekeeper/tree"
	"gamekeeper/wal"
)

func TestEnsembleReplicates(t *testing.T) {
	e := startEnsemble(t, 3, 1)
	e.await()
	for i, s := range e.servers {
		c := connect(t, s)
		create(t, c, fmt.Sprintf("/from%d", i), "x", proto.Persistent)
		for j := range 20 {
			create(t, c, fmt.Sprintf("/from%d/n-", i), strconv.Itoa(j), proto.PersistentSequential)
		}
		if data, _ := get(t, c, fmt.Sprintf("/from%d/n-0000000019", i)); data != "19" {
			t.Errorf("server %d: a client does not read its own write: %q", i+1, data)
		}
	}
	e.agree()
}

// TestEnsembleOfOne has an ensemble that may grow.
func TestEnsembleOfOne(t *testing.T) {
	e := startEnsemble(t, 1, 1, "standaloneEnabled=false")
	e.await()
	c := connect(t, e.servers[0])
	create(t, c, "/one", "", proto.Persistent)
	e.agree()
	e.stop(0)
	e.start(0)
	e.await()
	e.agree()
}

func TestEnsembleGoesOnWithoutItsLeader(t *testing.T) {
	e := startEnsemble(t, 3, 0)
	leader := e.await()
	followers := e.others(leader)
	c := connectFor(t, e.servers[followers[0]], 20*time.Second)
	create(t, c, "/before", "", proto.Persistent)
	create(t, c, "/mine", "", proto.Ephemeral)
	e.stop(leader)
	next := e.await()
	if next == leader {
		t.Fatal("the leader is gone")
	}
	moved := rejoin(t, e.servers[followers[1]], c)
	create(t, moved, "/after", "", proto.Persistent)
	if !exists(t, moved, "/before") || !exists(t, moved, "/mine") {
		t.Error("something is lost")
	}
	e.start(leader)
	e.await()
	e.agree()
}

func TestEphemeralsVanishEverywhere(t *testing.T) {
	e := startEnsemble(t, 3, 0)
	e.await()
	for i := range e.servers {
		leaving := connect(t, e.servers[i])
		dying := connectFor(t, e.servers[i], 500*time.Millisecond)
		other := connect(t, e.servers[(i+1)%3])
		create(t, leaving, "/left", "", proto.Ephemeral)
		create(t, dying, "/died", "", proto.Ephemeral)
		syncUp(t, other)
		if !exists(t, other, "/left") || !exists(t, other, "/died") {
			t.Fatalf("server %d: its ephemerals are not elsewhere", i+1)
		}
		must(t, leaving, proto.OpCloseSession, nil)
		dying.Close()
		syncUp(t, other)
		if exists(t, other, "/left") {
			t.Errorf("server %d: an ephemeral outlives its session", i+1)
		}
		eventually(t, "the session expires", func() bool { return !exists(t, other, "/died") })
	}
}

func TestSessionsLiveByPings(t *testing.T) {
	e := startEnsemble(t, 3, 1)
	e.await()
	sessionsLiveByPings(t, e)
}

// sessionsLiveByPings keeps a session on each server alive with nothing but pings.
func sessionsLiveByPings(t *testing.T, e *ensemble) {
	t.Helper()
	const timeout = 800 * time.Millisecond
	var clients []*servertest.Client
	for i, s := range e.servers {
		c := connectFor(t, s, timeout)
		create(t, c, fmt.Sprintf("/alive%d", i), "", proto.Ephemeral)
		clients = append(clients, c)
	}
	for end := time.Now().Add(3 * timeout); time.Now().Before(end); {
		for _, c := range clients {
			c.SendXid(proto.XidPing, proto.OpPing, nil)
			if err := c.Flush(); err != nil {
				t.Fatal(err)
			}
			reply(t, c)
		}
	}
	for i, c := range clients {
		if !exists(t, c, fmt.Sprintf("/alive%d", i)) {
			t.Errorf("the session on server %d has expired", i+1)
		}
	}
}

func TestRepliesKeepTheirOrder(t *testing.T) {
	e := startEnsemble(t, 3, 1)
	e.await()
	repliesKeepTheirOrder(t, e)
}

// repliesKeepTheirOrder sends reads and writes by turns without waiting, to every kind of server.
func repliesKeepTheirOrder(t *testing.T, e *ensemble) {
	t.Helper()
	for i, s := range e.servers {
		c := connect(t, s)
		path := fmt.Sprintf("/order%d", i)
		create(t, c, path, "", proto.Persistent)
		const rounds = 200
		for n := range rounds {
			c.Send(proto.OpSetData, servertest.Set(path, []byte(strconv.Itoa(n)), int32(n)))
			c.Send(proto.OpGetData, servertest.Watch(path, false))
			if n%10 == 0 {
				c.Send(proto.OpSync, servertest.Path(path))
			}
			if n%50 == 0 {
				c.Send(proto.OpSetData, []byte{1}) // no record of its type
			}
		}
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
		for n := range rounds {
			if f := reply(t, c); f.Err != proto.OK {
				t.Fatalf("server %d: set %d: %s", i+1, n, f.Err)
			}
			if f := reply(t, c); string(f.Decoder().Buffer()) != strconv.Itoa(n) {
				t.Fatalf("server %d: read %d gives %q", i+1, n, f.Body)
			}
			if n%10 == 0 {
				if f := reply(t, c); string(f.Decoder().Buffer()) != path {
					t.Fatalf("server %d: sync gives %q, %s", i+1, f.Body, f.Err)
				}
			}
			if n%50 == 0 {
				if f := reply(t, c); f.Err != proto.MarshallingError {
					t.Fatalf("server %d: a malformed write gives %s", i+1, f.Err)
				}
			}
		}
	}
}

func reply(t *testing.T, c *servertest.Client) servertest.Frame {
	t.Helper()
	f, err := c.Read()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestSyncShowsWhatWasWritten(t *testing.T) {
	e := startEnsemble(t, 3, 1)
	e.await()
	syncShowsWhatWasWritten(t, e)
}

// syncShowsWhatWasWritten writes at one server and reads at another, which may lag.
func syncShowsWhatWasWritten(t *testing.T, e *ensemble) {
	t.Helper()
	writer := connect(t, e.servers[0])
	create(t, writer, "/n", "", proto.Persistent)
	var readers []*servertest.Client
	for _, s := range e.servers {
		readers = append(readers, connect(t, s))
	}
	for n := range 100 {
		must(t, writer, proto.OpSetData, servertest.Set("/n", []byte(strconv.Itoa(n)), -1))
		c := readers[n%len(readers)]
		syncUp(t, c)
		if data, _ := get(t, c, "/n"); data != strconv.Itoa(n) {
			t.Fatalf("server %d: after a sync %q, want %d", n%len(readers)+1, data, n)
		}
	}
}

// fill writes so much that rounds come and the log is purged.
func fill(t *testing.T, c *servertest.Client, dir string, n int) {
	t.Helper()
	create(t, c, dir, "", proto.Persistent)
	data := make([]byte, 512)
	for i := range n {
		c.Send(proto.OpCreate, servertest.Create(fmt.Sprintf("%s/%d", dir, i), data, proto.Persistent))
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	for range n {
		if f := reply(t, c); f.Err != proto.OK {
			t.Fatal(f.Err)
		}
	}
}

func TestReturningServerCatchesUp(t *testing.T) {
	for name, keys := range map[string][]string{
		"from the log":      nil,
		"from the snapshot": {"snapCount=100", "snapMinIntervalMs=0", "preAllocSize=16"},
		"forced snapshot":   {"forceSnapshotSync=true", "snapCount=100", "snapMinIntervalMs=0"},
	} {
		t.Run(name, func(t *testing.T) {
			e := startEnsemble(t, 3, 1, keys...)
			leader := e.await()
			away := e.others(leader)[0]
			c := connect(t, e.servers[leader])
			fill(t, c, "/first", 300)
			e.stop(away)
			e.stop(3)
			for i := range 5 {
				fill(t, c, fmt.Sprintf("/while%d", i), 300)
			}
			must(t, c, proto.OpDelete, servertest.Versioned("/first/7", -1))
			e.start(away)
			e.start(3)
			e.await()
			e.agree()
			// What was received survives a restart, and can be led with.
			e.stop(away)
			e.start(away)
			e.await()
			e.agree()
			e.stop(leader)
			e.await()
			create(t, connect(t, e.servers[away]), "/after", "", proto.Persistent)
			e.agree()
		})
	}
}

// TestLeaderWithDamagedLog damages the log of a leader while it runs, in the part that a returning server lacks.
func TestLeaderWithDamagedLog(t *testing.T) {
	e := startEnsemble(t, 3, 0, "snapMinIntervalMs=0")
	leader := e.await()
	away := e.others(leader)[0]
	c := connect(t, e.servers[leader])
	fill(t, c, "/before", 10)
	e.stop(away)
	fill(t, c, "/rotten", 100)
	segments, err := filepath.Glob(filepath.Join(server.LogDir(e.dirs[leader]), "gk-*.wal"))
	if err != nil || len(segments) == 0 {
		t.Fatal(segments, err)
	}
	damaged := 0
	for _, path := range segments {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.Index(b, []byte("/rotten/50"))
		if at < 0 {
			continue
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte("R"), int64(at)+1); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		damaged++
	}
	if damaged != 1 {
		t.Fatalf("the record is in %d segments", damaged)
	}
	e.start(away)
	if e.await() != leader {
		t.Error("the leader has changed")
	}
	create(t, connect(t, e.servers[away]), "/after", "", proto.Persistent)
	e.agree()
}

// TestLostLogIsNoticed removes the log beside a snapshot: what it had acknowledged must not be forgotten silently.
func TestLostLogIsNoticed(t *testing.T) {
	e := startEnsemble(t, 3, 0, "snapCount=50", "snapMinIntervalMs=0")
	leader := e.await()
	c := connect(t, e.servers[leader])
	victim := e.others(leader)[0]
	for i := 0; ; i++ {
		fill(t, c, fmt.Sprintf("/%d", i), 100)
		seals, err := filepath.Glob(filepath.Join(server.SnapshotDir(e.dirs[victim]), "SEAL"))
		if err != nil {
			t.Fatal(err)
		}
		if len(seals) > 0 {
			break
		}
	}
	e.stop(victim)
	log := server.LogDir(e.dirs[victim])
	if err := os.RemoveAll(log); err != nil {
		t.Fatal(err)
	}
	refused := func(says string) {
		s, err := server.Start(e.config(victim), server.Options{Loops: 1})
		if err == nil {
			stop(t, s)
		}
		if !errors.Is(err, server.ErrDataDir) || !strings.Contains(err.Error(), says) {
			t.Fatalf("started with the log gone: %v", err)
		}
	}
	refused("no log in")
	if err := os.Mkdir(log, 0o755); err != nil {
		t.Fatal(err)
	}
	refused("needs the log")
}

// TestSnapshotBeyondTheLeader has two servers forget what the snapshot of the third has in its fuzzy part: to go back
// there with the leader would leave in the tree what no log has.
func TestSnapshotBeyondTheLeader(t *testing.T) {
	e := startEnsemble(t, 3, 0)
	fill(t, connect(t, e.servers[e.await()]), "/a", 20)
	e.agree()
	for i := range e.servers {
		e.stop(i)
	}
	const victim, lost = 2, 5
	last := snapshotOfLog(t, e.dirs[victim], 2*lost)
	for i := range victim {
		log := openLog(t, e.dirs[i])
		if err := errors.Join(log.TruncateAfter(last-lost), log.Close()); err != nil {
			t.Fatal(err)
		}
		e.start(i)
	}
	e.await()
	s := e.start(victim)
	select {
	case err := <-s.Failed():
		for _, says := range []string{"log is not truncated", last.String(), (last - lost).String(), "empty the data directory"} {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("the server stops without saying %q: %v", says, err)
			}
		}
	case <-time.After(servertest.Patience):
		t.Fatal("the server goes back behind what its snapshot has")
	}
	e.stop(victim)
	log := openLog(t, e.dirs[victim])
	defer log.Close()
	if got := log.LastZxid(); got != last {
		t.Errorf("the log of the server that stopped ends at %s, it was %s", got, last)
	}
}

// openLog opens the log of a server that does not run.
func openLog(t *testing.T, dir string) *wal.Log {
	t.Helper()
	log, err := wal.Open(wal.Options{Dir: server.LogDir(dir)})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// snapshotOfLog makes the snapshot that a server would have if its last round had begun some transactions before the
// end of its log, and ended there. It returns the zxid of the end.
func snapshotOfLog(t *testing.T, dir string, before proto.Zxid) proto.Zxid {
	t.Helper()
	log := openLog(t, dir)
	defer log.Close()
	store, err := snapshot.Open(snapshot.Options{Dir: server.SnapshotDir(dir)})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	r, err := recovery.Load(store, recovery.Options{Tree: tree.Options{Track: true}})
	if err == nil {
		err = r.Replay(log, recovery.Everything, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	last := log.LastZxid()
	if _, err := store.Round(snapshot.Source{Tree: r.Tree, Lock: &sync.Mutex{}, Changes: []*tree.Changes{r.Tree.TakeChanges(nil)},
		ReplayAfter: last - before, Time: time.UnixMilli(0)}); err != nil {
		t.Fatal(err)
	}
	return last
}

// TestWholeEnsembleRestarts stops everybody and begins again from the disks.
func TestWholeEnsembleRestarts(t *testing.T) {
	e := startEnsemble(t, 3, 0)
	e.await()
	c := connect(t, e.servers[1])
	fill(t, c, "/all", 50)
	create(t, c, "/mine", "", proto.Ephemeral)
	for i := range e.servers {
		e.stop(i)
	}
	for i := range e.servers {
		e.start(i)
	}
	e.await()
	again := rejoin(t, e.servers[2], c)
	if !exists(t, again, "/mine") || !exists(t, again, "/all/49") {
		t.Error("something is lost")
	}
	e.agree()
}

// TestSessionsMove goes round all servers with one session, and lets the old connection know.
func TestSessionsMove(t *testing.T) {
	e := startEnsemble(t, 3, 1)
	e.await()
	c := connect(t, e.servers[0])
	create(t, c, "/mine", "", proto.Ephemeral)
	for n := range 8 {
		old := c
		c = rejoin(t, e.servers[(n+1)%4], old)
		must(t, c, proto.OpSetData, servertest.Set("/mine", []byte(strconv.Itoa(n)), int32(n)))
		old.SendXid(1000, proto.OpSetData, servertest.Set("/mine", nil, -1))
		if err := old.Flush(); err != nil {
			continue
		}
		if f, err := old.Read(); err == nil && f.Err == proto.OK {
			t.Fatal("a session writes through two connections")
		}
	}
}

func TestLostQuorumStopsService(t *testing.T) {
	e := startEnsemble(t, 3, 0)
	leader := e.await()
	c := connect(t, e.servers[leader])
	for _, i := range e.others(leader) {
		e.stop(i)
	}
	eventually(t, "the leader steps down", func() bool { return mode(t, e.servers[leader]) == "" })
	wantClosed(t, c)
	if _, err := servertest.Connect(e.servers[leader].Addr(), time.Minute); err == nil {
		t.Error("a server without a quorum admits clients")
	}
	if got := word(t, e.servers[leader].Addr(), "srvr", false); got != "This ZooKeeper instance is not currently serving requests\n" {
		t.Errorf("srvr: %q", got)
	}
	for i, s := range e.servers {
		if s == nil {
			e.start(i)
		}
	}
	e.await()
}

// TestWordsTellTheRole looks at what administrators see of each kind of server.
func TestWordsTellTheRole(t *testing.T) {
	e := startEnsemble(t, 3, 1, "4lw.commands.whitelist=*")
	leader := e.await()
	c := connect(t, e.servers[leader])
	create(t, c, "/a", "", proto.Persistent)
	has := func(i int, w string, wants ...string) {
		t.Helper()
		eventually(t, fmt.Sprintf("server %d says %q to %s", i+1, wants, w), func() bool {
			answer := word(t, e.servers[i].Addr(), w, false)
			for _, want := range wants {
				if !strings.Contains(answer, want) {
					return false
				}
			}
			return true
		})
	}
	has(leader, "mntr", "zk_server_state\tleader", "zk_peer_state\tleading - broadcast", "zk_quorum_size\t3", "zk_learners\t3",
		"zk_synced_followers\t2", "zk_synced_observers\t1", "zk_pending_syncs\t0", "zk_leader_uptime\t", "zk_last_proposal_size\t",
		"zk_proposal_count\t", "zk_commit_count\t", "zk_cnt_election_time\t1")
	has(leader, "srvr", "Mode: leader", "Proposal sizes last/min/max: ")
	has(e.others(leader)[0], "mntr", "zk_server_state\tfollower", "zk_peer_state\tfollowing - broadcast", "zk_quorum_size\t3",
		"zk_learner_commit_received_count\t")
	has(3, "mntr", "zk_server_state\tobserver", "zk_peer_state\tobserving - broadcast")
	has(3, "conf", "serverId=4", "initLimit=20", "syncLimit=10", "electionAlg=3", "peerType=1", "membership: \nserver.1=", "version=0")
	has(0, "isro", "rw")
	for _, s := range e.servers {
		c := connect(t, s)
		list, _ := get(t, c, "/zookeeper/config")
		if !strings.HasPrefix(list, "server.1=127.") || !strings.HasSuffix(list, "version=0") {
			t.Errorf("/zookeeper/config holds %q", list)
		}
	}
}

// TestLeaderNeedNotServe has a leader that takes no clients.
func TestLeaderNeedNotServe(t *testing.T) {
	e := startEnsemble(t, 3, 0, "leaderServes=no")
	eventually(t, "two servers follow", func() bool {
		n := 0
		for _, s := range e.servers {
			if mode(t, s) == "follower" {
				n++
			}
		}
		return n == 2
	})
	for _, s := range e.servers {
		c, err := servertest.Connect(s.Addr(), time.Minute)
		if served := mode(t, s) == "follower"; served != (err == nil) {
			t.Errorf("a server that follows: %v; connecting to it: %v", served, err)
		}
		if err == nil {
			create(t, c, "/n-", "", proto.PersistentSequential)
			c.Close()
		}
	}
}
