package auth

import (
	"net/netip"
	"strings"
	"testing"
)

func TestDigestSyntax(t *testing.T) {
	for _, c := range []struct {
		id   string
		want bool
	}{
		{"u:h", true}, {":h", true}, {"u:h:", true}, {"u:h::", true},
		{"", false}, {":", false}, {"u", false}, {"u:", false}, {"u::", false},
		{"a:b:c", false}, {"::h", false}, {"a::b", false},
	} {
		if got := (&digest{}).ValidID([]byte(c.id)); got != c.want {
			t.Errorf("%q: %v, want %v", c.id, got, c.want)
		}
	}
}

func TestIPSyntax(t *testing.T) {
	for _, c := range []struct {
		id   string
		want bool
	}{
		{"10.0.0.1", true}, {"0.0.0.0", true}, {"255.255.255.255", true}, {"010.001.0.0001", true},
		{"10.0.0.0/8", true}, {"10.0.0.0/0", true}, {"10.0.0.0/32", true}, {"10.0.0.0/08", true},
		{"256.0.0.1", false}, {"1.2.3", false}, {"1.2.3.4.5", false}, {"1.2.3.", false}, {".1.2.3", false},
		{"1..2.3", false}, {"a.b.c.d", false}, {"1.2.3.-4", false}, {"", false}, {"localhost", false},
		{"99999999999999999999.0.0.0", false}, {"1.2.3.4 ", false},
		{"10.0.0.0/33", false}, {"10.0.0.0/-1", false}, {"10.0.0.0/", false}, {"10.0.0.0/8/8", false},
		{"10.0.0.0/x", false}, {"/8", false},
		{"::", true}, {"::1", true}, {"1::", true}, {"1::8", true}, {"1:2:3:4:5:6:7:8", true},
		{"1:2:3:4:5:6::8", true}, {"2001:DB8::", true}, {"0001:2:3:4:5:6:7:8", true},
		{"::/0", true}, {"::1/128", true}, {"2001:db8::/32", true},
		{"1:2:3:4:5:6:7", false}, {"1:2:3:4:5:6:7:8:9", false}, {"1:2:3:4::5:6:7:8", false},
		{"1::2::3", false}, {":::", false}, {":", false}, {":1", false}, {"1:", false}, {"1:::2", false},
		{"12345::", false}, {"g::", false}, {"::ffff:1.2.3.4", false}, {"fe80::1%eth0", false},
		{"::1/129", false}, {"::1/", false},
	} {
		if got := (ip{}).ValidID([]byte(c.id)); got != c.want {
			t.Errorf("%q: %v, want %v", c.id, got, c.want)
		}
	}
}

func TestIPMatch(t *testing.T) {
	for _, c := range []struct {
		remote, entry string
		want          bool
	}{
		{"10.1.2.3", "10.1.2.3", true},
		{"10.1.2.3", "10.1.2.4", false},
		{"10.1.2.3", "010.1.2.003", true},
		{"10.1.2.3", "10.1.2.3/32", true},
		{"10.1.2.3", "10.1.2.2/31", true},
		{"10.1.2.3", "10.1.2.1/31", false},
		{"10.1.2.3", "10.1.99.99/16", true},
		{"10.1.2.3", "10.0.0.0/15", true},
		{"10.2.2.3", "10.0.0.0/15", false},
		{"10.1.2.3", "99.0.0.0/0", true},
		{"10.1.2.3", "::/0", false},
		{"0:0:0:0:0:0:0:1", "0.0.0.0/0", false},
		{"0:0:0:0:0:0:0:1", "::1", true},
		{"2001:db8:0:0:0:0:0:7", "2001:db8::/64", true},
		{"2001:db8:0:1:0:0:0:7", "2001:db8::/64", false},
		{"2001:db8:0:1:0:0:0:7", "2001:db8::/63", true},
		{"2001:db8:0:1:0:0:0:7", "2001:DB8:0:1::7", true},
		{"10.1.2.3", "nonsense", false},
		{"nonsense", "10.1.2.3", false},
		{"10.1.2.3", "10.1.2.3/33", false},
	} {
		if got := (ip{}).Matches([]byte(c.remote), []byte(c.entry)); got != c.want {
			t.Errorf("%s by %s: %v, want %v", c.remote, c.entry, got, c.want)
		}
	}
}

// FuzzIP compares with net/netip: what it takes for an address and the rules do not exclude must be one
// here, with the same bytes.
func FuzzIP(f *testing.F) {
	for _, s := range []string{"1.2.3.4", "::", "1::8", "2001:db8::a:b", "1:2:3:4:5:6:7:8", "1:::2", "1.2.3.4/8", "::1/64"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseAddr([]byte(s))
		want, err := netip.ParseAddr(s)
		if err != nil || want.Zone() != "" || want.Is4In6() {
			return
		}
		if want.Is6() && strings.Contains(s, ".") {
			if ok {
				t.Fatalf("%q: an IPv4 tail was accepted", s)
			}
			return
		}
		if !ok || string(got.bytes[:got.len]) != string(want.AsSlice()) {
			t.Fatalf("%q: %v %v, want %v", s, got, ok, want)
		}
		if text := appendAddr(nil, want); !(ip{}).Matches(text, []byte(s)) {
			t.Fatalf("%s does not match %q", text, s)
		}
	})
}
