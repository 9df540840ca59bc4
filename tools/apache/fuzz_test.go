package apache

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/klauspost/compress/snappy"

	"gamekeeper/proto"
)

// javaSnappy compresses as Java's SnappyOutputStream does, in two blocks.
func javaSnappy(b []byte) []byte {
	out := proto.AppendInt32(proto.AppendInt32(bytes.Clone(snappyMagic), 1), 1)
	for _, block := range [][]byte{b[:len(b)/2], b[len(b)/2:]} {
		out = proto.AppendBuffer(out, snappy.Encode(nil, block))
	}
	return out
}

// FuzzSnapshot reads anything as a snapshot: it ends with io.EOF or with an error that names the place.
func FuzzSnapshot(f *testing.F) {
	fk := small(f)
	for i, c := range []Compression{Plain, Gzip} {
		var out bytes.Buffer
		if err := writeSnapshot(&out, &fk.State, c, nil); err != nil {
			f.Fatal(err)
		}
		f.Add(byte(i), out.Bytes())
	}
	var plain bytes.Buffer
	if err := writeSnapshot(&plain, &fk.State, Plain, nil); err != nil {
		f.Fatal(err)
	}
	f.Add(byte(2), javaSnappy(plain.Bytes()))
	f.Fuzz(func(t *testing.T, c byte, b []byte) {
		r, err := readSnapshot("snapshot.1", []Compression{Plain, Gzip, Snappy}[c%3], bytes.NewReader(b))
		for err == nil {
			var n Node
			if n, err = r.Next(); err == nil {
				appendRecord(nil, &n)
			}
		}
		if errors.Is(err, ErrDamaged) {
			var where *DamageError
			if !errors.As(err, &where) || where.File == "" || where.Offset < 0 {
				t.Errorf("%v", err)
			}
		} else if !errors.Is(err, io.EOF) {
			t.Errorf("%v", err)
		}
	})
}

// FuzzLog reads anything as a log.
func FuzzLog(f *testing.F) {
	fk := small(f)
	f.Add(fk.log)
	f.Add(append(fk.log, make([]byte, 600)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := readLog("log.1", bytes.NewReader(b), int64(len(b)), nil)
		at := int64(0)
		for err == nil {
			var rec LogRecord
			if rec, err = r.Next(); err == nil {
				if rec.Offset <= at || rec.Txn.Zxid != r.last {
					t.Errorf("record at %d behind %d", rec.Offset, at)
				}
				at = rec.Offset
			}
		}
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, io.EOF) {
			t.Errorf("%v", err)
		}
	})
}
