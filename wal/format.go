package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"gamekeeper/proto"
)

const (
	formatVersion = 1

	segmentHeaderBytes = 4096
	headerChecksumAt   = segmentHeaderBytes - 4
	recordHeaderBytes  = 24
	recordAlign        = 8
	sectorBytes        = 512

	// RecordBytesMax bounds one record; Append panics above it.
	RecordBytesMax = 1 << 30

	// segmentBytesMax keeps every offset within the 32 bits of a record's "synced".
	segmentBytesMax = 1 << 31

	// flagFresh says that the file held nothing but zeros before its first record.
	flagFresh = 1 << 0
	// flagRun says that the zxids of the segment's records are a Run.
	flagRun = 1 << 1

	padByte = 0xff

	segmentPrefix = "gk-"
	segmentSuffix = ".wal"
	tempSuffix    = ".tmp"
	lockName      = "LOCK"
)

var (
	segmentMagic = [8]byte{'g', 'k', 'w', 'a', 'l', 's', 'e', 'g'}
	castagnoli   = crc32.MakeTable(crc32.Castagnoli)
	padding      = [recordAlign]byte{padByte, padByte, padByte, padByte, padByte, padByte, padByte, padByte}
)

// segmentName returns the file name of segment seq.
func segmentName(seq uint64) string {
	return fmt.Sprintf("%s%016x%s", segmentPrefix, seq, segmentSuffix)
}

// parseSegmentName is the reverse of segmentName, and false for every other name.
func parseSegmentName(name string) (uint64, bool) {
	digits, ok := strings.CutPrefix(name, segmentPrefix)
	if !ok {
		return 0, false
	}
	digits, ok = strings.CutSuffix(digits, segmentSuffix)
	if !ok || len(digits) != 16 {
		return 0, false
	}
	seq, err := strconv.ParseUint(digits, 16, 64)
	return seq, err == nil && segmentName(seq) == name
}

// segmentHeader is the decoded first block of a segment.
type segmentHeader struct {
	flags   uint32
	logID   uint64
	id      uint64
	seq     uint64
	prevID  uint64
	prevEnd int64
	base    proto.Zxid
}

// encode returns the whole first block.
func (h segmentHeader) encode() []byte {
	b := make([]byte, segmentHeaderBytes)
	copy(b, segmentMagic[:])
	le := binary.LittleEndian
	le.PutUint32(b[8:], formatVersion)
	le.PutUint32(b[12:], h.flags)
	le.PutUint64(b[16:], h.logID)
	le.PutUint64(b[24:], h.id)
	le.PutUint64(b[32:], h.seq)
	le.PutUint64(b[40:], h.prevID)
	le.PutUint64(b[48:], uint64(h.prevEnd))
	le.PutUint64(b[56:], uint64(h.base))
	le.PutUint32(b[headerChecksumAt:], crc32.Checksum(b[:headerChecksumAt], castagnoli))
	return b
}

// errNoHeader says that the first block is not a segment header.
var errNoHeader = errors.New("no valid segment header")

// decodeSegmentHeader reads the first block of a segment.
func decodeSegmentHeader(b []byte) (segmentHeader, error) {
	if len(b) < segmentHeaderBytes || [8]byte(b[:8]) != segmentMagic {
		return segmentHeader{}, errNoHeader
	}
	le := binary.LittleEndian
	if le.Uint32(b[headerChecksumAt:]) != crc32.Checksum(b[:headerChecksumAt], castagnoli) {
		return segmentHeader{}, errNoHeader
	}
	if v := le.Uint32(b[8:]); v != formatVersion {
		return segmentHeader{}, fmt.Errorf("the segment has format version %d and this server reads version %d: "+
			"start a Gamekeeper version that is not older than the one that wrote it", v, formatVersion)
	}
	return segmentHeader{
		flags:   le.Uint32(b[12:]),
		logID:   le.Uint64(b[16:]),
		id:      le.Uint64(b[24:]),
		seq:     le.Uint64(b[32:]),
		prevID:  le.Uint64(b[40:]),
		prevEnd: int64(le.Uint64(b[48:])),
		base:    proto.Zxid(le.Uint64(b[56:])),
	}, nil
}

// recordSeed starts the header checksums of a segment's records.
func recordSeed(segmentID uint64) uint32 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], segmentID)
	return crc32.Checksum(b[:], castagnoli)
}

// recordHeader is the decoded head of a record.
type recordHeader struct {
	length     uint32
	zxid       proto.Zxid
	synced     uint32
	payloadCRC uint32
}

// recordSize returns what a record of n payload bytes occupies: head, payload, 1 to 8 bytes of padding.
func recordSize(n int) int { return (recordHeaderBytes + n + recordAlign) &^ (recordAlign - 1) }

// size returns what the record occupies.
func (h recordHeader) size() int64 { return int64(recordSize(int(h.length))) }

// appendRecord frames a record. Its checksums and "synced" are left to sealRecords, because the segment
// that will hold it is not known yet.
func appendRecord(dst []byte, z proto.Zxid, payload []byte) []byte {
	var h [recordHeaderBytes]byte
	binary.LittleEndian.PutUint32(h[4:], uint32(len(payload)))
	binary.LittleEndian.PutUint64(h[8:], uint64(z))
	dst = append(dst, h[:]...)
	dst = append(dst, payload...)
	return append(dst, padding[:recordSize(len(payload))-recordHeaderBytes-len(payload)]...)
}

// sealRecords completes the framed records in b for a write at a moment when the first synced bytes of the
// segment are on stable storage.
func sealRecords(b []byte, seed uint32, synced uint32) {
	le := binary.LittleEndian
	for len(b) > 0 {
		size := recordSize(int(le.Uint32(b[4:])))
		le.PutUint32(b[16:], synced)
		le.PutUint32(b[20:], crc32.Checksum(b[recordHeaderBytes:size], castagnoli))
		le.PutUint32(b, crc32.Update(seed, castagnoli, b[4:recordHeaderBytes]))
		b = b[size:]
	}
}

// decodeRecordHeader reads the head of a record at the start of b, and is false if its checksum is wrong
// for this segment.
func decodeRecordHeader(b []byte, seed uint32) (recordHeader, bool) {
	if len(b) < recordHeaderBytes {
		return recordHeader{}, false
	}
	le := binary.LittleEndian
	if le.Uint32(b) != crc32.Update(seed, castagnoli, b[4:recordHeaderBytes]) {
		return recordHeader{}, false
	}
	h := recordHeader{
		length:     le.Uint32(b[4:]),
		zxid:       proto.Zxid(le.Uint64(b[8:])),
		synced:     le.Uint32(b[16:]),
		payloadCRC: le.Uint32(b[20:]),
	}
	return h, h.length <= RecordBytesMax
}
