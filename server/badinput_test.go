package server_test

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"gamekeeper/proto"
	"gamekeeper/server"
	"gamekeeper/server/servertest"
	"gamekeeper/wal/waltest"
)

// frame puts a length before b.
func frame(b []byte) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...) }

func greeting() []byte {
	return frame(proto.AppendConnectRequest(nil, servertest.Request(10*time.Second)))
}

func noise(n int) []byte {
	b := make([]byte, n)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// TestBadFrames: what is no frame, or no handshake, closes its connection, with one line of log at most, and
// disturbs nobody.
func TestBadFrames(t *testing.T) {
	t.Parallel()
	var log journal
	s := startWith(t, server.Options{Logger: log.logger()})
	other := connect(t, s)
	log.lines()
	for name, raw := range map[string][]byte{
		"length 0":                       {0, 0, 0, 0},
		"negative length":                {0xff, 0xff, 0xff, 0xff, 1, 2, 3},
		"most negative length":           {0x80, 0, 0, 0},
		"length above jute.maxbuffer":    {0, 0x10, 0, 0},
		"largest length":                 {0x7f, 0xff, 0xff, 0xff},
		"noise":                          append([]byte{0xc3}, noise(4096)...),
		"an HTTP request":                []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"a TLS hello":                    {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3},
		"empty handshake":                frame([]byte{0}),
		"handshake of noise":             frame(noise(45)),
		"short handshake":                frame(make([]byte, 27)),
		"handshake without its password": frame(proto.AppendInt32(make([]byte, 24), 16)),
		"password with negative length":  frame(proto.AppendInt32(make([]byte, 24), -2)),
		"length 0 behind the handshake":  append(greeting(), 0, 0, 0, 0),
		"negative behind the handshake":  append(greeting(), 0xff, 0, 0, 0),
		"too large behind the handshake": append(greeting(), 0, 0x20, 0, 0),
		"half a header":                  append(greeting(), frame(make([]byte, 5))...),
		"a handshake twice":              append(greeting(), greeting()...), // an unknown operation
	} {
		c := dialRaw(t, s)
		c.SendRaw(raw)
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := c.ReadFrame(); err != nil {
				if strings.Contains(err.Error(), "timeout") {
					t.Errorf("%s: the connection stays open", name)
				}
				break
			}
		}
		if lines := log.lines(); len(lines) > 1 {
			t.Errorf("%s: %d lines of log: %s", name, len(lines), lines)
		}
		must(t, other, proto.OpSync, servertest.Path("/"))
	}
}

// TestTruncatedFrame: half a frame is waited for, and the connection's end ends that.
func TestTruncatedFrame(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	other := connect(t, s)
	whole := append(greeting(), frame(append(proto.AppendRequestHeader(nil, 1, proto.OpCreate),
		servertest.Create("/n", nil, proto.Persistent)...))...)
	for cut := 0; cut < len(whole); cut += 3 {
		c := dialRaw(t, s)
		c.SendRaw(whole[:cut])
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	}
	must(t, other, proto.OpSync, servertest.Path("/"))
	if exists(t, other, "/n") {
		t.Error("a frame that never ended was executed")
	}
	// In pieces it is executed, however small they are.
	c := dialRaw(t, s)
	for i := range whole {
		c.SendRaw(whole[i : i+1])
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := c.ReadFrame(); err != nil {
			t.Fatal(err)
		}
	}
	if !exists(t, other, "/n") {
		t.Error("a frame that came byte by byte was not executed")
	}
}

// TestSilentConnection: a connection that says nothing is closed, and so is one that says too little.
func TestSilentConnection(t *testing.T) {
	t.Parallel()
	s := startWith(t, server.WithGreetMax(server.Options{}, 100*time.Millisecond))
	client := connect(t, s)
	silent, slow := dialRaw(t, s), dialRaw(t, s)
	slow.SendRaw(greeting()[:10])
	if err := slow.Flush(); err != nil {
		t.Fatal(err)
	}
	wantClosed(t, silent)
	wantClosed(t, slow)
	must(t, client, proto.OpSync, servertest.Path("/"))
}

// TestClientThatNeverReads: its connection is closed or stops being read, memory stays bounded, and others are
// served.
func TestClientThatNeverReads(t *testing.T) {
	s := startServer(t)
	other := connect(t, s)
	const valueBytes = 512 << 10
	create(t, other, "/large", strings.Repeat("x", valueBytes), proto.Persistent)
	for name, inFront := range map[string]bool{"answered by the loop": false, "answered by the core": true} {
		c := connect(t, s)
		var before, now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range 40 { // 20 GiB of replies
			if inFront {
				c.Send(proto.OpSetData, servertest.Set("/large", make([]byte, valueBytes), -1))
			}
			for range 1000 {
				c.Send(proto.OpGetData, servertest.Watch("/large", false))
			}
			if err := c.FlushBy(time.Now().Add(time.Second)); err != nil {
				break // closed, or not read any more
			}
			must(t, other, proto.OpSetData, servertest.Set("/large", make([]byte, valueBytes), -1))
			runtime.ReadMemStats(&now)
			if grown := int64(now.HeapInuse) - int64(before.HeapInuse); grown > 600<<20 {
				t.Fatalf("%s: the heap grew by %d MiB", name, grown>>20)
			}
		}
		must(t, other, proto.OpGetData, servertest.Watch("/large", false))
		_ = c.Close()
	}
}

// TestFullDisk: the server stops with an error that says what to do, acknowledges nothing more, and when there is
// space again everything acknowledged is there.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk := waltest.New()
	disk.SetFree(3 << 20)
	cfg := configure(t, "preAllocSize=512")
	s, err := server.Start(cfg, server.Options{FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	c := connect(t, s)
	create(t, c, "/n", "", proto.Persistent)
	var failure error
	for acknowledged := 0; failure == nil; acknowledged++ {
		if acknowledged > 1000 {
			t.Fatal("a full disk takes everything")
		}
		c.Send(proto.OpCreate, servertest.Create("/n/s-", make([]byte, 50<<10), proto.PersistentSequential))
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
		replies := make(chan error, 1)
		go func() { _, err := c.Read(); replies <- err }()
		select {
		case err := <-replies:
			if err != nil {
				t.Fatal(err)
			}
			continue
		case failure = <-s.Failed():
		}
		if !strings.Contains(failure.Error(), "free space") {
			t.Errorf("the error does not say what to do: %v", failure)
		}
		ctx, cancel := contextFor()
		if err := s.Close(ctx); err == nil || !strings.Contains(err.Error(), "free space") {
			t.Errorf("close: %v", err)
		}
		cancel()
		if err := <-replies; err == nil {
			t.Error("a write that found no space was acknowledged")
		}
		disk = disk.Restart()
		disk.SetFree(1 << 30)
		s = startOn(t, cfg, disk)
		c = reattach(t, s, c)
		if n := len(children(t, c, "/n")); n != acknowledged && n != acknowledged+1 {
			t.Errorf("%d creates were acknowledged, %d are there", acknowledged, n)
		}
		create(t, c, "/after", "", proto.Persistent)
	}
}
