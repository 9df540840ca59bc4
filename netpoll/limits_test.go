package netpoll

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestConnectionsLeaveNothing opens and closes many connections, in rounds of as many as the process may
// have: while they rest there is no goroutine and no buffer for them, and afterwards nothing is left.
func TestConnectionsLeaveNothing(t *testing.T) {
	const perRound, rounds = 500, 10
	e := &echo{}
	s := start(t, Options{Loops: 2}, e)
	write(t, dial(t, s), frameOf("warm up"))
	before := runtime.NumGoroutine()
	var memory [rounds]uint64
	for round := range rounds {
		conns := make([]net.Conn, perRound)
		for i := range conns {
			nc, err := net.Dial("tcp", s.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			conns[i] = nc
			write(t, nc, frameOf("hello")[:6+i%4])
		}
		for i, nc := range conns {
			write(t, nc, frameOf("hello")[6+i%4:])
			expect(t, nc, frameOf("hello"))
		}
		if n := runtime.NumGoroutine(); n > before+10 {
			t.Fatalf("%d goroutines for %d connections, %d before", n, perRound, before)
		}
		e.mu.Lock()
		all := append([]*Conn(nil), e.opened...)
		e.mu.Unlock()
		for _, l := range s.loops {
			checked := make(chan int, 1)
			l.execute(task(func() {
				buffers := 0
				for _, c := range all {
					if c.loop == l && (c.input != nil || c.out != nil) {
						buffers++
					}
				}
				checked <- buffers
			}))
			if n := <-checked; n > 0 {
				t.Errorf("%d connections at rest have buffers", n)
			}
		}
		for _, nc := range conns {
			nc.Close()
		}
		e.wait(t, "the end of the round", func() bool { return len(e.closed) >= perRound })
		e.changed(func() { e.opened, e.closed = nil, nil })
		clear(all)
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		memory[round] = m.HeapAlloc
	}
	if first, last := memory[1], memory[rounds-1]; last > first+(1<<20) {
		t.Errorf("heap of %d bytes after 2 rounds, %d after %d", first, last, rounds)
	}
}

func TestBacklog(t *testing.T) {
	const backlog = 7
	s := start(t, Options{Backlog: backlog}, &echo{})
	raw, err := s.listener.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var info *unix.TCPInfo
	controlErr := raw.Control(func(fd uintptr) {
		info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if err != nil || controlErr != nil {
		t.Fatal(err, controlErr)
	}
	if info.Sacked != backlog { // of a listening socket, this field is the backlog
		t.Errorf("backlog %d", info.Sacked)
	}
	nc := dial(t, s)
	write(t, nc, frameOf("x"))
	expect(t, nc, frameOf("x"))
}

const (
	childEnv   = "NETPOLL_TEST_ADMIT" // how many connections the child admits, 0 for all
	childFiles = 128
)

// TestFileLimitChild is the server of TestFlood, in a process of its own.
func TestFileLimitChild(t *testing.T) {
	admit, err := strconv.Atoi(os.Getenv(childEnv))
	if err != nil {
		t.Skip("is run by TestFlood")
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: childFiles, Max: childFiles}); err != nil {
		t.Fatal(err)
	}
	s, err := Start(Options{Addr: "127.0.0.1:0", Loops: 2}, &admitting{max: int64(admit)})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("address %s\n", s.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent ends
	os.Exit(0)
}

// admitting takes in a limited number of connections and tells them whether the process can open a file.
type admitting struct {
	max  int64
	open atomic.Int64
}

func (a *admitting) Opened(*Conn) bool {
	if n := a.open.Add(1); a.max > 0 && n > a.max {
		a.open.Add(-1)
		return false
	}
	return true
}

func (a *admitting) Word(*Conn, uint32) bool { return false }

func (a *admitting) Frame(c *Conn, _ []byte) bool {
	answer := "ok"
	if f, err := os.Open(os.DevNull); err != nil {
		answer = "no"
	} else {
		f.Close()
	}
	c.End(appendFrame(c.Begin(), []byte(answer)))
	return true
}

func (a *admitting) Done(c *Conn) { c.Flush() }

func (a *admitting) Heard(*Conn) {}

func (a *admitting) Closed(*Conn, error) { a.open.Add(-1) }

// TestFlood floods a server with more connections than it may have files. It goes on serving those that it
// has, can open files when it admits few enough, and takes new connections when the flood is over.
func TestFlood(t *testing.T) {
	for _, admit := range []int{0, childFiles / 2} {
		t.Run(fmt.Sprintf("%d admitted", admit), func(t *testing.T) { flood(t, admit) })
	}
}

func flood(t *testing.T, admit int) {
	child := exec.Command(os.Args[0], "-test.run=^TestFileLimitChild$", "-test.v")
	child.Env = append(os.Environ(), fmt.Sprintf("%s=%d", childEnv, admit))
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stdin.Close()
		_ = child.Process.Kill()
		_ = child.Wait()
	}()
	addr := ""
	for lines := bufio.NewScanner(stdout); addr == "" && lines.Scan(); {
		if _, after, ok := strings.Cut(lines.Text(), "address "); ok {
			addr = after
		}
	}
	if addr == "" {
		t.Fatal("the server did not start")
	}
	old := dialAddr(t, addr)
	ask := func(nc net.Conn) string {
		t.Helper()
		write(t, nc, frameOf("?"))
		answer := make([]byte, 6)
		if _, err := io.ReadFull(nc, answer); err != nil {
			t.Fatal(err)
		}
		return string(answer[4:])
	}
	ask(old)
	var conns []net.Conn
	for range 400 {
		nc, err := net.DialTimeout("tcp", addr, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		conns = append(conns, nc)
		if answer := ask(old); admit > 0 && answer != "ok" {
			t.Fatal("no file can be opened")
		}
	}
	for _, nc := range conns {
		nc.Close()
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		nc := dialAddr(t, addr)
		write(t, nc, frameOf("?"))
		if _, err := io.ReadFull(nc, make([]byte, 6)); err == nil {
			return
		}
		nc.Close() // refused: the end of the flood was not seen yet
		if time.Now().After(deadline) {
			t.Fatal("no connection is admitted after the flood")
		}
	}
}
