package bench

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gamekeeper/bench/report"
	"gamekeeper/proto"
)

// cutting loses all connections once, in the middle of the sets, without an answer to one of them.
func cutting(t *testing.T, configure func(*fakeServer)) *fakeServer {
	var sets atomic.Int64
	return startFake(t, func(f *fakeServer) {
		configure(f)
		f.mangle = func(reply []byte) []byte {
			if len(reply) == 4+proto.ReplyHeaderBytes+proto.StatBytes && sets.Add(1) == 500 {
				f.cut()
				return nil
			}
			return reply
		}
	})
}

// lost returns how many requests were lost with their connections.
func lost(t *testing.T, r *report.Run) int64 {
	for _, e := range r.Errors {
		if e.What == "set: connection lost" && e.Code == -4 {
			return e.Count
		}
		t.Errorf("errors %+v", r.Errors)
	}
	return 0
}

// A run goes on when connections are lost: what was outstanding is lost, the sessions come back, or new ones do when
// they have expired, and nothing is left behind.
func TestReconnect(t *testing.T) {
	for _, test := range []struct {
		name    string
		expired bool
		rate    int
	}{
		{"closed loop", false, 0},
		{"expired", true, 0},
		{"open loop", false, 20_000},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := cutting(t, func(f *fakeServer) { f.expire = func() bool { return test.expired } })
			o := testOptions(f, "set")
			o.Reconnect, o.Requests, o.Warmup, o.Rate, o.Threads = true, 3001, 0, test.rate, 2
			r, err := Run(context.Background(), o, Progress{})
			if err != nil {
				t.Fatal(err)
			}
			if n := lost(t, r); n < 1 || n > 5*7 || replies(r)+n != 3001 {
				t.Errorf("%d replies, %d lost", replies(r), n)
			}
			if left := f.paths("/bench"); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			// The connections, and the client that prepares and cleans up.
			opened, back := 5+1, 5+1
			if test.expired {
				opened, back = opened+5+1, 0
			}
			if f.opened != opened || f.back != back {
				t.Errorf("%d sessions were opened, %d came back", f.opened, f.back)
			}
			if len(r.Notes) == 0 || !strings.HasPrefix(r.Notes[0], "5 connections were lost and opened again") {
				t.Errorf("notes %q", r.Notes)
			}
		})
	}
}

// Creates that were lost may have happened: deletes of them are no errors.
func TestReconnectWithCreatesAndDeletes(t *testing.T) {
	f := cutting(t, func(*fakeServer) {})
	o := testOptions(f, "mixed")
	o.Mix, o.Reconnect, o.Requests, o.Warmup = "set=60,create=20,delete=20", true, 3001, 0
	r, err := Run(context.Background(), o, Progress{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range r.Errors {
		if e.Code != -4 {
			t.Errorf("errors %+v", r.Errors)
		}
	}
	if left := f.paths("/bench"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Without a server for as long as its patience, a run fails.
func TestReconnectLosesPatience(t *testing.T) {
	f := cutting(t, func(*fakeServer) {})
	f.expire = func() bool { return false }
	o := testOptions(f, "set")
	o.Reconnect, o.Requests, o.Warmup, o.Patience = true, 30_001, 0, 300*time.Millisecond
	mangle := f.mangle
	f.mangle = func(reply []byte) []byte {
		reply = mangle(reply)
		if reply == nil {
			f.gone.Store(true)
		}
		return reply
	}
	_, err := Run(context.Background(), o, Progress{})
	if err == nil || !strings.Contains(err.Error(), "no server gave a connection back for 300ms") {
		t.Errorf("error %v", err)
	}
}

// A connection comes back from another server when its own is gone.
func TestReviverGoesRoundTheServers(t *testing.T) {
	dead, alive := startFake(t, nil), startFake(t, nil)
	dead.gone.Store(true)
	r := newReviver(&dialer{SessionTimeout: time.Second, Patience: time.Minute}, []string{alive.addr, dead.addr, "127.0.0.1:1"})
	defer r.stop()
	var to arrivals
	r.revive(&to, 3, 0, session{id: 7, password: make([]byte, proto.PasswordBytes)}, 9)
	r.done.Wait()
	list := to.take()
	if len(list) != 1 || list[0].index != 3 || list[0].server != alive.addr || list[0].session.id != 7 {
		t.Fatalf("%+v", list)
	}
	list[0].socket.close()
}

// When nothing can be cleaned up, as the servers are gone in the end, the figures are given all the same.
func TestReconnectKeepsTheFiguresWithoutServers(t *testing.T) {
	f := startFake(t, nil)
	o := testOptions(f, "set")
	o.Reconnect, o.Requests, o.Duration, o.Warmup, o.Patience = true, 0, 1100*time.Millisecond, 0, 600*time.Millisecond
	r, err := Run(context.Background(), o, Progress{Second: func(report.Second) {
		f.gone.Store(true)
		f.cut()
	}})
	if err != nil {
		t.Fatal(err)
	}
	if replies(r) == 0 || len(r.Notes) == 0 || !strings.HasPrefix(r.Notes[len(r.Notes)-1], "what the run created is left in /bench/run-") {
		t.Errorf("%d replies, notes %q", replies(r), r.Notes)
	}
}

// Connections that are lost while keys are made are no reason to give up: what may have been made is made again.
func TestReconnectWhilePreparing(t *testing.T) {
	var creates, cuts atomic.Int64
	f := startFake(t, func(f *fakeServer) {
		f.refuse = func(h proto.RequestHeader) proto.Code {
			if h.Op == proto.OpCreate {
				creates.Add(1)
			}
			return proto.OK
		}
		f.mangle = func(reply []byte) []byte {
			if creates.Load() > 40 && cuts.Add(1) == 1 {
				f.cut()
				return nil
			}
			return reply
		}
	})
	o := testOptions(f, "get")
	o.Reconnect, o.Requests, o.Warmup = true, 100, 0
	r, err := Run(t.Context(), o, Progress{})
	if err != nil {
		t.Fatal(err)
	}
	if replies(r) != 100 || cuts.Load() == 0 {
		t.Errorf("%d replies, %d cuts", replies(r), cuts.Load())
	}
}

// It does not help that other connections are there which have nothing left to do.
func TestReconnectLosesPatienceWithSome(t *testing.T) {
	var sets atomic.Int64
	f := startFake(t, func(f *fakeServer) {
		f.mangle = func(reply []byte) []byte {
			if len(reply) == 4+proto.ReplyHeaderBytes+proto.StatBytes && sets.Add(1) == 1 {
				f.gone.Store(true)
				return nil // this connection alone ends
			}
			return reply
		}
	})
	o := testOptions(f, "set")
	o.Reconnect, o.Requests, o.Warmup, o.Patience, o.Threads = true, 300, 0, 300*time.Millisecond, 1
	if _, err := Run(t.Context(), o, Progress{}); err == nil || !strings.Contains(err.Error(), "no server gave a connection back for 300ms") {
		t.Errorf("error %v", err)
	}
}
