package apache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"io"
	"os"

	"gamekeeper/proto"
)

const (
	logMagic       int32 = 0x5a4b4c47 // "ZKLG"
	logPrefix            = "log"
	logHeaderBytes       = 16

	recordHeadBytes      = 12 // checksum and length
	recordEnd       byte = 'B'
	// recordMax bounds a transaction. Apache's jute.maxbuffer, with what is added to it, is about 2 MiB unless
	// set otherwise.
	recordMax = 1 << 30
)

// LogRecord is a transaction in a log file. Its slices are good until the next call of Next.
type LogRecord struct {
	File   string
	Offset int64
	Txn    proto.Txn
	Raw    []byte // the transaction's encoding
	sum    uint32 // its checksum
}

// Torn says where a log file ends in a record that was cut short.
type Torn struct {
	File   string
	Offset int64
	Reason string
}

// String says it in one line.
func (t *Torn) String() string {
	return fmt.Sprintf("%s: offset %d: the log ends in a record that was not written completely (%s)", t.File, t.Offset, t.Reason)
}

// LogReader reads one log file from its beginning to its end, with one record in memory at a time.
type LogReader struct {
	f    *os.File
	at   io.ReaderAt
	size int64
	s    *stream
	last proto.Zxid
	done bool
	torn *Torn
}

// openLog opens a log file. The caller closes the reader. Errors about the content are of class ErrDamaged.
func openLog(path string, w *watch) (*LogReader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	info, err := f.Stat()
	if err == nil {
		var r *LogReader
		if r, err = readLog(path, f, info.Size(), w); err == nil {
			r.f = f
			return r, nil
		}
	} else {
		err = fmt.Errorf("open log: %w", err)
	}
	_ = f.Close()
	return nil, err
}

// readLog reads the content of a log file of size bytes.
func readLog(name string, at io.ReaderAt, size int64, w *watch) (*LogReader, error) {
	r := &LogReader{at: at, size: size, last: -1, s: newStream(name, w.reader(io.NewSectionReader(at, 0, size)))}
	s := r.s
	if size < logHeaderBytes {
		r.done, r.torn = true, &Torn{name, 0, "the file is shorter than its header"}
		return r, nil
	}
	if !s.fill(logHeaderBytes) {
		return nil, s.fail("header: %w", s.cause())
	}
	magic, version := int32(binary.BigEndian.Uint32(s.rest())), int32(binary.BigEndian.Uint32(s.rest()[4:]))
	if magic == 0 {
		if empty, err := s.zeros(); err != nil {
			return nil, err
		} else if empty {
			r.done, r.torn = true, &Torn{name, 0, "the file holds nothing but zeros"}
			return r, nil
		}
	}
	if magic != logMagic {
		return nil, &DamageError{File: name, Err: fmt.Errorf("no log file of ZooKeeper: begins with 0x%08x", uint32(magic))}
	}
	if version != fileVersion {
		return nil, &DamageError{File: name, Offset: 4, Err: fmt.Errorf("log of version %d, not %d", version, fileVersion)}
	}
	s.consume(logHeaderBytes)
	return r, nil
}

// Close closes the file.
func (r *LogReader) Close() error {
	if r.f == nil {
		return nil
	}
	if err := r.f.Close(); err != nil {
		return fmt.Errorf("close log: %w", err)
	}
	return nil
}

// Torn says, once Next has returned io.EOF, where the file ends in a record that was cut short; nil if it
// ends behind a whole one.
func (r *LogReader) Torn() *Torn { return r.torn }

// Next reads the next record. After the last one the error is io.EOF: see Torn.
func (r *LogReader) Next() (LogRecord, error) {
	if r.done {
		return LogRecord{}, io.EOF
	}
	rec, err := r.next()
	if err != nil {
		r.done = true
		return LogRecord{}, err
	}
	r.last = rec.Txn.Zxid
	return rec, nil
}

func (r *LogReader) next() (rec LogRecord, err error) {
	s := r.s
	rec.File, rec.Offset = s.file, s.pos
	if !s.fill(recordHeadBytes) {
		if !errors.Is(s.err, io.EOF) {
			return rec, s.fail("record: %w", s.err)
		}
		return rec, r.padding(rec.Offset, "the file ends in it")
	}
	sum, n := binary.BigEndian.Uint64(s.rest()), int32(binary.BigEndian.Uint32(s.rest()[8:]))
	switch {
	case n == 0 && sum == 0:
		return rec, r.padding(rec.Offset, "")
	case n <= 0 || n > recordMax:
		return rec, r.unreadable(rec.Offset, int64(n), sum, fmt.Sprintf("its length is %d", n))
	}
	end := recordHeadBytes + int(n) + 1
	if rec.Offset+int64(end) > r.size {
		return rec, r.unreadable(rec.Offset, int64(n), sum, "the file ends in it")
	}
	if !s.fill(end) {
		return rec, s.fail("record: %w", s.cause())
	}
	rec.Raw = s.rest()[recordHeadBytes : end-1 : end-1]
	if rec.sum = adler32.Checksum(rec.Raw); uint64(rec.sum) != sum {
		return rec, r.unreadable(rec.Offset, int64(n), sum, fmt.Sprintf("its checksum is 0x%x, and stored is 0x%x", rec.sum, sum))
	}
	if c := s.rest()[end-1]; c != recordEnd {
		return rec, r.unreadable(rec.Offset, int64(n), sum, fmt.Sprintf("it ends with 0x%02x", c))
	}
	if rec.Txn, err = proto.DecodeTxn(rec.Raw); err != nil {
		return rec, s.fail("%w", err)
	}
	s.consume(end)
	return rec, nil
}

// padding ends the file at a place where zeros begin, up to its end. What is given as reason is why a record
// that begins here could not be whole.
func (r *LogReader) padding(at int64, reason string) error {
	empty, err := r.s.zeros()
	switch {
	case err != nil:
		return err
	case empty:
		return io.EOF
	case reason == "":
		reason = "it begins with zeros"
	}
	return r.unreadable(at, 0, 0, reason)
}

// unreadable decides what a record is that cannot be read: the last one, cut short by a crash, or damage.
// Its head gives length and sum.
func (r *LogReader) unreadable(at, length int64, sum uint64, reason string) error {
	cut, what := false, ""
	next, zxid, err := r.find(at + 1)
	if err == nil {
		cut, err = r.cutShort(at, length, sum)
	}
	switch {
	case err != nil:
		return &DamageError{File: r.s.file, Offset: at, Err: err}
	case next > 0:
		what = fmt.Sprintf("yet transaction %s follows at offset %d", zxid, next)
	case !cut:
		what = "and does not look as if its writing had been cut short"
	default:
		r.torn = &Torn{r.s.file, at, reason}
		return io.EOF
	}
	return &DamageError{File: r.s.file, Offset: at, Err: fmt.Errorf("the record behind zxid %s cannot be read (%s), %s: "+
		"restore this file from a copy, or take the data of another server of the ensemble", r.last, reason, what)}
}

// sectorBytes is what disks write as a whole.
const sectorBytes = 512

// cutShort says whether the last record, which begins at offset at, looks like one of which the end, or a
// sector before, never came to the disk: the file ends inside it, or still holds the zeros it was made with.
func (r *LogReader) cutShort(at, length int64, sum uint64) (bool, error) {
	last, err := r.lastByte(at)
	if err != nil || length < 0 || length > recordMax {
		return false, err
	}
	if r.whole(at, last-at-recordHeadBytes, sum) {
		return false, nil // but for its length
	}
	end := last + 1
	switch {
	case length == 0 && last < at+recordHeadBytes:
		return true, nil
	case length > 0:
		end = at + recordHeadBytes + length + 1
		if last < end-1 {
			return true, nil
		}
	}
	buf := make([]byte, sectorBytes)
	for at < end {
		piece := buf[:min(end, at-at%sectorBytes+sectorBytes)-at]
		if _, err := r.at.ReadAt(piece, at); err != nil && !errors.Is(err, io.EOF) {
			return false, fmt.Errorf("read: %w", err)
		}
		if allZero(piece) {
			return true, nil
		}
		at += int64(len(piece))
	}
	return false, nil
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// lastByte is the offset of the last byte from at on that is not zero, at-1 if there is none.
func (r *LogReader) lastByte(at int64) (int64, error) {
	last := at - 1
	buf := make([]byte, 256<<10)
	for ; at < r.size; at += int64(len(buf)) {
		n, err := r.at.ReadAt(buf, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("read: %w", err)
		}
		for i := n - 1; i >= 0; i-- {
			if buf[i] != 0 {
				last = at + int64(i)
				break
			}
		}
	}
	return last, nil
}

// find looks for a whole record at or behind offset at. It returns 0 if there is none.
func (r *LogReader) find(at int64) (int64, proto.Zxid, error) {
	const step, overlap = 256 << 10, recordHeadBytes - 1
	buf := make([]byte, step+overlap)
	for ; at < r.size; at += step {
		n, err := r.at.ReadAt(buf, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, 0, fmt.Errorf("read: %w", err)
		}
		for i := 0; i < step && i+recordHeadBytes <= n; i++ {
			sum, length := binary.BigEndian.Uint64(buf[i:]), int64(int32(binary.BigEndian.Uint32(buf[i+8:])))
			if sum>>32 != 0 || length < proto.TxnHeaderBytes || at+int64(i)+recordHeadBytes+length >= r.size {
				continue
			}
			if found := at + int64(i); r.whole(found, length, sum) {
				head := make([]byte, proto.TxnHeaderBytes)
				if _, err := r.at.ReadAt(head, found+recordHeadBytes); err != nil {
					return 0, 0, fmt.Errorf("read: %w", err)
				}
				d := proto.NewDecoder(head)
				return found, d.TxnHeader().Zxid, nil
			}
		}
	}
	return 0, 0, nil
}

// whole says whether a record of such a length and checksum begins at an offset.
func (r *LogReader) whole(at, length int64, sum uint64) bool {
	if length < proto.TxnHeaderBytes || length > recordMax {
		return false
	}
	var end [1]byte
	if _, err := r.at.ReadAt(end[:], at+recordHeadBytes+length); err != nil || end[0] != recordEnd {
		return false
	}
	h := adler32.New()
	_, err := io.Copy(h, io.NewSectionReader(r.at, at+recordHeadBytes, length))
	return err == nil && uint64(h.Sum32()) == sum
}
