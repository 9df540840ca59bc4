package transport

import (
	"bufio"
	"io"
	"slices"
	"time"
)

const (
	// outputKept is how large a buffer is kept for reuse.
	outputKept = 4 << 20
	// writeBytes is how much is written at a time: the write timeout is for each.
	writeBytes = 256 << 10
	// streamBytes is the size of a stream's buffer.
	streamBytes = 64 << 10
)

// output is packets with producers of streams between them.
type output struct {
	bytes   []byte
	streams []stream // by rising position
}

// stream is a producer that runs when what is before position at was written.
type stream struct {
	at   int
	fill func(io.Writer) error
}

func (o *output) empty() bool { return len(o.bytes) == 0 && len(o.streams) == 0 }

func (o *output) reset() {
	if cap(o.bytes) > outputKept {
		o.bytes = nil
	}
	clear(o.streams)
	o.bytes, o.streams = o.bytes[:0], o.streams[:0]
}

// SendStream puts into the output what fill writes. It is called on the writer's goroutine when all that was sent before
// is written, and may block; its writes return an error when the link is closed. An error closes the link.
func (l *Link) SendStream(fill func(w io.Writer) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.isClosed() {
		l.gather.streams = append(l.gather.streams, stream{len(l.gather.bytes), fill})
	}
}

// write is the writer goroutine. It returns nil when the link is closed.
func (l *Link) write() error {
	var out output
	w := outputWriter{link: l}
	for {
		for l.take(&out) {
			if err := w.write(&out); err != nil {
				return err
			}
		}
		select {
		case <-l.wake:
		case <-l.done:
			return nil
		}
	}
}

// take swaps what has gathered for out, if it was flushed.
func (l *Link) take(out *output) bool {
	out.reset()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.flushed {
		return false
	}
	l.flushed = false
	*out, l.gather = l.gather, *out
	return true
}

// outputWriter writes to a link's connection. The writer goroutine owns it.
type outputWriter struct {
	link   *Link
	stream *bufio.Writer // made for the first stream
}

func (w *outputWriter) write(out *output) error {
	at := 0
	for _, s := range out.streams {
		if err := w.packets(out.bytes[at:s.at]); err != nil {
			return err
		}
		at = s.at
		if w.stream == nil {
			w.stream = bufio.NewWriterSize(w, streamBytes)
		}
		if err := s.fill(w.stream); err != nil {
			return err
		}
		if err := w.stream.Flush(); err != nil {
			return err
		}
	}
	return w.packets(out.bytes[at:])
}

// packets writes b, whose bytes are counted as buffered.
func (w *outputWriter) packets(b []byte) error {
	for part := range slices.Chunk(b, writeBytes) {
		n, err := w.Write(part)
		w.link.buffered.Add(int64(-n))
		if err != nil {
			return err
		}
	}
	return nil
}

// Write writes b within the write timeout.
func (w *outputWriter) Write(b []byte) (int, error) {
	if d := w.link.opt.WriteTimeout; d > 0 {
		if err := w.link.conn.SetWriteDeadline(time.Now().Add(d)); err != nil {
			return 0, err
		}
	}
	return w.link.conn.Write(b)
}
