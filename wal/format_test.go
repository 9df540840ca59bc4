package wal

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
)

// TestFormat pins the bytes on disk: what is encoded, and what hexadecimal bytes decode to.
func TestFormat(t *testing.T) {
	datadriven.RunTest(t, "testdata/format", func(t *testing.T, d *datadriven.TestData) string {
		var id, seq, prev, end, base, zxid, synced uint64
		arg := func(name string, v *uint64) {
			if d.HasArg(name) {
				var text string
				d.ScanArgs(t, name, &text)
				n, err := strconv.ParseUint(text, 0, 64)
				if err != nil {
					t.Fatal(err)
				}
				*v = n
			}
		}
		arg("id", &id)
		switch d.Cmd {
		case "header":
			arg("seq", &seq)
			arg("prev", &prev)
			arg("end", &end)
			arg("base", &base)
			h := segmentHeader{flags: flagFresh, logID: 0xabcdef, id: id, seq: seq, prevID: prev,
				prevEnd: int64(end), base: proto.Zxid(base)}
			b := h.encode()
			back, err := decodeSegmentHeader(b)
			if err != nil || back != h {
				t.Errorf("decoded %+v, %v", back, err)
			}
			return hex.Dump(b[:64]) + hex.Dump(b[4080:])
		case "record":
			arg("zxid", &zxid)
			arg("synced", &synced)
			b := appendRecord(nil, proto.Zxid(zxid), []byte(d.Input))
			sealRecords(b, recordSeed(id), uint32(synced))
			return hex.Dump(b)
		case "decode":
			return decodeText(t, d.Input, id)
		}
		d.Fatalf(t, "unknown command")
		return ""
	})
}

// decodeText scans records given as hexadecimal bytes, of which ~ joins repeated zeros: "00~8".
func decodeText(t *testing.T, input string, id uint64) string {
	data := make([]byte, segmentHeaderBytes)
	for _, word := range strings.Fields(input) {
		var n int
		if _, err := fmt.Sscanf(word, "00~%d", &n); err == nil {
			data = append(data, make([]byte, n)...)
			continue
		}
		b, err := hex.DecodeString(word)
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, b...)
	}
	path := t.TempDir() + "/segment"
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := vfs.Default.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out strings.Builder
	sc := newScanner(f, recordSeed(id), 0, int64(len(data)), make([]byte, 8<<10))
	for {
		z, b, err := sc.next()
		if errors.Is(err, errScanEnd) {
			out.WriteString("end\n")
			return out.String()
		}
		if err != nil {
			bad := err.(*badRecord)
			fmt.Fprintf(&out, "bad: %v\n", bad)
			tl, err := surveyTail(f, path, recordSeed(id), bad.offset, make([]byte, 8<<10))
			if err != nil {
				t.Fatal(err)
			}
			if err := tl.judge(f, "segment", bad, flagFresh); err != nil {
				fmt.Fprintf(&out, "%s\n", strings.SplitN(err.Error(), "; nothing was changed", 2)[0])
			} else {
				fmt.Fprintf(&out, "torn or unwritten, data end at %d\n", tl.dataEnd)
			}
			return out.String()
		}
		fmt.Fprintf(&out, "%v synced=%d %q\n", z, sc.synced, b)
	}
}

func TestSegmentNames(t *testing.T) {
	for _, seq := range []uint64{0, 1, 0xabc, 1<<64 - 1} {
		if got, ok := parseSegmentName(segmentName(seq)); !ok || got != seq {
			t.Errorf("%s is parsed as %d, %v", segmentName(seq), got, ok)
		}
	}
	for _, name := range []string{"", "LOCK", "log.100000001", "gk-1.wal", "gk-000000000000000A.wal",
		"gk-+00000000000001.wal", "gk-0000000000000001.wal.tmp", "gk-00000000000000001.wal"} {
		if seq, ok := parseSegmentName(name); ok {
			t.Errorf("%q is parsed as %d", name, seq)
		}
	}
}

func TestRecordSize(t *testing.T) {
	for n := range 100 {
		size := recordSize(n)
		if pad := size - recordHeaderBytes - n; size%recordAlign != 0 || pad < 1 || pad > recordAlign {
			t.Errorf("size of %d payload bytes is %d", n, size)
		}
		if got := len(appendRecord(nil, 1, make([]byte, n))); got != size {
			t.Errorf("a record of %d payload bytes has %d, not %d", n, got, size)
		}
	}
}
