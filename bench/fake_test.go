package bench

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"gamekeeper/proto"
)

// fakeServer answers the requests that the generator makes, from a map. It is no model of ZooKeeper: a
// session ends when its connection does.
type fakeServer struct {
	addr    string
	refuse  func(h proto.RequestHeader) proto.Code // an answer of the test's own, when it is not OK
	timeout int32                                  // of sessions, milliseconds
	gone    atomic.Bool                            // connections are closed at once
	expire  func() bool                            // says that a session which comes back has expired; nil never does
	mangle  func(reply []byte) []byte              // changes replies on their way; nil returned closes

	mu       sync.Mutex
	nodes    map[string]*fakeNode
	zxid     proto.Zxid
	sessions int // open
	opened   int // ever
	counts   map[proto.Op]int
	conns    map[net.Conn]bool
	back     int // sessions that came back
}

type fakeNode struct {
	data     []byte
	children map[string]bool
	owner    int
	version  int32
	made     int // children ever
}

// startFake serves until the test ends. configure may be nil.
func startFake(t testing.TB, configure func(*fakeServer)) *fakeServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeServer{
		addr:    l.Addr().String(),
		timeout: 3000,
		nodes:   map[string]*fakeNode{"/": {children: map[string]bool{}}},
		counts:  map[proto.Op]int{},
	}
	if configure != nil {
		configure(f)
	}
	var wg sync.WaitGroup
	f.conns = map[net.Conn]bool{}
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns[c] = true
			f.mu.Unlock()
			wg.Go(func() {
				f.serve(c)
				f.mu.Lock()
				delete(f.conns, c)
				f.mu.Unlock()
				c.Close()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		f.cut()
		wg.Wait()
	})
	return f
}

// cut closes all connections.
func (f *fakeServer) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		c.Close()
	}
}

// admit opens the session that the frame asks for, or goes on with it; 0 is an expired one.
func (f *fakeServer) admit(frame []byte) int {
	d := proto.NewDecoder(frame)
	r := d.ConnectRequest()
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Session != 0 {
		if f.expire != nil && f.expire() {
			return 0
		}
		f.back++
		f.sessions++
		return int(r.Session)
	}
	f.opened++
	f.sessions++
	return f.opened
}

func (f *fakeServer) serve(c net.Conn) {
	if f.gone.Load() {
		return
	}
	in := bufio.NewReader(c)
	if word, err := in.Peek(4); err != nil || string(word) == "srvr" {
		fmt.Fprint(c, "Zookeeper version: fake-1.0, built never\nMode: standalone\n")
		return
	}
	connect, err := readFrame(in, nil)
	if err != nil {
		return
	}
	session, timeout := f.admit(connect), f.timeout
	if session == 0 {
		timeout = 0
	} else {
		defer f.end(session)
	}
	b, at := proto.BeginFrame(nil)
	b = proto.AppendConnectResponse(b, &proto.ConnectResponse{
		Timeout: timeout, Session: proto.SessionID(session), Password: make([]byte, proto.PasswordBytes), HasReadOnly: true,
	})
	out := bufio.NewWriter(c)
	out.Write(proto.EndFrame(b, at))
	for {
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
		frame, err := readFrame(in, nil)
		if err != nil {
			return
		}
		reply, last := f.answer(frame, session)
		if f.mangle != nil {
			if reply = f.mangle(reply); reply == nil {
				return
			}
		}
		out.Write(reply)
		if last {
			out.Flush()
			return
		}
	}
}

// end removes what a session leaves.
func (f *fakeServer) end(session int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sessions--
	for path, n := range f.nodes {
		if n.owner == session {
			f.remove(path)
		}
	}
}

func (f *fakeServer) answer(frame []byte, session int) (reply []byte, last bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := proto.NewDecoder(frame)
	h := d.RequestHeader()
	f.counts[h.Op]++
	b, at := proto.BeginFrame(nil)
	b = proto.AppendReplyHeader(b, proto.ReplyHeader{})
	var code proto.Code
	if f.refuse != nil {
		code = f.refuse(h)
	}
	if code == proto.OK {
		b, code = f.apply(b, h.Op, &d, session)
	}
	if d.Err() != nil {
		code = proto.MarshallingError
	}
	if code != proto.OK {
		b = b[:4+proto.ReplyHeaderBytes]
	}
	f.zxid++
	proto.AppendReplyHeader(b[:4], proto.ReplyHeader{Xid: h.Xid, Zxid: f.zxid, Err: code})
	return proto.EndFrame(b, at), h.Op == proto.OpCloseSession
}

func (f *fakeServer) apply(b []byte, op proto.Op, d *proto.Decoder, session int) ([]byte, proto.Code) {
	switch op {
	case proto.OpPing, proto.OpCloseSession:
		return b, proto.OK
	case proto.OpCreate:
		r := d.CreateRequest(op)
		if !r.Mode.IsEphemeral() {
			session = 0
		}
		parent, _ := splitPath(string(r.Path))
		if p := f.nodes[parent]; p != nil && r.Mode.IsSequential() {
			r.Path = fmt.Appendf(slices.Clone(r.Path), "%010d", p.made)
		}
		return proto.AppendBuffer(b, r.Path), f.create(string(r.Path), r.Data, session)
	case proto.OpDelete:
		r := d.PathVersion()
		n := f.nodes[string(r.Path)]
		if n == nil {
			return b, proto.NoNode
		}
		if len(n.children) > 0 {
			return b, proto.NotEmpty
		}
		f.remove(string(r.Path))
		return b, proto.OK
	case proto.OpSetData:
		r := d.SetData()
		n := f.nodes[string(r.Path)]
		if n == nil {
			return b, proto.NoNode
		}
		if r.Version >= 0 && r.Version != n.version {
			return b, proto.BadVersion
		}
		n.version++
		n.data = append(n.data[:0], r.Data...)
		return proto.AppendStat(b, n.stat()), proto.OK
	case proto.OpMulti, proto.OpMultiRead:
		return f.multi(b, d, session)
	case proto.OpCheck:
		r := d.PathVersion()
		n := f.nodes[string(r.Path)]
		if n == nil {
			return b, proto.NoNode
		}
		if r.Version >= 0 && r.Version != n.version {
			return b, proto.BadVersion
		}
		return b, proto.OK
	case proto.OpSync:
		return proto.AppendBuffer(b, d.Buffer()), proto.OK
	case proto.OpGetACL:
		n := f.nodes[string(d.Buffer())]
		if n == nil {
			return b, proto.NoNode
		}
		return proto.AppendStat(proto.AppendACLs(b, proto.OpenACL), n.stat()), proto.OK
	}
	r := d.PathWatch()
	n := f.nodes[string(r.Path)]
	if n == nil {
		return b, proto.NoNode
	}
	switch op {
	case proto.OpGetData:
		b = proto.AppendBuffer(b, append([]byte{}, n.data...))
	case proto.OpGetChildren, proto.OpGetChildren2:
		names := [][]byte{}
		for name := range n.children {
			names = append(names, []byte(name))
		}
		b = proto.AppendStrings(b, names)
	}
	if op != proto.OpGetChildren {
		b = proto.AppendStat(b, n.stat())
	}
	return b, proto.OK
}

// multi does not undo what came before an error.
func (f *fakeServer) multi(b []byte, d *proto.Decoder, session int) ([]byte, proto.Code) {
	for {
		h := d.MultiHeader()
		if d.Err() != nil {
			return b, proto.MarshallingError
		}
		b = proto.AppendMultiHeader(b, h)
		if h.Done {
			return b, proto.OK
		}
		var code proto.Code
		if b, code = f.apply(b, h.Op, d, session); code != proto.OK {
			return b, code
		}
	}
}

func (n *fakeNode) stat() *proto.Stat {
	return &proto.Stat{Version: n.version, DataLength: int32(len(n.data)), NumChildren: int32(len(n.children))}
}

func (f *fakeServer) create(path string, data []byte, owner int) proto.Code {
	parent, name := splitPath(path)
	p := f.nodes[parent]
	switch {
	case !proto.ValidatePath([]byte(path)):
		return proto.BadArguments
	case f.nodes[path] != nil:
		return proto.NodeExists
	case p == nil:
		return proto.NoNode
	}
	p.children[name] = true
	p.made++
	f.nodes[path] = &fakeNode{data: append([]byte{}, data...), children: map[string]bool{}, owner: owner}
	return proto.OK
}

func (f *fakeServer) remove(path string) {
	parent, name := splitPath(path)
	delete(f.nodes[parent].children, name)
	delete(f.nodes, path)
}

func splitPath(path string) (parent, name string) {
	p, n := proto.SplitPath([]byte(path))
	return string(p), string(n)
}

// paths returns the znodes below prefix.
func (f *fakeServer) paths(prefix string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []string
	for p := range f.nodes {
		if strings.HasPrefix(p, prefix) {
			found = append(found, p)
		}
	}
	return found
}

// count returns how many requests with op came.
func (f *fakeServer) count(op proto.Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[op]
}
