package server_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"gamekeeper/proto"
	"gamekeeper/server"
	"gamekeeper/server/servertest"
)

func TestHandshake(t *testing.T) {
	t.Parallel()
	s := startServer(t, "tickTime=1000")
	for name, c := range map[string]struct {
		request proto.ConnectRequest
		length  int // of the answer
		timeout int32
	}{
		"with the read-only byte":       {proto.ConnectRequest{Timeout: 5000, Password: make([]byte, 16), HasReadOnly: true}, 37, 5000},
		"old client":                    {proto.ConnectRequest{Timeout: 5000, Password: make([]byte, 16)}, 36, 5000},
		"null password":                 {proto.ConnectRequest{Timeout: 5000, HasReadOnly: true}, 37, 5000},
		"read-only client":              {proto.ConnectRequest{Timeout: 5000, HasReadOnly: true, ReadOnly: true}, 37, 5000},
		"negative timeout":              {proto.ConnectRequest{Timeout: -1 << 31}, 36, 2000},
		"no timeout":                    {proto.ConnectRequest{}, 36, 2000},
		"huge timeout":                  {proto.ConnectRequest{Timeout: 1<<31 - 1}, 36, 20000},
		"version and a negative zxid":   {proto.ConnectRequest{Version: 7, LastZxidSeen: -1, Timeout: 3000}, 36, 3000},
		"password without a session id": {proto.ConnectRequest{Timeout: 3000, Password: []byte("0123456789abcdef")}, 36, 3000},
	} {
		nc := dialRaw(t, s)
		b, at := proto.BeginFrame(nil)
		nc.SendRaw(proto.EndFrame(proto.AppendConnectRequest(b, &c.request), at))
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
		body, err := nc.ReadFrame()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		d := proto.NewDecoder(body)
		if r := d.ConnectResponse(); len(body) != c.length || r.Timeout != c.timeout || r.Session == 0 || len(r.Password) != 16 {
			t.Errorf("%s: %d bytes, %+v; want %d bytes and timeout %d", name, len(body), r, c.length, c.timeout)
		}
	}
}

func TestHandshakeRefused(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	owner := connect(t, s)
	for name, change := range map[string]func(*proto.ConnectRequest){
		"unknown session": func(r *proto.ConnectRequest) { r.Session++ },
		"wrong password":  func(r *proto.ConnectRequest) { r.Password[3] ^= 1 },
		"short password":  func(r *proto.ConnectRequest) { r.Password = r.Password[:15] },
		"null password":   func(r *proto.ConnectRequest) { r.Password = nil },
	} {
		c := dialRaw(t, s)
		r := servertest.Request(5 * time.Second)
		r.Session, r.Password = owner.Session, append([]byte(nil), owner.Password...)
		change(r)
		c.Send(proto.OpCreate, servertest.Create("/behind", nil, proto.Persistent))
		answer, err := c.Greet(r)
		if !errors.Is(err, servertest.ErrTurnedAway) || answer.Timeout != 0 || string(answer.Password) != string(make([]byte, 16)) {
			t.Errorf("%s: %+v, %v", name, answer, err)
		}
		if rest := wantClosed(t, c); len(rest) > 0 {
			t.Errorf("%s: %+v behind it", name, rest)
		}
	}
	ahead := dialRaw(t, s)
	r := servertest.Request(5 * time.Second)
	r.LastZxidSeen = 1 << 40
	ahead.Send(proto.OpCreate, servertest.Create("/behind", nil, proto.Persistent))
	if _, err := ahead.Greet(r); err == nil || errors.Is(err, servertest.ErrTurnedAway) {
		t.Errorf("a client that has seen a later zxid: %v, want a closed connection without an answer", err)
	}
	// None of this disturbed the session, or did anything else.
	if exists(t, owner, "/behind") {
		t.Error("a request behind a refused handshake was executed")
	}
}

// TestRefusalIsPrompt: a connection that is refused without an answer is closed at once, and not when the server
// next looks after silent ones, which is every second.
func TestRefusalIsPrompt(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	begun := time.Now()
	const times = 20
	for range times {
		c := dialRaw(t, s)
		r := servertest.Request(5 * time.Second)
		r.LastZxidSeen = 1 << 40
		if _, err := c.Greet(r); err == nil {
			t.Fatal("not refused")
		}
	}
	if took := time.Since(begun); took > times/2*time.Second {
		t.Errorf("%d refusals took %v", times, took)
	}
}

// TestTakeover moves a session from connection to connection while each of them writes.
func TestTakeover(t *testing.T) {
	t.Parallel()
	s := startWith(t, server.Options{Loops: 2})
	c := connect(t, s)
	create(t, c, "/moved", "", proto.Ephemeral)
	create(t, c, "/log", "", proto.Persistent)
	for move := range 20 {
		old := c
		for i := range 50 {
			old.Send(proto.OpCreate, servertest.Create(fmt.Sprintf("/log/%02d-%02d", move, i), nil, proto.Persistent))
		}
		if err := old.Flush(); err != nil {
			t.Fatal(err)
		}
		c = reattach(t, s, old)
		if c.Session != old.Session {
			t.Fatalf("session %s became %s", old.Session, c.Session)
		}
		// What the new connection sees does not change behind its back: the old one's time is over.
		executed := children(t, c, "/log")
		replies := wantClosed(t, old)
		if again := children(t, c, "/log"); len(again) != len(executed) || len(replies) > len(executed) {
			t.Fatalf("move %d: %d creates, later %d; %d were answered", move, len(executed), len(again), len(replies))
		}
		for i, name := range executed {
			if want := fmt.Sprintf("%02d-%02d", move, i); name != want {
				t.Fatalf("move %d: %s was executed and %s was not", move, name, want)
			}
			must(t, c, proto.OpDelete, servertest.Versioned("/log/"+name, -1))
		}
	}
	if _, stat := get(t, c, "/moved"); stat.EphemeralOwner != c.Session {
		t.Errorf("the ephemeral belongs to %s", stat.EphemeralOwner)
	}
}

// TestExpiry: a session that is silent ends, and its ephemerals with it; one that pings, and one that moves to
// another connection in time, go on.
func TestExpiry(t *testing.T) {
	t.Parallel()
	s := startServer(t, "tickTime=50", "minSessionTimeout=300", "maxSessionTimeout=60000")
	observer := connect(t, s)
	silent, pinging := connectFor(t, s, 300*time.Millisecond), connectFor(t, s, 10*time.Second)
	create(t, silent, "/silent", "", proto.Ephemeral)
	create(t, pinging, "/pinging", "", proto.Ephemeral)
	begun := time.Now()
	must(t, observer, proto.OpExists, servertest.Watch("/silent", true))
	if f, err := observer.Read(); err != nil || string(f.Event().Path) != "/silent" || f.Event().Type != proto.NodeDeleted {
		t.Fatalf("%+v, %v", f, err)
	}
	if lived := time.Since(begun); lived < 200*time.Millisecond {
		t.Errorf("a session with a timeout of 300 ms lived %v", lived)
	}
	if exists(t, observer, "/silent") {
		t.Error("the ephemeral is there after its deletion was announced")
	}
	if frames := wantClosed(t, silent); len(frames) > 0 {
		t.Errorf("the connection of an expired session got %+v", frames)
	}
	if _, err := servertest.Reattach(s.Addr(), silent); !errors.Is(err, servertest.ErrTurnedAway) {
		t.Errorf("the session was expired, and is taken up again: %v", err)
	}
	pinging.SendXid(proto.XidPing, proto.OpPing, nil)
	if err := pinging.Flush(); err != nil {
		t.Fatal(err)
	}
	if f, err := pinging.Read(); err != nil || f.Xid != proto.XidPing {
		t.Errorf("ping: %+v, %v", f, err)
	}
	if !exists(t, observer, "/pinging") {
		t.Error("the other session's ephemeral went too")
	}
}

// TestPingsBehindMuchOutput: a client that has long to read keeps its session by its pings, though these wait.
func TestPingsBehindMuchOutput(t *testing.T) {
	t.Parallel()
	s := startServer(t, "tickTime=100", "maxSessionTimeout=60000")
	other, slow := connect(t, s), connectFor(t, s, 3*time.Second)
	create(t, other, "/large", strings.Repeat("x", 1<<19), proto.Persistent)
	create(t, slow, "/slow", "", proto.Ephemeral)
	const reads = 100
	for range reads {
		slow.Send(proto.OpGetData, servertest.Watch("/large", false))
	}
	if err := slow.Flush(); err != nil {
		t.Fatal(err)
	}
	create(t, connectFor(t, s, 3*time.Second), "/silent", "", proto.Ephemeral)
	ping := func() {
		slow.SendXid(proto.XidPing, proto.OpPing, nil)
		if err := slow.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	for exists(t, other, "/silent") {
		ping()
	}
	for n := range reads {
		ping()
		if f, err := slow.Read(); err != nil || f.Err != proto.OK {
			t.Fatalf("reply %d: %v, %v", n, f.Err, err)
		}
	}
	if !exists(t, other, "/slow") {
		t.Error("the ephemeral of a client that pings is gone")
	}
}

// TestRequestsKeepSessionAlive: every request counts, pings and reads that never reach the core too.
func TestRequestsKeepSessionAlive(t *testing.T) {
	t.Parallel()
	s := startServer(t, "tickTime=100", "minSessionTimeout=2000")
	c := connectFor(t, s, 2*time.Second)
	create(t, c, "/mine", "", proto.Ephemeral)
	for range 15 {
		<-time.After(200 * time.Millisecond) // the passing of time is what this is about
		if _, err := c.Do(proto.OpGetData, servertest.Watch("/mine", false)); err != nil {
			t.Fatalf("a busy session ended: %v", err)
		}
	}
}

// TestCloseSession: ephemerals are gone with the reply, and what stands behind the request is not executed.
func TestCloseSession(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	observer := connect(t, s)
	for range 10 {
		c := connect(t, s)
		c.Send(proto.OpCreate, servertest.Create("/e", nil, proto.Ephemeral))
		last := c.Send(proto.OpCloseSession, nil)
		c.Send(proto.OpCreate, servertest.Create("/behind", nil, proto.Ephemeral))
		c.Send(proto.OpCreate, servertest.Create("/behind-too", nil, proto.Persistent))
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
		frames := wantClosed(t, c)
		if n := len(frames); n != 2 || frames[0].Err != proto.OK || frames[1].Xid != last || frames[1].Err != proto.OK {
			t.Fatalf("replies %+v", frames)
		}
		for _, path := range []string{"/e", "/behind", "/behind-too"} {
			if exists(t, observer, path) {
				t.Fatalf("%s is there", path)
			}
		}
		if _, err := servertest.Reattach(s.Addr(), c); !errors.Is(err, servertest.ErrTurnedAway) {
			t.Fatalf("the session was closed, and is taken up again: %v", err)
		}
	}
}

// TestManyExpireAtOnce: the end of many sessions, each with an ephemeral, does not keep others waiting.
func TestManyExpireAtOnce(t *testing.T) {
	t.Parallel()
	const sessions, workers = 2000, 8
	s := startServer(t, "tickTime=2000", "maxSessionTimeout=60000")
	other := connect(t, s)
	create(t, other, "/many", "", proto.Persistent)
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() {
			for j := range sessions / workers {
				c, err := servertest.Connect(s.Addr(), 4*time.Second)
				if err == nil {
					_, err = c.Do(proto.OpCreate, servertest.Create(fmt.Sprintf("/many/%d-%d", i, j), nil, proto.Ephemeral))
					_ = c.Close() // without closeSession
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	most, slowest, calls := 0, time.Duration(0), 0
	eventually(t, "all ephemerals go", func() bool {
		begun := time.Now()
		_, stat := get(t, other, "/many")
		must(t, other, proto.OpSetData, servertest.Set("/many", nil, -1))
		slowest = max(slowest, time.Since(begun))
		most = max(most, int(stat.NumChildren))
		calls++
		return stat.NumChildren == 0
	})
	if most < sessions/2 {
		t.Logf("only %d of %d sessions were there together: the machine is slow", most, sessions)
	}
	if limit := 3 * time.Second; slowest > limit {
		t.Errorf("a read and a write took %v", slowest)
	}
	t.Logf("%d sessions ended; of %d reads and writes meanwhile the slowest pair took %v", most, calls, slowest)
}
