package bench

import (
	"bufio"
	"context"
	"encoding/binary"
	"net"
	"sync"
	"testing"
	"time"

	"gamekeeper/proto"
)

// startAnswerer answers every request of as many connections as come with a Stat, as fast as it can and without
// allocating anything: what is measured against it is the generator.
func startAnswerer(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				answer(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

func answer(c net.Conn) {
	in, out := bufio.NewReaderSize(c, 64<<10), bufio.NewWriterSize(c, 64<<10)
	frame, err := readFrame(in, nil)
	if err != nil {
		return
	}
	b, at := proto.BeginFrame(nil)
	b = proto.AppendConnectResponse(b, &proto.ConnectResponse{Timeout: 60_000, Session: 1, Password: make([]byte, proto.PasswordBytes), HasReadOnly: true})
	out.Write(proto.EndFrame(b, at))
	reply := appendReply(nil, proto.RequestHeader{Op: proto.OpSetData}, proto.OK)
	for {
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
		if frame, err = readFrame(in, frame); err != nil {
			return
		}
		copy(reply[4:], frame[:4]) // the xid
		out.Write(reply)
	}
}

// BenchmarkLoop is what a request costs the generator and an idle server together, on one connection and on many, in a
// closed loop and at a rate. An iteration is one request.
func BenchmarkLoop(b *testing.B) {
	for _, test := range []struct {
		name                     string
		connections, outstanding int
		rate                     float64
	}{
		{"1 connection", 1, 64, 0},
		{"64 connections", 64, 64, 0},
		{"1000 connections", 1000, 4, 0},
		{"at a rate", 64, 64, 100_000},
	} {
		b.Run(test.name, func(b *testing.B) {
			o := DefaultOptions()
			o.Servers, o.Connections, o.Outstanding, o.Threads = []string{startAnswerer(b)}, test.connections, test.outstanding, 1
			f, err := openFleet(context.Background(), o.dialer(), &o)
			if err != nil {
				b.Fatal(err)
			}
			defer f.close()
			v := newValues(fixedSize(128), 0)
			load := phase{requests: b.N, pace: pace{rate: test.rate}, sources: func(conn int) source {
				return &keyed{paths: newKeyPaths("/bench", shapeTwoLevel, 0), keys: newUniform(10_000), mix: onlyKind(KindSet), values: v.another()}
			}}
			b.ReportAllocs()
			b.ResetTimer()
			if _, err := f.run(context.Background(), load); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// Once under way, making requests and taking replies allocates nothing, whatever is asked for.
func TestSteadyStateDoesNotAllocate(t *testing.T) {
	m, err := parseMix("get=1,set=1,create=1,delete=1,exists=1,children=1,multi=1,sync=1,acl=1,multiread=1")
	if err != nil {
		t.Fatal(err)
	}
	sizes, err := parseSizes("50:10,50:100")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]chooser{"uniform": newUniform(999), "hot": newHot(999, 0.9, 0.1), "zipf": newZipf(999, 0.99)} {
		p := newTestPipe(16, m)
		k := p.source.(*keyed)
		k.keys, k.values = c, newValues(sizes, 0.5)
		p.paced = true
		*p.expect = tolerate(proto.NoNode)
		r := &recorder{now: newSample()}
		for kind := range kindCount {
			r.ok(kind, 1, 1)
		}
		out, replies := make([]byte, 0, 1<<20), make([]byte, 0, 1<<20)
		now := int64(0)
		turn := func() {
			for range 16 {
				p.due.add(now)
			}
			now += int64(time.Millisecond)
			out, replies = p.fill(out[:0], now), replies[:0]
			for b := out; len(b) > 0; b = b[4+binary.BigEndian.Uint32(b):] {
				d := proto.NewDecoder(b[4:])
				h := d.RequestHeader()
				replies = appendReply(replies, h, proto.NoNode)
			}
			if _, err := p.consume(replies, now, r); err != nil {
				t.Fatal(err)
			}
		}
		turn()
		if n := testing.AllocsPerRun(200, turn); n > 0 {
			t.Errorf("%s: %v allocations in a turn", name, n)
		}
	}
}
