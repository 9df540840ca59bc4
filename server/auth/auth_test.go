package auth

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"gamekeeper/proto"
)

// registry returns a registry with the defaults changed by edit, which may be nil.
func registry(t testing.TB, edit func(*Config)) *Registry {
	t.Helper()
	cfg := Config{DigestEnabled: true}
	if edit != nil {
		edit(&cfg)
	}
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// identity reads scheme:id.
func identity(s string) proto.Identity {
	scheme, id, _ := strings.Cut(s, ":")
	return proto.Identity{Scheme: []byte(scheme), ID: []byte(id)}
}

// identities reads scheme:id, separated by spaces.
func identities(s string) Identities {
	var ids Identities
	for _, f := range strings.Fields(s) {
		ids = ids.With(identity(f))
	}
	return ids
}

// acls reads perms=scheme:id, separated by spaces. "null" as scheme or id is null; "null" alone is the
// null list.
func acls(s string) proto.ACLs {
	if s == "null" {
		return nil
	}
	var entries []proto.ACL
	for _, f := range strings.Fields(s) {
		var e proto.ACL
		perms, rest, _ := strings.Cut(f, "=")
		for _, p := range perms {
			e.Perms |= 1 << strings.IndexRune("rwcda", p)
		}
		e.Identity = identity(rest)
		if string(e.Scheme) == "null" {
			e.Scheme = nil
		}
		if string(e.ID) == "null" {
			e.ID = nil
		}
		entries = append(entries, e)
	}
	return proto.NewACLs(entries...)
}

func format(l proto.ACLs) string {
	var s []string
	for e := range l.All() {
		perms := ""
		for i, p := range "rwcda" {
			if e.Perms>>i&1 != 0 {
				perms += string(p)
			}
		}
		s = append(s, fmt.Sprintf("%s=%s:%s", perms, e.Scheme, e.ID))
	}
	return strings.Join(s, " ")
}

func perm(c string) int32 {
	for e := range acls(c + "=world:anyone").All() {
		return e.Perms
	}
	return 0
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"algorithm", Config{DigestEnabled: true, DigestAlg: "SHA-257"}, "DigestAuthenticationProvider.digestAlg"},
		{"enforced nothing", Config{Enforce: true}, "enforce.auth.schemes"},
		{"enforced unknown", Config{Enforce: true, EnforceSchemes: []string{"ip", "sasl"}}, `"sasl" is not available`},
		{"enforced disabled", Config{Enforce: true, EnforceSchemes: []string{"digest"}}, `"digest" is not available`},
		{"enforced world", Config{Enforce: true, EnforceSchemes: []string{"world"}}, `"world" is not available`},
	} {
		if _, err := New(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", c.name, err, c.want)
		}
	}
	if _, err := New(Config{DigestAlg: "nonsense"}); err != nil {
		t.Errorf("the algorithm of a scheme that is off: %v", err)
	}
}

func TestDigestIdentity(t *testing.T) {
	for _, c := range []struct{ alg, data, want string }{
		{"", "super:test", "super:D/InIHSb7yEEbrWz8b9l71RjZJU="},
		{"SHA1", "super:test", "super:D/InIHSb7yEEbrWz8b9l71RjZJU="},
		{"sha-1", "super:test", "super:D/InIHSb7yEEbrWz8b9l71RjZJU="},
		{"SHA-256", "super:test", "super:wjySwxg860UATFtciuZ1lpzrCHrPeov6SPu/ZD56uig="},
		{"MD5", "super:test", "super:yzhcGieXAe2NBWh0Znxa3g=="},
		{"", "alice", "alice:UisnajVr3zkBPfq+os1D4UHsyeg="},
		{"", "a:b:c", "a:cLzgnoJ6mP5qz3w+mwvPE2vDgu0="},
		{"", "", ":2jmj7l5rSw0yVb/vlWAYkK/YBwk="},
		{"", ":", ":BaefBs8/Z/cm2uaNGKIpD2yaUMk="},
	} {
		r := registry(t, func(cfg *Config) { cfg.DigestAlg = c.alg })
		ids, err := r.Authenticate(Identities{}, []byte("digest"), []byte(c.data))
		if err != nil {
			t.Errorf("%s %q: %v", c.alg, c.data, err)
			continue
		}
		if got := string(ids.slice()[0].ID); got != c.want || ids.Len() != 1 {
			t.Errorf("%s %q: %s, want %s", c.alg, c.data, got, c.want)
		}
	}
}

func TestDigestAlgorithms(t *testing.T) {
	for alg := range digestAlgs {
		r := registry(t, func(cfg *Config) { cfg.DigestAlg = strings.ToLower(alg) })
		if _, err := r.Authenticate(Identities{}, []byte("digest"), []byte("a:b")); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
	}
}

func TestMalformedUTF8(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"u:p\xe4ss", "u:p�ss"},        // Latin-1
		{"u:\xe4\x80", "u:�"},          // ends early
		{"u:\xe4\x80s", "u:�s"},        // one for what began a character
		{"u:\xff\xfe", "u:��"},         // begins nothing
		{"u:\x80\x80", "u:��"},         // continues nothing
		{"u:\xf0\x9f\x98", "u:�"},      // three of four
		{"u:\xf0\x9f\x98x", "u:�x"},    //
		{"u:�ok", "u:�ok"},             // a real U+FFFD stays
		{"u:\xc0\xaf", "u:��"},         // overlong
		{"\xf0\x9f\x98\x80\xe4", "😀�"}, //
	} {
		if got := string(replaceMalformed([]byte(c.in))); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
	d, _ := newDigest("", "")
	if got, want := d.identity([]byte("u:p\xe4ss")), d.identity([]byte("u:p�ss")); string(got) != string(want) {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestAuthenticate(t *testing.T) {
	const super = "super:D/InIHSb7yEEbrWz8b9l71RjZJU="
	r := registry(t, func(c *Config) { c.SuperDigest = super })
	start := identities("ip:10.0.0.1")
	for _, c := range []struct {
		name, scheme string
		data         []byte
		want         string // identities; "" is an error
		err          error
	}{
		{"digest", "digest", []byte("alice:secret"), "ip:10.0.0.1 digest:alice:aYXlLOpEooaV1cRAvUL1fp9Qt7E=", nil},
		{"super", "digest", []byte("super:test"), "ip:10.0.0.1 super: digest:" + super, nil},
		{"wrong super", "digest", []byte("super:tset"), "ip:10.0.0.1 digest:super:b4GPpSdAwvCqJKsxsCCZ222ZDNA=", nil},
		{"null digest", "digest", nil, "", ErrRefused},
		{"ip", "ip", nil, "ip:10.0.0.1", nil},
		{"ip with data", "ip", []byte("1.2.3.4"), "ip:10.0.0.1", nil},
		{"world", "world", []byte("anyone"), "", ErrUnknownScheme},
		{"auth", "auth", []byte{}, "", ErrUnknownScheme},
		{"super by name", "super", []byte{}, "", ErrUnknownScheme},
		{"unknown", "FOO", []byte("BAR"), "", ErrUnknownScheme},
		{"empty", "", nil, "", ErrUnknownScheme},
	} {
		ids, err := r.Authenticate(start, []byte(c.scheme), c.data)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.err)
		}
		if err != nil {
			continue
		}
		want := slices.Collect(identities(c.want).All())
		got := slices.Collect(ids.All())
		if !slices.EqualFunc(got, want, sameIdentity) {
			t.Errorf("%s: %q, want %q", c.name, got, want)
		}
		if ids.Super() != (c.name == "super") {
			t.Errorf("%s: super is %v", c.name, ids.Super())
		}
	}
	if start.Len() != 1 {
		t.Error("an immutable set changed")
	}
	off := registry(t, func(c *Config) { c.DigestEnabled = false })
	if _, err := off.Authenticate(start, []byte("digest"), []byte("a:b")); !errors.Is(err, ErrUnknownScheme) {
		t.Errorf("digest switched off: %v", err)
	}
}

func sameIdentity(a, b proto.Identity) bool {
	return string(a.Scheme) == string(b.Scheme) && string(a.ID) == string(b.ID)
}

func TestIdentitiesAreASet(t *testing.T) {
	r := registry(t, nil)
	ids := identities("ip:10.0.0.1")
	for range 3 {
		ids, _ = r.Authenticate(ids, []byte("digest"), []byte("a:b"))
	}
	if ids.Len() != 2 {
		t.Errorf("%d identities, want 2", ids.Len())
	}
	var err error
	for i := 0; err == nil; i++ {
		if i > maxIdentities {
			t.Fatal("identities of a connection are not bounded")
		}
		ids, err = r.Authenticate(ids, []byte("digest"), fmt.Appendf(nil, "%d:x", i))
	}
	if !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
}

func TestAuthenticateKeepsNothing(t *testing.T) {
	r := registry(t, nil)
	scheme, data := []byte("digest"), []byte("alice:secret")
	ids, _ := r.Authenticate(Identities{}, scheme, data)
	before := ids.String()
	clear(scheme)
	clear(data)
	if ids.String() != before || before != "digest:alice" {
		t.Errorf("%q became %q", before, ids)
	}
}

func TestInitial(t *testing.T) {
	for _, c := range []struct{ addr, want string }{
		{"127.0.0.1", "127.0.0.1"},
		{"::ffff:10.1.2.3", "10.1.2.3"},
		{"::1", "0:0:0:0:0:0:0:1"},
		{"fe80::1%eth0", "fe80:0:0:0:0:0:0:1"},
		{"2001:DB8::A:0:B", "2001:db8:0:0:0:a:0:b"},
	} {
		ids := Initial(netip.MustParseAddr(c.addr))
		want := proto.Identity{Scheme: []byte("ip"), ID: []byte(c.want)}
		if ids.Len() != 1 || !sameIdentity(ids.slice()[0], want) {
			t.Errorf("%s: %q, want %q", c.addr, ids.slice(), want)
		}
		if !(ip{}).Matches(ids.slice()[0].ID, []byte(c.want)) {
			t.Errorf("%s does not match itself", c.addr)
		}
	}
}

func TestUsers(t *testing.T) {
	r := registry(t, nil)
	var got []string
	for scheme, user := range r.Users(identities("ip:10.0.0.1 super: digest:bob:h digest::h x509:CN=x")) {
		if user == nil {
			t.Error("null user")
		}
		got = append(got, fmt.Sprintf("%s=%s", scheme, user))
	}
	want := []string{"ip=10.0.0.1", "super=", "digest=bob", "digest=", "x509="}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestEnforced(t *testing.T) {
	for _, c := range []struct {
		schemes string // "" enforces nothing
		ids     string
		want    bool
	}{
		{"", "", true},
		{"", "ip:1.2.3.4", true},
		{"digest", "ip:1.2.3.4", false},
		{"digest", "ip:1.2.3.4 digest:a:b", true},
		{"digest", "", false},
		{"digest,ip", "ip:1.2.3.4", true},
		{" digest , ip", "ip:1.2.3.4", true},
		{"digest", "super:", false},
	} {
		r := registry(t, func(cfg *Config) {
			cfg.Enforce = c.schemes != ""
			cfg.EnforceSchemes = strings.Split(c.schemes, ",")
		})
		if got := r.Enforced(identities(c.ids)); got != c.want {
			t.Errorf("%q with %q: %v", c.schemes, c.ids, got)
		}
	}
}
