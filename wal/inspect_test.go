package wal

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"gamekeeper/proto"
	"gamekeeper/wal/waltest"
)

// inspectAll scans the log on a disk and returns its records, as far as their bytes are right, and segments.
func inspectAll(t testing.TB, disk *waltest.Disk) ([]record, []InspectedSegment) {
	t.Helper()
	in, err := Inspect(InspectOptions{FS: disk, Dir: testDir})
	if err != nil {
		t.Fatal(err)
	}
	var records []record
	var segs []InspectedSegment
	err = in.Scan(0, func(r InspectedRecord) error {
		got := record{r.Zxid, len(r.Payload)}
		if string(r.Payload) != string(got.payload()) {
			t.Errorf("record %v has the wrong bytes", r.Zxid)
		}
		records = append(records, got)
		return nil
	}, func(s InspectedSegment) error { segs = append(segs, s); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return records, segs
}

func damages(segs []InspectedSegment) (list []Damage) {
	for _, s := range segs {
		list = append(list, s.Damage...)
	}
	return list
}

// readOnly makes every operation that changes something an error of the test.
func readOnly(t testing.TB, disk *waltest.Disk) {
	disk.Fault(func(op waltest.Op) error {
		t.Errorf("an inspection does %v", op)
		return errors.New("read-only")
	})
}

func TestInspect(t *testing.T) {
	disk := waltest.New()
	frames, records := buildLog(t, disk)
	l := mustOpen(t, testOptions(disk))
	want := l.Segments()
	mustClose(t, l)
	readOnly(t, disk)
	got, segs := inspectAll(t, disk)
	if !equalRecords(got, records) {
		t.Errorf("got %v, want %v", got, records)
	}
	if d := damages(segs); d != nil {
		t.Errorf("damage %v", d)
	}
	n := int64(0)
	for i, s := range segs {
		n += s.Records
		switch {
		case i == len(want):
			if !s.Prepared || s.Scanned {
				t.Errorf("behind the last segment: %+v", s)
			}
		case s.Segment != want[i] || s.Sealed != (i < len(want)-1) || s.Prepared || !s.Scanned || s.TornBytes != 0:
			t.Errorf("segment %d is %+v, want %+v", i, s, want[i])
		}
	}
	if n != int64(len(frames)) {
		t.Errorf("%d records, want %d", n, len(frames))
	}
	t.Run("after", func(t *testing.T) {
		in, err := Inspect(InspectOptions{FS: disk, Dir: testDir})
		if err != nil {
			t.Fatal(err)
		}
		first := proto.Zxid(0)
		err = in.Scan(want[1].Last, func(r InspectedRecord) error {
			if first == 0 {
				first = r.Zxid
			}
			return nil
		}, nil)
		if err != nil || first != want[2].First {
			t.Errorf("begins at %v, %v; want %v", first, err, want[2].First)
		}
	})
}

// TestInspectFlippedBit damages each record, and wants it and no other to be missing, but for those of the
// same write when it was the header.
func TestInspectFlippedBit(t *testing.T) {
	disk := waltest.New()
	frames, records := buildLog(t, disk)
	for i, f := range frames {
		for _, at := range []int64{f.from + 1, f.from + 9, f.from + 21, f.to - 1} {
			header := at < f.from+recordHeaderBytes && at != f.from+21
			disk.Corrupt(f.path, at, 3)
			got, segs := inspectAll(t, disk)
			d := damages(segs)
			if len(d) != 1 || d[0].File != f.path || d[0].Offset != f.from {
				t.Fatalf("a flipped bit at %s %d is seen as %v", f.path, at, d)
			}
			if d[0].Until != 0 && d[0].Until < f.to {
				t.Errorf("goes on at %d, inside the record at %d", d[0].Until, f.from)
			}
			for _, r := range got {
				if r == records[i] {
					t.Errorf("the damaged record %v was shown", r)
				}
			}
			if n := len(got); !header && at != f.from+21 && n != len(records)-1 {
				t.Errorf("%d of %d records after damage of one payload", n, len(records))
			}
			disk.Corrupt(f.path, at, 3)
		}
	}
}

func TestInspectHeaders(t *testing.T) {
	cases := map[string]struct {
		ruin func(t *testing.T, d *waltest.Disk, segs []Segment)
		at   int // segment that is named
	}{
		"missing": {func(t *testing.T, d *waltest.Disk, s []Segment) { remove(t, d, s[1].Name) }, 1},
		"header":  {func(t *testing.T, d *waltest.Disk, s []Segment) { d.Corrupt(s[1].Name, 20, 1) }, 1},
		"last":    {func(t *testing.T, d *waltest.Disk, s []Segment) { d.Corrupt(s[len(s)-1].Name, 20, 1) }, -1},
		"other": {func(t *testing.T, d *waltest.Disk, s []Segment) {
			other := waltest.New()
			buildLog(t, other)
			copyFile(t, other, d, s[1].Name, s[1].Name)
		}, 1},
		"renamed": {func(t *testing.T, d *waltest.Disk, s []Segment) { copyFile(t, d, d, s[0].Name, s[1].Name) }, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			disk := waltest.New()
			_, records := buildLog(t, disk)
			l := mustOpen(t, testOptions(disk))
			segs := l.Segments()
			mustClose(t, l)
			c.ruin(t, disk, segs)
			if c.at < 0 {
				c.at += len(segs)
			}
			got, found := inspectAll(t, disk)
			d := damages(found)
			if len(d) == 0 || d[0].File != segs[c.at].Name || d[0].Offset != 0 {
				t.Fatalf("damage %v, want some of %s", d, segs[c.at].Name)
			}
			if len(got) == 0 || len(got) >= len(records) && name != "other" && name != "renamed" {
				t.Errorf("%d of %d records", len(got), len(records))
			}
		})
	}
}

// TestInspectTornTail crashes disks while records are written: what Open cuts silently is no damage.
func TestInspectTornTail(t *testing.T) {
	torn := 0
	for seed := range uint64(60) {
		disk := waltest.New()
		l := mustOpen(t, testOptions(disk))
		mustAppend(t, l, sequence(1, 5, 300)...)
		disk.CrashAt(2) // the sync of the next batch
		_ = appendAll(l, sequence(6, 4, 700)...)
		_ = l.Close()
		crashed := disk.Crash(rand.New(rand.NewPCG(seed, 1)))
		got, segs := inspectAll(t, crashed)
		if d := damages(segs); d != nil {
			t.Fatalf("seed %d: damage %v", seed, d)
		}
		for _, s := range segs {
			if s.TornBytes > 0 {
				torn++
			}
		}
		l = mustOpen(t, testOptions(crashed))
		wantContents(t, l, got)
		mustClose(t, l)
	}
	if torn == 0 {
		t.Error("no tail was torn")
	}
}

// TestInspectRunning reads the log of a running server all the time: whatever it sees is a beginning of
// what is appended, at least what was durable, and without damage.
func TestInspectRunning(t *testing.T) {
	o := Options{Dir: t.TempDir(), SegmentBytes: 64 << 10}
	l := mustOpen(t, o)
	const last = 3000
	var wait sync.WaitGroup
	wait.Go(func() {
		for z := proto.Zxid(1); z <= last; z++ {
			l.Append(z, record{z, int(z*37) % 900}.payload())
			if z%7 == 0 {
				l.Submit()
			}
		}
		if err := l.drain(); err != nil {
			t.Error(err)
		}
	})
	for seen := proto.Zxid(0); seen < last; {
		durable := l.Durable()
		in, err := Inspect(InspectOptions{Dir: o.Dir})
		if err != nil {
			t.Fatal(err)
		}
		next := proto.Zxid(1)
		err = in.Scan(0, func(r InspectedRecord) error {
			if r.Zxid != next || len(r.Payload) != int(next*37)%900 {
				t.Fatalf("record %v with %d bytes, want %v", r.Zxid, len(r.Payload), next)
			}
			next++
			return nil
		}, func(s InspectedSegment) error {
			for _, d := range s.Damage {
				t.Errorf("damage %v", &d.CorruptError)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if seen = next - 1; seen < durable {
			t.Fatalf("%v is durable and the scan ended at %v", durable, seen)
		}
	}
	wait.Wait()
	mustClose(t, l)
}

func TestInspectNoLog(t *testing.T) {
	for _, dir := range []string{t.TempDir(), t.TempDir() + "/none"} {
		if _, err := Inspect(InspectOptions{Dir: dir}); !errors.Is(err, ErrNoLog) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
