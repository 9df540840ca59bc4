package wal

import (
	"math/rand/v2"
	"time"

	"gamekeeper/proto"
)

// run is the writer goroutine: one write and one sync for all that has gathered, again and again.
func (l *Log) run() {
	defer l.waiters.wake()
	defer close(l.done)
	var b batch
	for l.take(&b) {
		if l.commitOrFail(&b) && l.opts.Notify != nil {
			l.opts.Notify()
		}
		l.wrote()
	}
}

// wrote ends what set writing.
func (l *Log) wrote() {
	l.mu.Lock()
	l.writing = false
	l.idle.Broadcast()
	l.mu.Unlock()
}

// commitOrFail makes a batch durable, unless the log has failed or does so now.
func (l *Log) commitOrFail(b *batch) bool {
	if l.Err() != nil {
		return false
	}
	if err := l.commit(b); err != nil {
		l.fail(err)
		return false
	}
	return true
}

// take waits for submitted records and swaps the gather buffer for b. It is false when the log is closed
// and nothing is left.
func (l *Log) take(b *batch) bool {
	b.reset()
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.submitted && !l.closing {
		l.wake.Wait()
	}
	if len(l.gather.buf) == 0 {
		return false
	}
	*b, l.gather = l.gather, *b
	l.submitted = false
	l.writing = true
	return true
}

// commit makes a batch durable and says so.
func (l *Log) commit(b *batch) error {
	l.ioMu.Lock()
	defer l.ioMu.Unlock()
	from := 0
	for i := range b.stretches {
		s := &b.stretches[i]
		if err := l.write(s, b.buf[from:s.end]); err != nil {
			return err
		}
		from = s.end
	}
	return nil
}

// write makes a stretch durable and says so. ioMu is held.
func (l *Log) write(b *stretch, buf []byte) error {
	a := &l.active
	last := l.Durable()
	if a.end > segmentHeaderBytes && (a.end+int64(len(buf)) > l.opts.SegmentBytes || !follows(last, b.First)) {
		if err := l.roll(last); err != nil {
			return err
		}
	}
	// An offset that was synced before a write lies within SegmentBytes, so it fits 32 bits: only the one
	// batch at the start of a segment may reach beyond, and the next batch rolls.
	sealRecords(buf, a.seed, uint32(a.synced))

	stats := BatchStats{Records: b.records, Bytes: len(buf)}
	var start time.Time
	if l.opts.Observe != nil {
		start = time.Now()
	}
	if _, err := a.file.WriteAt(buf, a.end); err != nil {
		return ioError("write", a.path, err)
	}
	if l.opts.Observe != nil {
		now := time.Now()
		stats.Write = now.Sub(start)
		start = now
	}
	a.end += int64(len(buf))
	if !l.opts.NoSync {
		if err := l.syncActive(); err != nil {
			return err
		}
		if l.opts.Observe != nil {
			stats.Sync = time.Since(start)
		}
	}
	l.publish(b.Run, len(buf))
	if l.opts.Observe != nil {
		l.opts.Observe(stats)
	}
	return nil
}

// publish makes records visible to readers and to the owner, in this order.
func (l *Log) publish(r Run, bytes int) {
	l.segsMu.Lock()
	s := &l.segs[len(l.segs)-1]
	if s.first == 0 {
		s.first = r.First
	}
	s.last = r.Last
	s.end = l.active.end
	l.durable.Store(int64(r.Last)) // a reader must not be ahead of it
	l.segsMu.Unlock()
	l.durableBytes.Add(int64(bytes))
	l.waiters.wake()
}

// syncActive brings all that was written to the active segment to stable storage. ioMu is held.
func (l *Log) syncActive() error {
	a := &l.active
	if a.synced == a.end {
		return nil
	}
	if err := a.file.SyncData(); err != nil {
		return syncError(a.path, err)
	}
	a.synced = a.end
	return nil
}

// SyncWritten brings all that is durable by Options.NoSync's word to stable storage indeed, on the caller's goroutine.
// The writer goes on meanwhile. It is for what must not outlive the log, such as a snapshot; it may be called from
// any goroutine but not while the log is truncated or reset. A failure is the log's.
func (l *Log) SyncWritten() error {
	if !l.opts.NoSync {
		return l.Err()
	}
	l.ioMu.Lock()
	path := l.active.path // those before it were synced when it began
	l.ioMu.Unlock()
	if err := l.Err(); err != nil {
		return err
	}
	f, err := l.fs.Open(path) // the writer closes its own when it rolls
	if err != nil {
		return ioError("open", path, err)
	}
	defer f.Close()
	if err := f.SyncData(); err != nil {
		l.fail(syncError(path, err))
	}
	return l.Err()
}

// roll makes the prepared segment the active one; last is the zxid before it. ioMu is held.
func (l *Log) roll(last proto.Zxid) error {
	// The new header vouches for the end of the old segment, under NoSync too.
	if err := l.syncActive(); err != nil {
		return err
	}
	l.segsMu.RLock()
	old := l.segs[len(l.segs)-1]
	l.segsMu.RUnlock()
	next := segmentHeader{
		flags: flagFresh | flagRun, logID: old.logID, id: rand.Uint64(), seq: old.seq + 1,
		prevID: old.id, prevEnd: l.active.end, base: last,
	}
	p := <-l.spare
	if p.err != nil {
		p = l.prepare(next.seq) // space may have been freed since
	}
	if p.err != nil {
		l.spare <- p
		return p.err
	}
	oldFile, oldPath := l.active.file, l.active.path
	if err := l.activate(p, next); err != nil {
		l.spare <- p
		return err
	}
	l.segsMu.Lock()
	l.segs = append(l.segs, newSegment(next))
	l.segsMu.Unlock()
	if err := oldFile.Close(); err != nil {
		l.logger.Warn("closing a finished log segment failed; all of it had been synced",
			"file", oldPath, "error", err)
	}
	l.startPreparation()
	return nil
}

// activate writes the header of a prepared segment and goes on in it. ioMu is held, or the log is not yet
// shared. On an error the active segment is the old one, and p still owns its file.
func (l *Log) activate(p preparation, h segmentHeader) error {
	if _, err := p.file.WriteAt(h.encode(), 0); err != nil {
		return ioError("write", p.path, err)
	}
	if err := p.file.SyncData(); err != nil {
		return syncError(p.path, err)
	}
	l.active = activeSegment{
		file: p.file, path: p.path, seed: recordSeed(h.id),
		end: segmentHeaderBytes, synced: segmentHeaderBytes,
	}
	return nil
}

// fail ends the log with its first error.
func (l *Log) fail(err error) {
	if !l.failure.CompareAndSwap(nil, &err) {
		return
	}
	l.waiters.wake()
	if l.opts.Notify != nil {
		l.opts.Notify()
	}
}
