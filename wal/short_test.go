package wal

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/wal/waltest"
)

// TestMustReach: a log that ends before what a snapshot needs is refused as it is. Its tail looks torn, and is not cut:
// what is missing had been acknowledged.
func TestMustReach(t *testing.T) {
	disk := waltest.New()
	frames, records := buildLog(t, disk)
	last := frames[len(frames)-1]
	f, err := disk.OpenReadWrite(last.path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, last.to-last.from-40), last.from+40); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	before := content(t, disk, last.path)
	var said bytes.Buffer
	o := testOptions(disk)
	o.Logger = slog.New(slog.NewTextHandler(&said, nil))
	o.MustReach = records[len(records)-1].zxid
	o.CheckAfter = o.MustReach
	short := (*ShortError)(nil)
	if _, err := Open(o); !errors.As(err, &short) || short.Last != records[len(records)-2].zxid || short.Need != o.MustReach {
		t.Fatalf("opened a log that ends too early: %v", err)
	}
	if !bytes.Equal(before, content(t, disk, last.path)) || said.Len() > 0 {
		t.Errorf("the log was changed, and said %q", said.String())
	}
	o.MustReach = short.Last
	l := mustOpen(t, o)
	if l.LastZxid() != short.Last || !strings.Contains(said.String(), "torn tail") || strings.Contains(said.String(), "acknowledged") {
		t.Errorf("ends at %s and said %q", l.LastZxid(), said.String())
	}
	mustClose(t, l)
}

// TestMustReachMakesNothing: a log that is gone is not begun anew beside a snapshot.
func TestMustReachMakesNothing(t *testing.T) {
	disk := waltest.New()
	o := testOptions(disk)
	o.MustReach = 5
	if _, err := Open(o); !errors.As(err, new(*ShortError)) {
		t.Fatalf("made a log: %v", err)
	}
	names, err := disk.List(testDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if _, ok := parseSegmentName(name); ok {
			t.Errorf("there is %s", name)
		}
	}
}

// content is all that a file holds.
func content(t *testing.T, disk *waltest.Disk, path string) []byte {
	t.Helper()
	info, err := disk.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := disk.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, info.Size())
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return b
}
