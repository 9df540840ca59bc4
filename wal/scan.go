package wal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
)

// scanBlockBytes is how much a scanner reads with one call.
const scanBlockBytes = 1 << 20

// newBlock returns a buffer for large reads, smaller where segments are.
func (l *Log) newBlock() []byte { return make([]byte, min(scanBlockBytes, l.opts.SegmentBytes)) }

// prefetchBytes is how far ahead of its reads a scanner asks the system to read.
const prefetchBytes = 8 << 20

// errScanEnd says that the scanner stands exactly at its limit.
var errScanEnd = errors.New("end of segment")

// badRecord says that no good record stands at an offset. head is set if its header is good.
type badRecord struct {
	offset int64
	head   *recordHeader
	reason string
}

func (b *badRecord) Error() string { return fmt.Sprintf("at offset %d: %s", b.offset, b.reason) }

// A scanner walks the records of one segment file. It allocates what the file holds, never what a record
// announces.
type scanner struct {
	file  vfs.File
	seed  uint32
	limit int64      // no byte at or behind it is read; may be raised between calls of next
	off   int64      // of the next record
	last  proto.Zxid // of the record before it
	// synced is the "synced" of the record before off.
	synced int64

	buf        []byte
	start, end int   // of the bytes in buf not yet consumed; buf[start] is at off
	ahead      int64 // prefetch was asked for up to here
}

func newScanner(f vfs.File, seed uint32, base proto.Zxid, limit int64, block []byte) *scanner {
	return &scanner{file: f, seed: seed, limit: limit, off: segmentHeaderBytes, last: base, buf: block}
}

// next returns the next record; the payload is valid until the following call. The error is errScanEnd at
// the limit, a *badRecord, or that of a read.
func (s *scanner) next() (proto.Zxid, []byte, error) {
	if s.off == s.limit {
		return 0, nil, errScanEnd
	}
	if ok, err := s.fill(recordHeaderBytes); err != nil {
		return 0, nil, err
	} else if !ok {
		return 0, nil, &badRecord{offset: s.off, reason: "the file ends inside a record header"}
	}
	h, ok := decodeRecordHeader(s.buf[s.start:s.end], s.seed)
	if !ok {
		return 0, nil, &badRecord{offset: s.off, reason: "the checksum of the record header is wrong"}
	}
	if h.zxid <= s.last {
		return 0, nil, s.bad(h, fmt.Sprintf("zxid %v follows %v", h.zxid, s.last))
	}
	size := h.size()
	if ok, err := s.fill(size); err != nil {
		return 0, nil, err
	} else if !ok {
		return 0, nil, s.bad(h, "the file ends inside a record")
	}
	body := s.buf[s.start+recordHeaderBytes : s.start+int(size)]
	if crc32.Checksum(body, castagnoli) != h.payloadCRC {
		return 0, nil, s.bad(h, fmt.Sprintf("the checksum of record %v is wrong", h.zxid))
	}
	s.start += int(size)
	s.off += size
	s.last = h.zxid
	s.synced = int64(h.synced)
	return h.zxid, body[:h.length:h.length], nil
}

// bad describes the record at off, whose header h is good. It is a function so that only here h is on the heap.
func (s *scanner) bad(h recordHeader, reason string) error {
	return &badRecord{offset: s.off, head: &h, reason: reason}
}

// fill makes n bytes from off available, and is false if the limit or the file comes first.
func (s *scanner) fill(n int64) (bool, error) {
	if int64(s.end-s.start) >= n {
		return true, nil
	}
	if s.limit-s.off < n {
		return false, nil
	}
	copy(s.buf, s.buf[s.start:s.end])
	s.end -= s.start
	s.start = 0
	if n > int64(len(s.buf)) {
		grown := make([]byte, n)
		copy(grown, s.buf[:s.end])
		s.buf = grown
	}
	want := min(int64(len(s.buf)), s.limit-s.off)
	at := s.off + int64(s.end)
	if s.limit-at > want && at+2*want > s.ahead {
		from := max(at, s.ahead)
		s.ahead = min(from+prefetchBytes, s.limit)
		_ = s.file.Prefetch(from, s.ahead-from) // only a hint
	}
	got, err := s.file.ReadAt(s.buf[s.end:want], at)
	s.end += got
	if err != nil && err != io.EOF {
		return false, err
	}
	return int64(s.end) >= n, nil
}
