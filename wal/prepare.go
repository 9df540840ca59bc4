package wal

import (
	"errors"
	"syscall"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// writeCategory names the log's writes to file systems that count them by purpose.
const writeCategory vfs.DiskWriteCategory = "gamekeeper-wal"

// preparation is a segment file made ahead of use: of full size, all zeros, synced, and its name too.
type preparation struct {
	file vfs.File
	path string
	err  error
}

// startPreparation prepares the segment after the active one in a goroutine of its own. Its outcome is
// taken from l.spare, and exactly one preparation is under way or waiting there as long as the log is open.
func (l *Log) startPreparation() {
	l.segsMu.RLock()
	seq := l.segs[len(l.segs)-1].seq + 1
	l.segsMu.RUnlock()
	go func() {
		p := l.prepare(seq)
		if p.err != nil {
			l.logger.Warn("the next log segment could not be prepared; one more attempt is made when it is needed",
				"error", p.err)
		}
		l.spare <- p
	}()
}

// dropPreparation waits for the preparation under way and removes its file.
func (l *Log) dropPreparation() error {
	p := <-l.spare
	if p.file == nil {
		return nil
	}
	_ = p.file.Close()
	if err := l.fs.Remove(p.path); err != nil {
		return ioError("remove", p.path, err)
	}
	return l.dir.sync()
}

// prepare makes the file of segment seq, in place of any unused one.
func (l *Log) prepare(seq uint64) preparation {
	path := l.dir.join(segmentName(seq))
	if err := l.fs.Remove(path); err != nil && !oserror.IsNotExist(err) {
		return preparation{err: ioError("remove", path, err)}
	}
	f, err := l.allocate(path)
	if err == nil {
		err = l.dir.sync()
	}
	if err != nil {
		if f != nil {
			_ = f.Close()
		}
		_ = l.fs.Remove(path) // gives the space back; an unused file does no harm
		return preparation{err: err}
	}
	return preparation{file: f, path: path}
}

// allocate makes a file of Options.SegmentBytes zeros and syncs it. An error comes with the file if there
// is one.
func (l *Log) allocate(path string) (vfs.File, error) {
	f, err := l.fs.OpenReadWrite(path, writeCategory)
	if err != nil {
		return nil, ioError("create", path, err)
	}
	if err := f.Preallocate(0, l.opts.SegmentBytes); err != nil && !preallocateUnsupported(err) {
		return f, ioError("allocate space for", path, err)
	}
	// Preallocate leaves the size of the file alone. The last block sets it, so that no later sync of
	// records has to.
	last := min(segmentHeaderBytes, l.opts.SegmentBytes)
	if _, err := f.WriteAt(make([]byte, last), l.opts.SegmentBytes-last); err != nil {
		return f, ioError("write", path, err)
	}
	if err := f.Sync(); err != nil {
		return f, syncError(path, err)
	}
	return f, nil
}

// preallocateUnsupported tells a file system that has no preallocation from one that has no space. There,
// a full disk shows at the first write that finds no space.
func preallocateUnsupported(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL)
}
