package server_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"

	"gamekeeper/proto"
	"gamekeeper/server"
)

// These benchmarks drive a whole server over loopback, with a client that does not allocate, so that
// allocs/op are the server's: they must round to 0.

const (
	benchOutstanding = 256
	benchValueBytes  = 128
)

// pipe is a client connection that keeps requests outstanding.
type pipe struct {
	c    net.Conn
	out  []byte
	in   []byte
	have int
}

func dial(tb testing.TB, s *server.Server) *pipe {
	tb.Helper()
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	p := &pipe{c: c, in: make([]byte, 1<<20)}
	b, at := proto.BeginFrame(nil)
	b = proto.AppendConnectRequest(b, &proto.ConnectRequest{Timeout: 30000, Password: make([]byte, 16), HasReadOnly: true})
	p.out = proto.EndFrame(b, at)
	p.flush(tb)
	p.await(tb, 1)
	return p
}

func (p *pipe) flush(tb testing.TB) {
	if _, err := p.c.Write(p.out); err != nil {
		tb.Fatal(err)
	}
	p.out = p.out[:0]
}

// await reads n frames and returns the code of the last reply.
func (p *pipe) await(tb testing.TB, n int) (code proto.Code) {
	for at := 0; n > 0; {
		for n > 0 && p.have-at >= 4 {
			size := int(binary.BigEndian.Uint32(p.in[at:]))
			if p.have-at < 4+size {
				break
			}
			code = proto.Code(binary.BigEndian.Uint32(p.in[at+16:]))
			at += 4 + size
			n--
		}
		p.have = copy(p.in, p.in[at:p.have])
		at = 0
		if n == 0 {
			return code
		}
		m, err := p.c.Read(p.in[p.have:])
		if err != nil && err != io.EOF || m == 0 {
			tb.Fatal("connection ended: ", err)
		}
		p.have += m
	}
	return code
}

func (p *pipe) create(tb testing.TB, path string, value []byte) {
	b, at := proto.BeginFrame(p.out)
	b = proto.AppendRequestHeader(b, 1, proto.OpCreate)
	b = proto.AppendCreateRequest(b, proto.OpCreate, &proto.CreateRequest{Path: []byte(path), Data: value, ACL: proto.OpenACL})
	p.out = proto.EndFrame(b, at)
	p.flush(tb)
	if code := p.await(tb, 1); code != proto.OK {
		tb.Fatalf("create %s: %s", path, code)
	}
}

func benchmarkRequests(b *testing.B, request func(b []byte, path, value []byte) []byte) {
	benchmarkOn(b, startServer(b), request)
}

func benchmarkOn(b *testing.B, s *server.Server, request func(b []byte, path, value []byte) []byte) {
	benchmarkAt(b, s, benchOutstanding, request)
}

// benchmarkAt keeps so many requests outstanding.
func benchmarkAt(b *testing.B, s *server.Server, outstanding int, request func(b []byte, path, value []byte) []byte) {
	p := dial(b, s)
	value := make([]byte, benchValueBytes)
	var paths [][]byte
	for i := range benchOutstanding {
		paths = append(paths, fmt.Appendf(nil, "/key-%04d", i))
		p.create(b, string(paths[i]), value)
	}
	turn := func(n int) {
		for i := range n {
			frame, at := proto.BeginFrame(p.out)
			p.out = proto.EndFrame(request(frame, paths[i], value), at)
		}
		p.flush(b)
		if code := p.await(b, n); code != proto.OK {
			b.Fatal(code)
		}
	}
	for range 64 { // pools grow to what is in flight
		turn(outstanding)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for n := b.N; n > 0; n -= outstanding {
		turn(min(n, outstanding))
	}
}

func appendSet(b, path, value []byte) []byte {
	b = proto.AppendRequestHeader(b, 1, proto.OpSetData)
	return proto.AppendSetData(b, &proto.SetData{Path: path, Data: value, Version: -1})
}

func BenchmarkSet(b *testing.B) { benchmarkRequests(b, appendSet) }

// BenchmarkOneSet has one request outstanding, so that everything is paid for each.
func BenchmarkOneSet(b *testing.B) { benchmarkAt(b, startServer(b), 1, appendSet) }

// BenchmarkEnsembleSet writes to three servers in this process, through the leader or a follower.
func BenchmarkEnsembleSet(b *testing.B) {
	for _, through := range []string{"leader", "follower"} {
		b.Run(through, func(b *testing.B) {
			e := startEnsemble(b, 3, 0, "preAllocSize=65536")
			at := e.await()
			if through == "follower" {
				at = e.others(at)[0]
			}
			benchmarkOn(b, e.servers[at], appendSet)
		})
	}
}

func BenchmarkGet(b *testing.B) {
	benchmarkRequests(b, func(b, path, _ []byte) []byte {
		b = proto.AppendRequestHeader(b, 1, proto.OpGetData)
		return proto.AppendPathWatch(b, proto.PathWatch{Path: path})
	})
}
