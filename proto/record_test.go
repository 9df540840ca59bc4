package proto

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestNullDiffersFromEmpty(t *testing.T) {
	for _, v := range [][]byte{nil, {}, []byte("x")} {
		d := NewDecoder(AppendBuffer(nil, v))
		if got := d.Buffer(); (got == nil) != (v == nil) || !bytes.Equal(got, v) || d.Err() != nil {
			t.Errorf("buffer %#v becomes %#v, %v", v, got, d.Err())
		}
	}
	for _, v := range [][][]byte{nil, {}, {nil}, {{}}, {[]byte("x"), nil}} {
		d := NewDecoder(AppendStrings(nil, v))
		if got := d.Strings(); !cmp.Equal(got, v) || d.Err() != nil {
			t.Errorf("strings %#v become %#v, %v", v, got, d.Err())
		}
	}
	for _, v := range []ACLs{nil, NewACLs(), OpenACL} {
		d := NewDecoder(AppendACLs(nil, v))
		if got := d.ACLs(); !cmp.Equal(got, v) || d.Err() != nil {
			t.Errorf("acl %#v becomes %#v, %v", v, got, d.Err())
		}
	}
	for _, v := range []Identities{nil, NewIdentities(), NewIdentities(Identity{[]byte("ip"), nil}, Identity{nil, []byte{}})} {
		d := NewDecoder(AppendIdentities(nil, v))
		if got := d.Identities(); !cmp.Equal(got, v) || d.Err() != nil {
			t.Errorf("identities %#v become %#v, %v", v, got, d.Err())
		}
	}
}

// TestNegativeLengths: -1 is null, anything below is an error for a buffer and an empty vector.
func TestNegativeLengths(t *testing.T) {
	minusTwo := AppendInt32(nil, -2)
	d := NewDecoder(minusTwo)
	if d.Buffer(); !errors.Is(d.Err(), ErrMalformed) {
		t.Errorf("buffer of length -2: %v", d.Err())
	}
	d = NewDecoder(minusTwo)
	if v := d.Strings(); v == nil || len(v) != 0 || d.Err() != nil {
		t.Errorf("-2 strings: %v, %v", v, d.Err())
	}
	d = NewDecoder(minusTwo)
	if l := d.ACLs(); l == nil || l.Len() != 0 || d.Err() != nil {
		t.Errorf("-2 entries: %v, %v", l, d.Err())
	}
	d = NewDecoder(minusTwo)
	if l := d.Identities(); !cmp.Equal(l, NewIdentities()) || d.Err() != nil {
		t.Errorf("-2 identities: %v, %v", l, d.Err())
	}
}

// TestFirstErrorSticks: after an error, reading goes on harmlessly and the error stays.
func TestFirstErrorSticks(t *testing.T) {
	d := NewDecoder([]byte{0, 0, 0, 9, 1})
	d.Buffer()
	err := d.Err()
	if !errors.Is(err, ErrShort) || !errors.Is(err, ErrMalformed) {
		t.Fatalf("a buffer that ends early: %v", err)
	}
	if d.Int32() != 0 || d.Int64() != 0 || d.Bool() || d.Buffer() != nil || d.ACLs() != nil || d.Len() != 0 || len(d.Rest()) != 0 {
		t.Error("reads after the error return something")
	}
	if d.Err() != err {
		t.Errorf("the error became %v", d.Err())
	}
}

// TestAnnouncedLengths: what the sender merely announces is never allocated.
func TestAnnouncedLengths(t *testing.T) {
	huge := append(AppendInt32(nil, 0x7fffffff), make([]byte, 64)...)
	setWatches := append(make([]byte, 8), huge...)
	multi := append(AppendTxnHeader(nil, &TxnHeader{Type: OpMulti}), huge...)
	for name, decode := range map[string]func(){
		"buffer":     func() { d := NewDecoder(huge); d.Buffer() },
		"acl":        func() { d := NewDecoder(huge); d.ACLs() },
		"identities": func() { d := NewDecoder(huge); d.Identities() },
		"strings":    func() { d := NewDecoder(huge); d.Strings() },
		"setWatches": func() { d := NewDecoder(setWatches); d.SetWatches(OpSetWatches2) },
		"multi txn":  func() { _, _ = DecodeTxn(multi) },
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		decode()
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 64<<10 {
			t.Errorf("%s: %d bytes allocated", name, n)
		}
	}
}

// TestConnectWithoutReadOnly: old clients leave out the last byte, and get an answer without it.
func TestConnectWithoutReadOnly(t *testing.T) {
	with := AppendConnectRequest(nil, &ConnectRequest{Password: make([]byte, PasswordBytes), HasReadOnly: true})
	without := AppendConnectRequest(nil, &ConnectRequest{Password: make([]byte, PasswordBytes)})
	if len(with) != 45 || len(without) != 44 {
		t.Errorf("requests of %d and %d bytes", len(with), len(without))
	}
	d := NewDecoder(without)
	if r := d.ConnectRequest(); r.HasReadOnly || d.Err() != nil {
		t.Errorf("%+v, %v", r, d.Err())
	}
	with = AppendConnectResponse(nil, &ConnectResponse{Password: make([]byte, PasswordBytes), HasReadOnly: true})
	without = AppendConnectResponse(nil, &ConnectResponse{Password: make([]byte, PasswordBytes)})
	if len(with) != 37 || len(without) != 36 {
		t.Errorf("responses of %d and %d bytes", len(with), len(without))
	}
}

func TestFrames(t *testing.T) {
	b, at := BeginFrame([]byte("before"))
	b = EndFrame(append(b, "content"...), at)
	if want := "before\x00\x00\x00\x07content"; string(b) != want {
		t.Errorf("frame %q, want %q", b, want)
	}
	h := ReplyHeader{Xid: 7, Zxid: 8, Err: NoNode}
	reply := AppendReply(nil, h)
	PutReplyZxid(reply, 0, 9)
	d := NewDecoder(reply)
	if n, got := d.Int32(), d.ReplyHeader(); int(n) != d.Offset()-4 || got != (ReplyHeader{7, 9, NoNode}) || d.Err() != nil {
		t.Errorf("reply of %d bytes %+v, %v", n, got, d.Err())
	}
	// The example of the protocol's documentation: /a changed by transaction 0x13.
	got := AppendNotification(nil, 0x13, NodeDataChanged, []byte("/a"))
	if want := unhex(t, "0000001e ffffffff 0000000000000013 00000000 00000003 00000003 00000002 2f61"); !bytes.Equal(got, want) {
		t.Errorf("notification %x, want %x", got, want)
	}
}

func TestSetWatchesNullList(t *testing.T) {
	b := AppendSetWatches(nil, OpSetWatches, &SetWatches{Data: [][]byte{}, Exist: nil, Child: [][]byte{}})
	d := NewDecoder(b)
	if d.SetWatches(OpSetWatches); !errors.Is(d.Err(), ErrMalformed) {
		t.Errorf("a null list: %v", d.Err())
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{OpenACL.String(), "world:anyone:cdrwa"},
		{ReadACL.String(), "world:anyone:r"},
		{ACLs(nil).String(), "null"},
		{NewACLs().String(), "none"},
		{NewACLs(ACL{0, Identity{[]byte("ip"), []byte("::1")}}, ACL{33, Identity{[]byte("x509"), []byte("CN=a, O=b\n")}}).String(), `ip:::1:,x509:"CN=a, O=b\n":33`},
		{ACL{PermRead | PermWrite, Identity{nil, []byte{0xff}}}.String(), `<null>:"\xff":rw`},
		{Identities(nil).String(), "null"},
		{NewIdentities().String(), "none"},
		{NewIdentities(Identity{[]byte("digest"), []byte("me")}, Identity{[]byte("ip"), nil}).String(), "digest:me,ip:<null>"},
		{(&TxnBody{Type: OpDelete, Path: []byte("/a\nb\xff")}).String(), `delete "/a\nb\xff"`},
		{(&TxnBody{Type: OpDelete}).String(), "delete <null>"},
		{(&QuorumPacket{Type: PacketAck, Zxid: MakeZxid(2, 3)}).String(), "ACK 0x200000003 data=null"},
		{(&QuorumPacket{Type: 77, Zxid: -1, Data: []byte("abc")}).String(), "PACKET77 0xffffffffffffffff data=3"},
		{PeerState(9).String(), "STATE9"},
		{Op(55).String(), "op_55"},
		{Code(-99).Error(), "error -99"},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
	long := Txn{TxnHeader: TxnHeader{Type: OpSetData}, Body: TxnBody{Type: OpSetData, Path: []byte("/a"), Data: []byte("s3cret\n")}}
	if s := long.String(); strings.Contains(s, "s3cret") || strings.Contains(s, "\n") {
		t.Errorf("%q shows data or breaks the line", s)
	}
}

func TestZxid(t *testing.T) {
	for _, c := range []struct {
		z       Zxid
		epoch   Epoch
		counter uint32
		text    string
	}{
		{MakeZxid(0, 1), 0, 1, "0x1"},
		{MakeZxid(1, 0xffffffff), 1, 0xffffffff, "0x1ffffffff"},
		{-1, -1, 0xffffffff, "0xffffffffffffffff"},
		{MakeZxid(1<<31, 0), -1 << 31, 0, "0x8000000000000000"},
	} {
		if c.z.Epoch() != c.epoch || c.z.Counter() != c.counter || c.z.String() != c.text {
			t.Errorf("%v: epoch %d, counter %d", c.z, c.z.Epoch(), c.z.Counter())
		}
	}
}

var (
	drawBuffer = rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOfN(rapid.Byte(), 0, 9))
	drawACLs   = rapid.Custom(func(t *rapid.T) ACLs {
		if rapid.Bool().Draw(t, "null") {
			return nil
		}
		return NewACLs(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) ACL {
			return ACL{rapid.Int32().Draw(t, "perms"), drawIdentity.Draw(t, "id")}
		}), 0, 4).Draw(t, "entries")...)
	})
	drawIdentity = rapid.Custom(func(t *rapid.T) Identity {
		return Identity{drawBuffer.Draw(t, "scheme"), drawBuffer.Draw(t, "id")}
	})
)

// drawBody draws the body of a transaction of any type that stands alone in a multi.
var drawBody = rapid.Custom(func(t *rapid.T) TxnBody {
	b := TxnBody{Type: rapid.SampledFrom([]Op{
		OpCreate, OpCreate2, OpCreateCont, OpCreateTTL, OpDelete, OpDeleteCont, OpSetData, OpReconfig, OpSetACL, OpCheck, OpError, OpCreateSession,
	}).Draw(t, "type")}
	switch b.Type {
	case OpError:
		b.Err = Code(rapid.Int32().Draw(t, "code"))
		return b
	case OpCreateSession:
		b.Timeout = rapid.Int32().Draw(t, "timeout")
		return b
	}
	b.Path = drawBuffer.Draw(t, "path")
	if b.Type == OpDelete || b.Type == OpDeleteCont {
		return b
	}
	b.Version = rapid.Int32().Draw(t, "version")
	if b.Type == OpCheck {
		return b
	}
	if b.Type != OpSetData && b.Type != OpReconfig {
		b.ACL = drawACLs.Draw(t, "acl")
	}
	if b.Type != OpSetACL {
		b.Data = drawBuffer.Draw(t, "data")
	}
	if b.Type == OpCreate || b.Type == OpCreate2 {
		b.Ephemeral = rapid.Bool().Draw(t, "ephemeral")
	}
	if b.Type == OpCreateTTL {
		b.TTL = rapid.Int64().Draw(t, "ttl")
	}
	return b
})

func drawHeader(t *rapid.T, op Op) TxnHeader {
	return TxnHeader{
		Session: SessionID(rapid.Int64().Draw(t, "session")),
		Cxid:    rapid.Int32().Draw(t, "cxid"),
		Zxid:    Zxid(rapid.Int64().Draw(t, "zxid")),
		Time:    rapid.Int64().Draw(t, "time"),
		Type:    op,
	}
}

var compareTxns = cmp.AllowUnexported(TxnBody{})

// TestTxnRoundTrip: every transaction comes back as it was.
func TestTxnRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := drawBody.Filter(func(b TxnBody) bool { return b.Type != OpCheck }).Draw(t, "body")
		want := Txn{TxnHeader: drawHeader(t, body.Type), Body: body, HasDigest: rapid.Bool().Draw(t, "has digest")}
		if want.HasDigest {
			want.Digest = TxnDigest{DigestVersion, rapid.Uint64().Draw(t, "digest")}
		}
		encoded := AppendTxn(nil, &want)
		got, err := DecodeTxn(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, compareTxns); d != "" {
			t.Fatal(d)
		}
		if path := TxnPath(encoded); body.Type != OpReconfig && !bytes.Equal(path, body.Path) {
			t.Fatalf("the path is %q and not %q", path, body.Path)
		}
	})
}

// TestMultiTxnRoundTrip: a multi yields the operations it was made of, and a closeSession its paths.
func TestMultiTxnRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(drawBody.Filter(func(b TxnBody) bool { return b.Type != OpCreateSession }), 0, 5).Draw(t, "operations")
		b := AppendTxnHeader(nil, &TxnHeader{Type: OpMulti})
		b = BeginMultiTxn(b, len(want))
		for i := range want {
			b = AppendSubTxn(b, &want[i])
		}
		txn, err := DecodeTxn(AppendTxnDigest(b, TxnDigest{DigestVersion, 7}))
		if err != nil || !txn.HasDigest {
			t.Fatal(txn.HasDigest, err)
		}
		i := 0
		for sub, err := range txn.Body.Subs() {
			if d := cmp.Diff(want[i], sub, compareTxns); err != nil || d != "" {
				t.Fatal(err, d)
			}
			i++
		}
		if i != len(want) {
			t.Fatalf("%d operations of %d", i, len(want))
		}

		paths := rapid.SliceOfN(rapid.StringMatching(`(/[a-z]{1,3}){1,3}`), 0, 4).Draw(t, "paths")
		v := make([][]byte, 0, len(paths))
		for _, p := range paths {
			v = append(v, []byte(p))
		}
		b = AppendStrings(AppendTxnHeader(nil, &TxnHeader{Type: OpCloseSession}), v)
		if rapid.Bool().Draw(t, "digest") {
			b = AppendTxnDigest(b, TxnDigest{DigestVersion, rapid.Uint64().Draw(t, "value")})
		}
		txn, err = DecodeTxn(b)
		if err != nil || !txn.Body.HasClosePaths() {
			t.Fatal(err)
		}
		var got []string
		for p := range txn.Body.ClosePaths() {
			got = append(got, string(p))
		}
		if strings.Join(got, " ") != strings.Join(paths, " ") {
			t.Fatalf("paths %q, want %q", got, paths)
		}
	})
}

func TestOldTxns(t *testing.T) {
	// ZooKeeper 3.3 wrote creates without the parent's cversion.
	create := Txn{TxnHeader: TxnHeader{Type: OpCreate}, Body: TxnBody{Type: OpCreate, Path: []byte("/a"), ACL: OpenACL, Version: 5}}
	b := AppendTxn(nil, &create)
	txn, err := DecodeTxn(b[:len(b)-4])
	if err != nil || txn.Body.Version != ParentCversionUnknown || txn.HasDigest {
		t.Errorf("create of 3.3: %v, %v", &txn, err)
	}
	// Before 3.6 a closeSession had no body.
	txn, err = DecodeTxn(AppendTxnHeader(nil, &TxnHeader{Type: OpCloseSession}))
	if err != nil || txn.Body.HasClosePaths() || txn.HasDigest {
		t.Errorf("closeSession of 3.5: %v, %v", &txn, err)
	}
	// Bytes that are too few for a digest are ignored.
	if txn, err = DecodeTxn(append(b, 1, 2, 3)); err != nil || txn.HasDigest || txn.Body.Version != 5 {
		t.Errorf("three bytes too many: %v, %v", &txn, err)
	}
}

func TestBadTxns(t *testing.T) {
	header := func(op Op) []byte { return AppendTxnHeader(nil, &TxnHeader{Type: op}) }
	nested := AppendInt32(BeginMultiTxn(header(OpMulti), 1), int32(OpMulti))
	nested = AppendBuffer(nested, AppendInt32(nil, 0))
	for name, b := range map[string][]byte{
		"unknown type": header(99),
		"check":        AppendPathVersion(header(OpCheck), PathVersion{Path: []byte("/a")}),
		"no header":    nil,
		"no body":      header(OpSetData),
		"null multi":   AppendInt32(header(OpMulti), -1),
	} {
		if _, err := DecodeTxn(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	txn, err := DecodeTxn(nested)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range txn.Body.Subs() {
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("a multi inside a multi: %v", err)
		}
	}
}
