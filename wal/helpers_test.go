package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
)

const testDir = "/data/log"

// record is what tests expect to find in a log.
type record struct {
	zxid proto.Zxid
	size int
}

// payload derives a record's bytes from its zxid and size; runs of zeros are part of them.
func (r record) payload() []byte {
	b := make([]byte, r.size)
	for i := 0; i+8 <= len(b); i += 8 {
		if i%64 < 40 {
			binary.LittleEndian.PutUint64(b[i:], uint64(r.zxid)*0x9e3779b97f4a7c15+uint64(i))
		}
	}
	return b
}

func testOptions(fs vfs.FS) Options {
	return Options{FS: fs, Dir: testDir, SegmentBytes: 16 << 10}
}

func mustOpen(t testing.TB, o Options) *Log {
	t.Helper()
	l, err := Open(o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return l
}

func mustClose(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

// appendAll appends records as one batch and waits until they are durable: the caller writes some of the batches,
// and the log's writer the others.
func appendAll(l *Log, records ...record) error {
	for _, r := range records {
		l.Append(r.zxid, r.payload())
	}
	if len(records) > 0 && records[0].zxid%2 == 0 && l.Commit() {
		return l.Err()
	}
	return l.drain()
}

func mustAppend(t testing.TB, l *Log, records ...record) {
	t.Helper()
	if err := appendAll(l, records...); err != nil {
		t.Fatalf("append: %v", err)
	}
}

// sequence returns n records of a size with zxids from first on.
func sequence(first proto.Zxid, n, size int) []record {
	var list []record
	for i := range n {
		list = append(list, record{first + proto.Zxid(i), size})
	}
	return list
}

// contents replays a log and checks the payloads.
func contents(l *Log, after proto.Zxid) ([]record, error) {
	var list []record
	err := l.Replay(after, func(z proto.Zxid, b []byte) error {
		r := record{z, len(b)}
		if string(b) != string(r.payload()) {
			return fmt.Errorf("record %v has the wrong bytes", z)
		}
		list = append(list, r)
		return nil
	})
	return list, err
}

func wantContents(t testing.TB, l *Log, want []record) {
	t.Helper()
	got, err := contents(l, l.Base())
	if err != nil {
		t.Fatalf("replay: %v", err)
	}
	if !equalRecords(got, want) {
		t.Fatalf("the log has %v, want %v", got, want)
	}
	last := l.Base()
	if len(want) > 0 {
		last = want[len(want)-1].zxid
	}
	if l.LastZxid() != last || l.Durable() != last {
		t.Fatalf("last zxid %v, durable %v, want both %v", l.LastZxid(), l.Durable(), last)
	}
}

func equalRecords(a, b []record) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// waitPrepared waits for the preparation under way.
func waitPrepared(l *Log) {
	l.spare <- <-l.spare
}

// wantCorrupt checks that err is a *CorruptError for a segment and an offset in [from, to].
func wantCorrupt(t testing.TB, err error, file string, from, to int64) {
	t.Helper()
	var c *CorruptError
	if !errors.As(err, &c) {
		t.Fatalf("got %v, want a CorruptError in %s at %d", err, file, from)
	}
	if c.File != file || c.Offset < from || c.Offset > to {
		t.Fatalf("got %v, want it in %s between %d and %d", err, file, from, to)
	}
}
