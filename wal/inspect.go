package wal

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
)

// ErrNoLog says that a directory holds no log.
var ErrNoLog = errors.New("there is no log")

// InspectOptions say which log to look at.
type InspectOptions struct {
	FS  vfs.FS // nil means vfs.Default
	Dir string
}

// An Inspection reads a log as it lies in its directory. It takes no lock and changes nothing, so the log may
// be that of a running server; then it shows what had been written when Scan came to it, which may be a
// little more than what is durable. Damage is a value here, and what lies behind it is read as far as it
// can be. An Inspection belongs to one goroutine.
type Inspection struct {
	view  *Log // that was never opened: it lends recovery's reading of headers
	found []inspected
}

// inspected is a segment and what the headers say of it.
type inspected struct {
	InspectedSegment
	header segmentHeader // zero unless readable
	// Of a sealed segment, by its successor: where its records end and the last of them.
	sealedEnd  int64
	sealedLast proto.Zxid
}

// InspectedSegment describes a segment file, or one that is missing.
type InspectedSegment struct {
	Segment // First, Last, Bytes and Records are what Scan has read; until then, Last is Base
	Base    proto.Zxid
	Records int64
	// FileBytes is the size of the file, most of it not used yet if the segment is the last one.
	FileBytes int64
	Sealed    bool // a successor names the end of the records
	Prepared  bool // made ahead of use, no header yet
	Missing   bool // the file is not there, though a later one is
	Scanned   bool // Scan has read the records
	// TornBytes is the size of a torn tail, or of a batch that a server was just writing.
	TornBytes int64
	Damage    []Damage
}

// Damage is a place at which a log cannot be trusted.
type Damage struct {
	CorruptError
	// Until is the offset from which on records are good again, 0 if none behind was found.
	Until int64
}

// InspectedRecord is a record and its place.
type InspectedRecord struct {
	Zxid    proto.Zxid
	File    string
	Offset  int64
	Bytes   int64  // with its frame
	Payload []byte // good during the call
}

// Inspect reads the headers of the segments. It is an error of class ErrNoLog if there is none.
func Inspect(o InspectOptions) (*Inspection, error) {
	opts, err := Options{FS: o.FS, Dir: o.Dir}.withDefaults()
	if err != nil {
		return nil, err
	}
	in := &Inspection{view: &Log{opts: opts, fs: opts.FS, dir: &directory{fs: opts.FS, path: opts.Dir}}}
	names, err := opts.FS.List(opts.Dir)
	if err != nil && !oserror.IsNotExist(err) {
		return nil, ioError("list", opts.Dir, err)
	}
	var seqs []uint64
	for _, name := range names {
		if seq, ok := parseSegmentName(name); ok {
			seqs = append(seqs, seq)
		}
	}
	if len(seqs) == 0 {
		return nil, fmt.Errorf("log: %w in %s", ErrNoLog, opts.Dir)
	}
	slices.Sort(seqs)
	for i, seq := range seqs {
		if i > 0 && seqs[i-1]+1 != seq {
			in.addMissing(seqs[i-1]+1, seq)
		}
		if err := in.add(seq, i == len(seqs)-1); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// addMissing notes that the segments from one number up to another are not there.
func (in *Inspection) addMissing(from, to uint64) {
	name := in.view.dir.join(segmentName(from))
	reason := fmt.Sprintf("the segment is missing, although the later %s exists", segmentName(to))
	if to-from > 1 {
		reason = fmt.Sprintf("%d segments are missing from this one on, although the later %s exists", to-from, segmentName(to))
	}
	in.found = append(in.found, inspected{InspectedSegment: InspectedSegment{
		Segment: Segment{Name: name}, Missing: true,
		Damage: []Damage{{CorruptError: CorruptError{File: name, Reason: reason}}},
	}})
	in.view.segs = nil // the chain begins anew
}

// add reads the header of a segment.
func (in *Inspection) add(seq uint64, last bool) error {
	l := in.view
	s := inspected{}
	s.Name = l.dir.join(segmentName(seq))
	info, err := l.fs.Stat(s.Name)
	if oserror.IsNotExist(err) {
		return in.gone(s.Name)
	}
	if err != nil {
		return ioError("stat", s.Name, err)
	}
	s.FileBytes = info.Size()
	h, err := in.header(s.Name, last)
	switch {
	case oserror.IsNotExist(err):
		return in.gone(s.Name)
	case errors.Is(err, errPrepared):
		s.Prepared = true
		in.checkPrepared(&s, seq)
	case errors.Is(err, errNoHeader):
		s.damaged(0, 0, "the segment header is not valid")
		l.segs = nil
	case err != nil:
		return err
	default:
		s.Base, s.Last, s.header = h.base, h.base, h
		if err := l.checkChain(s.Name, seq, h); err != nil {
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) {
				return err
			}
			s.Damage = append(s.Damage, Damage{CorruptError: *corrupt})
		} else if len(l.segs) > 0 {
			p := &in.found[len(in.found)-1]
			p.Sealed, p.sealedEnd, p.sealedLast = true, h.prevEnd, h.base
		}
		l.segs = []segment{newSegment(h)}
	}
	in.found = append(in.found, s)
	return nil
}

// errPrepared says that the last segment is one that is made ahead of use.
var errPrepared = errors.New("prepared segment")

// header reads the header of a segment, and a second time if a server may just have written it.
func (in *Inspection) header(path string, last bool) (segmentHeader, error) {
	for again := false; ; again = true {
		h, err := in.view.readHeader(path)
		if !errors.Is(err, errNoHeader) || !last {
			return h, err
		}
		used, uerr := in.view.usedFile(path)
		if uerr != nil {
			return h, uerr
		}
		if !used {
			return h, errPrepared
		}
		if again {
			return h, err
		}
	}
}

// checkPrepared looks whether a log is there that the prepared segment is to continue.
func (in *Inspection) checkPrepared(s *inspected, seq uint64) {
	if len(in.found) == 0 && seq != 1 {
		in.addMissing(seq-1, seq)
	}
}

// gone is the error about a file that was listed and is no longer there.
func (in *Inspection) gone(name string) error {
	return fmt.Errorf("log: %w: %s was purged or truncated while it was read: try again", ErrMissing, name)
}

func (s *inspected) damaged(offset, until int64, reason string) {
	s.Damage = append(s.Damage, Damage{CorruptError{File: s.Name, Offset: offset, Reason: reason}, until})
}

// Base is the zxid after which the log has every record.
func (in *Inspection) Base() proto.Zxid { return in.found[0].Base }

// Segments lists the segments, oldest first, with what is known of them so far.
func (in *Inspection) Segments() []InspectedSegment {
	list := make([]InspectedSegment, len(in.found))
	for i := range in.found {
		list[i] = in.found[i].InspectedSegment
	}
	return list
}

// Scan checks and shows the records, oldest first, and each segment when its records have been shown. Segments
// of which all records are at or below after are not read; of the first one that is, records at or below
// it may be shown. An error of record or segment ends the scan and is returned as it is. Both may be nil.
func (in *Inspection) Scan(after proto.Zxid, record func(InspectedRecord) error,
	segment func(InspectedSegment) error) error {
	block := in.view.newBlock()
	for i := range in.found {
		s := &in.found[i]
		readable := s.header.seq != 0
		if readable && !(s.Sealed && s.sealedLast <= after) {
			if err := in.scanSegment(s, block, record); err != nil {
				return err
			}
		}
		if segment != nil {
			if err := segment(s.InspectedSegment); err != nil {
				return err
			}
		}
	}
	return nil
}

// A server may be in the midst of a write that looks like damage, so the end of a log is looked at several
// times before it is called that.
const (
	inspectLooks = 3
	inspectPause = 20 * time.Millisecond

	// inspectDamagesMax is how many damages of a segment are noted; the rest of it is then left alone.
	inspectDamagesMax = 100
)

func (in *Inspection) scanSegment(s *inspected, block []byte, record func(InspectedRecord) error) error {
	f, err := in.view.fs.Open(s.Name)
	if oserror.IsNotExist(err) {
		return in.gone(s.Name)
	}
	if err != nil {
		return ioError("open", s.Name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ioError("stat", s.Name, err)
	}
	w := walk{s: s, file: f, limit: info.Size(), suspect: -1}
	s.Scanned, s.FileBytes = true, info.Size()
	s.Records, s.First, s.Last, s.TornBytes = 0, 0, s.Base, 0
	if s.Sealed {
		if s.sealedEnd < segmentHeaderBytes || s.sealedEnd > w.limit {
			s.damaged(min(w.limit, max(s.sealedEnd, 0)), 0, fmt.Sprintf(
				"the file has %d bytes, and its successor says that its records end at %d", w.limit, s.sealedEnd))
		} else {
			w.limit = s.sealedEnd
		}
	}
	w.sc = newScanner(f, recordSeed(s.header.id), s.Base, w.limit, block)
	return w.run(record)
}

// walk goes through the records of a segment.
type walk struct {
	s       *inspected
	file    vfs.File
	limit   int64
	sc      *scanner
	suspect int64 // offset that no record stood at
	looks   int   // at it
}

func (w *walk) run(record func(InspectedRecord) error) error {
	s := w.s
	for {
		at := w.sc.off
		s.Bytes = at
		z, payload, err := w.sc.next()
		var bad *badRecord
		switch {
		case err == nil:
			if s.First == 0 {
				s.First = z
			}
			s.Last = z
			s.Records++
			if record != nil {
				if err := record(InspectedRecord{z, s.Name, at, w.sc.off - at, payload}); err != nil {
					return err
				}
			}
			continue
		case errors.As(err, &bad):
			more, err := w.bad(bad)
			if err != nil {
				return err
			}
			if more {
				continue
			}
		case !errors.Is(err, errScanEnd):
			return ioError("read", s.Name, err)
		}
		if s.Sealed && len(s.Damage) == 0 && s.Last != s.sealedLast {
			s.damaged(s.sealedEnd, 0, fmt.Sprintf("the last record is %v, and the successor says %v", s.Last, s.sealedLast))
		}
		return nil
	}
}

// bad decides what it means that no good record stands at an offset, and says whether to go on.
func (w *walk) bad(b *badRecord) (more bool, err error) {
	s := w.s
	if !s.Sealed && b.offset != w.suspect {
		// It may have been written since the block was read that the scanner looks at.
		w.suspect, w.looks = b.offset, 0
		return true, w.lookAgain(b.offset)
	}
	t, err := surveyTail(w.file, s.Name, w.sc.seed, b.offset, w.sc.buf)
	if err != nil {
		return false, err
	}
	reason := b.reason
	if !s.Sealed {
		var corrupt *CorruptError
		switch err := t.judge(w.file, s.Name, b, s.header.flags); {
		case err == nil:
			s.TornBytes = t.dataEnd - b.offset
			return false, nil
		case !errors.As(err, &corrupt):
			return false, err
		}
		if w.looks++; w.looks < inspectLooks {
			time.Sleep(inspectPause)
			return true, w.lookAgain(b.offset)
		}
		reason = corrupt.Reason
	}
	until, last := w.resume(b, t)
	if len(s.Damage) >= inspectDamagesMax {
		until = 0
	}
	s.damaged(b.offset, until, reason)
	if until != 0 {
		w.lookFrom(until, last)
	}
	return until != 0, nil
}

// resume finds the next record behind a bad one, and the zxid that it has to be above.
func (w *walk) resume(b *badRecord, t tail) (offset int64, last proto.Zxid) {
	last = w.sc.last
	if b.head != nil {
		if next := b.offset + b.head.size(); next < w.limit {
			return next, max(last, b.head.zxid)
		}
	}
	if t.proof < w.limit {
		return t.proof, last
	}
	return 0, last
}

// lookAgain makes the scanner read once more what no record stood at. A large batch may have made the file
// longer meanwhile.
func (w *walk) lookAgain(offset int64) error {
	info, err := w.file.Stat()
	if err != nil {
		return ioError("stat", w.s.Name, err)
	}
	w.limit, w.s.FileBytes = info.Size(), info.Size()
	w.lookFrom(offset, w.sc.last)
	return nil
}

// lookFrom makes the scanner read afresh, from a record on that comes after zxid last.
func (w *walk) lookFrom(offset int64, last proto.Zxid) {
	w.sc = newScanner(w.file, w.sc.seed, last, w.limit, w.sc.buf)
	w.sc.off = offset
}
