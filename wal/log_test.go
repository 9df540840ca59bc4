package wal

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
	"gamekeeper/wal/waltest"
)

func TestAppendReopen(t *testing.T) {
	for _, fs := range []struct {
		name string
		fs   vfs.FS
		dir  string
	}{
		{"disk", waltest.New(), testDir},
		{"mem", vfs.NewMem(), testDir},
		{"os", vfs.Default, t.TempDir() + "/a/b"},
	} {
		t.Run(fs.name, func(t *testing.T) {
			o := testOptions(fs.fs)
			o.Dir = fs.dir
			var want []record
			for run := range 4 {
				l := mustOpen(t, o)
				wantContents(t, l, want)
				for i := range 30 {
					more := sequence(l.LastZxid()+1+proto.Zxid(i%3), 1+i%5, i*37%900)
					mustAppend(t, l, more...)
					want = append(want, more...)
				}
				// The next epoch, an empty record, and one that is larger than a segment.
				more := []record{
					{proto.MakeZxid(proto.Epoch(run+1), 1), 0},
					{proto.MakeZxid(proto.Epoch(run+1), 2), 40 << 10},
				}
				mustAppend(t, l, more...)
				want = append(want, more...)
				wantContents(t, l, want)
				mustClose(t, l)
			}
			l := mustOpen(t, o)
			wantContents(t, l, want)
			segs := l.Segments()
			if len(segs) < 5 {
				t.Errorf("only %d segments", len(segs))
			}
			for i, s := range segs {
				if i > 0 && s.First != 0 && s.First <= segs[i-1].Last {
					t.Errorf("segment %v does not follow %v", s, segs[i-1])
				}
			}
			mustClose(t, l)
		})
	}
}

func TestAppendPanics(t *testing.T) {
	l := mustOpen(t, testOptions(waltest.New()))
	mustAppend(t, l, record{5, 10})
	for _, z := range []proto.Zxid{5, 4, 0, -1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("append of %v after 5 did not panic", z)
				}
			}()
			l.Append(z, nil)
		}()
	}
	mustClose(t, l)
}

func TestSecondOpener(t *testing.T) {
	for _, fs := range []vfs.FS{waltest.New(), vfs.NewMem(), vfs.Default} {
		o := testOptions(fs)
		if fs == vfs.Default {
			o.Dir = t.TempDir()
		}
		l := mustOpen(t, o)
		if _, err := Open(o); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), o.Dir) {
			t.Errorf("second open: %v", err)
		}
		mustAppend(t, l, record{1, 1})
		mustClose(t, l)
		l = mustOpen(t, o)
		wantContents(t, l, []record{{1, 1}})
		mustClose(t, l)
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{}, {Dir: testDir, SegmentBytes: 100}, {Dir: testDir, SegmentBytes: 1 << 40},
		{Dir: testDir, BufferBytesMax: -1}} {
		o.FS = waltest.New()
		if _, err := Open(o); err == nil {
			t.Errorf("options %+v were accepted", o)
		}
	}
}

// TestFull holds the disk still, so that what is appended cannot become durable.
func TestFull(t *testing.T) {
	disk := waltest.New()
	o := testOptions(disk)
	o.BufferBytesMax = 1000
	notified := make(chan struct{}, 1)
	o.Notify = func() {
		select {
		case notified <- struct{}{}:
		default:
		}
	}
	var stats []BatchStats
	o.Observe = func(s BatchStats) { stats = append(stats, s) }
	l := mustOpen(t, o)
	waitPrepared(l)
	gate := make(chan struct{})
	disk.Fault(func(op waltest.Op) error {
		if op.Kind == "sync" {
			<-gate
		}
		return nil
	})
	n := 0
	for ; !l.Full(); n++ {
		l.Append(proto.Zxid(n+1), make([]byte, 76))
		l.Submit()
	}
	if n != 10 { // 24 + 76 + 4 bytes each
		t.Errorf("full after %d records", n)
	}
	if l.Durable() != 0 || l.LastZxid() != proto.Zxid(n) {
		t.Errorf("durable %v, last %v", l.Durable(), l.LastZxid())
	}
	close(gate)
	for l.Durable() != proto.Zxid(n) {
		<-notified
	}
	if l.Full() {
		t.Error("still full")
	}
	mustClose(t, l)
	total := 0
	for _, s := range stats {
		total += s.Records
	}
	if total != n || len(stats) > 3 {
		t.Errorf("batches %+v", stats)
	}
}

func TestFailedSyncStops(t *testing.T) {
	disk := waltest.New()
	var failing atomic.Bool
	broken := errors.New("input/output error")
	var written atomic.Int64
	disk.Fault(func(op waltest.Op) error {
		if failing.Load() {
			if op.Kind == "sync" {
				return broken
			}
			written.Add(1)
		}
		return nil
	})
	o := testOptions(disk)
	notified := make(chan struct{}, 10)
	o.Notify = func() { notified <- struct{}{} }
	l := mustOpen(t, o)
	waitPrepared(l)
	mustAppend(t, l, sequence(1, 3, 50)...)
	failing.Store(true)
	if err := appendAll(l, sequence(4, 3, 50)...); !errors.Is(err, broken) {
		t.Fatalf("append: %v", err)
	}
	<-notified
	<-notified
	if l.Durable() != 3 || !errors.Is(l.Err(), broken) {
		t.Fatalf("durable %v, error %v", l.Durable(), l.Err())
	}
	failing.Store(false)
	written.Store(0)
	if err := appendAll(l, sequence(7, 3, 50)...); !errors.Is(err, broken) {
		t.Fatalf("append after the failure: %v", err)
	}
	if err := l.TruncateAfter(1); !errors.Is(err, broken) {
		t.Fatalf("truncate after the failure: %v", err)
	}
	if l.Durable() != 3 || written.Load() != 0 {
		t.Fatalf("durable %v, %d operations after the failure", l.Durable(), written.Load())
	}
	if err := l.Close(); !errors.Is(err, broken) {
		t.Fatalf("close: %v", err)
	}

	// The cache shows records that the disk does not have. Whatever Open believes must survive a crash.
	disk = disk.Restart()
	l = mustOpen(t, testOptions(disk))
	wantContents(t, l, sequence(1, 6, 50))
	for seed := range uint64(50) {
		crashed := mustOpen(t, testOptions(disk.Crash(newRand(seed))))
		wantContents(t, crashed, sequence(1, 6, 50))
		mustClose(t, crashed)
	}
	mustClose(t, l)
}

func TestDiskFull(t *testing.T) {
	for _, preallocates := range []bool{true, false} {
		disk := waltest.New()
		if !preallocates {
			disk.Fault(func(op waltest.Op) error {
				if op.Kind == "allocate" {
					return errors.ErrUnsupported
				}
				return nil
			})
		}
		disk.SetFree(70 << 10)
		l := mustOpen(t, testOptions(disk))
		var want []record
		var err error
		for z := proto.Zxid(1); ; z++ {
			r := record{z, 500}
			if err = appendAll(l, r); err != nil {
				break
			}
			want = append(want, r)
		}
		if !vfs.IsNoSpaceError(err) || !strings.Contains(err.Error(), "free space") {
			t.Fatalf("preallocates %v: append: %v", preallocates, err)
		}
		if err := l.Close(); !vfs.IsNoSpaceError(err) {
			t.Fatalf("close: %v", err)
		}
		if len(want) < 60 {
			t.Errorf("only %d records on 70 KiB", len(want))
		}
		disk = disk.Restart()
		disk.SetFree(1 << 20)
		l = mustOpen(t, testOptions(disk))
		wantContents(t, l, want)
		more := sequence(l.LastZxid()+1, 100, 500)
		mustAppend(t, l, more...)
		wantContents(t, l, append(want, more...))
		mustClose(t, l)
	}
}

// TestPreparationFails lets the first attempt find no space and the second one some.
func TestPreparationFails(t *testing.T) {
	disk := waltest.New()
	disk.SetFree(20 << 10)
	var out bytes.Buffer
	o := testOptions(disk)
	o.Logger = slog.New(slog.NewTextHandler(&out, nil))
	l := mustOpen(t, o)
	waitPrepared(l)
	if !strings.Contains(out.String(), "could not be prepared") {
		t.Errorf("logged: %s", out.String())
	}
	disk.SetFree(1 << 20)
	for _, r := range sequence(1, 50, 500) {
		mustAppend(t, l, r)
	}
	wantContents(t, l, sequence(1, 50, 500))
	mustClose(t, l)
}

func TestConcurrentReaders(t *testing.T) {
	l := mustOpen(t, testOptions(waltest.New()))
	const n = 3000
	var group sync.WaitGroup
	for _, after := range []proto.Zxid{0, 1, 500, n - 1} {
		group.Go(func() {
			r, err := l.NewReader(after)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			for want := after + 1; want <= n; want++ {
				z, b, err := r.Next()
				for err == io.EOF {
					z, b, err = r.Next()
				}
				if err != nil || z != want || string(b) != string((record{z, len(b)}).payload()) {
					t.Errorf("got %v, %d bytes, %v; want %v", z, len(b), err, want)
					return
				}
				if z > l.Durable() {
					t.Errorf("read %v, durable %v", z, l.Durable())
				}
			}
		})
	}
	for z := proto.Zxid(1); z <= n; z++ {
		l.Append(z, record{z, int(z) * 7 % 300}.payload())
		if z%7 == 0 {
			l.Submit()
		}
	}
	if err := l.drain(); err != nil {
		t.Fatal(err)
	}
	group.Wait()
	mustClose(t, l)
}

func TestTruncate(t *testing.T) {
	all := sequence(10, 100, 400) // spread over several segments
	for cut := proto.Zxid(0); cut <= 111; cut++ {
		disk := waltest.New()
		l := mustOpen(t, testOptions(disk))
		for i := 0; i < len(all); i += 5 {
			mustAppend(t, l, all[i:i+5]...)
		}
		r, err := l.NewReader(0)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		if err := l.TruncateAfter(cut); err != nil {
			t.Fatalf("truncate after %v: %v", cut, err)
		}
		want := all[:max(0, min(len(all), int(cut)-9))]
		wantContents(t, l, want)
		if len(want) < len(all) {
			for err == nil {
				_, _, err = r.Next()
			}
			if !errors.Is(err, ErrTruncated) {
				t.Errorf("reader: %v", err)
			}
		}
		r.Close()

		crashed := mustOpen(t, testOptions(disk.Crash(newRand(uint64(cut)))))
		wantContents(t, crashed, want)
		mustClose(t, crashed)

		more := sequence(l.LastZxid()+1, 60, 300)
		mustAppend(t, l, more...)
		want = append(want[:len(want):len(want)], more...)
		wantContents(t, l, want)
		mustClose(t, l)
		l = mustOpen(t, testOptions(disk))
		wantContents(t, l, want)
		mustClose(t, l)
	}
}

func TestResetAndPurge(t *testing.T) {
	disk := waltest.New()
	l := mustOpen(t, testOptions(disk))
	for i := range 100 {
		mustAppend(t, l, sequence(proto.Zxid(1+i), 1, 1000)...)
	}
	slow, _ := l.NewReader(0)
	defer slow.Close()
	if z, _, err := slow.Next(); z != 1 || err != nil {
		t.Fatalf("next: %v, %v", z, err)
	}
	n := len(l.Segments())
	removed, err := l.Purge(50)
	if err != nil || removed == 0 || len(l.Segments()) != n-removed {
		t.Fatalf("purge removed %d of %d: %v", removed, n, err)
	}
	base := l.Base()
	if base == 0 || base > 50 {
		t.Fatalf("base %v", base)
	}
	wantContents(t, l, sequence(base+1, 100-int(base), 1000))
	if err := l.Replay(base-1, nil); !errors.Is(err, ErrMissing) {
		t.Errorf("replay of purged records: %v", err)
	}
	for err = nil; err == nil; {
		_, _, err = slow.Next()
	}
	if !errors.Is(err, ErrMissing) {
		t.Errorf("reader of purged records: %v", err)
	}
	if err := l.TruncateAfter(base - 1); !errors.Is(err, ErrMissing) {
		t.Errorf("truncate into what was purged: %v", err)
	}
	mustClose(t, l)

	l = mustOpen(t, testOptions(disk))
	wantContents(t, l, sequence(base+1, 100-int(base), 1000))
	if removed, err := l.Purge(1000); err != nil || len(l.Segments()) != 1 {
		t.Errorf("purge of all removed %d: %v", removed, err)
	}
	reset := proto.MakeZxid(7, 9)
	if err := l.Reset(reset); err != nil {
		t.Fatal(err)
	}
	wantContents(t, l, nil)
	if l.Base() != reset {
		t.Errorf("base %v after reset", l.Base())
	}
	mustAppend(t, l, sequence(reset+1, 40, 1000)...)
	mustClose(t, l)
	l = mustOpen(t, testOptions(disk.Crash(newRand(1))))
	wantContents(t, l, sequence(reset+1, 40, 1000))
	if err := l.Replay(0, nil); !errors.Is(err, ErrMissing) {
		t.Errorf("replay from before the reset: %v", err)
	}
	mustClose(t, l)
}

func TestNoSync(t *testing.T) {
	disk := waltest.New()
	o := testOptions(disk)
	o.NoSync = true
	for seed := range uint64(100) {
		disk = waltest.New()
		o.FS = disk
		l := mustOpen(t, o)
		var want []record
		for i := range 60 {
			r := record{proto.Zxid(i + 1), 600}
			mustAppend(t, l, r)
			want = append(want, r)
			if i == int(seed%60) {
				if err := l.SyncWritten(); err != nil {
					t.Fatal(err)
				}
			}
		}
		// A killed process loses nothing; a power cut loses a tail behind what was synced, and never leaves a log that is
		// refused.
		killed := mustOpen(t, testOptions(disk.Restart()))
		wantContents(t, killed, want)
		mustClose(t, killed)
		crashed := mustOpen(t, testOptions(disk.Crash(newRand(seed))))
		got, err := contents(crashed, 0)
		if err != nil || len(got) > len(want) || len(got) <= int(seed%60) || !equalRecords(got, want[:len(got)]) {
			t.Fatalf("after a power cut: %v, %v, and %d were synced", got, err, seed%60+1)
		}
		mustClose(t, crashed)
		mustClose(t, l)
	}
}

// TestSyncWrittenFails: a failed sync ends the log, whoever asked for it.
func TestSyncWrittenFails(t *testing.T) {
	disk := waltest.New()
	o := testOptions(disk)
	o.NoSync = true
	l := mustOpen(t, o)
	waitPrepared(l)
	mustAppend(t, l, record{1, 10})
	broken := errors.New("broken")
	disk.Fault(func(op waltest.Op) error {
		if op.Kind == "sync" {
			return broken
		}
		return nil
	})
	if err := l.SyncWritten(); !errors.Is(err, broken) || !errors.Is(l.Err(), broken) {
		t.Errorf("%v, and the log: %v", err, l.Err())
	}
	if err := l.Close(); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	o := testOptions(vfs.NewMem())
	o.SegmentBytes = 1 << 20
	l := mustOpen(t, o)
	z := proto.Zxid(0)
	payload := make([]byte, 200)
	batch := func() {
		for range 100 {
			z++
			l.Append(z, payload)
		}
		if err := l.drain(); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		batch() // grows both buffers
	}
	// A batch may roll, and rolls allocate: a few per thousands of records.
	if allocs := testing.AllocsPerRun(100, batch); allocs > 2 {
		t.Errorf("%v allocations for a batch of 100 records", allocs)
	}
	mustClose(t, l)
}
