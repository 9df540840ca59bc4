package apache

import (
	"bytes"
	"context"
	"fmt"
	"hash"
	"hash/adler32"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"pgregory.net/rapid"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

// fake is an Apache server: it orders and logs random transactions, and writes snapshots while it goes on.
type fake struct {
	State
	dir  string
	log  []byte     // of the current file
	name proto.Zxid // of the current file
	time int64
}

func newFake(dir string) *fake {
	f := &fake{dir: dir, State: State{Tree: tree.New(extended), Sessions: map[proto.SessionID]int32{}}}
	f.write(snapshotName(0, Plain), f.snapshot(nil))
	return f
}

func (f *fake) write(name string, content []byte) {
	if err := os.WriteFile(filepath.Join(f.dir, name), content, 0o644); err != nil {
		panic(err)
	}
}

func logHeader() []byte {
	return proto.AppendInt64(proto.AppendInt32(proto.AppendInt32(nil, logMagic), fileVersion), 0)
}

func appendLogRecord(b []byte, txn *proto.Txn) []byte {
	raw := proto.AppendTxn(nil, txn)
	b = proto.AppendInt64(b, int64(adler32.Checksum(raw)))
	return append(proto.AppendBuffer(b, raw), recordEnd)
}

// do orders, applies and logs a transaction.
func (f *fake) do(session proto.SessionID, body proto.TxnBody) {
	f.Zxid++
	f.time += 7
	txn := proto.Txn{TxnHeader: proto.TxnHeader{Session: session, Zxid: f.Zxid, Time: f.time, Type: body.Type}, Body: body}
	f.Tree.Apply(&txn, nil)
	txn.HasDigest, txn.Digest = true, proto.TxnDigest{Version: proto.DigestVersion, Digest: f.Tree.Digest()}
	switch body.Type {
	case proto.OpError:
		txn.HasDigest = false
	case proto.OpCreateSession:
		f.Sessions[session] = body.Timeout
	case proto.OpCloseSession:
		delete(f.Sessions, session)
	}
	if f.log == nil {
		f.log, f.name = logHeader(), f.Zxid
	}
	f.log = appendLogRecord(f.log, &txn)
}

// logName is the name of the current log file.
func (f *fake) logName() string { return logPrefix + "." + strconv.FormatInt(int64(f.name), 16) }

// roll writes the current log file and begins another. Padding is what stands behind the records.
func (f *fake) roll(padding int) {
	if f.log != nil {
		f.write(f.logName(), append(f.log, make([]byte, padding)...))
		f.log = nil
	}
}

// snapshot makes a snapshot as Apache does; meanwhile is called between znodes and may go on with
// transactions.
func (f *fake) snapshot(meanwhile func()) []byte {
	if meanwhile == nil {
		meanwhile = func() {}
	}
	var out bytes.Buffer
	w := &snapshotWriter{w: &out, sum: adler32.New(), tree: f.Tree}
	b := proto.AppendInt64(proto.AppendInt32(proto.AppendInt32(nil, snapshotMagic), fileVersion), snapshotDBID)
	b = proto.AppendInt32(b, int32(len(f.Sessions)))
	for id, timeout := range f.Sessions {
		b = proto.AppendSessionTimeout(b, proto.SessionTimeout{Session: id, Timeout: timeout})
	}
	meanwhile()
	lists := map[tree.ACLID]proto.ACLs{}
	_ = w.walk(func(_ []byte, n tree.NodeID) error {
		if id := f.Tree.ACLID(n); id != tree.OpenACLID {
			lists[id] = f.Tree.ACLByID(id)
		}
		return nil
	})
	b = proto.AppendInt32(b, int32(len(lists)))
	for _, id := range slices.Sorted(maps.Keys(lists)) {
		b = proto.AppendSnapshotACL(b, proto.SnapshotACL{Key: int64(id), ACL: lists[id]})
	}
	w.buf = b
	f.fuzzyWalk(w, "", meanwhile)
	w.buf = proto.AppendSnapshotEnd(w.buf)
	_ = w.seal()
	w.buf = proto.AppendTxnDigest(proto.AppendInt64(w.buf, int64(f.Zxid)), proto.TxnDigest{Version: proto.DigestVersion, Digest: f.Tree.Digest()})
	_ = w.seal()
	w.buf = proto.AppendInt64(w.buf, int64(f.Zxid))
	_ = w.seal()
	return out.Bytes()
}

func (f *fake) fuzzyWalk(w *snapshotWriter, path string, meanwhile func()) {
	n, ok := f.Tree.Lookup([]byte(path))
	if !ok {
		return
	}
	_ = w.node([]byte(path), n)
	var names []string
	for name := range f.Tree.Children(n) {
		names = append(names, string(name))
	}
	for _, name := range names {
		meanwhile()
		f.fuzzyWalk(w, path+"/"+name, meanwhile)
	}
}

// step does something random.
func (f *fake) step(rt *rapid.T) {
	session := proto.SessionID(rapid.SampledFrom([]int64{0x100000000000001, 0x100000000000002, -0x7a00000000000005}).Draw(rt, "session"))
	switch k := rapid.IntRange(0, 11).Draw(rt, "step"); {
	case k == 0:
		f.do(session, proto.TxnBody{Type: proto.OpError, Err: proto.NoNode})
	case k == 1:
		f.closeSession(session)
	case f.Sessions[session] == 0:
		f.do(session, proto.TxnBody{Type: proto.OpCreateSession, Timeout: 4000 + int32(k)})
	case k == 2:
		b := proto.BeginMultiTxn(nil, 2)
		set, failed := proto.TxnBody{Type: proto.OpSetData, Path: []byte("/zookeeper"), Version: 3}, proto.TxnBody{Type: proto.OpError, Err: proto.BadVersion}
		d := proto.NewDecoder(proto.AppendSubTxn(proto.AppendSubTxn(b, &set), &failed))
		f.do(session, d.TxnBody(proto.OpMulti))
	case k == 3:
		first := f.op(rt)
		second := proto.TxnBody{Type: proto.OpCheck, Path: []byte("/"), Version: -1}
		d := proto.NewDecoder(proto.AppendSubTxn(proto.AppendSubTxn(proto.BeginMultiTxn(nil, 2), &second), &first))
		f.do(session, d.TxnBody(proto.OpMulti))
	default:
		f.do(session, f.op(rt))
	}
}

// closeSession names the ephemerals, as servers do since 3.6. Without the names a log cannot bring the pzxid
// of their parents up to date in a snapshot that lacks them already.
func (f *fake) closeSession(session proto.SessionID) {
	if f.Sessions[session] == 0 {
		f.do(session, proto.TxnBody{Type: proto.OpError, Err: proto.SessionExpired})
		return
	}
	paths := [][]byte{}
	for n := range f.Tree.Ephemerals(session) {
		paths = append(paths, f.Tree.AppendPath(nil, n))
	}
	d := proto.NewDecoder(proto.AppendStrings(nil, paths))
	f.do(session, d.TxnBody(proto.OpCloseSession))
}

var fakeLists = []proto.ACLs{
	proto.OpenACL, proto.ReadACL,
	proto.NewACLs(proto.ACL{Perms: 3, Identity: proto.Identity{Scheme: []byte("digest"), ID: []byte("u:x")}}),
	proto.NewACLs(proto.ACL{Perms: 3, Identity: proto.Identity{Scheme: []byte("ip"), ID: []byte("10.0.0.1")}}),
}

// op draws an operation that succeeds.
func (f *fake) op(rt *rapid.T) proto.TxnBody {
	path := "/" + rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "name")
	for rapid.Bool().Draw(rt, "deeper") && len(path) < 7 {
		if n, ok := f.Tree.Lookup([]byte(path)); !ok || f.Tree.OwnerKind(f.Tree.Meta(n).Owner) == tree.OwnerSession {
			break
		}
		path += "/" + rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "name")
	}
	acl := fakeLists[rapid.IntRange(0, 3).Draw(rt, "acl")]
	data := [][]byte{nil, {}, []byte("x"), bytes.Repeat([]byte("long"), 300)}[rapid.IntRange(0, 3).Draw(rt, "data")]
	parent, _ := proto.SplitPath([]byte(path))
	n, exists := f.Tree.Lookup([]byte(path))
	if !exists {
		p, _ := f.Tree.Lookup(parent)
		kind := rapid.SampledFrom([]proto.Op{proto.OpCreate, proto.OpCreate2, proto.OpCreateCont, proto.OpCreateTTL}).Draw(rt, "kind")
		b := proto.TxnBody{Type: kind, Path: []byte(path), Data: data, ACL: acl, Version: f.Tree.Meta(p).RawCversion + 1}
		if kind == proto.OpCreateTTL {
			b.TTL = 5
		} else if kind != proto.OpCreateCont {
			b.Ephemeral = rapid.Bool().Draw(rt, "ephemeral")
		}
		return b
	}
	m := f.Tree.Meta(n)
	switch k := rapid.IntRange(0, 3).Draw(rt, "change"); {
	case k <= 1 && m.NumChildren == 0:
		return proto.TxnBody{Type: proto.OpDelete, Path: []byte(path)}
	case k == 2:
		return proto.TxnBody{Type: proto.OpSetData, Path: []byte(path), Data: data, Version: m.Version + 1}
	}
	// Not in a multi of Apache's, but its logs may have what they like.
	return proto.TxnBody{Type: proto.OpSetACL, Path: []byte(path), ACL: acl, Version: m.Aversion + 1}
}

// plainly does n transactions that do not depend on chance: of each, a znode is left.
func (f *fake) plainly(n int) {
	for range n {
		root, _ := f.Tree.Lookup(nil)
		f.do(1, proto.TxnBody{Type: proto.OpCreate, Path: fmt.Appendf(nil, "/n%x", int64(f.Zxid+1)), Data: []byte("data"),
			Version: f.Tree.Meta(root).RawCversion + 1})
	}
}

func importDir(t rapid.TB, dir string) *State {
	t.Helper()
	s, err := Import(context.Background(), Dirs{Data: dir}, Options{Tree: extended})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newAdler is the checksum of b.
func newAdler(b []byte) hash.Hash32 {
	h := adler32.New()
	_, _ = h.Write(b)
	return h
}
