package apache

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
)

// Compression is how a snapshot file is compressed; its value is the suffix of the name, without the dot.
type Compression string

// The compressions that Apache knows (zookeeper.snapshot.compression.method).
const (
	Plain  Compression = ""
	Gzip   Compression = "gz"
	Snappy Compression = "snappy"
)

// compressionOf is what a file's name says: the text after its last dot counts, as for Apache.
func compressionOf(name string) Compression {
	switch strings.ToLower(name[strings.LastIndexByte(name, '.')+1:]) {
	case "gz":
		return Gzip
	case "snappy":
		return Snappy
	}
	return Plain
}

// decompress returns a reader of what r holds.
func decompress(c Compression, r io.Reader) (io.Reader, error) {
	switch c {
	case Gzip:
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", noEOF(err))
		}
		return z, nil
	case Snappy:
		return newSnappyReader(r)
	}
	return r, nil
}

// noEOF is err, with the end of the file as an error.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// snappyMagic begins what Java's SnappyOutputStream writes. Behind it are two version numbers, then blocks,
// each with its compressed length before it.
var snappyMagic = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

const (
	snappyHeaderBytes = 16
	snappyVersion     = 1
	// snappyBlockMax bounds a block. Apache's are of 32 KiB.
	snappyBlockMax = 64 << 20
)

// snappyReader decompresses block by block.
type snappyReader struct {
	r     io.Reader
	in    bytes.Buffer
	block []byte // memory of out
	out   []byte // decompressed, not read yet
}

func newSnappyReader(r io.Reader) (*snappyReader, error) {
	head := make([]byte, snappyHeaderBytes)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, fmt.Errorf("snappy: header: %w", noEOF(err))
	}
	if !bytes.HasPrefix(head, snappyMagic) {
		return nil, errors.New("snappy: not in the format of Java's SnappyOutputStream")
	}
	if v := binary.BigEndian.Uint32(head[12:]); v > snappyVersion {
		return nil, fmt.Errorf("snappy: needs a reader of version %d", v)
	}
	return &snappyReader{r: r}, nil
}

func (s *snappyReader) Read(b []byte) (int, error) {
	for len(s.out) == 0 {
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, s.out)
	s.out = s.out[n:]
	return n, nil
}

// next reads a block. The end between two blocks is io.EOF.
func (s *snappyReader) next() error {
	var head [4]byte
	switch _, err := io.ReadFull(s.r, head[:]); {
	case errors.Is(err, io.EOF):
		return io.EOF
	case err != nil:
		return fmt.Errorf("snappy: length of a block: %w", err)
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > snappyBlockMax {
		return fmt.Errorf("snappy: block of %d bytes", n)
	}
	s.in.Reset()
	if _, err := io.CopyN(&s.in, s.r, int64(n)); err != nil {
		return fmt.Errorf("snappy: block: %w", noEOF(err))
	}
	if k, err := snappy.DecodedLen(s.in.Bytes()); err != nil || k > snappyBlockMax {
		return fmt.Errorf("snappy: block that would hold %d bytes: %w", k, snappy.ErrCorrupt)
	}
	out, err := snappy.Decode(s.block[:cap(s.block)], s.in.Bytes())
	if err != nil {
		return fmt.Errorf("snappy: block: %w", err)
	}
	s.block, s.out = out, out
	return nil
}
