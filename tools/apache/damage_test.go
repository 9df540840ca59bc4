package apache

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gamekeeper/proto"
)

// small is a server with a few znodes and a log of a few records.
func small(t testing.TB) *fake {
	f := newFake(t.TempDir())
	f.do(1, proto.TxnBody{Type: proto.OpCreateSession, Timeout: 4000})
	f.plainly(3)
	f.do(1, proto.TxnBody{Type: proto.OpCreate, Path: []byte("/acl"), ACL: proto.ReadACL, Version: 4, Ephemeral: true})
	return f
}

// readAll reads a snapshot to its end and returns its znodes.
func readAll(c Compression, b []byte) (nodes []Node, err error) {
	r, err := readSnapshot("snapshot.1", c, bytes.NewReader(b))
	for err == nil {
		var n Node
		if n, err = r.Next(); err == nil {
			n.Path, n.Data = bytes.Clone(n.Path), bytes.Clone(n.Data)
			nodes = append(nodes, n)
		}
	}
	if errors.Is(err, io.EOF) && !errors.Is(err, ErrDamaged) {
		err = nil
	}
	return nodes, err
}

func TestSnapshotDamage(t *testing.T) {
	f := small(t)
	for _, c := range []Compression{Plain, Gzip} {
		var out bytes.Buffer
		if err := writeSnapshot(&out, &f.State, c, nil); err != nil {
			t.Fatal(err)
		}
		damaged(t, c, out.Bytes())
	}
	b, err := os.ReadFile("testdata/apache/snappy/version-2/snapshot.230.snappy")
	if err != nil {
		t.Fatal(err)
	}
	damaged(t, Snappy, b)
}

// damaged flips bits, cuts and appends. Compressed files have bytes that say nothing; all others have to be
// noticed.
func damaged(t *testing.T, c Compression, good []byte) {
	want, err := readAll(c, good)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(want)
	step := max(1, len(good)/400)
	try := func(what string, b []byte) {
		got, err := readAll(c, b)
		switch {
		case err != nil && !errors.Is(err, ErrDamaged):
			t.Errorf("%q, %s: %v", c, what, err)
		case err != nil && !strings.Contains(err.Error(), "snapshot.1: offset "):
			t.Errorf("%q, %s: names neither file nor offset: %v", c, what, err)
		case err == nil && (c == Plain || fmt.Sprint(got) != text):
			t.Errorf("%q, %s: not noticed", c, what)
		}
	}
	for at := 0; at < len(good); at += step {
		for _, flip := range []byte{1, 0x80, 0xff} {
			b := slices.Clone(good)
			b[at] ^= flip
			try(fmt.Sprintf("byte %d ^ %x", at, flip), b)
		}
		if c == Plain && !knownEnd(len(good)-at) {
			try(fmt.Sprintf("cut at %d", at), good[:at])
		}
	}
	for _, n := range []int{1, 12, 13, 21, 33, 5000} {
		try(fmt.Sprintf("%d bytes more", n), append(slices.Clone(good), bytes.Repeat([]byte{'/'}, n)...))
	}
}

// knownEnd says whether a snapshot without so many bytes at its end is whole: it lacks a section or two.
func knownEnd(n int) bool { return n == lastZxidBytes || n == lastZxidBytes+20+sealBytes }

// TestOlderSnapshots reads what servers without digest or last zxid wrote, and digests of old versions.
func TestOlderSnapshots(t *testing.T) {
	f := small(t)
	var out bytes.Buffer
	if err := writeSnapshot(&out, &f.State, Plain, nil); err != nil {
		t.Fatal(err)
	}
	full := out.Bytes()
	bare := full[:len(full)-lastZxidBytes-20-sealBytes]
	sealed := func(b []byte) []byte {
		return proto.AppendString(proto.AppendInt64(slices.Clip(b), int64(newAdler(b).Sum32())), "/")
	}
	lastOnly := sealed(proto.AppendInt64(slices.Clip(bare), 9))
	hex := sealed(proto.AppendString(proto.AppendInt32(proto.AppendInt64(slices.Clip(bare), 5), 1), "1a2b"))
	hexAndLast := sealed(proto.AppendInt64(slices.Clip(hex), 9))
	later := sealed(proto.AppendInt64(proto.AppendInt32(proto.AppendInt64(slices.Clip(bare), 5), 3), 77))
	for name, c := range map[string]struct {
		b    []byte
		want Trailer
	}{
		"3.9":               {full, Trailer{true, f.Zxid, 2, f.Tree.Digest(), true, f.Zxid}},
		"3.6":               {full[:len(full)-lastZxidBytes], Trailer{true, f.Zxid, 2, f.Tree.Digest(), false, 0}},
		"3.5":               {bare, Trailer{}},
		"3.9 without":       {lastOnly, Trailer{HasLastZxid: true, LastZxid: 9}},
		"old digest":        {hex, Trailer{HasDigest: true, DigestZxid: 5, DigestVersion: 1}},
		"old digest, later": {hexAndLast, Trailer{HasDigest: true, DigestZxid: 5, DigestVersion: 1, HasLastZxid: true, LastZxid: 9}},
		"newer digest":      {later, Trailer{HasDigest: true, DigestZxid: 5, DigestVersion: 3}},
	} {
		r, err := readSnapshot(name, Plain, bytes.NewReader(c.b))
		for err == nil {
			_, err = r.Next()
		}
		if errors.Is(err, ErrDamaged) || r.Trailer() != c.want {
			t.Errorf("%s: %+v, want %+v; %v", name, r.Trailer(), c.want, err)
		}
	}
}

// withLog imports a directory whose only log is b.
func withLog(t *testing.T, dir string, b []byte) (*State, error) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "log.1"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	return Import(t.Context(), Dirs{Data: dir}, Options{Tree: extended})
}

// ends are where the records of a log end, the header's end first.
func ends(t *testing.T, b []byte) []int64 {
	t.Helper()
	r, err := readLog("log.1", bytes.NewReader(b), int64(len(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	at := []int64{logHeaderBytes}
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return at
		}
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, rec.Offset+recordHeadBytes+int64(len(rec.Raw))+1)
	}
}

func TestLogDamage(t *testing.T) {
	f := small(t)
	good := append(slices.Clone(f.log), make([]byte, 900)...)
	end := ends(t, good)
	if len(end) != 6 {
		t.Fatalf("%d records", len(end)-1)
	}
	whole := func(cut int) (n int) { // records up to there
		for n+1 < len(end) && end[n+1] <= int64(cut) {
			n++
		}
		return n
	}
	for at := 0; at < len(f.log)+40; at++ {
		if last := int(end[4]); at > logHeaderBytes && at < last { // the last record is what matters most
			at = min(last, at+4)
		}
		if at >= 8 && at < logHeaderBytes {
			continue // a number that nobody uses
		}
		for _, flip := range []byte{1, 0xff} {
			b := slices.Clone(good)
			b[at] ^= flip
			s, err := withLog(t, f.dir, b)
			switch {
			case err != nil && (!errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "log.1: offset ")):
				t.Errorf("byte %d ^ %x: %v", at, flip, err)
			case err == nil && (at < len(f.log) || s.Zxid != f.Zxid || len(s.Notes) == 0):
				t.Errorf("byte %d ^ %x: not noticed: %d transactions, notes %q", at, flip, s.Transactions, s.Notes)
			}
		}
	}
	for cut := logHeaderBytes; cut < len(f.log); cut += 3 {
		for what, b := range map[string][]byte{
			"cut":    good[:cut],
			"zeroed": append(slices.Clone(good[:cut]), make([]byte, len(good)-cut)...),
		} {
			s, err := withLog(t, f.dir, b)
			if err != nil {
				t.Errorf("%s at %d: %v", what, cut, err)
				continue
			}
			inside := !slices.Contains(end, int64(max(logHeaderBytes, len(bytes.TrimRight(b, "\x00")))))
			if n := whole(cut); s.Transactions != n || inside != (len(s.Notes) == 1) {
				t.Errorf("%s at %d: %d transactions, want %d; inside %t, notes %q", what, cut, s.Transactions, n, inside, s.Notes)
			}
		}
	}
}

// TestLogHole has a sector of zeros in a record: a crash leaves that at the end, and only there.
func TestLogHole(t *testing.T) {
	f := small(t)
	f.do(1, proto.TxnBody{Type: proto.OpCreate, Path: []byte("/large"), Data: bytes.Repeat([]byte("x"), 5000), Version: 5})
	hole := slices.Clone(f.log)
	clear(hole[len(hole)/sectorBytes*sectorBytes-sectorBytes*3:][:sectorBytes])
	s, err := withLog(t, f.dir, append(slices.Clone(hole), make([]byte, 3000)...))
	if err != nil || s.Zxid != f.Zxid-1 || len(s.Notes) != 1 {
		t.Fatalf("at the end: %+v, %v", s, err)
	}
	n := len(f.log)
	f.plainly(1)
	if _, err = withLog(t, f.dir, append(hole, f.log[n:]...)); !errors.Is(err, ErrDamaged) {
		t.Fatalf("before another record: %v", err)
	}
	b := slices.Clone(f.log)
	clear(b[16:n])
	if _, err = withLog(t, f.dir, b); !errors.Is(err, ErrDamaged) {
		t.Fatalf("records that are gone: %v", err)
	}
}

func TestLogContent(t *testing.T) {
	record := func(raw []byte) []byte {
		b := proto.AppendInt64(logHeader(), int64(newAdler(raw).Sum32()))
		return append(proto.AppendBuffer(b, raw), recordEnd)
	}
	good := proto.AppendTxn(nil, &proto.Txn{TxnHeader: proto.TxnHeader{Zxid: 1, Type: proto.OpDelete}, Body: proto.TxnBody{Type: proto.OpDelete, Path: []byte("/a")}})
	unknown := slices.Clone(good)
	unknown[proto.TxnHeaderBytes-1] = 99
	for name, c := range map[string]struct {
		b    []byte
		torn bool
		want string // in the error
	}{
		"whole":             {record(good), false, ""},
		"no record":         {logHeader(), false, ""},
		"empty file":        {nil, true, ""},
		"part of a header":  {logHeader()[:7], true, ""},
		"zeros":             {make([]byte, 4096), true, ""},
		"a snapshot":        {proto.AppendInt64(proto.AppendInt64(nil, int64(snapshotMagic)<<32|2), 0), false, "offset 0: no log file"},
		"another version":   {proto.AppendInt64(proto.AppendInt64(nil, int64(logMagic)<<32|3), 0), false, "offset 4: log of version 3"},
		"unknown type":      {record(unknown), false, "unknown transaction type 99"},
		"body too short":    {record(good[:len(good)-1]), false, "ends early"},
		"negative length":   {append(proto.AppendInt32(proto.AppendInt64(logHeader(), 7), -1), make([]byte, 99)...), false, "its length is -1"},
		"length too large":  {append(proto.AppendInt32(proto.AppendInt64(logHeader(), 7), 1<<30+1), make([]byte, 99)...), false, "its length is 1073741825"},
		"length not there":  {append(proto.AppendInt64(logHeader(), 7), make([]byte, 99)...), true, ""},
		"the end is behind": {proto.AppendInt32(proto.AppendInt64(logHeader(), 7), 1<<20), true, ""},
	} {
		r, err := readLog("log.1", bytes.NewReader(c.b), int64(len(c.b)), nil)
		n := -1
		for err == nil {
			n++
			_, err = r.Next()
		}
		if errors.Is(err, ErrDamaged) != (c.want != "") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if c.want == "" && (r.Torn() != nil) != c.torn {
			t.Errorf("%s: %d records, torn %v", name, n, r.Torn())
		}
	}
}

// TestOldTransactions applies a log of ZooKeeper 3.3: creates that do not say the parent's counter, sessions
// that end without naming their ephemerals, no digests.
func TestOldTransactions(t *testing.T) {
	f := newFake(t.TempDir())
	b := logHeader()
	for i, body := range []proto.TxnBody{
		{Type: proto.OpCreateSession, Timeout: 4000},
		{Type: proto.OpCreate, Path: []byte("/a"), ACL: proto.OpenACL, Ephemeral: true},
		{Type: proto.OpCreate, Path: []byte("/b"), ACL: proto.OpenACL},
		{Type: proto.OpCloseSession},
	} {
		raw := proto.AppendTxn(nil, &proto.Txn{TxnHeader: proto.TxnHeader{Session: 5, Zxid: proto.Zxid(i + 1), Type: body.Type}, Body: body})
		if body.Type == proto.OpCreate {
			raw = raw[:len(raw)-4]
		}
		b = proto.AppendInt64(b, int64(newAdler(raw).Sum32()))
		b = append(proto.AppendBuffer(b, raw), recordEnd)
	}
	s, err := withLog(t, f.dir, b)
	if err != nil {
		t.Fatal(err)
	}
	root, _ := s.Tree.Lookup(nil)
	_, a := s.Tree.Lookup([]byte("/a"))
	if m := s.Tree.Meta(root); a || m.RawCversion != 2 || m.NumChildren != 2 || m.Pzxid != 4 || len(s.Sessions) != 0 {
		t.Errorf("/a is there: %t; root %+v; sessions %v", a, m, s.Sessions)
	}
}
