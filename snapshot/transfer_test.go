package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

var formats = map[string]Format{"apache": FormatApache, "own": FormatOwn}

// oneByte reads a byte at a time, and counts.
type oneByte struct {
	r io.Reader
	n int
}

func (o *oneByte) Read(b []byte) (int, error) {
	n, err := o.r.Read(b[:min(1, len(b))])
	o.n += n
	return n, err
}

func mustView(tb testing.TB, s *Store) *View {
	tb.Helper()
	v, err := s.View()
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// send returns what a view of s sends.
func send(tb testing.TB, v *View, f Format) []byte {
	tb.Helper()
	var out bytes.Buffer
	if err := v.Send(&out, f); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// receive adopts a stream on a disk of its own, and returns the store.
func receive(tb testing.TB, f Format, zxid proto.Zxid, stream []byte) *Store {
	tb.Helper()
	disk := vfs.NewMem()
	r := &oneByte{r: bytes.NewReader(append(stream[:len(stream):len(stream)], "more"...))}
	mark, err := Receive(testOptions(disk, "s"), f, zxid, r, nil)
	if err != nil {
		tb.Fatal(err)
	}
	if r.n != len(stream) {
		tb.Fatalf("it read %d bytes, and the stream has %d", r.n, len(stream))
	}
	if err := Confirm(disk, "s"); err != nil {
		tb.Fatal(err)
	}
	ready, ok, err := Ready(disk, "s")
	if err != nil || !ok || ready != mark {
		tb.Fatalf("ready: %+v, %t, %v, want %+v", ready, ok, err, mark)
	}
	if err := Adopt(disk, "s"); err != nil {
		tb.Fatal(err)
	}
	if _, ok, err := Ready(disk, "s"); ok || err != nil {
		tb.Fatalf("ready after the adoption: %t, %v", ok, err)
	}
	s := mustOpen(tb, testOptions(disk, "s"))
	if m, ok := s.Mark(); !ok || m != mark {
		tb.Fatalf("mark %+v, %t, want %+v", m, ok, mark)
	}
	return s
}

// richTree has all that a snapshot can hold.
func richTree(tb testing.TB) *tree.Tree {
	tb.Helper()
	t := tree.New(tree.Options{Track: true, ExtendedTypes: true})
	grow(tb, t, 0, 2000, bytes.Repeat([]byte("value "), 20))
	bodies := []proto.TxnBody{
		{Type: proto.OpCreate, Path: []byte("/private"), ACL: proto.ReadACL, Data: []byte{}},
		{Type: proto.OpCreate, Path: []byte("/private/x"), ACL: proto.NewACLs(
			proto.ACL{Perms: 3, Identity: proto.Identity{Scheme: []byte("ip"), ID: []byte("10.0.0.1")}})},
		{Type: proto.OpCreate, Path: []byte("/ephemeral"), ACL: proto.OpenACL, Ephemeral: true},
		{Type: proto.OpCreateCont, Path: []byte("/container"), ACL: proto.OpenACL},
		{Type: proto.OpCreateTTL, Path: []byte("/ttl"), ACL: proto.ReadACL, TTL: 5000},
		{Type: proto.OpCreate, Path: []byte("/a-"), ACL: proto.OpenACL},
		{Type: proto.OpCreate, Path: []byte("/a"), ACL: proto.OpenACL},
		{Type: proto.OpCreate, Path: []byte("/a/x"), ACL: proto.OpenACL},
		{Type: proto.OpCreate, Path: []byte("/a-/x"), ACL: proto.OpenACL},
		{Type: proto.OpCreate, Path: []byte("/a-/x/y"), ACL: proto.OpenACL, Data: bytes.Repeat([]byte("large"), 300_000)},
		{Type: proto.OpSetData, Path: []byte("/"), Data: []byte("of the root"), Version: 1},
		{Type: proto.OpSetACL, Path: []byte("/a"), ACL: proto.ReadACL, Version: 1},
	}
	for _, body := range bodies {
		body.Version = max(body.Version, 1)
		txn := proto.Txn{TxnHeader: proto.TxnHeader{
			Session: 7, Zxid: t.LastZxid() + 1, Time: 1_700_000_000_000, Type: body.Type}, Body: body}
		if code := t.Apply(&txn, nil); code != proto.OK {
			tb.Fatalf("%s: %v", body.Path, code)
		}
	}
	return t
}

func TestSendAndReceive(t *testing.T) {
	for name, format := range formats {
		t.Run(name, func(t *testing.T) {
			tr := richTree(t)
			s := mustOpen(t, testOptions(vfs.NewMem(), "s"))
			if _, err := s.View(); !errors.Is(err, ErrEmpty) {
				t.Fatalf("a view of nothing: %v", err)
			}
			flush(t, s, tr)
			v := mustView(t, s)
			if m, _ := s.Mark(); v.Mark() != m {
				t.Errorf("the mark of the view is %+v, want %+v", v.Mark(), m)
			}
			if v.Bytes() <= 0 {
				t.Errorf("the view has %d bytes", v.Bytes())
			}
			// What comes after the view is not in it.
			apply(t, tr, proto.OpCreate, "/later", nil)
			flush(t, s, tr)
			stream := send(t, v, format)
			if err := v.Close(); err != nil {
				t.Fatal(err)
			}
			apply(t, tr, proto.OpDelete, "/later", nil)
			mustClose(t, s)

			got := receive(t, format, v.Mark().ReplayAfter, stream)
			m, _ := got.Mark()
			if m.Unverified != (format == FormatApache) || m.ReplayAfter != v.Mark().ReplayAfter ||
				m.FuzzyUntil != v.Mark().FuzzyUntil || m.Nodes != v.Mark().Nodes {
				t.Errorf("mark %+v, sent %+v", m, v.Mark())
			}
			loaded, sessions, err := got.Load(tree.Options{Track: true, ExtendedTypes: true}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(sessions) != fmt.Sprint([]Session{{7, 4000}}) {
				t.Errorf("sessions %v", sessions)
			}
			// The log after the mark.
			for _, op := range []proto.Op{proto.OpCreate, proto.OpDelete} {
				apply(t, loaded, op, "/later", nil)
			}
			sameTree(t, loaded, tr)
			// The next round makes a mark that can be verified.
			flush(t, got, loaded)
			if m, _ := got.Mark(); m.Unverified || m.Digest != tr.Digest() {
				t.Errorf("mark after a round: %+v", m)
			}
			mustClose(t, got)
		})
	}
}

// TestSendLeavesOutOrphans sends a snapshot in which znodes have no parent: Apache's servers take none.
func TestSendLeavesOutOrphans(t *testing.T) {
	tr := tree.New(tree.Options{Track: true})
	for _, path := range []string{"/a", "/a/b", "/a/b/c", "/a/b/c/d", "/a/bb", "/a/bb/c", "/a-", "/a-/b", "/z", "/z/b"} {
		apply(t, tr, proto.OpCreate, path, nil)
	}
	s := mustOpen(t, testOptions(vfs.NewMem(), "s"))
	flush(t, s, tr)
	for _, path := range []string{"/a/b", "/z"} {
		if err := s.db.Delete(appendNodeKey(nil, []byte(path)), pebble.NoSync); err != nil {
			t.Fatal(err)
		}
	}
	v := mustView(t, s)
	defer mustClose(t, s)
	defer v.Close()
	stream := send(t, v, FormatApache)
	for _, path := range []string{"/a/b/c", "/a/b/c/d", "/z/b"} {
		if bytes.Contains(stream, proto.AppendString(nil, path)) {
			t.Errorf("%s was sent", path)
		}
	}
	got := receive(t, FormatApache, v.Mark().ReplayAfter, stream)
	defer mustClose(t, got)
	loaded, _, err := got.Load(tree.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/a", "/a/bb/c", "/a-/b"} {
		if _, ok := loaded.Lookup([]byte(path)); !ok {
			t.Errorf("%s is missing", path)
		}
	}
	// Our own servers leave them out when they load.
	own := receive(t, FormatOwn, v.Mark().ReplayAfter, send(t, v, FormatOwn))
	defer mustClose(t, own)
}

// TestSendWhileRoundsRun sends views while rounds write, and wants what is received to converge.
func TestSendWhileRoundsRun(t *testing.T) {
	tr := tree.New(tree.Options{Track: true})
	s := mustOpen(t, testOptions(vfs.NewMem(), "s"))
	grow(t, tr, 0, 300, []byte("first"))
	flush(t, s, tr)
	var lock sync.Mutex
	var log []proto.Txn
	change := func() {
		z := tr.LastZxid() + 1
		path := []byte(leaf(int(z) % 300))
		txn := proto.Txn{TxnHeader: proto.TxnHeader{Zxid: z, Type: proto.OpSetData},
			Body: proto.TxnBody{Type: proto.OpSetData, Path: path, Data: fmt.Appendf(nil, "set by %s", z), Version: int32(z)}}
		if tr.Apply(&txn, nil) == proto.OK {
			log = append(log, txn)
		}
	}
	type taken struct {
		v *View
		f Format
	}
	var views []taken
	for round := range 4 {
		for range 100 {
			change()
		}
		_, err := s.Round(Source{
			Tree: tr, Lock: &lock, ReplayAfter: tr.LastZxid(), Changes: []*tree.Changes{tr.TakeChanges(nil)}, StepNodes: 5,
			Pause: func() error {
				change()
				if len(views) < 10*(round+1) {
					views = append(views, taken{mustView(t, s), Format(len(views) % 2)})
				}
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range views {
		m := x.v.Mark()
		stream := send(t, x.v, x.f)
		if err := x.v.Close(); err != nil {
			t.Fatal(err)
		}
		got := receive(t, x.f, m.ReplayAfter, stream)
		loaded, _, err := got.Load(tree.Options{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		m, _ = got.Mark()
		for i := range log {
			if log[i].Zxid <= m.ReplayAfter {
				continue
			}
			loaded.Apply(&log[i], nil)
			if log[i].Zxid == m.FuzzyUntil {
				if err := m.Verify(loaded); err != nil {
					t.Fatal(err)
				}
			}
		}
		sameTree(t, loaded, tr)
		mustClose(t, got)
	}
	mustClose(t, s)
}

// apacheStream makes a stream of what a test says.
func apacheStream(sessions, lists, nodes [][]byte, end string) []byte {
	b := proto.AppendInt32(nil, int32(len(sessions)))
	b = append(b, bytes.Join(sessions, nil)...)
	b = proto.AppendInt32(b, int32(len(lists)))
	b = append(b, bytes.Join(lists, nil)...)
	b = append(b, bytes.Join(nodes, nil)...)
	return append(b, end...)
}

func node(path string, acl int64) []byte {
	return proto.AppendSnapshotNode(nil, &proto.SnapshotNode{Path: []byte(path), ACLKey: acl})
}

const streamEnd = "\x00\x00\x00\x01/\x00\x00\x00\nBenWasHere"

func list(key int64, l proto.ACLs) []byte {
	return proto.AppendSnapshotACL(nil, proto.SnapshotACL{Key: key, ACL: l})
}

// TestReceiveApacheRefuses gives it streams that no server should send.
func TestReceiveApacheRefuses(t *testing.T) {
	root := node("", -1)
	ownedRoot := proto.AppendSnapshotNode(nil, &proto.SnapshotNode{Path: []byte{}, ACLKey: -1, StatPersisted: proto.StatPersisted{EphemeralOwner: 5}})
	good := apacheStream([][]byte{proto.AppendSessionTimeout(nil, proto.SessionTimeout{Session: 5, Timeout: 6})},
		[][]byte{list(1, proto.ReadACL)}, [][]byte{root, node("/a", 1), node("/a/b", -1)}, streamEnd)
	mustClose(t, receive(t, FormatApache, 9, good))
	for i := range good {
		disk := vfs.NewMem()
		if _, err := Receive(testOptions(disk, "s"), FormatApache, 9, bytes.NewReader(good[:i]), nil); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut after %d bytes: %v", i, err)
		}
		if names, err := disk.List("/"); err != nil || len(names) > 0 {
			t.Fatalf("cut after %d bytes: %v is left, %v", i, names, err)
		}
	}
	for _, test := range []struct {
		name   string
		stream []byte
		want   string
	}{
		{"no root", apacheStream(nil, nil, [][]byte{node("/a", -1)}, streamEnd), "root"},
		{"nothing", apacheStream(nil, nil, nil, streamEnd), "root"},
		{"root with an owner", apacheStream(nil, nil, [][]byte{ownedRoot}, streamEnd), "the root has owner 0x5"},
		{"root twice", apacheStream(nil, nil, [][]byte{root, root}, streamEnd), "root"},
		{"no parent", apacheStream(nil, nil, [][]byte{root, node("/a/b", -1)}, streamEnd), "no parent"},
		{"twice", apacheStream(nil, nil, [][]byte{root, node("/a", -1), node("/a", -1)}, streamEnd), "only 2 paths"},
		{"unknown list", apacheStream(nil, nil, [][]byte{root, node("/a", 1)}, streamEnd), "was not sent"},
		{"list twice", apacheStream(nil, [][]byte{list(1, proto.ReadACL), list(1, proto.ReadACL)}, [][]byte{root}, streamEnd), "twice"},
		{"open list", apacheStream(nil, [][]byte{list(-1, proto.ReadACL)}, [][]byte{root}, streamEnd), "twice"},
		{"null list", apacheStream(nil, [][]byte{list(1, nil)}, [][]byte{root}, streamEnd), "null"},
		{"null path", apacheStream(nil, nil, [][]byte{root, node("/a", -1), proto.AppendInt32(nil, -1), make([]byte, 72)}, streamEnd), "null path"},
		{"negative length", apacheStream(nil, nil, [][]byte{root, proto.AppendInt32(nil, -5), make([]byte, 72)}, streamEnd), "length"},
		{"huge length", apacheStream(nil, nil, [][]byte{root, proto.AppendInt32(nil, 1<<30+1), make([]byte, 72)}, streamEnd), "field of"},
		{"announced", apacheStream(nil, nil, [][]byte{root, proto.AppendInt32(nil, 1<<30)}, streamEnd), "unexpected EOF"},
		{"sessions announced", proto.AppendInt32(nil, 1<<31-1), "unexpected EOF"},
		{"lists announced", proto.AppendInt32(proto.AppendInt64(proto.AppendInt32(proto.AppendInt32(nil, 0), 1), 7), 1<<31-1), "unexpected EOF"},
		{"bad path", apacheStream(nil, nil, [][]byte{root, node("a", -1)}, streamEnd), "cannot be a path"},
		{"slash at the end", apacheStream(nil, nil, [][]byte{root, node("/a", -1), node("/a/", -1)}, streamEnd), "cannot be a path"},
		{"signature", apacheStream(nil, nil, [][]byte{root}, "\x00\x00\x00\x01/\x00\x00\x00\nBenWasNot!"), "it ends with"},
	} {
		disk := vfs.NewMem()
		_, err := Receive(testOptions(disk, "s"), FormatApache, 9, bytes.NewReader(test.stream), nil)
		if err == nil || !strings.Contains(err.Error(), test.want) || !errors.Is(err, ErrStream) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
		if names, err := disk.List("/"); err != nil || len(names) > 0 {
			t.Errorf("%s: %v is left, %v", test.name, names, err)
		}
	}
}

// TestReceiveOwnRefuses changes and cuts a stream, at every byte of its heads and at some others.
func TestReceiveOwnRefuses(t *testing.T) {
	tr := tree.New(tree.Options{Track: true})
	grow(t, tr, 0, 20, []byte("value"))
	s := mustOpen(t, testOptions(vfs.NewMem(), "s"))
	flush(t, s, tr)
	v := mustView(t, s)
	stream, zxid := send(t, v, FormatOwn), v.Mark().ReplayAfter
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	try := func(what string, zxid proto.Zxid, b []byte, class error) {
		t.Helper()
		disk := vfs.NewMem()
		if _, err := Receive(testOptions(disk, "s"), FormatOwn, zxid, bytes.NewReader(b), nil); !errors.Is(err, class) {
			t.Errorf("%s: %v", what, err)
		}
		if names, err := disk.List("/"); err != nil || len(names) > 0 {
			t.Errorf("%s: %v is left, %v", what, names, err)
		}
	}
	try("another zxid", zxid+1, stream, ErrStream)
	for i := range stream {
		if i > 30 && i%7 != 0 {
			continue // within the packed content
		}
		try(fmt.Sprintf("cut after %d bytes", i), zxid, stream[:i], io.ErrUnexpectedEOF)
		b := bytes.Clone(stream)
		b[i] ^= 1 << (i % 8)
		class := ErrStream
		switch {
		case i >= 8 && i < 12:
			class = ErrVersion
		case i == 17 || i == 18: // a frame that is longer than what there is
			class = io.ErrUnexpectedEOF
		}
		try(fmt.Sprintf("byte %d changed", i), zxid, b, class)
	}
	// What is well packed and yet no snapshot.
	pack := func(items ...string) []byte {
		var out bytes.Buffer
		f, err := newFrameWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range items {
			key, value, _ := strings.Cut(x, "=")
			if err := f.add(append([]byte{byte(len(key)), byte(len(value))}, key+value...)); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.flush(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	mark := "m=" + string(appendMark(nil, &Mark{Round: 3, ReplayAfter: zxid}))
	reach := "f=" + string(appendReach(nil, reach{zxid: zxid}))
	root := "n\x00\x00\x00/=" + string(tree.AppendStored(nil, &tree.Stored{}))
	end := func(n byte) string { return "=\x00\x00\x00\x00\x00\x00\x00" + string([]byte{n}) }
	disk := vfs.NewMem()
	if _, err := Receive(testOptions(disk, "s"), FormatOwn, zxid, bytes.NewReader(pack(reach, mark, root, end(3))), nil); err != nil {
		t.Fatal(err)
	}
	for _, items := range [][]string{
		{end(0)}, {reach, mark, end(2)}, {reach, mark, root, end(4)}, {mark, reach, root, end(3)},
		{reach, root, end(2)}, {reach, mark, "n\x00\x00\x01/a=" + root[6:], end(3)}, {reach, mark, root, root, end(4)},
		{reach, mark, root, "n\x00\x00\x02/a=" + root[6:], end(4)}, {reach, mark, "n\x00\x00\x00/=\xff", end(3)},
		{reach, mark, root, "s123=4", end(4)}, {reach, mark, root, "zzz=4", end(4)}, {reach, mark, root, end(3), "x=y"},
		{"f=x", mark, root, end(3)}, {reach, "m=x", root, end(3)},
		{reach, "m=" + string(appendMark(nil, &Mark{Round: 3, ReplayAfter: zxid + 1})), root, end(3)},
	} {
		try(fmt.Sprintf("%q", items), zxid, pack(items...), ErrStream)
	}
}
