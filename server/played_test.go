package server_test

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"gamekeeper/proto"
	"gamekeeper/server"
	"gamekeeper/server/servertest"
	"gamekeeper/zab/transport"
)

// played is an ensemble of three of which a test plays servers 2 and 3. They have elected 3, always.
type played struct {
	tb     testing.TB
	server *server.Server
	leads  chan *playedLeader
}

// playedLeader is a connection of the server to its leader.
type playedLeader struct {
	tb   testing.TB
	link *transport.Link
	in   chan proto.QuorumPacket
}

// startPlayed starts server 1.
func startPlayed(tb testing.TB, keys ...string) *played {
	tb.Helper()
	host := freeHost()
	ports := freePorts(tb, host, 6)
	address := func(i int) string { return net.JoinHostPort(host, fmt.Sprint(ports[i])) }
	p := &played{tb: tb, leads: make(chan *playedLeader, 64)}
	for id := proto.ServerID(2); id <= 3; id++ {
		var mesh *transport.Mesh
		ready := make(chan struct{})
		vote := proto.Vote{State: proto.Following, Leader: 3, PeerEpoch: 1, Version: proto.VoteVersion}
		if id == 3 {
			vote.State = proto.Leading
		}
		mesh, err := transport.StartMesh(transport.MeshOptions{
			Self:      id,
			Peers:     []transport.Peer{{ID: 1, Election: []string{address(1)}}},
			Listen:    []string{address(2*int(id) - 1)},
			Advertise: []string{address(2*int(id) - 1)},
			Vote: func(from proto.ServerID, v proto.Vote) {
				<-ready
				if v.State == proto.Looking {
					answer := vote
					answer.Round = v.Round
					mesh.Send(from, &answer)
				}
			},
		})
		if err != nil {
			tb.Fatal(err)
		}
		close(ready)
		tb.Cleanup(mesh.Close)
	}
	var received sync.Map // by link: where its packets go
	quorum, err := transport.Listen([]string{address(4)}, transport.LinkOptions{
		Received: func(k *transport.Link, b *transport.Batch) {
			in, _ := received.Load(k)
			for _, pkt := range b.Packets {
				pkt.Data = slices.Clone(pkt.Data)
				in.(chan proto.QuorumPacket) <- pkt
			}
			b.Release()
		},
		Closed: func(*transport.Link, error) {},
	}, func(k *transport.Link) {
		l := &playedLeader{tb: tb, link: k, in: make(chan proto.QuorumPacket, 1024)}
		received.Store(k, l.in)
		k.Start()
		p.leads <- l
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(quorum.Close)
	e := &ensemble{tb: tb, keys: append(keys, "syncLimit=1000", "initLimit=1000"), servers: make([]*server.Server, 1)}
	e.prepare(3, 0, func(i int) string { return fmt.Sprintf("%s:%d:%d", host, ports[2*i], ports[2*i+1]) })
	p.server = e.start(0)
	tb.Cleanup(func() { e.stop(0) })
	return p
}

// next waits until the server connects, and agrees on an epoch with it.
func (p *played) next(epoch proto.Epoch) *playedLeader {
	p.tb.Helper()
	select {
	case l := <-p.leads:
		l.want(proto.PacketFollowerInfo, -1)
		// It is a leader of our kind: see zab/features.go.
		l.send(proto.PacketLeaderInfo, proto.MakeZxid(epoch, 0), append(proto.AppendInt32(nil, proto.ProtocolVersion), "gkp\x01\x00\x00\x00\x01"...))
		l.want(proto.PacketAckEpoch, -1)
		return l
	case <-time.After(servertest.Patience):
		p.tb.Fatal("the server does not connect")
		return nil
	}
}

func (l *playedLeader) send(t proto.PacketType, zxid proto.Zxid, data []byte) {
	l.link.Send(&proto.QuorumPacket{Type: t, Zxid: zxid, Data: data})
	l.link.Flush()
}

// propose sends the creation of a znode of the root.
func (l *playedLeader) propose(zxid proto.Zxid, path string, nth int32) {
	l.send(proto.PacketProposal, zxid, proto.AppendTxn(nil, &proto.Txn{TxnHeader: proto.TxnHeader{Zxid: zxid, Type: proto.OpCreate},
		Body: proto.TxnBody{Type: proto.OpCreate, Path: []byte(path), ACL: proto.OpenACL, Version: nth}}))
}

// want waits for a packet. A zxid of -1 is any.
func (l *playedLeader) want(t proto.PacketType, zxid proto.Zxid) {
	l.tb.Helper()
	for end := time.After(servertest.Patience); ; {
		select {
		case pkt := <-l.in:
			if pkt.Type == t && (zxid < 0 || pkt.Zxid == zxid) {
				return
			}
		case <-end:
			l.tb.Fatalf("%s %s does not come", t, zxid)
		}
	}
}

// upToDate ends the synchronisation, when everything up to a zxid is committed.
func (l *playedLeader) upToDate(epoch proto.Epoch, committed proto.Zxid) {
	l.tb.Helper()
	l.send(proto.PacketNewLeader, proto.MakeZxid(epoch, 0), nil)
	l.want(proto.PacketAck, proto.MakeZxid(epoch, 0))
	if committed > 0 {
		l.send(proto.PacketCommit, committed, nil)
	}
	l.send(proto.PacketUpToDate, -1, nil)
	l.want(proto.PacketAck, proto.MakeZxid(epoch, 0))
}

// A snapshot that does not come to its end takes nothing away, and adds nothing: what was not committed before it waits
// until it is.
func TestSnapshotInterrupted(t *testing.T) {
	p := startPlayed(t, "localSessionsEnabled=true")
	zxid := func(counter uint32) proto.Zxid { return proto.MakeZxid(1, counter) }

	l := p.next(1)
	l.send(proto.PacketDiff, 0, nil)
	l.upToDate(1, 0)
	l.propose(zxid(1), "/committed", 1)
	l.propose(zxid(2), "/not-yet", 2)
	l.send(proto.PacketCommit, zxid(1), nil)
	l.want(proto.PacketAck, zxid(2))
	c := connect(t, p.server)
	eventually(t, "the first is there", func() bool { return exists(t, c, "/committed") })
	l.link.Close(nil)

	l = p.next(1)
	l.send(proto.PacketSnap, zxid(2), nil)
	l.want(proto.PacketPing, -1) // it receives
	l.link.Close(nil)

	l = p.next(1)
	l.send(proto.PacketDiff, zxid(2), nil)
	l.upToDate(1, zxid(1))
	c = connect(t, p.server)
	if !exists(t, c, "/committed") {
		t.Error("what was committed is gone")
	}
	if exists(t, c, "/not-yet") {
		t.Error("what is not committed is shown")
	}
	l.propose(zxid(3), "/last", 3)
	l.send(proto.PacketCommit, zxid(3), nil)
	eventually(t, "the last is there", func() bool { return exists(t, c, "/last") })
	if got := children(t, c, "/"); !slices.Equal(got, []string{"committed", "last", "not-yet", "zookeeper"}) {
		t.Errorf("there are %q", got)
	}
	l.link.Close(nil)
}

// The same when the tree is to be loaded again anyway, because something was taken back.
func TestSnapshotInterruptedBehindTrunc(t *testing.T) {
	p := startPlayed(t, "localSessionsEnabled=true")
	first := proto.MakeZxid(1, 1)
	second := proto.MakeZxid(2, 1)

	l := p.next(1)
	l.send(proto.PacketDiff, 0, nil)
	l.upToDate(1, 0)
	l.propose(first, "/kept", 1)
	l.propose(first+1, "/taken-back", 2)
	l.send(proto.PacketCommit, first+1, nil)
	l.want(proto.PacketAck, first+1)
	c := connect(t, p.server)
	eventually(t, "both are there", func() bool { return exists(t, c, "/taken-back") })
	l.link.Close(nil)

	l = p.next(2)
	l.send(proto.PacketTrunc, first, nil)
	l.propose(second, "/second", 2)
	l.send(proto.PacketNewLeader, proto.MakeZxid(2, 0), nil)
	l.want(proto.PacketAck, proto.MakeZxid(2, 0))
	l.link.Close(nil)

	l = p.next(2)
	l.send(proto.PacketSnap, second, nil)
	l.want(proto.PacketPing, -1)
	l.link.Close(nil)

	l = p.next(2)
	l.send(proto.PacketDiff, second, nil)
	l.upToDate(2, second)
	c = connect(t, p.server)
	if got := children(t, c, "/"); !slices.Equal(got, []string{"kept", "second", "zookeeper"}) {
		t.Errorf("there are %q", got)
	}
	l.link.Close(nil)
}

// A client of an Apache server may have been told the beginning of an epoch as the last zxid. It is at home with whoever
// serves in that epoch, or in a later one.
func TestClientHasSeenTheBeginningOfAnEpoch(t *testing.T) {
	p := startPlayed(t, "localSessionsEnabled=true")
	l := p.next(7)
	l.send(proto.PacketDiff, 0, nil)
	l.upToDate(7, 0)
	for _, test := range []struct {
		seen     proto.Zxid
		admitted bool
	}{
		{proto.MakeZxid(6, 0), true},
		{proto.MakeZxid(7, 0), true},
		{proto.MakeZxid(7, 1), false},
		{proto.MakeZxid(8, 0), false},
	} {
		eventually(t, "the server serves", func() bool { return mode(t, p.server) == "follower" })
		c := dialRaw(t, p.server)
		r := servertest.Request(time.Minute)
		r.LastZxidSeen = test.seen
		if _, err := c.Greet(r); (err == nil) != test.admitted {
			t.Errorf("a client that has seen %s: %v", test.seen, err)
		}
	}
	l.link.Close(nil)
}
