package wal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
	"gamekeeper/wal/waltest"
)

// runsOf is what Runs should say of records.
func runsOf(records []record) []Run {
	var runs []Run
	for _, r := range records {
		if n := len(runs); n > 0 && runs[n-1].Last+1 == r.zxid && runs[n-1].Last.Epoch() == r.zxid.Epoch() {
			runs[n-1].Last = r.zxid
		} else {
			runs = append(runs, Run{r.zxid, r.zxid})
		}
	}
	return runs
}

// checkRuns compares Runs with the records of a log, and every segment with what it promises.
func checkRuns(l *Log, records []record) error {
	got, err := l.Runs()
	if err != nil {
		return err
	}
	if want := runsOf(records); !slices.Equal(got, want) {
		return fmt.Errorf("runs %v, want %v", got, want)
	}
	for _, s := range l.Segments() {
		if s.First > 0 && s.First.Epoch() != s.Last.Epoch() {
			return fmt.Errorf("segment %+v holds several epochs", s)
		}
	}
	return nil
}

func wantRuns(t *testing.T, l *Log, records []record) {
	t.Helper()
	if err := checkRuns(l, records); err != nil {
		t.Fatal(err)
	}
}

// TestRuns appends over epochs and gaps, in batches with and without them.
func TestRuns(t *testing.T) {
	disk := waltest.New()
	o := testOptions(disk)
	l := mustOpen(t, o)
	wantRuns(t, l, nil)
	all := slices.Concat(
		sequence(1, 3, 100),
		sequence(0x1_0000_0001, 40, 900), // several segments
		sequence(0x1_0000_0040, 2, 10),   // a gap
		sequence(0x3_0000_0001, 1, 10),
		sequence(0x4_0000_0000, 1, 10),
		sequence(0x5_ffff_fffe, 4, 10), // over the end of an epoch
	)
	mustAppend(t, l, all[:20]...)
	wantRuns(t, l, all[:20])
	mustAppend(t, l, all[20:44]...)
	mustAppend(t, l, all[44:]...)
	wantRuns(t, l, all)
	wantContents(t, l, all)
	for _, after := range []proto.Zxid{0, 0x2_0000_0000, 0x9_0000_0000} {
		mustClose(t, l)
		o.CheckAfter = after // the rest is known from headers alone
		l = mustOpen(t, o)
		wantRuns(t, l, all)
	}
	for n := len(all); n > 0; n-- {
		if err := l.TruncateAfter(all[n-1].zxid); err != nil {
			t.Fatal(err)
		}
		wantRuns(t, l, all[:n])
	}
	if err := l.Reset(0x7_0000_0005); err != nil {
		t.Fatal(err)
	}
	wantRuns(t, l, nil)
	next := []record{{0x7_0000_0006, 1}, {0x7_0000_0007, 1}}
	mustAppend(t, l, next...)
	wantRuns(t, l, next)
	mustClose(t, l)
}

// TestRunsOfOlderSegments reads segments that hold what a program wrote that did not know of runs.
func TestRunsOfOlderSegments(t *testing.T) {
	for _, flags := range []uint32{flagFresh, flagFresh | flagRun} { // the second one is a lie that Open sees
		disk := waltest.New()
		all := slices.Concat(sequence(1, 4, 50), sequence(7, 2, 50), sequence(0x1_0000_0001, 3, 50))
		h := segmentHeader{flags: flags, logID: 5, id: 6, seq: 1}
		b := h.encode()
		for _, r := range all {
			rec := appendRecord(nil, r.zxid, r.payload())
			sealRecords(rec, recordSeed(h.id), uint32(len(b)))
			b = append(b, rec...)
		}
		if err := disk.MkdirAll(testDir, 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := disk.Create(testDir+"/"+segmentName(1), vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(b); err != nil {
			t.Fatal(err)
		}
		l := mustOpen(t, testOptions(disk))
		wantRuns := func() {
			t.Helper()
			if got, err := l.Runs(); err != nil || !slices.Equal(got, runsOf(all)) {
				t.Fatalf("runs %v, %v, want %v", got, err, runsOf(all))
			}
		}
		wantRuns()
		more := slices.Concat(sequence(0x1_0000_0004, 2, 50), sequence(0x2_0000_0001, 2, 50))
		mustAppend(t, l, more...)
		all = append(all, more...)
		wantRuns()
		if n := len(l.Segments()); n != 2 {
			t.Errorf("%d segments: the new epoch should have begun one", n)
		}
		mustClose(t, l)
		l = mustOpen(t, testOptions(disk))
		wantRuns()
		mustClose(t, l)
	}
}

func TestBytesAfter(t *testing.T) {
	l := mustOpen(t, testOptions(waltest.New()))
	if n := l.BytesAfter(0); n != 0 {
		t.Errorf("%d bytes in an empty log", n)
	}
	all := sequence(1, 200, 300)
	mustAppend(t, l, all[:100]...)
	mustAppend(t, l, all[100:]...)
	for _, z := range []proto.Zxid{0, 1, 57, 100, 101, 150, 199} {
		want := int64(200-z) * int64(recordSize(300))
		if n := l.BytesAfter(z); n < want-1 || n > want+1 {
			t.Errorf("%d bytes after %v, want %d", n, z, want)
		}
	}
	if n := l.BytesAfter(200); n != 0 {
		t.Errorf("%d bytes after the end", n)
	}
	mustClose(t, l)
}

// TestFollow has readers that wait for each record while the owner appends, over several epochs.
func TestFollow(t *testing.T) {
	l := mustOpen(t, testOptions(waltest.New()))
	all := slices.Concat(sequence(1, 700, 90), sequence(0x1_0000_0001, 700, 90), sequence(0x2_0000_0001, 5, 90))
	var group sync.WaitGroup
	for from := range 3 {
		group.Go(func() {
			r, err := l.NewReader(0)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			for i := 0; i < len(all); {
				z, _, err := r.Next()
				if err == io.EOF {
					wait := r.Wait
					if from == 0 {
						wait = l.WaitDurable
					}
					if err := wait(t.Context(), all[i].zxid); err != nil {
						t.Error(err)
						return
					}
					continue
				}
				if err != nil || z != all[i].zxid {
					t.Errorf("got %v, %v, want %v", z, err, all[i].zxid)
					return
				}
				i++
			}
		})
	}
	for i, r := range all {
		l.Append(r.zxid, r.payload())
		if i%5 == 4 {
			l.Submit()
		}
	}
	if err := l.drain(); err != nil {
		t.Fatal(err)
	}
	group.Wait()
	mustClose(t, l)
}

// TestWaitEnds ends waits in each way but the good one.
func TestWaitEnds(t *testing.T) {
	for name, end := range map[string]struct {
		do   func(l *Log, d *waltest.Disk, cancel func()) error
		want error
	}{
		"truncate": {func(l *Log, _ *waltest.Disk, _ func()) error { return l.TruncateAfter(3) }, ErrTruncated},
		"reset":    {func(l *Log, _ *waltest.Disk, _ func()) error { return l.Reset(2000) }, ErrTruncated},
		"close":    {func(l *Log, _ *waltest.Disk, _ func()) error { return l.Close() }, ErrClosed},
		"cancel":   {func(_ *Log, _ *waltest.Disk, cancel func()) error { cancel(); return nil }, context.Canceled},
		"fail": {func(l *Log, d *waltest.Disk, _ func()) error {
			d.Fault(func(waltest.Op) error { return errDisk })
			if err := appendAll(l, sequence(11, 1, 9)...); !errors.Is(err, errDisk) {
				return fmt.Errorf("append: %w", err)
			}
			return nil
		}, errDisk},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				disk := waltest.New()
				l := mustOpen(t, testOptions(disk))
				mustAppend(t, l, sequence(1, 10, 9)...)
				r, err := l.NewReader(0)
				if err != nil {
					t.Fatal(err)
				}
				results := make(chan error, 2)
				go func() { results <- l.WaitDurable(ctx, 3000) }()
				go func() { results <- r.Wait(ctx, 3000) }()
				synctest.Wait() // both are waiting, and the next segment is prepared
				if err := end.do(l, disk, cancel); err != nil {
					t.Fatal(err)
				}
				for range 2 {
					if err := <-results; !errors.Is(err, end.want) {
						t.Errorf("got %v, want %v", err, end.want)
					}
				}
				if err := r.Wait(ctx, 3000); !errors.Is(err, end.want) {
					t.Errorf("a wait that began afterwards: %v, want %v", err, end.want)
				}
				r.Close()
				_ = l.Close()
			})
		})
	}
}

var errDisk = errors.New("the disk is on fire")

// TestTruncateUnderReaders truncates and resets, again and again, while others read, wait and look.
func TestTruncateUnderReaders(t *testing.T) {
	l := mustOpen(t, testOptions(waltest.New()))
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			for ctx.Err() == nil {
				follow(ctx, t, l)
			}
		})
	}
	group.Go(func() {
		for ctx.Err() == nil {
			if _, err := l.Runs(); err != nil {
				t.Error(err)
				return
			}
			_ = l.BytesAfter(l.Base())
		}
	})
	rng := rand.New(rand.NewPCG(1, 2))
	var have []record
	epoch := proto.Epoch(1)
	for range 150 {
		for i := range 1 + rng.IntN(60) {
			z := l.LastZxid() + 1
			if i == 0 {
				z = proto.MakeZxid(epoch, 1)
				epoch++
			}
			r := record{z, rng.IntN(700)}
			l.Append(z, r.payload())
			have = append(have, r)
		}
		l.Submit()
		if rng.IntN(10) == 0 {
			z := proto.MakeZxid(epoch, 0)
			if err := l.Reset(z); err != nil {
				t.Fatal(err)
			}
			epoch++
			have = nil
		} else {
			have = have[:rng.IntN(len(have))+1]
			if err := l.TruncateAfter(have[len(have)-1].zxid); err != nil {
				t.Fatal(err)
			}
		}
		if last := l.LastZxid(); l.Durable() != last || len(have) > 0 && last != have[len(have)-1].zxid {
			t.Fatalf("last %v, durable %v, want %v", last, l.Durable(), have)
		}
		wantContents(t, l, have)
		wantRuns(t, l, have)
	}
	cancel()
	group.Wait()
	mustClose(t, l)
}

// follow reads the log until it is truncated, and wants each record to be whole and behind the one before.
func follow(ctx context.Context, t *testing.T, l *Log) {
	r, err := l.NewReader(l.Base())
	if errors.Is(err, ErrMissing) {
		return // reset in between
	}
	if err != nil {
		t.Error(err)
		return
	}
	defer r.Close()
	for last := proto.Zxid(0); ; {
		z, b, err := r.Next()
		if err == io.EOF {
			err = r.Wait(ctx, last+1<<33)
		} else if err == nil && (z <= last || string(b) != string(record{z, len(b)}.payload())) {
			t.Errorf("record %v of %d bytes after %v", z, len(b), last)
			return
		} else if err == nil {
			last = z
			continue
		}
		if err != nil && !errors.Is(err, ErrTruncated) && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if err != nil {
			return
		}
	}
}
