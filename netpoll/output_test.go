package netpoll

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/panjf2000/gnet/v2"
)

// TestOutputOrder has goroutines append numbered frames to several connections at once, some by writing to the socket
// themselves, while the clients keep the loops busy: each writer's frames arrive whole and in order.
func TestOutputOrder(t *testing.T) {
	const conns, writers, perWriter = 4, 4, 200
	e := &echo{quiet: true}
	s := start(t, Options{Loops: 2}, e)
	var group sync.WaitGroup
	for i := range conns {
		nc := dial(t, s)
		c := e.conn(t, i)
		for w := range writers {
			group.Go(func() {
				for n := range perWriter {
					frame := binary.BigEndian.AppendUint32([]byte{byte(w)}, uint32(n))
					if out := appendFrame(c.Begin(), frame); n%3 > 0 {
						c.EndNow(out, &Sent{})
					} else {
						c.End(out)
					}
					if n%7 == 0 {
						s.Flush()
					}
				}
				s.Flush()
			})
		}
		group.Go(func() {
			for range 200 { // has Done flush on the loop
				if _, err := nc.Write(frameOf("x")); err != nil {
					t.Error(err)
					return
				}
			}
		})
		group.Go(func() {
			var next [writers]uint32
			frame := make([]byte, 9)
			for range writers * perWriter {
				if _, err := io.ReadFull(nc, frame); err != nil {
					t.Error(err)
					return
				}
				w, n := frame[4], binary.BigEndian.Uint32(frame[5:])
				if n != next[w] {
					t.Errorf("writer %d: frame %d, want %d", w, n, next[w])
					return
				}
				next[w]++
			}
		})
	}
	group.Wait()
}

// TestEveryFlushArrives looks for a wake-up that is lost: each byte is waited for before the next is sent.
func TestEveryFlushArrives(t *testing.T) {
	e := &echo{}
	s := start(t, Options{}, e)
	nc := dial(t, s)
	c := e.conn(t, 0)
	for i := range 500 {
		c.End(append(c.Begin(), byte(i)))
		s.Flush()
		expect(t, nc, []byte{byte(i)})
	}
}

// TestOutputAfterClose appends to a connection that is closed already.
func TestOutputAfterClose(t *testing.T) {
	e := &echo{}
	s := start(t, Options{}, e)
	nc := dial(t, s)
	c := e.conn(t, 0)
	nc.Close()
	e.closedWith(t, 0)
	for range 100 {
		c.End(append(c.Begin(), make([]byte, 1000)...))
		c.CloseSoon(true)
		c.CloseSoon(false)
		s.Flush()
	}
	nc = dial(t, s) // may have the same file descriptor
	write(t, nc, frameOf("next"))
	expect(t, nc, frameOf("next"))
	c.loop.mu.Lock()
	defer c.loop.mu.Unlock()
	seen := map[*byte]bool{}
	for _, b := range c.loop.bufs {
		if at := &b[:1][0]; seen[at] {
			t.Error("a buffer was given back twice")
		} else {
			seen[at] = true
		}
	}
}

func TestCloseNow(t *testing.T) {
	e := &echo{}
	s := start(t, Options{}, e)
	nc := dial(t, s)
	c := e.conn(t, 0)
	c.End(append(c.Begin(), "last"...))
	c.CloseSoon(false)
	s.Flush()
	expect(t, nc, []byte("last"))
	expectEnd(t, nc)
	if err := e.closedWith(t, 0); err != nil {
		t.Errorf("reason %v", err)
	}
}

// pattern is output that shows where bytes are missing: blocks of random bytes, each with its number.
func pattern(n int) []byte {
	block := make([]byte, 1<<12)
	r := rand.New(rand.NewPCG(1, 2))
	for i := 0; i < len(block); i += 8 {
		binary.LittleEndian.PutUint64(block[i:], r.Uint64())
	}
	b := make([]byte, 0, n)
	for i := uint32(0); len(b) < n; i++ {
		binary.BigEndian.PutUint32(block, i)
		b = append(b, block[:min(len(block), n-len(b))]...)
	}
	return b
}

// TestLinger closes a connection behind much output while the client has sent what nobody will read: the
// client gets every byte, however late it reads, and the end of the stream, not a reset.
func TestLinger(t *testing.T) {
	e := &echo{}
	var once sync.Once
	last := pattern(3 << 20)
	e.onFrame = func(c *Conn, _ []byte) bool {
		once.Do(func() {
			c.Append(last)
			c.CloseSoon(true)
		})
		return true
	}
	s := start(t, Options{LingerMax: 20 * time.Second}, e)
	nc := dial(t, s)
	write(t, nc, frameOf("close"))
	for range 50 {
		write(t, nc, frameOf("unread"))
	}
	buf := make([]byte, 64<<10)
	for got := 0; got < len(last); {
		n, err := nc.Read(buf)
		if err != nil {
			t.Fatalf("after %d bytes: %v", got, err)
		}
		if !bytes.Equal(buf[:n], last[got:got+n]) {
			t.Fatal("the output differs")
		}
		got += n
		if got < len(last)/2 {
			write(t, nc, frameOf("more that nobody reads"))
		}
	}
	expectEnd(t, nc)
	nc.Close()
	e.closedWith(t, 0)
}

// TestLingerEnds half closes and waits for a client that does nothing.
func TestLingerEnds(t *testing.T) {
	const lingerMax = 100 * time.Millisecond
	e := &echo{}
	s := start(t, Options{LingerMax: lingerMax}, e)
	nc := dial(t, s)
	c := e.conn(t, 0)
	c.End(append(c.Begin(), "last"...))
	c.CloseSoon(true)
	begun := time.Now()
	s.Flush()
	if err := e.closedWith(t, 0); err != nil {
		t.Errorf("reason %v", err)
	}
	if took := time.Since(begun); took < lingerMax {
		t.Errorf("closed after %s", took)
	}
	expect(t, nc, []byte("last"))
	expectEnd(t, nc)

	// One that does not read at all.
	dial(t, s)
	c = e.conn(t, 1)
	c.End(append(c.Begin(), pattern(16<<20)...))
	c.CloseSoon(true)
	s.Flush()
	e.closedWith(t, 1)
}

// TestLingerIgnoresLateOutput appends to a connection that is half closed.
func TestLingerIgnoresLateOutput(t *testing.T) {
	e := &echo{}
	s := start(t, Options{}, e)
	nc := dial(t, s)
	c := e.conn(t, 0)
	c.End(append(c.Begin(), "last"...))
	c.CloseSoon(true)
	s.Flush()
	expect(t, nc, []byte("last"))
	expectEnd(t, nc)
	c.End(append(c.Begin(), "late"...))
	s.Flush()
	nc.Close()
	if err := e.closedWith(t, 0); err != nil && errors.Is(err, syscall.EPIPE) {
		t.Errorf("reason %v", err)
	}
}

// TestParked has a client send requests and not read the replies: its input waits, and all is answered, in
// order, when it reads.
func TestParked(t *testing.T) {
	reply := pattern(1 << 20)
	e := &echo{}
	e.onFrame = func(c *Conn, frame []byte) bool {
		c.End(appendFrame(append(c.Begin(), reply...), frame))
		c.Flush()
		return true
	}
	s := start(t, Options{OutputSoftMax: 2 << 20, OutputHardMax: 100 << 20}, e)
	nc := dial(t, s)
	const requests = 40
	var sent []byte
	for i := range requests {
		sent = appendFrame(sent, []byte{byte(i)})
	}
	write(t, nc, sent)
	c := e.conn(t, 0)
	onLoop := func(see func() bool) bool {
		answer := make(chan bool)
		c.loop.execute(task(func() { answer <- see() }))
		return <-answer
	}
	for !onLoop(func() bool { return c.parked }) {
	}
	if held := 0; onLoop(func() bool { held = c.gc.OutboundBuffered(); return held > 10<<20 }) {
		t.Errorf("%d bytes wait for a client that does not read", held)
	}
	write(t, nc, frameOf("!"))
	for i := range requests {
		expect(t, nc, reply)
		expect(t, nc, appendFrame(nil, []byte{byte(i)}))
	}
	expect(t, nc, reply)
	expect(t, nc, frameOf("!"))
	for onLoop(func() bool { return c.parked || c.watched || c.input != nil }) {
	}
}

func TestInputMax(t *testing.T) {
	reply := pattern(16 << 20)
	e := &echo{}
	var once sync.Once
	e.onFrame = func(c *Conn, _ []byte) bool {
		once.Do(func() { c.Append(reply) })
		return true
	}
	s := start(t, Options{OutputSoftMax: 1 << 20, InputMax: 1 << 20}, e)
	nc := dial(t, s)
	write(t, nc, frameOf("x"))
	flood := appendFrame(nil, make([]byte, 64<<10))
	for range 1000 {
		if _, err := nc.Write(flood); err != nil {
			break
		}
	}
	if err := e.closedWith(t, 0); !errors.Is(err, ErrInputFull) {
		t.Errorf("reason %v", err)
	}
}

func TestOutputHardMax(t *testing.T) {
	const hardMax = 16 << 20
	for _, c := range []struct {
		name  string
		write func(s *Server, c *Conn)
		want  error
	}{
		{"one reply may be larger", func(s *Server, c *Conn) {
			c.End(append(c.Begin(), make([]byte, hardMax+1)...))
			s.Flush()
			c.CloseSoon(false)
			s.Flush()
		}, nil},
		{"gathered", func(s *Server, c *Conn) {
			for range 18 {
				c.End(append(c.Begin(), make([]byte, 1<<20)...))
			}
			s.Flush()
		}, ErrOutputFull},
		{"sent little by little", func(s *Server, c *Conn) {
			for range 60 {
				c.End(append(c.Begin(), make([]byte, 1<<20)...))
				s.Flush()
			}
		}, ErrOutputFull},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &echo{}
			s := start(t, Options{OutputHardMax: hardMax}, e)
			dial(t, s)
			c.write(s, e.conn(t, 0))
			if err := e.closedWith(t, 0); !errors.Is(err, c.want) {
				t.Errorf("reason %v, want %v", err, c.want)
			}
		})
	}
}

// TestFrameIsGoodUntilDone has the client vanish in the middle of frames that lie in the connection's own
// buffer: when a reply fails, the frames must stay as they are until Done returns.
func TestFrameIsGoodUntilDone(t *testing.T) {
	e := &echo{}
	gone, done := make(chan struct{}), make(chan bool, 1)
	big := bytes.Repeat([]byte{1}, 100<<10)
	var seen []byte
	e.onFrame = func(c *Conn, frame []byte) bool {
		if len(frame) != len(big) {
			return true
		}
		seen = frame
		<-gone
		for !c.closed { // until the socket says that the client is gone
			c.Append(pattern(1 << 20))
			c.Flush()
		}
		return true
	}
	e.onDone = func(c *Conn) {
		if seen == nil {
			return
		}
		for range 10 { // what others would do with a buffer that was given back
			b := c.loop.takeBuffer()
			b = b[:cap(b)]
			for i := range b {
				b[i] = 9
			}
		}
		select {
		case done <- bytes.Equal(seen, big):
		default:
		}
	}
	s := start(t, Options{OutputHardMax: 1 << 40}, e)
	nc := dial(t, s)
	stream := appendFrame(nil, big)
	write(t, nc, stream)
	if err := nc.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	nc.Close() // with a reset
	close(gone)
	if !<-done {
		t.Error("the frame was overwritten before Done returned")
	}
	e.closedWith(t, 0)
}

// fakeSocket is a socket whose unsent output the test sets.
type fakeSocket struct {
	gnet.Conn
	gnet.EventLoop
	held, closes int
}

func (f *fakeSocket) OutboundBuffered() int { return f.held }
func (f *fakeSocket) Fd() int               { return -1 }
func (f *fakeSocket) Close(gnet.Conn) error { f.closes++; return nil }

// fakeConn is one on the loop of fakeSocket.
type fakeConn struct{ *fakeSocket }

func (f fakeConn) EventLoop() gnet.EventLoop { return f.fakeSocket }
func (f fakeConn) Close() error              { return nil }

// TestLingerWaitsForProgress counts the time from when the client read last, and then from the half close.
func TestLingerWaitsForProgress(t *testing.T) {
	opts := Options{LingerMax: time.Second}.withDefaults()
	socket := &fakeSocket{held: 100}
	begun := time.Unix(1000, 0)
	c := &Conn{loop: &Loop{opts: &opts}, gc: fakeConn{socket}, lingering: true,
		lingerHeld: 100, lingerUntil: begun.Add(opts.LingerMax)}
	for _, step := range []struct {
		after      time.Duration
		held       int
		goesOn     bool
		halfClosed bool
	}{
		{900 * time.Millisecond, 100, true, false},
		{950 * time.Millisecond, 50, true, false}, // so until 1950 ms
		{1900 * time.Millisecond, 50, true, false},
		{1900 * time.Millisecond, 0, true, true}, // until 2900 ms
		{1910 * time.Millisecond, 0, true, true}, // the drained output is noted: until 2910 ms
		{2900 * time.Millisecond, 0, true, true},
		{2920 * time.Millisecond, 0, false, true},
	} {
		socket.held = step.held
		if got := c.sweepLingering(begun.Add(step.after)); got != step.goesOn || c.halfClosed != step.halfClosed {
			t.Fatalf("after %s: goes on %v, half closed %v", step.after, got, c.halfClosed)
		}
	}
	if socket.closes != 1 {
		t.Errorf("closed %d times", socket.closes)
	}
}

// TestLastOutputToHalfClosed answers a client that has said all it has to say and closed its side, as nc does, and reads
// late: the answer arrives whole.
func TestLastOutputToHalfClosed(t *testing.T) {
	last := pattern(16 << 20)
	e := &echo{}
	e.onWord = func(c *Conn, _ uint32) bool {
		c.AnswerApart(func() []byte { return last })
		return true
	}
	s := start(t, Options{}, e)
	nc := dial(t, s)
	write(t, nc, []byte("word"))
	if err := nc.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	e.conn(t, 0)
	expect(t, nc, last)
	expectEnd(t, nc)
	e.closedWith(t, 0)
}
