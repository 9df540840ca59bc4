package tree

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"gamekeeper/proto"
)

// FuzzApply applies whatever decodes as a transaction, several in a row, and checks that the tree is
// sound afterwards. The input is a sequence of transactions, each behind one byte with its length.
func FuzzApply(f *testing.F) {
	frame := func(op proto.TxnBody, session proto.SessionID) []byte {
		h := proto.TxnHeader{Session: session, Zxid: 5, Time: 7, Type: op.Type}
		b := proto.AppendTxnBody(proto.AppendTxnHeader(nil, &h), &op)
		return append([]byte{byte(len(b))}, b...)
	}
	var seed []byte
	for _, op := range []proto.TxnBody{
		{Type: proto.OpCreate, Path: []byte("/a"), Data: []byte("x"), ACL: proto.ReadACL, Version: 1},
		{Type: proto.OpCreate2, Path: []byte("/a/b"), Version: -1, Ephemeral: true},
		{Type: proto.OpCreateTTL, Path: []byte("/a/t"), TTL: 9},
		{Type: proto.OpCreateCont, Path: []byte("/zookeeper/quota/a")},
		{Type: proto.OpCreate, Path: []byte("/zookeeper/quota/a/zookeeper_limits"), Data: []byte("count=1")},
		{Type: proto.OpCreate, Path: []byte("/zookeeper/quota/a/zookeeper_stats")},
		{Type: proto.OpSetData, Path: []byte("/a"), Data: []byte("yy"), Version: 3},
		{Type: proto.OpSetACL, Path: []byte("/a"), ACL: proto.ReadACL, Version: 3},
		{Type: proto.OpDelete, Path: []byte("/a")},
		{Type: proto.OpDelete, Path: []byte("/zookeeper")},
		{Type: proto.OpDelete, Path: []byte("/")},
	} {
		b := frame(op, 3)
		f.Add(b)
		seed = append(seed, b...)
		f.Add(slices.Clone(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tr := New(Options{ExtendedTypes: len(b)%2 == 0})
		for len(b) > 0 {
			n := min(int(b[0]), len(b)-1)
			if txn, err := proto.DecodeTxn(b[1 : 1+n]); err == nil {
				tr.Apply(&txn, nil)
			}
			b = b[1+n:]
		}
		checkInvariants(t, tr)
	})
}

// TestMalformedMulti has a multi whose second operation does not decode: nothing of it may be applied.
func TestMalformedMulti(t *testing.T) {
	b := proto.BeginMultiTxn(nil, 2)
	b = proto.AppendSubTxn(b, &proto.TxnBody{Type: proto.OpCreate, Path: []byte("/a"), Version: 1})
	b = proto.AppendBuffer(proto.AppendInt32(b, int32(proto.OpDelete)), []byte{1})
	d := proto.NewDecoder(b)
	tr := New(Options{})
	txn := proto.Txn{TxnHeader: proto.TxnHeader{Zxid: 1, Type: proto.OpMulti}, Body: d.TxnBody(proto.OpMulti)}
	if code := tr.Apply(&txn, nil); code != proto.MarshallingError {
		t.Errorf("code %v", code)
	}
	if _, ok := tr.Lookup([]byte("/a")); ok || tr.LastZxid() != 1 {
		t.Errorf("/a there: %t; last zxid %s", ok, tr.LastZxid())
	}
}

// TestReapRounds checks that a round looks at every container once, in bounded steps, while some vanish.
func TestReapRounds(t *testing.T) {
	tr := New(Options{})
	const n = 3 * reapStep
	for i := range n {
		apply(t, tr, proto.TxnBody{Type: proto.OpCreateCont, Path: fmt.Appendf(nil, "/c%d", i), Version: int32(i + 2)})
	}
	for round := range 2 {
		seen := map[NodeID]bool{}
		var found []NodeID
		for calls, ends := 0, false; !ends; calls++ {
			if calls > n {
				t.Fatal("the round does not end")
			}
			found, ends = tr.ReapCandidates(1<<40, 1, 1000, found[:0])
			if len(found) > 1000 {
				t.Fatalf("%d candidates", len(found))
			}
			for _, c := range found {
				if seen[c] {
					t.Fatalf("%s again", tr.AppendPath(nil, c))
				}
				seen[c] = true
			}
			// The znode where the round goes on vanishes.
			if c := tr.owners.cursor; c != 0 && round == 0 {
				seen[c] = true
				apply(t, tr, proto.TxnBody{Type: proto.OpDeleteCont, Path: tr.AppendPath(nil, c)})
			}
		}
		if want := []int{n, tr.ContainerCount()}[round]; len(seen) != want {
			t.Errorf("round %d saw %d containers of %d", round, len(seen), want)
		}
	}
}

func apply(t testing.TB, tr *Tree, op proto.TxnBody) {
	t.Helper()
	h := proto.TxnHeader{Zxid: tr.LastZxid() + 1, Time: 1, Type: op.Type}
	if code := tr.Apply(&proto.Txn{TxnHeader: h, Body: op}, nil); code != proto.OK {
		t.Fatalf("%v %s: %v", op.Type, op.Path, code)
	}
}

// TestGate lets readers read through the gate while the owner writes; the race detector watches.
func TestGate(t *testing.T) {
	tr := New(Options{})
	g := NewGate(3)
	apply(t, tr, proto.TxnBody{Type: proto.OpCreate, Path: []byte("/a"), Data: []byte("0"), Version: 2})
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for i := range 3 {
		readers.Go(func() {
			var b []byte
			for {
				select {
				case <-stop:
					return
				default:
				}
				mu := g.Reader(i)
				mu.Lock()
				n, _ := tr.Lookup([]byte("/a"))
				st := tr.Stat(n)
				b = tr.AppendChildren(append(b[:0], tr.Data(n)...), n)
				if want := fmt.Sprint(st.Version); string(b[:st.DataLength]) != want {
					t.Errorf("data %q at version %s", b[:st.DataLength], want)
				}
				mu.Unlock()
			}
		})
	}
	for i := range 1000 {
		g.Lock()
		apply(t, tr, proto.TxnBody{Type: proto.OpSetData, Path: []byte("/a"), Data: fmt.Append(nil, i), Version: int32(i)})
		apply(t, tr, proto.TxnBody{Type: proto.OpCreate, Path: fmt.Appendf(nil, "/a/%d", i), Version: int32(i + 1)})
		g.Unlock()
	}
	close(stop)
	readers.Wait()
}
