package transport

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"gamekeeper/proto"
)

// meshLink is an election connection that has introduced itself: a reader and a writer goroutine.
type meshLink struct {
	peer   *peer
	conn   net.Conn
	before *meshLink // its end comes before this link's beginning
	wake   chan struct{}
	stop   chan struct{}
	once   sync.Once
	err    error         // why it ended, before stop is closed
	done   chan struct{} // closed when nothing of the link runs any more
}

func newMeshLink(p *peer, conn net.Conn, before *meshLink) *meshLink {
	return &meshLink{
		peer: p, conn: conn, before: before,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
}

// close makes run return. The first call's error counts.
func (l *meshLink) close(err error) {
	l.once.Do(func() {
		l.err = err
		close(l.stop)
		l.conn.Close()
	})
}

func (l *meshLink) run() {
	defer close(l.done)
	if l.before != nil {
		<-l.before.done // so that the peer's votes come in order, and one writer owns peer.last
		l.before = nil
	}
	p := l.peer
	p.tell()
	log := p.mesh.log.With("peer", int64(p.id), "remote", l.conn.RemoteAddr())
	log.Info("an election connection is up")
	began := time.Now()
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		l.close(l.write())
	}()
	heard, err := l.read()
	l.close(err)
	<-wrote
	log.Info("an election connection has ended", "error", l.err)
	p.lost(l, heard || time.Since(began) >= lastingLink)
	p.tell()
}

// read passes on what the peer says until the connection ends. heard says that there was a frame.
func (l *meshLink) read() (heard bool, _ error) {
	f := frameReader{r: bufio.NewReader(l.conn)}
	m := l.peer.mesh
	for {
		b, err := f.next()
		if err != nil {
			return heard, err
		}
		heard = true
		d := proto.NewDecoder(b)
		v := d.Vote()
		if err := d.Err(); err != nil {
			m.log.Warn("a notification is dropped", "peer", int64(l.peer.id), "bytes", len(b), "error", err)
			continue
		}
		select {
		case <-l.stop: // it was replaced, and may be a dead incarnation's
			return heard, nil
		default:
		}
		v.Config = slices.Clone(v.Config)
		m.opt.Vote(l.peer.id, v)
	}
}

// write sends what waits, or else what was sent last: it may have been lost with the link before. It returns nil when
// the link is closed.
func (l *meshLink) write() error {
	p := l.peer
	p.mu.Lock()
	frame := p.last
	if len(p.next) > 0 {
		frame = p.take()
	}
	p.mu.Unlock()
	for {
		if len(frame) > 0 {
			_ = l.conn.SetWriteDeadline(time.Now().Add(deadAfter))
			if _, err := l.conn.Write(frame); err != nil {
				p.putBack()
				return err
			}
		}
		frame = nil
		select {
		case <-l.wake:
		case <-l.stop:
			return nil
		}
		p.mu.Lock()
		if len(p.next) > 0 {
			frame = p.take()
		}
		p.mu.Unlock()
	}
}

// take moves the waiting frame to last. The caller holds p.mu.
func (p *peer) take() []byte {
	p.next, p.last = p.last[:0], p.next
	return p.last
}

// putBack makes the frame that could not be sent the waiting one, unless there is a newer.
func (p *peer) putBack() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.next) == 0 {
		p.next, p.last = p.last, p.next
	}
}

// frameReader reads frames of at most proto.VoteMaxBytes.
type frameReader struct {
	r   *bufio.Reader
	buf []byte
}

// next returns the content of the next frame, which is good until the next call. Memory grows as bytes arrive, not as
// they are announced.
func (f *frameReader) next() ([]byte, error) {
	f.buf = slices.Grow(f.buf[:0], 4)[:4]
	if _, err := io.ReadFull(f.r, f.buf); err != nil {
		return nil, err
	}
	size := int(int32(binary.BigEndian.Uint32(f.buf)))
	if size <= 0 || size > proto.VoteMaxBytes {
		return nil, fmt.Errorf("%w: a notification of %d bytes", proto.ErrMalformed, size)
	}
	f.buf = f.buf[:0]
	for len(f.buf) < size {
		n := len(f.buf)
		more := min(size-n, max(n, 1024))
		f.buf = slices.Grow(f.buf, more)[:n+more]
		if _, err := io.ReadFull(f.r, f.buf[n:]); err != nil {
			return nil, err
		}
	}
	return f.buf, nil
}
