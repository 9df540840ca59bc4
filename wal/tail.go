package wal

import (
	"bytes"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// tail is what a file holds from an offset at which no good record stands.
type tail struct {
	start   int64
	dataEnd int64 // behind the last byte that is not zero; start if there is none
	proof   int64 // offset of a record header that proves that start had been synced; 0 if there is none
}

var zeroPage [4096]byte

// surveyTail reads a segment from start, a multiple of recordAlign, to its end, by way of buf.
func surveyTail(f vfs.File, path string, seed uint32, start int64, buf []byte) (tail, error) {
	t := tail{start: start, dataEnd: start}
	// Blocks overlap by all but recordAlign of a header, so that each header is whole in one of them.
	const overlap = recordHeaderBytes - recordAlign
	kept := 0
	for at := start; ; { // at is the offset of buf[0]
		n, err := f.ReadAt(buf[kept:], at+int64(kept))
		if err != nil && err != io.EOF {
			return t, ioError("read", path, err)
		}
		n += kept
		t.surveyBlock(buf[:n], at, seed)
		if err == io.EOF || n == kept {
			return t, nil
		}
		kept = min(n, overlap)
		at += int64(n - kept)
		copy(buf, buf[n-kept:n])
	}
}

// surveyBlock looks at the bytes b at offset at.
func (t *tail) surveyBlock(b []byte, at int64, seed uint32) {
	for page := 0; page < len(b); page += len(zeroPage) {
		p := b[page:min(page+len(zeroPage), len(b))]
		if bytes.Equal(p, zeroPage[:len(p)]) {
			continue // no record header begins with a zero checksum and a zero length and zxid
		}
		pageAt := at + int64(page)
		t.dataEnd = max(t.dataEnd, pageAt+int64(len(bytes.TrimRight(p, "\x00"))))
		if t.proof != 0 {
			continue
		}
		for i := 0; i < len(p); i += recordAlign {
			off := pageAt + int64(i)
			h, ok := decodeRecordHeader(b[page+i:], seed)
			if ok && off > t.start && int64(h.synced) > t.start && int64(h.synced) <= off {
				t.proof = off
				break
			}
		}
	}
}

// judge decides whether the tail that begins with bad is torn, which is nil, or damaged: see the package
// comment.
func (t tail) judge(f vfs.File, path string, bad *badRecord, flags uint32) error {
	if t.dataEnd == t.start {
		return nil
	}
	if t.proof != 0 {
		return &CorruptError{File: path, Offset: bad.offset, Reason: fmt.Sprintf(
			"%s; the record at offset %d was written after this one had been synced", bad.reason, t.proof)}
	}
	if flags&flagFresh == 0 {
		return nil
	}
	torn, err := t.looksTorn(f, path, bad)
	if err != nil || torn {
		return err
	}
	return &CorruptError{File: path, Offset: bad.offset, Reason: fmt.Sprintf(
		"%s; every sector of the record was written, so this is no torn write", bad.reason)}
}

// looksTorn reports whether the record that begins the tail is incomplete in a way that a torn write into a
// file of zeros leaves it: the data end inside it, or one of its sectors was never written.
func (t tail) looksTorn(f vfs.File, path string, bad *badRecord) (bool, error) {
	whole, known := int64(recordSize(0)), int64(recordHeaderBytes)
	if bad.head != nil {
		whole = bad.head.size()
		known = whole
	}
	if t.dataEnd < bad.offset+whole {
		return true, nil
	}
	var sector [sectorBytes]byte
	for at := bad.offset; at < bad.offset+known; {
		next := at - at%sectorBytes + sectorBytes
		n, err := f.ReadAt(sector[:next-at], at)
		if err != nil && err != io.EOF {
			return false, ioError("read", path, err)
		}
		if bytes.Equal(sector[:n], zeroPage[:n]) {
			return true, nil
		}
		at = next
	}
	return false, nil
}
