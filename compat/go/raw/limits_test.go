package raw

import (
	"net"
	"testing"
)

func TestMaxClientCnxns(t *testing.T) {
	withConfig(t, "maxClientCnxns=5")
	var conns []*conn
	for range 5 {
		conns = append(conns, client(t))
	}
	for range 3 {
		if c := tryConnect(t); c != nil {
			t.Errorf("a sixth connection was let in")
		}
	}
	for _, c := range conns {
		c.must(opSync, onlyPath("/")) // undisturbed
	}
	conns[0].must(opCloseSession, nil)
	conns[0].expectClosed()
	eventually(t, "a place becomes free", func() bool { return tryConnect(t) != nil })
}

// tryConnect opens a session, or returns nil if the server refuses the
// connection; depending on timing that shows in any of the calls.
func tryConnect(t *testing.T) *conn {
	t.Helper()
	nc, err := net.DialTimeout("tcp", address(t), patience)
	if err != nil {
		return nil
	}
	t.Cleanup(func() { nc.Close() })
	c := &conn{Conn: nc, t: t}
	nc.Write(append(enc{}.i32(44), connectRequest{timeout: 5000, password: make([]byte, 16)}.encode()...))
	b, err := c.readFrame()
	if err != nil {
		return nil
	}
	d := dec{b: b}
	d.i32()
	c.timeout, c.session, c.password = d.i32(), d.i64(), d.buf()
	t.Cleanup(c.endSession)
	return c
}

func TestMaxBuffer(t *testing.T) {
	withConfig(t, "jute.maxbuffer=2000")
	c := client(t)
	c.create("/buffer", "", persistent)
	room := 2000 - 8 - len(setData("/buffer", []byte{}, -1))
	c.must(opSetData, setData("/buffer", make([]byte, room), -1))
	c.send(opSetData, setData("/buffer", make([]byte, room+1), -1))
	c.expectClosed()
	// Replies are not limited.
	c = client(t)
	for range 20 {
		c.create("/buffer/"+string(digits(200))+"-", "", sequential)
	}
	if got := len(c.children("/buffer")); got != 20 {
		t.Errorf("%d children", got)
	}
}

func digits(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = '0' + byte(i%10)
	}
	return b
}
