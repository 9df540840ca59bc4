package raw

import (
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"
)

// wellFormed are requests that would succeed.
func wellFormed(root string) []sub {
	return []sub{
		{opCreate, create(root+"/new", []byte("data"), open, persistent)},
		{opCreate2, create(root+"/new", []byte("data"), open, persistent)},
		{opCreateContainer, create(root+"/new", []byte("data"), open, container)},
		{opCreateTTL, createTTL(root+"/new", []byte("data"), open, persistentTTL, 1e9)},
		{opDelete, pathVersion(root+"/kid", -1)},
		{opExists, pathWatch(root, false)},
		{opGetData, pathWatch(root, false)},
		{opSetData, setData(root, []byte("data"), -1)},
		{opGetACL, onlyPath(root)},
		{opSetACL, setACL(root, open, -1)},
		{opGetChildren, pathWatch(root, false)},
		{opGetChildren2, pathWatch(root, false)},
		{opSync, onlyPath(root)},
		{opGetEphemerals, onlyPath(root)},
		{opGetAllChildren, onlyPath(root)},
		{opCheckWatches, enc{}.str(root).i32(typeAny)},
		{opRemoveWatches, enc{}.str(root).i32(typeAny)},
		{opAddWatch, addWatch(root, modePersistent)},
		{opSetWatches, enc{}.i64(1).strs(root).strs(root).strs(root)},
		{opSetWatches2, setWatches2(1, []string{root}, []string{root}, nil, nil, []string{root})},
		{opMulti, multi(sub{opSetData, setData(root, []byte("data"), -1)})},
		{opMultiRead, multi(sub{opGetData, pathWatch(root, false)})},
	}
}

// A request that ends early is answered with MarshallingError, changes
// nothing and leaves the connection as it was.
func TestTruncatedRequests(t *testing.T) {
	c := client(t)
	c.create("/trunc", "", persistent)
	c.create("/trunc/kid", "", persistent)
	before := c.stat("/trunc")
	for _, s := range wellFormed("/trunc") {
		for n := range s.body {
			if r := c.call(s.op, s.body[:n]); r.err != errMarshalling {
				t.Errorf("op %d cut to %d of %d bytes: error %d, want %d", s.op, n, len(s.body), r.err, errMarshalling)
			}
		}
	}
	if after := c.stat("/trunc"); after != before {
		t.Errorf("the node changed: %+v, was %+v", after, before)
	}
}

// Lengths and counts that announce more than there is, or less than nothing.
func TestImpossibleLengths(t *testing.T) {
	c := client(t)
	c.create("/lengths", "", persistent)
	for _, n := range []int32{-2, -1 << 31, 1 << 20, 1<<31 - 1} {
		for name, s := range map[string]sub{
			"path":     {opGetData, enc{}.i32(n).bool(false)},
			"data":     {opSetData, enc{}.str("/lengths").i32(n)},
			"ACL":      {opSetACL, enc{}.str("/lengths").i32(max(n, 1<<16))},
			"scheme":   {opSetACL, enc{}.str("/lengths").i32(1).i32(31).i32(n)},
			"watches":  {opSetWatches, enc{}.i64(0).i32(max(n, 1<<16))},
			"in multi": {opMulti, enc{}.i32(opDelete).bool(false).i32(-1).i32(n)},
		} {
			if r := c.call(s.op, s.body); r.err != errMarshalling {
				t.Errorf("%s of length %d: error %d, want %d", name, n, r.err, errMarshalling)
			}
		}
	}
	c.stat("/lengths")
}

// After a closeSession nothing is executed any more. Apache closes the connection from another thread than the
// one that reads it, so now and then it still says of what stands behind that the session is no more.
func TestRequestsBehindCloseSession(t *testing.T) {
	c, observer := client(t), client(t)
	c.send(opCloseSession, nil)
	c.send(opCreate, create("/behind-close", nil, open, persistent))
	if r := c.read(); r.err != ok {
		t.Errorf("close: error %d", r.err)
	}
	for {
		frame, err := c.readFrame()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("got %v, want a closed connection", err)
		}
		if r := c.decodeReply(frame); r.err != errSessionExpired {
			t.Fatalf("a request behind closeSession was answered with error %d", r.err)
		}
	}
	if _, found := observer.exists("/behind-close"); found {
		t.Error("a request behind closeSession was executed")
	}
}

// Random bytes may cost their sender the connection and nobody else anything.
func TestRandomFrames(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	observer := client(t)
	observer.create("/random", "steady", persistent)
	observer.watch("data", "/random")
	ops := []int32{opExists, opGetData, opGetACL, opGetChildren, opGetChildren2, opSync, opCheckWatches,
		opRemoveWatches, opSetWatches, opGetEphemerals, opGetAllChildren, opSetWatches2, opAddWatch, opMultiRead,
		opSetACL, opDelete, opAuth}
	for i := range 150 {
		c := connect(t, 5000)
		for range 1 + random.IntN(5) {
			body := make([]byte, random.IntN(200))
			for j := range body {
				body[j] = byte(random.IntN(256) >> random.IntN(8)) // small lengths often
			}
			frame := append(enc{}.i32(random.Int32()).i32(ops[random.IntN(len(ops))]), body...)
			if random.IntN(5) == 0 {
				frame = body
			}
			c.Write(append(enc{}.i32(int32(len(frame))), frame...))
		}
		c.Close()
		if i%10 == 0 {
			observer.stat("/random")
		}
	}
	r := observer.must(opGetData, pathWatch("/random", false))
	if got := string(r.buf()); got != "steady" {
		t.Errorf("seed %d: data %q", seed, got)
	}
}
