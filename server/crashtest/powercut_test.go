package crashtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/server"
	"gamekeeper/server/config"
	"gamekeeper/server/servertest"
	"gamekeeper/wal/waltest"
)

// powered is a server in this process, on a disk that loses what was not synced.
type powered struct {
	cfg       config.Config
	disk      *waltest.Disk
	snapshots vfs.FS
	rng       *rand.Rand
	server    *server.Server
}

func (p *powered) start() (addr string, err error) {
	if p.rng.IntN(4) == 0 {
		p.disk.CrashAt(1 + p.rng.IntN(12)) // recovery writes too
	}
	p.server, err = server.Start(p.cfg, server.Options{FS: p.disk, SnapshotFS: p.snapshots, Loops: 2})
	if errors.Is(err, waltest.ErrCrashed) {
		p.reboot()
		return "", errCrashed
	}
	if err != nil {
		return "", err
	}
	p.disk.CrashAt(0)
	if p.disk.Crashed() { // in what it prepares for later
		if err := p.crash(); err != nil {
			return "", err
		}
		return "", errCrashed
	}
	return p.server.Addr(), nil
}

// crash lets the power fail in one of the disk's next operations, whatever that is for.
func (p *powered) crash() error {
	p.disk.CrashAt(1 + p.rng.IntN(4))
	nudged := make(chan struct{})
	go func() {
		defer close(nudged)
		for { // the load may be over, and a disk that nobody writes does not fail
			c, err := servertest.Connect(p.server.Addr(), sessionTimeout)
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	var err error
	select {
	case <-p.server.Failed():
	case <-time.After(servertest.Patience):
		err = errors.New("the server goes on without a disk")
	}
	ctx, cancel := context.WithTimeout(context.Background(), servertest.Patience)
	defer cancel()
	if cerr := p.server.Close(ctx); cerr != nil && !errors.Is(cerr, waltest.ErrCrashed) {
		err = errors.Join(err, fmt.Errorf("close: %w", cerr))
	}
	<-nudged
	p.reboot()
	return err
}

func (p *powered) reboot() { p.disk = p.disk.Crash(p.rng) }

// TestPowerCut cuts the power of a server's disk, again and again. The snapshot has a disk of its own, and
// none is taken: Pebble ends the process when its disk fails. TestLostWrites has snapshots.
func TestPowerCut(t *testing.T) { testPowerCut(t, rounds(10)) }

func testPowerCut(t *testing.T, n int) {
	t.Parallel()
	rng := seeded(t)
	cfg, _, err := config.Load("", []string{"clientPort=0", "clientPortAddress=127.0.0.1", "dataDir=" + t.TempDir(),
		fmt.Sprintf("maxSessionTimeout=%d", sessionTimeout.Milliseconds())})
	if err != nil {
		t.Fatal(err)
	}
	campaign(t, rng, n, 3000, func() victim {
		p := &powered{cfg: cfg, disk: waltest.New(), snapshots: vfs.NewMem(), rng: rng}
		p.cfg.Storage.PreAllocBytes = []int64{32 << 10, 256 << 10}[rng.IntN(2)]
		return p
	})
}
