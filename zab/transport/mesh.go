package transport

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"gamekeeper/proto"
)

// Peer is another server of the ensemble. Election are alternatives, host:port; hosts are resolved when they are
// dialled.
type Peer struct {
	ID       proto.ServerID
	Election []string
}

// MeshOptions of StartMesh. Zero durations and counts are the defaults.
type MeshOptions struct {
	Self  proto.ServerID
	Peers []Peer // all servers but Self
	// Listen is where this server's election port is opened: host:port, or a wildcard with the port.
	Listen []string
	// Advertise is how peers reach that port. Smaller servers tell it to larger ones, which call back there. A
	// wildcard makes them use the address that their configuration has.
	Advertise []string
	// MultiAddress tells all addresses, not the first alone. ZooKeeper 3.5 refuses connections that do.
	MultiAddress bool

	ConnectTimeout time.Duration // of a dial; 5 s
	// HandshakeTimeout is how long a connection may take to introduce itself; 10 s.
	HandshakeTimeout time.Duration
	// KeepAlive probes silent connections every few seconds, so that a peer that vanished is noticed within 8 s, as
	// it is when votes are sent. Without it silent ones are probed every 15 s.
	KeepAlive bool
	// BindRetry is how many times, a second apart, Listen is tried; 3. Below 0 there is no end to it, except
	// BindCancel.
	BindRetry  int
	BindCancel <-chan struct{}

	Network Network
	Logger  *slog.Logger

	// Vote is called with every notification. Required.
	Vote func(from proto.ServerID, v proto.Vote)
	// Linked is called when a server can be reached, and when it no longer can. May be nil.
	Linked func(id proto.ServerID, up bool)
}

const (
	defaultConnectTimeout   = 5 * time.Second
	defaultHandshakeTimeout = 10 * time.Second
	defaultBindRetry        = 3
	bindPause               = time.Second

	// handshakesMax bounds the connections that have not introduced themselves; a new one then ends the oldest.
	handshakesMax = 64
	// straysMax bounds the servers that are linked although no configuration names them.
	straysMax = 64
	// anonymous is the id that servers without one introduce themselves with.
	anonymous proto.ServerID = 1<<63 - 1
)

// Mesh is a server's part in the election connections of an ensemble.
type Mesh struct {
	opt       MeshOptions
	log       *slog.Logger
	initial   []byte // what this server says first
	ctx       context.Context
	cancel    context.CancelFunc
	listeners []net.Listener
	wg        sync.WaitGroup

	mu         sync.Mutex // before a peer's, if both are held
	closed     bool
	peers      map[proto.ServerID]*peer
	strays     int
	accepted   uint64         // connections
	handshakes []net.Conn     // oldest first
	nameless   proto.ServerID // the last id given to an anonymous server
}

// StartMesh opens the election port and begins to connect. The error is that of the port.
func StartMesh(opt MeshOptions) (*Mesh, error) {
	opt.ConnectTimeout = cmp.Or(opt.ConnectTimeout, defaultConnectTimeout)
	opt.HandshakeTimeout = cmp.Or(opt.HandshakeTimeout, defaultHandshakeTimeout)
	opt.BindRetry = cmp.Or(opt.BindRetry, defaultBindRetry)
	m := &Mesh{opt: opt, log: loggerOr(opt.Logger), peers: map[proto.ServerID]*peer{}}
	m.initial = initialMessage(&opt)
	for _, p := range opt.Peers {
		if p.ID == opt.Self || m.peers[p.ID] != nil {
			return nil, fmt.Errorf("server %d is in the list of peers of server %d more than once, or is itself", p.ID, opt.Self)
		}
		m.peers[p.ID] = newPeer(m, p.ID, slices.Clone(p.Election))
	}
	if err := m.bind(); err != nil {
		return nil, err
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	for _, p := range m.peers { // before anything is accepted, which may add to them
		m.wg.Go(p.keepLinked)
	}
	for _, l := range m.listeners {
		m.wg.Go(func() { acceptAll(m.ctx, l, m.log, m.greet) })
	}
	return m, nil
}

func (m *Mesh) bind() (err error) {
	for try := 1; ; try++ {
		if m.listeners, err = m.opt.Network.listen(m.opt.Listen); err == nil {
			return nil
		}
		if m.opt.BindRetry > 0 && try >= m.opt.BindRetry {
			return fmt.Errorf("the election port cannot be opened: stop what uses it, or correct this server's line server.N: %w", err)
		}
		m.log.Warn("the election port cannot be opened yet", "try", try, "error", err)
		select {
		case <-time.After(bindPause):
		case <-m.opt.BindCancel:
			return fmt.Errorf("the election port cannot be opened: stop what uses it, or correct this server's line server.N: %w", err)
		}
	}
}

// Addrs returns where the election port is open.
func (m *Mesh) Addrs() []net.Addr { return addrsOf(m.listeners) }

// Send queues a vote to a server, in the place of one that was not sent yet, and connects if need be. A vote to a
// server that is neither configured nor linked, or to this one, is dropped.
func (m *Mesh) Send(to proto.ServerID, v *proto.Vote) {
	m.mu.Lock()
	p := m.peers[to]
	m.mu.Unlock()
	if p == nil {
		m.log.Debug("no vote is sent to an unknown server", "peer", int64(to))
		return
	}
	p.send(v)
}

// Close ends all connections and closes the port. When it returns no callback is running.
func (m *Mesh) Close() {
	m.mu.Lock()
	m.closed = true
	m.cancel()
	for _, c := range m.handshakes {
		c.Close()
	}
	for _, p := range m.peers {
		p.hangUp()
	}
	m.mu.Unlock()
	closeAll(m.listeners)
	m.wg.Wait()
}

// spawn runs f on a goroutine that Close waits for; it is false when the mesh is closed. The caller holds m.mu.
func (m *Mesh) spawn(f func()) bool {
	if !m.closed {
		m.wg.Go(f)
	}
	return !m.closed
}
