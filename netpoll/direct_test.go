package netpoll

import (
	"testing"
)

// TestEndNow writes to a socket from outside its loop when nothing stands before it, and leaves it to the loop otherwise.
func TestEndNow(t *testing.T) {
	e := &echo{}
	s := start(t, Options{}, e)
	nc := dial(t, s)
	c := e.conn(t, 0)
	now := func(text string) bool { return c.EndNow(append(c.Begin(), text...), &Sent{}) }

	if !now("a") {
		t.Error("an idle connection was left to its loop")
	}
	expect(t, nc, []byte("a"))

	c.End(append(c.Begin(), "b"...))
	if now("c") {
		t.Error("it overtook what had gathered")
	}
	s.Flush()
	expect(t, nc, []byte("bc"))

	c.CloseSoon(true)
	if now("d") {
		t.Error("a connection was written to that its loop closes")
	}
	s.Flush()
	expect(t, nc, []byte("d"))
	expectEnd(t, nc)
}

// TestEndNowWaitsForNobody fills the socket of a client that does not read: the loop takes over in the middle, and goes
// on where the socket was full.
func TestEndNowWaitsForNobody(t *testing.T) {
	const part = 64 << 10
	e := &echo{}
	s := start(t, Options{OutputSoftMax: 64 << 20, OutputHardMax: 64 << 20}, e)
	nc := dial(t, s)
	c := e.conn(t, 0)
	want := pattern(16 << 20)
	direct := 0
	for at := 0; at < len(want); at += part {
		if c.EndNow(append(c.Begin(), want[at:at+part]...), &Sent{}) {
			direct++
		} else {
			s.Flush()
		}
	}
	if direct == 0 || direct == len(want)/part {
		t.Errorf("%d of %d parts were written directly", direct, len(want)/part)
	}
	expect(t, nc, want)
	for !c.EndNow(append(c.Begin(), '.'), &Sent{}) { // as soon as the loop knows that it is all gone
		s.Flush()
		expect(t, nc, []byte("."))
	}
	expect(t, nc, []byte("."))
}

// TestEndNowAfterClose goes on with a connection that is closed, whose file descriptor may be another's by now.
func TestEndNowAfterClose(t *testing.T) {
	e := &echo{}
	s := start(t, Options{}, e)
	nc := dial(t, s)
	old := e.conn(t, 0)
	nc.Close()
	e.closedWith(t, 0)
	nc = dial(t, s)
	e.conn(t, 1)
	for range 100 {
		if old.EndNow(append(old.Begin(), "for another"...), &Sent{}) {
			t.Fatal("a closed connection was written to")
		}
		s.Flush()
	}
	write(t, nc, frameOf("mine"))
	expect(t, nc, frameOf("mine"))
}

// TestEndNowTallies has each reply told once, by the loop or by who wrote it.
func TestEndNowTallies(t *testing.T) {
	told := make(chan int64, 10)
	e := &echo{}
	s := start(t, Options{Sent: func(_ *Loop, sent []Sent) {
		for i := range sent {
			told <- sent[i][0].Count
		}
	}}, e)
	nc := dial(t, s)
	c := e.conn(t, 0)
	replies := Sent{{Count: 2}}
	if !c.EndNow(append(c.Begin(), 'a'), &replies) {
		t.Error("an idle connection was left to its loop")
	}
	c.End(append(c.Begin(), 'b'))
	replies[0].Count = 3
	c.EndNow(append(c.Begin(), 'c'), &replies)
	s.Flush()
	expect(t, nc, []byte("abc"))
	if n := <-told; n != 3 {
		t.Errorf("the loop told of %d replies", n)
	}
}
