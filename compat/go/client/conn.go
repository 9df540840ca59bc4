package client

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Errors of requests and of Dial; see the package's comment.
var (
	ErrLost    = errors.New("the connection was lost before the reply")
	ErrUnsent  = errors.New("the connection had been lost before the request was sent")
	ErrExpired = errors.New("the session has expired")
)

// Numbers that the protocol gives to what is no answer to a request.
const (
	xidEvent = -1
	xidPing  = -2
	xidAuth  = -4
	frameMax = 64 << 20
)

// Session is what a client needs to go on with a session on another connection. A zero ID asks for a new one.
type Session struct {
	ID       int64
	Password []byte
	Timeout  time.Duration // asked for, then granted
	Seen     int64         // the last zxid that the client knows of: a server that is behind it refuses
}

// Event is a notification of a watch.
type Event struct {
	Type int32 // 1 created, 2 deleted, 3 changed, 4 children
	Path string
}

// Reply is the answer to a request.
type Reply struct {
	Zxid int64 // of the header: the transaction of a write, or the last one that the server had applied
	Reader
}

// Call is a request on its way.
type Call struct {
	xid      int32
	done     chan struct{}
	reply    Reply
	err      error
	Sent     time.Time // just before it was written
	Answered time.Time // when the reply was there; zero if there is none
}

// Wait returns the reply.
func (c *Call) Wait() (Reply, error) {
	<-c.done
	return c.reply, c.err
}

// Conn is a connection with a session.
type Conn struct {
	nc      net.Conn
	ended   chan struct{} // closed when no reply comes any more
	write   sync.Mutex    // held while a request is numbered, queued and written
	xid     int32         // guarded by write
	mu      sync.Mutex    // guards the rest
	session Session
	calls   []*Call // without a reply, in order
	events  []Event
	broken  bool
}

// Dial connects to a server and asks for a session, or for the one of s. ErrExpired says that this one is over. Any
// other error means that this server cannot help now.
func Dial(ctx context.Context, addr string, s Session) (*Conn, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	c, r, err := handshake(nc, s)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	go c.receive(r)
	go c.ping()
	return c, nil
}

func handshake(nc net.Conn, s Session) (*Conn, *bufio.Reader, error) {
	password := s.Password
	if len(password) == 0 {
		password = make([]byte, passwordLen)
	}
	hello := Body{}.Int(0).Long(s.Seen).Int(int32(s.Timeout.Milliseconds())).Long(s.ID).Buffer(password).Bool(false)
	if _, err := nc.Write(frame(hello)); err != nil {
		return nil, nil, err
	}
	r := bufio.NewReader(nc)
	b, err := readFrame(r)
	if err != nil {
		return nil, nil, err
	}
	d := Reader{b: b}
	d.Int() // protocol version
	timeout := time.Duration(d.Int()) * time.Millisecond
	id, granted := d.Long(), d.Buffer()
	switch {
	case d.err != nil:
		return nil, nil, d.err
	case timeout <= 0:
		return nil, nil, ErrExpired
	case s.ID != 0 && s.ID != id:
		return nil, nil, fmt.Errorf("asked for session %#x, got %#x", s.ID, id)
	}
	c := &Conn{nc: nc, ended: make(chan struct{}), session: Session{ID: id, Password: granted, Timeout: timeout, Seen: s.Seen}}
	return c, r, nil
}

func frame(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(make([]byte, 0, len(b)+4), uint32(len(b))), b...)
}

func readFrame(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > frameMax {
		return nil, fmt.Errorf("a frame of %d bytes", n)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return b, err
}

// Session returns what is needed to go on elsewhere.
func (c *Conn) Session() Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session
}

// Addr returns the server's address.
func (c *Conn) Addr() string { return c.nc.RemoteAddr().String() }

// Ended is closed when the connection has ended, for whatever reason.
func (c *Conn) Ended() <-chan struct{} { return c.ended }

// Events returns the notifications that have come and forgets them.
func (c *Conn) Events() []Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.events
	c.events = nil
	return e
}

// Start sends a request. Requests are executed in the order of their calls of Start.
func (c *Conn) Start(op Op, body Body) *Call {
	c.write.Lock()
	defer c.write.Unlock()
	c.xid++
	return c.start(c.xid, op, body)
}

// start queues and writes; the caller holds c.write.
func (c *Conn) start(xid int32, op Op, body Body) *Call {
	call := &Call{xid: xid, done: make(chan struct{}), Sent: time.Now()}
	c.mu.Lock()
	if c.broken {
		c.mu.Unlock()
		call.err = ErrUnsent
		close(call.done)
		return call
	}
	c.calls = append(c.calls, call)
	timeout := c.session.Timeout
	c.mu.Unlock()
	_ = c.nc.SetWriteDeadline(time.Now().Add(timeout))
	if _, err := c.nc.Write(frame(append(Body{}.Int(xid).Int(int32(op)), body...))); err != nil {
		_ = c.nc.Close() // the reader ends, and ends the calls
	}
	return call
}

// Do sends a request and waits for its reply.
func (c *Conn) Do(op Op, body Body) (Reply, error) { return c.Start(op, body).Wait() }

// Login adds an identity of the scheme digest. No other request may be on its way: servers answer this one early.
func (c *Conn) Login(credentials string) error {
	c.write.Lock()
	call := c.start(xidAuth, OpAuth, Body{}.Int(0).String("digest").String(credentials))
	c.write.Unlock()
	_, err := call.Wait()
	return err
}

// receive hands out replies until the connection ends. A server that is silent for the whole session timeout is
// given up, as pings go out more often.
func (c *Conn) receive(r *bufio.Reader) {
	timeout := c.Session().Timeout
	for {
		_ = c.nc.SetReadDeadline(time.Now().Add(timeout))
		b, err := readFrame(r)
		if err != nil || !c.dispatch(b, time.Now()) {
			break
		}
	}
	_ = c.nc.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = true
	for _, call := range c.calls {
		call.err = ErrLost
		close(call.done)
	}
	c.calls = nil
	close(c.ended)
}

// dispatch gives a frame to whoever waits for it; false if it makes no sense.
func (c *Conn) dispatch(b []byte, now time.Time) bool {
	d := Reader{b: b}
	xid, zxid, code := d.Int(), d.Long(), Code(d.Int())
	if d.err != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if xid == xidEvent {
		typ := d.Int()
		d.Int() // the state of the session
		c.events = append(c.events, Event{Type: typ, Path: d.String()})
		return d.err == nil
	}
	if xid == xidPing { // may overtake replies
		return true
	}
	if len(c.calls) == 0 || c.calls[0].xid != xid {
		return false
	}
	call := c.calls[0]
	c.calls = c.calls[1:]
	c.session.Seen = max(c.session.Seen, zxid)
	call.reply = Reply{Zxid: zxid, Reader: d}
	call.Answered = now
	if code != 0 {
		call.err = code
	}
	close(call.done)
	return true
}

func (c *Conn) ping() {
	tick := time.NewTicker(max(c.Session().Timeout/4, 20*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-c.ended:
			return
		case <-tick.C:
			c.write.Lock()
			_ = c.nc.SetWriteDeadline(time.Now().Add(c.Session().Timeout))
			if _, err := c.nc.Write(frame(Body{}.Int(xidPing).Int(int32(OpPing)))); err != nil {
				_ = c.nc.Close()
			}
			c.write.Unlock()
		}
	}
}

// Drop ends the connection and leaves the session alone. When it returns every call has its outcome.
func (c *Conn) Drop() {
	_ = c.nc.Close()
	<-c.ended
}

// Close ends the session, and with it the connection. Without an error the session is over for good.
func (c *Conn) Close() error {
	_, err := c.Do(OpCloseSession, nil)
	c.Drop()
	return err
}
