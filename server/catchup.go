package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"gamekeeper/proto"
	"gamekeeper/server/recovery"
	"gamekeeper/server/transfer"
	"gamekeeper/snapshot"
	"gamekeeper/tree"
	"gamekeeper/zab"
)

// catchUp is how a member comes to the state of its leader. It belongs to the core.
type catchUp struct {
	receiving bool // a snapshot: there is no tree
	stale     bool // the tree holds what was taken back, or is gone: it must be loaded, up to upTo
	upTo      proto.Zxid

	// unreadable is the zxid behind the last one that could be read before a damaged part of the log, 0 if none is
	// known: who needs that part is sent a snapshot.
	unreadable proto.Zxid

	arrived *receivedState // waits for its turn: see takeOver
	one     sync.Mutex     // held by the goroutine that receives: an earlier attempt may not have ended yet
}

// receivedState is a state that came from the leader: complete beside the snapshot's directory, and loaded.
type receivedState struct {
	attempt uint64 // of Host.Connect
	state   *recovery.Recovery
	taken   chan bool // whether it is this server's state now
}

// Truncate implements zab.Host.
func (m *member) Truncate(to proto.Zxid) {
	if m.failed != nil {
		return
	}
	k, c := m.k, &m.catchUp
	k.endRound()
	if mark, _ := m.s.store.Mark(); mark.FuzzyUntil > to {
		// What is in a snapshot was committed, so the ensemble has lost it, and nothing takes it out of there again.
		m.fail("the log is not truncated", fmt.Errorf("the snapshot reaches zxid %s, which was committed, and the leader "+
			"has nothing after %s of that: find out what the others have lost; to give it up, empty the data directory of "+
			"this server but for myid, and it will be sent everything", mark.FuzzyUntil, to))
		return
	}
	if err := k.log.TruncateAfter(to); err != nil {
		m.fail("the log cannot be truncated", err)
		return
	}
	m.cutPipe(to)
	m.committed = min(m.committed, to)
	k.times.restart(to)
	switch {
	case c.stale:
		c.upTo = min(c.upTo, to)
	case k.tree.LastZxid() > to:
		c.stale, c.upTo = true, to
	}
}

// cutPipe drops the transactions after a zxid, which are the newest in the pipeline. There are no clients.
func (m *member) cutPipe(to proto.Zxid) {
	pipe := m.k.pipe
	n := pipe.count
	for n > 0 {
		e := pipe.at(n - 1)
		if e.kind == entryTxn && e.zxid <= to {
			break
		}
		n--
	}
	pipe.cut(n)
}

// ReceiveSnapshot implements zab.Host. The tree makes room for the one that comes; if none comes it is loaded
// again when it is needed, as it was: what waits in the pipeline to be committed may never be.
func (m *member) ReceiveSnapshot(zxid proto.Zxid, f zab.Format) {
	if m.failed != nil {
		return
	}
	k, c := m.k, &m.catchUp
	if last := k.log.LastZxid(); zxid < last {
		// Until the rest has come this server would have less on disk than before, and what it had may be needed
		// for a quorum.
		m.s.logger.Warn("a snapshot that is older than the log is not taken: the leader will have a newer one",
			"snapshot", zxid, "log", last)
		m.links.leader.Close(errOldSnapshot)
		return
	}
	k.endRound()
	if !c.stale {
		c.stale, c.upTo = true, k.tree.LastZxid()
	}
	c.receiving = true
	k.useState(&recovery.Recovery{Tree: tree.New(tree.Options{})})
	m.links.leader.Receive(m.receiver(zxid, f))
}

var errOldSnapshot = errors.New("its snapshot is older than what this server has")

// receiver returns what reads a snapshot from the leader's link, on the link's goroutine.
func (m *member) receiver(zxid proto.Zxid, f zab.Format) func(io.Reader) error {
	s, box, one := m.s, &m.inbox, &m.catchUp.one
	link, attempt := m.links.leader, m.links.attempt
	return func(r io.Reader) error {
		one.Lock()
		defer one.Unlock()
		got, err := s.receiveState(r, zxid, snapshot.Format(f))
		if err != nil {
			s.logger.Warn("no snapshot was received from the leader", "error", err)
			return err
		}
		got.attempt = attempt
		box.put(linkEvent{kind: eventReceived, link: link, got: got})
		if <-got.taken {
			return nil
		}
		return errors.Join(errNotTaken, snapshot.Discard(s.snapshotFS, SnapshotDir(s.cfg.Storage.DataDir)))
	}
}

var errNotTaken = errors.New("the leader was given up meanwhile")

// receiveState reads a snapshot, and loads what it holds.
func (s *Server) receiveState(r io.Reader, zxid proto.Zxid, f snapshot.Format) (*receivedState, error) {
	say := s.progress()
	s.logger.Info("receiving a snapshot", "zxid", zxid)
	mark, err := snapshot.Receive(s.snapshotOptions(), f, zxid, r, func(n int) { say("receiving a snapshot", "znodes", n) })
	if err != nil {
		return nil, err
	}
	opt := s.snapshotOptions()
	opt.Dir, opt.ReadOnly = snapshot.ReceivedDir(opt.Dir), true
	store, err := snapshot.Open(opt)
	if err != nil {
		return nil, err
	}
	state, err := recovery.Load(store, s.recoveryOptions(say))
	if err = errors.Join(err, store.Close()); err != nil {
		return nil, err
	}
	s.logger.Info("snapshot received", "zxid", zxid, "until", mark.FuzzyUntil, "znodes", mark.Nodes)
	return &receivedState{state: state, taken: make(chan bool, 1)}, nil
}

// receivedSnapshot takes note of a state that has come. It must wait while the snapshot it replaces is read.
func (m *member) receivedSnapshot(got *receivedState) {
	if !m.catchUp.receiving || got.attempt != m.links.attempt {
		got.taken <- false
		return
	}
	m.catchUp.arrived = got
}

// takeOver makes the state that has come this server's, on disk first. A crash in between is made good when the
// server starts: once it is confirmed, it is what counts. Only here is it known that the leader is still the one that
// sent it, and that the log holds nothing that was acknowledged to a later one.
func (m *member) takeOver() {
	k, c, s := m.k, &m.catchUp, m.s
	got := c.arrived
	c.arrived = nil
	if got.attempt != m.links.attempt {
		got.taken <- false
		return
	}
	zxid := got.state.Mark.ReplayAfter
	err := snapshot.Confirm(s.snapshotFS, SnapshotDir(s.cfg.Storage.DataDir))
	if err == nil {
		err = k.log.Reset(zxid)
	}
	if err == nil {
		err = s.adoptSnapshot()
	}
	got.taken <- err == nil
	if err != nil {
		m.fail("the received snapshot cannot be put in place", err)
		return
	}
	k.flusher.purge.forget()
	k.pipe.cut(0)
	k.useState(got.state)
	k.times.restart(zxid)
	m.committed, c.receiving, c.stale = zxid, false, false
	m.peer.SnapshotReceived(m.now(), zxid)
}

// abandonSnapshot gives up what is being received: the leader is lost.
func (m *member) abandonSnapshot() {
	c := &m.catchUp
	if c.arrived != nil {
		c.arrived.taken <- false
		c.arrived = nil
	}
	c.receiving = false
}

// SendSnapshot implements zab.Host.
func (m *member) SendSnapshot(l zab.Link, f zab.Format) (zxid proto.Zxid, ok bool) {
	to := m.links.to(l)
	if to == nil || m.failed != nil {
		return 0, false
	}
	m.k.flushing.wanted = true // who comes again finds a newer one
	view, err := m.s.store.View()
	if err != nil {
		m.s.logger.Warn("no snapshot can be sent", "error", err)
		return 0, false
	}
	mark := view.Mark()
	purge := &m.k.flusher.purge
	pin := purge.pin(mark.ReplayAfter)
	m.links.views.Add(1)
	release := m.links.hold(to.Link, func() {
		if err := view.Close(); err != nil {
			m.s.logger.Warn("a view of the snapshot does not close", "error", err)
		}
		purge.unpin(pin)
		if m.links.views.Add(-1) == 0 {
			m.k.poke()
		}
	})
	if f == zab.FormatApache {
		to.fuzzyUntil = mark.FuzzyUntil
	}
	m.packet = proto.QuorumPacket{Type: proto.PacketSnap, Zxid: mark.ReplayAfter}
	to.Send(&m.packet)
	m.telemetry.snaps.Inc()
	to.SendStream(func(w io.Writer) error {
		defer release()
		return view.Send(w, snapshot.Format(f))
	})
	return mark.ReplayAfter, true
}

// DiffPays implements zab.Host.
func (m *member) DiffPays(after proto.Zxid) bool {
	mark, ok := m.s.store.Mark()
	if !ok || mark.ReplayAfter <= after {
		return true // the log after the snapshot would have to be sent all the same
	}
	if after < m.catchUp.unreadable {
		return false
	}
	e := &m.s.cfg.Ensemble
	factor := e.SnapshotSizeFactor
	return factor >= 0 && !e.ForceSnapshotSync && float64(m.k.log.BytesAfter(after)) <= max(factor*float64(m.s.store.Bytes()), diffAlways)
}

// diffAlways is how many bytes of log are sent rather than a snapshot, however small that is: loading it would
// take the learner longer.
const diffAlways = 64 << 20

// SendLog implements zab.Host.
func (m *member) SendLog(l zab.Link, after, upTo, committed proto.Zxid, observer bool) {
	to := m.links.to(l)
	if to == nil || m.failed != nil {
		return
	}
	purge, log := &m.k.flusher.purge, m.k.log
	pin := purge.pin(after)
	ctx, cancel := context.WithCancel(context.Background())
	release := m.links.hold(to.Link, func() {
		cancel()
		purge.unpin(pin)
	})
	part := transfer.Part{After: after, UpTo: upTo, Committed: committed, Observer: observer, NoDigestUpTo: to.fuzzyUntil}
	link := to.Link
	to.SendStream(func(w io.Writer) error {
		defer release()
		go func() { // until release, at the latest
			select {
			case <-link.Done():
				cancel()
			case <-ctx.Done():
			}
		}()
		if err := transfer.Log(ctx, w, log, part); err != nil {
			return fmt.Errorf("send the log after %s: %w", after, err)
		}
		return nil
	})
}

// unreadable takes note of why a learner's link has ended, if what it needed cannot be read. Of a part of the log, the
// tree has what the log had there. So the next snapshot, which is made at once, stands for it. A leader that does not
// serve yet makes none. If the one it has does not reach far enough it stops: another server may lead.
func (m *member) unreadable(why error) {
	if errors.Is(why, snapshot.ErrCorrupt) {
		m.s.logger.Error("the snapshot cannot be read: learners that need one wait until another server leads; let the "+
			"others seed this server anew on a sound disk", "error", why)
		if !m.status.Serving {
			m.fail("this server cannot lead with its snapshot unreadable: empty its data directory but for myid when the "+
				"others serve, or restore a backup", why)
		}
		return
	}
	var e *transfer.UnreadableError
	if !errors.As(why, &e) || e.After < m.k.log.Base() {
		return
	}
	m.catchUp.unreadable = max(m.catchUp.unreadable, e.After+1)
	if mark, _ := m.s.store.Mark(); !m.status.Serving && mark.ReplayAfter < m.catchUp.unreadable {
		m.fail("this server cannot lead with a part of its log unreadable: if it does not start again, empty its data "+
			"directory but for myid when the others serve, or restore a backup", why)
		return
	}
	m.k.flushing.wanted = true
	m.s.logger.Error("a part of the log cannot be read: learners that need it are sent a snapshot; "+
		"this server may not start again: when the others have caught up, let them seed it anew on a sound disk", "error", why)
}
