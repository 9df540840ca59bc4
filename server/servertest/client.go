package servertest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"gamekeeper/proto"
)

// Patience is how long a Client waits for a frame.
const Patience = 60 * time.Second

// ErrTurnedAway is what Greet returns when the server says that the session is no more.
var ErrTurnedAway = errors.New("the server says that the session is no more")

// Client is one connection, and the session that it greeted with.
type Client struct {
	net.Conn

	Session  proto.SessionID
	Password []byte
	Timeout  time.Duration // negotiated
	// Last is the highest zxid of the replies that were read.
	Last proto.Zxid

	in  *bufio.Reader
	out []byte
	xid int32
}

// Frame is what the server sends after the handshake: a reply, or an event.
type Frame struct {
	proto.ReplyHeader
	Body []byte
}

// IsEvent says whether f is the notification of a watch.
func (f Frame) IsEvent() bool { return f.Xid == proto.XidNotification }

// Event decodes the body of a notification.
func (f Frame) Event() proto.WatcherEvent {
	d := proto.NewDecoder(f.Body)
	return d.WatcherEvent()
}

// Decoder reads the body.
func (f Frame) Decoder() *proto.Decoder {
	d := proto.NewDecoder(f.Body)
	return &d
}

// Dial connects, and says nothing yet.
func Dial(addr string) (*Client, error) {
	nc, err := net.DialTimeout("tcp", addr, Patience)
	if err != nil {
		return nil, err
	}
	return &Client{Conn: nc, in: bufio.NewReaderSize(nc, 64<<10)}, nil
}

// Connect dials and begins a session.
func Connect(addr string, timeout time.Duration) (*Client, error) {
	c, err := Dial(addr)
	if err != nil {
		return nil, err
	}
	if _, err := c.Greet(Request(timeout)); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// Reattach goes on with the session of old over a new connection.
func Reattach(addr string, old *Client) (*Client, error) {
	c, err := Dial(addr)
	if err != nil {
		return nil, err
	}
	r := Request(old.Timeout)
	r.Session, r.Password, r.LastZxidSeen = old.Session, old.Password, old.Last
	if _, err := c.Greet(r); err != nil {
		_ = c.Close()
		return nil, err
	}
	c.Last, c.xid = old.Last, old.xid
	return c, nil
}

// Request is the handshake for a new session.
func Request(timeout time.Duration) *proto.ConnectRequest {
	return &proto.ConnectRequest{Timeout: int32(timeout.Milliseconds()),
		Password: make([]byte, proto.PasswordBytes), HasReadOnly: true}
}

// Greet sends a handshake with whatever has gathered behind it, and takes the session that the answer
// names.
func (c *Client) Greet(r *proto.ConnectRequest) (proto.ConnectResponse, error) {
	behind := c.out
	b, at := proto.BeginFrame(nil)
	c.out = append(proto.EndFrame(proto.AppendConnectRequest(b, r), at), behind...)
	if err := c.Flush(); err != nil {
		return proto.ConnectResponse{}, err
	}
	body, err := c.ReadFrame()
	if err != nil {
		return proto.ConnectResponse{}, err
	}
	d := proto.NewDecoder(body)
	answer := d.ConnectResponse()
	if d.Err() != nil {
		return answer, fmt.Errorf("answer to the handshake: %w", d.Err())
	}
	if answer.Session == 0 {
		return answer, ErrTurnedAway
	}
	c.Session, c.Password = answer.Session, answer.Password
	c.Timeout = time.Duration(answer.Timeout) * time.Millisecond
	return answer, nil
}

// Send gathers a request and returns its xid, which counts up from 1.
func (c *Client) Send(op proto.Op, body []byte) int32 {
	c.xid++
	c.SendXid(c.xid, op, body)
	return c.xid
}

// SendXid gathers a request with a given xid.
func (c *Client) SendXid(xid int32, op proto.Op, body []byte) {
	b, at := proto.BeginFrame(c.out)
	b = proto.AppendRequestHeader(b, xid, op)
	c.out = proto.EndFrame(append(b, body...), at)
}

// SendRaw gathers bytes as they are.
func (c *Client) SendRaw(b []byte) { c.out = append(c.out, b...) }

// Flush sends what has gathered.
func (c *Client) Flush() error { return c.FlushBy(time.Now().Add(Patience)) }

// FlushBy is Flush with a deadline: a server may not want to read.
func (c *Client) FlushBy(deadline time.Time) error {
	if err := c.SetWriteDeadline(deadline); err != nil {
		return err
	}
	_, err := c.Write(c.out)
	c.out = c.out[:0]
	return err
}

// ReadFrame reads the bytes of a frame.
func (c *Client) ReadFrame() ([]byte, error) {
	if err := c.SetReadDeadline(time.Now().Add(Patience)); err != nil {
		return nil, err
	}
	var length [4]byte
	if _, err := io.ReadFull(c.in, length[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(length[:]))
	_, err := io.ReadFull(c.in, body)
	return body, err
}

// Read reads a reply or an event.
func (c *Client) Read() (Frame, error) {
	body, err := c.ReadFrame()
	if err != nil {
		return Frame{}, err
	}
	d := proto.NewDecoder(body)
	f := Frame{ReplyHeader: d.ReplyHeader(), Body: d.Rest()}
	c.Last = max(c.Last, f.Zxid)
	return f, d.Err()
}

// Call sends a request and reads up to its reply. Events before it are returned beside it.
func (c *Client) Call(op proto.Op, body []byte) (Frame, []proto.WatcherEvent, error) {
	xid := c.Send(op, body)
	if err := c.Flush(); err != nil {
		return Frame{}, nil, err
	}
	var events []proto.WatcherEvent
	for {
		f, err := c.Read()
		switch {
		case err != nil:
			return f, events, err
		case f.IsEvent():
			events = append(events, f.Event())
		case f.Xid != xid:
			return f, events, fmt.Errorf("reply to request %d, want one to %d", f.Xid, xid)
		default:
			return f, events, nil
		}
	}
}

// Do is Call for a request that must succeed; events before the reply are dropped.
func (c *Client) Do(op proto.Op, body []byte) (Frame, error) {
	f, _, err := c.Call(op, body)
	if err == nil && f.Err != proto.OK {
		err = fmt.Errorf("%s: %w", op, f.Err)
	}
	return f, err
}

// Drained reads until the server closes the connection, and returns the frames.
func (c *Client) Drained() ([]Frame, error) {
	var frames []Frame
	for {
		f, err := c.Read()
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			return frames, fmt.Errorf("still open: %w", err)
		case err != nil:
			return frames, nil
		}
		frames = append(frames, f)
	}
}
