package bench

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"gamekeeper/proto"
)

// pipe is a session with many requests outstanding, without its input and output: it says which bytes
// to send and is told which bytes came. It belongs to one loop.
type pipe struct {
	server  string
	session session
	window  int // requests outstanding at most

	source   source
	listener listener // the source, when it wants to hear of replies
	expect   *expectation
	left     int  // requests that the phase has for this pipe
	paced    bool // requests are sent when they are due, not as soon as there is room
	due      dues // when paced: the requests that are due and not sent

	ring       []request // a power of two of them, at least the window
	sent, done uint64    // requests, since the session began
	xid        int32     // of the last request sent
	answered   int32     // xid of the last request answered
	zxid       proto.Zxid
	exhausted  bool // the source has no more
	lastSend   int64
	lastHeard  int64 // when something came, or the connection began
}

// request is what a reply is held against.
type request struct {
	at   int64 // from when its latency counts, on the loop's clock: when it was due, or else built
	kind Kind
}

// expectation says what replies of a phase should be.
type expectation struct {
	tolerated [kindCount]proto.Code // count as success, by kind
	sizes     sizes                 // of values that are read
}

// tolerate expects every kind of request to be answered with code at times.
func tolerate(code proto.Code) (e expectation) {
	for k := range e.tolerated {
		e.tolerated[k] = code
	}
	return e
}

func newPipe(server string, window int, s session) *pipe {
	return &pipe{
		server:  server,
		session: s,
		window:  window,
		ring:    make([]request, 1<<bits.Len(uint(window-1))),
	}
}

// begin starts a phase of so many requests at most. Nothing may be outstanding.
func (p *pipe) begin(s source, e *expectation, requests int, paced bool) {
	p.source, p.expect, p.left, p.paced, p.exhausted = s, e, requests, paced, false
	p.listener, _ = s.(listener)
	p.due.clear()
}

// outstanding returns the number of requests without a reply.
func (p *pipe) outstanding() int { return int(p.sent - p.done) }

// fill appends requests until the window is full, or the source has no more, or when paced none is due.
func (p *pipe) fill(b []byte, now int64) []byte {
	mask := uint64(len(p.ring) - 1)
	for p.outstanding() < p.window && !p.exhausted {
		if p.left == 0 {
			p.exhausted = true
			break
		}
		at := now
		if p.paced {
			if p.due.count() == 0 {
				break
			}
			at = p.due.first()
		}
		xid := nextXid(p.xid)
		frame, kind, ok := p.source.next(b, xid)
		if !ok {
			p.exhausted = p.listener == nil || !p.listener.waits()
			break
		}
		if p.paced {
			p.due.drop()
		}
		b = frame
		p.xid = xid
		p.ring[p.sent&mask] = request{at, kind}
		p.sent++
		p.left--
		p.lastSend = now
	}
	return b
}

// lose gives up what is outstanding, as the connection is lost, and calls each for every request.
func (p *pipe) lose(each func(Kind)) {
	for ; p.done < p.sent; p.done++ {
		req := p.ring[p.done&uint64(len(p.ring)-1)]
		if p.listener != nil {
			p.listener.hear(req.kind, connectionLost, proto.Decoder{})
		}
		each(req.kind)
	}
	p.answered = p.xid
}

// ping appends a heartbeat when nothing was sent for a third of the session's timeout.
func (p *pipe) ping(b []byte, now int64) []byte {
	if now-p.lastSend < int64(p.session.timeout/3) {
		return b
	}
	p.lastSend = now
	return appendPing(b)
}

func appendPing(b []byte) []byte {
	b, at := proto.BeginFrame(b)
	return proto.EndFrame(proto.AppendRequestHeader(b, proto.XidPing, proto.OpPing), at)
}

// nextXid follows x. Only xids above 0 are the client's to use.
func nextXid(x int32) int32 {
	if x == math.MaxInt32 {
		return 1
	}
	return x + 1
}

// consume takes the replies in b, which came at now, and records them; it returns how many bytes were
// whole frames. The caller holds the recorder's mutex.
func (p *pipe) consume(b []byte, now int64, r *recorder) (int, error) {
	used := 0
	var run request // replies of equal kind and age are recorded at once
	var count int64
	for len(b)-used >= 4 {
		n := int(binary.BigEndian.Uint32(b[used:]))
		if n > replyBytesMax || n < proto.ReplyHeaderBytes {
			return used, fmt.Errorf("%s: a reply of %d bytes: this is not the ZooKeeper protocol", p.server, n)
		}
		if len(b)-used-4 < n {
			break
		}
		req, ok, err := p.reply(b[used+4:used+4+n], r)
		if err != nil {
			return used, fmt.Errorf("%s: %w", p.server, err)
		}
		used += 4 + n
		if !ok {
			continue
		}
		if req != run && count > 0 {
			r.ok(run.kind, now-run.at, count)
			count = 0
		}
		run = req
		count++
	}
	if count > 0 {
		r.ok(run.kind, now-run.at, count)
	}
	return used, nil
}

// reply checks one frame and returns the request that it answers without error.
func (p *pipe) reply(frame []byte, r *recorder) (req request, ok bool, err error) {
	d := proto.NewDecoder(frame)
	h := d.ReplyHeader()
	if h.Xid == proto.XidPing || h.Xid == proto.XidNotification {
		return request{}, false, nil
	}
	want := nextXid(p.answered)
	if p.outstanding() == 0 || h.Xid != want {
		return request{}, false, fmt.Errorf("a reply with xid %d where %d was due: replies are out of order", h.Xid, want)
	}
	p.answered = want
	req = p.ring[p.done&uint64(len(p.ring)-1)]
	p.done++
	if p.listener != nil {
		p.listener.hear(req.kind, h.Err, d)
	}
	if h.Err != proto.OK && h.Err != p.expect.tolerated[req.kind] {
		r.failed(req.kind, h.Err)
		return request{}, false, nil
	}
	if h.Zxid < p.zxid {
		return request{}, false, fmt.Errorf("a reply to %v with zxid %v after %v: the session went back in time", req.kind, h.Zxid, p.zxid)
	}
	p.zxid = h.Zxid
	if low, high := req.kind.bodyBytes(&p.expect.sizes); h.Err == proto.OK && (d.Len() < low || d.Len() > high) {
		return request{}, false, fmt.Errorf("a reply to %v with a body of %d bytes, which may have %d to %d", req.kind, d.Len(), low, high)
	}
	return req, true, nil
}
