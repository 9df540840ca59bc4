package transport

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"gamekeeper/proto"
)

const (
	// readBytes is how much is read at once, and the size of a batch that holds no larger packet.
	readBytes = 64 << 10
	// batchKept is how large a batch's memory is kept for reuse.
	batchKept = 1 << 20
)

// Batch is packets that came together. They lie in the batch's memory, and are good until Release.
type Batch struct {
	Packets []proto.QuorumPacket

	link *Link
	buf  []byte
}

// Release gives the batch back to its link. It is called once, when nothing of the packets is needed any more.
func (b *Batch) Release() {
	if cap(b.buf) > batchKept {
		b.buf = nil
		clear(b.Packets)
	}
	select {
	case b.link.free <- b:
	default:
		panic("transport: a batch was released twice")
	}
}

// intake cuts what is read into packets.
type intake struct {
	limit      int  // of a packet's size
	stopAtSnap bool // a SNAP is the last packet of a batch
	carry      []byte
}

// fill reads until there is at least one packet in b. After an error there is none; packets that come before malformed
// bytes are given first.
func (in *intake) fill(b *Batch, r io.Reader) error {
	b.Packets = b.Packets[:0]
	b.buf = slices.Grow(b.buf[:0], max(readBytes, len(in.carry)))
	b.buf = append(b.buf, in.carry...)
	in.carry = in.carry[:0]
	for need := 1; ; {
		if len(b.buf) >= need {
			used, more, err := in.decode(b)
			if len(b.Packets) > 0 {
				in.carry = append(in.carry, b.buf[used:]...)
				return nil
			}
			if err != nil {
				return err
			}
			need = more
		}
		if len(b.buf) == cap(b.buf) {
			b.buf = slices.Grow(b.buf, len(b.buf)) // as much as has come, whatever was announced
		}
		n, err := r.Read(b.buf[len(b.buf):cap(b.buf)])
		b.buf = b.buf[:len(b.buf)+n]
		if n == 0 && err != nil {
			if err == io.EOF && len(b.buf) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
}

// decode appends the whole packets in b's memory to b.Packets. They take up used bytes of it; the next one begins
// behind, and needs more bytes than there are.
func (in *intake) decode(b *Batch) (used, more int, _ error) {
	for {
		d := proto.NewStreamDecoder(b.buf[used:], in.limit)
		p := d.QuorumPacket()
		if err := d.Err(); err != nil {
			if errors.Is(err, proto.ErrShort) {
				return used, used + d.Need(), nil
			}
			return used, 0, err
		}
		b.Packets = append(b.Packets, p)
		used += d.Offset()
		if in.stopAtSnap && p.Type == proto.PacketSnap {
			return used, 0, nil
		}
	}
}

// read is the reader goroutine. It returns nil when the link is closed.
func (l *Link) read() error {
	for {
		var b *Batch
		select {
		case b = <-l.free:
		case <-l.done:
			return nil
		}
		if err := l.intake.fill(b, timedReader{l}); err != nil {
			return err
		}
		if l.isClosed() {
			return nil
		}
		snap := l.intake.stopAtSnap && b.Packets[len(b.Packets)-1].Type == proto.PacketSnap
		l.opt.Received(l, b)
		if snap {
			select {
			case consume := <-l.streams:
				if err := l.intake.raw(timedReader{l}, consume); err != nil {
					return fmt.Errorf("the stream behind a SNAP packet: %w", err)
				}
			case <-l.done:
				return nil
			}
		}
	}
}

// raw has consume read what follows, and keeps what it leaves.
func (in *intake) raw(r io.Reader, consume func(io.Reader) error) error {
	carried := bytes.NewReader(in.carry)
	br := bufio.NewReaderSize(io.MultiReader(carried, r), readBytes)
	if err := consume(br); err != nil {
		return err
	}
	ahead, _ := br.Peek(br.Buffered())
	rest := in.carry[len(in.carry)-carried.Len():]
	in.carry = slices.Concat(ahead, rest)
	return nil
}

// Receive has consume read the stream that follows a SNAP packet, on the reader's goroutine, after which packets go on.
// r is a *bufio.Reader: consume may Peek and Discard there, and what it has not read when it returns is taken for
// packets. An error closes the link. Receive is called once for each SNAP packet that Received was given, by the
// goroutine that owns the link.
func (l *Link) Receive(consume func(r io.Reader) error) {
	select {
	case l.streams <- consume:
	default:
		panic("transport: a stream is received that nobody announced")
	}
}

// timedReader reads from the connection of a link within its read timeout.
type timedReader struct{ l *Link }

func (r timedReader) Read(b []byte) (int, error) {
	r.l.deadline.Lock()
	if r.l.readTimeout > 0 {
		r.l.setReadDeadline()
	}
	r.l.deadline.Unlock()
	return r.l.conn.Read(b)
}
