package server

import (
	"math"

	"gamekeeper/proto"
)

// readOnlyAfterMs is how long a server that lost its quorum looks for another before it serves reads, at least:
// most elections are over by then.
const readOnlyAfterMs = 2000

// never is a time that does not come.
const never int64 = math.MaxInt64

// lookedFrom notes when a search for a leader has begun.
func (m *member) lookedFrom(now int64) {
	if m.s.cfg.Ensemble.ReadOnlyMode && !m.readOnly && m.readOnlyAt == never {
		m.readOnlyAt = now + max(readOnlyAfterMs, m.s.cfg.Session.TickTime.Milliseconds())
	}
}

// serveReadOnly begins to serve what this server has to clients that ask for no more. Some of it may be taken back
// later.
func (m *member) serveReadOnly() {
	if m.k.flushing.running {
		return // its end, which is near, brings us back here
	}
	m.readOnlyAt = never
	if !m.fit() {
		return
	}
	m.s.logger.Info("serving read-only clients until there is a leader", "zxid", m.k.tree.LastZxid())
	m.readOnly = true
	m.telemetry.serveReadOnly(true)
	m.s.serving.Store(true)
}

// endReadOnly gives up the read-only clients: they shall look for a server that can do more.
func (m *member) endReadOnly() {
	m.readOnlyAt = never
	if !m.readOnly {
		return
	}
	m.readOnly = false
	m.telemetry.serveReadOnly(false)
	m.closeClients()
}

// closeClients closes all connections, and gives up what waits for them and their local sessions.
func (m *member) closeClients() {
	m.s.serving.Store(false)
	for _, c := range m.s.clients.snapshot() {
		if !c.dead.Load() { // else it is closed as soon as it has what it was sent
			m.k.closeNow(c)
		}
	}
	m.k.closeEdge()
	m.forgetLocal()
}

// writes says whether an operation is more than a read-only server can do.
func writes(op proto.Op) bool {
	return op.Class() == proto.ClassWrite || op == proto.OpSync
}
