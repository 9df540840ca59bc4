package wal

import (
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/errors/oserror"

	"gamekeeper/proto"
)

// A Reader walks the durable records of a log, also while more are appended. It belongs to one goroutine.
type Reader struct {
	log        *Log
	after      proto.Zxid
	generation uint64
	seq        uint64 // of the open segment; 0 if none is
	path       string
	sc         *scanner
	block      []byte
	err        error
}

// NewReader returns a reader of the records with zxids above after. It is ErrMissing if the log does not
// reach back that far. The caller closes the reader.
func (l *Log) NewReader(after proto.Zxid) (*Reader, error) {
	l.segsMu.RLock()
	defer l.segsMu.RUnlock()
	if base := l.segs[0].base; after < base {
		return nil, fmt.Errorf("log: %w: %s begins after zxid %v and does not reach back to %v; %s",
			ErrMissing, l.dir.path, base, after, wayOut)
	}
	return &Reader{log: l, after: after, generation: l.generation.Load(), block: l.newBlock()}, nil
}

// Next returns the next record; its bytes are valid until the following call. At the end of what is durable
// the error is io.EOF, and Next may be called again when more is. Every other error is final: a
// *CorruptError, ErrMissing if what was to come has been purged, ErrTruncated, or that of a read.
func (r *Reader) Next() (proto.Zxid, []byte, error) {
	for r.err == nil {
		err := r.position()
		if err == io.EOF {
			return 0, nil, err
		}
		var z proto.Zxid
		var record []byte
		if err == nil {
			if z, record, err = r.sc.next(); err != nil {
				err = scanError(r.path, err) // position saw a record before the limit
			}
		}
		switch {
		case r.log.truncated(r.generation):
			r.err = ErrTruncated // whatever was found meanwhile
		case err != nil:
			r.err = err
		case z > r.after:
			return z, record, nil
		}
	}
	return 0, nil, r.err
}

// truncated says whether a reader of a generation is of no use any more, or never was: those that are made
// while the log is truncated.
func (l *Log) truncated(generation uint64) bool {
	return generation&1 != 0 || l.generation.Load() != generation
}

// position makes sure that a record lies before the scanner: it learns of new durable records and goes on
// to the next segment. io.EOF says that there is none yet.
func (r *Reader) position() error {
	if r.sc != nil && r.sc.off < r.sc.limit {
		return nil
	}
	for {
		s, err := r.segment()
		if err != nil {
			return err
		}
		if s.seq == r.seq {
			r.sc.limit = s.end
			if r.sc.off == s.end {
				return io.EOF
			}
			return nil
		}
		if err := r.open(s); err != nil {
			return err
		}
	}
}

// segment returns the segment to read from: the open one, unless it is used up and has a successor.
func (r *Reader) segment() (segment, error) {
	l := r.log
	l.segsMu.RLock()
	defer l.segsMu.RUnlock()
	if l.truncated(r.generation) {
		return segment{}, ErrTruncated // the segments are of another generation
	}
	i := 0
	if r.seq == 0 {
		for i < len(l.segs)-1 && l.segs[i].last <= r.after {
			i++
		}
		if l.segs[i].base > r.after {
			return segment{}, fmt.Errorf("log: %w: those after %v were purged", ErrMissing, r.after)
		}
		return l.segs[i], nil
	}
	if r.seq < l.segs[0].seq {
		if l.segs[0].base == r.sc.last {
			return l.segs[0], nil // purged after it was read to its end
		}
		return segment{}, fmt.Errorf("log: %w: segment %s was purged before it was read",
			ErrMissing, segmentName(r.seq+1))
	}
	i = int(r.seq - l.segs[0].seq)
	if r.sc.off == l.segs[i].end && i < len(l.segs)-1 {
		i++
	}
	return l.segs[i], nil
}

func (r *Reader) open(s segment) error {
	r.closeFile()
	r.path = r.log.dir.join(segmentName(s.seq))
	f, err := r.log.fs.Open(r.path)
	if oserror.IsNotExist(err) {
		return fmt.Errorf("log: %w: segment %s was purged before it was read", ErrMissing, r.path)
	}
	if err != nil {
		return ioError("open", r.path, err)
	}
	r.seq = s.seq
	r.sc = newScanner(f, recordSeed(s.id), s.base, s.end, r.block)
	return nil
}

func (r *Reader) closeFile() {
	if r.sc != nil {
		_ = r.sc.file.Close() // was only read
		r.block, r.sc = r.sc.buf, nil
	}
}

// Close gives up the reader's file.
func (r *Reader) Close() {
	r.closeFile()
	if r.err == nil {
		r.err = errors.New("log: the reader is closed")
	}
}

// Replay calls fn for every durable record with a zxid above after, in order. The record is valid during the
// call only. An error of fn ends the replay and is returned as it is.
func (l *Log) Replay(after proto.Zxid, fn func(z proto.Zxid, record []byte) error) error {
	r, err := l.NewReader(after)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		z, record, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(z, record); err != nil {
			return err
		}
	}
}
