package wal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"gamekeeper/proto"
	"gamekeeper/wal/waltest"
)

// fixHeader makes the checksum of a segment header right.
func fixHeader(data []byte) {
	if len(data) >= segmentHeaderBytes {
		binary.LittleEndian.PutUint32(data[headerChecksumAt:], crc32.Checksum(data[:headerChecksumAt], castagnoli))
	}
}

// fixRecords makes the checksums of records right as far as their lengths lead.
func fixRecords(data []byte) {
	if len(data) < segmentHeaderBytes {
		return
	}
	seed := recordSeed(binary.LittleEndian.Uint64(data[24:]))
	for b := data[segmentHeaderBytes:]; len(b) >= recordHeaderBytes; {
		size := recordSize(int(binary.LittleEndian.Uint32(b[4:])))
		if size > len(b) {
			size = len(b) // a whole header that announces too much
		} else {
			binary.LittleEndian.PutUint32(b[20:], crc32.Checksum(b[recordHeaderBytes:size], castagnoli))
		}
		binary.LittleEndian.PutUint32(b, crc32.Update(seed, castagnoli, b[4:recordHeaderBytes]))
		b = b[size:]
	}
}

// FuzzOpen opens a log of one segment, or with the other as the second, whose bytes are arbitrary; fix has
// a bit for header checksums and one for record checksums, so that what lies behind them is reached.
// Whatever opens must be readable, appendable and the same when it is opened again.
func FuzzOpen(f *testing.F) {
	disk := waltest.New()
	_, _ = buildLog(f, disk)
	first := readFile(f, disk, testDir+"/"+segmentName(1))
	second := readFile(f, disk, testDir+"/"+segmentName(2))
	negative := segmentHeader{flags: flagFresh, seq: 1, base: -1}.encode()
	for fix := range byte(4) {
		f.Add(negative, []byte{}, fix)
		f.Add(first, []byte{}, fix)
		f.Add(first, second, fix)
		f.Add(first[:7000], second[:segmentHeaderBytes], fix)
		f.Add(first[:segmentHeaderBytes], make([]byte, 9000), fix)
		f.Add([]byte("gkwalseg"), []byte{1}, fix)
	}
	f.Fuzz(func(t *testing.T, first, second []byte, fix byte) {
		if len(first)+len(second) > 1<<20 {
			t.Skip()
		}
		disk := waltest.New()
		if err := disk.MkdirAll(testDir, 0o755); err != nil {
			t.Fatal(err)
		}
		for i, data := range [][]byte{first, second} {
			data = append([]byte(nil), data...)
			if fix&1 != 0 {
				fixHeader(data)
			}
			if fix&2 != 0 {
				fixRecords(data)
			}
			if i == 0 || len(data) > 0 {
				writeFile(t, disk, testDir+"/"+segmentName(uint64(i+1)), data)
			}
		}
		l, err := Open(testOptions(disk))
		if err != nil {
			var c *CorruptError
			if !errors.As(err, &c) && !strings.Contains(err.Error(), "format version") {
				t.Fatalf("open: %v", err)
			}
			return
		}
		var found []proto.Zxid
		if err := l.Replay(l.Base(), func(z proto.Zxid, _ []byte) error {
			found = append(found, z)
			return nil
		}); err != nil {
			t.Fatalf("replay of what opened: %v", err)
		}
		if last := max(l.Base(), slices.Max(append(found, 0))); l.LastZxid() != last {
			t.Fatalf("the last record is %v, and the log says %v", last, l.LastZxid())
		}
		if last := l.LastZxid(); last < 1<<62 {
			mustAppend(t, l, record{last + 1, 100})
			found = append(found, last+1)
		}
		mustClose(t, l)
		l = mustOpen(t, testOptions(disk))
		i := 0
		if err := l.Replay(l.Base(), func(z proto.Zxid, _ []byte) error {
			if i >= len(found) || z != found[i] {
				t.Fatalf("record %d is %v the second time", i, z)
			}
			i++
			return nil
		}); err != nil || i != len(found) {
			t.Fatalf("second replay: %d of %d records, %v", i, len(found), err)
		}
		mustClose(t, l)
	})
}
