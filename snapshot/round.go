package snapshot

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

// Session is an open session.
type Session struct {
	ID      proto.SessionID
	Timeout int32 // milliseconds
}

// Source is what a round writes.
type Source struct {
	Tree *tree.Tree
	// Lock lets Round read Tree: one reader's lock of the tree's Gate. It is held for short steps.
	Lock sync.Locker
	// Changes were taken from Tree together, by one TakeChanges or, after a round that failed, several: its
	// changes and the later ones. The caller resets them after a round that succeeded.
	Changes []*tree.Changes
	// ReplayAfter is Tree's LastZxid when Changes were taken, Time when that was.
	ReplayAfter proto.Zxid
	Time        time.Time
	// Begun and Ended are the sessions that began and ended after the round before, up to ReplayAfter or any
	// later zxid that is applied when the round begins. One that is in both has ended.
	Begun []Session
	Ended []proto.SessionID
	// Durable waits until the transaction log holds everything up to a zxid on stable storage, or fails: what
	// no log can replay must not be in a snapshot. Nil if nothing is applied before it is durable.
	Durable func(proto.Zxid) error
	// Pause is called after each step, without the lock; a round ends with the error that it returns. May be
	// nil.
	Pause func() error
	// Progress is told after each step how many znodes were written or deleted so far. May be nil.
	Progress func(znodes int)
	// StepNodes and StepBytes bound a step; 0 is 64 and 64 KiB. One znode always fits.
	StepNodes, StepBytes int
}

// Stats is what a round did.
type Stats struct {
	Mark             Mark
	Written, Deleted int // znodes
	Steps            int
	LongestStep      time.Duration // for which the lock was held
	Elapsed          time.Duration
	// Bytes of keys and values, and of the tables and the manifest that were written meanwhile for the round
	// itself.
	LogicalBytes, FlushedBytes int64
	// CompactedBytes were written by compactions since the store was opened.
	CompactedBytes int64
}

// batchBytes is how much a batch gathers before it is committed. Committing one takes some hundred microseconds, for
// which other goroutines may have to wait.
const batchBytes = 128 << 10

// errReadOnly is returned by what writes.
var errReadOnly = errors.New("snapshot: the store is open for reading only")

// Round writes what changed, and then the mark. All is durable when it returns. After an error the snapshot
// is still that of the round before, more fuzzy than it was, as Mark says, and the same changes are to be given to
// the next round, alone or with what changed since.
func (s *Store) Round(src Source) (Stats, error) {
	r := round{s: s, src: &src, started: time.Now(), flushedBefore: s.flushedBytes()}
	if s.opt.ReadOnly {
		return r.stats, errReadOnly
	}
	if src.StepNodes == 0 {
		src.StepNodes = 64
	}
	if src.StepBytes == 0 {
		src.StepBytes = 64 << 10
	}
	if s.batch == nil {
		s.batch = s.db.NewBatch()
	}
	s.batch.Reset()
	err := r.run()
	r.stats.Elapsed = time.Since(r.started)
	r.stats.FlushedBytes = s.flushedBytes() - r.flushedBefore
	r.stats.CompactedBytes = s.compactedBytes()
	if err != nil {
		return r.stats, err
	}
	s.maybeCompact()
	return r.stats, nil
}

// round is one that runs.
type round struct {
	s             *Store
	src           *Source
	stats         Stats
	started       time.Time
	flushedBefore int64
	reach         reach
	unlisted      int // of the tree's current changes, what is written already
	begun         bool
}

func (r *round) run() error {
	s := r.s
	if _, ok := s.Mark(); !ok {
		// A first round that never ended may have left znodes, which nobody knows of any more.
		if s.used {
			if err := s.batch.DeleteRange([]byte{0}, []byte{0xff}, nil); err != nil {
				return fmt.Errorf("snapshot: %w", err)
			}
		}
		s.used = true
		if err := s.batch.Set(versionKey, binary.BigEndian.AppendUint32(nil, formatVersion), nil); err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
	}
	for _, c := range r.src.Changes {
		c.Rewind()
		for more := true; more; {
			var err error
			if more, err = r.step(c); err != nil {
				return err
			}
		}
	}
	if err := r.sessions(); err != nil {
		return err
	}
	return r.finish()
}

// step copies some znodes out of the tree, and then puts them into the batch.
func (r *round) step(c *tree.Changes) (more bool, err error) {
	s, src := r.s, r.src
	buf := s.buf[:0]
	src.Lock.Lock()
	from := time.Now()
	put := func(path []byte, n tree.NodeID) bool {
		at := len(buf)
		buf = append(buf, make([]byte, 8)...)
		buf = appendNodeKey(buf, path)
		key := len(buf) - at - 8
		value := uint32(deleted)
		if n != 0 {
			before := len(buf)
			buf = src.Tree.AppendRecord(buf, n)
			value = uint32(len(buf) - before)
		}
		binary.LittleEndian.PutUint32(buf[at:], uint32(key))
		binary.LittleEndian.PutUint32(buf[at+4:], value)
		return len(buf) < src.StepBytes
	}
	r.putUnlisted(func(path []byte, n tree.NodeID) { put(path, n) })
	more = c.Next(src.Tree, src.StepNodes, put)
	r.reach = reachOf(src.Tree)
	r.stats.LongestStep = max(r.stats.LongestStep, time.Since(from))
	src.Lock.Unlock()
	r.stats.Steps++
	s.buf = buf
	for len(buf) > 0 {
		key, value := binary.LittleEndian.Uint32(buf), binary.LittleEndian.Uint32(buf[4:])
		buf = buf[8:]
		if value == deleted {
			err = s.batch.Delete(buf[:key], nil)
			r.stats.Deleted++
			value = 0
		} else {
			err = s.batch.Set(buf[:key], buf[key:key+value], nil)
			r.stats.Written++
		}
		if err != nil {
			return false, fmt.Errorf("snapshot: %w", err)
		}
		r.stats.LogicalBytes += int64(key + value)
		buf = buf[key+value:]
	}
	if cap(s.buf) > 4*src.StepBytes {
		s.buf = nil // it held a very large znode
	}
	if s.batch.Len() >= s.opt.batchBytes {
		if err := r.commit(); err != nil {
			return false, err
		}
	}
	if src.Progress != nil {
		src.Progress(r.stats.Written + r.stats.Deleted)
	}
	if src.Pause != nil {
		if err := src.Pause(); err != nil {
			return false, err
		}
	}
	return more, nil
}

// putUnlisted writes the parents that tree.Changes.Unlisted is about, before anything else is written that
// was read at the same time or later: tables hold the step as a whole.
func (r *round) putUnlisted(put func(path []byte, n tree.NodeID)) {
	if !r.begun {
		r.begun = true
		for _, c := range r.src.Changes {
			c.Unlisted(r.src.Tree, 0, put)
		}
	}
	r.unlisted = r.src.Tree.CurrentChanges().Unlisted(r.src.Tree, r.unlisted, put)
}

// deleted stands for the length of the record of a znode that is to be deleted.
const deleted = 1<<32 - 1

// commit hands the batch to Pebble together with the reach of what is in it: tables hold batches as a whole
// and in their order, so whatever part of a round survives a crash, it says how far it reaches.
func (r *round) commit() error {
	s := r.s
	if r.src.Durable != nil {
		if err := r.src.Durable(r.reach.zxid); err != nil {
			return err
		}
	}
	if err := s.batch.Set(fuzzyKey, appendReach(nil, r.reach), nil); err != nil {
		return fmt.Errorf("snapshot: write: %w", err)
	}
	if err := s.commit(); err != nil {
		return err
	}
	// From here on the store reaches so far, also if the round does not come to its end.
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mark.Round > 0 {
		s.mark = join(s.mark, r.reach)
	}
	return nil
}

// commit hands the batch to Pebble.
func (s *Store) commit() (err error) {
	select {
	case <-s.failed: // a commit would wait for a flush that never succeeds
		err = s.fatal
	default:
		err = s.batch.Commit(pebble.NoSync)
	}
	if err != nil {
		return fmt.Errorf("snapshot: write: %w", err)
	}
	s.batch.Reset()
	return nil
}

func (r *round) sessions() error {
	b := r.s.batch
	var key, value []byte
	for _, x := range r.src.Begun {
		key = appendSessionKey(key[:0], x.ID)
		value = binary.BigEndian.AppendUint32(value[:0], uint32(x.Timeout))
		if err := b.Set(key, value, nil); err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
	}
	for _, id := range r.src.Ended {
		key = appendSessionKey(key[:0], id)
		if err := b.Delete(key, nil); err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
	}
	return nil
}

// finish writes the mark behind all the rest, and waits until it is on stable storage. Memtables are flushed
// in their order, a table is synced before the manifest names it, and the manifest is synced; so where the
// mark is, everything before it is.
func (r *round) finish() error {
	s := r.s
	mark, _ := s.Mark()
	mark.Round++
	mark.ReplayAfter, mark.Time = r.src.ReplayAfter, r.src.Time
	r.src.Lock.Lock()
	r.reach = reachOf(r.src.Tree)
	r.src.Lock.Unlock()
	mark = join(mark, r.reach)
	if err := s.batch.Set(markKey, appendMark(nil, &mark), nil); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	if err := r.commit(); err != nil {
		return err
	}
	if err := s.flush(); err != nil {
		return err
	}
	if err := writeSeal(s.opt.FS, s.opt.Dir, mark.Round); err != nil {
		return err
	}
	s.mu.Lock()
	s.mark = mark
	s.mu.Unlock()
	r.stats.Mark = mark
	return nil
}

// flush waits until all that was committed is on stable storage.
func (s *Store) flush() error {
	flushed, err := s.db.AsyncFlush()
	if err != nil {
		return fmt.Errorf("snapshot: flush: %w", err)
	}
	select {
	case <-flushed:
		return nil
	case <-s.failed:
		return fmt.Errorf("snapshot: flush: %w", s.fatal)
	}
}

// flushedBytes and compactedBytes are what Pebble wrote since it was opened.
func (s *Store) flushedBytes() (n int64) {
	for _, l := range s.db.Metrics().Levels {
		n += int64(l.TableBytesFlushed)
	}
	return n
}

func (s *Store) compactedBytes() (n int64) {
	for _, l := range s.db.Metrics().Levels {
		n += int64(l.TableBytesCompacted)
	}
	return n
}

// Compaction policy: see doc.go.
const runsMax = 128

// maybeCompact starts the merging of everything, if it is time for it.
func (s *Store) maybeCompact() {
	l := s.db.Metrics().Levels
	below := int64(0)
	for _, x := range l[1:] {
		below += x.TablesSize
	}
	runs := l[0].Sublevels
	if runs < 2 || runs < runsMax && float64(l[0].TablesSize) < s.opt.CompactRatio*float64(below) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.compacting || s.fatal != nil {
		return
	}
	s.compacting = true
	s.compaction.Add(1)
	go func() {
		defer s.compaction.Done()
		err := s.Compact(context.Background())
		if err != nil {
			s.log.Error("merging the tables of the snapshot failed", "error", err)
		}
		s.mu.Lock()
		s.compacting = false
		s.mu.Unlock()
	}()
}

// Compact merges everything into one run.
func (s *Store) Compact(ctx context.Context) error {
	if err := s.db.Compact(ctx, []byte{0}, []byte{0xff}, false); err != nil {
		return s.classify("merge", err)
	}
	return nil
}
