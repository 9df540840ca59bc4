package transport

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"gamekeeper/proto"
)

// TestIntakeTrustsNoLength: memory grows with what has come, not with what was announced.
func TestIntakeTrustsNoLength(t *testing.T) {
	head := proto.AppendInt32(proto.AppendInt64(proto.AppendInt32(nil, 2), 1), 60<<20)
	for _, come := range []int{0, 1 << 10, 100 << 10, 1 << 20} {
		in := intake{limit: 64 << 20}
		var b Batch
		err := in.fill(&b, bytes.NewReader(append(head, make([]byte, come)...)))
		if err != io.ErrUnexpectedEOF {
			t.Errorf("%v", err)
		}
		if most := 2 * (come + readBytes) * 5 / 4; cap(b.buf) > most {
			t.Errorf("%d bytes have come, and %d are allocated", come, cap(b.buf))
		}
	}
}

func TestFrameReaderTrustsNoLength(t *testing.T) {
	f := frameReader{r: bufio.NewReader(bytes.NewReader(append(proto.AppendInt32(nil, proto.VoteMaxBytes), make([]byte, 5000)...)))}
	if _, err := f.next(); err != io.ErrUnexpectedEOF {
		t.Errorf("%v", err)
	}
	if cap(f.buf) > 20_000 {
		t.Errorf("5000 bytes have come, and %d are allocated", cap(f.buf))
	}
}

func TestLinkForgetsLargeMemory(t *testing.T) {
	s := listenLinks(t, nil)
	leader, learner := s.connect(t, nil)
	learner.Send(proposal(1, 3<<20))
	learner.Flush()
	b := receive(t, leader.batches, "batch")
	b.Release()
	if cap(b.buf) > batchKept {
		t.Errorf("%d bytes are kept", cap(b.buf))
	}
}

// FuzzIntake cuts streams of any bytes, which come in any pieces, as the decoder cuts them when they come at once.
func FuzzIntake(f *testing.F) {
	two := proto.AppendQuorumPacket(proto.AppendQuorumPacket(nil, proposal(1, 10)), &proto.QuorumPacket{
		Type: proto.PacketRequest, Zxid: -1, Data: []byte{}, Auth: proto.NewIdentities(proto.Identity{Scheme: []byte("ip"), ID: []byte("::1")}),
	})
	f.Add(two, uint8(1), false)
	f.Add(append(two, 0xff), uint8(17), false)
	snap := proto.AppendQuorumPacket(nil, &proto.QuorumPacket{Type: proto.PacketSnap})
	f.Add(append(append(two, snap...), two...), uint8(30), true)
	f.Add(proto.AppendInt32(proto.AppendInt64(proto.AppendInt32(nil, 2), 1), -3), uint8(5), true)
	f.Fuzz(func(t *testing.T, stream []byte, piece uint8, stopAtSnap bool) {
		const limit = 1000
		in := intake{limit: limit, stopAtSnap: stopAtSnap}
		r := &pieces{r: bytes.NewReader(stream), size: 1 + int(piece)}
		var b Batch
		at := 0
		for {
			err := in.fill(&b, r)
			for i := range b.Packets {
				d := proto.NewStreamDecoder(stream[at:], limit)
				want := d.QuorumPacket()
				if d.Err() != nil {
					t.Fatalf("a packet at %d, where the decoder has %v", at, d.Err())
				}
				if got, want := proto.AppendQuorumPacket(nil, &b.Packets[i]), proto.AppendQuorumPacket(nil, &want); !bytes.Equal(got, want) {
					t.Fatalf("packet %x, the decoder has %x", got, want)
				}
				at += d.Offset()
			}
			if err == nil {
				if len(b.Packets) == 0 {
					t.Fatal("neither packets nor an error")
				}
				if stopAtSnap && b.Packets[len(b.Packets)-1].Type == proto.PacketSnap {
					at = checkRaw(t, &in, r, stream, at, int(piece))
				}
				continue
			}
			d := proto.NewStreamDecoder(stream[at:], limit)
			d.QuorumPacket()
			short := errors.Is(d.Err(), proto.ErrShort)
			switch {
			case short != (err == io.EOF || err == io.ErrUnexpectedEOF), d.Err() == nil,
				(err == io.EOF) != (at == len(stream)):
				t.Fatalf("ends with %v at %d of %d, the decoder with %v", err, at, len(stream), d.Err())
			}
			return
		}
	})
}

// checkRaw takes a few bytes from the stream, and returns the position after them.
func checkRaw(t *testing.T, in *intake, r io.Reader, stream []byte, at, n int) int {
	n = min(n, len(stream)-at)
	err := in.raw(r, func(r io.Reader) error {
		got := make([]byte, n)
		if _, err := io.ReadFull(r, got); err != nil {
			return err
		}
		if want := stream[at : at+n]; !bytes.Equal(got, want) {
			t.Fatalf("raw stream %x, want %x", got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return at + n
}

// pieces reads size bytes at a time.
type pieces struct {
	r    io.Reader
	size int
}

func (p *pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), p.size)]) }

// FuzzInitialMessage reads one initial message of a stream, and no byte more than it has.
func FuzzInitialMessage(f *testing.F) {
	f.Add(introduction(3))
	f.Add(append(introduction(3), framed(vote(1))...))
	f.Add(proto.AppendInt64(nil, 3))
	f.Add(introduction(3)[:25])
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		m, err := readInitialMessage(iotest.OneByteReader(r))
		d := proto.NewDecoder(b)
		want := d.InitialMessage()
		if (err == nil) != (d.Err() == nil) {
			t.Fatalf("%v, the decoder has %v", err, d.Err())
		}
		if err != nil {
			return
		}
		if used := len(b) - r.Len(); used != d.Offset() || m.Server != want.Server {
			t.Fatalf("%d bytes of server %d, want %d of %d", used, m.Server, d.Offset(), want.Server)
		}
		for _, a := range usableAddresses(m.Addresses) {
			if a == "" {
				t.Error("an empty address is usable")
			}
		}
	})
}

// FuzzFrames reads frames of any stream.
func FuzzFrames(f *testing.F) {
	f.Add(append(framed(vote(1)), framed(vote(2))...))
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		fr := frameReader{r: bufio.NewReader(bytes.NewReader(b))}
		rest := b
		for {
			got, err := fr.next()
			if err != nil {
				return
			}
			if want := rest[4 : 4+len(got)]; !bytes.Equal(got, want) {
				t.Fatalf("frame %x, want %x", got, want)
			}
			rest = rest[4+len(got):]
			d := proto.NewDecoder(got)
			d.Vote()
		}
	})
}
