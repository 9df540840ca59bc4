package wal

import (
	"errors"
	"io"
	"testing"

	"gamekeeper/proto"
	"gamekeeper/wal/waltest"
)

// frame is where a record lies.
type frame struct {
	path     string
	from, to int64
}

// buildLog writes a log of several segments and many batches, closes it, and returns where its records are.
func buildLog(t testing.TB, disk *waltest.Disk) (frames []frame, records []record) {
	t.Helper()
	l := mustOpen(t, testOptions(disk))
	for i := range 30 {
		batch := sequence(proto.Zxid(1+len(records)), 1+i%4, i*97%1300)
		mustAppend(t, l, batch...)
		records = append(records, batch...)
	}
	segs := l.Segments()
	mustClose(t, l)
	i := 0
	for _, s := range segs {
		at := int64(segmentHeaderBytes)
		for at < s.Bytes {
			size := int64(recordSize(records[i].size))
			frames = append(frames, frame{s.Name, at, at + size})
			at += size
			i++
		}
	}
	if i != len(records) || len(segs) < 3 {
		t.Fatalf("%d segments with %d of %d records", len(segs), i, len(records))
	}
	return frames, records
}

// TestFlippedBit flips bits all over what had been synced: a bit of each byte of the record headers and
// endings, and of every few bytes in between.
func TestFlippedBit(t *testing.T) {
	disk := waltest.New()
	frames, _ := buildLog(t, disk)
	step := int64(29)
	if testing.Short() {
		step = 211
	}
	seen := map[string]bool{}
	for _, f := range frames {
		if !seen[f.path] {
			seen[f.path] = true
			for at := int64(0); at < segmentHeaderBytes; at += 7 * step {
				wantDetected(t, disk, frame{f.path, 0, 0}, at)
			}
		}
		for at := f.from; at < f.to; {
			wantDetected(t, disk, f, at)
			if at < f.from+recordHeaderBytes || at >= f.to-recordAlign {
				at++
			} else {
				at = min(at+step, f.to-recordAlign)
			}
		}
	}
}

// wantDetected flips a bit at an offset, opens, and flips it back.
func wantDetected(t *testing.T, disk *waltest.Disk, f frame, at int64) {
	t.Helper()
	bit := uint(at*7) % 8
	disk.Corrupt(f.path, at, bit)
	defer disk.Corrupt(f.path, at, bit)
	l, err := Open(testOptions(disk.Restart()))
	if err == nil {
		mustClose(t, l)
		t.Fatalf("the flipped bit at %s %d went unnoticed", f.path, at)
	}
	wantCorrupt(t, err, f.path, f.from, f.from)
}

// TestFlippedBitLater damages a segment that is open, and that Open was told not to check.
func TestFlippedBitLater(t *testing.T) {
	disk := waltest.New()
	frames, records := buildLog(t, disk)
	victim := frames[7]
	disk.Corrupt(victim.path, victim.from+30, 3)
	o := testOptions(disk)
	o.CheckAfter = records[len(records)-1].zxid
	l := mustOpen(t, o)
	defer mustClose(t, l)
	if got := l.Segments()[0]; got.First != 1 || got.Bytes < victim.to {
		t.Errorf("first segment %+v", got)
	}
	n := 0
	err := l.Replay(0, func(proto.Zxid, []byte) error { n++; return nil })
	wantCorrupt(t, err, victim.path, victim.from, victim.from)
	if n != 7 {
		t.Errorf("replay handed out %d records before the damage", n)
	}
	r, err := l.NewReader(records[7].zxid) // begins behind the damage, in the same segment
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = r.Next()
	wantCorrupt(t, err, victim.path, victim.from, victim.from)
	r.Close()
	err = l.TruncateAfter(records[9].zxid)
	wantCorrupt(t, err, victim.path, victim.from, victim.from)
	if l.Err() != nil || l.LastZxid() != records[len(records)-1].zxid {
		t.Errorf("a truncation that found damage left error %v, last %v", l.Err(), l.LastZxid())
	}
	if err := l.Replay(records[len(records)-3].zxid, func(proto.Zxid, []byte) error { return nil }); err != nil {
		t.Errorf("replay of a sound segment: %v", err)
	}
}

// TestImpossibleBase: a header whose checksum is right and that stands behind a negative zxid is damage, whatever is in
// the segment.
func TestImpossibleBase(t *testing.T) {
	for _, base := range []proto.Zxid{-1, -1 << 48, -1 << 63} {
		disk := waltest.New()
		mustClose(t, mustOpen(t, testOptions(disk)))
		path := testDir + "/" + segmentName(1)
		h := segmentHeader{flags: flagFresh, logID: 1, id: 2, seq: 1, base: base}
		writeFile(t, disk, path, h.encode())
		_, err := Open(testOptions(disk))
		wantCorrupt(t, err, path, 0, 0)
	}
}

// TestImpossibleChain: headers whose checksums are right, of a segment that does not stand behind the one before it,
// and of one that has the number 0.
func TestImpossibleChain(t *testing.T) {
	disk := waltest.New()
	l := mustOpen(t, testOptions(disk))
	mustAppend(t, l, sequence(1, 3, 10)...)
	id, end := l.segs[0], l.Segments()[0].Bytes
	mustClose(t, l)
	path := testDir + "/" + segmentName(2)
	for _, base := range []proto.Zxid{0, -1} {
		h := segmentHeader{flags: flagFresh | flagRun, logID: id.logID, id: 9, seq: 2, prevID: id.id, prevEnd: end, base: base}
		writeFile(t, disk, path, h.encode())
		_, err := Open(testOptions(disk))
		wantCorrupt(t, err, path, 0, 0)
	}

	disk = waltest.New()
	if err := disk.MkdirAll(testDir, 0o755); err != nil {
		t.Fatal(err)
	}
	path = testDir + "/" + segmentName(0)
	h := segmentHeader{flags: flagFresh, logID: 1, id: 2}
	writeFile(t, disk, path, h.encode())
	_, err := Open(testOptions(disk))
	wantCorrupt(t, err, path, 0, 0)
}

// TestLostSectors zeroes a sector, as a lost write leaves it: damage where a sync is proved, a torn tail in
// the last write, where nothing can tell the two apart.
func TestLostSectors(t *testing.T) {
	disk := waltest.New()
	frames, records := buildLog(t, disk)
	for i, f := range frames[:len(frames)-4] {
		d := disk.Restart()
		zero(t, d, f.path, f.from, f.to)
		_, err := Open(testOptions(d))
		if err == nil {
			t.Fatalf("record %d was lost and nobody noticed", i)
		}
		wantCorrupt(t, err, f.path, f.from, f.from)
	}
	last := frames[len(frames)-1]
	zero(t, disk, last.path, last.from, last.to)
	l := mustOpen(t, testOptions(disk))
	wantContents(t, l, records[:len(records)-1])
	mustClose(t, l)
}

func zero(t *testing.T, d *waltest.Disk, path string, from, to int64) {
	t.Helper()
	f, err := d.OpenReadWrite(path, writeCategory)
	if err == nil {
		_, err = f.WriteAt(make([]byte, to-from), from)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestLostSegments(t *testing.T) {
	build := func() (*waltest.Disk, []Segment, []record) {
		disk := waltest.New()
		_, records := buildLog(t, disk)
		l := mustOpen(t, testOptions(disk))
		segs := l.Segments()
		mustClose(t, l)
		return disk, segs, records
	}
	t.Run("first", func(t *testing.T) {
		disk, segs, _ := build()
		remove(t, disk, segs[0].Name)
		l := mustOpen(t, testOptions(disk)) // as after a purge; who needs the records is told
		if err := l.Replay(0, nil); !errors.Is(err, ErrMissing) {
			t.Errorf("replay: %v", err)
		}
		mustClose(t, l)
	})
	t.Run("middle", func(t *testing.T) {
		disk, segs, _ := build()
		remove(t, disk, segs[1].Name)
		_, err := Open(testOptions(disk))
		wantCorrupt(t, err, segs[1].Name, 0, 0)
	})
	t.Run("last", func(t *testing.T) {
		disk, segs, _ := build()
		remove(t, disk, segs[len(segs)-1].Name)
		_, err := Open(testOptions(disk))
		wantCorrupt(t, err, segs[len(segs)-1].Name, 0, 0)
	})
	t.Run("all but the prepared one", func(t *testing.T) {
		disk, segs, _ := build()
		for _, s := range segs {
			remove(t, disk, s.Name)
		}
		_, err := Open(testOptions(disk))
		wantCorrupt(t, err, segs[len(segs)-1].Name, 0, 0)
	})
	t.Run("from another log", func(t *testing.T) {
		disk, segs, _ := build()
		other, _, _ := build()
		copyFile(t, other, disk, segs[1].Name, segs[1].Name)
		_, err := Open(testOptions(disk))
		wantCorrupt(t, err, segs[1].Name, 0, 0)
	})
	t.Run("renamed", func(t *testing.T) {
		disk, segs, _ := build()
		copyFile(t, disk, disk, segs[0].Name, segs[1].Name)
		_, err := Open(testOptions(disk))
		wantCorrupt(t, err, segs[1].Name, 0, 0)
	})
	t.Run("short", func(t *testing.T) {
		disk, segs, _ := build()
		data := readFile(t, disk, segs[0].Name)
		writeFile(t, disk, segs[0].Name, data[:segs[0].Bytes-9])
		_, err := Open(testOptions(disk))
		wantCorrupt(t, err, segs[0].Name, segs[0].Bytes-9, segs[0].Bytes-9)
	})
	t.Run("newer format", func(t *testing.T) {
		disk, segs, _ := build()
		data := readFile(t, disk, segs[0].Name)
		data[8] = 9
		fixHeader(data)
		writeFile(t, disk, segs[0].Name, data)
		var c *CorruptError
		if _, err := Open(testOptions(disk)); err == nil || errors.As(err, &c) {
			t.Errorf("open: %v", err)
		}
	})
}

func remove(t *testing.T, d *waltest.Disk, path string) {
	t.Helper()
	if err := d.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func readFile(t testing.TB, d *waltest.Disk, path string) []byte {
	t.Helper()
	f, err := d.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeFile(t testing.TB, d *waltest.Disk, path string, data []byte) {
	t.Helper()
	f, err := d.Create(path, writeCategory)
	if err == nil {
		_, err = f.WriteAt(data, 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

func copyFile(t *testing.T, from, to *waltest.Disk, source, dest string) {
	t.Helper()
	writeFile(t, to, dest, readFile(t, from, source))
}
