package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// The stream that SendOwn writes is cut into frames: see doc.go.
const (
	streamVersion     = 1
	streamHeaderBytes = 12
	frameBytes        = 256 << 10 // of content
	framePackedMax    = frameBytes + frameBytes/8
	frameHeaderBytes  = 12
)

var streamMagic = []byte("gksnapst")

// ErrStream is the class of the errors about a received stream that is not what it should be.
var ErrStream = errors.New("malformed snapshot stream")

// streamError makes an error of class ErrStream.
func streamError(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrStream, fmt.Errorf(format, args...))
}

// frameWriter gathers bytes and writes them by the frame.
type frameWriter struct {
	w       io.Writer
	packer  *zstd.Encoder
	content []byte
	frame   []byte
}

func newFrameWriter(w io.Writer) (*frameWriter, error) {
	packer, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(frameBytes), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("snapshot: compress: %w", err)
	}
	f := &frameWriter{w: w, packer: packer}
	_, err = w.Write(binary.BigEndian.AppendUint32(append([]byte{}, streamMagic...), streamVersion))
	return f, err
}

// add adds b, and writes the frames that are full.
func (f *frameWriter) add(b []byte) error {
	for {
		n := min(len(b), frameBytes-len(f.content))
		f.content = append(f.content, b[:n]...)
		if b = b[n:]; len(b) == 0 {
			return nil
		}
		if err := f.flush(); err != nil {
			return err
		}
	}
}

// flush writes what has gathered.
func (f *frameWriter) flush() error {
	if len(f.content) == 0 {
		return nil
	}
	f.frame = append(f.frame[:0], make([]byte, frameHeaderBytes)...)
	f.frame = f.packer.EncodeAll(f.content, f.frame)
	binary.BigEndian.PutUint32(f.frame, uint32(len(f.content)))
	binary.BigEndian.PutUint32(f.frame[4:], uint32(len(f.frame)-frameHeaderBytes))
	binary.BigEndian.PutUint32(f.frame[8:], frameChecksum(f.frame))
	f.content = f.content[:0]
	_, err := f.w.Write(f.frame)
	return err
}

// frameChecksum is that of all but itself.
func frameChecksum(frame []byte) uint32 {
	return crc32.Update(crc32.Checksum(frame[:8], castagnoli), castagnoli, frame[frameHeaderBytes:])
}

// frameReader reads frames, and not a byte beyond the one that was asked for.
type frameReader struct {
	r        io.Reader
	unpacker *zstd.Decoder
	frame    []byte
	content  []byte // unpacked and not yet dropped
	at       int    // content before it was taken
}

func newFrameReader(r io.Reader) (*frameReader, error) {
	var head [streamHeaderBytes]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("snapshot: receive: %w", noEOF(err))
	}
	if string(head[:8]) != string(streamMagic) {
		return nil, streamError("it begins with %q", head[:8])
	}
	if v := binary.BigEndian.Uint32(head[8:]); v != streamVersion {
		return nil, fmt.Errorf("%w: the stream is of version %d, this program reads %d", ErrVersion, v, streamVersion)
	}
	unpacker, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(frameBytes), zstd.WithDecoderMaxWindow(frameBytes))
	if err != nil {
		return nil, fmt.Errorf("snapshot: decompress: %w", err)
	}
	return &frameReader{r: r, unpacker: unpacker, frame: make([]byte, framePackedMax+frameHeaderBytes)}, nil
}

func (f *frameReader) close() { f.unpacker.Close() }

// next reads one more frame behind what is left.
func (f *frameReader) next() error {
	if _, err := io.ReadFull(f.r, f.frame[:frameHeaderBytes]); err != nil {
		return fmt.Errorf("snapshot: receive: %w", noEOF(err))
	}
	size, packed := binary.BigEndian.Uint32(f.frame), binary.BigEndian.Uint32(f.frame[4:])
	if size == 0 || size > frameBytes || packed > framePackedMax {
		return streamError("a frame of %d bytes, %d of them packed", size, packed)
	}
	frame := f.frame[:frameHeaderBytes+packed]
	if _, err := io.ReadFull(f.r, frame[frameHeaderBytes:]); err != nil {
		return fmt.Errorf("snapshot: receive: %w", noEOF(err))
	}
	if sum := frameChecksum(frame); sum != binary.BigEndian.Uint32(frame[8:]) {
		return streamError("the checksum of a frame is %#x, and it says %#x", sum, binary.BigEndian.Uint32(frame[8:]))
	}
	if f.at > 0 {
		f.content = f.content[:copy(f.content, f.content[f.at:])]
		f.at = 0
	}
	have := len(f.content)
	f.content = slices.Grow(f.content, frameBytes)
	content, err := f.unpacker.DecodeAll(frame[frameHeaderBytes:], f.content[have:have])
	if err != nil {
		return streamError("a frame cannot be unpacked: %w", err)
	}
	if len(content) != int(size) {
		return streamError("a frame holds %d bytes, and it says %d", len(content), size)
	}
	f.content = append(f.content, content...) // where it is already
	return nil
}

// noEOF is err, with the end of the stream as an error.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
