package transport

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gamekeeper/proto"
)

// patience is how long a test waits for what has to happen.
const patience = 30 * time.Second

// receive returns the next value of c.
func receive[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s: nothing came", what)
		panic("unreachable")
	}
}

// names is a network in which servers have names: ports are known only when they are open.
type names struct {
	mu    sync.Mutex
	addrs map[string]string
	dials map[string]int // by "from to"
	now   map[string]int // those in flight
	most  int            // at the same time between two
}

func newNames() *names {
	return &names{addrs: map[string]string{}, dials: map[string]int{}, now: map[string]int{}}
}

func (n *names) set(name string, a net.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addrs[name] = a.String()
}

func (n *names) dialled(from, to proto.ServerID) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dials[nameOf(from)+" "+nameOf(to)]
}

func (n *names) mostAtOnce() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.most
}

// network is that of server from.
func (n *names) network(from proto.ServerID) Network {
	return Network{Dial: func(ctx context.Context, name string) (net.Conn, error) {
		return n.dial(ctx, nameOf(from), name)
	}}
}

func (n *names) dial(ctx context.Context, from, name string) (net.Conn, error) {
	n.mu.Lock()
	a, pair := n.addrs[name], from+" "+name
	n.dials[pair]++
	n.now[pair]++
	n.most = max(n.most, n.now[pair])
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.now[pair]--
	}()
	if a == "" {
		return nil, errors.New("no such name")
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", a)
}

// meshEvent is a call of Vote or Linked.
type meshEvent struct {
	peer proto.ServerID
	vote *proto.Vote
	up   bool
}

// testMesh is a mesh with what it told.
type testMesh struct {
	*Mesh
	events chan meshEvent
}

// startMesh starts server self, whose name is that of id self, among peers. change may be nil.
func startMesh(t testing.TB, n *names, self proto.ServerID, peers []proto.ServerID, change func(*MeshOptions)) *testMesh {
	t.Helper()
	m := &testMesh{events: make(chan meshEvent, 10_000)}
	opt := MeshOptions{
		Self: self, Listen: []string{"127.0.0.1:0"}, Advertise: []string{nameOf(self)},
		KeepAlive: true, Network: n.network(self),
		Vote:   func(from proto.ServerID, v proto.Vote) { m.events <- meshEvent{peer: from, vote: &v} },
		Linked: func(id proto.ServerID, up bool) { m.events <- meshEvent{peer: id, up: up} },
		Logger: slog.New(slog.NewTextHandler(testLog{t}, nil)).With("self", int64(self)),
	}
	for _, p := range peers {
		opt.Peers = append(opt.Peers, Peer{ID: p, Election: []string{nameOf(p)}})
	}
	if change != nil {
		change(&opt)
	}
	var err error
	if m.Mesh, err = StartMesh(opt); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	n.set(nameOf(self), m.Addrs()[0])
	return m
}

func nameOf(id proto.ServerID) string { return "s" + string(rune('0'+id)) + ":3888" }

// testLog is where a logger of a test writes: nothing after the test, which would panic.
type testLog struct{ t testing.TB }

func (l testLog) Write(b []byte) (int, error) {
	if l.t.Context().Err() == nil {
		l.t.Logf("%s", b[:len(b)-1])
	}
	return len(b), nil
}

// wantLinked waits until the link to peer is up or down, and drops other events.
func (m *testMesh) wantLinked(t testing.TB, peer proto.ServerID, up bool) {
	t.Helper()
	for {
		if e := receive(t, m.events, "link"); e.vote == nil && e.peer == peer && e.up == up {
			return
		}
	}
}

// wantVote waits for the next vote of peer, and drops other events.
func (m *testMesh) wantVote(t testing.TB, peer proto.ServerID) proto.Vote {
	t.Helper()
	for {
		if e := receive(t, m.events, "vote"); e.vote != nil && e.peer == peer {
			return *e.vote
		}
	}
}

// fake is a server that a test plays.
type fake struct {
	t testing.TB
	l net.Listener
}

// startFake opens the election port of server id.
func startFake(t testing.TB, n *names, id proto.ServerID) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	n.set(nameOf(id), l.Addr())
	return &fake{t, l}
}

// accept waits for a connection.
func (f *fake) accept() *fakeConn {
	f.t.Helper()
	_ = f.l.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	c, err := f.l.Accept()
	return newFakeConn(f.t, c, err)
}

// dialMesh connects to m and says b.
func dialMesh(t testing.TB, m *testMesh, b []byte) *fakeConn {
	t.Helper()
	raw, err := net.Dial("tcp", m.Addrs()[0].String())
	c := newFakeConn(t, raw, err)
	c.write(b)
	return c
}

type fakeConn struct {
	net.Conn
	t testing.TB
}

func newFakeConn(t testing.TB, c net.Conn, err error) *fakeConn {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return &fakeConn{c, t}
}

func (c *fakeConn) write(b []byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

func (c *fakeConn) read(n int) []byte {
	c.t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(c, b); err != nil {
		c.t.Fatal(err)
	}
	return b
}

// wantEnd reads until the peer closes the connection, and returns what came before.
func (c *fakeConn) wantEnd() []byte {
	c.t.Helper()
	b, err := io.ReadAll(c)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		c.t.Fatal("the connection was not closed")
	}
	return b
}

// wantVote reads a notification.
func (c *fakeConn) wantVote() proto.Vote {
	c.t.Helper()
	head := c.read(4)
	h := proto.NewDecoder(head)
	d := proto.NewDecoder(c.read(int(h.Int32())))
	v := d.Vote()
	if d.Err() != nil {
		c.t.Fatal(d.Err())
	}
	return v
}

// introduction is the initial message of server id.
func introduction(id proto.ServerID, addrs ...string) []byte {
	if addrs == nil {
		addrs = []string{nameOf(id)}
	}
	return proto.AppendInitialMessage(nil, &proto.InitialMessage{
		Version: proto.InitialMessageV1, Server: id, Addresses: addrs,
	})
}

func vote(round int64) *proto.Vote {
	return &proto.Vote{
		State: proto.Looking, Leader: 1, Zxid: 0x100000002, Round: round, PeerEpoch: 1,
		Version: proto.VoteVersion, Config: []byte("version=0"),
	}
}

func framed(v *proto.Vote) []byte {
	b, at := proto.BeginFrame(nil)
	return proto.EndFrame(proto.AppendVote(b, v), at)
}

// end is one end of a link with what it was told.
type end struct {
	*Link
	batches chan *Batch
	closed  chan error
	over    atomic.Bool // Closed was called
}

// testLinks is a listener and the dialling of its links.
type testLinks struct {
	*Listener
	accepted chan *Link
	ends     sync.Map // *Link to *end
}

func (s *testLinks) options() LinkOptions {
	return LinkOptions{
		Received: func(l *Link, b *Batch) {
			e := s.end(l)
			if e.over.Load() {
				panic("Received after Closed")
			}
			e.batches <- b
		},
		Closed: func(l *Link, err error) {
			e := s.end(l)
			if e.over.Swap(true) {
				panic("Closed twice")
			}
			e.closed <- err
		},
	}
}

func (s *testLinks) end(l *Link) *end {
	e, _ := s.ends.LoadOrStore(l, &end{Link: l, batches: make(chan *Batch, 1000), closed: make(chan error, 1)})
	return e.(*end)
}

func listenLinks(t testing.TB, change func(*LinkOptions)) *testLinks {
	t.Helper()
	s := &testLinks{accepted: make(chan *Link, 100)}
	opt := s.options()
	if change != nil {
		change(&opt)
	}
	var err error
	s.Listener, err = Listen([]string{"127.0.0.1:0"}, opt, func(l *Link) { s.accepted <- l })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Listener.Close)
	return s
}

// connect returns the leader's and the learner's end of a new link, both started.
func (s *testLinks) connect(t testing.TB, change func(*LinkOptions)) (leader, learner *end) {
	t.Helper()
	opt := s.options()
	if change != nil {
		change(&opt)
	}
	l, err := Dial(t.Context(), []string{s.Addrs()[0].String()}, opt, Retry{})
	if err != nil {
		t.Fatal(err)
	}
	learner, leader = s.end(l), s.end(receive(t, s.accepted, "link"))
	for _, e := range []*end{leader, learner} {
		e.Start()
		t.Cleanup(func() { e.Close(nil) })
	}
	return leader, learner
}

// dialRaw connects to the quorum port without a Link.
func (s *testLinks) dialRaw(t testing.TB) (*end, *fakeConn) {
	t.Helper()
	raw, err := net.Dial("tcp", s.Addrs()[0].String())
	c := newFakeConn(t, raw, err)
	e := s.end(receive(t, s.accepted, "link"))
	t.Cleanup(func() { e.Close(nil) })
	return e, c
}
