package migrate

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"gamekeeper/proto"
	"gamekeeper/tools/apache"
	"gamekeeper/wal"
)

// TestExportWithoutNeedlessLog: damage in log that the server does not need to start does not keep it from being exported,
// and a log that lacks what the server needs is not changed.
func TestExportWithoutNeedlessLog(t *testing.T) {
	to := place(t.TempDir())
	if _, err := Import(t.Context(), apache.Dirs{Data: apacheData(t, nil)}, to, Options{}); err != nil {
		t.Fatal(err)
	}
	relog := func(last proto.Zxid) []wal.Segment {
		t.Helper()
		if err := os.RemoveAll(to.wal()); err != nil {
			t.Fatal(err)
		}
		log, err := wal.Open(wal.Options{Dir: to.wal(), SegmentBytes: 16 << 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, z := range []proto.Zxid{1, 2, proto.MakeZxid(2, 1), proto.MakeZxid(3, 1), last} { // a segment for each epoch
			log.Append(z, bytes.Repeat([]byte{1}, 100))
		}
		log.Submit()
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		if log, err = wal.Open(wal.Options{Dir: to.wal()}); err != nil {
			t.Fatal(err)
		}
		segments := log.Segments()
		if err := log.Close(); err != nil || len(segments) < 3 {
			t.Fatalf("%v: %+v", err, segments)
		}
		return segments
	}
	first := relog(proto.MakeZxid(4, 7))[0]
	b, err := os.ReadFile(first.Name)
	if err != nil {
		t.Fatal(err)
	}
	b[first.Bytes-12] ^= 1
	if err := os.WriteFile(first.Name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Export(t.Context(), to, t.TempDir(), apache.ExportOptions{}); err != nil {
		t.Error(err)
	}
	relog(proto.MakeZxid(4, 6))
	if _, err := Export(t.Context(), to, t.TempDir(), apache.ExportOptions{}); !errors.As(err, new(*wal.ShortError)) {
		t.Errorf("exported from a log that is too short: %v", err)
	}
}
