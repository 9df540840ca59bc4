package server

import (
	"testing"

	"gamekeeper/tree"
)

// A round that outlives the service only puts off that reads are served.
func TestReadOnlyBehindRound(t *testing.T) {
	m := newTestMember()
	m.s.cfg.Ensemble.ReadOnlyMode = true
	m.k.tree, m.telemetry = tree.New(tree.Options{}), &memberTelemetry{}
	m.readOnlyAt = never
	m.lookedFrom(0)
	m.k.flushing.running = true
	m.timers(readOnlyAfterMs)
	if m.readOnly || m.s.serving.Load() {
		t.Error("the tree may change under the round")
	}
	m.k.flushing.running = false
	m.timers(readOnlyAfterMs)
	if !m.readOnly || !m.s.serving.Load() {
		t.Error("no reads are served")
	}
}
