package server

import (
	"sync/atomic"
	"time"

	"gamekeeper/proto"
	"gamekeeper/server/admin"
	"gamekeeper/wal"
)

// telemetry is what the server counts. There is a lane for each loop, and one for the core.
type telemetry struct {
	metrics    *admin.Metrics
	stages     *stages
	recorder   *admin.Recorder
	core       *admin.Lane
	authFailed atomic.Int64
	expired    *admin.Counter
	fsync      *admin.Summary
	batch      *admin.Summary

	snapshot       *admin.Summary
	snapshotFailed *admin.Counter
}

func newTelemetry(loops int, cs *clients, replicated bool) *telemetry {
	m := admin.NewMetrics()
	t := &telemetry{metrics: m, recorder: m.NewRecorder(loops + 1), stages: newStages(m, loops, replicated)}
	t.core = t.recorder.Lane(loops)
	t.expired = m.Counter("stale_sessions_expired")
	m.CounterFunc("connection_rejected", cs.rejected.Load)
	m.CounterFunc("sessionless_connections_expired", cs.sessionless.Load)
	t.fsync = m.Timer("fsynctime", admin.Basic)
	t.snapshot = m.Timer("snapshottime", admin.Basic)
	t.snapshotFailed = m.Counter("snapshot_error_count")
	t.batch = m.Summary("sync_processor_batch_size", admin.Basic)
	return t
}

// synced notes a batch of the log; it is called by the log's writer.
func (t *telemetry) synced(b wal.BatchStats) {
	t.fsync.ObserveDuration(b.Sync)
	t.batch.Observe(int64(b.Records))
}

// answeredOnLoop counts the requests of c that its loop has answered, whose replies were ready to be sent at a time.
func (t *telemetry) answeredOnLoop(l *loop, c *conn, ready int64) {
	latency := ready - l.now
	l.lane.ReadBatch(l.served, time.Duration(latency))
	l.lane.Sent(l.served, l.sent)
	var a answered
	a.add(l.lastOp, l.lastXid, proto.Zxid(l.s.gauges.zxid.Load()), ready, latency, l.served)
	c.answered(&a)
}

// gauges are numbers of the core's that other goroutines may read.
type gauges struct {
	zxid, nodes, dataSize, ephemerals, sessions atomic.Int64
}

func (g *gauges) publish(k *core) {
	zxid := k.tree.LastZxid()
	if k.member != nil && k.member.leads() {
		zxid = max(zxid, proto.MakeZxid(k.member.status.Epoch, 0)) // as Apache's leaders, from the first moment
	}
	g.zxid.Store(int64(zxid))
	g.nodes.Store(int64(k.tree.Count()))
	g.dataSize.Store(k.tree.DataSize())
	g.ephemerals.Store(int64(k.tree.EphemeralCount()))
	g.sessions.Store(int64(k.tracker.Len()))
}
