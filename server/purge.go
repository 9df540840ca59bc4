package server

import (
	"sync"
	"time"

	"gamekeeper/proto"
)

// purger decides which part of the log is needless. A snapshot makes the log before it needless for a
// restart; it is kept as far back as the last few snapshots began, for peers that lag and for a look at what
// happened, and as long as a backup reads it.
type purger struct {
	retain   int           // rounds (autopurge.snapRetainCount)
	interval time.Duration // least time between purges (autopurge.purgeInterval); 0: after every round

	mu    sync.Mutex
	marks []proto.Zxid // of the last rounds, oldest first
	last  time.Time
	pins  map[uint64]proto.Zxid // zxids after which the log is being read
	pinID uint64
}

// rounds takes note of a round that is complete, and removes the log that is needless now.
func (p *purger) rounds(f *flusher, mark proto.Zxid) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.marks = append(p.marks, mark)
	if len(p.marks) > p.retain {
		p.marks = append(p.marks[:0], p.marks[len(p.marks)-p.retain:]...)
	}
	if len(p.marks) < p.retain || p.interval > 0 && time.Since(p.last) < p.interval {
		return
	}
	p.last = time.Now()
	upTo := p.marks[0]
	for _, pinned := range p.pins {
		upTo = min(upTo, pinned)
	}
	// The lock is held meanwhile: a pin that is granted means that the log is there.
	switch n, err := f.log.Purge(upTo); {
	case err != nil:
		f.logger.Error("the log could not be purged: it takes more space than it needs", "error", err)
	case n > 0:
		f.logger.Info("log purged", "segments", n, "upto", upTo)
	}
}

// forget forgets the rounds: the log begins anew.
func (p *purger) forget() {
	p.mu.Lock()
	p.marks = nil
	p.mu.Unlock()
}

// pin keeps the log after zxid until unpin.
func (p *purger) pin(zxid proto.Zxid) (id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pins == nil {
		p.pins = map[uint64]proto.Zxid{}
	}
	p.pinID++
	p.pins[p.pinID] = zxid
	return p.pinID
}

func (p *purger) unpin(id uint64) {
	p.mu.Lock()
	delete(p.pins, id)
	p.mu.Unlock()
}
