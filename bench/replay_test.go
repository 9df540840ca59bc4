package bench

import (
	"context"
	"slices"
	"strings"
	"testing"

	"gamekeeper/proto"
)

// Each replay runs without errors, however many threads its processes have, sends the kinds of request that the system
// does, keeps its tree within bounds and leaves nothing.
func TestReplays(t *testing.T) {
	kinds := map[string][]string{
		"kafka-controller":      {"set", "get", "create", "delete", "children", "multi"},
		"hbase":                 {"set", "get", "create", "delete", "children"},
		"clickhouse-replicated": {"get", "delete", "exists", "children", "multi", "multiread"},
	}
	for workload, want := range kinds {
		for _, size := range []struct{ connections, outstanding int }{{8, 4}, {5, 1}} {
			t.Run(workload, func(t *testing.T) {
				f := startFake(t, nil)
				o := testOptions(f, workload)
				o.Connections, o.Outstanding, o.Requests, o.Threads = size.connections, size.outstanding, 12_000, 2
				r, err := Run(context.Background(), o, Progress{})
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, k := range r.Kinds {
					got = append(got, k.Name)
				}
				if replies(r) != 12_000 || len(r.Errors) != 0 || !slices.Equal(got, want) {
					t.Errorf("%d replies of %v, errors %v", replies(r), got, r.Errors)
				}
				for _, note := range r.Notes {
					if strings.Contains(note, "not done") {
						t.Error(note)
					}
				}
				if left := f.paths("/bench"); len(left) != 0 {
					t.Errorf("left behind: %v", left)
				}
			})
		}
	}
}

// The trees of the replays stay within bounds however long they run.
func TestReplaysDoNotGrow(t *testing.T) {
	for workload, bound := range map[string]int{"kafka-controller": 600 + 600, "hbase": 300, "clickhouse-replicated": 8 * 4 * 400} {
		f := startFake(t, nil)
		o := testOptions(f, workload)
		o.Connections, o.Outstanding, o.Requests, o.Keep = 8, 4, 40_000, true
		if _, err := Run(context.Background(), o, Progress{}); err != nil {
			t.Fatal(err)
		}
		if n := len(f.paths("/bench")); n > bound {
			t.Errorf("%s: %d znodes", workload, n)
		}
	}
}

func TestReplayNeedsPartitions(t *testing.T) {
	f := startFake(t, nil)
	o := testOptions(f, "kafka-controller")
	o.Keys = 3
	if _, err := Run(context.Background(), o, Progress{}); exitCode(err) != exitUsage {
		t.Errorf("error %v", err)
	}
}

// Lost connections are no reason for a replay to end. The server forgets ephemerals with their connections, and what was
// lost may have happened: both show as errors.
func TestReplaysReconnect(t *testing.T) {
	for _, workload := range []string{"kafka-controller", "hbase", "clickhouse-replicated"} {
		f := cutting(t, func(*fakeServer) {})
		o := testOptions(f, workload)
		o.Reconnect, o.Requests, o.Warmup = true, 8000, 0
		r, err := Run(context.Background(), o, Progress{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range r.Errors {
			if e.Code != int32(connectionLost) && e.Code != int32(proto.NodeExists) && e.Code != int32(proto.NoNode) {
				t.Errorf("%s: errors %+v", workload, r.Errors)
			}
		}
	}
}
