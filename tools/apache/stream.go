package apache

import (
	"errors"
	"fmt"
	"hash"
	"io"

	"gamekeeper/proto"
)

// fieldsMax bounds one record: Apache's servers can be told to take any size, Java's arrays end here.
const fieldsMax = 1<<31 - 1

// stream reads records out of a file. It keeps no more in memory than the record at hand, and believes an
// announced length only as far as bytes arrive.
type stream struct {
	file string
	r    io.Reader
	buf  []byte
	from int // buf[from:to] is read and not consumed
	to   int
	pos  int64 // offset of buf[from]
	sum  hash.Hash32
	err  error // of r; io.EOF at its end
	d    proto.Decoder
}

func newStream(file string, r io.Reader) *stream {
	return &stream{file: file, r: r, buf: make([]byte, 64<<10)}
}

// fail makes an error about the next byte.
func (s *stream) fail(format string, args ...any) error {
	return &DamageError{File: s.file, Offset: s.pos, Err: fmt.Errorf(format, args...)}
}

// fill reads until there are n bytes to consume, and says whether there are. At the end of the file there
// may be fewer; s.err is then io.EOF, and anything else after an error of reading.
func (s *stream) fill(n int) bool {
	for s.to-s.from < n && s.err == nil {
		if s.from > 0 && (s.to == len(s.buf) || s.from == s.to) {
			s.to = copy(s.buf, s.buf[s.from:s.to])
			s.from = 0
		}
		if s.to == len(s.buf) {
			s.buf = append(s.buf, make([]byte, min(len(s.buf), fieldsMax-len(s.buf)+1))...)
		}
		k, err := s.r.Read(s.buf[s.to:])
		s.to += k
		s.err = err
	}
	return s.to-s.from >= n
}

// rest is what was read and not consumed.
func (s *stream) rest() []byte { return s.buf[s.from:s.to] }

// consume goes on behind the next n bytes, which are there.
func (s *stream) consume(n int) {
	if s.sum != nil {
		_, _ = s.sum.Write(s.buf[s.from : s.from+n])
	}
	s.from += n
	s.pos += int64(n)
}

// cause is what an error is blamed on when bytes are missing.
func (s *stream) cause() error {
	if s.err == nil || errors.Is(s.err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return s.err
}

// record decodes one record. What read keeps of it is good until the next call.
func (s *stream) record(what string, read func(d *proto.Decoder)) error {
	for need := 1; ; {
		if !s.fill(need) {
			return s.fail("%s: %w", what, s.cause())
		}
		s.d = proto.NewStreamDecoder(s.rest(), fieldsMax)
		read(&s.d)
		switch err := s.d.Err(); {
		case err == nil:
			s.consume(s.d.Offset())
			return nil
		case errors.Is(err, proto.ErrShort):
			need = s.d.Need()
		default:
			return s.fail("%s: %w", what, err)
		}
	}
}

// zeros consumes zeros, and says whether there is nothing else up to the end.
func (s *stream) zeros() (bool, error) {
	for {
		for i, c := range s.rest() {
			if c != 0 {
				s.consume(i)
				return false, nil
			}
		}
		s.consume(s.to - s.from)
		if !s.fill(1) {
			if !errors.Is(s.err, io.EOF) {
				return false, s.fail("read: %w", s.err)
			}
			return true, nil
		}
	}
}
