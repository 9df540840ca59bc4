package wal

import (
	"fmt"

	"gamekeeper/proto"
)

// batch is what gathers while the writer goroutine is busy.
type batch struct {
	buf       []byte // framed records
	stretches []stretch
}

// stretch is a part of a batch whose zxids are a run. It is written on its own: see doc.go. A batch has one,
// unless an epoch begins in it.
type stretch struct {
	Run
	end     int // in the batch's buf
	records int
}

func (b *batch) reset() { *b = batch{buf: b.buf[:0], stretches: b.stretches[:0]} }

// Append copies a record into the gather buffer. It makes no system call and, once the buffers have grown
// to what the load needs, no allocation. Zxids must rise and records must not be longer than
// RecordBytesMax, or it panics. After a failure (see Err) the record is dropped.
func (l *Log) Append(z proto.Zxid, record []byte) {
	if last := l.LastZxid(); z <= last {
		panic(fmt.Sprintf("wal: append of zxid %v after %v", z, last))
	}
	if len(record) > RecordBytesMax {
		panic(fmt.Sprintf("wal: record %v of %d bytes", z, len(record)))
	}
	if l.failure.Load() != nil {
		return
	}
	l.mu.Lock()
	if l.closing {
		l.mu.Unlock()
		panic(fmt.Sprintf("wal: append of zxid %v to a closed log", z))
	}
	g := &l.gather
	before := len(g.buf)
	g.buf = appendRecord(g.buf, z, record)
	n := len(g.stretches)
	if n == 0 || !follows(g.stretches[n-1].Last, z) {
		g.stretches = append(g.stretches, stretch{Run: Run{First: z}})
		n++
	}
	s := &g.stretches[n-1]
	s.Last, s.end = z, len(g.buf)
	s.records++
	l.appendedBytes += int64(len(g.buf) - before)
	l.mu.Unlock()
	l.lastZxid.Store(int64(z))
}

// Submit wakes the writer goroutine for what has been appended. Call it once per batch.
func (l *Log) Submit() {
	l.mu.Lock()
	if !l.submitted && len(l.gather.buf) > 0 {
		l.submitted = true
		if !l.writing {
			l.wake.Signal()
		}
	}
	l.mu.Unlock()
}

// Commit does what Submit does, and does it at once, in the caller's goroutine: when it returns, all that was
// appended is durable or the log has failed. Nothing has to wake up for that, which counts where a disk is fast
// and there is little to write. It is false, and does nothing, while the writer goroutine has work: then
// Submit. Notify is called for a failure alone.
func (l *Log) Commit() bool {
	l.mu.Lock()
	if l.writing || l.submitted || len(l.gather.buf) == 0 {
		l.mu.Unlock()
		return false
	}
	b := &l.own
	b.reset()
	*b, l.gather = l.gather, *b
	l.writing = true
	l.mu.Unlock()
	l.commitOrFail(b)
	l.wrote()
	return true
}

// Full reports whether more than Options.BufferBytesMax bytes are appended and not durable. The owner then
// stops appending until Notify tells it to ask again.
func (l *Log) Full() bool {
	return l.appendedBytes-l.durableBytes.Load() > int64(l.opts.BufferBytesMax)
}

// drain waits until everything appended is durable or the log has failed.
func (l *Log) drain() error {
	l.Submit()
	l.mu.Lock()
	for (l.submitted || l.writing) && l.Err() == nil {
		l.idle.Wait()
	}
	l.mu.Unlock()
	return l.Err()
}
