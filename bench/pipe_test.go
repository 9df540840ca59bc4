package bench

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gamekeeper/bench/target"
	"gamekeeper/proto"
)

func newTestPipe(window int, m *mix) *pipe {
	p := newPipe("test", window, session{timeout: time.Second})
	k := &keyed{
		paths: newKeyPaths("/bench/run", shapeTwoLevel, 0), keys: newUniform(10_000), mix: m,
		values: newValues(fixedSize(128), 0), batch: 2, news: newPaths{[]byte("/bench/run/new/"), 3}.of(1),
	}
	p.begin(k, &expectation{sizes: fixedSize(128)}, math.MaxInt, false)
	return p
}

// appendReply appends a good reply to a request.
func appendReply(b []byte, h proto.RequestHeader, code proto.Code) []byte {
	b, at := proto.BeginFrame(b)
	b = proto.AppendReplyHeader(b, proto.ReplyHeader{Xid: h.Xid, Zxid: proto.Zxid(h.Xid), Err: code})
	if code == proto.OK {
		switch h.Op {
		case proto.OpSetData, proto.OpExists:
			b = proto.AppendStat(b, &proto.Stat{})
		case proto.OpGetData:
			b = proto.AppendStat(proto.AppendBuffer(b, make([]byte, 128)), &proto.Stat{})
		}
	}
	return proto.EndFrame(b, at)
}

// requests reads the headers of all frames in b.
func requests(t interface{ Fatalf(string, ...any) }, b []byte) []proto.RequestHeader {
	var all []proto.RequestHeader
	for len(b) > 0 {
		n := int(binary.BigEndian.Uint32(b))
		if len(b) < 4+n {
			t.Fatalf("a frame of %d bytes in %d", n, len(b))
		}
		d := proto.NewDecoder(b[4 : 4+n])
		all = append(all, d.RequestHeader())
		b = b[4+n:]
	}
	return all
}

// Whatever pieces the replies come in, each is counted once, and the window is neither exceeded nor left
// unused.
func TestPipeKeepsItsWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		window := rapid.IntRange(1, 70).Draw(t, "window")
		p := newTestPipe(window, newMix([]Kind{KindGet, KindSet}, []float64{rapid.Float64Range(0, 1).Draw(t, "gets"), 1}))
		r := &recorder{now: newSample()}
		var due []proto.RequestHeader // requests the server has not answered
		var wire []byte               // replies on their way
		var good, bad int64
		for step := range rapid.IntRange(1, 40).Draw(t, "steps") {
			due = append(due, requests(t, p.fill(nil, int64(step)))...)
			if p.outstanding() != window {
				t.Fatalf("%d outstanding, not %d", p.outstanding(), window)
			}
			for range rapid.IntRange(0, len(due)).Draw(t, "answered") {
				code := proto.OK
				if rapid.IntRange(0, 9).Draw(t, "luck") == 0 {
					code = proto.NoNode
				}
				wire = appendReply(wire, due[0], code)
				due = due[1:]
			}
			some := rapid.IntRange(0, len(wire)).Draw(t, "bytes")
			used, err := p.consume(wire[:some], int64(step+1), r)
			if err != nil {
				t.Fatal(err)
			}
			wire = wire[used:]
			good, bad = r.now.replies, r.now.errorCount()
			if int64(p.done) != good+bad || r.now.all().TotalCount() != good {
				t.Fatalf("%d done: %d good and %d bad", p.done, good, bad)
			}
		}
		if _, err := p.consume(wire, 99, r); err != nil {
			t.Fatal(err)
		}
		if p.outstanding() != len(due) {
			t.Fatalf("%d outstanding, %d due", p.outstanding(), len(due))
		}
	})
}

func TestPipeRefusesWrongReplies(t *testing.T) {
	h := proto.RequestHeader{Xid: 1, Op: proto.OpSetData}
	long := append(appendReply(nil, h, proto.OK), 0)
	binary.BigEndian.PutUint32(long, uint32(len(long)-4))
	for _, test := range []struct {
		name  string
		reply []byte
		want  string // in the error
	}{
		{"another xid", appendReply(nil, proto.RequestHeader{Xid: 2, Op: proto.OpSetData}, proto.OK), "out of order"},
		{"twice", append(appendReply(nil, h, proto.OK), appendReply(nil, h, proto.OK)...), "out of order"},
		{"long body", long, "with a body of 69 bytes"},
		{"no header", []byte{0, 0, 0, 3, 1, 2, 3}, "not the ZooKeeper protocol"},
		{"huge", []byte{0xff, 0, 0, 0}, "not the ZooKeeper protocol"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newTestPipe(4, onlyKind(KindSet))
			p.fill(nil, 0)
			_, err := p.consume(test.reply, 1, &recorder{now: newSample()})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v", err)
			}
		})
	}
}

func TestPipeSeesZxidsGoBack(t *testing.T) {
	p := newTestPipe(2, onlyKind(KindExists))
	p.fill(nil, 0)
	b := appendReply(nil, proto.RequestHeader{Xid: 1, Op: proto.OpExists}, proto.OK)
	proto.PutReplyZxid(b, 0, 7)
	b = appendReply(b, proto.RequestHeader{Xid: 2, Op: proto.OpExists}, proto.OK)
	_, err := p.consume(b, 1, &recorder{now: newSample()})
	if err == nil || !strings.Contains(err.Error(), "back in time") {
		t.Fatalf("error %v", err)
	}
}

func TestPipeIgnoresHeartbeatsAndNotifications(t *testing.T) {
	p := newTestPipe(1, onlyKind(KindSet))
	p.fill(nil, 0)
	b := proto.AppendReply(nil, proto.ReplyHeader{Xid: proto.XidPing})
	b = proto.AppendNotification(b, 1, proto.NodeCreated, []byte("/x"))
	r := &recorder{now: newSample()}
	if used, err := p.consume(b, 1, r); err != nil || used != len(b) || r.now.replies != 0 || p.outstanding() != 1 {
		t.Fatalf("used %d of %d, error %v", used, len(b), err)
	}
}

func TestXidsStayPositive(t *testing.T) {
	if x := nextXid(math.MaxInt32); x != 1 {
		t.Fatalf("after the last xid comes %d", x)
	}
}

func TestToleratedCodeCountsAsSuccess(t *testing.T) {
	p := newTestPipe(1, onlyKind(KindSet))
	*p.expect = tolerate(proto.NoNode)
	p.fill(nil, 0)
	r := &recorder{now: newSample()}
	if _, err := p.consume(appendReply(nil, proto.RequestHeader{Xid: 1}, proto.NoNode), 1, r); err != nil {
		t.Fatal(err)
	}
	if r.now.replies != 1 || r.now.errorCount() != 0 {
		t.Fatalf("%d replies, %d errors", r.now.replies, r.now.errorCount())
	}
}

func TestPingAfterAThirdOfTheTimeout(t *testing.T) {
	p := newTestPipe(1, onlyKind(KindSet))
	p.session.timeout = 3 * time.Second
	if b := p.ping(nil, int64(time.Second)-1); len(b) != 0 {
		t.Fatal("a heartbeat too early")
	}
	if b := p.ping(nil, int64(time.Second)); len(b) != 12 {
		t.Fatalf("a heartbeat of %d bytes", len(b))
	}
	if b := p.ping(nil, int64(time.Second)+1); len(b) != 0 {
		t.Fatal("a second heartbeat at once")
	}
}

// BenchmarkPipe is what a request costs the generator besides system calls: building it, and checking
// and recording its reply, by the 64.
func BenchmarkPipe(b *testing.B) {
	for _, test := range []struct {
		name string
		mix  *mix
	}{
		{"set", onlyKind(KindSet)},
		{"get", onlyKind(KindGet)},
	} {
		b.Run(test.name, func(b *testing.B) {
			const batch = 64
			p := newTestPipe(batch, test.mix)
			r := &recorder{now: newSample()}
			out := p.fill(make([]byte, 0, 64<<10), 0)
			var replies []byte
			for _, h := range requests(b, out) {
				replies = appendReply(replies, h, proto.OK)
			}
			size := len(replies) / batch
			for i := range batch {
				proto.PutReplyZxid(replies, i*size, 1)
			}
			b.ReportAllocs()
			b.ResetTimer()
			used := target.OwnCPU()
			for i := 0; i < b.N; i += batch { // an iteration is one request
				now := int64(i) * 100
				if _, err := p.consume(replies, now, r); err != nil {
					b.Fatal(err)
				}
				for k := range batch {
					at := replies[k*size:]
					binary.BigEndian.PutUint32(at[4:], binary.BigEndian.Uint32(at[4:])+batch)
				}
				out = p.fill(out[:0], now)
			}
			// On a busy machine this says more than the time that passed.
			b.ReportMetric(float64(target.OwnCPU()-used)/float64(b.N), "cpu-ns/op")
		})
	}
}
