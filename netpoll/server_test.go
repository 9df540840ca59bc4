package netpoll

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// echo sends frames back. What a test needs differently it sets.
type echo struct {
	refuse      atomic.Bool
	established bool // Word is not asked
	quiet       bool // frames are counted and not sent back

	onFrame func(c *Conn, frame []byte) bool
	onWord  func(c *Conn, word uint32) bool
	onDone  func(c *Conn)

	mu     sync.Mutex
	opened []*Conn
	closed map[*Conn]error
	frames int
	cond   chan struct{} // closed, and replaced, with every change
}

func (e *echo) changed(change func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change()
	if e.cond != nil {
		close(e.cond)
	}
	e.cond = make(chan struct{})
}

// wait waits until condition, which is called with the lock held, says so.
func (e *echo) wait(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		e.mu.Lock()
		ok := condition()
		if e.cond == nil {
			e.cond = make(chan struct{})
		}
		cond := e.cond
		e.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-cond:
		case <-deadline:
			t.Fatalf("waiting for %s", what)
		}
	}
}

func (e *echo) Opened(c *Conn) bool {
	if e.established {
		c.SetEstablished()
	}
	if e.refuse.Load() {
		return false
	}
	e.changed(func() { e.opened = append(e.opened, c) })
	return true
}

func (e *echo) Word(c *Conn, word uint32) bool { return e.onWord != nil && e.onWord(c, word) }

func (e *echo) Frame(c *Conn, frame []byte) bool {
	if e.quiet {
		e.changed(func() { e.frames++ })
	}
	if e.onFrame != nil {
		return e.onFrame(c, frame)
	}
	if !e.quiet {
		c.End(appendFrame(c.Begin(), frame))
	}
	return true
}

func (e *echo) Done(c *Conn) {
	if e.onDone != nil {
		e.onDone(c)
	}
	c.Flush()
}

func (e *echo) Heard(*Conn) {}

func (e *echo) Closed(c *Conn, err error) {
	e.changed(func() {
		if e.closed == nil {
			e.closed = map[*Conn]error{}
		}
		if _, again := e.closed[c]; again {
			panic("closed twice")
		}
		e.closed[c] = err
	})
}

// conn returns connection i, in the order of Opened.
func (e *echo) conn(t testing.TB, i int) *Conn {
	t.Helper()
	e.wait(t, "a connection", func() bool { return len(e.opened) > i })
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.opened[i]
}

// closedWith waits for the end of connection i, and returns the reason.
func (e *echo) closedWith(t testing.TB, i int) error {
	t.Helper()
	c := e.conn(t, i)
	e.wait(t, "the end of a connection", func() bool { _, ok := e.closed[c]; return ok })
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed[c]
}

func appendFrame(b, frame []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(frame))), frame...)
}

func frameOf(s string) []byte { return appendFrame(nil, []byte(s)) }

func start(t testing.TB, opts Options, h Handler) *Server {
	t.Helper()
	if opts.Addr == "" {
		opts.Addr = "127.0.0.1:0"
	}
	s, err := Start(opts, h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

func dial(t testing.TB, s *Server) *net.TCPConn {
	t.Helper()
	return dialAddr(t, s.Addr().String())
}

func dialAddr(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(60 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return nc.(*net.TCPConn)
}

func write(t testing.TB, nc net.Conn, b []byte) {
	t.Helper()
	if _, err := nc.Write(b); err != nil {
		t.Fatal(err)
	}
}

func expect(t testing.TB, nc net.Conn, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(nc, got); err != nil {
		t.Fatalf("%d bytes of %d: %v", n, len(want), err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("the reply differs")
	}
}

func expectEnd(t testing.TB, nc net.Conn) {
	t.Helper()
	if n, err := nc.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Fatalf("read %d, %v, want the end", n, err)
	}
}

func TestEchoSplitAnywhere(t *testing.T) {
	s := start(t, Options{}, &echo{})
	stream := append(append(frameOf("one"), frameOf("two and more")...), frameOf("3")...)
	for cut := 1; cut < len(stream); cut++ {
		nc := dial(t, s)
		write(t, nc, stream[:cut])
		whole := 0 // what can be answered by now
		for whole+4 <= cut && whole+4+int(binary.BigEndian.Uint32(stream[whole:])) <= cut {
			whole += 4 + int(binary.BigEndian.Uint32(stream[whole:]))
		}
		expect(t, nc, stream[:whole])
		write(t, nc, stream[cut:])
		expect(t, nc, stream[whole:])
		nc.Close()
	}
}

func TestByteByByte(t *testing.T) {
	s := start(t, Options{}, &echo{})
	nc := dial(t, s)
	stream := append(frameOf("slow"), frameOf("slower")...)
	for i := range stream {
		write(t, nc, stream[i:i+1])
	}
	expect(t, nc, stream)
}

func TestManyFramesAtOnce(t *testing.T) {
	s := start(t, Options{}, &echo{})
	nc := dial(t, s)
	var stream []byte
	for i := range 20_000 {
		stream = appendFrame(stream, fmt.Appendf(nil, "frame %d", i))
	}
	go nc.Write(stream)
	expect(t, nc, stream)
}

func TestFrameLengths(t *testing.T) {
	const frameMax = 100_000
	for _, c := range []struct {
		name   string
		length uint32
		ok     bool
	}{
		{"zero", 0, false},
		{"negative", 0xffffffff, false},
		{"most negative", 0x80000000, false},
		{"too long", frameMax + 1, false},
		{"longest", frameMax, true},
		{"shortest", 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &echo{established: true}
			s := start(t, Options{FrameMax: frameMax}, e)
			nc := dial(t, s)
			// A good frame before it is answered all the same.
			write(t, nc, binary.BigEndian.AppendUint32(frameOf("good"), c.length))
			expect(t, nc, frameOf("good"))
			if !c.ok {
				expectEnd(t, nc)
				if err := e.closedWith(t, 0); !errors.Is(err, ErrFrameLength) {
					t.Errorf("reason %v", err)
				}
				return
			}
			body := bytes.Repeat([]byte{7}, int(c.length))
			write(t, nc, body)
			expect(t, nc, appendFrame(nil, body))
		})
	}
}

func TestWordUntilEstablished(t *testing.T) {
	const ruok = 0x72756f6b
	var asked []uint32
	e := &echo{}
	e.onWord = func(c *Conn, word uint32) bool {
		asked = append(asked, word)
		if word != ruok {
			return false
		}
		c.Append([]byte("imok"))
		c.CloseSoon(true)
		c.Flush()
		return true
	}
	e.onFrame = func(c *Conn, frame []byte) bool {
		if string(frame) == "hello" {
			c.SetEstablished()
		}
		c.End(appendFrame(c.Begin(), frame))
		return true
	}
	s := start(t, Options{}, e)

	nc := dial(t, s)
	write(t, nc, []byte("ruok\nand what follows is ignored"))
	expect(t, nc, []byte("imok"))
	expectEnd(t, nc)
	nc.Close()
	if err := e.closedWith(t, 0); err != nil && !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "EOF") {
		t.Errorf("reason %v", err)
	}

	nc = dial(t, s)
	write(t, nc, append(frameOf("before"), frameOf("hello")...))
	expect(t, nc, append(frameOf("before"), frameOf("hello")...))
	write(t, nc, []byte("ruok"))
	expectEnd(t, nc)
	if err := e.closedWith(t, 1); !errors.Is(err, ErrFrameLength) {
		t.Errorf("reason %v", err)
	}
	if len(asked) != 3 || asked[0] != ruok || asked[1] != 6 || asked[2] != 5 {
		t.Errorf("asked for the words %x", asked)
	}
}

func TestFrameRefused(t *testing.T) {
	e := &echo{}
	e.onFrame = func(c *Conn, frame []byte) bool {
		c.End(appendFrame(c.Begin(), frame))
		return string(frame) != "stop"
	}
	s := start(t, Options{}, e)
	nc := dial(t, s)
	write(t, nc, append(frameOf("go"), frameOf("stop")...))
	expect(t, nc, append(frameOf("go"), frameOf("stop")...))
	expectEnd(t, nc)
	if err := e.closedWith(t, 0); err != nil {
		t.Errorf("reason %v", err)
	}
}

func TestRefusedConnection(t *testing.T) {
	e := &echo{}
	e.refuse.Store(true)
	s := start(t, Options{}, e)
	for range 20 {
		expectEnd(t, dial(t, s))
	}
	e.refuse.Store(false)
	nc := dial(t, s)
	write(t, nc, frameOf("in"))
	expect(t, nc, frameOf("in"))
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.opened) != 1 || len(e.closed) != 0 {
		t.Errorf("%d connections, %d closed", len(e.opened), len(e.closed))
	}
}

func TestAddresses(t *testing.T) {
	e := &echo{}
	s := start(t, Options{Addr: ":0"}, e)
	port := s.Addr().(*net.TCPAddr).Port
	if port == 0 {
		t.Fatal("no port")
	}
	nc := dialAddr(t, fmt.Sprintf("127.0.0.1:%d", port))
	if got, want := e.conn(t, 0).Remote(), netip.MustParseAddrPort(nc.LocalAddr().String()); got != want {
		t.Errorf("remote %s, want %s", got, want)
	}
	if l, err := net.Listen("tcp6", "[::1]:0"); err != nil {
		t.Log("no IPv6 here")
	} else {
		l.Close()
		nc := dialAddr(t, fmt.Sprintf("[::1]:%d", port))
		if got, want := e.conn(t, 1).Remote(), netip.MustParseAddrPort(nc.LocalAddr().String()); got != want {
			t.Errorf("remote %s, want %s", got, want)
		}
	}

	_, err := Start(Options{Addr: fmt.Sprintf(":%d", port)}, e)
	if err == nil || !strings.Contains(err.Error(), "the port is taken") || !strings.Contains(err.Error(), fmt.Sprint(port)) {
		t.Errorf("error of a taken port: %v", err)
	}
	if _, err := Start(Options{Addr: "192.0.2.1:0"}, e); err == nil || !strings.Contains(err.Error(), "clientPortAddress") {
		t.Errorf("error of a foreign address: %v", err)
	}
	if _, err := Start(Options{Addr: "no port"}, e); err == nil || !strings.Contains(err.Error(), "listen on no port") {
		t.Errorf("error of an address without a port: %v", err)
	}
}

func TestStop(t *testing.T) {
	e := &echo{}
	s := start(t, Options{Loops: 2}, e)
	var conns []*net.TCPConn
	for range 50 {
		conns = append(conns, dial(t, s))
	}
	e.wait(t, "all connections", func() bool { return len(e.opened) == len(conns) })
	stopping := make(chan struct{})
	var writers sync.WaitGroup
	for i := range 4 { // output goes on while the server stops
		c := e.conn(t, i)
		writers.Go(func() {
			for {
				c.End(append(c.Begin(), 0))
				s.Flush()
				select {
				case <-stopping:
					return
				default:
				}
			}
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for range 2 {
		if err := s.Stop(ctx); err != nil {
			t.Fatal(err)
		}
	}
	close(stopping)
	writers.Wait()
	e.mu.Lock()
	if len(e.closed) != len(conns) {
		t.Errorf("%d connections closed", len(e.closed))
	}
	e.mu.Unlock()
	for _, nc := range conns {
		if _, err := io.Copy(io.Discard, nc); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Error(err)
		}
	}
	if nc, err := net.Dial("tcp", s.Addr().String()); err == nil {
		nc.Close()
		t.Error("the port is still open")
	}
}

// TestStopGivesUp stops while a handler blocks.
func TestStopGivesUp(t *testing.T) {
	blocked, free := make(chan struct{}), make(chan struct{})
	e := &echo{onFrame: func(*Conn, []byte) bool {
		close(blocked)
		<-free
		return true
	}}
	s := start(t, Options{}, e)
	write(t, dial(t, s), frameOf("x"))
	<-blocked
	dial(t, s) // cannot be opened now
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := s.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stopped with %v", err)
	}
	close(free)
}

// task is a function that a loop runs.
type task func()

func (f task) Run(context.Context) error {
	f()
	return nil
}
