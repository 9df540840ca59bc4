package raw

import (
	"fmt"
	"testing"
)

func TestSequenceNumbers(t *testing.T) {
	c := client(t)
	c.create("/seq", "", persistent)
	expect := func(path string, flags int32, want string) {
		t.Helper()
		if got := c.create(path, "", flags); got != want {
			t.Errorf("create %q: got %q, want %q", path, got, want)
		}
	}
	expect("/seq/a-", sequential, "/seq/a-0000000000")
	expect("/seq/b-", ephemeralSequential, "/seq/b-0000000001")
	expect("/seq/plain", persistent, "/seq/plain") // counts
	expect("/seq/c-", sequential, "/seq/c-0000000003")
	c.delete("/seq/c-0000000003") // does not count
	expect("/seq/c-", sequential, "/seq/c-0000000004")
	expect("/seq/", sequential, "/seq/0000000005")
	expect("/seq/.", sequential, "/seq/.0000000006")
	expect("/seq/..", sequential, "/seq/..0000000007")
	if r := c.call(opCreate, create("/seq/plain", nil, open, persistent)); r.err != errNodeExists {
		t.Errorf("error %d", r.err)
	}
	if r := c.call(opCreate, create("/seq/x\x01", nil, open, sequential)); r.err != errBadArguments {
		t.Errorf("error %d", r.err)
	}
	expect("/seq/d-", sequential, "/seq/d-0000000008") // failures do not count
	r := c.must(opMulti, multi(
		sub{opCreate, create("/seq/e-", nil, open, sequential)},
		sub{opCreate, create("/seq/e-", nil, open, sequential)},
		sub{opCheck, pathVersion("/seq/none", -1)},
	))
	if res := r.multiResults(); len(res) != 3 || res[2].err != errNoNode {
		t.Errorf("multi: %+v", res)
	}
	expect("/seq/f-", sequential, "/seq/f-0000000009") // a failed multi does not count
	r = c.must(opCreateContainer, create("/seq/g-", nil, open, sequential))
	if path := r.str(); path != "/seq/g-0000000010" {
		t.Errorf("sequential container: %s", path)
	}
	r = c.must(opCreateTTL, createTTL("/seq/h-", nil, open, persistentSequentTTL, 1e9))
	if path := r.str(); path != "/seq/h-0000000011" {
		t.Errorf("sequential TTL: %s", path)
	}
	if s := c.stat("/seq"); s.Cversion != 13 || s.NumChildren != 11 {
		t.Errorf("12 creates and a delete: cversion %d, %d children", s.Cversion, s.NumChildren)
	}
	// An exact name that a sequence will want later.
	c.create("/seq/i-0000000013", "", persistent)
	if r := c.call(opCreate, create("/seq/i-", nil, open, sequential)); r.err != errNodeExists {
		t.Errorf("taken name: error %d, want %d", r.err, errNodeExists)
	}
}

func TestPipelinedSequence(t *testing.T) {
	c := client(t)
	c.create("/pipe", "", persistent)
	const n = 500
	for range n {
		c.send(opCreate, create("/pipe/n-", nil, open, sequential))
	}
	for i := range n {
		r := c.read()
		if got, want := r.str(), fmt.Sprintf("/pipe/n-%010d", i); got != want {
			t.Fatalf("create %d: error %d, %q, want %q", i, r.err, got, want)
		}
	}
}
