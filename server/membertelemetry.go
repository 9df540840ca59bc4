package server

import (
	"fmt"
	"sync"
	"time"

	"gamekeeper/proto"
	"gamekeeper/server/admin"
	"gamekeeper/zab"
)

// memberTelemetry is what a member of an ensemble counts besides. Names are Apache's where it has one. The core
// writes it.
type memberTelemetry struct {
	quorumSize int64
	masters    bool // followers serve observers

	proposals, received *admin.Counter // of a leader, and of a learner
	commits, told       *admin.Counter
	acks                *admin.Counter
	diffs, snaps        *admin.Counter
	looking             *admin.Counter
	mismatches          *admin.Counter
	election            *admin.Summary
	followerSync        *admin.Summary
	observerSync        *admin.Summary
	unavailable         *admin.Summary
	leaderUnavailable   *admin.Summary

	// When what goes on now began; zero: it does not.
	lookingSince, syncSince, unavailableSince time.Time

	mu       sync.Mutex
	readOnly bool
	local    int64 // sessions
	status   zab.Status
	leading  time.Time // since when this server leads and serves
	last     proto.Zxid
	learners []zab.LearnerStatus
	syncs    int64 // of learners, that wait
	sizes    admin.Sizes
}

func newMemberTelemetry(m *admin.Metrics, cfg *zab.Config) *memberTelemetry {
	t := &memberTelemetry{
		proposals: m.Counter("proposal_count"), received: m.Counter("learner_proposal_received_count"),
		commits: m.Counter("commit_count"), told: m.Counter("learner_commit_received_count"),
		acks:  m.Counter("ack_count"),
		diffs: m.Counter("diff_count"), snaps: m.Counter("snap_count"),
		looking: m.Counter("looking_count"), mismatches: m.Counter("digest_mismatches_count"),
		election:     m.Timer("election_time", admin.Basic),
		followerSync: m.Timer("follower_sync_time", admin.Basic), observerSync: m.Timer("observer_sync_time", admin.Basic),
		unavailable: m.Timer("unavailable_time", admin.Basic), leaderUnavailable: m.Timer("leader_unavailable_time", admin.Basic),
		sizes: noSizes, unavailableSince: time.Now(), masters: cfg.ObserverMasters,
	}
	for _, x := range cfg.Membership.Members {
		if x.Voter {
			t.quorumSize++
		}
		m.Set().NewGauge(fmt.Sprintf(`follower_lag{server="%d"}`, x.ID), func() float64 { return float64(t.lag(x.ID)) })
	}
	return t
}

var noSizes = admin.Sizes{Last: -1, Min: -1, Max: -1}

// lag is how many proposals a follower has not acknowledged, 0 if this server does not lead it.
func (t *memberTelemetry) lag(id proto.ServerID) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.learners {
		if l.ID != id || l.Observer || !l.Synced || l.Acked >= t.last {
			continue
		}
		return between(l.Acked, t.last)
	}
	return 0
}

// proposed notes the size of a proposal of this server.
func (t *memberTelemetry) proposed(bytes int) {
	t.proposals.Inc()
	n := int64(bytes)
	t.mu.Lock()
	if t.sizes.Min < 0 || n < t.sizes.Min {
		t.sizes.Min = n
	}
	t.sizes.Last, t.sizes.Max = n, max(t.sizes.Max, n)
	t.mu.Unlock()
}

// committed notes that the commit point moves.
func (t *memberTelemetry) committed(leading bool, from, to proto.Zxid) {
	n := between(from, to)
	if n <= 0 {
		return
	}
	if leading {
		t.commits.Add(n)
	} else {
		t.told.Add(n)
	}
}

// changed notes what this server does now.
func (t *memberTelemetry) changed(was, is zab.Status) {
	now := time.Now()
	since := func(from *time.Time, s *admin.Summary) {
		if !from.IsZero() {
			s.ObserveDuration(now.Sub(*from))
			*from = time.Time{}
		}
	}
	if is.State == proto.Looking {
		t.looking.Inc()
		t.lookingSince, t.syncSince = now, time.Time{}
	} else if was.State == proto.Looking {
		since(&t.lookingSince, t.election)
		t.syncSince = now
	}
	switch {
	case was.Serving && !is.Serving:
		t.unavailableSince = now
	case !was.Serving && is.Serving && is.State == proto.Leading:
		since(&t.unavailableSince, t.leaderUnavailable)
	case !was.Serving && is.Serving:
		since(&t.unavailableSince, t.unavailable)
		if is.State == proto.Observing {
			since(&t.syncSince, t.observerSync)
		} else {
			since(&t.syncSince, t.followerSync)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.status = is
	t.leading = time.Time{}
	if is.Serving && is.State == proto.Leading {
		t.leading, t.sizes = now, noSizes
	}
}

// publish notes what others may look at, once a turn.
func (t *memberTelemetry) publish(m *member) {
	t.mu.Lock()
	t.learners = t.learners[:0]
	t.learners = m.peer.AppendLearners(t.learners)
	t.local = int64(m.local.Len())
	t.last, t.syncs = m.peer.LastLogged(), int64(len(m.held))
	t.mu.Unlock()
}

// report adds to what administrators see.
func (t *memberTelemetry) report(st *admin.Stats) {
	t.mu.Lock()
	defer t.mu.Unlock()
	st.Mode, st.PeerState, st.LocalSessions = modeOf(t.status), peerState(t.status), t.local
	if t.readOnly {
		st.Mode = admin.ReadOnly
	}
	gauge := func(name string, n int64) { st.Quorum = append(st.Quorum, admin.Gauge{Name: name, Value: n}) }
	gauge("quorum_size", t.quorumSize)
	switch {
	case t.status.State == proto.Leading:
	case t.status.State == proto.Observing:
		st.ObserverMaster = int64(t.status.Master)
		return
	case t.status.State == proto.Following && t.masters:
		gauge("synced_observers", t.observers())
		return
	default:
		return
	}
	var all, followers, synced, silent int64
	for _, l := range t.learners {
		all++
		switch {
		case l.Observer:
		case l.Synced && l.Votes:
			followers++
			synced++
		case l.Synced:
			followers++
			silent++
		default:
			followers++
		}
	}
	gauge("learners", all)
	gauge("followers", followers)
	gauge("synced_followers", synced)
	gauge("synced_non_voting_followers", silent)
	gauge("synced_observers", t.observers())
	gauge("pending_syncs", t.syncs)
	uptime := int64(0)
	if !t.leading.IsZero() {
		uptime = time.Since(t.leading).Milliseconds()
	}
	gauge("leader_uptime", uptime)
	sizes := t.sizes
	st.Proposals = &sizes
}

// observers counts those that are up to date with this server.
func (t *memberTelemetry) observers() (n int64) {
	for _, l := range t.learners {
		if l.Observer && l.Synced {
			n++
		}
	}
	return n
}

// serveReadOnly notes whether read-only clients are served.
func (t *memberTelemetry) serveReadOnly(is bool) {
	t.mu.Lock()
	t.readOnly = is
	t.mu.Unlock()
}

func (t *memberTelemetry) isReadOnly() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.readOnly
}

// reset begins the sizes of proposals anew.
func (t *memberTelemetry) reset() {
	t.mu.Lock()
	t.sizes = noSizes
	t.mu.Unlock()
}

// modeOf is the role as Apache names it. A server that looks for a leader is asked nothing that would show it.
func modeOf(s zab.Status) admin.Mode {
	switch s.State {
	case proto.Leading:
		return admin.Leader
	case proto.Observing:
		return admin.Observer
	}
	return admin.Follower
}

// peerState is what Apache calls the detailed state of a peer.
func peerState(s zab.Status) string {
	var state string
	switch s.State {
	case proto.Looking:
		return "looking"
	case proto.Leading:
		state = "leading"
	case proto.Following:
		state = "following"
	default:
		state = "observing"
	}
	switch {
	case s.Serving:
		return state + " - broadcast"
	case s.Epoch > 0:
		return state + " - synchronization"
	}
	return state + " - discovery"
}
