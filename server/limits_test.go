package server_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"gamekeeper/proto"
	"gamekeeper/server/servertest"
)

// TestConnectionLimits: connections beyond a limit are closed, those within are not disturbed, and a place that
// becomes free is given to the next.
func TestConnectionLimits(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"maxClientCnxns=3", "maxCnxns=3"} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, key)
			var in []*servertest.Client
			for range 3 {
				in = append(in, connect(t, s))
			}
			for range 5 {
				if c, err := servertest.Connect(s.Addr(), time.Second); err == nil {
					t.Errorf("one connection too many was let in, with session %s", c.Session)
				}
			}
			for _, c := range in {
				must(t, c, proto.OpSync, servertest.Path("/"))
			}
			_ = in[0].Close()
			eventually(t, "the free place is given away", func() bool {
				c, err := servertest.Connect(s.Addr(), time.Second)
				if err != nil {
					return false
				}
				t.Cleanup(func() { c.Close() })
				return true
			})
		})
	}
}

// TestLargestFrame: jute.maxbuffer bounds what is read, and not what is answered.
func TestLargestFrame(t *testing.T) {
	t.Parallel()
	s := startServer(t, "jute.maxbuffer=2000")
	c := connect(t, s)
	create(t, c, "/n", "", proto.Persistent)
	room := 2000 - 8 - len(servertest.Set("/n", []byte{}, -1))
	must(t, c, proto.OpSetData, servertest.Set("/n", make([]byte, room), -1))
	for i := range 20 {
		create(t, c, fmt.Sprintf("/n/%s-%d", strings.Repeat("x", 200), i), "", proto.Persistent)
	}
	if n := len(children(t, c, "/n")); n != 20 {
		t.Errorf("%d children", n)
	}
	c.Send(proto.OpSetData, servertest.Set("/n", make([]byte, room+1), -1))
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if frames := wantClosed(t, c); len(frames) > 0 {
		t.Errorf("a frame too large was answered with %+v", frames)
	}
}

func TestQuota(t *testing.T) {
	t.Parallel()
	dir := "dataDir=" + t.TempDir()
	s := starts(t, dir, "enforceQuota=true")
	c := connect(t, s)
	create(t, c, "/q", "", proto.Persistent)
	for _, path := range []string{"/zookeeper/quota/q", "/zookeeper/quota/q/zookeeper_stats"} {
		create(t, c, path, "count=1,bytes=0", proto.Persistent)
	}
	create(t, c, "/zookeeper/quota/q/zookeeper_limits", "count=-1,bytes=-1=;byteHardLimit=10;countHardLimit=3", proto.Persistent)
	create(t, c, "/q/1", "12345", proto.Persistent)
	stop(t, s)
	s = startServer(t, dir, "enforceQuota=true") // what is used is known after a restart
	c = reattach(t, s, c)
	refused(t, c, proto.OpSetData, servertest.Set("/q/1", []byte("12345678901"), -1), proto.QuotaExceeded)
	create(t, c, "/q/2", "", proto.Persistent)
	refused(t, c, proto.OpCreate, servertest.Create("/q/3", nil, proto.Persistent), proto.QuotaExceeded)
	must(t, c, proto.OpDelete, servertest.Versioned("/q/2", -1))
	create(t, c, "/q/3", "", proto.Persistent)
}

// TestReaping: containers go when their last child has gone, znodes with a time to live when it has passed, and
// nothing else.
func TestReaping(t *testing.T) {
	t.Parallel()
	s := startServer(t, "extendedTypesEnabled=true", "znode.container.checkIntervalMs=20")
	c := connect(t, s)
	must(t, c, proto.OpCreateCont, servertest.Create("/used", nil, proto.Container))
	must(t, c, proto.OpCreateCont, servertest.Create("/unused", nil, proto.Container))
	create(t, c, "/used/child", "", proto.Persistent)
	create(t, c, "/plain", "", proto.Persistent)
	ttl := func(path string, ms int64) servertest.Sub {
		return servertest.Sub{Op: proto.OpCreateTTL, Body: proto.AppendCreateRequest(nil, proto.OpCreateTTL,
			&proto.CreateRequest{Path: []byte(path), ACL: proto.OpenACL, Mode: proto.PersistentTTL, TTL: ms})}
	}
	must(t, c, proto.OpMulti, servertest.Multi(ttl("/short", 50), ttl("/long", 1e8), ttl("/parent", 50),
		servertest.Sub{Op: proto.OpCreate, Body: servertest.Create("/parent/child", nil, proto.Persistent)}))
	eventually(t, "the short-lived one goes", func() bool { return !exists(t, c, "/short") })
	must(t, c, proto.OpDelete, servertest.Versioned("/used/child", -1))
	eventually(t, "the empty container goes", func() bool { return !exists(t, c, "/used") })
	for _, path := range []string{"/unused", "/plain", "/long", "/parent/child"} {
		if !exists(t, c, path) {
			t.Errorf("%s is gone", path)
		}
	}
	must(t, c, proto.OpDelete, servertest.Versioned("/parent/child", -1))
	eventually(t, "the parent goes", func() bool { return !exists(t, c, "/parent") })
}

// word sends a four-letter word the way nc does, half-closing when half is set, and returns the answer.
func word(t testing.TB, addr, w string, half bool) string {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Write([]byte(w)); err != nil {
		t.Fatal(err)
	}
	if half {
		if err := nc.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	_ = nc.SetReadDeadline(time.Now().Add(servertest.Patience))
	answer, err := io.ReadAll(nc)
	if err != nil {
		t.Errorf("%s: %v", w, err)
	}
	return string(answer)
}

// TestWords asks for four-letter words while clients work.
func TestWords(t *testing.T) {
	t.Parallel()
	s := startServer(t, "4lw.commands.whitelist=ruok,stat,mntr,conf,cons,wchs")
	done := make(chan struct{})
	var all sync.WaitGroup
	for i := range 2 {
		c := connect(t, s)
		all.Go(func() {
			path := fmt.Sprintf("/%d", i)
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				_, _, err := c.Call(proto.OpCreate, servertest.Create(path, nil, proto.Ephemeral))
				if err == nil {
					_, _, err = c.Call(proto.OpExists, servertest.Watch(path, true))
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for _, half := range []bool{false, true} {
		for w, want := range map[string]string{
			"ruok": "imok", "srvr": "Mode: standalone", "stat": "Mode: standalone", "mntr": "zk_znode_count\t",
			"conf": "clientPort=", "cons": "/127.0.0.1:", "wchs": "watching", "envi": "not in the whitelist",
		} {
			if got := word(t, s.Addr(), w, half); !strings.Contains(got, want) {
				t.Errorf("%s, half-closed %v: %q, want %q in it", w, half, got, want)
			}
		}
	}
	if got := word(t, s.Addr(), "ruok", false); got != "imok" {
		t.Errorf("ruok: %q", got)
	}
	close(done)
	all.Wait()
}

// TestOwnConnection wants the words that list connections to list the one that asked, though it has closed its side.
func TestOwnConnection(t *testing.T) {
	t.Parallel()
	s := startServer(t, "4lw.commands.whitelist=stat,cons")
	for i := range 100 {
		w := []string{"cons", "stat"}[i%2]
		if got := word(t, s.Addr(), w, true); !strings.Contains(got, "(queued=0,recved=1,sent=0") {
			t.Fatalf("%s: %q", w, got)
		}
	}
	eventually(t, "no connection is left", func() bool { return !strings.Contains(word(t, s.Addr(), "cons", false), ")\n /") })
}

// TestConnectionPackets wants a connection to count its handshake and its requests, and one that asks a word to
// count the word, as monitoring systems find them with Apache.
func TestConnectionPackets(t *testing.T) {
	t.Parallel()
	s := startServer(t, "4lw.commands.whitelist=stat,cons")
	c := connect(t, s)
	must(t, c, proto.OpExists, servertest.Watch("/", false))
	must(t, c, proto.OpCreate, servertest.Create("/a", nil, proto.Persistent))
	if got := word(t, s.Addr(), "cons", false); !strings.Contains(got, "(queued=0,recved=3,sent=3,sid=0x") {
		t.Errorf("a session with two requests: %q", got)
	}
	if got := word(t, s.Addr(), "stat", false); !strings.Contains(got, "(queued=0,recved=1,sent=0)\n") {
		t.Errorf("the connection that asks: %q", got)
	}
}

// TestRepliesAreCounted wants what a reply shows to be in the counters for whoever has it: also that of a read that an
// event loop answers right behind a write that the core does.
func TestRepliesAreCounted(t *testing.T) {
	t.Parallel()
	s := startServer(t, "4lw.commands.whitelist=cons,mntr,srvr")
	for i := range 200 {
		c := connect(t, s)
		zxid := must(t, c, proto.OpExists, servertest.Watch("/", false)).Zxid
		if got := word(t, s.Addr(), "cons", false); !strings.Contains(got, fmt.Sprintf(",sent=2,sid=0x%x,lop=EXIS,", int64(c.Session))) ||
			!strings.Contains(got, fmt.Sprintf(",lzxid=0x%x,", int64(zxid))) {
			t.Fatalf("connection %d, which has read at %s: %q", i, zxid, got)
		}
		zxid = must(t, c, proto.OpCreate, servertest.Create(fmt.Sprintf("/%d", i), nil, proto.Persistent)).Zxid
		if got := word(t, s.Addr(), "srvr", false); !strings.Contains(got, fmt.Sprintf("Zxid: 0x%x\n", int64(zxid))) {
			t.Fatalf("after %s: %q", zxid, got)
		}
		if got := word(t, s.Addr(), "mntr", false); !strings.Contains(got, fmt.Sprintf("zk_znode_count\t%d\n", i+6)) {
			t.Fatalf("after %d znodes: %q", i+1, got)
		}
		c.Close()
	}
}

// TestEventsArePackets wants the server's count of packets to have the events of watches in it.
func TestEventsArePackets(t *testing.T) {
	t.Parallel()
	s := startServer(t, "4lw.commands.whitelist=mntr")
	sent := func() (n int) {
		t.Helper()
		_, rest, _ := strings.Cut(word(t, s.Addr(), "mntr", false), "zk_packets_sent\t")
		if _, err := fmt.Sscan(rest, &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	c, watcher := connect(t, s), connect(t, s)
	refused(t, watcher, proto.OpExists, servertest.Watch("/a", true), proto.NoNode)
	before := sent()
	create(t, c, "/a", "", proto.Persistent)
	if f, err := watcher.Read(); err != nil || !f.IsEvent() {
		t.Fatalf("%+v, %v", f, err)
	}
	if n := sent() - before; n != 2 {
		t.Errorf("a reply and an event are %d packets", n)
	}
}

// TestLargeMultiRead: a request that asks for the same large znode over and over is refused before its reply takes the
// server's memory, by the loop as by the core, and a merely large one is answered.
func TestLargeMultiRead(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := connect(t, s)
	create(t, c, "/large", strings.Repeat("x", 1<<19), proto.Persistent)
	reads := func(n int) []byte {
		subs := make([]servertest.Sub, n)
		for i := range subs {
			subs[i] = servertest.Sub{Op: proto.OpGetData, Body: servertest.Watch("/large", false)}
		}
		return servertest.Multi(subs...)
	}
	if f := must(t, c, proto.OpMultiRead, reads(20)); len(f.Body) < 10<<20 {
		t.Errorf("%d bytes", len(f.Body))
	}
	refused(t, c, proto.OpMultiRead, reads(200), proto.MarshallingError)
	c.Send(proto.OpSetData, servertest.Set("/", nil, -1))
	c.Send(proto.OpMultiRead, reads(200))
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []proto.Code{proto.OK, proto.MarshallingError} {
		if f, err := c.Read(); err != nil || f.Err != want {
			t.Errorf("behind a write: %v, %v, want %v", f.Err, err, want)
		}
	}
	must(t, c, proto.OpExists, servertest.Watch("/large", false))
}
