package transport

import (
	"net"
	"testing"

	"gamekeeper/proto"
)

// BenchmarkLink sends proposals of 128 bytes through a link over loopback. One operation is one packet; they are
// flushed in groups, as they come from a leader's core.
func BenchmarkLink(b *testing.B) {
	for _, bench := range []struct {
		name  string
		group int
	}{{"group=1", 1}, {"group=16", 16}, {"group=256", 256}} {
		b.Run(bench.name, func(b *testing.B) {
			p := proposal(1, 128)
			window := make(chan struct{}, 1)
			received, total := 0, b.N
			all := make(chan struct{})
			opt := LinkOptions{
				Received: func(_ *Link, batch *Batch) {
					received += len(batch.Packets)
					batch.Release()
					signal(window)
					if received == total {
						close(all)
					}
				},
				Closed: func(*Link, error) {},
			}
			accepted := make(chan *Link, 1)
			s, err := Listen([]string{"127.0.0.1:0"}, opt, func(l *Link) { accepted <- l })
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			to, err := Dial(b.Context(), []string{s.Addrs()[0].String()}, opt, Retry{})
			if err != nil {
				b.Fatal(err)
			}
			from := <-accepted
			to.Start()
			from.Start()
			defer from.Close(nil)
			b.SetBytes(int64(len(proto.AppendQuorumPacket(nil, p))))
			b.ReportAllocs()
			b.ResetTimer()
			for i := 1; i <= b.N; i++ {
				from.Send(p)
				if i%bench.group == 0 || i == b.N {
					from.Flush()
					for from.Buffered() > 1<<20 {
						<-window
					}
				}
			}
			<-all
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "packets/s")
		})
	}
}

// BenchmarkIntake is the reader's part without the system.
func BenchmarkIntake(b *testing.B) {
	var stream []byte
	for len(stream) < 64<<10 {
		stream = proto.AppendQuorumPacket(stream, proposal(1, 128))
	}
	r := &endless{b: stream}
	in := intake{limit: defaultPacketMax}
	var batch Batch
	b.ReportAllocs()
	for n := 0; n < b.N; n += len(batch.Packets) {
		if err := in.fill(&batch, r); err != nil {
			b.Fatal(err)
		}
	}
}

// endless reads b again and again.
type endless struct {
	b  []byte
	at int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.b[e.at:])
	e.at = (e.at + n) % len(e.b)
	return n, nil
}

// TestSteadyStateAllocatesNothing sends and receives without garbage.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	mine, other := net.Pipe()
	defer other.Close()
	go func() {
		b := make([]byte, 64<<10)
		for {
			if _, err := other.Read(b); err != nil {
				return
			}
		}
	}()
	l := newLink(mine, &LinkOptions{Batches: 1, BufferMax: 1 << 20}, false)
	defer l.Close(nil)
	p := proposal(1, 128)
	var out output
	w := outputWriter{link: l}
	if n := testing.AllocsPerRun(100, func() {
		for range 100 {
			l.Send(p)
		}
		l.Flush()
		if !l.take(&out) {
			t.Fatal("nothing to write")
		}
		if err := w.write(&out); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations for 100 packets sent", n)
	}

	r := &endless{b: proto.AppendQuorumPacket(nil, p)}
	in := intake{limit: defaultPacketMax}
	var b Batch
	if n := testing.AllocsPerRun(100, func() {
		if err := in.fill(&b, r); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations for a batch received", n)
	}

	m := &Mesh{peers: map[proto.ServerID]*peer{}}
	pr := newPeer(m, 2, []string{"x"})
	m.peers[2] = pr
	v := vote(1)
	if n := testing.AllocsPerRun(100, func() { m.Send(2, v) }); n > 0 {
		t.Errorf("%v allocations for a vote", n)
	}
}
