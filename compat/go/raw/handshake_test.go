package raw

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

func TestConnectResponse(t *testing.T) {
	no, yes := false, true
	for _, tc := range []struct {
		name     string
		readOnly *bool
		trailing []byte
	}{
		{"without the readOnly byte", nil, nil},
		{"with readOnly 0", &no, []byte{0}},
		{"with readOnly 1", &yes, []byte{0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := dial(t)
			r, err := c.handshake(connectRequest{timeout: 5000, password: make([]byte, 16), readOnly: tc.readOnly})
			if err != nil {
				t.Fatal(err)
			}
			c.session, c.password, c.timeout = r.session, r.password, r.timeout
			t.Cleanup(c.endSession)
			if r.version != 0 || r.timeout != 5000 || r.session == 0 {
				t.Errorf("version %d, timeout %d, session %#x", r.version, r.timeout, r.session)
			}
			if !bytes.Equal(r.trailing, tc.trailing) {
				t.Errorf("bytes after the password: % x, want % x", r.trailing, tc.trailing)
			}
			if top := uint64(r.session) >> 56; top != 1 {
				t.Errorf("top byte of the session id is %d, want 1 (a stand-alone server)", top)
			}
			if want := passwordOf(r.session); !bytes.Equal(r.password, want) {
				t.Errorf("password % x, want % x", r.password, want)
			}
		})
	}
}

// passwordOf computes the password that Apache derives from a session id: the
// first bytes of a java.util.Random. Servers of one ensemble must agree on it.
func passwordOf(session int64) []byte {
	state := (uint64(session) ^ 0xB3415C00 ^ 0x5DEECE66D) & (1<<48 - 1)
	var p []byte
	for len(p) < 16 {
		state = (state*0x5DEECE66D + 0xB) & (1<<48 - 1)
		p = binary.LittleEndian.AppendUint32(p, uint32(state>>16))
	}
	return p
}

func TestNegotiatedTimeout(t *testing.T) {
	expect := func(asked, want int32) {
		t.Helper()
		if c := connect(t, asked); c.timeout != want {
			t.Errorf("asked for %d ms, got %d, want %d", asked, c.timeout, want)
		}
	}
	for _, asked := range []int32{0, -5, -1 << 31, 999, 1000} {
		expect(asked, 1000) // two ticks
	}
	expect(4321, 4321)
	for _, asked := range []int32{40000, 40001, 1 << 30} {
		expect(asked, 40000) // as configured
	}
	withConfig(t, "minSessionTimeout=2000", "maxSessionTimeout=-1")
	expect(1000, 2000)
	expect(1<<30, 10000) // 20 ticks unless configured
}

func TestNullPasswordOpensSession(t *testing.T) {
	c := dial(t)
	r, err := c.handshake(connectRequest{timeout: 5000})
	if err != nil || r.session == 0 {
		t.Fatalf("session %#x, %v", r.session, err)
	}
	c.session, c.password, c.timeout = r.session, r.password, r.timeout
	c.endSession()
}

func TestZxidAheadIsRefused(t *testing.T) {
	c := client(t)
	for name, r := range map[string]connectRequest{
		"new session": {lastZxid: c.last + 1000, timeout: 5000, password: make([]byte, 16)},
		"renewal":     {lastZxid: c.last + 1000, timeout: 5000, session: c.session, password: c.password},
	} {
		if _, err := dial(t).handshake(r); !errors.Is(err, io.EOF) {
			t.Errorf("%s: got %v, want a closed connection without a reply", name, err)
		}
	}
	if events := c.pending(); len(events) != 0 {
		t.Errorf("the live connection got %v", events)
	}
}

func TestReattach(t *testing.T) {
	c := client(t)
	path := c.create("/reattach", "x", ephemeral)
	c.must(opExists, pathWatch(path, true))
	c.timeout = 2500
	n, r, err := reattach(c)
	if err != nil {
		t.Fatal(err)
	}
	if r.session != c.session || !bytes.Equal(r.password, c.password) || r.timeout != 2500 {
		t.Errorf("got session %#x, timeout %d, want %#x, 2500", r.session, r.timeout, c.session)
	}
	c.expectClosed() // the newer connection takes over
	if s := n.stat(path); s.EphemeralOwner != c.session {
		t.Errorf("owner %#x, want %#x", s.EphemeralOwner, c.session)
	}
	if _, events := n.callEvents(opDelete, pathVersion(path, -1)); len(events) != 0 {
		t.Errorf("a watch of the former connection fired: %v", events)
	}
}

func TestInvalidRenewal(t *testing.T) {
	c := client(t)
	closed := client(t)
	closed.must(opCloseSession, nil)
	closed.expectClosed()
	wrong := append([]byte{}, c.password...)
	wrong[3] ^= 1
	for _, tc := range []struct {
		name     string
		session  int64
		password []byte
	}{
		{"wrong password", c.session, wrong},
		{"zero password", c.session, make([]byte, 16)},
		{"short password", c.session, c.password[:8]},
		{"unknown session", c.session + 1<<32, passwordOf(c.session + 1<<32)},
		{"closed session", closed.session, closed.password},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := dial(t)
			no := false
			r, err := n.handshake(connectRequest{timeout: 5000, session: tc.session, password: tc.password, readOnly: &no})
			if err != nil {
				t.Fatal(err)
			}
			if r.timeout != 0 || r.session != 0 || !bytes.Equal(r.password, make([]byte, 16)) || len(r.trailing) != 1 {
				t.Errorf("got timeout %d, session %#x, password % x, %d further bytes", r.timeout, r.session, r.password, len(r.trailing))
			}
			n.expectClosed()
		})
	}
	if onApache() {
		c.expectClosed() // even a wrong password disconnects the owner
	} else {
		c.must(opSync, onlyPath("/"))
	}
	if _, r, err := reattach(c); err != nil || r.session != c.session {
		t.Errorf("the session did not survive: %#x, %v", r.session, err)
	}
}

func TestRequestsBehindHandshake(t *testing.T) {
	c := dial(t)
	frame := func(b []byte) []byte { return append(enc{}.i32(int32(len(b))), b...) }
	all := frame(connectRequest{timeout: 5000, password: make([]byte, 16)}.encode())
	all = append(all, frame(append(enc{}.i32(1).i32(opCreate), create("/behind", nil, open, ephemeral)...))...)
	all = append(all, frame(enc{}.i32(xidPing).i32(opPing))...)
	for _, b := range all { // one byte a segment
		c.writeRaw([]byte{b})
	}
	b, err := c.readFrame()
	if err != nil || len(b) != 36 {
		t.Fatalf("connect response of %d bytes, %v", len(b), err)
	}
	d := dec{b: b}
	d.i32()
	c.timeout, c.session, c.password = d.i32(), d.i64(), d.buf()
	t.Cleanup(c.endSession)
	if r := c.read(); r.xid != 1 || r.err != ok {
		t.Errorf("xid %d, error %d", r.xid, r.err)
	}
	if r := c.read(); r.xid != xidPing || r.err != ok {
		t.Errorf("xid %d, error %d", r.xid, r.err)
	}
}

func TestBrokenFrames(t *testing.T) {
	connectFrame := connectRequest{timeout: 5000, password: make([]byte, 16)}.encode()
	for _, tc := range []struct {
		name  string
		bytes []byte
	}{
		{"length 0", enc{}.i32(0)},
		{"length -1", enc{}.i32(-1)},
		{"smallest length", enc{}.i32(-1 << 31)},
		{"longer than jute.maxbuffer", enc{}.i32(1048576)},
		{"an HTTP request", []byte("GET / HTTP/1.1\r\n\r\n")},
		{"truncated connect request", append(enc{}.i32(20), connectFrame[:20]...)},
		{"password of negative length", append(enc{}.i32(28), append(append(enc{}, connectFrame[:24]...), enc{}.i32(-2)...)...)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := dial(t)
			c.writeRaw(tc.bytes)
			c.expectClosed()
		})
	}
	for _, tc := range []struct {
		name  string
		bytes []byte
	}{
		{"length 0", enc{}.i32(0)},
		{"length -1", enc{}.i32(-1)},
		{"longer than jute.maxbuffer", enc{}.i32(1048576)},
		{"truncated request header", append(enc{}.i32(7), 0, 0, 0, 1, 0, 0, 0)},
		{"four-letter word", []byte("ruok")},
	} {
		t.Run(tc.name+" in a session", func(t *testing.T) {
			c := client(t)
			c.writeRaw(tc.bytes)
			c.expectClosed()
		})
	}
}

func TestLargestFrame(t *testing.T) {
	c := client(t)
	c.create("/largest", "", persistent)
	overhead := 8 + len(setData("/largest", []byte{}, -1))
	r := c.must(opSetData, setData("/largest", make([]byte, 1048575-overhead), -1))
	if s := r.stat(); int(s.DataLength) != 1048575-overhead {
		t.Errorf("dataLength %d, want %d", s.DataLength, 1048575-overhead)
	}
	g := c.must(opGetData, pathWatch("/largest", false))
	if n := len(g.buf()); n != 1048575-overhead {
		t.Errorf("got %d bytes back", n)
	}
	c.set("/largest", "")
}
