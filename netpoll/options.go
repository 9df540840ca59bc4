package netpoll

import (
	"errors"
	"log/slog"
	"time"
)

// Options of a Server. The zero value of a field means its default.
type Options struct {
	// Addr is the listen address, host:port; an empty host is every address, port 0 any free port.
	Addr string
	// Backlog is how many connections the system may hold that are not accepted yet; default as many as it
	// allows (net.core.somaxconn), which bounds it in any case.
	Backlog int
	// Loops is the number of event loops; default 1.
	Loops int
	// FrameMax is the largest frame accepted, in bytes; default 1048575 (jute.maxbuffer).
	FrameMax int
	// OutputSoftMax is the unsent output, in bytes, at which a connection's input is parked; default 4 MiB.
	OutputSoftMax int
	// OutputHardMax is the unsent output at which a connection is closed; default 64 MiB. One reply may pass
	// it when nothing else is unsent.
	OutputHardMax int
	// InputMax bounds the input that waits while a connection is parked; default FrameMax + 1 MiB.
	InputMax int
	// LingerMax is how long a connection that lingers may do nothing: the client neither reads what is left
	// nor closes its side; default 2 s.
	LingerMax time.Duration
	// KeepAlive turns TCP keep-alive probes on.
	KeepAlive bool
	// Sent, if set, is called on a loop after replies that EndTallied was told of were given to their sockets, for one
	// or several connections. The slice is valid until it returns.
	Sent func(l *Loop, replies []Sent)
	// Logger receives the event loops' complaints; default none.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.Loops, 1)
	def(&o.FrameMax, 0xfffff)
	def(&o.OutputSoftMax, 4<<20)
	def(&o.OutputHardMax, 64<<20)
	def(&o.InputMax, o.FrameMax+1<<20)
	if o.LingerMax == 0 {
		o.LingerMax = 2 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Handler is what the server does with connections. All methods of one connection run on its loop.
type Handler interface {
	// Opened is called first. When it returns false the connection is closed at once, without Closed.
	Opened(c *Conn) bool
	// Word sees the first four bytes of each frame until the connection is Established. True says they were
	// a command word and not a length: the handler has answered, all further input is ignored.
	Word(c *Conn, word uint32) bool
	// Frame takes one frame, which is valid until Done returns. False closes the connection, after Done.
	Frame(c *Conn, frame []byte) bool
	// Done is called after the frames of one read.
	Done(c *Conn)
	// Heard is called when input has come that waits, because the client has much output to read first.
	Heard(c *Conn)
	// Closed is called last. err says why when it was not the handler's wish: one of the errors below or
	// what the socket said.
	Closed(c *Conn, err error)
}

// Why a connection was closed by the server.
var (
	ErrFrameLength = errors.New("frame length is negative, zero or above jute.maxbuffer")
	ErrOutputFull  = errors.New("client does not read its replies")
	ErrInputFull   = errors.New("client sends requests and does not read the replies")
)

// sweepEvery is how often a loop looks after lingering and parked connections while it has any.
const sweepEvery = 5 * time.Millisecond
