package transport

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"gamekeeper/proto"
)

// LinkOptions are those of a link. Zero numbers are the defaults.
type LinkOptions struct {
	// ReadTimeout closes a link on which nothing comes for so long while its reader waits; SetReadTimeout changes
	// it. WriteTimeout does so when the peer takes nothing of what is written. 0 is no such bound.
	ReadTimeout, WriteTimeout time.Duration
	// BufferMax bounds the bytes of packets that wait to be written; 256 MiB.
	BufferMax int64
	// PacketMax bounds the size of a received packet; 64 MiB.
	PacketMax int
	// Batches is how many batches of packets the receiver may hold; 4.
	Batches int

	Network Network
	Logger  *slog.Logger

	// Received is given what has come. Closed tells that the link has ended. Both are required.
	Received func(l *Link, b *Batch)
	Closed   func(l *Link, err error)
}

const (
	defaultBufferMax = 256 << 20
	defaultPacketMax = 64 << 20
	defaultBatches   = 4
)

func (o *LinkOptions) setDefaults() {
	o.BufferMax = cmp.Or(o.BufferMax, defaultBufferMax)
	o.PacketMax = cmp.Or(o.PacketMax, defaultPacketMax)
	o.Batches = cmp.Or(o.Batches, defaultBatches)
	o.Logger = loggerOr(o.Logger)
}

// ErrClosed is why a link has ended that was closed without a reason.
var ErrClosed = errors.New("the link was closed")

// ErrBehind is the class of why a link has ended whose peer does not keep up.
var ErrBehind = errors.New("the peer does not take what it is sent")

// Link is one end of a connection between a leader and a learner.
type Link struct {
	opt  LinkOptions
	conn net.Conn
	done chan struct{}

	closing sync.Once
	err     error // before done is closed

	mu       sync.Mutex // never held during I/O
	gather   output
	flushed  bool // the writer may take gather
	wake     chan struct{}
	buffered atomic.Int64

	deadline    sync.Mutex // orders the read deadlines
	readTimeout time.Duration

	intake  intake
	free    chan *Batch
	streams chan func(io.Reader) error
}

func newLink(conn net.Conn, opt *LinkOptions, dialled bool) *Link {
	l := &Link{
		opt: *opt, conn: conn, done: make(chan struct{}), wake: make(chan struct{}, 1),
		readTimeout: opt.ReadTimeout, free: make(chan *Batch, opt.Batches),
		streams: make(chan func(io.Reader) error, 1),
	}
	l.intake = intake{limit: opt.PacketMax, stopAtSnap: dialled}
	for range opt.Batches {
		l.free <- &Batch{link: l}
	}
	return l
}

// Start begins to read and to write. It is called once.
func (l *Link) Start() {
	go func() {
		wrote := make(chan struct{})
		go func() {
			defer close(wrote)
			if err := l.write(); err != nil {
				l.Close(fmt.Errorf("write to %s: %w", l.Remote(), err))
			}
		}()
		if err := l.read(); err != nil {
			l.Close(fmt.Errorf("read from %s: %w", l.Remote(), err))
		}
		<-wrote
		l.opt.Closed(l, l.err)
	}()
}

// Remote returns the address of the peer.
func (l *Link) Remote() net.Addr { return l.conn.RemoteAddr() }

// Done is closed when the link is.
func (l *Link) Done() <-chan struct{} { return l.done }

// Close ends the link because of err; nil is ErrClosed. It does not wait, and any goroutine may call it.
func (l *Link) Close(err error) {
	l.closing.Do(func() {
		if l.err = err; err == nil {
			l.err = ErrClosed
		}
		close(l.done)
		l.conn.Close()
		l.mu.Lock()
		l.gather = output{}
		l.mu.Unlock()
	})
}

func (l *Link) isClosed() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// Buffered returns how many bytes of packets were sent that the system has not taken yet.
func (l *Link) Buffered() int64 { return l.buffered.Load() }

// SetReadTimeout changes how long the link may be silent, from now on. 0 is no bound.
func (l *Link) SetReadTimeout(d time.Duration) {
	l.deadline.Lock()
	defer l.deadline.Unlock()
	l.readTimeout = d
	l.setReadDeadline()
}

// setReadDeadline is called with l.deadline held. A connection that is closed takes no deadline, and needs none.
func (l *Link) setReadDeadline() {
	var t time.Time
	if l.readTimeout > 0 {
		t = time.Now().Add(l.readTimeout)
	}
	_ = l.conn.SetReadDeadline(t)
}

// Send appends a packet to the output. It does nothing on a closed link.
func (l *Link) Send(p *proto.QuorumPacket) {
	l.mu.Lock()
	if l.isClosed() {
		l.mu.Unlock()
		return
	}
	before := len(l.gather.bytes)
	l.gather.bytes = proto.AppendQuorumPacket(l.gather.bytes, p)
	n := l.buffered.Add(int64(len(l.gather.bytes) - before))
	l.mu.Unlock()
	if n > l.opt.BufferMax {
		l.Close(fmt.Errorf("%w: %s has %d bytes waiting for it, more than %d", ErrBehind, l.Remote(), n, l.opt.BufferMax))
	}
}

// Flush has everything written that was sent.
func (l *Link) Flush() {
	l.mu.Lock()
	l.flushed = !l.gather.empty()
	wake := l.flushed
	l.mu.Unlock()
	if wake {
		signal(l.wake)
	}
}
