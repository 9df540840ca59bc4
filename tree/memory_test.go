package tree

import (
	"fmt"
	"testing"

	"gamekeeper/proto"
)

// loader builds big trees: 100 children per directory below /load, as services lay out their data.
type loader struct {
	tr   *Tree
	path []byte
	n    int
	txn  proto.Txn
}

func newLoader(opt Options) *loader {
	l := &loader{tr: New(opt)}
	l.create("/load", nil)
	return l
}

func (l *loader) create(path string, data []byte) {
	l.path = append(l.path[:0], path...)
	l.txn = proto.Txn{
		TxnHeader: proto.TxnHeader{Zxid: l.tr.LastZxid() + 1, Time: 1_700_000_000_000, Type: proto.OpCreate},
		Body:      proto.TxnBody{Type: proto.OpCreate, Path: l.path, Data: data, ACL: proto.OpenACL, Version: proto.ParentCversionUnknown},
	}
	if code := l.tr.Apply(&l.txn, nil); code != proto.OK {
		panic(code)
	}
}

// add creates leaf number n, and its directory when it is the first in it.
func (l *loader) add(data []byte) {
	if l.n%100 == 0 {
		l.create(fmt.Sprintf("/load/dir%07d", l.n/100), data)
	}
	l.path = appendLeaf(l.path[:0], l.n)
	l.txn.Zxid = l.tr.LastZxid() + 1
	l.txn.Body.Path, l.txn.Body.Data = l.path, data
	if code := l.tr.Apply(&l.txn, nil); code != proto.OK {
		panic(code)
	}
	l.n++
}

func appendLeaf(b []byte, n int) []byte {
	b = append(b, "/load/dir0000000/leaf00"...)
	for i, v := len(b)-8, n/100; v > 0; i, v = i-1, v/10 {
		b[i] = '0' + byte(v%10)
	}
	b[len(b)-1] = '0' + byte(n%10)
	b[len(b)-2] = '0' + byte(n/10%10)
	return b
}

// maxOverhead is what a znode may take beyond its name and data, in bytes.
const maxOverhead = 130

// TestMemory looks at the overhead all along the growth of a tree, as the index's share goes up and down.
func TestMemory(t *testing.T) {
	nodes := 500_000
	if testing.Short() {
		nodes = 200_000
	}
	for _, size := range []int{0, 100, 101} {
		l := newLoader(Options{})
		data := make([]byte, size)
		worst := 0.0
		for l.n < nodes {
			l.add(data)
			if l.n >= 100_000 && l.n%10_000 == 0 {
				worst = max(worst, overhead(l.tr))
			}
		}
		t.Logf("%d znodes of %d bytes: %.1f bytes of overhead each, %.1f at most; %+v",
			l.tr.Count(), size, overhead(l.tr), worst, l.tr.Memory())
		if worst > maxOverhead {
			t.Errorf("overhead of %.1f bytes a znode, want at most %d", worst, maxOverhead)
		}
	}
}

func overhead(tr *Tree) float64 {
	m := tr.Memory()
	return float64(m.Total()-m.Payload) / float64(tr.Count())
}

// TestAllocs asserts that the steady state allocates nothing.
func TestAllocs(t *testing.T) {
	l := newLoader(Options{})
	data := make([]byte, 100)
	for range 1000 {
		l.add(data)
	}
	tr := l.tr
	path, buf := []byte("/load/dir0000003/leaf42"), make([]byte, 0, 1<<16)
	child := []byte("/load/dir0000003/new")
	sink := &countingSink{}
	d := proto.NewDecoder(proto.AppendStrings(nil, [][]byte{child}))
	closeBody := d.TxnBody(proto.OpCloseSession)

	var txn proto.Txn
	do := func(op proto.TxnBody) {
		txn.Type, txn.Body, txn.Session = op.Type, op, 77
		txn.Zxid++
		if code := tr.Apply(&txn, sink); code != proto.OK {
			t.Fatalf("%v: %v", op.Type, code)
		}
	}
	for name, f := range map[string]func(){
		"reads": func() {
			n, _ := tr.Lookup(path)
			buf = tr.AppendStat(buf[:0], n)
			buf = append(buf, tr.Data(n)...)
			buf = tr.AppendPath(buf, n)
			m := tr.Meta(n)
			buf = proto.AppendInt64(buf, int64(m.Digest()))
			buf = tr.AppendChildren(buf, tr.Parent(n))
			if tr.QuotaExceeded(path, 1, 1) {
				t.Error("quota exceeded")
			}
		},
		"set": func() {
			do(proto.TxnBody{Type: proto.OpSetData, Path: path, Data: data[:50], Version: 1})
			do(proto.TxnBody{Type: proto.OpSetData, Path: path, Data: data, Version: 2})
		},
		"create and delete": func() {
			do(proto.TxnBody{Type: proto.OpCreate, Path: child, Data: data, ACL: proto.OpenACL, Version: proto.ParentCversionUnknown})
			do(proto.TxnBody{Type: proto.OpDelete, Path: child})
		},
		"ephemeral": func() {
			do(proto.TxnBody{Type: proto.OpCreate, Path: child, ACL: proto.OpenACL, Version: proto.ParentCversionUnknown, Ephemeral: true})
			do(closeBody)
		},
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %.1f allocations", name, n)
		}
	}
}

type countingSink struct{ steps, changes int }

func (s *countingSink) Step(int, *proto.TxnBody, NodeID, proto.Code) { s.steps++ }

func (s *countingSink) Changed(proto.EventType, []byte, proto.ACLs, proto.ACLs) { s.changes++ }
