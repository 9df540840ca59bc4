package bench

import (
	"context"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gamekeeper/bench/report"
	"gamekeeper/bench/target"
	"gamekeeper/proto"
)

// replies returns how many replies without error the run counts.
func replies(r *report.Run) int64 {
	var sum int64
	for _, k := range r.Kinds {
		sum += k.Latency.Count
	}
	return sum
}

// testOptions is a small run against f.
func testOptions(f *fakeServer, workload string) Options {
	o := DefaultOptions()
	o.Servers = []string{f.addr}
	o.Workload = workload
	o.Connections, o.Outstanding = 5, 7
	o.Keys, o.Parents, o.Size, o.Batch = 230, 3, fixedSize(32), 4
	o.Requests, o.Warmup = 1001, time.Millisecond
	return o
}

// Each workload sends its requests, every one of which is answered and counted, and leaves nothing.
func TestWorkloads(t *testing.T) {
	for workload, ops := range map[string][]proto.Op{
		"set":       {proto.OpSetData},
		"get":       {proto.OpGetData},
		"create":    {proto.OpCreate},
		"delete":    {proto.OpDelete},
		"exists":    {proto.OpExists},
		"children":  {proto.OpGetChildren2},
		"multi":     {proto.OpMulti},
		"mixed":     {proto.OpGetData, proto.OpSetData},
		"multiread": {proto.OpMultiRead},
		"sync":      {proto.OpSync},
		"acl":       {proto.OpGetACL},
	} {
		t.Run(workload, func(t *testing.T) {
			f := startFake(t, nil)
			o := testOptions(f, workload)
			o.Threads = 2
			r, err := Run(context.Background(), o, Progress{})
			if err != nil {
				t.Fatal(err)
			}
			if n := replies(r); n != 1001 || r.Values[figureThroughput] == 0 || failure(r) != nil {
				t.Errorf("%d replies, values %v, errors %v", n, r.Values, r.Errors)
			}
			sent := 0
			for _, op := range ops {
				if f.count(op) == 0 {
					t.Errorf("no %v was sent", op)
				}
				sent += f.count(op)
			}
			if sent < 1001 {
				t.Errorf("%d requests were sent", sent)
			}
			if len(r.Kinds) != len(ops) {
				t.Errorf("kinds %+v", r.Kinds)
			}
			if left := f.paths("/bench"); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.counts[proto.OpCloseSession] != f.opened {
				t.Errorf("%d of %d sessions were closed", f.counts[proto.OpCloseSession], f.opened)
			}
		})
	}
}

func TestRunForATime(t *testing.T) {
	f := startFake(t, nil)
	o := testOptions(f, "set")
	o.Requests, o.Duration = 0, 120*time.Millisecond
	var seconds atomic.Int64
	r, err := Run(context.Background(), o, Progress{Second: func(report.Second) { seconds.Add(1) }})
	if err != nil {
		t.Fatal(err)
	}
	if replies(r) == 0 || r.Elapsed < o.Duration || r.Values[figureThroughput] <= 0 {
		t.Errorf("%d replies in %v", replies(r), r.Elapsed)
	}
	if len(r.Seconds) == 0 || int(seconds.Load()) != len(r.Seconds) {
		t.Errorf("%d seconds shown, %d kept", seconds.Load(), len(r.Seconds))
	}
}

func TestKeepThenClean(t *testing.T) {
	f := startFake(t, nil)
	o := testOptions(f, "get")
	o.Path = "/deep/bench"
	o.Keep = true
	if _, err := Run(context.Background(), o, Progress{}); err != nil {
		t.Fatal(err)
	}
	if n := len(f.paths("/deep/bench/run-")); n < 230 {
		t.Fatalf("%d znodes were kept", n)
	}
	o.Keep, o.Clean = false, true
	if _, err := Run(context.Background(), o, Progress{}); err != nil {
		t.Fatal(err)
	}
	// The first run made the path, so it is not the second's to delete.
	if left := f.paths("/deep"); len(left) != 2 {
		t.Errorf("left behind: %v", left)
	}
}

func TestReuse(t *testing.T) {
	f := startFake(t, nil)
	o := testOptions(f, "set")
	o.Reuse = true
	if _, err := Run(context.Background(), o, Progress{}); err == nil || !strings.Contains(err.Error(), "--keep") {
		t.Fatalf("without keys: %v", err)
	}
	o.Reuse, o.Keep = false, true
	if _, err := Run(context.Background(), o, Progress{}); err != nil {
		t.Fatal(err)
	}
	made, sets := f.count(proto.OpCreate), f.count(proto.OpSetData)
	o.Reuse, o.Keep = true, false
	if r, err := Run(context.Background(), o, Progress{}); err != nil || len(r.Errors) != 0 {
		t.Fatal(r, err)
	}
	if n := f.count(proto.OpCreate) - made; n > 1 { // the path itself is tried
		t.Errorf("%d creates", n)
	}
	if n := f.count(proto.OpSetData) - sets; n < o.Requests {
		t.Errorf("%d sets", n)
	}
	if n := len(f.paths("/bench/run-")); n < o.Keys {
		t.Errorf("%d znodes were left", n)
	}
	o.Workload = "create"
	if _, err := Run(context.Background(), o, Progress{}); err == nil {
		t.Error("creates reuse keys")
	}
}

func TestErrorsAreCounted(t *testing.T) {
	var sets atomic.Int64
	f := startFake(t, func(f *fakeServer) {
		f.refuse = func(h proto.RequestHeader) proto.Code {
			if h.Op == proto.OpSetData && sets.Add(1)%10 == 0 {
				return proto.BadVersion
			}
			return proto.OK
		}
	})
	o := testOptions(f, "set")
	o.Warmup = 0
	r, err := Run(context.Background(), o, Progress{})
	if err != nil {
		t.Fatal(err)
	}
	want := []report.ErrorCount{{What: "set: version does not match", Code: int32(proto.BadVersion), Count: 100}}
	if replies(r) != 901 || !slices.Equal(r.Errors, want) {
		t.Errorf("%d replies, errors %+v", replies(r), r.Errors)
	}
	if err := failure(r); err == nil {
		t.Errorf("failure %v", err)
	}
}

func TestServerThatGoesAway(t *testing.T) {
	var replies atomic.Int64
	f := startFake(t, func(f *fakeServer) {
		f.mangle = func(reply []byte) []byte {
			if replies.Add(1) > 1000 {
				return nil
			}
			return reply
		}
	})
	_, err := Run(context.Background(), testOptions(f, "set"), Progress{})
	if err == nil || !strings.Contains(err.Error(), "closed the connection") {
		t.Errorf("error %v", err)
	}
}

func TestServerThatMixesUpReplies(t *testing.T) {
	var replies atomic.Int64
	f := startFake(t, func(f *fakeServer) {
		f.mangle = func(reply []byte) []byte {
			if replies.Add(1) == 600 {
				binary.BigEndian.PutUint32(reply[4:], 1<<30)
			}
			return reply
		}
	})
	_, err := Run(context.Background(), testOptions(f, "set"), Progress{})
	if err == nil || !strings.Contains(err.Error(), "out of order") {
		t.Errorf("error %v", err)
	}
}

func TestSilentServer(t *testing.T) {
	f := startFake(t, func(f *fakeServer) {
		f.mangle = func(reply []byte) []byte {
			if len(reply) == 4+proto.ReplyHeaderBytes+proto.StatBytes {
				return []byte{} // never answers a set
			}
			return reply
		}
	})
	o := testOptions(f, "set")
	o.Patience = 300 * time.Millisecond
	_, err := Run(context.Background(), o, Progress{})
	if err == nil || !strings.Contains(err.Error(), "no reply for 300ms with") {
		t.Errorf("error %v", err)
	}
}

func TestNothingListens(t *testing.T) {
	o := DefaultOptions()
	o.Servers = []string{"127.0.0.1:1"}
	_, err := Run(context.Background(), o, Progress{})
	if err == nil || !strings.Contains(err.Error(), "nothing listens on 127.0.0.1:1") {
		t.Errorf("error %v", err)
	}
}

// An interrupted run reports what it has and cleans up.
func TestInterrupted(t *testing.T) {
	f := startFake(t, nil)
	o := testOptions(f, "mixed")
	o.Requests, o.Warmup, o.Duration = 0, 0, time.Hour
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r, err := Run(ctx, o, Progress{Second: func(report.Second) { cancel() }})
	if err != nil {
		t.Fatal(err)
	}
	if replies(r) == 0 || len(f.paths("/bench")) != 0 {
		t.Errorf("%d replies, left %v", replies(r), f.paths("/bench"))
	}
}

// Idle sessions send heartbeats, and end as was asked for; each stage is a scenario.
func TestSessions(t *testing.T) {
	for _, drop := range []bool{true, false} {
		f := startFake(t, nil)
		o := DefaultSessionOptions()
		var err error
		if o.Target, err = target.Parse(f.addr); err != nil {
			t.Fatal(err)
		}
		o.Count, o.Hold, o.Timeout = 50, 3500*time.Millisecond, 8*time.Second // a stall of 5 s ends no session
		o.Drop, o.Ephemerals = drop, true
		if drop {
			o.Sockets = 40
		}
		r, err := RunSessions(t.Context(), o, Progress{})
		if err != nil {
			t.Fatal(err)
		}
		if err := lostSessions(r); err != nil {
			t.Error(err)
		}
		connected := map[string]float64{"alone": 0, "opening": 50, "holding": 50, "closing": 0}
		if drop {
			connected = map[string]float64{"alone": 0, "opening": 40, "holding": 40, "expiring": 0}
		}
		if len(r.Scenarios) != len(connected) {
			t.Fatalf("%d stages", len(r.Scenarios))
		}
		for _, s := range r.Scenarios {
			run := s.Runs[0]
			if want, ok := connected[s.Name]; !ok || run.Values[figureConnected] != want || run.Values[figureTook] <= 0 {
				t.Errorf("%s: %v", s.Name, run.Values)
			}
		}
		if hold := r.Scenarios[2].Runs[0]; countOf(&hold, KindHeartbeat) == 0 || countOf(&hold, KindSet) == 0 || hold.Values[figureSetP99] <= 0 {
			t.Errorf("holding: %+v", hold.Kinds)
		}
		if left := f.paths("/bench"); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
		if closed := f.count(proto.OpCloseSession); drop && closed != 2 {
			t.Errorf("%d sessions were closed, not only the two that worked", closed)
		}
		if err := report.HTML(io.Discard, r); err != nil {
			t.Error(err)
		}
	}
}

// countOf returns how often a kind was counted in a run.
func countOf(r *report.Run, k Kind) int64 {
	for _, kind := range r.Kinds {
		if kind.Name == k.String() {
			return kind.Latency.Count
		}
	}
	return 0
}

// A client that has nothing to do keeps its session.
func TestClientStaysAlive(t *testing.T) {
	var pings atomic.Int64
	third := make(chan struct{})
	f := startFake(t, func(f *fakeServer) {
		f.timeout = 30
		f.refuse = func(h proto.RequestHeader) proto.Code {
			if h.Op == proto.OpPing && pings.Add(1) == 3 {
				close(third)
			}
			return proto.OK
		}
	})
	c, err := newClient(context.Background(), &dialer{SessionTimeout: time.Second, Patience: time.Minute}, f.addr)
	if err != nil {
		t.Fatal(err)
	}
	<-third
	if err := c.create([]byte("/a"), nil, proto.Persistent); err != nil {
		t.Error(err)
	}
	c.close()
}
