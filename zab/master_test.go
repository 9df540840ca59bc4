package zab

import (
	"fmt"
	"slices"
	"testing"

	"gamekeeper/proto"
)

// relayed has observers learn from followers.
func relayed(cfg *Config) { cfg.ObserverMasters = true }

func TestFollowersServeObservers(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {2, 1}, {3, 1}, {3, 4}, {5, 2}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			e := serving(t, size[0], size[1], relayed)
			e.write(10)
			observers := 0
			for _, h := range e.hosts[:size[0]] {
				for _, l := range h.peer.AppendLearners(nil) {
					if !l.Observer {
						continue
					}
					observers++
					if !l.Synced {
						t.Errorf("observer %d is not up to date", l.ID)
					}
					if h == e.leader() && size[0] > 1 {
						t.Errorf("observer %d learns from the leader", l.ID)
					}
					if got := e.hosts[l.ID-1].status.Master; got != h.id {
						t.Errorf("observer %d learns from %d, and says %d", l.ID, h.id, got)
					}
				}
			}
			if observers != size[1] {
				t.Errorf("%d observers, want %d", observers, size[1])
			}
		})
	}
}

// An observer that has lost its follower goes to the next, and the followers take turns.
func TestObserversTakeTurns(t *testing.T) {
	e := serving(t, 5, 1, relayed)
	o := e.hosts[5]
	var masters []proto.ServerID
	for range 4 {
		if slices.Contains(masters, o.status.Master) || o.status.Master == e.leader().id {
			t.Fatalf("it learns from %d after %v, and %d leads", o.status.Master, masters, e.leader().id)
		}
		masters = append(masters, o.status.Master)
		e.write(2)
		e.cut(o.conn)
		e.propose(2)
		last := o.status.Master
		e.run("another", func() bool { return o.status.Master != last && e.allServe() && e.equal() })
	}
}

// joins has an observer connect to a follower and say which transaction is its last.
func (h *testHost) joins(as *testHost, last proto.Zxid) (l *testLink) {
	h.e.links++
	l = &testLink{id: h.e.links, learner: as, leader: h}
	as.conn, h.links[l.id] = l, l
	info := proto.AppendLearnerInfo(nil, proto.LearnerInfo{Server: as.id, Protocol: proto.ProtocolVersion})
	h.peer.Accepted(h.e.now, l.id)
	h.peer.FromLearner(h.e.now, l.id, &proto.QuorumPacket{Type: proto.PacketObserverInfo, Data: info})
	h.peer.FromLearner(h.e.now, l.id, &proto.QuorumPacket{Type: proto.PacketAckEpoch, Zxid: last,
		Data: proto.AppendInt32(nil, promisedBefore)})
	return l
}

// What a follower sends an observer depends on what that has.
func TestFollowerTeaches(t *testing.T) {
	e := serving(t, 3, 0, relayed)
	e.write(5)
	e.stop(e.leader())
	e.run("another leader", func() bool { return e.leader() != nil && e.allServe() })
	e.write(5)
	var f *testHost
	for _, h := range e.hosts {
		if h.up && h.status.State == proto.Following {
			f = h
		}
	}
	epoch := f.status.Epoch
	zxid := func(e proto.Epoch, counter uint32) proto.Zxid { return proto.MakeZxid(e, counter) }
	diff, trunc, snap, inform := proto.PacketDiff, proto.PacketTrunc, proto.PacketSnap, proto.PacketInform
	for _, test := range []struct {
		name   string
		last   proto.Zxid
		noDiff bool
		first  proto.PacketType
		count  int // of INFORM packets
		gone   bool
	}{
		{name: "all", last: zxid(epoch, 5), first: diff},
		{name: "some", last: zxid(epoch, 3), first: diff, count: 2},
		{name: "the end of the epoch before", last: zxid(epoch-1, 5), first: diff, count: 5},
		{name: "the beginning of this one", last: zxid(epoch, 0), first: diff, count: 5},
		{name: "nothing", last: 0, first: diff, count: 10},
		{name: "what was never committed", last: zxid(epoch-1, 7), first: trunc, count: 5},
		{name: "nothing, and the log does not pay", last: 0, noDiff: true, first: snap},
		{name: "more than there can be", last: zxid(epoch+1, 1), gone: true},
	} {
		as := &testHost{e: e, id: 9, links: map[Link]*testLink{}}
		f.sent, f.noDiff = nil, test.noDiff
		l := f.joins(as, test.last)
		if test.gone {
			if f.links[l.id] != nil || len(f.sent) != 1 {
				t.Errorf("%s: it was sent %v", test.name, f.sent)
			}
			continue
		}
		want := []proto.PacketType{proto.PacketLeaderInfo, test.first}
		for range test.count {
			want = append(want, inform)
		}
		if want = append(want, proto.PacketNewLeader); !slices.Equal(f.sent, want) {
			t.Errorf("%s: it was sent %v, want %v", test.name, f.sent, want)
		}
		f.sent = nil
		f.peer.FromLearner(e.now, l.id, &proto.QuorumPacket{Type: proto.PacketAck, Zxid: zxid(epoch, 0)})
		if want := []proto.PacketType{proto.PacketUpToDate}; !slices.Equal(f.sent, want) {
			t.Errorf("%s: behind its ACK comes %v", test.name, f.sent)
		}
		f.peer.FromLearner(e.now, l.id, &proto.QuorumPacket{Type: proto.PacketAck, Zxid: zxid(epoch, 5)})
		if f.links[l.id] != nil {
			t.Errorf("%s: an observer acknowledges proposals", test.name)
		}
	}
}

// A follower that knows less than the observer has been told elsewhere lets it wait.
func TestObserverKnowsMore(t *testing.T) {
	e := serving(t, 3, 0, relayed)
	e.write(5)
	f := e.hosts[0]
	last := f.peer.Committed()
	l := f.joins(&testHost{e: e, id: 9, links: map[Link]*testLink{}}, last+2)
	e.write(1)
	if slices.Contains(f.sent, proto.PacketDiff) || slices.Contains(f.sent, proto.PacketTrunc) {
		t.Errorf("it was sent %v", f.sent)
	}
	e.write(1)
	if f.links[l.id] == nil || !slices.Contains(f.sent, proto.PacketDiff) {
		t.Errorf("it was sent %v", f.sent)
	}
}

// What an observer was told in this epoch is committed: a server that wants it taken back lags.
func TestObserverDoesNotGoBack(t *testing.T) {
	for _, test := range []struct {
		name  string
		last  proto.Zxid
		to    proto.Zxid
		taken bool
	}{
		{"of this epoch", proto.MakeZxid(2, 5), proto.MakeZxid(2, 4), false},
		{"of this epoch, to one before", proto.MakeZxid(2, 5), proto.MakeZxid(1, 1), false},
		{"of an earlier one", proto.MakeZxid(1, 5), proto.MakeZxid(1, 4), true},
	} {
		e := newEnsemble(t, 3, 1)
		h := e.hosts[3]
		h.accepted, h.current = 2, test.last.Epoch()
		for z := proto.MakeZxid(1, 1); z <= min(test.last, proto.MakeZxid(1, 5)); z++ {
			h.log = append(h.log, z)
		}
		for z := proto.MakeZxid(2, 1); z <= test.last; z++ {
			h.log = append(h.log, z)
		}
		h.startAs(h)
		h.follows(1, 1, 2)
		h.conn = &testLink{learner: h, leader: e.hosts[0]}
		h.peer.Connected(0)
		h.peer.FromLeader(0, &proto.QuorumPacket{Type: proto.PacketLeaderInfo, Zxid: proto.MakeZxid(2, 0), Data: []byte{0, 1, 0, 0}})
		if h.status.Epoch != 2 {
			t.Fatalf("%s: it is %+v", test.name, h.status)
		}
		h.peer.FromLeader(0, &proto.QuorumPacket{Type: proto.PacketTrunc, Zxid: test.to})
		if taken := h.peer.LastLogged() == test.to; taken != test.taken || taken != (h.status.State == proto.Observing) {
			t.Errorf("%s: its log ends at %s, it is %s", test.name, h.peer.LastLogged(), h.status.State)
		}
	}
}
