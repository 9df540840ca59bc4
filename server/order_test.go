package server_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"

	"gamekeeper/proto"
	"gamekeeper/server"
	"gamekeeper/server/servertest"
)

// TestPipelines has several connections keep many requests of all kinds outstanding. Replies come in the order
// of requests, zxids do not go back, and each read sees the writes before it.
func TestPipelines(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string][]string{
		"default":      nil,
		"tight limits": {"globalOutstandingLimit=3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startWith(t, server.Options{Loops: 2}, keys...)
			var all sync.WaitGroup
			for i := range 4 {
				c := connect(t, s)
				path := fmt.Sprintf("/p%d", i)
				create(t, c, path, "0", proto.Persistent)
				all.Go(func() { pipeline(t, c, path, rand.New(rand.NewPCG(uint64(i), 1))) })
			}
			all.Wait()
		})
	}
}

// expected is a reply that is still to come.
type expected struct {
	xid  int32
	op   proto.Op
	code proto.Code
	data string
}

// pipeline runs one connection. It reports with Error: it is not the test's goroutine.
func pipeline(t *testing.T, c *servertest.Client, path string, rng *rand.Rand) {
	var queue []expected
	value, zxid, digests := 0, proto.Zxid(0), 0
	send := func(op proto.Op, body []byte, code proto.Code, data string) {
		queue = append(queue, expected{c.Send(op, body), op, code, data})
	}
	for sent := 0; sent < 1000; {
		for len(queue) < 1+rng.IntN(200) {
			sent++
			switch rng.IntN(9) {
			case 0, 1:
				value++
				send(proto.OpSetData, servertest.Set(path, []byte(strconv.Itoa(value)), -1), proto.OK, "")
			case 2, 3, 4:
				send(proto.OpGetData, servertest.Watch(path, rng.IntN(10) == 0), proto.OK, strconv.Itoa(value))
			case 5:
				send(proto.OpSetData, servertest.Set(path, nil, 1<<30), proto.BadVersion, "")
			case 6:
				c.SendXid(proto.XidPing, proto.OpPing, nil)
				queue = append(queue, expected{proto.XidPing, proto.OpPing, proto.OK, ""})
			case 7:
				send(proto.OpSync, servertest.Path(path), proto.OK, path)
			case 8:
				if digests++; digests < 20 { // identities stay with the connection
					c.SendXid(proto.XidAuth, proto.OpAuth, servertest.Auth("digest", fmt.Sprint("user:", digests)))
					queue = append(queue, expected{proto.XidAuth, proto.OpAuth, proto.OK, ""})
				}
			}
		}
		if err := c.Flush(); err != nil {
			t.Error(err)
			return
		}
		for keep := rng.IntN(len(queue)); len(queue) > keep; {
			f, err := c.Read()
			switch want := queue[0]; {
			case err != nil:
				t.Error(err)
				return
			case f.IsEvent():
				continue
			case f.Xid != want.xid || f.Err != want.code:
				t.Errorf("reply %+v, want %+v", f.ReplyHeader, want)
				return
			case want.op != proto.OpAuth && f.Zxid < zxid:
				t.Errorf("zxid %s after %s", f.Zxid, zxid)
				return
			case want.data != "" && string(f.Decoder().Buffer()) != want.data:
				t.Errorf("read %q, want %q", f.Body, want.data)
				return
			}
			zxid = max(zxid, f.Zxid)
			queue = queue[1:]
		}
	}
}

// TestEventBeforeNewState has connections read what another writes. One that has a watch gets the event before
// any reply that shows the change: whether its reads are answered by its loop or, behind a write of its own, by
// the core.
func TestEventBeforeNewState(t *testing.T) {
	t.Parallel()
	s := startWith(t, server.Options{Loops: 2})
	writer := connect(t, s)
	create(t, writer, "/n", "0", proto.Persistent)
	done := make(chan struct{})
	var all sync.WaitGroup
	for i := range 4 {
		c := connect(t, s)
		own := fmt.Sprintf("/own%d", i)
		create(t, c, own, "", proto.Persistent)
		all.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if !watchOnce(t, c, own, i%2 == 0) {
					return
				}
			}
		})
	}
	for i := 1; i <= 60; i++ {
		must(t, writer, proto.OpSetData, servertest.Set("/n", []byte(strconv.Itoa(i)), -1))
	}
	close(done)
	finished := make(chan struct{})
	go func() { all.Wait(); close(finished) }()
	for {
		select {
		case <-finished:
			return
		default: // somebody may still wait for an event
			must(t, writer, proto.OpSetData, servertest.Set("/n", []byte("last"), -1))
		}
	}
}

// watchOnce leaves a watch and reads until the event has come.
func watchOnce(t *testing.T, c *servertest.Client, own string, throughCore bool) bool {
	request := func(watch bool) int32 { return c.Send(proto.OpGetData, servertest.Watch("/n", watch)) }
	first := request(true)
	reads := map[int32]bool{first: true}
	old, seen := "", false
	for pending := 1; ; {
		for ; pending < 8 && !seen; pending += 2 {
			if throughCore {
				c.Send(proto.OpSetData, servertest.Set(own, nil, -1))
			} else {
				reads[request(false)] = true
			}
			reads[request(false)] = true
		}
		if err := c.Flush(); err != nil {
			t.Error(err)
			return false
		}
		f, err := c.Read()
		if err != nil {
			t.Error(err)
			return false
		}
		if f.IsEvent() {
			if seen || old == "" {
				t.Errorf("an event of a watch that is used up (%v) or whose read was not answered (%v)", seen, old == "")
				return false
			}
			seen = true
			continue
		}
		pending--
		if reads[f.Xid] {
			value := string(f.Decoder().Buffer())
			switch {
			case f.Xid == first:
				old = value
			case !seen && value != old:
				t.Errorf("read %q without the event of a change from %q", value, old)
				return false
			}
		}
		if seen && pending == 0 {
			return true
		}
	}
}

// TestFailedAuthEndsPipeline: what stands behind an auth that fails is not executed, wherever it is.
func TestFailedAuthEndsPipeline(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	observer := connect(t, s)
	create(t, observer, "/a", "", proto.Persistent)
	for _, front := range []bool{false, true} {
		c := connect(t, s)
		if front { // a write in front of it brings the auth to the core
			c.Send(proto.OpSetData, servertest.Set("/a", []byte("front"), -1))
		}
		c.SendXid(proto.XidAuth, proto.OpAuth, servertest.Auth("nonsense", "x"))
		c.Send(proto.OpCreate, servertest.Create("/behind", nil, proto.Persistent))
		c.Send(proto.OpGetData, servertest.Watch("/a", false))
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
		frames := wantClosed(t, c)
		if n := len(frames); n == 0 || frames[n-1].Xid != proto.XidAuth || frames[n-1].Err != proto.AuthFailed {
			t.Errorf("front %v: replies %+v, the last must be that of the auth", front, frames)
		}
		must(t, observer, proto.OpSync, servertest.Path("/"))
		if exists(t, observer, "/behind") {
			t.Errorf("front %v: a create behind a failed auth was executed", front)
		}
	}
	if data, _ := get(t, observer, "/a"); !strings.HasPrefix(data, "front") {
		t.Errorf("the write in front was not executed: %q", data)
	}
}
