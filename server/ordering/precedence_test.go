package ordering

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"gamekeeper/proto"
)

var (
	onlyOne  = proto.NewACLs(proto.ACL{Perms: proto.PermAll, Identity: userOne})
	notWrite = proto.NewACLs(proto.ACL{Perms: proto.PermAll &^ proto.PermWrite, Identity: proto.Identity{Scheme: []byte("world"), ID: []byte("anyone")}})
	badACL   = proto.NewACLs(proto.ACL{Perms: 1, Identity: proto.Identity{Scheme: []byte("nope"), ID: []byte("x")}})
)

// furnished returns a tree with the znodes that the cases below are about, in the tree or in flight.
func furnished(t *testing.T, opts Options, inFlight bool) *bench {
	t.Helper()
	b := newBench(t, opts)
	must := func(session proto.SessionID, op proto.Op, body []byte) {
		t.Helper()
		txn, code := b.send(&Request{Session: session, Op: op, Body: body, Time: 1000, Identities: identities(session)})
		if code != proto.OK || failed(txn) {
			t.Fatalf("%s: %s %s", op, code, describe(txn))
		}
	}
	create := func(session proto.SessionID, path string, acl proto.ACLs, mode proto.CreateMode) {
		t.Helper()
		must(session, proto.OpCreate, createBody(proto.OpCreate, path, []byte("0123456789"), acl, mode, -1))
	}
	create(1, "/open", proto.OpenACL, proto.Persistent)
	create(1, "/open/child", proto.OpenACL, proto.Persistent)
	create(1, "/locked", proto.OpenACL, proto.Persistent)
	create(1, "/locked/child", proto.OpenACL, proto.Persistent)
	must(1, proto.OpSetACL, setACL("/locked", onlyOne, -1))
	create(1, "/fixed", notWrite, proto.Persistent)
	create(1, "/ephemeral", proto.OpenACL, proto.Ephemeral)
	must(1, proto.OpCreateCont, createBody(proto.OpCreateCont, "/container", nil, proto.OpenACL, proto.Container, -1))
	create(1, "/full", proto.OpenACL, proto.Persistent)
	for _, p := range []string{"/zookeeper/quota/full", "/zookeeper/quota/full/zookeeper_limits", "/zookeeper/quota/full/zookeeper_stats"} {
		must(1, proto.OpCreate, createBody(proto.OpCreate, p, []byte("count=-1,bytes=-1=;byteHardLimit=10;countHardLimit=1"), proto.OpenACL, 0, -1))
	}
	if !inFlight || opts.EnforceQuota { // quotas look at the tree
		if err := b.apply(len(b.queue)); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// TestPrecedence has one row for each step of the checks that a write passes: a request that fails at this
// step and at later ones, too, where it can.
func TestPrecedence(t *testing.T) {
	create := func(path string, acl proto.ACLs, mode proto.CreateMode) []byte {
		return createBody(proto.OpCreate, path, []byte("x"), acl, mode, -1)
	}
	ttl := func(path string, mode proto.CreateMode, ttl int64) []byte {
		return createBody(proto.OpCreateTTL, path, nil, nil, mode, ttl)
	}
	var plain, extended, quotas Options
	extended.ExtendedTypes, quotas.EnforceQuota = true, true
	for _, c := range []struct {
		name string
		opts Options
		op   proto.Op
		body []byte
		want proto.Code
	}{
		{"create: mode", plain, proto.OpCreate, create("nope", nil, 7), proto.BadArguments},
		{"create: negative mode", plain, proto.OpCreate, create("/x", proto.OpenACL, -1), proto.BadArguments},
		{"create: TTL mode, not enabled", plain, proto.OpCreate, create("nope", nil, proto.PersistentTTL), proto.Unimplemented},
		{"create: TTL mode without TTL", extended, proto.OpCreate, create("nope", nil, proto.PersistentTTL), proto.BadArguments},
		{"createTTL: not enabled", plain, proto.OpCreateTTL, ttl("nope", proto.PersistentTTL, 0), proto.Unimplemented},
		{"createTTL: too short", extended, proto.OpCreateTTL, ttl("nope", proto.PersistentTTL, 0), proto.BadArguments},
		{"createTTL: too long", extended, proto.OpCreateTTL, ttl("/x", proto.PersistentTTL, 0x10000000000), proto.BadArguments},
		{"createTTL: TTL with another mode", extended, proto.OpCreateTTL, ttl("/x", proto.Persistent, 5), proto.BadArguments},
		{"createTTL: longest, then ACL", extended, proto.OpCreateTTL, ttl("/x", proto.PersistentTTL, 0xffffffffff), proto.InvalidACL},
		{"create: null path", plain, proto.OpCreate, create(null, nil, 0), proto.MarshallingError},
		{"create: no slash", plain, proto.OpCreate, create("nope", nil, 0), proto.BadArguments},
		{"create: empty path", plain, proto.OpCreate, create("", nil, 0), proto.BadArguments},
		{"create: NUL", plain, proto.OpCreate, create("/missing/\x00", nil, 0), proto.BadArguments},
		{"create: null ACL", plain, proto.OpCreate, create("/missing/x", nil, 0), proto.InvalidACL},
		{"create: bad ACL", plain, proto.OpCreate, create("/missing/x", badACL, 0), proto.InvalidACL},
		{"create: no parent", plain, proto.OpCreate, create("/missing/x/", proto.OpenACL, 0), proto.NoNode},
		{"create: relative", plain, proto.OpCreate, create("x/y", proto.OpenACL, 0), proto.NoNode},
		{"create: no permission", plain, proto.OpCreate, create("/locked/..", proto.OpenACL, 0), proto.NoAuth},
		{"create: no permission, exists", plain, proto.OpCreate, create("/locked/child", proto.OpenACL, 0), proto.NoAuth},
		{"create: malformed", plain, proto.OpCreate, create("/open/.", proto.OpenACL, 0), proto.BadArguments},
		{"create: trailing slash", plain, proto.OpCreate, create("/ephemeral/", proto.OpenACL, 0), proto.BadArguments},
		{"create: control character", plain, proto.OpCreate, create("/open/\x01", proto.OpenACL, 0), proto.BadArguments},
		{"create: sequential may end in a slash", plain, proto.OpCreate, create("/open/", proto.OpenACL, proto.PersistentSequential), proto.OK},
		{"create: exists", plain, proto.OpCreate, create("/open/child", proto.OpenACL, 0), proto.NodeExists},
		{"create: root", plain, proto.OpCreate, create("/", proto.OpenACL, 0), proto.NodeExists},
		{"create: below an ephemeral", plain, proto.OpCreate, create("/ephemeral/x", proto.OpenACL, 0), proto.NoChildrenForEphemerals},
		{"create: below a container", plain, proto.OpCreate, create("/container/x", proto.OpenACL, proto.Ephemeral), proto.OK},
		{"create: quota", quotas, proto.OpCreate, create("/full/x", proto.OpenACL, 0), proto.QuotaExceeded},
		{"create: quota not enforced", plain, proto.OpCreate, create("/full/x", proto.OpenACL, 0), proto.OK},
		{"create: container mode is ignored", plain, proto.OpCreate, create("/x", proto.OpenACL, proto.Container), proto.OK},

		{"delete: null path", plain, proto.OpDelete, pathVersion(null, 7), proto.MarshallingError},
		{"delete: no slash", plain, proto.OpDelete, pathVersion("nope", 7), proto.BadArguments},
		{"delete: NUL", plain, proto.OpDelete, pathVersion("/open\x00", 7), proto.BadArguments},
		{"delete: root", plain, proto.OpDelete, pathVersion("/", 7), proto.BadArguments},
		{"delete: reserved", plain, proto.OpDelete, pathVersion("/zookeeper/config", 7), proto.BadArguments},
		{"delete: no parent", plain, proto.OpDelete, pathVersion("/missing/x", 7), proto.NoNode},
		{"delete: no permission", plain, proto.OpDelete, pathVersion("/locked/missing", 7), proto.NoAuth},
		{"delete: no node", plain, proto.OpDelete, pathVersion("/missing", 7), proto.NoNode},
		{"delete: malformed is no node", plain, proto.OpDelete, pathVersion("/open/..", 7), proto.NoNode},
		{"delete: version", plain, proto.OpDelete, pathVersion("/open", 7), proto.BadVersion},
		{"delete: children", plain, proto.OpDelete, pathVersion("/open", 0), proto.NotEmpty},
		{"delete: its own ACL does not count", plain, proto.OpDelete, pathVersion("/fixed", 0), proto.OK},

		{"setData: null path", plain, proto.OpSetData, setData(null, nil, 7), proto.BadArguments},
		{"setData: malformed", plain, proto.OpSetData, setData("/open/", nil, 7), proto.BadArguments},
		{"setData: empty", plain, proto.OpSetData, setData("", nil, 7), proto.BadArguments},
		{"setData: no node", plain, proto.OpSetData, setData("/missing", nil, 7), proto.NoNode},
		{"setData: no permission", plain, proto.OpSetData, setData("/fixed", nil, 7), proto.NoAuth},
		{"setData: quota", quotas, proto.OpSetData, setData("/full", make([]byte, 11), 7), proto.QuotaExceeded},
		{"setData: quota, no growth", quotas, proto.OpSetData, setData("/full", make([]byte, 10), 0), proto.OK},
		{"setData: version", plain, proto.OpSetData, setData("/open", nil, 7), proto.BadVersion},
		{"setData: root", plain, proto.OpSetData, setData("/", nil, 0), proto.OK},

		{"setACL: null path", plain, proto.OpSetACL, setACL(null, nil, 7), proto.BadArguments},
		{"setACL: malformed", plain, proto.OpSetACL, setACL("/open//x", nil, 7), proto.BadArguments},
		{"setACL: null ACL", plain, proto.OpSetACL, setACL("/missing", nil, 7), proto.InvalidACL},
		{"setACL: bad ACL", plain, proto.OpSetACL, setACL("/missing", badACL, 7), proto.InvalidACL},
		{"setACL: no node", plain, proto.OpSetACL, setACL("/missing", proto.OpenACL, 7), proto.NoNode},
		{"setACL: no permission", plain, proto.OpSetACL, setACL("/locked", proto.OpenACL, 7), proto.NoAuth},
		{"setACL: version", plain, proto.OpSetACL, setACL("/open", proto.OpenACL, 7), proto.BadVersion},
		{"setACL: version of the config", plain, proto.OpSetACL, setACL("/zookeeper/config", proto.OpenACL, -1), proto.NoAuth},

		{"deleteContainer: no node", plain, proto.OpDeleteCont, proto.AppendString(nil, "/missing"), proto.NoNode},
		{"deleteContainer: children", plain, proto.OpDeleteCont, proto.AppendString(nil, "/open"), proto.NotEmpty},
		{"deleteContainer: ephemeral", plain, proto.OpDeleteCont, proto.AppendString(nil, "/ephemeral"), proto.BadVersion},
		{"deleteContainer: persistent by now", plain, proto.OpDeleteCont, proto.AppendString(nil, "/open/child"), proto.BadVersion},
		{"deleteContainer", plain, proto.OpDeleteCont, proto.AppendString(nil, "/container"), proto.OK},

		{"reconfig", plain, proto.OpReconfig, nil, proto.ReconfigDisabled},
	} {
		for _, inFlight := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, in flight %v", c.name, inFlight), func(t *testing.T) {
				b := furnished(t, c.opts, inFlight)
				zxid, before := b.order.LastZxid(), b.order.image()
				encoded, code := b.send(&Request{Session: 3, Op: c.op, Body: c.body, Time: 2000, Identities: identities(3)})
				if code != proto.OK {
					t.Fatalf("no transaction: %s", code)
				}
				txn, err := proto.DecodeTxn(encoded)
				if err != nil {
					t.Fatal(err)
				}
				if txn.Zxid != zxid+1 || txn.Session != 3 || txn.Time != 2000 {
					t.Errorf("header is %+v", txn.TxnHeader)
				}
				if txn.Body.Err != c.want {
					t.Fatalf("code %s, want %s", txn.Body.Err, c.want)
				}
				if (txn.Type == proto.OpError) != (c.want != proto.OK) {
					t.Errorf("type %s", txn.Type)
				}
				if c.want != proto.OK && b.order.image() != before {
					t.Error("a refused write left traces")
				}
				if err := b.apply(len(b.queue)); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestMalformed sends bodies that are no records: there is no transaction and no zxid is used, but for a
// multi.
func TestMalformed(t *testing.T) {
	for _, op := range []proto.Op{
		proto.OpCreate, proto.OpCreate2, proto.OpCreateCont, proto.OpCreateTTL, proto.OpDelete, proto.OpSetData,
		proto.OpSetACL, proto.OpDeleteCont, proto.OpCreateSession,
	} {
		b := newBench(t, Options{})
		if txn, code := b.send(&Request{Op: op, Body: []byte{0, 0}}); code != proto.MarshallingError || txn != nil {
			t.Errorf("%s: %s %s", op, code, describe(txn))
		}
		if b.order.LastZxid() != 0 {
			t.Errorf("%s: a zxid is used", op)
		}
	}
}

// multiCase is a multi, sent by session 3 to the furnished tree.
type multiCase struct {
	name string
	subs []sub
	want []proto.Code // nil: the whole is malformed
	ops  []proto.Op   // types of the operations, where they are not those asked for
}

func multiCases() []multiCase {
	create := func(op proto.Op, path string, mode proto.CreateMode) sub {
		return sub{op, createBody(op, path, nil, proto.OpenACL, mode, -1)}
	}
	withACL := func(op proto.Op, acl proto.ACLs) sub {
		return sub{op, createBody(op, "/x", nil, acl, 0, -1)}
	}
	del := func(path string, version int32) sub { return sub{proto.OpDelete, pathVersion(path, version)} }
	set := func(path string, version int32) sub { return sub{proto.OpSetData, setData(path, []byte("x"), version)} }
	check := func(path string, version int32) sub { return sub{proto.OpCheck, pathVersion(path, version)} }
	const ok, behind = proto.OK, proto.RuntimeInconsistency
	return []multiCase{
		{"empty", []sub{}, []proto.Code{}, nil},
		{"later ones see earlier ones",
			[]sub{create(1, "/x", 0), create(1, "/x/y", 0), set("/x/y", 0), set("/x/y", 1), check("/x/y", 2), del("/x/y", 2), del("/x", 0)},
			make([]proto.Code, 7), nil},
		{"delete and create again", []sub{del("/open/child", 0), del("/open", 0), create(1, "/open", 0), set("/open", 0)}, make([]proto.Code, 4), nil},
		{"first fails", []sub{del("/missing", -1), create(1, "/x", 0)}, []proto.Code{proto.NoNode, behind}, nil},
		{"middle fails", []sub{create(1, "/x", 0), set("/x", 5), set("/x", 0)}, []proto.Code{ok, proto.BadVersion, behind}, nil},
		{"last fails", []sub{create(1, "/x", 0), del("/open", -1)}, []proto.Code{ok, proto.NotEmpty}, nil},
		{"checks", []sub{check("/open", 0), check("/open", -1), check("/open/", 0)}, []proto.Code{ok, ok, proto.BadArguments}, nil},
		{"check: no node", []sub{check("/missing", 0)}, []proto.Code{proto.NoNode}, nil},
		{"check: no permission", []sub{check("/locked", 9)}, []proto.Code{proto.NoAuth}, nil},
		{"check: version", []sub{check("/open", 9)}, []proto.Code{proto.BadVersion}, nil},
		{"container mode makes containers", []sub{create(1, "/x", 4), create(15, "/y", 4), create(19, "/z", 0)},
			make([]proto.Code, 3), []proto.Op{19, 19, 19}},
		{"createTTL without TTL mode", []sub{create(21, "/x", 0), create(21, "/y", 4), create(21, "/z", 1)},
			make([]proto.Code, 3), []proto.Op{1, 19, 1}},
		{"createTTL: not enabled", []sub{create(21, "/x", 5)}, []proto.Code{proto.Unimplemented}, nil},
		{"createTTL: unknown mode", []sub{create(21, "/x", 9)}, []proto.Code{proto.BadArguments}, nil},
		{"createTTL: null ACL", []sub{withACL(21, nil)}, []proto.Code{proto.InvalidACL}, nil},
		{"empty ACL", []sub{withACL(1, proto.NewACLs())}, []proto.Code{proto.InvalidACL}, nil},
		{"null ACL", []sub{withACL(1, nil)}, nil, nil},
		{"unknown mode", []sub{create(1, "/x", 0), create(1, "/y", 7)}, nil, nil},
		{"TTL mode", []sub{create(1, "/x", 5)}, nil, nil},
		{"null path", []sub{create(1, "/x", 0), del(null, 0)}, nil, nil},
		{"setACL", []sub{{proto.OpSetACL, setACL("/open", proto.OpenACL, 0)}}, nil, nil},
		{"read", []sub{{proto.OpGetData, proto.AppendPathWatch(nil, proto.PathWatch{Path: []byte("/open")})}}, nil, nil},
		{"deleteContainer", []sub{{proto.OpDeleteCont, proto.AppendString(nil, "/container")}}, nil, nil},
		{"multi in a multi", []sub{{proto.OpMulti, multiBody()}}, nil, nil},
		{"closeSession", []sub{{proto.OpCloseSession, nil}}, nil, nil},
		{"cut off", []sub{{proto.OpDelete, []byte{0, 0, 0, 9}}}, nil, nil},
	}
}

func TestMulti(t *testing.T) {
	for _, c := range multiCases() {
		for _, inFlight := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, in flight %v", c.name, inFlight), func(t *testing.T) {
				b := furnished(t, Options{}, inFlight)
				zxid, before := b.order.LastZxid(), b.order.image()
				encoded, code := b.send(&Request{Session: 3, Op: proto.OpMulti, Body: multiBody(c.subs...), Identities: identities(3)})
				txn, err := proto.DecodeTxn(encoded)
				if err != nil || code != proto.OK || txn.Zxid != zxid+1 {
					t.Fatalf("%v %s %s", err, code, txn.Zxid)
				}
				if failed(encoded) && b.order.image() != before {
					t.Error("a failed multi left traces")
				}
				checkResults(t, c, &txn)
				if err := b.apply(len(b.queue)); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func checkResults(t *testing.T, c multiCase, txn *proto.Txn) {
	t.Helper()
	if c.want == nil {
		if txn.Type != proto.OpError || txn.Body.Err != proto.MarshallingError {
			t.Fatalf("got %+v, want a marshalling error", txn)
		}
		return
	}
	codes := []proto.Code{}
	for s, err := range txn.Body.Subs() {
		if err != nil {
			t.Fatal(err)
		}
		if i := len(codes); c.ops != nil && s.Type != c.ops[i] {
			t.Errorf("operation %d is of type %s, want %s", i, s.Type, c.ops[i])
		}
		codes = append(codes, s.Err)
	}
	if !slices.Equal(codes, c.want) {
		t.Errorf("codes %v, want %v", codes, c.want)
	}
}

func TestSequentialNames(t *testing.T) {
	b := newBench(t, Options{})
	name := func(path string) string {
		t.Helper()
		encoded, _ := b.send(&Request{Session: 1, Op: proto.OpCreate, Body: createBody(proto.OpCreate, path, nil, proto.OpenACL, proto.PersistentSequential, -1)})
		txn, err := proto.DecodeTxn(encoded)
		if err != nil || txn.Type != proto.OpCreate {
			t.Fatalf("%s: %s (%v)", path, describe(encoded), err)
		}
		return string(txn.Body.Path)
	}
	if got := name("/a-"); got != "/a-0000000000" {
		t.Error(got)
	}
	sequential := sub{proto.OpCreate, createBody(proto.OpCreate, "/m-", nil, proto.OpenACL, proto.PersistentSequential, -1)}
	failing := sub{proto.OpDelete, pathVersion("/missing", -1)}
	b.send(&Request{Session: 1, Op: proto.OpMulti, Body: multiBody(sequential, sequential, failing)})
	if got := name("/"); got != "/0000000001" {
		t.Errorf("after a failed multi: %s", got)
	}
	encoded, _ := b.send(&Request{Session: 1, Op: proto.OpMulti, Body: multiBody(sequential, sequential)})
	txn, err := proto.DecodeTxn(encoded)
	if err != nil {
		t.Fatal(err)
	}
	var got [][]byte
	for s := range txn.Body.Subs() {
		got = append(got, s.Path)
	}
	if want := "/m-0000000002 /m-0000000003"; string(bytes.Join(got, []byte(" "))) != want {
		t.Errorf("%q", got)
	}
	if err := b.apply(len(b.queue)); err != nil {
		t.Error(err)
	}
}

// TestCounterAtItsEnd creates children where the counter of names is at its largest: it stays there, as the
// tree's does, and the digest is right.
func TestCounterAtItsEnd(t *testing.T) {
	b := newBench(t, Options{})
	b.send(&Request{Session: 1, Op: proto.OpCreate, Body: createBody(proto.OpCreate, "/p", nil, proto.OpenACL, 0, -1)})
	if err := b.apply(1); err != nil {
		t.Fatal(err)
	}
	created := proto.Txn{
		TxnHeader: proto.TxnHeader{Zxid: 2, Type: proto.OpCreate},
		Body:      proto.TxnBody{Type: proto.OpCreate, Path: []byte("/p/x"), ACL: proto.OpenACL, Version: 1<<31 - 1},
	}
	b.tree.Apply(&created, nil)
	b.plain.Apply(&created, nil)
	registry := b.order.Auth
	b.order = New(Options{Tree: b.tree, Auth: registry})
	body := createBody(proto.OpCreate, "/p/", nil, proto.OpenACL, proto.PersistentSequential, -1)
	var codes []proto.Code
	for range 2 {
		encoded, _ := b.send(&Request{Session: 1, Op: proto.OpCreate, Body: body})
		txn, err := proto.DecodeTxn(encoded)
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, txn.Body.Err)
	}
	if want := []proto.Code{proto.OK, proto.NodeExists}; !slices.Equal(codes, want) {
		t.Errorf("codes %v, want %v", codes, want)
	}
	if err := b.apply(len(b.queue)); err != nil {
		t.Error(err)
	}
}
