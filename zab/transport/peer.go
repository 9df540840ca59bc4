package transport

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"gamekeeper/proto"
)

// The pauses between dials to one peer.
const (
	dialPauseMin = 50 * time.Millisecond
	dialPauseMax = time.Second
	// calledBackWithin is how long a larger server has to call back before it is dialled again: dialling again
	// destroys the connection that it may just have made.
	calledBackWithin = time.Second
	// lastingLink is how long a link has to last, if nothing comes over it, for the pauses to start from the least.
	lastingLink = time.Second
	// failuresPerWarning is how many dials fail between two words about it.
	failuresPerWarning = 60
)

// Why a link ends that the peer did not end, and that did not fail.
var (
	errCalled     = errors.New("the peer has asked for a new connection")
	errReplaced   = errors.New("the peer has made a new connection")
	errMeshClosed = errors.New("this server has closed its election connections")
)

// peer is another server, with what is to be sent to it and the link to it. Its goroutine keepLinked dials.
type peer struct {
	mesh       *Mesh
	id         proto.ServerID
	configured []string // where it can be dialled; nil for a stray, which no configuration names
	wake       chan struct{}

	// Under the mesh's lock:
	kept     bool   // a stray: keepLinked runs
	accepted uint64 // number of the last connection that was taken on

	telling sync.Mutex // held while Linked runs
	told    bool       // what Linked was told last

	mu         sync.Mutex
	advertised []string  // where it says that it can be dialled
	next, last []byte    // frames: waiting, empty if none does, and sent last. The link's writer reads last
	link       *meshLink // the live one
	latest     *meshLink // of all there were
	called     bool      // it has asked to be called back
	failures   int       // dials, since a link that was good
	notBefore  time.Time // when the next dial may be
	dialled    time.Time // when the last one was
}

func newPeer(m *Mesh, id proto.ServerID, configured []string) *peer {
	return &peer{mesh: m, id: id, configured: configured, wake: make(chan struct{}, 1)}
}

func (p *peer) stray() bool { return p.configured == nil }

// ours says whether the connection to p is this server's to make.
func (p *peer) ours() bool { return p.id < p.mesh.opt.Self && p.id >= 0 }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (p *peer) send(v *proto.Vote) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b, at := proto.BeginFrame(p.next[:0])
	p.next = proto.EndFrame(proto.AppendVote(b, v), at)
	if p.link != nil {
		signal(p.link.wake)
	} else {
		signal(p.wake)
	}
}

// heardFrom notes what p says of itself.
func (p *peer) heardFrom(msg *proto.InitialMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.advertised = usableAddresses(msg.Addresses)
}

// callBack has a smaller server dialled that believes there is no link: if there is one, it is dead.
func (p *peer) callBack() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.link != nil {
		p.link.close(errCalled)
		p.link = nil
	}
	p.called = true
	p.failures = 0
	p.notBefore = p.dialled.Add(dialPauseMin)
	signal(p.wake)
}

// install makes conn the link, in the place of another. The caller holds the mesh's lock.
func (p *peer) install(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := newMeshLink(p, conn, p.latest)
	if !p.mesh.spawn(l.run) {
		conn.Close()
		return
	}
	if p.link != nil {
		p.link.close(errReplaced)
	}
	p.link, p.latest = l, l
	p.called = false
	signal(p.wake)
}

// lost forgets a link that has ended. good says that the peer was there.
func (p *peer) lost(l *meshLink, good bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if good {
		p.failures = 0
	}
	if p.latest == l {
		p.latest = nil
	}
	signal(p.wake)
	if p.link != l {
		return
	}
	p.link = nil
	wait := p.pause()
	if !p.ours() {
		wait += 2 * dialPauseMin // the peer notices too, and connects
	}
	p.notBefore = later(p.notBefore, time.Now().Add(wait))
}

// tell tells Linked what has changed.
func (p *peer) tell() {
	if p.mesh.opt.Linked == nil {
		return
	}
	p.telling.Lock()
	defer p.telling.Unlock()
	p.mu.Lock()
	up := p.link != nil
	p.mu.Unlock()
	if up != p.told {
		p.told = up
		p.mesh.opt.Linked(p.id, up)
	}
}

func (p *peer) hangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.link != nil {
		p.link.close(errMeshClosed)
	}
}

// pause draws the wait before the next dial.
func (p *peer) pause() time.Duration {
	d := min(dialPauseMax, dialPauseMin<<min(p.failures, 10))
	return d/2 + rand.N(d/2)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// keepLinked dials whenever there has to be a link and is none. It returns when the mesh closes, and for a stray when
// it has gone.
func (p *peer) keepLinked() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for p.mesh.ctx.Err() == nil && !p.goneStray() {
		now, wait := p.nextDial()
		if now {
			p.dial()
			continue
		}
		var due <-chan time.Time
		if wait > 0 {
			timer.Reset(wait)
			due = timer.C
		}
		select {
		case <-p.wake:
		case <-due:
		case <-p.mesh.ctx.Done():
		}
	}
}

// goneStray says whether p is a stray without a link that has not to be called back, and removes it.
func (p *peer) goneStray() bool {
	if !p.stray() {
		return false
	}
	p.mesh.mu.Lock()
	defer p.mesh.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.link != nil || p.called || p.latest != nil {
		return false
	}
	delete(p.mesh.peers, p.id)
	p.mesh.strays--
	return true
}

// nextDial says whether to dial now, or else how long to wait; 0 is until something happens.
func (p *peer) nextDial() (now bool, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.link != nil || !p.called && (p.stray() || !p.ours() && len(p.next) == 0) {
		return false, 0
	}
	wait = max(0, time.Until(p.notBefore))
	return wait == 0, wait
}

// startDial returns the addresses to dial.
func (p *peer) startDial() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialled = time.Now()
	addresses := slices.Concat(p.configured, p.advertised)
	slices.Sort(addresses)
	return slices.Compact(addresses)
}

// dial connects, introduces this server, and keeps the connection if it is the larger one's.
func (p *peer) dial() {
	m := p.mesh
	ctx, cancel := context.WithTimeout(m.ctx, m.opt.ConnectTimeout)
	defer cancel()
	conn, err := m.opt.Network.dialFirst(ctx, p.startDial())
	if err == nil && p.linked() {
		conn.Close() // the peer was faster
		return
	}
	if err == nil {
		tuneElection(conn, m.opt.KeepAlive)
		err = introduce(conn, m.initial, m.opt.ConnectTimeout)
	}
	p.afterDial(err)
	switch {
	case err != nil:
		if conn != nil {
			conn.Close()
		}
	case p.ours():
		m.mu.Lock()
		p.install(conn)
		m.mu.Unlock()
	default:
		conn.Close()
	}
}

// introduce sends the initial message, with one write, as the receiver has it from one read.
func introduce(conn net.Conn, initial []byte, within time.Duration) error {
	if err := conn.SetWriteDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	if _, err := conn.Write(initial); err != nil {
		return err
	}
	return conn.SetWriteDeadline(time.Time{})
}

func (p *peer) linked() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.link != nil
}

// afterDial notes how a dial ended, and when the next one may be.
func (p *peer) afterDial(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures++
	wait := p.pause()
	switch {
	case err == nil && !p.ours():
		wait = calledBackWithin + wait
	case err != nil:
		if p.stray() {
			p.called = false
		}
		if p.failures%failuresPerWarning == 1 && p.mesh.ctx.Err() == nil {
			p.mesh.log.Warn("a server cannot be reached on its election port", "peer", int64(p.id),
				"tries", p.failures, "error", err)
		}
	}
	p.notBefore = time.Now().Add(wait)
}
