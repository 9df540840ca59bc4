package auth

import (
	"bytes"
	"fmt"
	"testing"

	"gamekeeper/proto"
	"pgregory.net/rapid"
)

// kerberos is a provider from outside: prefix match, users.
type kerberos struct{}

func (kerberos) Scheme() string                                { return "sasl" }
func (kerberos) Authenticate([]byte) ([]proto.Identity, error) { return nil, nil }
func (kerberos) ValidID(id []byte) bool                        { return len(id) > 0 }
func (kerberos) Matches(id, aclID []byte) bool                 { return bytes.HasPrefix(id, aclID) }
func (kerberos) User(id []byte) []byte                         { return id }
func (kerberos) IdentifiesUsers() bool                         { return true }
func withKerberos(c *Config)                                   { c.Providers = []Provider{kerberos{}} }
func skipACL(c *Config)                                        { c.SkipACL = true }
func withoutDigest(c *Config)                                  { c.DigestEnabled = false }

func TestAllowed(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*Config)
		acl  string
		perm string
		ids  string
		want bool
	}{
		{"open", nil, "rwcda=world:anyone", "a", "", true},
		{"world", nil, "r=world:anyone", "r", "", true},
		{"world without the bit", nil, "r=world:anyone", "w", "ip:10.0.0.1", false},
		{"one bit of two", nil, "a=world:anyone", "ra", "", true},
		{"no permission at all", nil, "=world:anyone", "rwcda", "ip:10.0.0.1", false},
		{"null list", nil, "null", "w", "", true},
		{"empty list", nil, "", "w", "", true},
		{"skipACL", skipACL, "r=digest:a:h", "w", "", true},
		{"super", nil, "r=digest:a:h", "w", "ip:10.0.0.1 super:", true},
		{"super only in the list", nil, "rwcda=super:", "r", "ip:10.0.0.1", false},
		{"world, other id", nil, "rwcda=world:nobody", "r", "ip:10.0.0.1", false},
		{"digest", nil, "rw=digest:a:h", "w", "ip:10.0.0.1 digest:a:h", true},
		{"digest without the bit", nil, "rw=digest:a:h", "d", "digest:a:h", false},
		{"digest, other hash", nil, "rw=digest:a:h", "w", "digest:a:i", false},
		{"digest, other user", nil, "rw=digest:a:h", "w", "digest:b:h", false},
		{"digest, two identities", nil, "rw=digest:a:h", "w", "digest:b:h digest:a:h", true},
		{"digest switched off", withoutDigest, "rw=digest:a:h", "w", "digest:a:h", false},
		{"digest id as ip", nil, "rw=ip:10.0.0.1", "w", "digest:10.0.0.1", false},
		{"second entry", nil, "r=world:anyone w=digest:a:h", "w", "digest:a:h", true},
		{"bits of one entry, identity of another", nil, "r=digest:a:h w=digest:b:h", "w", "digest:a:h", false},
		{"auth stays a placeholder", nil, "rw=auth:", "r", "auth: digest:a:h", false},
		{"unknown scheme", nil, "rw=sasl:alice", "r", "sasl:alice", false},
		{"provider", withKerberos, "rw=sasl:ali", "r", "sasl:alice", true},
		{"provider refuses", withKerberos, "rw=sasl:bob", "r", "sasl:alice", false},
		{"ip", nil, "r=ip:10.0.0.1", "r", "ip:10.0.0.1", true},
		{"ip, other", nil, "r=ip:10.0.0.1", "r", "ip:10.0.0.2", false},
		{"ip network", nil, "r=ip:10.0.0.0/8", "r", "ip:10.200.3.4", true},
		{"ip network, other", nil, "r=ip:10.0.0.0/8", "r", "ip:11.200.3.4", false},
	} {
		r := registry(t, c.edit)
		if got := r.Allowed(acls(c.acl), perm(c.perm), identities(c.ids)); got != c.want {
			t.Errorf("%s: %q for %q by %q: %v, want %v", c.name, c.acl, c.perm, c.ids, got, c.want)
		}
	}
}

func TestFixUp(t *testing.T) {
	const invalid, malformed = proto.InvalidACL, proto.MarshallingError
	for _, c := range []struct {
		name string
		edit func(*Config)
		acl  string
		ids  string
		want string
		code proto.Code
	}{
		{"open", nil, "rwcda=world:anyone", "", "rwcda=world:anyone", 0},
		{"null list", nil, "null", "", "", invalid},
		{"empty list", nil, "", "", "", invalid},
		{"perms 0", nil, "=world:anyone", "", "=world:anyone", 0},
		{"world, other id", nil, "r=world:all", "", "", invalid},
		{"world, null id", nil, "r=world:null", "", "", malformed},
		{"null scheme", nil, "r=null:x", "", "", invalid},
		{"null scheme and id", nil, "r=null:null", "", "", invalid},
		{"empty scheme", nil, "r=:x", "", "", invalid},
		{"digest", nil, "rw=digest:a:h", "", "rw=digest:a:h", 0},
		{"digest, bad id", nil, "rw=digest:a", "", "", invalid},
		{"digest, null id", nil, "rw=digest:null", "", "", malformed},
		{"digest switched off", withoutDigest, "rw=digest:a:h", "", "", invalid},
		{"digest switched off, null id", withoutDigest, "rw=digest:null", "", "", invalid},
		{"ip", nil, "r=ip:10.0.0.0/8", "", "r=ip:10.0.0.0/8", 0},
		{"ip, bad id", nil, "r=ip:10.0.0.0/33", "", "", invalid},
		{"ip, null id", nil, "r=ip:null", "", "", malformed},
		{"super", nil, "r=super:", "super:", "", invalid},
		{"unknown scheme", nil, "r=sasl:a", "", "", invalid},
		{"provider", withKerberos, "r=sasl:a", "", "r=sasl:a", 0},
		{"bad entry after a good one", nil, "r=world:anyone r=foo:x", "", "", invalid},
		{"first failure counts", nil, "r=ip:null r=foo:x", "", "", malformed},
		{"duplicates", nil, "r=world:anyone w=ip:1.2.3.4 r=world:anyone w=ip:1.2.3.4", "",
			"r=world:anyone w=ip:1.2.3.4", 0},
		{"duplicates but for perms", nil, "r=world:anyone w=world:anyone", "", "r=world:anyone w=world:anyone", 0},
		{"keep after duplicates", nil, "r=world:anyone r=world:anyone w=ip:1.2.3.4", "",
			"r=world:anyone w=ip:1.2.3.4", 0},
		{"auth", nil, "rw=auth:", "ip:10.0.0.1 digest:a:h", "rw=digest:a:h", 0},
		{"auth, id ignored", nil, "rw=auth:whoever", "digest:a:h", "rw=digest:a:h", 0},
		{"auth, null id", nil, "rw=auth:null", "digest:a:h", "rw=digest:a:h", 0},
		{"auth, two users", nil, "rw=auth:", "digest:a:h ip:10.0.0.1 digest:b:h", "rw=digest:a:h rw=digest:b:h", 0},
		{"auth, super user", nil, "rw=auth:", "super: digest:s:h", "rw=digest:s:h", 0},
		{"auth, nobody", nil, "rw=auth:", "ip:10.0.0.1", "", invalid},
		{"auth, super alone", nil, "rw=auth:", "super:", "", invalid},
		{"auth, digest switched off", withoutDigest, "rw=auth:", "digest:a:h", "", invalid},
		{"auth, provider", withKerberos, "rw=auth:", "sasl:alice digest:a:h", "rw=sasl:alice rw=digest:a:h", 0},
		{"auth, nobody, other entries fine", nil, "r=world:anyone rw=auth:", "ip:10.0.0.1", "", invalid},
		{"auth between others", nil, "r=world:anyone rw=auth: w=ip:1.2.3.4", "digest:a:h",
			"r=world:anyone rw=digest:a:h w=ip:1.2.3.4", 0},
		{"no deduplication after auth", nil, "rw=digest:a:h rw=auth:", "digest:a:h", "rw=digest:a:h rw=digest:a:h", 0},
	} {
		r := registry(t, c.edit)
		in := acls(c.acl)
		before := bytes.Clone(in)
		got, code := r.FixUp(in, identities(c.ids))
		if code != c.code || format(got) != c.want {
			t.Errorf("%s: %q, %v; want %q, %v", c.name, format(got), code, c.want, c.code)
		}
		if !bytes.Equal(in, before) {
			t.Errorf("%s: the input changed", c.name)
		}
		if code == proto.OK && c.acl == c.want && !aliases(got, in) {
			t.Errorf("%s: copied without need", c.name)
		}
	}
}

func aliases(a, b proto.ACLs) bool { return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0] }

// TestFixUpManyEntries compares the search for duplicates, which changes its way with the number of
// entries, with the plain one.
func TestFixUpManyEntries(t *testing.T) {
	r := registry(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		var entries, want []proto.ACL
		seen := map[int]bool{}
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, 60), 1, 100).Draw(t, "entries") {
			e := proto.ACL{Perms: int32(i % 7), Identity: identity(fmt.Sprintf("digest:u%d:h", i))}
			entries = append(entries, e)
			if !seen[i] {
				want = append(want, e)
			}
			seen[i] = true
		}
		got, code := r.FixUp(proto.NewACLs(entries...), Identities{})
		if code != proto.OK || !bytes.Equal(got, proto.NewACLs(want...)) {
			t.Fatalf("%v: %s, want %s", code, format(got), format(proto.NewACLs(want...)))
		}
	})
}

func TestFixUpBoundsExpansion(t *testing.T) {
	r := registry(t, nil)
	var ids Identities
	for i := range 500 {
		ids = ids.With(identity(fmt.Sprintf("digest:user-number-%d:hash", i)))
	}
	var entries []proto.ACL
	for i := range 1000 {
		entries = append(entries, proto.ACL{Perms: int32(i), Identity: identity("auth:")})
	}
	if _, code := r.FixUp(proto.NewACLs(entries...), ids); code != proto.InvalidACL {
		t.Error(code)
	}
}

func TestMask(t *testing.T) {
	for _, c := range []struct{ acl, want string }{
		{"rwcda=world:anyone", "rwcda=world:anyone"},
		{"r=digest:a:h w=ip:10.0.0.1", "r=digest:a:x w=ip:10.0.0.1"},
		{"r=digest:a:h:i", "r=digest:a:x"},
		{"r=digest::h", "r=digest::x"},
		{"r=digest:a", "r=digest:a"},
		{"r=ip:0:0:0:0:0:0:0:1", "r=ip:0:0:0:0:0:0:0:1"},
		{"", ""},
	} {
		got := proto.ACLs(AppendMasked(nil, acls(c.acl)))
		if format(got) != c.want || got.Len() != acls(c.acl).Len() {
			t.Errorf("%q: %q, want %q", c.acl, format(got), c.want)
		}
	}
	if got := AppendMasked(nil, nil); !bytes.Equal(got, proto.AppendACLs(nil, nil)) {
		t.Errorf("null list: %v", got)
	}
}

func TestNoAllocations(t *testing.T) {
	r := registry(t, nil)
	ids := identities("ip:10.0.0.1 digest:a:h")
	mixed := acls("r=ip:11.0.0.0/8 w=digest:b:h w=ip:2001:db8::/32 rw=digest:a:h")
	for name, f := range map[string]func(){
		"Allowed, open":  func() { r.Allowed(proto.OpenACL, proto.PermWrite, ids) },
		"Allowed, mixed": func() { r.Allowed(mixed, proto.PermWrite, ids) },
		"FixUp, open":    func() { r.FixUp(proto.OpenACL, ids) },
		"FixUp, mixed":   func() { r.FixUp(mixed, ids) },
		"Enforced":       func() { r.Enforced(ids) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkAllowed(b *testing.B) {
	r := registry(b, nil)
	ids := identities("ip:10.0.0.1 digest:a:h")
	for _, l := range []string{"rwcda=world:anyone", "r=world:anyone", "rw=digest:a:h", "rw=ip:10.0.0.0/8", "rw=ip:2001:db8::/32"} {
		b.Run(l, func(b *testing.B) {
			acl := acls(l)
			b.ReportAllocs()
			for b.Loop() {
				r.Allowed(acl, proto.PermRead, ids)
			}
		})
	}
}

func BenchmarkFixUp(b *testing.B) {
	r := registry(b, nil)
	ids := identities("ip:10.0.0.1 digest:a:h")
	for _, l := range []string{"rwcda=world:anyone", "r=world:anyone rwcda=digest:a:h", "rwcda=auth:"} {
		b.Run(l, func(b *testing.B) {
			acl := acls(l)
			b.ReportAllocs()
			for b.Loop() {
				r.FixUp(acl, ids)
			}
		})
	}
}
