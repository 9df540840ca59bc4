package wal

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
)

// Options say where a log lives and how it behaves. The zero value of each field but Dir is usable.
type Options struct {
	FS  vfs.FS // nil means vfs.Default
	Dir string // made if it does not exist

	// SegmentBytes is the size that segments are given ahead of use, 64 MiB if 0. A segment grows beyond
	// it only for a single batch that is larger. On an in-memory FS choose it small: it is all allocated.
	SegmentBytes int64
	// BufferBytesMax is how many bytes may be appended and not yet durable before Full says so,
	// 32 MiB if 0. It is not enforced by Append.
	BufferBytesMax int
	// CheckAfter spares Open the records up to this zxid, which a snapshot covers: of segments that hold
	// no later ones only the headers are checked. Their records are still checked whenever they are read.
	CheckAfter proto.Zxid
	// MustReach is the zxid up to which a snapshot needs the log. One that ends before it is not opened, nor made if there
	// is none: the error is a *ShortError, and everything stays as it is, a torn tail included.
	MustReach proto.Zxid
	// NoSync reports records durable once they are written, so a power cut may lose some (forceSync=no): those that
	// came after the last SyncWritten.
	NoSync bool
	// Logger is told of torn tails and of trouble with the next segment; nil discards.
	Logger *slog.Logger
	// Notify, if set, is called after Durable rose, by the writer goroutine, or when the log has failed, by
	// whoever found out. It must not block, and of the log it may call Durable and Err only.
	Notify func()
	// Observe, if set, is called after each batch, by the writer goroutine or in Commit, under the same rules.
	Observe func(BatchStats)
}

// BatchStats describe one batch: what went to the disk with one write and one sync.
type BatchStats struct {
	Records int
	Bytes   int // framed
	Write   time.Duration
	Sync    time.Duration // 0 under NoSync
}

func (o Options) withDefaults() (Options, error) {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = 64 << 20
	}
	if o.BufferBytesMax == 0 {
		o.BufferBytesMax = 32 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case o.Dir == "":
		return o, errors.New("log: no directory given")
	case o.SegmentBytes < 2*segmentHeaderBytes || o.SegmentBytes > segmentBytesMax:
		return o, fmt.Errorf("log: segment size %d is not between %d and %d",
			o.SegmentBytes, 2*segmentHeaderBytes, int64(segmentBytesMax))
	case o.BufferBytesMax < 0:
		return o, fmt.Errorf("log: buffer bound %d is negative", o.BufferBytesMax)
	}
	o.SegmentBytes &^= recordAlign - 1
	return o, nil
}

// A Segment describes one file of the log.
type Segment struct {
	Name  string     // path
	First proto.Zxid // of its first record, 0 if it has none
	Last  proto.Zxid // of its last durable record; if it has none, of the last record before it
	Bytes int64      // up to the end of its last durable record, header included
}

// segment is what the log remembers of a file. Only the last one of a log changes.
type segment struct {
	segmentHeader
	first, last proto.Zxid
	end         int64
}

// newSegment returns a segment without records.
func newSegment(h segmentHeader) segment {
	return segment{segmentHeader: h, last: h.base, end: segmentHeaderBytes}
}

// activeSegment is the one that is written. ioMu guards it.
type activeSegment struct {
	file   vfs.File
	path   string
	seed   uint32
	end    int64 // where the next batch goes
	synced int64 // known to be on stable storage up to here
}

// A Log is an open log. See the package comment for who may call what.
type Log struct {
	opts   Options
	fs     vfs.FS
	logger *slog.Logger
	lock   io.Closer
	dir    *directory

	// Of the owner goroutine.
	appendedBytes int64
	own           batch // of Commit

	// Gathering. The writer goroutine waits on wake, drain on idle.
	mu        sync.Mutex
	wake      sync.Cond
	idle      sync.Cond
	gather    batch
	submitted bool // Submit was called since the writer last took the gather buffer
	writing   bool
	closing   bool

	lastZxid     atomic.Int64 // appended
	durable      atomic.Int64
	durableBytes atomic.Int64
	failure      atomic.Pointer[error]
	waiters      waiters
	done         chan struct{} // closed when the writer goroutine is gone

	// Files. Locks are taken in this order: structMu, ioMu, segsMu.
	structMu sync.Mutex // truncation, reset, purge
	ioMu     sync.Mutex // active
	active   activeSegment
	spare    chan preparation // holds the outcome of the one preparation under way, once it is known

	segsMu     sync.RWMutex
	segs       []segment     // at least one, oldest first; the last one is active
	generation atomic.Uint64 // odd while records are removed from the end, then even; a change makes readers invalid
}

// Open opens the log in o.Dir, or makes one. It locks the directory (an error that is ErrLocked if another
// server holds it), checks the segments, and cuts a torn tail. Damage is a *CorruptError.
func Open(o Options) (*Log, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	dir, err := makeDirectory(o.FS, o.Dir)
	if err != nil {
		return nil, err
	}
	lock, err := o.FS.Lock(dir.join(lockName))
	if err != nil {
		_ = dir.close()
		return nil, fmt.Errorf("log: %w: cannot lock %s (%w): another server or command uses it",
			ErrLocked, dir.join(lockName), err)
	}
	l := &Log{
		opts: o, fs: o.FS, logger: o.Logger, lock: lock, dir: dir,
		done:  make(chan struct{}),
		spare: make(chan preparation, 1),
	}
	l.wake.L, l.idle.L = &l.mu, &l.mu
	if err := l.recover(); err != nil {
		if l.active.file != nil {
			_ = l.active.file.Close()
		}
		_ = dir.close()
		_ = lock.Close()
		return nil, err
	}
	l.startPreparation()
	go l.run()
	return l, nil
}

// LastZxid returns the zxid of the last record appended, durable or not; of an empty log, Base.
func (l *Log) LastZxid() proto.Zxid { return proto.Zxid(l.lastZxid.Load()) }

// Durable returns the highest zxid on stable storage; of an empty log, Base.
func (l *Log) Durable() proto.Zxid { return proto.Zxid(l.durable.Load()) }

// Base returns the zxid after which the log has every record: 0 unless it was purged or reset.
func (l *Log) Base() proto.Zxid {
	l.segsMu.RLock()
	defer l.segsMu.RUnlock()
	return l.segs[0].base
}

// Err returns the first failed write or sync. Once set it stays, and nothing more is written or reported
// durable.
func (l *Log) Err() error {
	if p := l.failure.Load(); p != nil {
		return *p
	}
	return nil
}

// Segments lists the files of the log, oldest first.
func (l *Log) Segments() []Segment {
	l.segsMu.RLock()
	defer l.segsMu.RUnlock()
	list := make([]Segment, len(l.segs))
	for i, s := range l.segs {
		list[i] = Segment{Name: l.dir.join(segmentName(s.seq)), First: s.first, Last: s.last, Bytes: s.end}
	}
	return list
}

// Close writes and syncs what was appended, ends the goroutines and releases the directory. It returns
// Err, if there is one. Nothing may be appended afterwards.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closing {
		l.mu.Unlock()
		<-l.done
		return l.Err()
	}
	l.closing = true
	l.wake.Signal()
	l.mu.Unlock()
	<-l.done

	l.structMu.Lock()
	defer l.structMu.Unlock()
	l.ioMu.Lock()
	defer l.ioMu.Unlock()
	if l.Err() == nil {
		if err := l.syncActive(); err != nil {
			l.fail(err)
		}
	}
	next := <-l.spare
	if next.file != nil {
		_ = next.file.Close() // all zeros, and synced
	}
	err := l.Err()
	if l.active.file != nil {
		if cerr := l.active.file.Close(); err == nil && cerr != nil {
			err = ioError("close", l.active.path, cerr)
		}
	}
	return errors.Join(err, l.dir.close(), l.lock.Close())
}
