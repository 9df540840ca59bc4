package server_test

import (
	"fmt"
	"testing"
	"time"

	"gamekeeper/proto"
	"gamekeeper/server/servertest"
)

func TestLocalSessions(t *testing.T) {
	e := startEnsemble(t, 3, 1, "localSessionsEnabled=true", "4lw.commands.whitelist=mntr")
	e.await()
	for i, s := range e.servers {
		c := connect(t, s)
		path := fmt.Sprintf("/local%d", i)
		create(t, c, path, "x", proto.Persistent)
		if data, _ := get(t, c, path); data != "x" {
			t.Errorf("server %d: it reads %q", i+1, data)
		}
		refused(t, c, proto.OpCreate, servertest.Create(path+"/e", nil, proto.Ephemeral), proto.EphemeralOnLocalSession)
		refused(t, c, proto.OpMulti, servertest.Multi(servertest.Sub{Op: proto.OpCreate,
			Body: servertest.Create(path+"/e", nil, proto.Ephemeral)}), proto.EphemeralOnLocalSession)
		again := rejoin(t, s, c)
		create(t, again, path+"/again", "", proto.Persistent)
		if _, err := servertest.Reattach(e.servers[(i+1)%4].Addr(), again); err == nil {
			t.Errorf("server %d: its local session goes on elsewhere", i+1)
		}
		must(t, again, proto.OpCloseSession, nil)
	}
	e.agree()
}

func TestLocalSessionsUpgrade(t *testing.T) {
	e := startEnsemble(t, 3, 1, "localSessionsEnabled=true", "localSessionsUpgradingEnabled=true")
	e.await()
	for i, s := range e.servers {
		c := connectFor(t, s, 2*time.Second)
		path := fmt.Sprintf("/mine%d", i)
		// Without waiting: what stands behind the upgrade belongs to the session that comes of it.
		for n := range 10 {
			c.Send(proto.OpCreate, servertest.Create(fmt.Sprintf("%s-%d", path, n), nil, proto.Ephemeral))
		}
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if f := reply(t, c); f.Err != proto.OK {
				t.Fatalf("server %d: %s", i+1, f.Err)
			}
		}
		moved := rejoin(t, e.servers[(i+1)%4], c)
		if !exists(t, moved, path+"-9") {
			t.Errorf("server %d: the ephemeral is lost", i+1)
		}
		if _, stat := get(t, moved, path+"-9"); stat.EphemeralOwner != c.Session {
			t.Errorf("server %d: the ephemeral is another session's", i+1)
		}
		must(t, moved, proto.OpCloseSession, nil)
	}
	c := connect(t, e.servers[0])
	syncUp(t, c)
	for i := range e.servers {
		if exists(t, c, fmt.Sprintf("/mine%d-0", i)) {
			t.Errorf("the ephemeral of server %d outlives its session", i+1)
		}
	}
}

// What a client sends without waiting ends the session that its local one has become.
func TestLocalSessionEndsBehindItsUpgrade(t *testing.T) {
	e := startEnsemble(t, 3, 1, "localSessionsEnabled=true", "localSessionsUpgradingEnabled=true")
	e.await()
	for i, s := range e.servers {
		c := connect(t, s)
		path := fmt.Sprintf("/left%d", i)
		c.Send(proto.OpCreate, servertest.Create(path, nil, proto.Ephemeral))
		c.Send(proto.OpCloseSession, nil)
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
		for _, f := range wantClosed(t, c) {
			if f.Err != proto.OK {
				t.Errorf("server %d: %s", i+1, f.Err)
			}
		}
		other := connect(t, s)
		syncUp(t, other)
		if exists(t, other, path) {
			t.Errorf("server %d: an ephemeral outlives its session", i+1)
		}
	}
}

// TestReadOnlyMode cuts a server off from all others, and lets it serve reads.
func TestReadOnlyMode(t *testing.T) {
	e := startEnsemble(t, 3, 0, "readonlymode.enabled=true")
	e.await()
	c := connect(t, e.servers[0])
	create(t, c, "/read", "me", proto.Persistent)
	syncUp(t, c)
	e.stop(1)
	e.stop(2)
	alone := e.servers[0]
	eventually(t, "reads are served", func() bool { return mode(t, alone) == "read-only" })
	if got := word(t, alone.Addr(), "isro", false); got != "ro" {
		t.Errorf("isro: %q", got)
	}
	if _, err := servertest.Connect(alone.Addr(), time.Minute); err == nil {
		t.Error("a client that wants to write is admitted")
	}
	ro := dialRaw(t, alone)
	r := servertest.Request(time.Minute)
	r.ReadOnly = true
	answer, err := ro.Greet(r)
	if err != nil || !answer.ReadOnly {
		t.Fatalf("%+v, %v", answer, err)
	}
	if data, _ := get(t, ro, "/read"); data != "me" {
		t.Errorf("it reads %q", data)
	}
	refused(t, ro, proto.OpSetData, servertest.Set("/read", nil, -1), proto.NotReadOnly)
	refused(t, ro, proto.OpSync, servertest.Path("/read"), proto.NotReadOnly)
	e.start(1)
	wantClosed(t, ro)
	e.await()
	if got := word(t, alone.Addr(), "isro", false); got != "rw" {
		t.Errorf("isro: %q", got)
	}
	again := rejoin(t, alone, c)
	must(t, again, proto.OpSetData, servertest.Set("/read", []byte("you"), 0))
}
