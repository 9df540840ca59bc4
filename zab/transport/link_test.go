package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gamekeeper/proto"
)

func proposal(z proto.Zxid, size int) *proto.QuorumPacket {
	return &proto.QuorumPacket{Type: proto.PacketProposal, Zxid: z, Data: bytes.Repeat([]byte{byte(z)}, size)}
}

// wantPackets receives proposals from up to to, with the data that proposal gives them, and releases the batches.
func (e *end) wantPackets(t testing.TB, from, to proto.Zxid, size func(proto.Zxid) int) {
	t.Helper()
	for z := from; z <= to; {
		b := receive(t, e.batches, "batch")
		for i := range b.Packets {
			p := &b.Packets[i]
			want := proposal(z, size(z))
			if p.Type != want.Type || p.Zxid != z || !bytes.Equal(p.Data, want.Data) || p.Auth != nil {
				t.Fatalf("packet %s %s with %d bytes, want %s with %d", p.Type, p.Zxid, len(p.Data), z, size(z))
			}
			z++
		}
		b.Release()
	}
}

func TestLinkCarriesPacketsBothWays(t *testing.T) {
	s := listenLinks(t, nil)
	leader, learner := s.connect(t, nil)
	size := func(z proto.Zxid) int {
		if z%100 == 0 {
			return int(z) * 1000 // some larger than a batch
		}
		return int(z * 7 % 300)
	}
	const n = 1000
	for _, from := range []*end{leader, learner} {
		for z := range proto.Zxid(n + 1) {
			from.Send(proposal(z, size(z)))
			if z%7 == 0 || z == n {
				from.Flush()
			}
		}
	}
	learner.wantPackets(t, 0, n, size)
	leader.wantPackets(t, 0, n, size)
	leader.wantBuffered(t, func(n int64) bool { return n == 0 })
	if got := leader.Remote().String(); got == s.Addrs()[0].String() {
		t.Errorf("remote address %s is the local one", got)
	}
}

// wantBuffered waits until ok.
func (e *end) wantBuffered(t testing.TB, ok func(n int64) bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !ok(e.Buffered()); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("%d bytes are buffered", e.Buffered())
		}
	}
}

func TestLinkSendsNothingBeforeStartAndFlush(t *testing.T) {
	s := listenLinks(t, nil)
	e, c := s.dialRaw(t)
	e.Send(proposal(1, 10))
	e.Flush()
	e.Send(proposal(2, 10))
	e.Start()
	e.Flush()
	want := proto.AppendQuorumPacket(proto.AppendQuorumPacket(nil, proposal(1, 10)), proposal(2, 10))
	if got := c.read(len(want)); !bytes.Equal(got, want) {
		t.Errorf("sent %x, want %x", got, want)
	}
	e.Flush() // of nothing
	e.Send(proposal(3, 10))
	e.Close(nil)
	if b := c.wantEnd(); len(b) > 0 {
		t.Errorf("%x was sent without Flush", b)
	}
}

// TestLinkStreams has raw streams between packets, of which the learner's side reads the snapshot's.
func TestLinkStreams(t *testing.T) {
	s := listenLinks(t, nil)
	leader, learner := s.connect(t, nil)
	snapshot := bytes.Repeat([]byte("BenWasHere"), 30_000)
	const rounds = 5
	for z := range proto.Zxid(rounds) {
		leader.Send(proposal(2*z, 100))
		leader.Send(&proto.QuorumPacket{Type: proto.PacketSnap, Zxid: z})
		leader.SendStream(func(w io.Writer) error {
			_, err := w.Write(snapshot[z:])
			return err
		})
		leader.SendStream(func(w io.Writer) error { // a part of the log
			_, err := w.Write(proto.AppendQuorumPacket(nil, proposal(2*z+1, 100)))
			return err
		})
		if z%2 == 0 {
			leader.Flush()
		}
	}
	leader.Send(&proto.QuorumPacket{Type: proto.PacketUpToDate})
	leader.Flush()

	next := proto.Zxid(0)
	for {
		b := receive(t, learner.batches, "batch")
		var last proto.PacketType
		for i := range b.Packets {
			p := &b.Packets[i]
			last = p.Type
			if p.Type != proto.PacketProposal {
				continue
			}
			if p.Zxid != next || len(p.Data) != 100 {
				t.Fatalf("proposal %s with %d bytes, want %s", p.Zxid, len(p.Data), next)
			}
			next++
		}
		zxid := b.Packets[len(b.Packets)-1].Zxid
		b.Release()
		switch last {
		case proto.PacketSnap:
			learner.Receive(func(r io.Reader) error {
				got := make([]byte, len(snapshot)-int(zxid))
				if _, err := io.ReadFull(r, got); err != nil {
					return err
				}
				if !bytes.Equal(got, snapshot[zxid:]) {
					return errors.New("it is another snapshot")
				}
				return nil
			})
		case proto.PacketUpToDate:
			if next != 2*rounds {
				t.Errorf("got %d proposals, want %d", next, 2*rounds)
			}
			return
		}
	}
}

// TestLeaderDoesNotStopAtSnap: a learner that sends what only a leader sends does not stop the leader's reader.
func TestLeaderDoesNotStopAtSnap(t *testing.T) {
	s := listenLinks(t, nil)
	leader, learner := s.connect(t, nil)
	learner.Send(&proto.QuorumPacket{Type: proto.PacketSnap})
	learner.Send(&proto.QuorumPacket{Type: proto.PacketPing})
	learner.Flush()
	for {
		b := receive(t, leader.batches, "batch")
		if b.Packets[len(b.Packets)-1].Type == proto.PacketPing {
			return
		}
		b.Release()
	}
}

func TestLinkBackPressure(t *testing.T) {
	s := listenLinks(t, func(o *LinkOptions) { o.Batches = 2 })
	leader, learner := s.connect(t, nil)
	const size, n = 100 << 10, 300 // 30 MB: more than the system's buffers take
	for z := range proto.Zxid(n) {
		learner.Send(proposal(z, size))
	}
	learner.Flush()
	held := []*Batch{receive(t, leader.batches, "batch"), receive(t, leader.batches, "batch")}
	// The reader has no batch left. What the learner has to send comes to a halt.
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for before := int64(-1); before != learner.Buffered(); <-tick.C {
		before = learner.Buffered()
	}
	if learner.Buffered() == 0 || len(leader.batches) > 0 {
		t.Fatalf("the reader went on: %d batches, %d bytes are left", len(leader.batches), learner.Buffered())
	}
	z := proto.Zxid(0)
	for _, b := range held {
		for _, p := range b.Packets {
			if p.Zxid != z {
				t.Fatalf("zxid %s, want %s", p.Zxid, z)
			}
			z++
		}
		b.Release()
	}
	leader.wantPackets(t, z, n-1, func(proto.Zxid) int { return size })
}

func TestLinkClosesWhenThePeerIsBehind(t *testing.T) {
	s := listenLinks(t, func(o *LinkOptions) { o.BufferMax = 32 << 20 })
	leader, _ := s.dialRaw(t) // the peer reads nothing
	leader.Start()
	for z := proto.Zxid(0); !leader.isClosed(); z++ {
		leader.Send(proposal(z, 1<<20))
		leader.Flush()
		if z > 1000 {
			t.Fatal("1 GB was sent to a peer that reads nothing")
		}
	}
	if err := receive(t, leader.closed, "Closed"); !errors.Is(err, ErrBehind) {
		t.Errorf("closed because of %v", err)
	}
	leader.Send(proposal(1, 1))
	leader.SendStream(func(io.Writer) error { panic("a stream of a closed link") })
	leader.Flush()
}

func TestLinkTimeouts(t *testing.T) {
	t.Run("read", func(t *testing.T) {
		s := listenLinks(t, func(o *LinkOptions) { o.ReadTimeout = time.Millisecond })
		e, c := s.dialRaw(t)
		e.Start()
		if err := receive(t, e.closed, "Closed"); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("closed because of %v", err)
		}
		c.wantEnd()
	})
	t.Run("changed", func(t *testing.T) {
		s := listenLinks(t, func(o *LinkOptions) { o.ReadTimeout = time.Hour })
		e, _ := s.dialRaw(t)
		e.Start()
		e.SetReadTimeout(0)
		e.SetReadTimeout(time.Millisecond)
		if err := receive(t, e.closed, "Closed"); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("closed because of %v", err)
		}
	})
	t.Run("write", func(t *testing.T) {
		s := listenLinks(t, func(o *LinkOptions) { o.WriteTimeout = 50 * time.Millisecond })
		e, _ := s.dialRaw(t)
		e.Start()
		e.SendStream(func(w io.Writer) error {
			for {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return err
				}
			}
		})
		e.Flush()
		if err := receive(t, e.closed, "Closed"); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("closed because of %v", err)
		}
	})
}

func TestLinkEnds(t *testing.T) {
	errMine := errors.New("mine")
	header := func(n int32) []byte {
		return proto.AppendInt32(proto.AppendInt64(proto.AppendInt32(nil, 2), 1), n)
	}
	tests := []struct {
		name string
		end  func(e *end, c *fakeConn)
		want error
	}{
		{"by its owner", func(e *end, c *fakeConn) { e.Close(errMine) }, errMine},
		{"without a reason", func(e *end, c *fakeConn) { e.Close(nil) }, ErrClosed},
		{"by the peer", func(e *end, c *fakeConn) { c.Close() }, io.EOF},
		{"within a packet", func(e *end, c *fakeConn) {
			c.write(header(10))
			c.Close()
		}, io.ErrUnexpectedEOF},
		{"stream that fails", func(e *end, c *fakeConn) {
			e.SendStream(func(io.Writer) error { return errMine })
			e.Flush()
		}, errMine},
		{"negative length", func(e *end, c *fakeConn) { c.write(header(-2)) }, proto.ErrMalformed},
		{"too large", func(e *end, c *fakeConn) { c.write(header(1000)) }, proto.ErrMalformed},
		{"too many identities", func(e *end, c *fakeConn) {
			c.write(proto.AppendInt32(header(-1), 125))
		}, proto.ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := listenLinks(t, func(o *LinkOptions) { o.PacketMax = 1000 })
			e, c := s.dialRaw(t)
			e.Start()
			tt.end(e, c)
			err := receive(t, e.closed, "Closed")
			if !errors.Is(err, tt.want) {
				t.Errorf("closed because of %v, want %v", err, tt.want)
			}
			receive(t, e.Done(), "Done")
			e.Close(errors.New("too late"))
		})
	}
}

func TestLinkDeliversWhatComesBeforeMalformedBytes(t *testing.T) {
	s := listenLinks(t, nil)
	e, c := s.dialRaw(t)
	e.Start()
	c.write(append(proto.AppendQuorumPacket(nil, proposal(1, 5)), bytes.Repeat([]byte{0xfe}, 100)...))
	e.wantPackets(t, 1, 1, func(proto.Zxid) int { return 5 })
	if err := receive(t, e.closed, "Closed"); !errors.Is(err, proto.ErrMalformed) {
		t.Errorf("closed because of %v", err)
	}
}

func TestLinkReceiveEnds(t *testing.T) {
	errMine := errors.New("mine")
	snap := func(t *testing.T) (leader, learner *end) {
		leader, learner = listenLinks(t, nil).connect(t, nil)
		leader.Send(&proto.QuorumPacket{Type: proto.PacketSnap})
		leader.Flush()
		receive(t, learner.batches, "SNAP").Release()
		return leader, learner
	}
	t.Run("with an error", func(t *testing.T) {
		_, learner := snap(t)
		learner.Receive(func(io.Reader) error { return errMine })
		if err := receive(t, learner.closed, "Closed"); !errors.Is(err, errMine) {
			t.Errorf("closed because of %v", err)
		}
	})
	t.Run("with the link", func(t *testing.T) {
		leader, learner := snap(t)
		learner.Receive(func(r io.Reader) error {
			leader.Close(nil)
			_, err := io.Copy(io.Discard, r)
			return errors.Join(err, errMine)
		})
		if err := receive(t, learner.closed, "Closed"); !errors.Is(err, errMine) {
			t.Errorf("closed because of %v", err)
		}
	})
	t.Run("never called", func(t *testing.T) {
		_, learner := snap(t)
		learner.Close(errMine)
		if err := receive(t, learner.closed, "Closed"); err != errMine {
			t.Errorf("closed because of %v", err)
		}
	})
}

// TestLinkCloseFromEverywhere closes busy links from several goroutines at once. Received after Closed panics.
func TestLinkCloseFromEverywhere(t *testing.T) {
	s := listenLinks(t, nil)
	for range 30 {
		leader, learner := s.connect(t, nil)
		var wg sync.WaitGroup
		for _, e := range []*end{leader, learner} {
			wg.Go(func() {
				for z := proto.Zxid(0); !e.isClosed(); z++ {
					e.Send(proposal(z, 1000))
					e.Flush()
				}
			})
			wg.Go(func() {
				for n := 0; ; n++ {
					select {
					case b := <-e.batches:
						b.Release()
						if n < 5 {
							continue
						}
						for range 3 {
							wg.Go(func() { e.Close(fmt.Errorf("end %d", n)) })
						}
						return
					case <-e.Done():
						return
					}
				}
			})
		}
		wg.Wait()
		receive(t, leader.closed, "Closed")
		receive(t, learner.closed, "Closed")
	}
}

func TestListenAgain(t *testing.T) {
	var ls []*Link
	port := "127.0.0.1:0"
	for range 5 {
		s := &testLinks{accepted: make(chan *Link, 1)}
		l, err := Listen([]string{port}, s.options(), func(l *Link) { s.accepted <- l })
		if err != nil {
			t.Fatal(err)
		}
		s.Listener, port = l, l.Addrs()[0].String()
		leader, learner := s.connect(t, nil)
		l.Close()
		// The links live on, and do not stand in the way of the next listener.
		learner.Send(proposal(1, 10))
		learner.Flush()
		leader.wantPackets(t, 1, 1, func(proto.Zxid) int { return 10 })
		ls = append(ls, leader.Link)
	}
	for _, l := range ls {
		if l.isClosed() {
			t.Error("a link was closed with the port")
		}
	}
}

func TestLinkNeverStarted(t *testing.T) {
	s := listenLinks(t, nil)
	e, c := s.dialRaw(t)
	e.Close(nil)
	c.wantEnd()
	e.Start() // of a link that is closed already
	if err := receive(t, e.closed, "Closed"); err != ErrClosed {
		t.Errorf("closed because of %v", err)
	}
}

func TestDialTriesAgain(t *testing.T) {
	s := listenLinks(t, nil)
	var tries atomic.Int32
	opt := s.options()
	refusing := func(after int32) Network {
		tries.Store(0)
		return Network{Dial: func(ctx context.Context, a string) (net.Conn, error) {
			if tries.Add(1) <= after {
				return nil, errors.New("refused")
			}
			return (&net.Dialer{}).DialContext(ctx, "tcp", a)
		}}
	}
	to := []string{s.Addrs()[0].String()}
	opt.Network = refusing(4)
	l, err := Dial(t.Context(), to, opt, Retry{Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	l.Close(nil)
	opt.Network = refusing(5)
	if _, err = Dial(t.Context(), to, opt, Retry{Pause: time.Millisecond}); err == nil || tries.Load() != 5 {
		t.Errorf("error %v after %d tries", err, tries.Load())
	}
	opt.Network = refusing(math.MaxInt32)
	if _, err = Dial(t.Context(), to, opt, Retry{Pause: 2 * firstPause, Tries: 2}); err == nil || tries.Load() != 3 {
		t.Errorf("error %v after %d tries, the first behind a short pause", err, tries.Load())
	}
	opt.Network = Network{Dial: func(ctx context.Context, a string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	if _, err = Dial(t.Context(), to, opt, Retry{Budget: time.Millisecond}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("beyond the budget: %v", err)
	}
	if _, err = Dial(t.Context(), to, opt, Retry{Tries: 2, Connect: time.Millisecond}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("beyond the time of a try: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = Dial(ctx, to, opt, Retry{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestBatchReleasedTwice(t *testing.T) {
	l := newLink(nil, &LinkOptions{Batches: 1}, false)
	b := <-l.free
	b.Release()
	defer func() {
		if recover() == nil {
			t.Error("nobody noticed")
		}
	}()
	b.Release()
}
