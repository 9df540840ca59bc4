package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
	"gamekeeper/server"
	"gamekeeper/server/config"
	"gamekeeper/server/servertest"
)

// startServer starts a server on a free port and a new directory, unless keys say otherwise, and closes it when
// the test ends.
func startServer(tb testing.TB, keys ...string) *server.Server {
	tb.Helper()
	return startWith(tb, server.Options{}, keys...)
}

func startWith(tb testing.TB, opts server.Options, keys ...string) *server.Server {
	tb.Helper()
	s, err := server.Start(configure(tb, keys...), opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { stop(tb, s) })
	return s
}

func configure(tb testing.TB, keys ...string) config.Config {
	tb.Helper()
	cfg, _, err := config.Load("", append([]string{"clientPort=0", "clientPortAddress=127.0.0.1",
		"dataDir=" + tb.TempDir(), "preAllocSize=4096", "maxClientCnxns=0"}, keys...))
	if err != nil {
		tb.Fatal(err)
	}
	return cfg
}

// starts is startServer for tests that end the server themselves, with stop.
func starts(tb testing.TB, keys ...string) *server.Server {
	tb.Helper()
	s, err := server.Start(configure(tb, keys...), server.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// startOn starts a server whose log is on a disk of the test's.
func startOn(tb testing.TB, cfg config.Config, disk vfs.FS) *server.Server {
	tb.Helper()
	s, err := server.Start(cfg, server.Options{FS: disk})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { stop(tb, s) })
	return s
}

func contextFor() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), servertest.Patience)
}

func stop(tb testing.TB, s *server.Server) {
	tb.Helper()
	ctx, cancel := contextFor()
	defer cancel()
	if err := s.Close(ctx); err != nil {
		tb.Errorf("close: %v", err)
	}
}

// connect begins a session that lasts longer than the test, and keeps the connection until the test ends.
func connect(tb testing.TB, s *server.Server) *servertest.Client {
	tb.Helper()
	return connectFor(tb, s, 30*time.Second)
}

func connectFor(tb testing.TB, s *server.Server, timeout time.Duration) *servertest.Client {
	tb.Helper()
	c, err := servertest.Connect(s.Addr(), timeout)
	if err != nil {
		tb.Fatalf("connect: %v", err)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}

func dialRaw(tb testing.TB, s *server.Server) *servertest.Client {
	tb.Helper()
	c, err := servertest.Dial(s.Addr())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}

func reattach(tb testing.TB, s *server.Server, old *servertest.Client) *servertest.Client {
	tb.Helper()
	c, err := servertest.Reattach(s.Addr(), old)
	if err != nil {
		tb.Fatalf("re-attach: %v", err)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}

// must is a request that succeeds.
func must(tb testing.TB, c *servertest.Client, op proto.Op, body []byte) servertest.Frame {
	tb.Helper()
	f, err := c.Do(op, body)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

// refused is a request that is answered with code.
func refused(tb testing.TB, c *servertest.Client, op proto.Op, body []byte, code proto.Code) {
	tb.Helper()
	f, _, err := c.Call(op, body)
	if err != nil || f.Err != code {
		tb.Fatalf("%s: %v, %v; want %v", op, f.Err, err, code)
	}
}

func create(tb testing.TB, c *servertest.Client, path, data string, mode proto.CreateMode) string {
	tb.Helper()
	f := must(tb, c, proto.OpCreate, servertest.Create(path, []byte(data), mode))
	return string(f.Decoder().Buffer())
}

func exists(tb testing.TB, c *servertest.Client, path string) bool {
	tb.Helper()
	f, _, err := c.Call(proto.OpExists, servertest.Watch(path, false))
	if err != nil || f.Err != proto.OK && f.Err != proto.NoNode {
		tb.Fatalf("exists %s: %v, %v", path, f.Err, err)
	}
	return f.Err == proto.OK
}

func get(tb testing.TB, c *servertest.Client, path string) (string, proto.Stat) {
	tb.Helper()
	d := must(tb, c, proto.OpGetData, servertest.Watch(path, false)).Decoder()
	return string(d.Buffer()), d.Stat()
}

func children(tb testing.TB, c *servertest.Client, path string) []string {
	tb.Helper()
	names := servertest.Children(must(tb, c, proto.OpGetChildren, servertest.Watch(path, false)).Decoder())
	slices.Sort(names)
	return names
}

// wantClosed reads until the server closes the connection, and returns the frames before that.
func wantClosed(tb testing.TB, c *servertest.Client) []servertest.Frame {
	tb.Helper()
	frames, err := c.Drained()
	if err != nil {
		tb.Fatal(err)
	}
	return frames
}

// eventually waits for a condition, which the server's answers pace.
func eventually(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	for end := time.Now().Add(servertest.Patience); !condition(); {
		if time.Now().After(end) {
			tb.Fatalf("in vain: %s", what)
		}
	}
}

// everything is what a client can read of a tree, but for the paths that only administrators read.
func everything(tb testing.TB, c *servertest.Client, path string, into map[string]string) map[string]string {
	tb.Helper()
	data, stat := get(tb, c, path)
	acl := must(tb, c, proto.OpGetACL, servertest.Path(path)).Body
	into[path] = fmt.Sprintf("%q %+v %x", data, stat, acl)
	for _, name := range children(tb, c, path) {
		everything(tb, c, strings.TrimSuffix(path, "/")+"/"+name, into)
	}
	return into
}

// journal is a log that tests read.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(b)
}

// lines empties the journal.
func (j *journal) lines() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	text := strings.TrimSpace(j.buf.String())
	j.buf.Reset()
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(io.Writer(j), nil)) }
