package session

import (
	"encoding/hex"
	"testing"

	"gamekeeper/proto"
)

func TestPassword(t *testing.T) {
	for _, c := range []struct {
		id   uint64
		want string
	}{
		{0x0100000000000000, "f22acd4a97e69d6d20a49bb638eadb38"},
		{0x010003a2b1c40000, "fe38c3e3b3a910fa0cdf93c4b4080d2a"},
		{0xfe00000000000001, "054cc74a37327db215e702e20c73f005"},
	} {
		p := Password(proto.SessionID(c.id))
		if got := hex.EncodeToString(p[:]); got != c.want {
			t.Errorf("Password(%#x) = %s, want %s", c.id, got, c.want)
		}
	}
}

func TestCheckPassword(t *testing.T) {
	const id = proto.SessionID(0x0100000000000000)
	right, other, zero := Password(id), Password(id+1), Password(0)
	for _, c := range []struct {
		name     string
		id       proto.SessionID
		password []byte
		want     bool
	}{
		{"right", id, right[:], true},
		{"of another session", id, other[:], false},
		{"short", id, right[:15], false},
		{"long", id, append(right[:], 0), false},
		{"null", id, nil, false},
		{"no session", 0, zero[:], false},
	} {
		if got := CheckPassword(c.id, c.password); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func BenchmarkPassword(b *testing.B) {
	b.ReportAllocs()
	for i := range b.N {
		Password(proto.SessionID(i))
	}
}
