package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"gamekeeper/tree"
)

const (
	chunkEntries = 512
	chunkBytes   = 128 << 10
	// rangeChunks is how many chunks of a range may wait for the ranges before it: readers get that far ahead.
	rangeChunks = 96
	readersMax  = 8
)

// Load builds the tree of the last complete round. The transactions after Mark().ReplayAfter are to be
// applied to it before anybody reads it, and Mark.Verify is to be asked when FuzzyUntil is reached; for an
// exact snapshot Load has done so. It is an error of class ErrEmpty if no round was ever completed, and of
// class ErrCorrupt if anything is damaged. Progress, if not nil, is called now and then, by the caller's
// goroutine, with the number of znodes loaded and that of the mark.
//
// Sessions are those open at some zxid between the two, so their beginnings and ends are to be replayed as
// well. If opt.Track is set, the changes that the tree then tracks are what the next round has to write.
func (s *Store) Load(opt tree.Options, progress func(n, total int)) (*tree.Tree, []Session, error) {
	mark, ok := s.Mark()
	if !ok {
		return nil, nil, fmt.Errorf("%w in %s", ErrEmpty, s.opt.Dir)
	}
	opt.NodeCountHint = max(opt.NodeCountHint, mark.Nodes)
	l := load{s: s, loader: tree.NewLoader(opt, true), stop: make(chan struct{})}
	if err := l.nodes(mark.Nodes, progress); err != nil {
		return nil, nil, err
	}
	sessions, err := s.Sessions()
	if err != nil {
		return nil, nil, err
	}
	t, err := l.loader.Finish(mark.ReplayAfter)
	if err != nil {
		return nil, nil, s.damaged(err)
	}
	if mark.ReplayAfter == mark.FuzzyUntil {
		if err := mark.Verify(t); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", s.opt.Dir, err)
		}
	}
	return t, sessions, nil
}

// damaged is an error about what the tables hold, though Pebble finds nothing wrong with them.
func (s *Store) damaged(err error) error {
	return fmt.Errorf("%w: in %s: %w", ErrCorrupt, s.opt.Dir, err)
}

// load is one that runs: readers take ranges of keys in their order, decode them, and send them by the
// chunk; the caller's goroutine adds the chunks of one range after the other to the tree.
type load struct {
	s      *Store
	loader *tree.Loader
	ranges []keyRange
	next   atomic.Int64 // range that no reader has taken yet
	free   chan *chunk
	stop   chan struct{} // closed when the result is no longer wanted
}

// keyRange is keys from from up to to, which is not in it.
type keyRange struct {
	from, to []byte
	chunks   chan *chunk // closed at the end
}

// chunk is some znodes. The entries' bytes are in buf.
type chunk struct {
	buf     []byte
	entries []tree.Entry
	err     error
}

func (l *load) nodes(total int, progress func(n, total int)) error {
	borders, err := l.s.borders()
	if err != nil {
		return err
	}
	readers := min(runtime.GOMAXPROCS(0), readersMax, len(borders)-1)
	l.free = make(chan *chunk, (readers+1)*rangeChunks)
	for i := range len(borders) - 1 {
		l.ranges = append(l.ranges, keyRange{borders[i], borders[i+1], make(chan *chunk, rangeChunks)})
	}
	var wait sync.WaitGroup
	for range readers {
		wait.Go(l.read)
	}
	defer wait.Wait()
	defer close(l.stop)
	n := 0
	for i := range l.ranges {
		for c := range l.ranges[i].chunks {
			for j := range c.entries {
				if err := l.loader.AddEntry(&c.entries[j]); err != nil {
					return l.s.damaged(err)
				}
			}
			if c.err != nil {
				return c.err
			}
			n += len(c.entries)
			if progress != nil {
				progress(n, total)
			}
			select {
			case <-l.s.opt.Cancel:
				return context.Canceled
			default:
			}
			select {
			case l.free <- c:
			default:
			}
		}
	}
	if d := l.loader.Dropped(); d > 0 {
		l.s.log.Info("left out znodes that were deleted while the snapshot was written", "znodes", d)
	}
	return nil
}

// borders cuts the keys of znodes into ranges where tables begin.
func (s *Store) borders() ([][]byte, error) {
	from, to := []byte{keyNode}, []byte{keyNode + 1}
	levels, err := s.db.SSTables()
	if err != nil {
		return nil, s.classify("list tables", err)
	}
	borders := [][]byte{from, to}
	for _, level := range levels {
		for _, t := range level {
			if k := t.Smallest.UserKey; bytes.Compare(k, from) > 0 && bytes.Compare(k, to) < 0 {
				borders = append(borders, k)
			}
		}
	}
	slices.SortFunc(borders, bytes.Compare)
	return slices.CompactFunc(borders, bytes.Equal), nil
}

// read is a reader.
func (l *load) read() {
	for {
		i := int(l.next.Add(1)) - 1
		if i >= len(l.ranges) {
			return
		}
		r := &l.ranges[i]
		if !l.readRange(r) {
			return
		}
		close(r.chunks)
	}
}

// readRange sends the chunks of r, the last one of them with the error, if there is one. It returns false if
// that is to be the end.
func (l *load) readRange(r *keyRange) bool {
	it, err := l.s.db.NewIter(&pebble.IterOptions{LowerBound: r.from, UpperBound: r.to})
	if err != nil {
		l.send(r, &chunk{err: l.s.classify("load", err)})
		return false
	}
	c := l.chunk()
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		key := it.Key()
		var value []byte
		if value, err = it.ValueAndErr(); err != nil {
			break
		}
		if need := len(key) + len(value); len(c.entries) == chunkEntries || len(c.buf)+need > cap(c.buf) {
			if len(c.entries) > 0 {
				if !l.send(r, c) {
					_ = it.Close()
					return false
				}
				c = l.chunk() // once sent, a chunk belongs to the receiver
			}
			if need > cap(c.buf) {
				c.buf = make([]byte, 0, need)
			}
		}
		err = c.add(l.loader, key, value)
	}
	if err != nil && errors.Is(err, tree.ErrLoad) {
		c.err = l.s.damaged(err)
	}
	if err2 := errors.Join(it.Error(), it.Close()); c.err == nil {
		c.err = l.s.classify("load", errors.Join(err, err2))
	}
	sound := c.err == nil
	return l.send(r, c) && sound
}

// add decodes a key and a record, for which there is room.
func (c *chunk) add(l *tree.Loader, key, value []byte) error {
	if len(key) <= nodePrefixBytes {
		return fmt.Errorf("%w: key %x", tree.ErrLoad, key)
	}
	n := len(c.entries)
	var err error
	if c.buf, err = l.Parse(&c.entries[:n+1][n], c.buf, key[nodePrefixBytes:], value); err != nil {
		return err
	}
	c.entries = c.entries[:n+1]
	return nil
}

func (l *load) chunk() *chunk {
	select {
	case c := <-l.free:
		c.buf, c.entries = c.buf[:0], c.entries[:0]
		return c
	default:
		return &chunk{buf: make([]byte, 0, chunkBytes), entries: make([]tree.Entry, 0, chunkEntries)}
	}
}

func (l *load) send(r *keyRange, c *chunk) bool {
	select {
	case r.chunks <- c:
		return true
	case <-l.stop:
		return false
	}
}

// Sessions returns the sessions of the snapshot, by their ids.
func (s *Store) Sessions() ([]Session, error) {
	var sessions []Session
	err := s.each(s.db, []byte{keySession}, []byte{keySession + 1}, func(key, value []byte) error {
		session, err := decodeSession(key, value)
		if err != nil {
			return s.damaged(err)
		}
		sessions = append(sessions, session)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return sessions, nil
}
