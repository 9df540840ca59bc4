package server_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"

	dto "github.com/prometheus/client_model/go"

	"gamekeeper/proto"
	"gamekeeper/server"
	"gamekeeper/server/servertest"
)

// metricsOn makes a server serve metrics on a port of the system's choice.
func metricsOn() []string {
	return []string{"metricsProvider.httpPort=0", "metricsProvider.httpHost=127.0.0.1"}
}

// stagesOf reads the distributions of a server's stages, by kind and stage, as in "write log".
func stagesOf(tb testing.TB, s *server.Server) map[string]*dto.Histogram {
	tb.Helper()
	resp, err := http.Get("http://" + server.MetricsAddr(s) + "/metrics")
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	var parser expfmt.TextParser
	families, err := parser.TextToMetricFamilies(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		tb.Fatal(err)
	}
	f := families["gamekeeper_stage_seconds"]
	if f.GetType() != dto.MetricType_HISTOGRAM {
		tb.Fatalf("the stages are a %v", f.GetType())
	}
	found := map[string]*dto.Histogram{}
	for _, m := range f.GetMetric() {
		labels := map[string]string{}
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		found[labels["kind"]+" "+labels["stage"]] = m.GetHistogram()
	}
	return found
}

// stageCounts is how many requests the stages have counted.
func stageCounts(tb testing.TB, s *server.Server) map[string]int {
	counts := map[string]int{}
	for name, h := range stagesOf(tb, s) {
		counts[name] = int(h.GetSampleCount())
	}
	return counts
}

// awaitStages waits until the stages have counted so much since before: replies come before they are counted.
func awaitStages(tb testing.TB, s *server.Server, before, more map[string]int) {
	tb.Helper()
	eventually(tb, fmt.Sprintf("the stages count %v", more), func() bool {
		now := stageCounts(tb, s)
		for name, n := range more {
			switch got := now[name] - before[name]; {
			case got > n:
				tb.Fatalf("%s has counted %d, want %d", name, got, n)
			case got < n:
				return false
			}
		}
		return true
	})
}

func all(n int, names ...string) map[string]int {
	m := map[string]int{}
	for _, name := range names {
		m[name] = n
	}
	return m
}

func TestStagesOfWrites(t *testing.T) {
	t.Parallel()
	s := startServer(t, metricsOn()...)
	writes := []string{"write decode", "write queue", "write order", "write log", "write apply", "write reply", "write total"}
	// The handshake is a write.
	c := connect(t, s)
	awaitStages(t, s, nil, all(1, writes...))
	create(t, c, "/n", "", proto.Persistent)
	const n, depth = 20, 10
	for range n {
		for range depth {
			c.Send(proto.OpSetData, servertest.Set("/n", []byte("value"), -1))
		}
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
		for range depth {
			if f, err := c.Read(); err != nil || f.Err != proto.OK {
				t.Fatal(f.Err, err)
			}
		}
	}
	// A write that is refused goes all the way too.
	refused(t, c, proto.OpSetData, servertest.Set("/none", nil, -1), proto.NoNode)
	const count = 3 + n*depth
	awaitStages(t, s, nil, all(count, writes...))

	found := stagesOf(t, s)
	for _, name := range []string{"write quorum", "write forward"} {
		if found[name] != nil {
			t.Errorf("a standalone server has the stage %q", name)
		}
	}
	// The stages are parts of the total. Apply and reply overlap by a step of the core.
	sum := 0.0
	for _, name := range writes[:len(writes)-1] {
		sum += found[name].GetSampleSum()
	}
	total := found["write total"].GetSampleSum()
	if total <= 0 || sum <= 0 || sum > 2*total || sum < total/2 {
		t.Errorf("the stages take %v s together, in all %v s", sum, total)
	}
	if fsync := found["write log"].GetSampleSum(); fsync <= 0 || fsync > total {
		t.Errorf("the log takes %v s of %v s", fsync, total)
	}
	for name, n := range stageCounts(t, s) {
		if name[:4] == "read" && n != 0 {
			t.Errorf("%s has counted %d", name, n)
		}
	}
}

func TestStagesOfReads(t *testing.T) {
	t.Parallel()
	s := startServer(t, metricsOn()...)
	c := connect(t, s)
	create(t, c, "/n", "", proto.Persistent)
	before := stageCounts(t, s)
	onLoop := []string{"read read", "read reply", "read total"}
	const n = 30
	for range n {
		get(t, c, "/n")
	}
	awaitStages(t, s, before, all(n, onLoop...))
	awaitStages(t, s, before, all(0, "read decode", "read queue", "read wait"))

	// Reads behind a write go through the core.
	before = stageCounts(t, s)
	c.Send(proto.OpSetData, servertest.Set("/n", nil, -1))
	for range n {
		c.Send(proto.OpGetData, servertest.Watch("/n", false))
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	for range n + 1 {
		if f, err := c.Read(); err != nil || f.Err != proto.OK {
			t.Fatal(f.Err, err)
		}
	}
	awaitStages(t, s, before, all(n, "read decode", "read queue", "read wait", "read reply", "read total"))
	awaitStages(t, s, before, all(1, "write decode", "write order", "write log", "write apply", "write reply", "write total"))
}

// TestStagesOfEnsemble writes through the leader, a follower and an observer. Log and apply count what a server does for
// all of them, the other stages what its own clients ask.
func TestStagesOfEnsemble(t *testing.T) {
	e := startEnsemble(t, 3, 1, metricsOn()...)
	leader := e.await()
	first := connect(t, e.servers[leader])
	create(t, first, "/n", "", proto.Persistent)
	clients := make([]*servertest.Client, len(e.servers))
	before := make([]map[string]int, len(e.servers))
	for i, s := range e.servers {
		clients[i] = connect(t, s)
	}
	for i, s := range e.servers {
		// All that went before is counted, everywhere.
		awaitStages(t, s, nil, all(2+len(e.servers), "write log", "write apply"))
		own := 1
		if i == leader {
			own = 3
		}
		awaitStages(t, s, nil, all(own, "write total"))
		before[i] = stageCounts(t, s)
	}
	sum := 0
	for i, c := range clients {
		for range 10 * (i + 1) {
			must(t, c, proto.OpSetData, servertest.Set("/n", nil, -1))
			sum++
		}
	}
	for i, s := range e.servers {
		own := 10 * (i + 1)
		awaitStages(t, s, before[i], all(own, "write decode", "write queue", "write reply", "write total"))
		awaitStages(t, s, before[i], all(sum, "write log", "write apply"))
		if i == leader {
			awaitStages(t, s, before[i], all(own, "write order"))
			awaitStages(t, s, before[i], all(sum, "write quorum"))
			awaitStages(t, s, before[i], all(0, "write forward"))
		} else {
			awaitStages(t, s, before[i], all(own, "write forward"))
			awaitStages(t, s, before[i], all(0, "write order", "write quorum"))
		}
		found := stagesOf(t, s)
		for name, h := range found {
			if mean := h.GetSampleSum() / float64(max(h.GetSampleCount(), 1)); mean < 0 || mean > 60 {
				t.Errorf("server %d: %s takes %v s", i+1, name, mean)
			}
		}
	}
}

// TestStagesAfterLeaderIsGone: what a server counted while it was a learner does not confuse it as a leader.
func TestStagesAfterLeaderIsGone(t *testing.T) {
	e := startEnsemble(t, 3, 0, metricsOn()...)
	leader := e.await()
	c := connectFor(t, e.servers[e.others(leader)[0]], 20*time.Second)
	create(t, c, "/n", "", proto.Persistent)
	e.stop(leader)
	leader = e.await()
	own := connect(t, e.servers[leader])
	awaitStages(t, e.servers[leader], nil, all(1, "write order"))
	before := stageCounts(t, e.servers[leader])
	const n = 10
	for range n {
		must(t, own, proto.OpSetData, servertest.Set("/n", nil, -1))
	}
	awaitStages(t, e.servers[leader], before, all(n, "write order", "write log", "write quorum", "write apply", "write total"))
}
