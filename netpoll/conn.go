package netpoll

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// Conn is a client's connection. It belongs to one event loop; Begin, End, Close and CloseSoon may be
// called from any goroutine.
type Conn struct {
	// User is the handler's own; the package does not look at it. Set it in Opened.
	User any

	loop   *Loop
	gc     gnet.Conn
	remote netip.AddrPort

	// Owned by the loop.
	input       []byte // an incomplete frame, or everything unread while parked
	consuming   bool   // frames that may lie in input are with the handler
	established bool   // Word is no longer asked
	deaf        bool   // input is ignored: a command word was answered, or the connection lingers
	parked      bool
	watched     bool // on the loop's list of connections to look after
	closed      bool
	reason      error // for Closed

	lingering   bool
	halfClosed  bool        // everything is sent, and the client has been told so
	lingerHeld  int         // unsent output when it was looked at last
	lingerUntil time.Time   // when the connection is closed for good
	apart       atomic.Bool // a goroutine sends the last output: see AnswerApart

	fd         int         // gc's, for EndNow
	loopWrites atomic.Bool // the loop writes, or gnet holds what the socket did not take: nobody else may write

	mu      sync.Mutex
	out     []byte // output not given to the socket yet
	begun   int    // length of out when Begin was called
	tally   Sent   // of the replies in out, if tallied
	tallied bool
	queued  bool // on the loop's list of connections with something to do
	full    bool // more than OutputHardMax gathered
	gone    bool // the socket is closed, or about to be: its descriptor may become another's
	close   closing
}

// closing is what shall happen to a connection after its output has been sent.
type closing uint8

const (
	closeNo     closing = iota
	closeLinger         // send, half close, wait for the client to close
	closeNow            // send what the socket takes, close
)

// Remote returns the client's address; IPv4 addresses are not mapped into IPv6. Any goroutine.
func (c *Conn) Remote() netip.AddrPort { return c.remote }

// Loop returns the event loop that owns c. Any goroutine.
func (c *Conn) Loop() *Loop { return c.loop }

// SetEstablished says that the handshake is over: Word is not asked any more.
func (c *Conn) SetEstablished() { c.established = true }

// Begin locks the connection's output and returns it for appending; End must follow at once. Any goroutine.
func (c *Conn) Begin() []byte {
	c.mu.Lock()
	if c.out == nil {
		c.out = c.loop.takeBuffer()
	}
	c.begun = len(c.out)
	return c.out
}

// End takes the buffer that Begin returned, with what was appended to it. It is sent by the next Flush, or
// when the loop is done with the connection's input. Any goroutine.
func (c *Conn) End(out []byte) {
	if c.begun > 0 && len(out) > c.loop.opts.OutputHardMax || c.full {
		c.full, c.close, out = true, closeNow, out[:0]
	}
	c.out = out
	c.enqueue()
	c.mu.Unlock()
}

// CloseSoon closes the connection after its output has been sent; with linger, the client is given time to
// read it. Any goroutine; takes effect with the next Flush.
func (c *Conn) CloseSoon(linger bool) {
	c.mu.Lock()
	if linger {
		c.close = max(c.close, closeLinger)
	} else {
		c.close = closeNow
	}
	c.enqueue()
	c.mu.Unlock()
}

// enqueue puts c on its loop's list. c.mu is held.
func (c *Conn) enqueue() {
	if !c.queued {
		c.queued = true
		c.loop.enqueue(c)
	}
}

// Append puts b behind the output that has gathered. It is for the loop alone, which calls Flush next.
func (c *Conn) Append(b []byte) {
	c.mu.Lock()
	if c.out == nil {
		c.out = c.loop.takeBuffer()
	}
	c.out = append(c.out, b...)
	c.mu.Unlock()
}

// write gives b to the socket.
func (c *Conn) write(b []byte) {
	if len(b) == 0 || c.closed {
		return
	}
	if held := c.gc.OutboundBuffered(); held > 0 && held+len(b) > c.loop.opts.OutputHardMax {
		c.fail(ErrOutputFull)
		return
	}
	_, _ = c.gc.Write(b) // a failure closes the connection by itself
	if !c.closed && c.gc.OutboundBuffered() > c.loop.opts.OutputSoftMax && !c.parked {
		c.parked = true
		c.loop.watch(c)
	}
}

// Flush sends the output that has gathered and carries out a wish to close. It is for the loop alone.
func (c *Conn) Flush() {
	c.flush(false)
	c.loop.tellSent(1)
}

// flush is Flush. dequeued says that c was just taken off the loop's list; otherwise it stays there, if it
// is, and is flushed once more.
func (c *Conn) flush(dequeued bool) {
	c.mu.Lock()
	out, wish, full := c.out, c.close, c.full
	c.out = nil
	c.takeTally()
	if dequeued {
		c.queued = false
	}
	c.loopWrites.Store(true) // before anybody else has the lock
	c.mu.Unlock()
	if full {
		c.fail(ErrOutputFull)
	}
	if !c.lingering { // else the last of its output was sent before
		c.write(out)
	}
	c.loopWrites.Store(c.closed || c.gc.OutboundBuffered() > 0)
	if out != nil {
		c.loop.giveBuffer(out)
	}
	switch {
	case c.closed || wish == closeNo:
	case wish == closeNow:
		_ = c.gc.EventLoop().Close(c.gc)
	case !c.lingering:
		c.linger()
	}
}

// linger ignores input from now on and sends; when everything is sent the socket is half closed, and closed
// when the client did that too, or after a while. A plain close with unread input would make TCP send a
// reset that can destroy the last reply before the client reads it.
func (c *Conn) linger() {
	now := time.Now()
	c.deaf, c.lingering = true, true
	c.lingerHeld, c.lingerUntil = c.gc.OutboundBuffered(), now.Add(c.loop.opts.LingerMax)
	c.dropInput()
	if c.sweepLingering(now) {
		c.loop.watch(c)
	}
}

// sweepLingering half closes the connection when everything is sent, and closes it when nothing has happened
// for too long; then it returns false.
func (c *Conn) sweepLingering(now time.Time) bool {
	held := c.gc.OutboundBuffered()
	switch {
	case c.apart.Load(): // it is for that goroutine to lose its patience
	case held == 0 && !c.halfClosed:
		c.halfClosed = true
		_ = unix.Shutdown(c.gc.Fd(), unix.SHUT_WR)
	case held < c.lingerHeld:
		c.lingerHeld = held
	case now.After(c.lingerUntil):
		c.fail(nil)
		return false
	default:
		return true
	}
	c.lingerUntil = now.Add(c.loop.opts.LingerMax)
	return true
}

// ended lets go of what the connection has. It is called just before the socket is closed.
func (c *Conn) ended() {
	c.closed = true
	c.dropInput()
	c.mu.Lock()
	c.gone = true
	queued := c.queued
	c.mu.Unlock()
	if queued {
		c.loop.wake() // the list may not be looked at for long
	}
}

// fail closes the connection at once, with a reason for Closed.
func (c *Conn) fail(reason error) {
	if c.reason == nil {
		c.reason = reason
	}
	if !c.closed {
		_ = c.gc.EventLoop().Close(c.gc)
	}
}

// traffic takes what the socket had.
func (c *Conn) traffic(data []byte) {
	if c.deaf {
		return
	}
	if len(c.input) > 0 || c.parked {
		if c.input == nil {
			c.input = c.loop.takeBuffer()
		}
		c.input = append(c.input, data...)
		data = c.input
	}
	if c.parked {
		if len(c.input) > c.loop.opts.InputMax {
			c.fail(ErrInputFull)
			return
		}
		c.loop.handler.Heard(c)
		return
	}
	c.consume(data)
}

// consume cuts data into frames and keeps the incomplete one at its end. data may be c.input.
func (c *Conn) consume(data []byte) {
	c.consuming = true
	rest, ok := c.cut(data)
	c.loop.handler.Done(c)
	c.consuming = false
	if c.closed {
		c.dropInput()
		return
	}
	if !ok {
		c.Flush()
		c.fail(c.reason)
		return
	}
	c.keep(rest)
}

// keep remembers the incomplete frame rest.
func (c *Conn) keep(rest []byte) {
	if c.deaf || len(rest) == 0 {
		c.dropInput()
		return
	}
	if c.input == nil {
		c.input = c.loop.takeBuffer()
	}
	c.input = append(c.input[:0], rest...) // rest may lie in c.input: a copy towards the front
}

// dropInput gives the input's buffer back, unless the handler still has frames in it.
func (c *Conn) dropInput() {
	if c.input != nil && !c.consuming {
		c.loop.giveBuffer(c.input)
		c.input = nil
	}
}

// cut hands the complete frames of data to the handler; false says that the connection must be closed.
func (c *Conn) cut(data []byte) (rest []byte, ok bool) {
	h, frameMax := c.loop.handler, c.loop.opts.FrameMax
	for len(data) >= 4 && !c.closed && !c.parked {
		n := binary.BigEndian.Uint32(data)
		if !c.established && h.Word(c, n) {
			c.deaf = true
			return nil, true
		}
		if n == 0 || n > uint32(frameMax) {
			c.reason = ErrFrameLength
			return nil, false
		}
		if uint32(len(data)-4) < n {
			break
		}
		if !h.Frame(c, data[4:4+n:4+n]) {
			return nil, false
		}
		data = data[4+n:]
	}
	return data, true
}

// sweep looks after a parked or lingering connection; false says that it needs no more looking after.
func (c *Conn) sweep(now time.Time) bool {
	if c.closed {
		return false
	}
	if c.lingering {
		return c.sweepLingering(now)
	}
	if c.gc.OutboundBuffered() > c.loop.opts.OutputSoftMax/2 {
		return true
	}
	c.parked = false
	if len(c.input) > 0 {
		c.consume(c.input)
	}
	return (c.parked || c.lingering) && !c.closed
}
