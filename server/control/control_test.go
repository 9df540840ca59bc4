package control

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gamekeeper/proto"
)

// fake is a handler with a log of records that tell their zxid.
type fake struct {
	mu       sync.Mutex
	next     uint64
	pins     map[uint64]string
	released chan uint64
	last     proto.Zxid
	record   []byte // behind the zxid in each record
	err      error
	block    chan struct{} // Checkpoint waits for it, or for the context
}

func newFake() *fake { return &fake{pins: map[uint64]string{}, released: make(chan uint64, 100)} }

func (f *fake) Checkpoint(ctx context.Context, dir string) (Checkpoint, error) {
	if f.block != nil {
		select {
		case <-f.block:
		case <-ctx.Done():
			return Checkpoint{}, ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return Checkpoint{}, f.err
	}
	f.next++
	f.pins[f.next] = dir
	return Checkpoint{ID: f.next, HasSnapshot: true, LogBase: 3, Last: f.last}, nil
}

func (f *fake) Release(id uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.pins[id]; !ok {
		return fmt.Errorf("%d is not pinned", id)
	}
	delete(f.pins, id)
	f.released <- id
	return nil
}

// pinned is how many checkpoints are pinned.
func (f *fake) pinned() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.pins)
}

func (f *fake) ReadLog(ctx context.Context, after, until proto.Zxid, visit func(proto.Zxid, []byte) error) error {
	for z := after + 1; z <= until; z++ {
		if z > f.last {
			return fmt.Errorf("%s is after the end", z)
		}
		if err := visit(z, append([]byte(z.String()), f.record...)); err != nil {
			return err
		}
	}
	return nil
}

func (f *fake) Status(context.Context) (Status, error) {
	return Status{Version: "3", LastZxid: f.last}, f.err
}

func serve(t *testing.T, dir string, f *fake) *Server {
	t.Helper()
	s, err := Listen(Path(dir), f, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func connect(t *testing.T, dir string) *Client {
	t.Helper()
	c, err := Dial(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestCalls(t *testing.T) {
	dir, f := t.TempDir(), newFake()
	f.last = 5000
	f.record = bytes.Repeat([]byte{7}, 1000)
	serve(t, dir, f)
	c := connect(t, dir)
	st, err := c.Status(t.Context())
	if err != nil || st.LastZxid != f.last {
		t.Fatalf("status: %+v, %v", st, err)
	}
	cp, err := c.Checkpoint(t.Context(), filepath.Join(dir, "copy"))
	if err != nil || !cp.HasSnapshot || cp.Last != f.last || cp.LogBase != 3 || f.pinned() != 1 {
		t.Fatalf("checkpoint: %+v, %v", cp, err)
	}
	want := proto.Zxid(4)
	err = c.ReadLog(t.Context(), 3, 4321, func(z proto.Zxid, record []byte) error {
		if z != want || string(record) != z.String()+string(f.record) {
			t.Fatalf("record %s of %d bytes, want %s", z, len(record), want)
		}
		want++
		return nil
	})
	if err != nil || want != 4322 {
		t.Fatalf("read up to %s: %v", want, err)
	}
	if err := c.ReadLog(t.Context(), 7, 7, nil); err != nil {
		t.Fatal(err)
	}
	n := 0
	err = c.ReadLog(t.Context(), f.last-1, f.last+1, func(proto.Zxid, []byte) error { n++; return nil })
	if n != 1 || err == nil || !strings.Contains(err.Error(), "after the end") {
		t.Fatalf("%d records past the end: %v", n, err)
	}
	if err := c.Release(cp.ID); err != nil || f.pinned() != 0 {
		t.Fatalf("release: %v, %d pinned", err, f.pinned())
	}
	if err := c.Release(cp.ID); err != nil {
		t.Fatalf("second release: %v", err)
	}
	f.err = errors.New("no space")
	if _, err := c.Checkpoint(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "no space") {
		t.Fatal(err)
	}
}

func TestAVisitorsErrorEndsTheReading(t *testing.T) {
	dir, f := t.TempDir(), newFake()
	f.last = 1 << 20
	serve(t, dir, f)
	c := connect(t, dir)
	full := errors.New("full")
	if err := c.ReadLog(t.Context(), 0, f.last, func(proto.Zxid, []byte) error { return full }); err != full {
		t.Fatal(err)
	}
	if _, err := c.Status(t.Context()); !errors.Is(err, full) {
		t.Fatalf("the connection is still used: %v", err)
	}
}

func TestALostConnectionReleases(t *testing.T) {
	dir, f := t.TempDir(), newFake()
	serve(t, dir, f)
	c := connect(t, dir)
	other := connect(t, dir)
	for range 2 {
		if _, err := c.Checkpoint(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := other.Checkpoint(t.Context(), "y")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	<-f.released
	<-f.released
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.pins) != 1 || f.pins[kept.ID] == "" {
		t.Fatalf("pinned: %v", f.pins)
	}
}

func TestOnlyOwnPinsAreReleased(t *testing.T) {
	dir, f := t.TempDir(), newFake()
	serve(t, dir, f)
	cp, err := connect(t, dir).Checkpoint(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := connect(t, dir).Release(cp.ID); err != nil || f.pinned() != 1 {
		t.Fatalf("%v, %d pinned", err, f.pinned())
	}
}

func TestAContextEndsACall(t *testing.T) {
	dir, f := t.TempDir(), newFake()
	f.block = make(chan struct{})
	serve(t, dir, f) // its Close must end the handler, too
	c := connect(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := c.Checkpoint(ctx, "x")
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// holder is a fake that holds its log.
type holder struct{ *fake }

// HoldLog implements LogHolder.
func (h holder) HoldLog(after proto.Zxid) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.next++
	h.pins[h.next] = after.String()
	return h.next
}

func TestHolds(t *testing.T) {
	dir, f := t.TempDir(), newFake()
	s, err := Listen(Path(dir), holder{f}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := connect(t, dir)
	for i, name := range []string{"a", "b", "a"} {
		if err := c.HoldLog(t.Context(), name, proto.Zxid(i), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if id := <-f.released; id != 1 || f.pinned() != 2 {
		t.Fatalf("%d was released, %d are pinned", id, f.pinned())
	}
	if err := c.HoldLog(t.Context(), "c", 9, time.Nanosecond); err != nil {
		t.Fatal(err)
	}
	if id := <-f.released; id != 4 {
		t.Fatalf("%d was released", id)
	}
	if err := c.Close(); err != nil || f.pinned() != 2 {
		t.Fatalf("%v; %d are pinned", err, f.pinned())
	}
	if err := s.Close(); err != nil || f.pinned() != 0 {
		t.Fatalf("%v; %d are pinned", err, f.pinned())
	}
	dir = t.TempDir()
	serve(t, dir, f)
	if err := connect(t, dir).HoldLog(t.Context(), "a", 1, time.Hour); err == nil {
		t.Fatal("a handler without HoldLog holds")
	}
}

func TestTheSocket(t *testing.T) {
	dir, f := t.TempDir(), newFake()
	if _, err := Dial(t.Context(), dir); !errors.Is(err, ErrNotRunning) {
		t.Fatalf("without a socket: %v", err)
	}
	s := serve(t, dir, f)
	st, err := os.Stat(Path(dir))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", st.Mode(), err)
	}
	if _, err := Listen(Path(dir), f, nil); !errors.Is(err, ErrRunning) {
		t.Fatalf("a second server: %v", err)
	}
	c := connect(t, dir)
	if _, err := c.Status(t.Context()); err != nil {
		t.Fatalf("after a second server: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(Path(dir)); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("after Close: %v", err)
	}
	if _, err := c.Status(t.Context()); err == nil {
		t.Fatal("a closed server answers")
	}
}

func TestTheSocketOfADeadServerIsReplaced(t *testing.T) {
	dir := t.TempDir()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: Path(dir), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(t.Context(), dir); !errors.Is(err, ErrNotRunning) {
		t.Fatalf("a socket without a server: %v", err)
	}
	serve(t, dir, newFake())
	if _, err := connect(t, dir).Status(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestLongDirectories(t *testing.T) {
	dir := t.TempDir()
	for range 8 {
		dir = filepath.Join(dir, strings.Repeat("n", 50))
	}
	if _, err := Dial(t.Context(), dir); !errors.Is(err, ErrNotRunning) {
		t.Fatalf("without a directory: %v", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(t.Context(), dir); !errors.Is(err, ErrNotRunning) {
		t.Fatalf("without a socket: %v", err)
	}
	serve(t, dir, newFake())
	if _, err := connect(t, dir).Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(Path(dir), newFake(), nil); !errors.Is(err, ErrRunning) {
		t.Fatalf("a second server: %v", err)
	}
}

func TestRequestsThatMakeNoSense(t *testing.T) {
	for _, line := range []string{"x", "{}", `{"op":"dance"}`, `{"op":3}`, ""} {
		dir := t.TempDir()
		serve(t, dir, newFake())
		conn, err := net.Dial("unix", Path(dir))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(line + "\n")); err != nil {
			t.Fatal(err)
		}
		answer, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.Contains(answer, `"error":`) {
			t.Errorf("%s: %q, %v", line, answer, err)
		}
		_ = conn.Close()
	}
}

func TestARequestWithoutEndIsCutOff(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, newFake())
	conn, err := net.Dial("unix", Path(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = conn.Write(bytes.Repeat([]byte{'x'}, 2*requestBytesMax)) // fails when the server has had enough
	if b, err := bufio.NewReader(conn).ReadString('\n'); err == nil {
		t.Fatalf("answered %q", b)
	}
}

func FuzzBlock(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 7})
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 1, 255, 255, 255, 255, 7})
	f.Fuzz(func(t *testing.T, b []byte) {
		size := 0
		err := visitBlock(b, func(_ proto.Zxid, record []byte) error {
			size += recordHeaderBytes + len(record)
			return nil
		})
		if err == nil && size != len(b) {
			t.Fatalf("%d of %d bytes shown", size, len(b))
		}
	})
}
