package wal

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
)

// TruncateAfter removes every record above z, durably, once what was appended is written. LastZxid and
// Durable fall accordingly; readers end with ErrTruncated. If a write, sync or removal fails, the log has
// failed (see Err): a directory left half way holds a longer beginning of the old log, and the truncation
// can be repeated after Open.
func (l *Log) TruncateAfter(z proto.Zxid) error {
	return l.restructure(func(segs []segment) error {
		if base := segs[0].base; z < base {
			return fmt.Errorf("log: %w: it begins after zxid %v and cannot be cut after %v", ErrMissing, base, z)
		}
		if z >= l.LastZxid() {
			return nil
		}
		// The segment to shorten is the last one that begins before z.
		keep := len(segs)
		for keep > 1 && segs[keep-1].base >= z {
			keep--
		}
		cut, err := l.findCut(segs[keep-1], z)
		if err != nil {
			return err // damage, and nothing was changed
		}
		return l.rebuild(func() error {
			if err := l.removeBack(segs[keep:]); err != nil {
				return err
			}
			if cut.end < segs[keep-1].end {
				if err := l.shorten(cut); err != nil {
					return err
				}
			}
			return l.reopen(append(segs[:keep-1], cut))
		})
	})
}

// Reset makes the log an empty one that stands at z, durably: what a server does that took the snapshot of
// another one. The rules of TruncateAfter hold; left half way, the directory may also hold no log at all.
func (l *Log) Reset(z proto.Zxid) error {
	return l.restructure(func(segs []segment) error {
		return l.rebuild(func() error {
			if err := l.removeBack(segs); err != nil {
				return err
			}
			return l.create(1, z)
		})
	})
}

// Purge removes, oldest first, the segments whose records are all at or below z, but never the active one.
// It returns how many it removed. Readers that stand in them may end with ErrMissing.
func (l *Log) Purge(z proto.Zxid) (int, error) {
	l.structMu.Lock()
	defer l.structMu.Unlock()
	for removed := 0; ; removed++ {
		l.segsMu.RLock()
		oldest, last := l.segs[0], len(l.segs) == 1
		l.segsMu.RUnlock()
		if last || oldest.last > z {
			return removed, nil
		}
		path := l.dir.join(segmentName(oldest.seq))
		if err := l.fs.Remove(path); err != nil && !oserror.IsNotExist(err) {
			return removed, ioError("remove", path, err)
		}
		// One at a time, so that no crash leaves a gap in the numbers.
		if err := l.dir.sync(); err != nil {
			return removed, err
		}
		l.segsMu.Lock()
		l.segs = l.segs[1:]
		l.segsMu.Unlock()
	}
}

// restructure runs fn on a copy of the segments while nothing is being written.
func (l *Log) restructure(fn func(segs []segment) error) error {
	if err := l.drain(); err != nil {
		return err
	}
	l.structMu.Lock()
	defer l.structMu.Unlock()
	l.ioMu.Lock()
	defer l.ioMu.Unlock()
	l.segsMu.RLock()
	segs := slices.Clone(l.segs)
	l.segsMu.RUnlock()
	return fn(segs)
}

// rebuild runs fn, which makes another segment the active one, with neither an open nor a prepared segment
// around. Its failure is the log's.
func (l *Log) rebuild(fn func() error) error {
	l.generation.Add(1)
	l.waiters.wake()
	err := l.dropPreparation()
	if err == nil {
		if cerr := l.active.file.Close(); cerr != nil {
			err = ioError("close", l.active.path, cerr)
		}
		l.active.file = nil
	}
	if err == nil {
		err = fn()
	}
	if err != nil {
		l.spare <- preparation{err: err}
		l.fail(err)
		return err
	}
	l.startPreparation()
	return nil
}

// removeBack removes segments, the newest first, each removal durable before the next.
func (l *Log) removeBack(segs []segment) error {
	for _, s := range slices.Backward(segs) {
		path := l.dir.join(segmentName(s.seq))
		if err := l.fs.Remove(path); err != nil {
			return ioError("remove", path, err)
		}
		if err := l.dir.sync(); err != nil {
			return err
		}
	}
	return nil
}

// findCut returns what s is to be once its records above z are gone.
func (l *Log) findCut(s segment, z proto.Zxid) (segment, error) {
	path := l.dir.join(segmentName(s.seq))
	f, err := l.fs.Open(path)
	if err != nil {
		return s, ioError("open", path, err)
	}
	defer f.Close()
	cut := newSegment(s.segmentHeader)
	sc := newScanner(f, recordSeed(s.id), s.base, s.end, l.newBlock())
	for {
		zxid, _, err := sc.next()
		if errors.Is(err, errScanEnd) || err == nil && zxid > z {
			return cut, nil
		}
		if err != nil {
			return s, scanError(path, err)
		}
		if cut.first == 0 {
			cut.first = zxid
		}
		cut.last, cut.end = zxid, sc.off
	}
}

// shorten replaces the file of a segment by a copy that ends where cut does.
func (l *Log) shorten(cut segment) error {
	path := l.dir.join(segmentName(cut.seq))
	temp := path + tempSuffix
	if err := l.copyPrefix(path, temp, cut.end); err != nil {
		_ = l.fs.Remove(temp) // Open would, too
		return err
	}
	if err := l.fs.Rename(temp, path); err != nil {
		return ioError("rename", temp, err)
	}
	return l.dir.sync()
}

// copyPrefix makes a segment file of the first n bytes of another one, zeros behind them, and syncs it.
func (l *Log) copyPrefix(from, to string, n int64) error {
	src, err := l.fs.Open(from)
	if err != nil {
		return ioError("open", from, err)
	}
	defer src.Close()
	if err := l.fs.Remove(to); err != nil && !oserror.IsNotExist(err) {
		return ioError("remove", to, err)
	}
	dst, err := l.allocate(to)
	if err == nil {
		err = copyBytes(dst, src, to, from, 0, n, l.newBlock())
	}
	if err == nil {
		if serr := dst.Sync(); serr != nil {
			err = syncError(to, serr)
		}
	}
	if dst != nil {
		if cerr := dst.Close(); err == nil && cerr != nil {
			err = ioError("close", to, cerr)
		}
	}
	return err
}

// copyBytes copies [from, end) of src to the same place of dst, by way of buf. The paths are for errors.
func copyBytes(dst, src vfs.File, dstPath, srcPath string, from, end int64, buf []byte) error {
	for off := from; off < end; {
		got, err := src.ReadAt(buf[:min(int64(len(buf)), end-off)], off)
		if got == 0 {
			return ioError("read", srcPath, err)
		}
		if _, err := dst.WriteAt(buf[:got], off); err != nil {
			return ioError("write", dstPath, err)
		}
		off += int64(got)
	}
	return nil
}

// reopen makes the last of segs, all of whose bytes are on stable storage, the active one.
func (l *Log) reopen(segs []segment) error {
	s := segs[len(segs)-1]
	path := l.dir.join(segmentName(s.seq))
	f, err := l.fs.OpenReadWrite(path, writeCategory)
	if err != nil {
		return ioError("open", path, err)
	}
	l.active = activeSegment{file: f, path: path, seed: recordSeed(s.id), end: s.end, synced: s.end}
	l.stand(segs, s.last)
	return nil
}

// stand makes segs the log and z the zxid at which it stands, with nothing on its way to the disk.
func (l *Log) stand(segs []segment, z proto.Zxid) {
	l.segsMu.Lock()
	defer l.segsMu.Unlock()
	l.segs = segs
	l.generation.Add(l.generation.Load() & 1)
	l.lastZxid.Store(int64(z))
	l.durable.Store(int64(z))
	l.waiters.wake()
}
