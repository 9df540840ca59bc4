package proto

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrMalformed is the class of every decoding error: the bytes are not the record they should be.
var ErrMalformed = errors.New("malformed record")

// ErrShort is the class, within ErrMalformed, of records that end early. For a stream (NewStreamDecoder)
// it means that more bytes have to be read.
var ErrShort = fmt.Errorf("%w: ends early", ErrMalformed)

var (
	errLength = fmt.Errorf("%w: negative length", ErrMalformed)
	errNull   = fmt.Errorf("%w: null vector", ErrMalformed)
	errNoPath = fmt.Errorf("%w: a path is null or empty", ErrMalformed)
)

// Decoder reads jute from a byte slice. The zero value reads nothing; use NewDecoder. The first error
// sticks: later reads return zero values. What it returns aliases the slice.
type Decoder struct {
	b     []byte
	off   int
	limit int // of the record's size, 0 when the slice is the whole of it
	need  int // after ErrShort: the size of the input that would have got further
	err   error
}

// NewDecoder reads from b, which must not change while results are in use.
func NewDecoder(b []byte) Decoder { return Decoder{b: b} }

// NewStreamDecoder reads one record from b, the bytes of a stream that have arrived so far. If they are
// the record's beginning only, the error is of class ErrShort and Need says how many are wanted: the
// caller reads on and starts again with a new decoder. A record of more than limit bytes is malformed
// and never short, however little of it has arrived. Offset says where the next record starts.
func NewStreamDecoder(b []byte, limit int) Decoder {
	return Decoder{b: b[:min(len(b), limit)], limit: limit}
}

// Err returns the first error, of class ErrMalformed, or nil.
func (d *Decoder) Err() error { return d.err }

// Len returns the number of bytes not read yet.
func (d *Decoder) Len() int { return len(d.b) - d.off }

// Offset returns the position of the next byte.
func (d *Decoder) Offset() int { return d.off }

// Need returns, after an error of class ErrShort, the size that the input has at least; it is larger
// than the input was. The record may turn out to be larger still.
func (d *Decoder) Need() int { return d.need }

// Rest returns the bytes not read yet, without reading them.
func (d *Decoder) Rest() []byte { return d.b[d.off:] }

// fail records err unless there is one already.
func (d *Decoder) fail(err error) {
	if d.err == nil {
		d.err = err
		d.off = len(d.b)
	}
}

// failShort records that count items of itemBytes each are not all there.
func (d *Decoder) failShort(count, itemBytes int) {
	switch {
	case d.err != nil:
	case d.limit == 0:
		d.fail(ErrShort)
	case count > (d.limit-d.off)/itemBytes:
		d.fail(fmt.Errorf("%w: larger than the limit of %d bytes", ErrMalformed, d.limit))
	default:
		d.need = d.off + count*itemBytes
		d.fail(ErrShort)
	}
}

// take returns the next n bytes, n >= 0.
func (d *Decoder) take(n int) []byte {
	if n > len(d.b)-d.off {
		d.failShort(n, 1)
		return nil
	}
	s := d.b[d.off : d.off+n : d.off+n]
	d.off += n
	return s
}

// Byte reads one byte.
func (d *Decoder) Byte() byte {
	if d.off < len(d.b) {
		d.off++
		return d.b[d.off-1]
	}
	d.failShort(1, 1)
	return 0
}

// Bool reads a boolean: any byte but 0 is true.
func (d *Decoder) Bool() bool { return d.Byte() != 0 }

// Int32 reads an int.
func (d *Decoder) Int32() int32 {
	if s := d.b[d.off:]; len(s) >= 4 {
		d.off += 4
		return int32(binary.BigEndian.Uint32(s))
	}
	d.failShort(4, 1)
	return 0
}

// Int64 reads a long.
func (d *Decoder) Int64() int64 {
	if s := d.b[d.off:]; len(s) >= 8 {
		d.off += 8
		return int64(binary.BigEndian.Uint64(s))
	}
	d.failShort(8, 1)
	return 0
}

// Buffer reads a buffer or string: nil when it is null, not nil and empty when it is empty.
func (d *Decoder) Buffer() []byte {
	n := d.Int32()
	switch {
	case d.err != nil || n == -1:
		return nil
	case n < 0:
		d.fail(errLength)
		return nil
	}
	return d.take(int(n))
}

// Count reads the count of a vector whose items take at least itemBytes each. A null vector gives -1;
// other negative counts are empty vectors, as for Apache. A count that the remaining bytes cannot hold is
// an error, so the result is safe to allocate for.
func (d *Decoder) Count(itemBytes int) int {
	n := d.Int32()
	switch {
	case d.err != nil:
		return 0
	case n == -1:
		return -1
	case n < 0:
		return 0
	case int(n) > d.Len()/itemBytes:
		d.failShort(int(n), itemBytes)
		return 0
	}
	return int(n)
}

// Strings reads a vector of strings into a new slice; nil when the vector is null.
func (d *Decoder) Strings() [][]byte {
	n := d.Count(4)
	if n < 0 {
		return nil
	}
	v := make([][]byte, 0, n)
	for range n {
		v = append(v, d.Buffer())
	}
	return v
}

// vectorFrom returns the encoding, which aliases the input, of a vector that began at start and of which
// Count returned n; nil for a null vector. A negative count other than -1 gives the encoding of an empty
// vector.
func (d *Decoder) vectorFrom(start, n int) []byte {
	switch {
	case d.err != nil || n < 0:
		return nil
	case n == 0 && d.b[start] != 0: // a negative count
		return []byte{0, 0, 0, 0}
	}
	return d.b[start:d.off:d.off]
}

// encodedCount returns the number of items in the encoding of a vector; nil has none.
func encodedCount(b []byte) int {
	if len(b) < 4 {
		return 0
	}
	return max(0, int(int32(binary.BigEndian.Uint32(b))))
}
