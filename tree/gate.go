package tree

import "sync"

// Gate lets many readers and one writer share a Tree. Each reader (an event loop) has a lock of its own,
// on its own cache line, so that readers never wait for each other; the writer takes them all. The writer
// should hold it for a bounded batch, as the longest hold is the longest wait of a read.
type Gate struct {
	readers []readerLock
}

// readerLock fills two cache lines, as processors fetch lines in pairs.
type readerLock struct {
	sync.Mutex
	_ [128 - 8]byte
}

// NewGate returns a gate for readers 0 to n-1.
func NewGate(n int) *Gate { return &Gate{make([]readerLock, n)} }

// Reader returns the lock of reader i. A reader holds it while it reads and while it uses what the reads
// returned.
func (g *Gate) Reader(i int) *sync.Mutex { return &g.readers[i].Mutex }

// Lock waits for every reader and keeps them out.
func (g *Gate) Lock() {
	for i := range g.readers {
		g.readers[i].Lock()
	}
}

// Unlock lets the readers in again.
func (g *Gate) Unlock() {
	for i := range g.readers {
		g.readers[i].Unlock()
	}
}
