package server_test

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"gamekeeper/proto"
	"gamekeeper/server"
	"gamekeeper/server/servertest"
)

// FuzzFrames sends what the fuzzer makes of valid conversations to a live server, whole or in pieces, with or
// without a handshake before it. The server must go on serving others.
func FuzzFrames(f *testing.F) {
	s := startWith(f, server.Options{Loops: 2}, "extendedTypesEnabled=true", "enforceQuota=true", "preAllocSize=1024")
	other, err := servertest.Connect(s.Addr(), 40*time.Second)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { other.Close() })

	f.Add(true, uint8(0), conversation())
	f.Add(true, uint8(7), conversation())
	f.Add(false, uint8(0), append(greeting(), conversation()...))
	f.Add(false, uint8(3), greeting())
	f.Add(false, uint8(0), []byte("mntr"))
	f.Add(true, uint8(1), []byte{0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 14, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, greets bool, pieces uint8, raw []byte) {
		c, err := servertest.Dial(s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if greets {
			if _, err := c.Greet(servertest.Request(time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		send(t, c, raw, int(pieces))
		if tcp, ok := c.Conn.(interface{ CloseWrite() error }); ok {
			_ = tcp.CloseWrite()
		}
		// The server answers what it can and closes. How much that is, is not the point here.
		_ = c.SetReadDeadline(time.Now().Add(servertest.Patience))
		if _, err := io.Copy(io.Discard, c.Conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("the server keeps a connection that its client has closed")
		}
		if f, _, err := other.Call(proto.OpExists, servertest.Watch("/", false)); err != nil || f.Err != proto.OK {
			t.Fatalf("another client is not served: %v, %v", f.Err, err)
		}
		if _, _, err := other.Call(proto.OpSetData, servertest.Set("/zookeeper", nil, -1)); err != nil {
			t.Fatalf("another client's write is not served: %v", err)
		}
	})
}

// send sends raw in as many pieces and one more. The server may close the connection meanwhile.
func send(t *testing.T, c *servertest.Client, raw []byte, pieces int) {
	t.Helper()
	for ; pieces > 0 && len(raw) > 1; pieces-- {
		n := 1 + len(raw)/(pieces+1)
		c.SendRaw(raw[:n])
		raw = raw[n:]
		if c.Flush() != nil {
			return
		}
	}
	c.SendRaw(raw)
	_ = c.Flush()
}

// conversation is one request of each kind, for the fuzzer to start from.
func conversation() []byte {
	var all []byte
	xid := int32(0)
	add := func(op proto.Op, body []byte) {
		xid++
		all = append(all, frame(append(proto.AppendRequestHeader(nil, xid, op), body...))...)
	}
	empty := [][]byte{}
	for _, op := range []proto.Op{proto.OpCreate, proto.OpCreate2, proto.OpCreateCont, proto.OpCreateTTL} {
		add(op, proto.AppendCreateRequest(nil, op, &proto.CreateRequest{Path: []byte("/a"), Data: []byte("x"),
			ACL: proto.OpenACL, Mode: proto.PersistentTTL, TTL: 1000}))
	}
	add(proto.OpCreate, servertest.Create("/b", nil, proto.EphemeralSequential))
	for _, op := range []proto.Op{proto.OpExists, proto.OpGetData, proto.OpGetChildren, proto.OpGetChildren2} {
		add(op, servertest.Watch("/a", true))
	}
	for _, op := range []proto.Op{proto.OpGetACL, proto.OpSync, proto.OpGetEphemerals, proto.OpAllChildrenNum, proto.OpWhoAmI} {
		add(op, servertest.Path("/"))
	}
	add(proto.OpSetData, servertest.Set("/a", []byte("y"), 0))
	add(proto.OpSetACL, proto.AppendSetACL(nil, &proto.SetACL{Path: []byte("/a"), ACL: proto.ReadACL, Version: -1}))
	add(proto.OpMulti, servertest.Multi(
		servertest.Sub{Op: proto.OpCreate, Body: servertest.Create("/m", nil, proto.Persistent)},
		servertest.Sub{Op: proto.OpCheck, Body: servertest.Versioned("/m", 0)},
		servertest.Sub{Op: proto.OpSetData, Body: servertest.Set("/m", nil, 0)},
		servertest.Sub{Op: proto.OpDelete, Body: servertest.Versioned("/m", 1)}))
	add(proto.OpMultiRead, servertest.Multi(
		servertest.Sub{Op: proto.OpGetData, Body: servertest.Watch("/a", false)},
		servertest.Sub{Op: proto.OpGetChildren, Body: servertest.Watch("/", false)}))
	add(proto.OpAuth, servertest.Auth("digest", "user:password"))
	add(proto.OpSASL, proto.AppendBuffer(nil, []byte("token")))
	add(proto.OpAddWatch, proto.AppendAddWatch(nil, proto.AddWatch{Path: []byte("/"), Mode: proto.AddWatchPersistentRecursive}))
	for _, op := range []proto.Op{proto.OpCheckWatches, proto.OpRemoveWatches} {
		add(op, proto.AppendPathType(nil, proto.PathType{Path: []byte("/"), Type: proto.WatcherAny}))
	}
	for _, op := range []proto.Op{proto.OpSetWatches, proto.OpSetWatches2} {
		add(op, proto.AppendSetWatches(nil, op, &proto.SetWatches{Data: [][]byte{[]byte("/a")}, Exist: [][]byte{[]byte("/c")},
			Child: [][]byte{[]byte("/")}, Persistent: empty, PersistentRecursive: empty}))
	}
	add(proto.OpReconfig, proto.AppendReconfig(nil, &proto.Reconfig{NewMembers: []byte("server.1=a:1:2"), CurConfigID: -1}))
	add(proto.OpDelete, servertest.Versioned("/a", -1))
	add(proto.OpPing, nil)
	add(proto.OpCloseSession, nil)
	return all
}
