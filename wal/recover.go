package wal

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
)

// recover reads the directory, checks what it holds, cuts a torn tail and leaves an active segment whose
// records are all on stable storage.
func (l *Log) recover() error {
	seqs, err := l.list()
	if err != nil {
		return err
	}
	if err := l.readHeaders(seqs); err != nil {
		return err
	}
	if len(l.segs) == 0 {
		if err := l.reaches(0); err != nil {
			return err
		}
		return l.create(1, proto.Zxid(0))
	}
	if err := l.checkSealed(); err != nil {
		return err
	}
	if err := l.openLast(); err != nil {
		return err
	}
	if err := l.dir.sync(); err != nil {
		return err
	}
	l.stand(l.segs, l.segs[len(l.segs)-1].last)
	return nil
}

// reaches refuses a log that ends at last if it has to reach further.
func (l *Log) reaches(last proto.Zxid) error {
	if last >= l.opts.MustReach {
		return nil
	}
	return &ShortError{Dir: l.dir.path, Last: last, Need: l.opts.MustReach}
}

// create starts a log of one empty segment that stands at base.
func (l *Log) create(seq uint64, base proto.Zxid) error {
	p := l.prepare(seq)
	if p.err != nil {
		return p.err
	}
	h := segmentHeader{flags: flagFresh | flagRun, logID: rand.Uint64(), id: rand.Uint64(), seq: seq, base: base}
	if err := l.activate(p, h); err != nil {
		_ = p.file.Close()
		return err
	}
	l.stand([]segment{newSegment(h)}, base)
	return nil
}

// list returns the numbers of the segment files, in order and without gaps, and removes what a truncation
// that did not finish left.
func (l *Log) list() ([]uint64, error) {
	names, err := l.fs.List(l.dir.path)
	if err != nil {
		return nil, ioError("list", l.dir.path, err)
	}
	var seqs []uint64
	for _, name := range names {
		if base, ok := strings.CutSuffix(name, tempSuffix); ok {
			if _, ok := parseSegmentName(base); ok {
				if err := l.fs.Remove(l.dir.join(name)); err != nil {
					return nil, ioError("remove", l.dir.join(name), err)
				}
			}
		}
		if seq, ok := parseSegmentName(name); ok {
			seqs = append(seqs, seq)
		}
	}
	slices.Sort(seqs)
	for i := 1; i < len(seqs); i++ {
		if seqs[i] != seqs[i-1]+1 {
			return nil, &CorruptError{File: l.dir.join(segmentName(seqs[i-1] + 1)),
				Reason: fmt.Sprintf("the segment is missing, although the later %s exists", segmentName(seqs[i]))}
		}
	}
	return seqs, nil
}

// readHeaders fills l.segs from the headers and checks the chain they form. A last file that was only
// prepared is left out.
func (l *Log) readHeaders(seqs []uint64) error {
	for i, seq := range seqs {
		path := l.dir.join(segmentName(seq))
		h, err := l.readHeader(path)
		if errors.Is(err, errNoHeader) && i == len(seqs)-1 {
			// A prepared file is no damage, unless one with records must have stood before it.
			if used, uerr := l.usedFile(path); uerr != nil {
				return uerr
			} else if used {
				return &CorruptError{File: path, Reason: "the segment header is not valid, and data follow it"}
			}
			if i == 0 && seq != 1 {
				return &CorruptError{File: l.dir.join(segmentName(seq - 1)),
					Reason: fmt.Sprintf("the segment is missing, although its prepared successor %s exists", segmentName(seq))}
			}
			return nil
		}
		if errors.Is(err, errNoHeader) {
			return &CorruptError{File: path, Reason: "the segment header is not valid"}
		}
		if err != nil {
			return err
		}
		if err := l.checkChain(path, seq, h); err != nil {
			return err
		}
		l.segs = append(l.segs, newSegment(h))
	}
	return nil
}

// checkChain compares a header with its file name and with the segment before it.
func (l *Log) checkChain(path string, seq uint64, h segmentHeader) error {
	if h.seq != seq {
		return &CorruptError{File: path,
			Reason: fmt.Sprintf("the header is that of segment %s: the file was renamed or copied", segmentName(h.seq))}
	}
	if seq == 0 {
		return &CorruptError{File: path, Reason: "the segments of a log are numbered from 1 on"}
	}
	if len(l.segs) == 0 {
		if h.base < 0 {
			return &CorruptError{File: path,
				Reason: fmt.Sprintf("the header says that the records before it end at zxid %s, which no leader issues", h.base)}
		}
		return nil
	}
	prev := l.segs[len(l.segs)-1]
	if h.logID != prev.logID || h.prevID != prev.id {
		return &CorruptError{File: path, Reason: fmt.Sprintf(
			"the segment does not continue %s: one of the two belongs to another log or to an older copy of this one",
			segmentName(prev.seq))}
	}
	if h.base <= prev.base { // a segment is followed by another once it has a record
		return &CorruptError{File: path, Reason: fmt.Sprintf(
			"the header says that the records before it end at zxid %s, and those of %s come after %s", h.base, segmentName(prev.seq), prev.base)}
	}
	return nil
}

func (l *Log) readHeader(path string) (segmentHeader, error) {
	f, err := l.fs.Open(path)
	if err != nil {
		return segmentHeader{}, ioError("open", path, err)
	}
	defer f.Close()
	var b [segmentHeaderBytes]byte
	n, err := f.ReadAt(b[:], 0)
	if err != nil && err != io.EOF {
		return segmentHeader{}, ioError("read", path, err)
	}
	h, err := decodeSegmentHeader(b[:n])
	if err != nil {
		return h, fmt.Errorf("log: %s: %w", path, err)
	}
	return h, nil
}

// usedFile reports whether anything but zeros stands behind the header block.
func (l *Log) usedFile(path string) (bool, error) {
	f, err := l.fs.Open(path)
	if err != nil {
		return false, ioError("open", path, err)
	}
	defer f.Close()
	t, err := surveyTail(f, path, 0, segmentHeaderBytes, l.newBlock())
	return t.dataEnd > segmentHeaderBytes, err
}

// checkSealed checks every segment but the last against the end that its successor names.
func (l *Log) checkSealed() error {
	block := l.newBlock()
	for i := range l.segs[:len(l.segs)-1] {
		s, next := &l.segs[i], l.segs[i+1].segmentHeader
		s.last, s.end = next.base, next.prevEnd
		if err := l.checkSegment(s, next, block); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) checkSegment(s *segment, next segmentHeader, block []byte) error {
	path := l.dir.join(segmentName(s.seq))
	f, err := l.fs.Open(path)
	if err != nil {
		return ioError("open", path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ioError("stat", path, err)
	}
	if next.prevEnd < segmentHeaderBytes || next.prevEnd > info.Size() {
		return &CorruptError{File: path, Offset: min(info.Size(), max(next.prevEnd, 0)), Reason: fmt.Sprintf(
			"the file has %d bytes, and its successor says that its records end at %d", info.Size(), next.prevEnd)}
	}
	sc := newScanner(f, recordSeed(s.id), s.base, next.prevEnd, block)
	if next.base <= l.opts.CheckAfter {
		s.first, _, err = sc.next()
		if errors.Is(err, errScanEnd) {
			return nil
		}
		return scanError(path, err)
	}
	if err := s.scan(sc); !errors.Is(err, errScanEnd) {
		return scanError(path, err)
	}
	if sc.last != next.base {
		return &CorruptError{File: path, Offset: next.prevEnd, Reason: fmt.Sprintf(
			"the last record is %v, and the successor says %v", sc.last, next.base)}
	}
	return nil
}

// scanError turns what a scanner found in bytes that had been synced into an error for the operator.
func scanError(path string, err error) error {
	var bad *badRecord
	if errors.As(err, &bad) {
		return &CorruptError{File: path, Offset: bad.offset, Reason: bad.reason}
	}
	if err != nil {
		return ioError("read", path, err)
	}
	return nil
}

// openLast checks the last segment, cuts its torn tail, brings its last write to stable storage (again) and
// makes it the active one.
func (l *Log) openLast() error {
	s := &l.segs[len(l.segs)-1]
	path := l.dir.join(segmentName(s.seq))
	f, err := l.fs.OpenReadWrite(path, writeCategory)
	if err != nil {
		return ioError("open", path, err)
	}
	seed := recordSeed(s.id)
	l.active = activeSegment{file: f, path: path, seed: seed}
	info, err := f.Stat()
	if err != nil {
		return ioError("stat", path, err)
	}

	sc := newScanner(f, seed, s.base, info.Size(), l.newBlock())
	err = s.scan(sc)
	s.last, s.end = sc.last, sc.off
	dataEnd := sc.off
	if bad := new(badRecord); errors.As(err, &bad) {
		t, err := surveyTail(f, path, seed, bad.offset, l.newBlock())
		if err != nil {
			return err
		}
		if err := t.judge(f, path, bad, s.flags); err != nil {
			return err
		}
		dataEnd = t.dataEnd
	} else if !errors.Is(err, errScanEnd) {
		return ioError("read", path, err)
	}
	if err := l.reaches(s.last); err != nil {
		return err
	}
	if err := l.settle(f, path, sc.synced, s.end, dataEnd); err != nil {
		return err
	}
	if dataEnd > s.end {
		l.logger.Info("cut the torn tail of the log: a crash had kept its last write from being completed",
			"file", path, "offset", s.end, "bytes", dataEnd-s.end, "last_zxid", s.last.String())
	}
	l.active.end, l.active.synced = s.end, s.end
	return nil
}

// settle writes the last write of the log, [from, end), once more as it is, and zeros over [end, dataEnd),
// and syncs. If from is 0 the segment has no records and its header is written again.
func (l *Log) settle(f vfs.File, path string, from, end, dataEnd int64) error {
	buf := l.newBlock()
	if err := copyBytes(f, f, path, path, from, end, buf); err != nil {
		return err
	}
	clear(buf)
	for off := end; off < dataEnd; {
		n, err := f.WriteAt(buf[:min(int64(len(buf)), dataEnd-off)], off)
		if err != nil {
			return ioError("write", path, err)
		}
		off += int64(n)
	}
	if err := f.Sync(); err != nil {
		return syncError(path, err)
	}
	return nil
}
