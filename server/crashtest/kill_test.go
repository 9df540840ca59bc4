package crashtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gamekeeper/server/servertest"
)

// process is a server in a process of its own.
type process struct {
	binary, dir string
	preAlloc    int // KiB
	snapCount   int
	rng         *rand.Rand
	life        *servertest.Process
}

func (p *process) start() (addr string, err error) {
	p.life, err = servertest.Launch(p.binary, "dataDir="+p.dir, fmt.Sprintf("preAllocSize=%d", p.preAlloc),
		fmt.Sprintf("snapCount=%d", p.snapCount), "snapMinIntervalMs=0",
		fmt.Sprintf("maxSessionTimeout=%d", sessionTimeout.Milliseconds()))
	if err != nil {
		return "", err
	}
	var early <-chan time.Time
	if p.rng.IntN(6) == 0 {
		early = time.After(time.Duration(p.rng.IntN(60)) * time.Millisecond)
	}
	addr, err = p.life.AddressBy(early)
	if err == nil {
		return addr, nil
	}
	if cerr := p.crash(); cerr != nil {
		return "", errors.Join(err, cerr)
	}
	if errors.Is(err, servertest.ErrEarly) {
		err = errCrashed
	}
	return "", err
}

// crash kills the process. One that ended by itself is an error, with what it logged.
func (p *process) crash() error {
	code, err := p.life.End(os.Kill)
	if err == nil && code >= 0 {
		err = fmt.Errorf("the server ended by itself with code %d:\n%s", code, p.life.Log())
	}
	return err
}

// TestKill kills a server with SIGKILL, again and again, on the data that the last one left.
func TestKill(t *testing.T) { testKill(t, rounds(5)) }

func testKill(t *testing.T, n int) {
	t.Parallel()
	rng := seeded(t)
	binary, err := servertest.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	campaign(t, rng, n, 6000, func() victim {
		return &process{binary: binary, dir: filepath.Join(t.TempDir(), "data"), rng: rng,
			preAlloc: []int{64, 512, 4096}[rng.IntN(3)], snapCount: snapCounts[rng.IntN(len(snapCounts))]}
	})
}
