package raw

import (
	"fmt"
	"reflect"
	"sort"
	"testing"
	"time"
)

// everything reads the whole tree below path: data, ACL, Stat and children.
func (c *conn) everything(path string, into map[string]string) {
	c.t.Helper()
	r := c.must(opGetData, pathWatch(path, false))
	data, s := r.buf(), r.stat()
	r = c.must(opGetACL, onlyPath(path))
	into[path] = fmt.Sprintf("%q null=%v %+v %v", data, data == nil, s, r.acls())
	kids := c.children(path)
	sort.Strings(kids)
	for _, kid := range kids {
		c.everything(path+"/"+kid, into)
	}
}

// All that was answered survives a kill -9, to the last Stat field, and the
// session with its ephemerals too.
func TestKill(t *testing.T) {
	c := client(t)
	c.login("super:test")
	c.create("/kill", "", persistent)
	c.must(opCreate, create("/kill/null", nil, open, persistent))
	c.must(opCreate, create("/kill/empty", []byte{}, open, persistent))
	c.createACL("/kill/acl", []acl{{permAll, "digest", "ann:x"}, {permRead, "ip", "127.0.0.1"}})
	c.must(opSetACL, setACL("/kill/acl", []acl{{permRead, "world", "anyone"}}, -1))
	c.create("/kill/eph", "e", ephemeral)
	c.must(opCreateContainer, create("/kill/container", nil, open, container))
	c.create("/kill/container/kid", "", persistent)
	c.must(opCreateTTL, createTTL("/kill/ttl", nil, open, persistentTTL, 1e9))
	for range 5 {
		c.create("/kill/seq-", "", sequential)
	}
	c.delete("/kill/seq-0000000008")
	c.must(opMulti, multi(sub{opSetData, setData("/kill/null", []byte("m"), -1)}, sub{opSetData, setData("/kill/null", nil, -1)}))
	gone := client(t)
	gone.create("/kill/gone", "", ephemeral)
	gone.must(opCloseSession, nil)
	before := map[string]string{}
	c.call(opSync, onlyPath("/"))
	c.everything("/kill", before)
	newest := c.last

	for _, verb := range []string{"restart", "stop"} {
		if control(t, verb); verb == "stop" {
			control(t, "start")
		}
		c.expectClosed()
		n, r, err := reattach(c)
		if err != nil || r.session != c.session || !reflect.DeepEqual(r.password, c.password) {
			t.Fatalf("%s: the session was lost: %+v, %v", verb, r, err)
		}
		c = n
		c.login("super:test")
		after := map[string]string{}
		c.everything("/kill", after)
		for path := range before {
			if after[path] != before[path] {
				t.Errorf("%s: %s\nis  %s\nwas %s", verb, path, after[path], before[path])
			}
		}
		if len(after) != len(before) {
			t.Errorf("%s: %d nodes, were %d", verb, len(after), len(before))
		}
		if c.last != newest {
			t.Errorf("%s: newest zxid %d, was %d", verb, c.last, newest)
		}
	}
	if got := c.create("/kill/seq-", "", sequential); got != "/kill/seq-0000000012" {
		t.Errorf("the next sequential name is %s", got)
	}
	// The restarted server hands out other session ids.
	if other := client(t); other.session == c.session || other.session == gone.session {
		t.Errorf("session id %#x came twice", other.session)
	}
	c.must(opCloseSession, nil)
	other := client(t)
	if _, found := other.exists("/kill/eph"); found {
		t.Error("the ephemeral outlived its session")
	}
	control(t, "restart")
	other, _, _ = reattach(other)
	if _, found := other.exists("/kill/eph"); found {
		t.Error("a restart brought the ephemeral back")
	}
	if _, r, _ := reattach(c); r.session != 0 {
		t.Error("a restart brought the session back")
	}
}

// A session that nobody claims after a restart expires, and its ephemerals go.
func TestExpiryAfterRestart(t *testing.T) {
	const timeout = 4000
	c := connect(t, timeout)
	c.create("/ear", "", ephemeral)
	restart := time.Now()
	control(t, "restart")
	observer := client(t)
	// Sessions get their whole timeout again. A machine may be so slow that it has passed by now.
	if _, found := observer.exists("/ear"); !found && time.Since(restart) < timeout*time.Millisecond {
		t.Error("the session expired too early")
	}
	eventually(t, "the ephemeral goes", func() bool { _, found := observer.exists("/ear"); return !found })
	if _, r, _ := reattach(c); r.session != 0 {
		t.Error("the session is still alive")
	}
}

// A client that reconnects after a restart hears what it missed.
func TestWatchesAcrossRestart(t *testing.T) {
	c := client(t)
	c.create("/war", "", persistent)
	c.create("/war/a", "", persistent)
	c.call(opExists, pathWatch("/war/a", true))
	seen := c.last
	other := client(t)
	control(t, "restart")
	other, _, _ = reattach(other)
	other.set("/war/a", "x")
	n, _, err := reattach(c)
	if err != nil {
		t.Fatal(err)
	}
	_, events := n.callEvents(opSetWatches, enc{}.i64(seen).strs("/war/a").strs().strs("/war"))
	if got := names(events); !reflect.DeepEqual(got, []string{"changed /war/a"}) {
		t.Errorf("got %v", got)
	}
	_, events = n.callEvents(opCreate, create("/war/b", nil, open, persistent))
	if got := names(events); !reflect.DeepEqual(got, []string{"children /war"}) {
		t.Errorf("the child watch was not set again: %v", got)
	}
}
