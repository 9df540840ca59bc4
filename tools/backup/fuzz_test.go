package backup

import (
	"bytes"
	"testing"
	"time"

	"gamekeeper/proto"
)

func FuzzDecodeManifest(f *testing.F) {
	m := &Manifest{
		Format: formatVersion, ID: "a", Series: "s", Created: time.Unix(5, 0).UTC(), Last: 7, Files: []File{},
		Log: []Chunk{{From: 0, To: 7, Records: 3, SHA256: sumOf(nil)}},
	}
	b, err := m.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(bytes.Replace(b, []byte(`"a"`), []byte(`"../a"`), 1))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeManifest("x", b)
		if err != nil {
			return
		}
		again, err := m.encode()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%s becomes %s: %v", b, again, err)
		}
	})
}

func FuzzDecodeChunk(f *testing.F) {
	w, err := newChunkWriter(3)
	if err != nil {
		f.Fatal(err)
	}
	for z := proto.Zxid(4); z < 9; z++ {
		w.add(z, time.UnixMilli(int64(z)).UTC(), bytes.Repeat([]byte{byte(z)}, int(z)))
	}
	c, b, err := w.take()
	if err != nil {
		f.Fatal(err)
	}
	n := 0
	got, err := DecodeChunk("x", c, b, func(proto.Zxid, []byte) error { n++; return nil })
	if err != nil || n != 5 || got != c {
		f.Fatalf("%d records, %+v, %v", n, got, err)
	}
	if back, ok := parseChunkName(c.name()); !ok || back.From != 3 || back.To != 8 || back.SHA256 != c.SHA256 {
		f.Fatalf("%s is %+v", c.name(), back)
	}
	f.Add(b, int64(3), int64(8))
	f.Add(b[:40], int64(3), int64(8))
	f.Fuzz(func(t *testing.T, b []byte, from, to int64) {
		last := proto.Zxid(from)
		_, err := DecodeChunk("x", Chunk{From: proto.Zxid(from), To: proto.Zxid(to), SHA256: sumOf(b)}, b, func(z proto.Zxid, _ []byte) error {
			if z <= last || z > proto.Zxid(to) {
				t.Fatalf("record %s after %s", z, last)
			}
			last = z
			return nil
		})
		if err == nil && last != proto.Zxid(to) {
			t.Fatalf("ends at %s", last)
		}
	})
}
