package wal

import (
	"errors"

	"gamekeeper/proto"
)

// A Run is a stretch of the log without gaps: every zxid from First to Last, which are of one epoch.
type Run struct{ First, Last proto.Zxid }

// follows says whether z may come after last in one run.
func follows(last, z proto.Zxid) bool { return z == last+1 && z.Epoch() == last.Epoch() }

// scanned takes note of a record that was read behind one of zxid last. The header's word is not believed
// against the records'.
func (s *segment) scanned(z, last proto.Zxid) {
	if s.first == 0 {
		s.first = z
	} else if !follows(last, z) {
		s.flags &^= flagRun
	}
}

// scan reads the records that are left of sc, and returns why it ended: errScanEnd, or what the scanner found.
func (s *segment) scan(sc *scanner) error {
	for {
		last := sc.last
		z, _, err := sc.next()
		if err != nil {
			return err
		}
		s.scanned(z, last)
	}
}

// Runs says what the log holds: the runs of its durable records, oldest first, each as long as it can be. It
// reads no records but those of segments whose headers do not promise a run, which no log has that was written
// by a program that knows Runs. An error is that of a read, or a *CorruptError.
func (l *Log) Runs() ([]Run, error) {
	l.structMu.Lock() // keeps the files
	defer l.structMu.Unlock()
	l.segsMu.RLock()
	segs := append([]segment(nil), l.segs...)
	l.segsMu.RUnlock()
	var runs []Run
	add := func(r Run) {
		if n := len(runs); n > 0 && follows(runs[n-1].Last, r.First) {
			runs[n-1].Last = r.Last
			return
		}
		runs = append(runs, r)
	}
	for _, s := range segs {
		switch {
		case s.first == 0:
		case s.flags&flagRun != 0:
			add(Run{s.first, s.last})
		default:
			if err := l.scanRuns(s, add); err != nil {
				return nil, err
			}
		}
	}
	return runs, nil
}

// scanRuns reads the runs of a segment from its records.
func (l *Log) scanRuns(s segment, add func(Run)) error {
	path := l.dir.join(segmentName(s.seq))
	f, err := l.fs.Open(path)
	if err != nil {
		return ioError("open", path, err)
	}
	defer f.Close()
	sc := newScanner(f, recordSeed(s.id), s.base, s.end, l.newBlock())
	for {
		z, _, err := sc.next()
		if errors.Is(err, errScanEnd) {
			return nil
		}
		if err != nil {
			return scanError(path, err)
		}
		add(Run{z, z})
	}
}

// BytesAfter returns about how many bytes of the log the durable records after z take. Within a segment, all
// records count as of one size.
func (l *Log) BytesAfter(z proto.Zxid) int64 {
	l.segsMu.RLock()
	defer l.segsMu.RUnlock()
	var n int64
	for i := len(l.segs) - 1; i >= 0 && l.segs[i].last > z; i-- {
		s := &l.segs[i]
		bytes := s.end - segmentHeaderBytes
		if z >= s.first {
			bytes = int64(float64(bytes) * float64(s.last-z) / float64(s.last-s.first+1))
		}
		n += bytes
	}
	return n
}
