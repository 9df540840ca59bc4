package crashtest

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/server"
	"gamekeeper/server/config"
	"gamekeeper/server/servertest"
)

// snapCounts are how many transactions make a flush round due: some rounds run all the time.
var snapCounts = []int{2, 50, 500, 100_000}

// cloned is a server in this process whose memory file system is copied, less what was not synced, at a
// moment when its clients have been cut off and it has not finished what they asked for.
type cloned struct {
	cfg    config.Config
	fs     *vfs.MemFS
	rng    *rand.Rand
	server *server.Server
	relay  *relay
}

func (p *cloned) start() (addr string, err error) {
	if p.server, err = server.Start(p.cfg, server.Options{FS: p.fs, Loops: 2}); err != nil {
		return "", err
	}
	if p.relay, err = newRelay(p.server.Addr()); err != nil {
		return "", err
	}
	return p.relay.listener.Addr().String(), nil
}

func (p *cloned) crash() error {
	p.relay.cut()
	after := p.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: p.rng.IntN(101), RNG: p.rng})
	ctx, cancel := context.WithTimeout(context.Background(), servertest.Patience)
	defer cancel()
	err := p.server.Close(ctx)
	p.fs = after
	return err
}

// relay stands between a server and its clients, so that they can be cut off at a moment of our choice: what
// has not passed by then was never answered.
type relay struct {
	listener net.Listener
	backend  string
	mu       sync.Mutex
	conns    []net.Conn
	gone     bool
	copies   sync.WaitGroup
}

func newRelay(backend string) (*relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{listener: l, backend: backend}
	r.copies.Add(1)
	go r.accept()
	return r, nil
}

func (r *relay) accept() {
	defer r.copies.Done()
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		back, err := net.Dial("tcp", r.backend)
		if err != nil || !r.keep(client, back) {
			_ = client.Close()
			continue
		}
		for _, way := range [][2]net.Conn{{client, back}, {back, client}} {
			go func() {
				defer r.copies.Done()
				_, _ = io.Copy(way[0], way[1])
				_ = way[0].Close()
				_ = way[1].Close()
			}()
		}
	}
}

func (r *relay) keep(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns = append(r.conns, conns...)
	if r.gone {
		for _, c := range conns {
			_ = c.Close()
		}
		return false
	}
	r.copies.Add(len(conns))
	return true
}

// cut ends all connections, and returns when nothing passes any more.
func (r *relay) cut() {
	_ = r.listener.Close()
	r.mu.Lock()
	r.gone = true
	for _, c := range r.conns {
		_ = c.Close()
	}
	r.mu.Unlock()
	r.copies.Wait()
}

// TestLostWrites restarts a server, again and again, on what its file system would hold after a power cut,
// with flush rounds forced often.
func TestLostWrites(t *testing.T) { testLostWrites(t, rounds(10)) }

func testLostWrites(t *testing.T, n int) {
	t.Parallel()
	rng := seeded(t)
	cfg, _, err := config.Load("", []string{"clientPort=0", "clientPortAddress=127.0.0.1", "dataDir=" + t.TempDir(),
		fmt.Sprintf("maxSessionTimeout=%d", sessionTimeout.Milliseconds())})
	if err != nil {
		t.Fatal(err)
	}
	campaign(t, rng, n, 3000, func() victim {
		p := &cloned{cfg: cfg, fs: vfs.NewCrashableMem(), rng: rng}
		p.cfg.Storage.PreAllocBytes = []int64{32 << 10, 256 << 10}[rng.IntN(2)]
		p.cfg.Storage.SnapMinInterval = 0
		p.cfg.Storage.SnapCount = snapCounts[rng.IntN(len(snapCounts))]
		return p
	})
}
