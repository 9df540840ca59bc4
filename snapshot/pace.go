package snapshot

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// pacer spreads the writing of tables over time. Flushes and merges come in bursts, of which each megabyte
// costs processor time, and has the log's syncs wait behind it; nobody waits for their end. A round that is
// ahead of the flushes waits for them, as there is room for few memtables; so it is paced as well.
type pacer struct {
	rate atomic.Int64 // bytes per second

	mu      sync.Mutex
	paidFor time.Time // when what was written until now may have been

	over chan struct{} // closed when there is no need for patience any more
	once sync.Once
}

const (
	// pacePause is the shortest wait that is worth it.
	pacePause = 2 * time.Millisecond
	// paceRemoval is how many bytes the removal of a table counts for.
	paceRemoval = 1 << 20
)

func newPacer(rate int64) *pacer {
	p := &pacer{over: make(chan struct{})}
	p.rate.Store(rate)
	return p
}

// SetWriteRate changes Options.WriteRate, which must not have been 0, to another rate that is not.
func (s *Store) SetWriteRate(bytesPerSecond int64) { s.pace.rate.Store(bytesPerSecond) }

// wrote waits until n bytes more may have been written. What was not written in time is lost, but for a
// pause's worth.
func (p *pacer) wrote(n int) {
	p.mu.Lock()
	now := time.Now()
	if least := now.Add(-pacePause); p.paidFor.Before(least) {
		p.paidFor = least
	}
	p.paidFor = p.paidFor.Add(time.Duration(int64(n) * int64(time.Second) / p.rate.Load()))
	wait := p.paidFor.Sub(now)
	p.mu.Unlock()
	if wait < pacePause {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.over:
	}
}

// end lets everybody hurry.
func (p *pacer) end() { p.once.Do(func() { close(p.over) }) }

// fs returns f with tables written at the pacer's rate.
func (p *pacer) fs(f vfs.FS) vfs.FS { return pacedFS{f, p} }

type pacedFS struct {
	vfs.FS
	pacer *pacer
}

func (f pacedFS) Unwrap() vfs.FS { return f.FS }

func (f pacedFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, category)
	if err != nil || !strings.HasSuffix(name, ".sst") {
		return file, err
	}
	return pacedFile{file, f.pacer}, nil
}

// Remove is paced, too: after a merge all tables that were merged are needless at once, and the log's syncs
// wait for the journal of the file system.
func (f pacedFS) Remove(name string) error {
	err := f.FS.Remove(name)
	if strings.HasSuffix(name, ".sst") {
		f.pacer.wrote(paceRemoval)
	}
	return err
}

type pacedFile struct {
	vfs.File
	pacer *pacer
}

func (f pacedFile) Write(b []byte) (int, error) {
	n, err := f.File.Write(b)
	f.pacer.wrote(n)
	return n, err
}
