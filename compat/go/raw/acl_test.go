package raw

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"reflect"
	"sort"
	"testing"
)

// digest returns the ACL id of the credentials "user:password".
func digest(user, password string) string {
	h := sha1.Sum([]byte(user + ":" + password))
	return user + ":" + base64.StdEncoding.EncodeToString(h[:])
}

func TestStoredACL(t *testing.T) {
	c := client(t)
	c.login("ann:pw")
	c.login("bob:pw")
	bySort := func(v []acl) []acl {
		sort.Slice(v, func(i, j int) bool { return fmt.Sprint(v[i]) < fmt.Sprint(v[j]) })
		return v
	}
	c.create("/sa", "", persistent)
	for i, tc := range []struct {
		given, want []acl
	}{
		{open, open},
		{[]acl{{1, "world", "anyone"}, {31, "ip", "127.0.0.1"}}, []acl{{1, "world", "anyone"}, {31, "ip", "127.0.0.1"}}},
		{[]acl{open[0], {1, "world", "anyone"}, open[0]}, []acl{open[0], {1, "world", "anyone"}}},
		{[]acl{{31, "auth", ""}}, []acl{{31, "digest", digest("ann", "pw")}, {31, "digest", digest("bob", "pw")}}},
		{[]acl{{1, "auth", "ignored"}, open[0]}, []acl{{1, "digest", digest("ann", "pw")}, {1, "digest", digest("bob", "pw")}, open[0]}},
		{[]acl{{31, "digest", "eve:hash"}, open[0]}, []acl{{31, "digest", "eve:hash"}, open[0]}},
		{[]acl{{31, "ip", "10.0.0.0/8"}, open[0]}, []acl{{31, "ip", "10.0.0.0/8"}, open[0]}},
		{[]acl{{31, "ip", "::1"}, {31, "ip", "2001:db8::/32"}, open[0]}, []acl{{31, "ip", "::1"}, {31, "ip", "2001:db8::/32"}, open[0]}},
		{[]acl{{-1, "world", "anyone"}}, []acl{{-1, "world", "anyone"}}},
	} {
		path := fmt.Sprintf("/sa/%d", i)
		c.createACL(path, tc.given)
		r := c.must(opGetACL, onlyPath(path))
		got, s := r.acls(), r.stat()
		if r.dec.err != nil || s.Aversion != 0 {
			t.Errorf("%v: %v, %+v", tc.given, r.dec.err, s)
		}
		if !reflect.DeepEqual(bySort(got), bySort(tc.want)) {
			t.Errorf("%v: stored %v, want %v", tc.given, got, tc.want)
		}
	}
	// An auth entry may have a null id.
	c.must(opCreate, enc{}.str("/sa/null").buf(nil).i32(1).i32(31).str("auth").null().i32(0))
}

func TestACLSyntax(t *testing.T) {
	c := client(t)
	c.create("/as", "", persistent)
	for _, tc := range []struct {
		scheme, id string
		valid      bool
	}{
		{"digest", "u:h", true}, {"digest", ":h", true}, {"digest", "u:h:", true},
		{"digest", "u", false}, {"digest", "u:", false}, {"digest", "a:b:c", false}, {"digest", "", false},
		{"ip", "1.2.3.4", true}, {"ip", "1.2.3.4/0", true}, {"ip", "1.2.3.4/32", true}, {"ip", "::1/128", true},
		{"ip", "1.2.3.4/33", false}, {"ip", "1.2.3.4/-1", false}, {"ip", "1.2.3", false}, {"ip", "1.2.3.256", false},
		{"ip", "localhost", false}, {"ip", "1.2.3.4/x", false}, {"ip", "::1/129", false}, {"ip", "", false},
		{"world", "anyone", true}, {"world", "Anyone", false}, {"World", "anyone", false}, {"", "anyone", false},
		{"sasl", "bob", false}, {"x509", "CN=bob", false},
	} {
		r := c.call(opSetACL, setACL("/as", []acl{open[0], {31, tc.scheme, tc.id}}, -1))
		if want := map[bool]int32{true: ok, false: errInvalidACL}[tc.valid]; r.err != want {
			t.Errorf("%s:%s: error %d, want %d", tc.scheme, tc.id, r.err, want)
		}
	}
}

// Every operation needs exactly the permission of the table: all others do
// not help, it alone suffices.
func TestPermissions(t *testing.T) {
	owner, user := client(t), client(t)
	owner.login("owner:pw")
	owner.create("/perm", "", persistent)
	all := acl{permAll, "digest", digest("owner", "pw")}
	for _, tc := range []struct {
		name string
		need int32
		op   int32
		body func(parent string) enc
	}{
		{"create", permCreate, opCreate, func(p string) enc { return create(p+"/new", nil, open, 0) }},
		{"create2", permCreate, opCreate2, func(p string) enc { return create(p+"/new", nil, open, 0) }},
		{"createContainer", permCreate, opCreateContainer, func(p string) enc { return create(p+"/new", nil, open, container) }},
		{"createTTL", permCreate, opCreateTTL, func(p string) enc { return createTTL(p+"/new", nil, open, persistentTTL, 1e9) }},
		{"delete", permDelete, opDelete, func(p string) enc { return pathVersion(p+"/kid", -1) }},
		{"setData", permWrite, opSetData, func(p string) enc { return setData(p, nil, -1) }},
		{"setACL", permAdmin, opSetACL, func(p string) enc { return setACL(p, open, -1) }},
		{"getData", permRead, opGetData, func(p string) enc { return pathWatch(p, false) }},
		{"exists", permRead, opExists, func(p string) enc { return pathWatch(p, false) }},
		{"getChildren", permRead, opGetChildren, func(p string) enc { return pathWatch(p, false) }},
		{"getChildren2", permRead, opGetChildren2, func(p string) enc { return pathWatch(p, false) }},
		{"getAllChildrenNumber", permRead, opGetAllChildren, func(p string) enc { return onlyPath(p) }},
		{"getACL", permRead | permAdmin, opGetACL, func(p string) enc { return onlyPath(p) }},
		{"sync", 0, opSync, func(p string) enc { return onlyPath(p) }},
		{"addWatch", 0, opAddWatch, func(p string) enc { return addWatch(p, modePersistent) }},
	} {
		for _, perms := range []int32{permAll &^ tc.need, tc.need &^ permAdmin, tc.need} {
			path := owner.create("/perm/n-", "", sequential)
			owner.create(path+"/kid", "", persistent)
			owner.must(opSetACL, setACL(path, []acl{all, {perms, "world", "anyone"}}, -1))
			want := int32(errNoAuth)
			if tc.need == 0 || perms&tc.need != 0 {
				want = ok
			}
			r, _ := user.callEvents(tc.op, tc.body(path))
			if r.err != want {
				t.Errorf("%s with permissions %05b: error %d, want %d", tc.name, perms, r.err, want)
			}
		}
	}
}

// The ACL of the node itself says nothing about its deletion, that of the
// parent nothing about the node's data.
func TestNoInheritance(t *testing.T) {
	owner, user := client(t), client(t)
	owner.login("owner:pw")
	owner.createACL("/inherit", open)
	owner.createACL("/inherit/private", []acl{{permAll, "auth", ""}})
	owner.must(opCreate, create("/inherit/private/public", []byte("p"), open, 0))
	r := user.must(opGetData, pathWatch("/inherit/private/public", false))
	if got := r.buf(); string(got) != "p" {
		t.Errorf("got %q", got)
	}
	owner.delete("/inherit/private/public")
	user.delete("/inherit/private")
}

func TestIdentities(t *testing.T) {
	owner := client(t)
	owner.login("ann:pw")
	owner.createACL("/id", []acl{{permAll, "auth", ""}})
	c := client(t)
	read := func() int32 { return c.call(opGetData, pathWatch("/id", false)).err }
	if e := read(); e != errNoAuth {
		t.Errorf("without an identity: error %d", e)
	}
	c.login("ann:wrong") // any password is accepted, and is another identity
	if e := read(); e != errNoAuth {
		t.Errorf("with a wrong password: error %d", e)
	}
	c.login("ann:pw")
	if e := read(); e != ok {
		t.Errorf("with the right password too: error %d", e)
	}
	// Identities belong to the connection, not to the session.
	c, _, _ = reattach(c)
	if e := read(); e != errNoAuth {
		t.Errorf("on a new connection: error %d", e)
	}
	// An auth sent before a request counts for it, without waiting.
	c.sendXid(xidAuth, opAuth, auth("digest", "ann:pw"))
	xid := c.send(opGetData, pathWatch("/id", false))
	if r := c.read(); r.xid != xidAuth || r.err != ok || r.zxid != 0 {
		t.Errorf("auth: xid %d, error %d, zxid %d", r.xid, r.err, r.zxid)
	}
	if r := c.read(); r.xid != xid || r.err != ok {
		t.Errorf("getData: xid %d, error %d", r.xid, r.err)
	}
	// Other xids are echoed.
	c.sendXid(12, opAuth, auth("ip", ""))
	if r := c.read(); r.xid != 12 || r.err != ok {
		t.Errorf("auth ip: xid %d, error %d", r.xid, r.err)
	}
	c.login("nocolon")
}

func TestWhoAmI(t *testing.T) {
	c := client(t)
	c.login("ann:pw")
	c.login("super:test")
	r := c.must(opWhoAmI, nil)
	var got []string
	for n := r.i32(); n > 0; n-- {
		got = append(got, r.str()+"="+r.str())
	}
	sort.Strings(got)
	if want := []string{"digest=ann", "digest=super", "ip=127.0.0.1", "super="}; r.dec.err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v (%v)", got, want, r.dec.err)
	}
}

func TestUnknownAuthScheme(t *testing.T) {
	for _, scheme := range []string{"FOO", "", "world", "super"} {
		c := client(t)
		c.sendXid(xidAuth, opAuth, auth(scheme, "x"))
		if r := c.read(); r.xid != xidAuth || r.err != errAuthFailed {
			t.Errorf("%q: xid %d, error %d", scheme, r.xid, r.err)
		}
		c.expectClosed()
	}
}

func TestSuperUser(t *testing.T) {
	c, super := client(t), client(t)
	c.createACL("/su", []acl{{permAll, "digest", "nobody:x"}})
	super.login("super:test")
	super.set("/su", "y")
	super.create("/su/kid", "", persistent)
	r := super.must(opGetACL, onlyPath("/su"))
	if got := r.acls(); len(got) != 1 || got[0].id != "nobody:x" {
		t.Errorf("ACL %v", got)
	}
	super.delete("/su/kid")
	super.must(opSetACL, setACL("/su", []acl{{permAll, "auth", ""}}, -1))
	r = super.must(opGetACL, onlyPath("/su"))
	if got := r.acls(); !reflect.DeepEqual(got, []acl{{permAll, "digest", digest("super", "test")}}) {
		t.Errorf("auth entry became %v", got)
	}
	if r := c.call(opGetData, pathWatch("/su", false)); r.err != errNoAuth {
		t.Errorf("another connection: error %d", r.err)
	}
}

// Digests are shown only to those who may change the ACL.
func TestMaskedACL(t *testing.T) {
	owner, user := client(t), client(t)
	owner.login("ann:pw")
	given := []acl{{permAll, "digest", digest("ann", "pw")}, {permRead, "world", "anyone"}, {permRead, "ip", "10.0.0.1"}}
	owner.createACL("/mask", given)
	masked := append([]acl{}, given...)
	masked[0].id = "ann:x"
	for name, tc := range map[string]struct {
		c    *conn
		want []acl
	}{"owner": {owner, given}, "reader": {user, masked}} {
		r := tc.c.must(opGetACL, onlyPath("/mask"))
		if got := r.acls(); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s sees %v, want %v", name, got, tc.want)
		}
	}
}

func TestIPScheme(t *testing.T) {
	c := client(t)
	c.create("/ip", "", persistent)
	for id, want := range map[string]int32{
		"127.0.0.1": ok, "127.0.0.2": errNoAuth, "127.0.0.0/8": ok, "127.0.0.0/31": ok,
		"126.0.0.0/8": errNoAuth, "0.0.0.0/0": ok, "10.0.0.1/32": errNoAuth, "::1": errNoAuth,
	} {
		path := c.create("/ip/n-", "", sequential)
		c.must(opSetACL, setACL(path, []acl{{permAll, "ip", id}}, -1))
		if r := c.call(opGetData, pathWatch(path, false)); r.err != want {
			t.Errorf("%s: error %d, want %d", id, r.err, want)
		}
	}
}
