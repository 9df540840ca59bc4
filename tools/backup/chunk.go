package backup

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"gamekeeper/proto"
)

// Chunk describes a part of the log: a file of its own, which is never changed.
type Chunk struct {
	From    proto.Zxid `json:"from"` // the zxid before its first record
	To      proto.Zxid `json:"to"`   // of its last record
	Records int        `json:"records"`
	Bytes   int64      `json:"bytes"` // of the file
	SHA256  string     `json:"sha256"`
	// The times of its transactions. The clock that they are from may have been set back, so the first one is
	// not always the earliest.
	First    time.Time `json:"first_time"`
	Last     time.Time `json:"last_time"`
	Earliest time.Time `json:"earliest_time"`
	Latest   time.Time `json:"latest_time"`
}

// The file of a chunk:
//
//	skippable frame of zstd: magic 0x184d2a5b, length, "gklogchk", JSON of a chunkHead
//	frame of zstd: records: zxid 8 bytes, length 4 bytes, big-endian, and the record
//
// Its name holds both zxids and the checksum of the whole, so that a chunk without a manifest can be used and
// checked.
const (
	chunkMagic      = "gklogchk"
	chunkSuffix     = ".log.zst"
	skippableMagic  = 0x184d2a5b
	chunkHeadMax    = 64 << 10
	recordHeadBytes = 12
	// chunkRawBytes is how much of the log a chunk holds, unless a single record is larger. A chunk is in memory
	// as a whole while it is written and checked.
	chunkRawBytes = 16 << 20
	chunkRawMax   = 1 << 31
)

// chunkHead is the chunk without what the whole file decides.
type chunkHead struct {
	Format   int        `json:"format"`
	From     proto.Zxid `json:"from"`
	To       proto.Zxid `json:"to"`
	Records  int        `json:"records"`
	RawBytes int64      `json:"raw_bytes"`
	First    time.Time  `json:"first_time"`
	Last     time.Time  `json:"last_time"`
	Earliest time.Time  `json:"earliest_time"`
	Latest   time.Time  `json:"latest_time"`
}

// name is that of the chunk's file.
func (c *Chunk) name() string {
	return fmt.Sprintf("%016x-%016x-%s%s", uint64(c.From), uint64(c.To), c.SHA256, chunkSuffix)
}

// parseChunkName gives what the name of a file says about a chunk.
func parseChunkName(name string) (c Chunk, ok bool) {
	parts := strings.Split(strings.TrimSuffix(name, chunkSuffix), "-")
	if len(parts) != 3 {
		return c, false
	}
	from, err := strconv.ParseUint(parts[0], 16, 64)
	to, err2 := strconv.ParseUint(parts[1], 16, 64)
	c = Chunk{From: proto.Zxid(from), To: proto.Zxid(to), SHA256: parts[2]}
	return c, err == nil && err2 == nil && isSum(c.SHA256) && c.To > c.From && c.name() == name
}

// chunkWriter gathers records until there are enough for a chunk.
type chunkWriter struct {
	encoder *zstd.Encoder
	head    chunkHead
	raw     []byte
}

func newChunkWriter(from proto.Zxid) (*chunkWriter, error) {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("log of the backup: %w", err)
	}
	return &chunkWriter{encoder: e, head: chunkHead{Format: formatVersion, From: from, To: from}}, nil
}

// add appends a record.
func (w *chunkWriter) add(z proto.Zxid, at time.Time, record []byte) {
	h := &w.head
	if h.Records == 0 {
		h.First, h.Earliest, h.Latest = at, at, at
	}
	h.To, h.Last = z, at
	if at.Before(h.Earliest) {
		h.Earliest = at
	}
	if at.After(h.Latest) {
		h.Latest = at
	}
	h.Records++
	w.raw = binary.BigEndian.AppendUint64(w.raw, uint64(z))
	w.raw = binary.BigEndian.AppendUint32(w.raw, uint32(len(record)))
	w.raw = append(w.raw, record...)
}

// full says that the chunk shall be taken before more is added.
func (w *chunkWriter) full() bool { return len(w.raw) >= chunkRawBytes }

// take returns the chunk and its file, and begins the next one. There must be a record in it.
func (w *chunkWriter) take() (Chunk, []byte, error) {
	h := &w.head
	h.RawBytes = int64(len(w.raw))
	head, err := json.Marshal(h)
	if err != nil {
		return Chunk{}, nil, fmt.Errorf("log of the backup: %w", err)
	}
	b := binary.LittleEndian.AppendUint32(nil, skippableMagic)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(chunkMagic)+len(head)))
	b = append(append(b, chunkMagic...), head...)
	b = w.encoder.EncodeAll(w.raw, b)
	c := h.chunk()
	c.Bytes, c.SHA256 = int64(len(b)), sumOf(b)
	w.raw = w.raw[:0]
	w.head = chunkHead{Format: formatVersion, From: c.To, To: c.To}
	return c, b, nil
}

func (h *chunkHead) chunk() Chunk {
	return Chunk{From: h.From, To: h.To, Records: h.Records, First: h.First, Last: h.Last, Earliest: h.Earliest, Latest: h.Latest}
}

// DecodeChunk checks the file of a chunk against what is known of it: its name, and what a manifest says if
// want.Records is not 0. It calls visit, which may be nil, for each record. File is for messages.
func DecodeChunk(file string, want Chunk, b []byte, visit func(z proto.Zxid, record []byte) error) (Chunk, error) {
	if sumOf(b) != want.SHA256 {
		return Chunk{}, damaged(file, "its checksum does not fit")
	}
	c, raw, err := openChunk(b)
	if err != nil {
		return c, damaged(file, "%w", err)
	}
	c.Bytes, c.SHA256 = int64(len(b)), want.SHA256
	if c.From != want.From || c.To != want.To || want.Records != 0 && c.Records != want.Records {
		return c, damaged(file, "it holds %d records after zxid %s up to %s, not %d after %s up to %s",
			c.Records, c.From, c.To, want.Records, want.From, want.To)
	}
	last, n := c.From, 0
	for at := 0; at < len(raw); n++ {
		rest := raw[at:]
		if len(rest) < recordHeadBytes {
			return c, damaged(file, "offset %d of its content: it ends inside a record", at)
		}
		z, size := proto.Zxid(binary.BigEndian.Uint64(rest)), int64(binary.BigEndian.Uint32(rest[8:]))
		if z <= last || size > int64(len(rest)-recordHeadBytes) {
			return c, damaged(file, "offset %d of its content: record %s of %d bytes after %s", at, z, size, last)
		}
		if visit != nil {
			if err := visit(z, rest[recordHeadBytes:recordHeadBytes+size]); err != nil {
				return c, err
			}
		}
		last = z
		at += recordHeadBytes + int(size)
	}
	if last != c.To || n != c.Records {
		return c, damaged(file, "it ends after %d records at zxid %s, and not after %d at %s", n, last, c.Records, c.To)
	}
	return c, nil
}

var errNoChunk = errors.New("it is no part of a log")

// openChunk unpacks a file.
func openChunk(b []byte) (c Chunk, raw []byte, err error) {
	fixed := 8 + len(chunkMagic)
	if len(b) < fixed || binary.LittleEndian.Uint32(b) != skippableMagic || string(b[8:fixed]) != chunkMagic {
		return c, nil, errNoChunk
	}
	n := int64(binary.LittleEndian.Uint32(b[4:]))
	if n > chunkHeadMax || n < int64(len(chunkMagic)) || 8+n > int64(len(b)) {
		return c, nil, errNoChunk
	}
	var h chunkHead
	if err := json.Unmarshal(b[fixed:8+n], &h); err != nil {
		return c, nil, fmt.Errorf("%w: %w", errNoChunk, err)
	}
	if h.Format != formatVersion {
		return c, nil, fmt.Errorf("%w: %d, this program reads %d", ErrVersion, h.Format, formatVersion)
	}
	d, err := zstd.NewReader(bytes.NewReader(b[8+n:]), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(chunkRawMax))
	if err != nil {
		return c, nil, err
	}
	defer d.Close()
	raw, err = io.ReadAll(io.LimitReader(d, chunkRawMax))
	if err != nil {
		return c, nil, err
	}
	if int64(len(raw)) != h.RawBytes {
		return c, nil, fmt.Errorf("its content is %d bytes and was %d", len(raw), h.RawBytes)
	}
	return h.chunk(), raw, nil
}
