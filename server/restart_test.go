package server_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"gamekeeper/proto"
	"gamekeeper/server"
	"gamekeeper/server/control"
	"gamekeeper/server/servertest"
)

// furnish makes a tree with a bit of everything, and returns the sessions it uses: one that lives, and one that
// was closed.
func furnish(t *testing.T, s *server.Server) (alive, closed *servertest.Client) {
	t.Helper()
	alive, closed = connect(t, s), connect(t, s)
	create(t, alive, "/a", "one", proto.Persistent)
	must(t, alive, proto.OpCreate, servertest.Create("/a/null", nil, proto.Persistent))
	must(t, alive, proto.OpCreate, servertest.Create("/a/large", make([]byte, 300<<10), proto.Persistent))
	must(t, alive, proto.OpCreateCont, servertest.Create("/box", nil, proto.Container))
	create(t, alive, "/box/child", "", proto.Persistent)
	must(t, alive, proto.OpCreateTTL, proto.AppendCreateRequest(nil, proto.OpCreateTTL, &proto.CreateRequest{
		Path: []byte("/ttl"), ACL: proto.OpenACL, Mode: proto.PersistentTTL, TTL: 1e9}))
	for range 5 {
		create(t, alive, "/a/seq-", "", proto.PersistentSequential)
	}
	must(t, alive, proto.OpDelete, servertest.Versioned("/a/seq-0000000003", 0))
	create(t, alive, "/mine", "e", proto.Ephemeral)
	create(t, closed, "/theirs", "", proto.Ephemeral)
	must(t, alive, proto.OpMulti, servertest.Multi(
		servertest.Sub{Op: proto.OpSetData, Body: servertest.Set("/a", []byte("two"), 0)},
		servertest.Sub{Op: proto.OpCreate, Body: servertest.Create("/a/multi", nil, proto.EphemeralSequential)}))
	readOnly := proto.NewACLs(proto.ACL{Perms: proto.PermRead, Identity: proto.Identity{Scheme: []byte("world"), ID: []byte("anyone")}})
	must(t, alive, proto.OpSetACL, proto.AppendSetACL(nil, &proto.SetACL{Path: []byte("/a/null"), ACL: readOnly, Version: 0}))
	must(t, closed, proto.OpCloseSession, nil)
	return alive, closed
}

// TestRestart: everything is as it was after a stop and a start, and in a copy of a running server's directory.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keys := []string{"extendedTypesEnabled=true", "preAllocSize=64"}
	s := starts(t, append(keys, "dataDir="+dir)...)
	alive, closed := furnish(t, s)
	before := everything(t, alive, "/", map[string]string{})

	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.Remove(control.Path(dir)); err != nil { // a socket cannot be copied
		t.Fatal(err)
	}
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	stop(t, s)
	for name, dir := range map[string]string{"stopped": dir, "copied while it ran": copied} {
		// Twice: recovery itself must leave everything in place.
		for range 2 {
			s := starts(t, append(keys, "dataDir="+dir)...)
			c := reattach(t, s, alive)
			if after := everything(t, c, "/", map[string]string{}); !maps.Equal(before, after) {
				t.Errorf("%s:\nis  %v\nwas %v", name, after, before)
			}
			if _, err := servertest.Reattach(s.Addr(), closed); !errors.Is(err, servertest.ErrTurnedAway) {
				t.Errorf("%s: a closed session was taken up: %v", name, err)
			}
			if fresh := connect(t, s); fresh.Session == alive.Session || fresh.Session == closed.Session {
				t.Errorf("%s: session id %s came twice", name, fresh.Session)
			}
			stop(t, s)
		}
		// The last life's own writes go on where the first stopped.
		s := starts(t, append(keys, "dataDir="+dir)...)
		c := reattach(t, s, alive)
		if path := create(t, c, "/a/seq-", "", proto.PersistentSequential); path != "/a/seq-0000000008" {
			t.Errorf("%s: the next sequential znode is %s", name, path)
		}
		must(t, c, proto.OpCloseSession, nil)
		if o := connect(t, s); exists(t, o, "/mine") || exists(t, o, "/a/multi0000000007") {
			t.Errorf("%s: ephemerals are there after closeSession", name)
		}
		stop(t, s)
	}
}

// TestExpiryAfterRestart: a session that nobody claims gets its whole timeout again, and then ends.
func TestExpiryAfterRestart(t *testing.T) {
	t.Parallel()
	dir := "dataDir=" + t.TempDir()
	s := starts(t, dir, "tickTime=50", "minSessionTimeout=300")
	c := connectFor(t, s, 300*time.Millisecond)
	create(t, c, "/e", "", proto.Ephemeral)
	stop(t, s)
	s = startServer(t, dir, "tickTime=50", "minSessionTimeout=300", "maxSessionTimeout=60000")
	o := connect(t, s)
	eventually(t, "the ephemeral goes", func() bool { return !exists(t, o, "/e") })
}

// TestWatchesAcrossRestart: a client gives its watches back, and hears what it missed before the reply.
func TestWatchesAcrossRestart(t *testing.T) {
	t.Parallel()
	dir := "dataDir=" + t.TempDir()
	s := starts(t, dir)
	c, other := connect(t, s), connect(t, s)
	for _, path := range []string{"/same", "/set", "/gone", "/parent", "/recursive"} {
		create(t, c, path, "", proto.Persistent)
	}
	must(t, c, proto.OpSync, servertest.Path("/"))
	stop(t, s)

	s = startServer(t, dir)
	other = reattach(t, s, other)
	must(t, other, proto.OpSetData, servertest.Set("/set", []byte("x"), -1))
	must(t, other, proto.OpDelete, servertest.Versioned("/gone", -1))
	create(t, other, "/new", "", proto.Persistent)
	create(t, other, "/parent/child", "", proto.Persistent)
	seen := c.Last
	c = reattach(t, s, c)
	paths := func(list ...string) [][]byte {
		b := [][]byte{}
		for _, p := range list {
			b = append(b, []byte(p))
		}
		return b
	}
	f, events, err := c.Call(proto.OpSetWatches2, proto.AppendSetWatches(nil, proto.OpSetWatches2, &proto.SetWatches{
		RelativeZxid: seen, Data: paths("/same", "/set", "/gone"), Exist: paths("/new", "/never"),
		Child: paths("/parent"), Persistent: paths(), PersistentRecursive: paths("/recursive")}))
	if err != nil || f.Err != proto.OK {
		t.Fatal(f.Err, err)
	}
	wantEvents(t, events, "3 /set", "2 /gone", "1 /new", "4 /parent")
	must(t, other, proto.OpSetData, servertest.Set("/same", nil, -1))
	create(t, other, "/never", "", proto.Persistent)
	create(t, other, "/recursive/below", "", proto.Persistent)
	create(t, other, "/parent/second", "", proto.Persistent) // its watch was used up
	_, events, err = c.Call(proto.OpSync, servertest.Path("/"))
	if err != nil {
		t.Fatal(err)
	}
	wantEvents(t, events, "3 /same", "1 /never", "1 /recursive/below")
}

func wantEvents(t *testing.T, events []proto.WatcherEvent, want ...string) {
	t.Helper()
	var got []string
	for _, e := range events {
		got = append(got, fmt.Sprintf("%d %s", e.Type, e.Path))
	}
	if !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}
