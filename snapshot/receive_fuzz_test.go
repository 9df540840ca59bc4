package snapshot

import (
	"bytes"
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

// FuzzReceive wants what arrives to be refused, or to become a store that loads.
func FuzzReceive(f *testing.F) {
	tr := tree.New(tree.Options{Track: true})
	grow(f, tr, 0, 3, []byte("v"))
	apply(f, tr, proto.OpSetACL, "/load", nil)
	s := mustOpen(f, testOptions(vfs.NewMem(), "s"))
	flush(f, s, tr)
	v := mustView(f, s)
	zxid := v.Mark().ReplayAfter
	f.Add(true, send(f, v, FormatApache))
	f.Add(false, send(f, v, FormatOwn))
	if err := v.Close(); err != nil {
		f.Fatal(err)
	}
	mustClose(f, s)
	f.Add(true, apacheStream(nil, [][]byte{list(3, proto.ReadACL)}, [][]byte{node("", -1), node("/a", 3)}, streamEnd))
	f.Add(true, apacheStream(nil, nil, [][]byte{proto.AppendSnapshotNode(nil, &proto.SnapshotNode{
		Path: []byte{}, ACLKey: -1, StatPersisted: proto.StatPersisted{EphemeralOwner: 5}})}, streamEnd))
	f.Fuzz(func(t *testing.T, apache bool, stream []byte) {
		format := FormatOwn
		if apache {
			format = FormatApache
		}
		disk := vfs.NewMem()
		opt := Options{FS: disk, Dir: "s", CacheBytes: 1 << 10, memTableBytes: 64 << 10, tableBytes: 64 << 10, batchBytes: 1 << 10}
		r := bytes.NewReader(stream)
		if _, err := Receive(opt, format, zxid, r, nil); err != nil {
			return
		}
		if err := errors.Join(Confirm(disk, "s"), Adopt(disk, "s")); err != nil {
			t.Fatal(err)
		}
		s := mustOpen(t, opt)
		defer mustClose(t, s)
		if _, _, err := s.Load(tree.Options{}, nil); err != nil && !apache {
			return // the mark of a stream may lie
		} else if err != nil {
			t.Fatal(err)
		}
		// What was received can be sent on.
		v := mustView(t, s)
		defer v.Close()
		if err := v.SendApache(&bytes.Buffer{}); err != nil {
			t.Fatal(err)
		}
	})
}
