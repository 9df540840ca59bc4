package zab

import (
	"fmt"
	"slices"
	"testing"

	"gamekeeper/proto"
)

func TestEnsembleServes(t *testing.T) {
	for _, size := range [][2]int{{1, 0}, {2, 0}, {3, 0}, {3, 1}, {5, 2}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			e := serving(t, size[0], size[1])
			e.write(10)
			if got := len(e.leader().log); got != 10 {
				t.Errorf("%d transactions, want 10", got)
			}
			e.leader().peer.Confirm(e.now, 7)
			e.run("the confirmation", func() bool { return e.leader().confirmed == 7 })
		})
	}
}

func TestLeaderDies(t *testing.T) {
	e := serving(t, 3, 1)
	e.write(5)
	old := e.leader()
	e.stop(old)
	e.run("another leader", func() bool { return e.leader() != nil && e.leader() != old && e.allServe() })
	if got, want := e.leader().status.Epoch, old.status.Epoch+1; got != want {
		t.Errorf("epoch %d, want %d", got, want)
	}
	e.write(5)
	e.start(old)
	e.run("the old leader as a follower", func() bool { return e.allServe() && e.equal() })
	if old.status.State != proto.Following {
		t.Errorf("the old leader is %s", old.status.State)
	}
}

// A leader that was alone with its last proposals takes them back.
func TestTruncatedOnReturn(t *testing.T) {
	e := serving(t, 3, 0)
	e.write(3)
	old := e.leader()
	last := old.peer.LastLogged()
	old.log = append(old.log, last+1, last+2) // on disk, and never sent
	e.stop(old)
	e.run("another leader", func() bool { return e.leader() != nil && e.leader() != old && e.allServe() })
	e.write(1)
	e.start(old)
	e.run("the old leader without them", func() bool { return e.allServe() && e.equal() })
	if !slices.Contains(e.leader().sent, proto.PacketTrunc) {
		t.Error("no TRUNC was sent")
	}
}

func TestSnapshotForOneFarBehind(t *testing.T) {
	e := serving(t, 3, 1)
	away := e.hosts[3]
	e.stop(away)
	e.write(5)
	for _, h := range e.hosts {
		h.noDiff = true
	}
	e.start(away)
	e.run("the observer with all", func() bool { return e.allServe() && e.equal() })
	if away.base == 0 {
		t.Error("it was sent no snapshot")
	}
	e.write(5)
}

func TestHeldCommits(t *testing.T) {
	e := serving(t, 3, 0)
	e.write(2)
	l := e.leader()
	held := l.peer.Committed()
	l.peer.HoldCommits(held + 1)
	e.propose(2)
	e.run("the commit of the first", func() bool { return l.peer.Committed() == held+1 })
	e.run("acknowledgements of both", func() bool { return l.peer.lead.learners[0].acked == held+2 })
	if got := l.peer.Committed(); got != held+1 {
		t.Errorf("%s is committed, want %s", got, held+1)
	}
	l.peer.ReleaseCommits()
	e.run("equal histories", e.equal)
}

// Servers that have lost everything do not make an empty history that of the ensemble; one that joins is as good as any.
func TestUntrusted(t *testing.T) {
	e := serving(t, 3, 0)
	e.write(3)
	for _, h := range e.hosts {
		e.stop(h)
	}
	kept := e.hosts[0]
	for _, h := range e.hosts[1:] {
		h.log, h.accepted, h.current, h.untrusted = nil, 0, 0, true
	}
	e.start(e.hosts[1])
	e.start(e.hosts[2])
	e.let(2000, func() {
		if e.leader() != nil {
			t.Fatalf("servers without data elected a leader:%s", e)
		}
	})
	kept.untrusted = false
	e.hosts[1].untrusted = false // as an operator says with the file initialize
	e.stop(e.hosts[1])
	e.start(e.hosts[1])
	e.start(kept)
	e.run("all served by the one that has everything", func() bool { return e.allServe() && e.leader() == kept && e.equal() })
	if len(e.hosts[2].log) != 3 {
		t.Errorf("the server that lost everything has %d transactions", len(e.hosts[2].log))
	}
}

// An elected leader without a quorum waits no longer than EpochWaitMs if one that has elected it looks for a leader
// again, and as long as InitLimit otherwise.
func TestElectorLooksAgain(t *testing.T) {
	for _, test := range []struct {
		wait, at int64 // at: when a vote comes
		voter    proto.ServerID
		round    int64
		state    proto.PeerState
		leads    bool
	}{
		{wait: 300, at: 301, voter: 1, round: 2, state: proto.Looking, leads: false},
		{wait: 300, at: 301, voter: 1, round: 1, state: proto.Looking, leads: true}, // it has yet to learn the outcome
		{wait: 300, at: 300, voter: 1, round: 2, state: proto.Looking, leads: true},
		{wait: 300, at: 301, voter: 2, round: 2, state: proto.Looking, leads: true}, // has not elected it
		{wait: 300, at: 301, voter: 1, round: 2, state: proto.Following, leads: true},
		{wait: 0, at: 900, voter: 1, round: 2, state: proto.Looking, leads: true},
	} {
		e := newEnsemble(t, 3, 0, func(cfg *Config) { cfg.EpochWaitMs = test.wait })
		h := e.hosts[2]
		h.startAs(h)
		vote := proto.Vote{State: proto.Looking, Leader: 3, Round: 1, Version: proto.VoteVersion}
		h.peer.VoterLink(0, 1, true)
		h.peer.ReceiveVote(0, 1, &vote)
		h.peer.Settle(0)
		if h.status.State != proto.Leading {
			t.Fatalf("%+v: it is %s", test, h.status.State)
		}
		vote.State, vote.Round = test.state, test.round
		h.peer.ReceiveVote(test.at, test.voter, &vote)
		if leads := h.status.State == proto.Leading; leads != test.leads {
			t.Errorf("%+v: it leads: %v", test, leads)
		}
	}
}

// An observer waits before it connects, for as long as chance says.
func TestObserverConnectsLater(t *testing.T) {
	e := serving(t, 3, 0)
	h := &testHost{e: e, id: 4}
	e.hosts = append(e.hosts, h)
	e.configure = func(cfg *Config) {
		cfg.ObserverConnectDelayMs = 5000
		cfg.Random = func(n int64) int64 { return n - 1 }
	}
	e.start(h)
	e.run("the outcome", func() bool { return h.status.State == proto.Observing })
	begin := e.now
	e.run("the connection", func() bool { return h.conn != nil })
	if waited := e.now - begin; waited < 4900 || waited > 5000 {
		t.Errorf("it waited for %d ms", waited)
	}
	e.run("serving", e.allServe)
}

// A server that has promised an epoch of which nothing came cannot follow an earlier one. The leader makes way for one
// that all can follow, once.
func TestLaterPromise(t *testing.T) {
	for later := proto.Epoch(1); later < 4; later++ {
		e := serving(t, 3, 0)
		e.write(3)
		var h *testHost
		for _, o := range e.hosts {
			if o != e.leader() {
				h = o
			}
		}
		e.stop(h)
		before := e.leader().status.Epoch
		h.accepted += later
		e.start(h)
		e.run("serving", func() bool { return e.leader() != nil && e.allServe() && e.equal() })
		if got := e.leader().status.Epoch; got < before+later || got > before+later+1 {
			t.Errorf("epoch %d after %d, and %d was promised", got, before, before+later)
		}
	}
}

// connecting counts how often a server connects. It is the test that answers.
type connecting struct {
	*testHost
	at []int64
}

func (c *connecting) Connect(proto.ServerID, Port)       { c.at = append(c.at, c.e.now) }
func (c *connecting) Disconnect()                        {}
func (c *connecting) SendToLeader(p *proto.QuorumPacket) { c.note(p.Type) }

// Apache's leaders do not make way for a server that has promised a later epoch. It tries again and again, with pauses.
func TestRetriesPause(t *testing.T) {
	e := newEnsemble(t, 3, 0)
	h := e.hosts[0]
	h.accepted = 9
	c := &connecting{testHost: h}
	h.startAs(c)
	leaderInfo := func(epoch proto.Epoch) {
		h.peer.Connected(e.now)
		h.peer.FromLeader(e.now, &proto.QuorumPacket{Type: proto.PacketLeaderInfo, Zxid: proto.MakeZxid(epoch, 0), Data: []byte{0, 1, 0, 0}})
	}
	for tries := 0; e.now < 1000; e.now++ {
		h.follows(3, 1, 5)
		if len(c.at) > tries {
			tries++
			leaderInfo(5)
		}
	}
	if n := len(c.at); n < 10 || n > 13 { // a tick is 100 ms
		t.Fatalf("it has connected at %v", c.at)
	}
	// Another leader is connected to within a tick, and as soon as it has served there are no pauses any more.
	h.follows(2, 2, 10)
	e.now += 100
	h.peer.Settle(e.now)
	leaderInfo(10)
	for _, p := range []proto.QuorumPacket{{Type: proto.PacketDiff}, {Type: proto.PacketNewLeader, Zxid: proto.MakeZxid(10, 0)},
		{Type: proto.PacketUpToDate}} {
		h.peer.FromLeader(e.now, &p)
	}
	if !h.status.Serving {
		t.Fatalf("it is %+v", h.status)
	}
	n := len(c.at)
	h.peer.Disconnected(e.now)
	if h.follows(3, 3, 11); len(c.at) == n {
		t.Error("it waits though nothing has failed")
	}
}

// A server that lost its data, and a part of what was sent to replace it, counts no more than one that has nothing.
func TestUntrustedWithSomeData(t *testing.T) {
	e := serving(t, 3, 0)
	e.write(3)
	for _, h := range e.hosts {
		e.stop(h)
	}
	kept, lags, lost := e.hosts[0], e.hosts[1], e.hosts[2]
	lags.log = lags.log[:1]
	lost.log, lost.current, lost.untrusted = lost.log[:2], 0, true
	e.start(lags)
	e.start(lost)
	e.let(3000, func() {
		if e.leader() != nil {
			t.Fatalf("the server that lags is the leader:%s", e)
		}
	})
	e.start(kept)
	e.run("all served by the one that has everything", func() bool { return e.allServe() && e.leader() == kept && e.equal() })
}
