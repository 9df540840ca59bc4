package server

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"gamekeeper/proto"
	"gamekeeper/server/config"
	"gamekeeper/zab"
	"gamekeeper/zab/transport"
)

// links are the connections between a leader and its learners: that of a learner to its leader, or those that
// learners have made. They belong to the core.
type links struct {
	m         *member
	addresses map[proto.ServerID]ports // of the other servers
	listenOn  ports

	// As a learner.
	attempt uint64 // of Host.Connect; what belongs to an earlier one is out of date
	cancel  context.CancelFunc
	leader  *transport.Link // nil: none
	sent    bool            // to the leader, in this turn

	// As a leader, or as a follower that serves observers.
	listener *transport.Listener
	last     zab.Link
	learners map[zab.Link]*learnerLink
	ids      map[*transport.Link]zab.Link
	dirty    []*learnerLink // something was sent in this turn

	running sync.WaitGroup // links that were started, and attempts to connect

	held  map[*transport.Link][]func()
	views atomic.Int64 // of the snapshot, open for links
}

// ports are where learners connect to a server, at each of its addresses.
type ports [2][]string // by zab.Port

// add adds an address. observers is the observer master port, which is the same on all servers.
func (p *ports) add(host string, quorum, observers int) {
	p[zab.QuorumPort] = append(p[zab.QuorumPort], config.HostPort{Host: host, Port: quorum}.String())
	p[zab.ObserverPort] = append(p[zab.ObserverPort], config.HostPort{Host: host, Port: observers}.String())
}

// learnerLink is the link of a learner.
type learnerLink struct {
	*transport.Link
	sent bool
	// fuzzyUntil is the last zxid whose effects may be in the snapshot that an Apache learner was sent.
	fuzzyUntil proto.Zxid
}

func newLinks(m *member) links {
	return links{m: m, addresses: map[proto.ServerID]ports{}, cancel: func() {}, learners: map[zab.Link]*learnerLink{},
		ids: map[*transport.Link]zab.Link{}, held: map[*transport.Link][]func(){}}
}

// hold notes what has to be released when a link has ended. It may be released before that, by any goroutine.
func (l *links) hold(k *transport.Link, release func()) func() {
	release = sync.OnceFunc(release)
	l.held[k] = append(l.held[k], release)
	return release
}

// letGo releases what a link has held, which has ended.
func (l *links) letGo(k *transport.Link) {
	for _, release := range l.held[k] {
		release()
	}
	delete(l.held, k)
}

// options of a link, of either kind. How long a peer may be silent is for package zab to say.
func (l *links) options() transport.LinkOptions {
	box := &l.m.inbox
	return transport.LinkOptions{
		Logger:   l.m.s.logger,
		Received: func(k *transport.Link, b *transport.Batch) { box.put(linkEvent{kind: eventBatch, link: k, batch: b}) },
		Closed: func(k *transport.Link, err error) {
			box.put(linkEvent{kind: eventClosed, link: k, err: err})
			l.running.Done()
		},
	}
}

func (l *links) start(k *transport.Link) {
	l.running.Add(1)
	k.Start()
}

// connect begins to connect to a leader, or to a follower that serves observers.
func (l *links) connect(to proto.ServerID, port zab.Port) {
	l.attempt++
	cfg := &l.m.s.cfg
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	attempt, box, opt, addresses := l.attempt, &l.m.inbox, l.options(), l.addresses[to][port]
	// But for the stream of a snapshot, which it does not see.
	opt.ReadTimeout = time.Duration(max(cfg.Ensemble.InitLimit, cfg.Ensemble.SyncLimit)) * cfg.Session.TickTime
	retry := transport.Retry{Pause: cfg.Ensemble.ConnectRetryDelay,
		Budget: time.Duration(cfg.Ensemble.ConnectLimit) * cfg.Session.TickTime}
	l.running.Go(func() {
		defer cancel()
		k, err := transport.Dial(ctx, addresses, opt, retry)
		if err != nil {
			box.put(linkEvent{kind: eventUnconnected, attempt: attempt, err: err})
			return
		}
		box.put(linkEvent{kind: eventConnected, link: k, attempt: attempt})
	})
}

// disconnect gives up the connection to the leader, or the attempt.
func (l *links) disconnect() {
	l.attempt++
	l.m.abandonSnapshot()
	l.cancel()
	if l.leader != nil {
		l.leader.Close(nil)
		l.leader = nil
	}
}

// listen opens a port.
func (l *links) listen(port zab.Port) {
	box := &l.m.inbox
	var err error
	l.listener, err = transport.Listen(l.listenOn[port], l.options(), func(k *transport.Link) {
		box.put(linkEvent{kind: eventAccepted, link: k})
	})
	if err == nil {
		return
	}
	l.listener = nil
	if port == zab.ObserverPort {
		l.m.s.logger.Error("this server cannot serve observers: free the port, or change observerMasterPort on all servers", "error", err)
	} else {
		l.m.s.logger.Error("this server is elected and cannot lead: free the port, or correct its line server.N", "error", err)
	}
}

// stopListening closes the port that is open, and all learners' links.
func (l *links) stopListening() {
	if l.listener != nil {
		l.listener.Close()
		l.listener = nil
	}
	for _, x := range l.learners {
		x.Close(nil)
	}
	clear(l.learners)
	clear(l.ids)
}

func (l *links) closeLearner(id zab.Link) {
	if x := l.learners[id]; x != nil {
		delete(l.ids, x.Link)
		delete(l.learners, id)
		x.Close(errDropped)
	}
}

var errDropped = errors.New("this server has dropped the learner")

// to returns a learner's link for sending, nil if it is closed.
func (l *links) to(id zab.Link) *learnerLink {
	x := l.learners[id]
	if x != nil && !x.sent {
		x.sent = true
		l.dirty = append(l.dirty, x)
	}
	return x
}

func (l *links) flush() {
	if l.sent && l.leader != nil {
		l.leader.Flush()
	}
	l.sent = false
	for _, x := range l.dirty {
		x.sent = false
		x.Flush()
	}
	clear(l.dirty)
	l.dirty = l.dirty[:0]
}

// close ends all links, and returns when nothing of them runs any more.
func (l *links) close() {
	l.disconnect()
	l.stopListening()
	l.running.Wait()
	for k := range l.held {
		l.letGo(k)
	}
}

// happened gives the peer what happened on a link. It is false if the rest has to wait, because the log is full.
func (m *member) happened(e *linkEvent) (done bool) {
	l := &m.links
	switch e.kind {
	case eventAccepted:
		if l.listener == nil {
			e.link.Close(nil)
			return true
		}
		l.last++
		l.learners[l.last] = &learnerLink{Link: e.link}
		l.ids[e.link] = l.last
		l.start(e.link)
		m.peer.Accepted(m.now(), l.last)
	case eventConnected:
		if e.attempt != l.attempt {
			e.link.Close(nil)
			return true
		}
		l.leader = e.link
		l.start(e.link)
		m.peer.Connected(m.now())
	case eventUnconnected:
		if e.attempt == l.attempt {
			m.peer.Disconnected(m.now())
		}
	case eventBatch:
		if m.k.log.Full() {
			return false
		}
		m.received(e)
	case eventClosed:
		m.closedLink(e)
	case eventReceived:
		m.receivedSnapshot(e.got)
	}
	return true
}

// closedLink tells the peer that a link has ended by itself.
func (m *member) closedLink(e *linkEvent) {
	l := &m.links
	l.letGo(e.link)
	if e.link == l.leader {
		m.s.logger.Info("the connection to the leader is closed", "reason", e.err)
		l.leader = nil
		l.attempt++
		m.abandonSnapshot()
		m.peer.Disconnected(m.now())
		return
	}
	if id, ok := l.ids[e.link]; ok {
		m.s.logger.Info("the link of a learner is closed", "reason", e.err)
		m.unreadable(e.err)
		delete(l.ids, e.link)
		delete(l.learners, id)
		m.peer.Gone(m.now(), id)
	}
}

// received gives the peer a batch of packets.
func (m *member) received(e *linkEvent) {
	defer e.batch.Release()
	l := &m.links
	for i := range e.batch.Packets {
		p := &e.batch.Packets[i]
		if e.link == l.leader {
			m.peer.FromLeader(m.now(), p)
			continue
		}
		id, ok := l.ids[e.link]
		if !ok {
			return
		}
		if p.Type == proto.PacketAck {
			m.telemetry.acks.Inc()
		}
		m.peer.FromLearner(m.now(), id, p)
		if m.request.packet != nil {
			m.request.packet = nil
			m.forClients(id, p)
		}
	}
}
