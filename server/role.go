package server

import (
	"context"

	"gamekeeper/proto"
	"gamekeeper/server/ordering"
	"gamekeeper/server/recovery"
	"gamekeeper/tree"
	"gamekeeper/zab"
)

// Changed implements zab.Host.
func (m *member) Changed(s zab.Status) {
	if m.failed != nil {
		return
	}
	was := m.status
	if was.Serving && !s.Serving {
		m.endServing()
	}
	if s.State == proto.Looking {
		m.lookedFrom(m.now())
	} else {
		m.endReadOnly()
	}
	m.status = s
	if !was.Serving && s.Serving {
		m.beginServing()
	}
	m.telemetry.changed(was, s)
}

// beginServing admits clients: the state is that of the ensemble.
func (m *member) beginServing() {
	k := m.k
	k.advance(m.committed)
	if !m.fit() {
		return
	}
	m.digests.exact(k.tree.LastZxid())
	if m.status.State == proto.Leading {
		if k.pipe.count > 0 {
			panic("server: a leader that begins to serve has transactions that are not committed")
		}
		// Clients could reach nobody, so every session has its whole timeout from now on.
		m.s.leads.Store(true)
		k.tracker.Rearm(m.now())
		k.order = k.s.newOrderer(k.tree)
		k.order.Follow(proto.MakeZxid(m.status.Epoch, 0))
		k.times.proposed.restart(k.log.LastZxid())
		k.reaper.next = m.now() + k.reaper.interval
		if !m.s.cfg.Ensemble.LeaderServes {
			return
		}
	}
	m.s.serving.Store(true)
}

// endServing gives all clients up. What was ordered may be committed yet, or never; nobody is told.
func (m *member) endServing() {
	k := m.k
	m.s.leads.Store(false)
	k.times.proposed.restart(k.log.LastZxid())
	m.closeClients()
	m.answers, m.held = m.answers[:0], m.held[:0]
	m.relay = newRelay()
	m.asking, m.confirmed = false, m.token
	k.flusher.abort.Store(k.flushing.running)
	for i := range k.pipe.count {
		e := k.pipe.at(i)
		if e.kind == entryTxn && e.op == proto.OpCreateSession {
			k.tracker.Remove(k.sessionOf(e)) // it begins if its transaction is applied after all
		}
		e.hint = tree.Hint{} // the tree may be another when its turn comes
		if e.c == nil {
			if e.kind != entryTxn {
				e.kind = entryNothing
			}
			continue
		}
		if e.kind == entryGone {
			k.forget(e.c)
		} else {
			e.c.pending.Add(-1)
		}
		k.finished(e.c, e.read)
		e.c, e.sess = nil, nil
		if e.kind != entryTxn {
			e.kind = entryNothing
		}
	}
	k.tracker.Rearm(m.now())
}

// sessionOf returns the session of an entry's transaction.
func (k *core) sessionOf(e *entry) proto.SessionID {
	d := proto.NewDecoder(e.bytes)
	return d.TxnHeader().Session
}

// fit says whether the tree may be changed, and makes it so: it is loaded if what is there has been taken back. A round
// that began while this server served must have ended: what comes may be taken back, and must not get into it.
func (m *member) fit() bool {
	c := &m.catchUp
	switch {
	case m.failed != nil || c.receiving:
		return false
	case !m.status.Serving && m.k.flushing.running:
		return false // its end brings us back here
	}
	if c.stale {
		c.stale = false
		if err := m.reload(c.upTo); err != nil {
			m.fail("the state cannot be loaded again", err)
			return false
		}
	}
	return true
}

// endRound ends the flush round that runs, and waits for that.
func (k *core) endRound() {
	if k.flushing.running {
		k.flusher.abort.Store(true)
		k.roundEnded(<-k.flusher.results)
	}
}

// reload makes the tree anew, from the snapshot and the log up to a zxid. It waits for the disk: what a quorum has was
// applied whether the log had written it or not.
func (m *member) reload(upTo proto.Zxid) error {
	log := m.k.log
	log.Submit()
	if err := log.WaitDurable(context.Background(), min(upTo, log.LastZxid())); err != nil {
		return err
	}
	r, err := m.s.recover(upTo)
	if err != nil {
		return err
	}
	m.k.useState(r)
	return nil
}

// useState makes another state the core's. No clients are served.
func (k *core) useState(r *recovery.Recovery) {
	k.s.showMembership(r.Tree)
	k.gate.Lock()
	k.tree, k.s.tree = r.Tree, r.Tree
	k.gate.Unlock()
	k.tracker = k.s.newTracker(r)
	k.order = k.s.newOrderer(r.Tree)
	f := &k.flushing
	f.changes, f.spare = nil, nil
	f.begun, f.ended = r.Begun, r.Ended
	f.txns, f.bytes = int64(r.Txns), r.Bytes
	k.reaper.found = nil
	if k.member != nil {
		k.member.digests.begin(&r.Mark)
	}
}

// newOrderer makes an orderer for writes to t.
func (s *Server) newOrderer(t *tree.Tree) *ordering.Orderer {
	return ordering.New(ordering.Options{
		Tree:          t,
		Auth:          s.auth,
		ExtendedTypes: s.cfg.Tree.ExtendedTypes,
		EnforceQuota:  s.cfg.Tree.EnforceQuota,
		NoDigest:      !s.cfg.Tree.Digest,
		NoClosePaths:  !s.cfg.Tree.CloseSessionPaths,
	})
}
