package raw

import "testing"

// What the reply header's zxid must be.
type zxidRule int

const (
	next zxidRule = iota // a transaction, or a rejected write: one more than before
	same                 // the newest transaction's
	none                 // -1
)

type request struct {
	name string
	op   int32
	body enc
	err  int32
	zxid zxidRule
}

// fixture makes nodes that the error tables use and returns a connection.
func fixture(t *testing.T, root string) *conn {
	c := client(t)
	c.create(root, "", persistent)
	c.create(root+"/kid", "k", persistent)
	c.create(root+"/parent", "", persistent)
	c.create(root+"/parent/kid", "", persistent)
	c.create(root+"/eph", "", ephemeral)
	c.create(root+"/locked", "", persistent)
	c.create(root+"/locked/kid", "", persistent)
	c.must(opSetACL, setACL(root+"/locked", []acl{{permAll, "digest", "bob:none"}}, -1))
	c.must(opSetACL, setACL(root+"/locked/kid", []acl{{permAll, "digest", "bob:none"}}, -1))
	return c
}

func runRequests(t *testing.T, c *conn, table []request) {
	for _, tc := range table {
		t.Run(tc.name, func(t *testing.T) {
			before := c.last
			r := c.call(tc.op, tc.body)
			if r.err != tc.err {
				t.Errorf("error %d, want %d", r.err, tc.err)
			}
			want := map[zxidRule]int64{next: before + 1, same: before, none: -1}[tc.zxid]
			if r.zxid != want {
				t.Errorf("zxid %d in the reply, want %d (newest before: %d)", r.zxid, want, before)
			}
		})
	}
}

const bad = "a\x00b"

func TestCreateErrors(t *testing.T) {
	c := fixture(t, "/ce")
	plain := func(path string, flags int32) enc { return create(path, []byte("d"), open, flags) }
	with := func(acls ...acl) enc { return create("/ce/acl", nil, acls, persistent) }
	runRequests(t, c, []request{
		{"empty body", opCreate, nil, errMarshalling, same},
		{"truncated body", opCreate, plain("/ce/x", 0)[:20], errMarshalling, same},
		{"negative path length", opCreate, enc{}.i32(-2).buf(nil).acls(open).i32(0), errMarshalling, same},
		{"null path", opCreate, enc{}.null().buf(nil).acls(open).i32(0), errMarshalling, next},
		{"flags 7", opCreate, plain("/ce/x", 7), errBadArguments, next},
		{"flags -1", opCreate, plain("/ce/x", -1), errBadArguments, next},
		{"flags win over the path", opCreate, plain(bad, 7), errBadArguments, next},
		{"TTL flag in create", opCreate, plain("/ce/x", persistentTTL), errBadArguments, next},
		{"TTL flag in create2", opCreate2, plain("/ce/x", persistentSequentTTL), errBadArguments, next},
		{"ttl 0", opCreateTTL, createTTL("/ce/x", nil, open, persistentTTL, 0), errBadArguments, next},
		{"ttl -1 with a TTL flag", opCreateTTL, createTTL("/ce/x", nil, open, persistentTTL, -1), errBadArguments, next},
		{"ttl too large", opCreateTTL, createTTL("/ce/x", nil, open, persistentTTL, 0x10000000000), errBadArguments, next},
		{"ttl with a plain flag", opCreateTTL, createTTL("/ce/x", nil, open, persistent, 1000), errBadArguments, next},
		{"ttl missing", opCreateTTL, plain("/ce/x", persistentTTL), errMarshalling, same},
		{"empty path", opCreate, plain("", 0), errBadArguments, next},
		{"no slash", opCreate, plain("x", 0), errBadArguments, next},
		{"relative", opCreate, plain("x/y", 0), errNoNode, next},
		{"NUL", opCreate, plain("/ce/"+bad, 0), errBadArguments, next},
		{"NUL wins over the ACL", opCreate, create("/ce/"+bad, nil, nil, 0), errBadArguments, next},
		{"no ACL", opCreate, with(), errInvalidACL, next},
		{"null ACL", opCreate, enc{}.str("/ce/x").buf(nil).null().i32(0), errInvalidACL, next},
		{"ACL wins over the parent", opCreate, create("/ce/no/x", nil, nil, 0), errInvalidACL, next},
		{"unknown scheme", opCreate, with(acl{permAll, "foo", "bar"}), errInvalidACL, next},
		{"world of somebody", opCreate, with(acl{permAll, "world", "bob"}), errInvalidACL, next},
		{"malformed ip", opCreate, with(acl{permAll, "ip", "1.2.3.400"}), errInvalidACL, next},
		{"malformed digest", opCreate, with(acl{permAll, "digest", "bob"}), errInvalidACL, next},
		{"auth without an identity", opCreate, with(acl{permAll, "auth", ""}), errInvalidACL, next},
		{"auth without an identity beside world", opCreate, with(open[0], acl{permAll, "auth", ""}), errInvalidACL, next},
		{"super is not for ACLs", opCreate, with(acl{permAll, "super", ""}), errInvalidACL, next},
		{"null scheme", opCreate, enc{}.str("/ce/x").buf(nil).i32(1).i32(31).null().str("x").i32(0), errInvalidACL, next},
		{"null world id", opCreate, enc{}.str("/ce/x").buf(nil).i32(1).i32(31).str("world").null().i32(0), errMarshalling, next},
		{"no parent", opCreate, plain("/ce/no/x", 0), errNoNode, next},
		{"no parent wins over a bad name", opCreate, plain("/ce/no/..", 0), errNoNode, next},
		{"no CREATE on the parent", opCreate, plain("/ce/locked/x", 0), errNoAuth, next},
		{"NoAuth wins over a bad name", opCreate, plain("/ce/locked/..", 0), errNoAuth, next},
		{"NoAuth wins over NodeExists", opCreate, plain("/ce/locked/kid", 0), errNoAuth, next},
		{"trailing slash", opCreate, plain("/ce/x/", 0), errNoNode, next},
		{"trailing slash below an existing node", opCreate, plain("/ce/kid/", 0), errBadArguments, next},
		{"double slash", opCreate, plain("/ce//x", 0), errNoNode, next},
		{"dot", opCreate, plain("/ce/.", 0), errBadArguments, next},
		{"dot dot", opCreate, plain("/ce/..", 0), errBadArguments, next},
		{"control character", opCreate, plain("/ce/a\x01", 0), errBadArguments, next},
		{"U+001F", opCreate, plain("/ce/a\u001f", 0), errBadArguments, next},
		{"U+007F", opCreate, plain("/ce/a\u007f", 0), errBadArguments, next},
		{"U+009F", opCreate, plain("/ce/a\u009f", 0), errBadArguments, next},
		{"U+E000", opCreate, plain("/ce/a\ue000", 0), errBadArguments, next},
		{"U+F8FF", opCreate, plain("/ce/a\uf8ff", 0), errBadArguments, next},
		{"U+FFF0", opCreate, plain("/ce/a\ufff0", 0), errBadArguments, next},
		{"emoji", opCreate, plain("/ce/a\U0001F600", 0), errBadArguments, next},
		{"malformed UTF-8", opCreate, plain("/ce/a\xff", 0), errBadArguments, next},
		{"exists", opCreate, plain("/ce/kid", 0), errNodeExists, next},
		{"root exists", opCreate, plain("/", 0), errNodeExists, next},
		{"below an ephemeral", opCreate, plain("/ce/eph/x", 0), errEphemeralParent, next},
		{"sequential below an ephemeral", opCreate, plain("/ce/eph/x", sequential), errEphemeralParent, next},
	})
	runRequests(t, c, []request{
		{"space", opCreate, plain("/ce/a b", 0), ok, next},
		{"three dots", opCreate, plain("/ce/...", 0), ok, next},
		{"leading dot", opCreate, plain("/ce/.foo", 0), ok, next},
		{"U+00A0", opCreate, plain("/ce/\u00a0", 0), ok, next},
		{"U+F900", opCreate, plain("/ce/\uf900", 0), ok, next},
		{"U+FFEF", opCreate, plain("/ce/\uffef", 0), ok, next},
		{"null data", opCreate, create("/ce/nodata", nil, open, 0), ok, next},
		{"trailing bytes", opCreate, append(plain("/ce/more", 0), 1, 2, 3), ok, next},
		{"perms 0", opCreate, create("/ce/perms0", nil, []acl{{0, "world", "anyone"}}, 0), ok, next},
		{"container", opCreateContainer, plain("/ce/container", container), ok, next},
		{"container with persistent flag", opCreateContainer, plain("/ce/container2", persistent), ok, next},
		{"TTL", opCreateTTL, createTTL("/ce/ttl", nil, open, persistentTTL, 0xffffffffff), ok, next},
		{"sequential TTL", opCreateTTL, createTTL("/ce/ttl-", nil, open, persistentSequentTTL, 1000000), ok, next},
		{"child of a container", opCreate, plain("/ce/container/x", 0), ok, next},
		{"child of a TTL node", opCreate, plain("/ce/ttl/x", 0), ok, next},
	})
}

func TestWriteErrors(t *testing.T) {
	c := fixture(t, "/we")
	runRequests(t, c, []request{
		{"delete: truncated", opDelete, enc{}.str("/we/kid"), errMarshalling, same},
		{"delete: null path", opDelete, enc{}.null().i32(-1), errMarshalling, next},
		{"delete: no slash", opDelete, pathVersion("x", -1), errBadArguments, next},
		{"delete: root", opDelete, pathVersion("/", -1), errBadArguments, next},
		{"delete: /zookeeper", opDelete, pathVersion("/zookeeper", -1), errBadArguments, next},
		{"delete: /zookeeper/quota", opDelete, pathVersion("/zookeeper/quota", -1), errBadArguments, next},
		{"delete: /zookeeper/config", opDelete, pathVersion("/zookeeper/config", -1), errBadArguments, next},
		{"delete: missing parent", opDelete, pathVersion("/we/no/x", -1), errNoNode, next},
		{"delete: missing node", opDelete, pathVersion("/we/no", -1), errNoNode, next},
		{"delete: NoAuth wins over NoNode", opDelete, pathVersion("/we/locked/no", -1), errNoAuth, next},
		{"delete: NoAuth wins over BadVersion", opDelete, pathVersion("/we/locked/kid", 9), errNoAuth, next},
		{"delete: BadVersion", opDelete, pathVersion("/we/kid", 1), errBadVersion, next},
		{"delete: version -2", opDelete, pathVersion("/we/kid", -2), errBadVersion, next},
		{"delete: BadVersion wins over NotEmpty", opDelete, pathVersion("/we/parent", 1), errBadVersion, next},
		{"delete: NotEmpty", opDelete, pathVersion("/we/parent", 0), errNotEmpty, next},
		{"setData: truncated", opSetData, enc{}.str("/we/kid").buf(nil), errMarshalling, same},
		{"setData: null path", opSetData, enc{}.null().buf(nil).i32(-1), errBadArguments, next},
		{"setData: malformed path", opSetData, setData("/we/../kid", nil, -1), errBadArguments, next},
		{"setData: trailing slash", opSetData, setData("/we/kid/", nil, -1), errBadArguments, next},
		{"setData: NoNode", opSetData, setData("/we/no", nil, -1), errNoNode, next},
		{"setData: NoAuth wins over BadVersion", opSetData, setData("/we/locked", nil, 9), errNoAuth, next},
		{"setData: BadVersion", opSetData, setData("/we/kid", nil, 9), errBadVersion, next},
		{"setData: /zookeeper/config is read-only", opSetData, setData("/zookeeper/config", nil, -1), errNoAuth, next},
		{"setACL: truncated", opSetACL, enc{}.str("/we/kid").acls(open), errMarshalling, same},
		{"setACL: null path", opSetACL, enc{}.null().acls(open).i32(-1), errBadArguments, next},
		{"setACL: malformed path", opSetACL, setACL("/we//kid", open, -1), errBadArguments, next},
		{"setACL: malformed path wins over InvalidACL", opSetACL, setACL("/we//kid", nil, -1), errBadArguments, next},
		{"setACL: InvalidACL wins over NoNode", opSetACL, setACL("/we/no", nil, -1), errInvalidACL, next},
		{"setACL: NoNode", opSetACL, setACL("/we/no", open, -1), errNoNode, next},
		{"setACL: NoAuth wins over BadVersion", opSetACL, setACL("/we/locked", open, 9), errNoAuth, next},
		{"setACL: BadVersion", opSetACL, setACL("/we/kid", open, 9), errBadVersion, next},
		{"reconfig: disabled", opReconfig, enc{}.str("server.9=localhost:1:2;3").null().null().i64(-1), errReconfigDisabled, next},
	})
	runRequests(t, c, []request{
		{"setData with the right version", opSetData, setData("/we/kid", []byte("n"), 0), ok, next},
		{"setData with the next version", opSetData, setData("/we/kid", []byte("n"), 1), ok, next},
		{"setData on the root", opSetData, setData("/", []byte{}, -1), ok, next},
		{"setACL with the right version", opSetACL, setACL("/we/kid", open, 0), ok, next},
		{"setACL with the next version", opSetACL, setACL("/we/kid", open, 1), ok, next},
		{"delete with the right version", opDelete, pathVersion("/we/kid", 2), ok, next},
	})
}

func TestReadErrors(t *testing.T) {
	c := fixture(t, "/re")
	table := []request{
		{"exists: truncated", opExists, enc{}.str("/re"), errMarshalling, same},
		{"exists: null path", opExists, enc{}.null().bool(false), errMarshalling, same},
		{"exists: NUL", opExists, pathWatch("/re/"+bad, false), errBadArguments, same},
		{"exists: missing", opExists, pathWatch("/re/no", false), errNoNode, same},
		{"exists: malformed path", opExists, pathWatch("/re//kid", false), errNoNode, same},
		{"exists: no READ", opExists, pathWatch("/re/locked", false), errNoAuth, same},
		{"getACL: missing", opGetACL, onlyPath("/re/no"), errNoNode, same},
		{"getACL: neither READ nor ADMIN", opGetACL, onlyPath("/re/locked"), errNoAuth, same},
		{"getACL: null path", opGetACL, enc{}.null(), errMarshalling, same},
		{"sync: missing node", opSync, onlyPath("/re/no"), ok, same},
		{"sync: empty body", opSync, nil, errMarshalling, same},
		{"getEphemerals: empty body", opGetEphemerals, nil, errMarshalling, same},
		{"getAllChildrenNumber: missing", opGetAllChildren, onlyPath("/re/no"), errNoNode, same},
		{"getAllChildrenNumber: no READ", opGetAllChildren, onlyPath("/re/locked"), errNoAuth, same},
		{"addWatch: mode 2", opAddWatch, enc{}.str("/re").i32(2), errMarshalling, same},
		{"addWatch: mode -1", opAddWatch, enc{}.str("/re").i32(-1), errMarshalling, same},
		{"addWatch: truncated", opAddWatch, enc{}.str("/re"), errMarshalling, same},
		{"checkWatches: type 0", opCheckWatches, enc{}.str("/re").i32(0), errMarshalling, same},
		{"checkWatches: type 6", opCheckWatches, enc{}.str("/re").i32(6), errMarshalling, same},
		{"checkWatches: none", opCheckWatches, enc{}.str("/re").i32(3), errNoWatcher, same},
		{"removeWatches: type 0", opRemoveWatches, enc{}.str("/re").i32(0), errMarshalling, same},
		{"removeWatches: none", opRemoveWatches, enc{}.str("/re").i32(1), errNoWatcher, same},
		{"setWatches: null list", opSetWatches, enc{}.i64(0).null().strs().strs(), errMarshalling, same},
		{"setWatches: truncated", opSetWatches, enc{}.i64(0).strs(), errMarshalling, same},
		{"setWatches: empty lists", opSetWatches, enc{}.i64(0).strs().strs().strs(), ok, same},
		{"setWatches2: empty lists", opSetWatches2, enc{}.i64(0).strs().strs().strs().strs().strs(), ok, same},
		{"whoAmI", opWhoAmI, nil, ok, same},
		{"root by its empty name", opGetData, pathWatch("", false), ok, same},
	}
	for name, op := range map[string]int32{"getData": opGetData, "getChildren": opGetChildren, "getChildren2": opGetChildren2} {
		table = append(table, []request{
			{name + ": truncated", op, enc{}.str("/re"), errMarshalling, same},
			{name + ": null path", op, enc{}.null().bool(false), errMarshalling, same},
			{name + ": missing", op, pathWatch("/re/no", false), errNoNode, same},
			{name + ": malformed path", op, pathWatch("re", false), errNoNode, same},
			{name + ": trailing slash", op, pathWatch("/re/", false), errNoNode, same},
			{name + ": no READ", op, pathWatch("/re/locked", false), errNoAuth, same},
			{name + ": readable", op, pathWatch("/re", false), ok, same},
		}...)
	}
	runRequests(t, c, table)
}

func TestUnknownOperations(t *testing.T) {
	for _, op := range []int32{0, -1, 10, 23, 99, 108, 12345, opCheck} {
		c := client(t)
		r := c.call(op, pathVersion("/", -1))
		if r.err != errUnimplemented || r.zxid != -1 {
			t.Errorf("op %d: error %d, zxid %d; want %d, -1", op, r.err, r.zxid, errUnimplemented)
		}
		c.expectClosed()
	}
}

func TestPing(t *testing.T) {
	c := client(t)
	c.create("/ping", "", persistent)
	for _, xid := range []int32{-2, 7, 0} {
		c.sendXid(xid, opPing, nil)
		if r := c.read(); r.xid != xidPing || r.err != ok || r.zxid != c.last || len(r.b) != 0 {
			t.Errorf("ping with xid %d: xid %d, error %d, zxid %d, body %d bytes", xid, r.xid, r.err, r.zxid, len(r.b))
		}
	}
}

func TestAnyXidIsEchoed(t *testing.T) {
	c := client(t)
	for _, xid := range []int32{5, 1, 1<<31 - 1, 3, 3, -8} {
		c.sendXid(xid, opExists, pathWatch("/", false))
		if r := c.read(); r.xid != xid || r.err != ok {
			t.Errorf("xid %d, error %d, want %d", r.xid, r.err, xid)
		}
	}
}

// Apache lets clients reap any childless node with an internal operation, and
// stops on two further requests. Gamekeeper refuses them.
func TestDeliberateDifferences(t *testing.T) {
	c := client(t)
	c.create("/differ", "", persistent)
	r := c.call(opDeleteContainer, onlyPath("/differ"))
	if onApache() {
		if r.err != ok {
			t.Errorf("deleteContainer by a client: error %d", r.err)
		}
		return // the other two would stop this server
	}
	if r.err == ok {
		t.Errorf("deleteContainer by a client was executed")
	}
	c = client(t)
	c.stat("/differ")
	if r := c.call(opCreateTTL, createTTL("/differ/ttl", nil, open, persistent, -1)); r.err != errBadArguments {
		t.Errorf("createTTL without a TTL: error %d, want %d", r.err, errBadArguments)
	}
	c.create("/zookeeper/quota/zookeeper_limits", "count=1000000,bytes=-1", persistent)
	c.delete("/zookeeper/quota/zookeeper_limits")
}
