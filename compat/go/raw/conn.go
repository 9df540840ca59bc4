package raw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

const patience = 60 * time.Second // no wait in these tests is longer

func address(t *testing.T) string {
	a := os.Getenv("ZK_ADDRESS")
	if a == "" {
		t.Skip("ZK_ADDRESS is not set")
	}
	return a
}

func onApache() bool { return os.Getenv("COMPAT_TARGET") == "apache" }

// control runs a verb (start, stop, kill, restart) on the server.
func control(t *testing.T, verb string) {
	t.Helper()
	if out, err := exec.Command(os.Getenv("COMPAT_CONTROL"), verb).CombinedOutput(); err != nil {
		t.Fatalf("server %s: %v\n%s", verb, err, out)
	}
}

// withConfig restarts the server with further lines in zoo.cfg and puts the
// former configuration back when the test ends.
func withConfig(t *testing.T, lines ...string) {
	t.Helper()
	address(t)
	file := os.Getenv("COMPAT_CONFIG")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	reconfigure := func(text string) {
		control(t, "stop")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		control(t, "start")
	}
	t.Cleanup(func() { reconfigure(string(before)) })
	reconfigure(string(before) + strings.Join(lines, "\n") + "\n")
}

// conn is a connection to the server, with or without a session.
type conn struct {
	net.Conn
	t        *testing.T
	xid      int32
	last     int64 // zxid of the newest reply
	session  int64
	password []byte
	timeout  int32 // negotiated, ms
}

// dial connects without a handshake.
func dial(t *testing.T) *conn {
	t.Helper()
	return dialTo(t, address(t))
}

func dialTo(t *testing.T, server string) *conn {
	t.Helper()
	nc, err := net.DialTimeout("tcp", server, patience)
	if err != nil {
		t.Fatal(err)
	}
	c := &conn{Conn: nc, t: t}
	t.Cleanup(func() { nc.Close() })
	return c
}

// connectRequest is a handshake: readOnly nil leaves the byte out, as old
// clients do.
type connectRequest struct {
	lastZxid int64
	timeout  int32
	session  int64
	password []byte
	readOnly *bool
}

type connectResponse struct {
	version  int32
	timeout  int32
	session  int64
	password []byte
	trailing []byte // the readOnly byte, if any
}

func (r connectRequest) encode() enc {
	e := enc{}.i32(0).i64(r.lastZxid).i32(r.timeout).i64(r.session).buf(r.password)
	if r.readOnly != nil {
		e = e.bool(*r.readOnly)
	}
	return e
}

// handshake sends a connect request and returns the response; io.EOF if the
// server closed the connection instead.
func (c *conn) handshake(r connectRequest) (connectResponse, error) {
	c.writeFrame(r.encode())
	b, err := c.readFrame()
	if err != nil {
		return connectResponse{}, err
	}
	d := dec{b: b}
	resp := connectResponse{version: d.i32(), timeout: d.i32(), session: d.i64(), password: d.buf()}
	resp.trailing = d.b
	return resp, d.err
}

// connect opens a session that asks for the timeout in ms.
func connect(t *testing.T, timeout int32) *conn {
	t.Helper()
	return connectTo(t, address(t), timeout)
}

func connectTo(t *testing.T, server string, timeout int32) *conn {
	t.Helper()
	c := dialTo(t, server)
	no := false
	resp, err := c.handshake(connectRequest{timeout: timeout, password: make([]byte, 16), readOnly: &no})
	if err != nil {
		t.Fatalf("handshake: %v", err)
	}
	c.session, c.password, c.timeout = resp.session, resp.password, resp.timeout
	t.Cleanup(c.endSession)
	return c
}

// endSession closes the session even if its connection has gone, so that no
// later expiry takes a zxid in the middle of another test.
func (c *conn) endSession() {
	c.SetDeadline(time.Now().Add(time.Second))
	c.Write(append(enc{}.i32(8), enc{}.i32(0).i32(opCloseSession)...))
	for {
		if _, err := c.readFrame(); err != nil {
			break
		}
	}
	c.endSessionElsewhere()
}

// endSessionElsewhere closes the session through a new connection.
func (c *conn) endSessionElsewhere() {
	if n, resp, err := reattach(c); err == nil && resp.session != 0 {
		n.writeFrame(enc{}.i32(0).i32(opCloseSession))
		n.readFrame()
	}
}

// client opens a session with a timeout long enough for any test.
func client(t *testing.T) *conn {
	t.Helper()
	c := connect(t, 40000)
	c.call(opSync, onlyPath("/")) // learns the newest zxid
	return c
}

// reattach connects again with the session of c, on a new connection.
func reattach(c *conn) (*conn, connectResponse, error) {
	c.t.Helper()
	n := dialTo(c.t, c.RemoteAddr().String())
	no := false
	resp, err := n.handshake(connectRequest{lastZxid: c.last, timeout: c.timeout, session: c.session, password: c.password, readOnly: &no})
	n.session, n.password, n.timeout, n.last = resp.session, resp.password, resp.timeout, c.last
	return n, resp, err
}

func (c *conn) writeFrame(b []byte) {
	c.t.Helper()
	c.writeRaw(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...))
}

func (c *conn) writeRaw(b []byte) {
	c.t.Helper()
	c.SetWriteDeadline(time.Now().Add(patience))
	if _, err := c.Write(b); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// readFrame returns the next frame, or io.EOF when the server has closed the
// connection in whatever way.
func (c *conn) readFrame() ([]byte, error) {
	c.SetReadDeadline(time.Now().Add(patience))
	var n [4]byte
	if _, err := io.ReadFull(c, n[:]); err != nil {
		if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
			err = io.EOF
		}
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint32(n[:]))
	_, err := io.ReadFull(c, b)
	return b, err
}

// reply is a reply or, with xid -1, a notification.
type reply struct {
	xid  int32
	zxid int64
	err  int32
	dec
}

// event is a decoded notification.
type event struct {
	typ  int32
	path string
	zxid int64
}

func (e event) String() string {
	name := map[int32]string{1: "created", 2: "deleted", 3: "changed", 4: "children"}[e.typ]
	return fmt.Sprintf("%s %s", name, e.path)
}

func (c *conn) send(op int32, body []byte) int32 {
	c.t.Helper()
	c.xid++
	c.sendXid(c.xid, op, body)
	return c.xid
}

func (c *conn) sendXid(xid, op int32, body []byte) {
	c.t.Helper()
	c.writeFrame(append(enc{}.i32(xid).i32(op), body...))
}

// read returns the next reply or notification.
func (c *conn) read() reply {
	c.t.Helper()
	b, err := c.readFrame()
	if err != nil {
		c.t.Fatalf("no reply: %v", err)
	}
	return c.decodeReply(b)
}

// decodeReply reads the header of a frame.
func (c *conn) decodeReply(b []byte) reply {
	c.t.Helper()
	d := dec{b: b}
	r := reply{xid: d.i32(), zxid: d.i64(), err: d.i32()}
	r.dec = d
	if d.err != nil {
		c.t.Fatalf("reply header: %v", d.err)
	}
	if r.err != ok && len(r.b) != 0 {
		c.t.Errorf("reply with error %d has a body of %d bytes", r.err, len(r.b))
	}
	if r.zxid > c.last && r.xid >= 0 {
		c.last = r.zxid
	}
	return r
}

// call sends a request and returns its reply, which must be the next frame.
func (c *conn) call(op int32, body []byte) reply {
	c.t.Helper()
	r, events := c.callEvents(op, body)
	if len(events) != 0 {
		c.t.Fatalf("events before the reply: %v", events)
	}
	return r
}

// callEvents sends a request and returns its reply and the notifications that
// came before it.
func (c *conn) callEvents(op int32, body []byte) (reply, []event) {
	c.t.Helper()
	xid := c.send(op, body)
	var events []event
	for {
		r := c.read()
		if r.xid == xidEvent {
			events = append(events, c.event(r))
			continue
		}
		if r.xid != xid {
			c.t.Fatalf("reply with xid %d, want %d", r.xid, xid)
		}
		return r, events
	}
}

// event decodes a notification.
func (c *conn) event(r reply) event {
	c.t.Helper()
	e := event{zxid: r.zxid, typ: r.i32()}
	state := r.i32()
	e.path = r.str()
	if r.dec.err != nil || len(r.b) != 0 || state != 3 || r.err != ok {
		c.t.Fatalf("malformed notification: err %d, state %d, %d bytes left, %v", r.err, state, len(r.b), r.dec.err)
	}
	return e
}

// pending returns the notifications that the server has sent so far: all that
// precede the reply of a ping.
func (c *conn) pending() []event {
	c.t.Helper()
	c.sendXid(xidPing, opPing, nil)
	var events []event
	for {
		r := c.read()
		if r.xid == xidPing {
			return events
		}
		events = append(events, c.event(r))
	}
}

// must calls and requires success.
func (c *conn) must(op int32, body []byte) reply {
	c.t.Helper()
	r := c.call(op, body)
	if r.err != ok {
		c.t.Fatalf("op %d: error %d", op, r.err)
	}
	return r
}

// expectClosed requires that the server closes without sending more.
func (c *conn) expectClosed() {
	c.t.Helper()
	b, err := c.readFrame()
	if err == nil {
		c.t.Fatalf("got a frame % x, want a closed connection", b)
	}
	if !errors.Is(err, io.EOF) {
		c.t.Fatalf("got %v, want a closed connection", err)
	}
}

// Typed shorthands that require success.

func (c *conn) create(path string, data string, flags int32) string {
	c.t.Helper()
	r := c.must(opCreate, create(path, []byte(data), open, flags))
	return r.str()
}

func (c *conn) createACL(path string, acls []acl) {
	c.t.Helper()
	c.must(opCreate, create(path, []byte("x"), acls, persistent))
}

func (c *conn) delete(path string) {
	c.t.Helper()
	c.must(opDelete, pathVersion(path, -1))
}

func (c *conn) set(path, data string) stat {
	c.t.Helper()
	r := c.must(opSetData, setData(path, []byte(data), -1))
	return r.stat()
}

func (c *conn) exists(path string) (stat, bool) {
	c.t.Helper()
	r := c.call(opExists, pathWatch(path, false))
	switch r.err {
	case ok:
		return r.stat(), true
	case errNoNode:
		return stat{}, false
	}
	c.t.Fatalf("exists %s: error %d", path, r.err)
	return stat{}, false
}

func (c *conn) stat(path string) stat {
	c.t.Helper()
	s, found := c.exists(path)
	if !found {
		c.t.Fatalf("%s does not exist", path)
	}
	return s
}

func (c *conn) children(path string) []string {
	c.t.Helper()
	r := c.must(opGetChildren, pathWatch(path, false))
	return r.strs()
}

func (c *conn) login(credentials string) {
	c.t.Helper()
	c.sendXid(xidAuth, opAuth, auth("digest", credentials))
	if r := c.read(); r.xid != xidAuth || r.err != ok {
		c.t.Fatalf("auth: xid %d, error %d", r.xid, r.err)
	}
}

// eventually polls until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
