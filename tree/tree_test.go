package tree

import (
	"testing"
	"unsafe"

	"gamekeeper/proto"
)

func TestRecordBytes(t *testing.T) {
	if n := unsafe.Sizeof(record{}); n != recordBytes {
		t.Fatalf("a record takes %d bytes, want %d", n, recordBytes)
	}
}

func TestFreshTree(t *testing.T) {
	tr := New(Options{})
	if got := tr.Digest(); got != 1371985504 {
		t.Errorf("digest %d, want 1371985504", got)
	}
	if tr.Count() != 4 || tr.DataSize() != 44 || tr.LastZxid() != 0 {
		t.Errorf("count %d, data size %d, last zxid %s", tr.Count(), tr.DataSize(), tr.LastZxid())
	}
	n, _ := tr.Lookup([]byte("/"))
	if s := tr.Stat(n); s != (proto.Stat{Cversion: -1, NumChildren: 1}) {
		t.Errorf("root: %+v", s)
	}
	n, _ = tr.Lookup([]byte("/zookeeper"))
	if s := tr.Stat(n); s != (proto.Stat{Cversion: -2, NumChildren: 2}) {
		t.Errorf("/zookeeper: %+v", s)
	}
	n, _ = tr.Lookup([]byte("/zookeeper/config"))
	if s := tr.Stat(n); s != (proto.Stat{Aversion: -1}) || string(tr.ACL(n)) != string(proto.ReadACL) {
		t.Errorf("/zookeeper/config: %+v, %q", s, tr.ACL(n))
	}
	if d := tr.Data(n); d == nil || len(d) != 0 {
		t.Errorf("/zookeeper/config holds %q", d)
	}
}
