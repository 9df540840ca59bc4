package server

import (
	"fmt"
	"math/rand/v2"
	"time"

	"gamekeeper/proto"
	"gamekeeper/server/auth"
	"gamekeeper/server/config"
	"gamekeeper/server/session"
	"gamekeeper/zab"
	"gamekeeper/zab/transport"
)

// member is this server's part in an ensemble: what the core has besides when it is not standalone. It owns the
// zab.Peer, and is its Host (host.go). It belongs to the core.
type member struct {
	k    *core
	s    *Server
	id   proto.ServerID
	peer *zab.Peer

	mesh *transport.Mesh

	status    zab.Status
	committed proto.Zxid // how far the pipeline may be applied
	proposing bool       // what is appended is this server's own proposal, and in the pipeline already
	purged    bool       // the log may reach back less far, and the peer does not know yet
	stopped   bool
	failed    error // what the server cannot go on with; the peer's calls are not carried out any more

	inbox  inbox
	votes  []ballot
	events []linkEvent // being handled; those from next on wait for room in the log
	next   int

	links   links
	catchUp catchUp
	edge    edge
	answers []answer // of the leader
	relay   relay
	digests digests
	request request    // of a learner, which the peer has passed on just now
	known   identities // of learners' clients

	local      *session.Tracker[owner] // sessions that only this server knows
	readOnly   bool                    // it serves reads, and has no leader
	readOnlyAt int64                   // when it will, ms

	// The leader is confirmed once for all syncs that wait: token is the last that was asked for.
	asking           bool
	token, confirmed uint64
	held             []proto.Zxid // learners' syncs that wait: what was ordered before each

	telemetry *memberTelemetry

	// For building packets.
	data, auth []byte
	packet     proto.QuorumPacket
}

// answer is what the leader says to something that was sent for a client: SYNC, or about a session.
type answer struct {
	after   proto.Zxid // what was committed before
	sync    bool
	session proto.SessionValidity
}

// newMember prepares the part of s in its ensemble. The core owns the result.
func newMember(s *Server) (*member, error) {
	cfg := &s.cfg
	m := &member{k: s.core, s: s, id: proto.ServerID(cfg.Ensemble.MyID), committed: s.log.LastZxid(),
		edge: newEdge(), relay: newRelay(), inbox: inbox{poke: s.core.poke}, known: identities{}}
	m.links = newLinks(m)
	m.readOnlyAt = never
	m.forgetLocal()
	m.status.State = proto.Looking
	history, err := s.history()
	if err != nil {
		return nil, err
	}
	votes, err := s.mayVote(&history)
	if err != nil {
		return nil, err
	}
	peer := peerConfig(cfg)
	m.telemetry = newMemberTelemetry(s.telemetry.metrics, &peer)
	m.peer = zab.New(peer, zab.State{AcceptedEpoch: s.epochs.Accepted(), CurrentEpoch: s.epochs.Current(),
		History: history, Untrusted: !votes}, m)
	return m, nil
}

// peerConfig is the configuration as package zab wants it.
func peerConfig(cfg *config.Config) zab.Config {
	e := &cfg.Ensemble
	return zab.Config{
		ID:                     proto.ServerID(e.MyID),
		Membership:             membership(&e.Membership),
		ConfigText:             []byte(e.Membership.String()),
		TickMs:                 cfg.Session.TickTime.Milliseconds(),
		InitLimit:              int64(e.InitLimit),
		SyncLimit:              int64(e.SyncLimit),
		MinNotificationMs:      e.MinNotification.Milliseconds(),
		MaxNotificationMs:      e.MaxNotification.Milliseconds(),
		ObserverDelayMs:        e.ObserverElectionDelay.Milliseconds(),
		ObserverConnectDelayMs: e.ObserverReconnectDelay.Milliseconds(),
		ObserverMasters:        e.ObserverMasterPort > 0,
		EpochWaitMs:            epochWait(e.MaxEpochWait),
		ForceSnapshot:          e.ForceSnapshotSync,
		MaxSnapSyncs:           e.MaxSnapSyncs,
		MaxDiffSyncs:           e.MaxDiffSyncs,
		Random:                 rand.Int64N,
	}
}

// epochWait is leader.maxTimeToWaitForEpoch as package zab wants it.
func epochWait(d time.Duration) int64 {
	if d < 0 {
		return 0
	}
	return max(d.Milliseconds(), 1)
}

// membership is the list of servers as package zab wants it.
func membership(m *config.Membership) zab.Membership {
	groups := map[int64]int64{}
	for _, g := range m.Groups {
		for _, id := range g.Members {
			groups[id] = g.ID
		}
	}
	out := zab.Membership{Hierarchical: len(m.Groups) > 0, Version: m.Version}
	for _, s := range m.Servers {
		out.Members = append(out.Members, zab.Member{ID: proto.ServerID(s.ID), Voter: s.Role == config.Participant,
			Weight: s.Weight, Group: groups[s.ID]})
	}
	return out
}

// startMesh opens the election port.
func (m *member) startMesh(cancel <-chan struct{}) (err error) {
	e := &m.s.cfg.Ensemble
	opt := transport.MeshOptions{
		Self:             m.id,
		MultiAddress:     e.MultiAddress,
		ConnectTimeout:   e.ElectionConnectTimeout,
		HandshakeTimeout: e.ElectionReadTimeout,
		KeepAlive:        e.TCPKeepAlive,
		BindRetry:        e.ElectionBindRetry,
		BindCancel:       cancel,
		Logger:           m.s.logger,
		Vote:             func(from proto.ServerID, v proto.Vote) { m.inbox.putBallot(ballot{from: from, vote: v}) },
		Linked:           func(id proto.ServerID, up bool) { m.inbox.putBallot(ballot{from: id, link: true, up: up}) },
	}
	if opt.BindRetry == 0 {
		opt.BindRetry = -1
	}
	for _, s := range e.Membership.Servers {
		p := transport.Peer{ID: proto.ServerID(s.ID)}
		var at ports
		for _, a := range s.Addresses {
			p.Election = append(p.Election, config.HostPort{Host: a.Host, Port: a.ElectionPort}.String())
			at.add(a.Host, a.QuorumPort, e.ObserverMasterPort)
		}
		if p.ID != m.id {
			opt.Peers = append(opt.Peers, p)
			m.links.addresses[p.ID] = at
			continue
		}
		opt.Advertise, opt.Listen, m.links.listenOn = p.Election, p.Election, at
		if e.ListenOnAllAddresses {
			opt.Listen, m.links.listenOn = wildcards(s.Addresses, e.ObserverMasterPort)
		}
	}
	m.mesh, err = transport.StartMesh(opt)
	return err
}

// wildcards are the election port, and those for learners, on every address.
func wildcards(addresses []config.ServerAddress, observers int) (election []string, learners ports) {
	seen := map[int]bool{}
	for _, a := range addresses {
		for _, x := range []struct {
			port int
			list *[]string
		}{{a.ElectionPort, &election}, {a.QuorumPort, &learners[zab.QuorumPort]}, {observers, &learners[zab.ObserverPort]}} {
			if !seen[x.port] {
				seen[x.port] = true
				*x.list = append(*x.list, config.HostPort{Port: x.port}.String())
			}
		}
	}
	return election, learners
}

// leads says whether this server is a leader that serves: it gives writes their order.
func (m *member) leads() bool { return m.status.Serving && m.status.State == proto.Leading }

func (m *member) now() int64 { return m.k.now / 1e6 }

// takeIn gives the peer what has gathered. Links wait while the log is full: what they bring goes there.
func (m *member) takeIn() (worked bool) {
	if m.next == len(m.events) {
		clear(m.events)
		m.votes, m.events = m.inbox.take(m.votes[:0], m.events[:0])
		m.next = 0
	} else {
		m.votes, _ = m.inbox.take(m.votes[:0], nil)
	}
	for i := range m.votes {
		v := &m.votes[i]
		if v.link {
			m.peer.VoterLink(m.now(), v.from, v.up)
		} else {
			m.peer.ReceiveVote(m.now(), v.from, &v.vote)
		}
	}
	for ; m.next < len(m.events) && m.failed == nil; m.next++ {
		worked = true
		if !m.happened(&m.events[m.next]) {
			return false // the log's next sync brings us back here
		}
	}
	if m.catchUp.arrived != nil && m.links.views.Load() == 0 && m.failed == nil {
		m.takeOver()
		worked = true
	}
	return worked || len(m.votes) > 0
}

// timers does what is due besides the peer's, and returns when to look again.
func (m *member) timers(now int64) (due int64) {
	if m.readOnlyAt <= now {
		m.serveReadOnly()
	}
	if m.local.NextDue() <= now {
		m.expireLocal(now)
	}
	return min(m.readOnlyAt, m.local.NextDue())
}

// settle ends a batch of inputs. It returns when to look again, in milliseconds since the server started.
func (m *member) settle() (next int64) {
	if m.failed != nil {
		return m.now()
	}
	if m.asking {
		m.asking = false
		m.peer.Confirm(m.now(), m.token)
	}
	if m.purged {
		m.purged = false
		m.peer.Purged(m.k.log.Base())
	}
	m.peer.Durable(m.k.log.Durable())
	return m.peer.Settle(m.now())
}

// answer answers what waits for nothing any more, and what waited for the leader's word: each behind all that the
// leader had committed before, and before all that it committed later.
func (m *member) answer() (worked bool) {
	k := m.k
	worked = m.answerReady()
	for _, a := range m.answers {
		k.advance(a.after)
		if a.sync {
			k.synced()
		} else {
			k.renewed(a.session)
		}
		m.answerReady()
		worked = true
	}
	m.answers = m.answers[:0]
	return worked
}

func (m *member) answerReady() bool {
	k := m.k
	if len(m.edge.ready) == 0 {
		return false
	}
	k.gate.Lock()
	k.answerReady()
	k.deliver()
	k.gate.Unlock()
	k.s.net.Flush()
	return true
}

// flush has everything sent that was put into the links' outputs.
func (m *member) flush() {
	m.links.flush()
	m.telemetry.publish(m)
}

// fail ends the server: what the peer wants cannot be carried out.
func (m *member) fail(what string, err error) {
	if m.failed == nil {
		m.failed = fmt.Errorf("%s: %w", what, err)
	}
}

// stop ends everything that the ensemble has running. The core does so when it fails, or who has ended the core.
func (m *member) stop() {
	if m.stopped {
		return
	}
	m.stopped = true
	m.mesh.Close()
	m.inbox.close()
	for ; m.next < len(m.events); m.next++ {
		m.events[m.next].dispose()
	}
	m.links.close()
}

// identities are those that learners' clients have had lately, by their encoding.
type identities map[string]auth.Identities

const identitiesMax = 1 << 12

func (k identities) of(l proto.Identities) auth.Identities {
	if ids, ok := k[string(l)]; ok {
		return ids
	}
	if len(k) >= identitiesMax {
		clear(k)
	}
	own := proto.Identities(append([]byte(nil), l...)) // what a set holds must not change
	var ids auth.Identities
	for id := range own.All() {
		ids = ids.With(id)
	}
	k[string(l)] = ids
	return ids
}
