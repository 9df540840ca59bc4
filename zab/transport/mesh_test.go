package transport

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gamekeeper/proto"
)

func TestMeshEveryPairExchangesVotes(t *testing.T) {
	n := newNames()
	ids := []proto.ServerID{1, 2, 3}
	meshes := map[proto.ServerID]*testMesh{}
	for i, id := range ids {
		meshes[id] = startMesh(t, n, id, append(append([]proto.ServerID{}, ids[:i]...), ids[i+1:]...), nil)
	}
	for id, m := range meshes {
		for _, to := range ids {
			m.Send(to, vote(int64(10*id+to)))
		}
	}
	for id, m := range meshes {
		got := map[proto.ServerID]proto.Vote{}
		for len(got) < 2 {
			if e := receive(t, m.events, "vote"); e.vote != nil {
				got[e.peer] = *e.vote
			}
		}
		for from, v := range got {
			if diff := cmp.Diff(*vote(int64(10*from + id)), v); from == id || diff != "" {
				t.Errorf("server %d from %d: %s", id, from, diff)
			}
		}
	}
	if most := n.mostAtOnce(); most > 1 {
		t.Errorf("%d dials at once to one server", most)
	}
}

// TestMeshWire pins the bytes of section 1.2, 1.3 and 2.1 of the protocol.
func TestMeshWire(t *testing.T) {
	const notification = "00000035" + // 53 bytes
		"00000000" + "0000000000000001" + "0000000100000002" + "0000000000000007" + "0000000000000001" +
		"00000002" + "00000009" + "76657273696f6e3d30"
	tests := []struct {
		name      string
		multi     bool
		advertise []string
		want      string
	}{
		{"one address", false, []string{"s2:3888"}, "ffffffffffff0000" + "0000000000000002" + "00000007" + hex.EncodeToString([]byte("s2:3888"))},
		{"one of two", false, []string{"0.0.0.0:1", "s2:3888", "b:1"}, "ffffffffffff0000" + "0000000000000002" + "00000007" + hex.EncodeToString([]byte("s2:3888"))},
		{"several", true, []string{"s2:3888", "[::]:1", "[::1]:1"}, "ffffffffffff0001" + "0000000000000002" + "0000000f" + hex.EncodeToString([]byte("s2:3888|[::1]:1"))},
		{"wildcard", false, []string{"0.0.0.0:3888"}, "ffffffffffff0000" + "0000000000000002" + "0000000c" + hex.EncodeToString([]byte("0.0.0.0:3888"))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := newNames()
			larger, smaller := startFake(t, n, 3), startFake(t, n, 1)
			m := startMesh(t, n, 2, []proto.ServerID{1, 3}, func(o *MeshOptions) {
				o.MultiAddress, o.Advertise = tt.multi, tt.advertise
			})
			kept := smaller.accept()
			if got := hex.EncodeToString(kept.read(len(tt.want) / 2)); got != tt.want {
				t.Errorf("to the smaller server: %s, want %s", got, tt.want)
			}
			m.Send(1, vote(7))
			if got := hex.EncodeToString(kept.read(len(notification) / 2)); got != notification {
				t.Errorf("notification %s, want %s", got, notification)
			}
			kept.write(framed(vote(8)))
			if got := m.wantVote(t, 1); got.Round != 8 {
				t.Errorf("received %+v", got)
			}

			m.Send(3, vote(7))
			if got := hex.EncodeToString(larger.accept().wantEnd()); got != tt.want {
				t.Errorf("to the larger server: %s, want %s and no more", got, tt.want)
			}
			back := dialMesh(t, m, introduction(3))
			if got := hex.EncodeToString(back.read(len(notification) / 2)); got != notification {
				t.Errorf("notification %s, want %s", got, notification)
			}
		})
	}
}

func TestMeshDialsNoLargerServerThatIsLinked(t *testing.T) {
	n := newNames()
	startFake(t, n, 2)
	m := startMesh(t, n, 1, []proto.ServerID{2}, nil)
	c := dialMesh(t, m, introduction(2))
	m.wantLinked(t, 2, true)
	for round := range int64(100) {
		m.Send(2, vote(round))
	}
	for c.wantVote().Round < 99 {
	}
	if got := n.dialled(1, 2); got != 0 {
		t.Errorf("dialled the larger server %d times", got)
	}
}

func TestMeshNewestVoteWins(t *testing.T) {
	n := newNames()
	m := startMesh(t, n, 1, []proto.ServerID{2}, nil)
	for round := range int64(10) {
		m.Send(2, vote(round))
	}
	c := dialMesh(t, m, introduction(2))
	if got := c.wantVote(); got.Round != 9 {
		t.Errorf("round %d came first, want 9", got.Round)
	}
	// A new link begins with what was sent last.
	c.Close()
	c = dialMesh(t, m, introduction(2))
	if got := c.wantVote(); got.Round != 9 {
		t.Errorf("round %d came first over the new link, want 9", got.Round)
	}
}

func TestMeshReconnects(t *testing.T) {
	n := newNames()
	f := startFake(t, n, 1)
	m := startMesh(t, n, 2, []proto.ServerID{1}, nil)
	m.Send(1, vote(5))
	for range 5 {
		c := f.accept()
		c.read(len(introduction(2)))
		if got := c.wantVote(); got.Round != 5 {
			t.Errorf("got round %d, want 5", got.Round)
		}
		m.wantLinked(t, 1, true)
		c.Close()
		m.wantLinked(t, 1, false)
	}
}

func TestMeshRestart(t *testing.T) {
	for _, restarted := range []proto.ServerID{1, 2} {
		n := newNames()
		other := 3 - restarted
		stays := startMesh(t, n, other, []proto.ServerID{restarted}, nil)
		for life := range int64(4) {
			m := startMesh(t, n, restarted, []proto.ServerID{other}, nil)
			m.Send(other, vote(100+life))
			stays.Send(restarted, vote(200+life))
			for stays.wantVote(t, restarted).Round != 100+life {
			}
			for m.wantVote(t, other).Round != 200+life {
			}
			m.Close()
			stays.wantLinked(t, restarted, false)
		}
	}
}

func TestMeshCallsSmallerServerBack(t *testing.T) {
	n := newNames()
	f := startFake(t, n, 1)
	elsewhere := startFake(t, n, 7)
	m := startMesh(t, n, 2, []proto.ServerID{1}, nil)
	first := f.accept()
	first.read(len(introduction(2)))
	m.wantLinked(t, 1, true)
	// The smaller server believes there is no link. The one that there is ends.
	dialMesh(t, m, introduction(1, "0.0.0.0:3888")).wantEnd()
	first.wantEnd()
	second := f.accept()
	second.read(len(introduction(2)))
	m.wantLinked(t, 1, true)
	// It has moved to where the configuration does not know it.
	f.l.Close()
	dialMesh(t, m, introduction(1, nameOf(7))).wantEnd()
	second.wantEnd()
	elsewhere.accept().read(len(introduction(2)))
}

func TestMeshStrangers(t *testing.T) {
	n := newNames()
	f := startFake(t, n, 1)
	m := startMesh(t, n, 5, nil, nil)

	m.Send(9, vote(1)) // nobody: dropped
	larger := dialMesh(t, m, introduction(9))
	m.wantLinked(t, 9, true)
	m.Send(9, vote(2))
	if got := larger.wantVote(); got.Round != 2 {
		t.Errorf("got round %d, want 2", got.Round)
	}
	larger.Close()
	m.wantLinked(t, 9, false)

	dialMesh(t, m, introduction(1)).wantEnd()
	back := f.accept()
	back.read(len(introduction(5)))
	m.wantLinked(t, 1, true)
	back.write(framed(vote(3)))
	m.wantVote(t, 1)
	m.Send(1, vote(4))
	if got := back.wantVote(); got.Round != 4 {
		t.Errorf("got round %d, want 4", got.Round)
	}
	back.Close()
	m.wantLinked(t, 1, false)

	// Who cannot be called back is forgotten, like those that have gone.
	dialMesh(t, m, introduction(2, "0.0.0.0:0")).wantEnd()
	m.wantEmpty(t)

	nameless := dialMesh(t, m, introduction(anonymous))
	nameless.write(framed(vote(6)))
	m.wantVote(t, -1)
	m.Send(-1, vote(7))
	if got := nameless.wantVote(); got.Round != 7 {
		t.Errorf("got round %d, want 7", got.Round)
	}
}

// TestMeshOfABacklog: who knocked before the mesh was there joins while it starts.
func TestMeshOfABacklog(t *testing.T) {
	const knocks = 20
	var early []*fakeConn
	m := startMesh(t, newNames(), 1, []proto.ServerID{2, 3, 4, 5}, func(o *MeshOptions) {
		o.Network.Wrap = func(l net.Listener) net.Listener {
			for range knocks {
				raw, err := net.Dial("tcp", l.Addr().String())
				c := newFakeConn(t, raw, err)
				c.write(introduction(anonymous))
				early = append(early, c)
			}
			return l
		}
	})
	for up := 0; up < knocks; {
		if e := receive(t, m.events, "link"); e.up {
			up++
		}
	}
	for _, c := range early {
		c.Close()
	}
	for up := knocks; up > 0; {
		if e := receive(t, m.events, "link"); e.vote == nil && !e.up {
			up--
		}
	}
}

// wantEmpty waits until the mesh knows nobody.
func (m *testMesh) wantEmpty(t *testing.T) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		m.mu.Lock()
		n, strays := len(m.peers), m.strays
		m.mu.Unlock()
		if n == 0 && strays == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d peers, %d strays are left", n, strays)
		}
	}
}

func TestMeshRefuses(t *testing.T) {
	n := newNames()
	m := startMesh(t, n, 2, []proto.ServerID{1, 3}, nil)
	tests := []struct {
		name string
		b    []byte
	}{
		{"our own id", introduction(2)},
		{"a negative id", introduction(-4)},
		{"another version", proto.AppendInt64(nil, -65534)},
		{"a web browser", []byte("GET / HTTP/1.1\r\n\r\n")},
		{"no address", introduction(3, "")},
		{"too much of an address", introduction(3, strings.Repeat("a", 2049))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if b := dialMesh(t, m, tt.b).wantEnd(); len(b) > 0 {
				t.Errorf("answered with %x", b)
			}
		})
	}
	c := dialMesh(t, m, proto.AppendInt64(nil, 3)) // of before 3.5
	m.wantLinked(t, 3, true)
	c.write(framed(vote(1)))
	m.wantVote(t, 3)
}

func TestMeshSilentConnectionsBlockNobody(t *testing.T) {
	n := newNames()
	m := startMesh(t, n, 1, []proto.ServerID{2}, func(o *MeshOptions) { o.HandshakeTimeout = time.Hour })
	part := introduction(2)
	var silent []*fakeConn
	for i := range handshakesMax + 10 {
		silent = append(silent, dialMesh(t, m, part[:i%len(part)]))
	}
	dialMesh(t, m, part)
	m.wantLinked(t, 2, true)
	for _, c := range silent[:10] {
		c.wantEnd() // the oldest had to make room
	}
}

func TestMeshHandshakeTimeout(t *testing.T) {
	n := newNames()
	m := startMesh(t, n, 1, []proto.ServerID{2}, func(o *MeshOptions) { o.HandshakeTimeout = time.Millisecond })
	dialMesh(t, m, nil).wantEnd()
	dialMesh(t, m, introduction(2)[:20]).wantEnd()
}

func TestMeshBadNotifications(t *testing.T) {
	n := newNames()
	m := startMesh(t, n, 1, []proto.ServerID{2}, nil)
	c := dialMesh(t, m, introduction(2))
	c.write([]byte{0, 0, 0, 5, 1, 2, 3, 4, 5})
	unknownState := vote(1)
	unknownState.State = 9
	c.write(framed(unknownState))
	c.write(framed(vote(2)))
	if got := m.wantVote(t, 2); got.Round != 2 {
		t.Errorf("got round %d, want 2", got.Round)
	}
	for _, size := range []int32{0, -1, proto.VoteMaxBytes + 1} {
		c.write(proto.AppendInt32(nil, size))
		c.wantEnd()
		m.wantLinked(t, 2, false)
		c = dialMesh(t, m, introduction(2))
	}
	large := vote(3)
	large.Config = make([]byte, proto.VoteMaxBytes-44)
	c.write(framed(large))
	if got := m.wantVote(t, 2); len(got.Config) != len(large.Config) {
		t.Errorf("got a configuration of %d bytes", len(got.Config))
	}
}

// TestMeshReplacedLink has a larger server connect again and again: the newest connection is the link, votes keep
// their order, and what is told makes sense.
func TestMeshReplacedLink(t *testing.T) {
	n := newNames()
	m := startMesh(t, n, 1, []proto.ServerID{2}, nil)
	var last *fakeConn
	for round := range int64(50) {
		c := dialMesh(t, m, append(introduction(2), framed(vote(round))...))
		if round%2 == 0 { // else the next one may come before this is served
			for m.wantVote(t, 2).Round != round {
			}
		}
		last = c
	}
	for m.wantVote(t, 2).Round != 49 {
	}
	m.Send(2, vote(1))
	last.wantVote()
	m.Close()
	up, round := false, int64(-1)
	for len(m.events) > 0 {
		switch e := <-m.events; {
		case e.vote == nil && e.up == up && up:
			t.Error("up twice")
		case e.vote == nil:
			up = e.up
		case e.vote.Round < round:
			t.Errorf("round %d after %d", e.vote.Round, round)
		}
	}
	if up {
		t.Error("the link is still up after Close")
	}
}

func TestMeshCloseWhileDialling(t *testing.T) {
	dialling := make(chan struct{}, 10)
	m, err := StartMesh(MeshOptions{
		Self: 2, Peers: []Peer{{ID: 1, Election: []string{"a", "b"}}}, Listen: []string{"127.0.0.1:0"},
		Network: Network{Dial: func(ctx context.Context, _ string) (net.Conn, error) {
			dialling <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		}},
		Vote: func(proto.ServerID, proto.Vote) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	receive(t, dialling, "dial")
	receive(t, dialling, "dial of the alternative")
	m.Close()
	m.Send(1, vote(1))
	m.Close()
}

func TestMeshOptionsAreChecked(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cancelled := make(chan struct{})
	close(cancelled)
	for name, opt := range map[string]MeshOptions{
		"a peer twice":     {Self: 1, Peers: []Peer{{ID: 2}, {ID: 2}}},
		"itself as a peer": {Self: 1, Peers: []Peer{{ID: 1}}},
		"taken port":       {Self: 1, Listen: []string{"127.0.0.1:0", taken.Addr().String()}, BindRetry: 1},
		"cancelled":        {Self: 1, Listen: []string{taken.Addr().String()}, BindRetry: -1, BindCancel: cancelled},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := StartMesh(opt)
			if err == nil {
				m.Close()
				t.Fatal("no error")
			}
			t.Log(err)
		})
	}
}

func TestDialFirst(t *testing.T) {
	n := newNames()
	f := startFake(t, n, 1)
	late := make(chan struct{})
	closed := make(chan struct{})
	network := Network{Dial: func(ctx context.Context, a string) (net.Conn, error) {
		switch a {
		case "good":
			return n.dial(ctx, "", nameOf(1))
		case "late": // a dial that takes no heed of ctx
			<-late
			mine, peer := net.Pipe()
			go func() {
				_, _ = peer.Read(make([]byte, 1))
				close(closed)
			}()
			return mine, nil
		case "dead":
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return nil, errors.New("refused: " + a)
	}}
	conn, err := network.dialFirst(t.Context(), []string{"bad", "dead", "good", "late"})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	f.accept()
	close(late)
	receive(t, closed, "end of the connection that came too late")

	if _, err = network.dialFirst(t.Context(), []string{"bad", "worse"}); err == nil ||
		!strings.Contains(err.Error(), "bad") || !strings.Contains(err.Error(), "worse") {
		t.Errorf("error %v does not name both", err)
	}
	if _, err = network.dialFirst(t.Context(), nil); err == nil {
		t.Error("no error without an address")
	}
}
