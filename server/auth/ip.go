package auth

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"

	"gamekeeper/proto"
)

const schemeIP = "ip"

// ip is the scheme of client addresses. Every connection has its address as an identity from the start;
// entries name an address or, with /bits, a network.
type ip struct{}

func (ip) Scheme() string { return schemeIP }

// Authenticate accepts anything and proves nothing new: the connection has its address already.
func (ip) Authenticate([]byte) ([]proto.Identity, error) { return nil, nil }

func (ip) ValidID(id []byte) bool {
	_, _, ok := parseNetwork(id)
	return ok
}

// Matches compares the bits of the network. Addresses of different families never match.
func (ip) Matches(id, aclID []byte) bool {
	network, bits, ok := parseNetwork(aclID)
	if !ok {
		return false
	}
	remote, ok := parseAddr(id)
	if !ok || remote.len != network.len {
		return false
	}
	whole := bits / 8
	if !bytes.Equal(remote.bytes[:whole], network.bytes[:whole]) {
		return false
	}
	rest := bits % 8
	return rest == 0 || (remote.bytes[whole]^network.bytes[whole])>>(8-rest) == 0
}

func (ip) User(id []byte) []byte { return id }

func (ip) IdentifiesUsers() bool { return false }

// addr is an address of 4 or 16 bytes. It exists beside netip.Addr because the accepted texts differ:
// leading zeros are decimal in IPv4, and IPv6 has neither zones nor an IPv4 tail.
type addr struct {
	bytes [16]byte
	len   int
}

// appendAddr writes a as Java does: IPv6 in eight groups without zeros compressed. An IPv4 address that
// came mapped into IPv6, as sockets for both families report it, is written as IPv4. A zone is dropped.
func appendAddr(b []byte, a netip.Addr) []byte {
	a = a.Unmap().WithZone("")
	if !a.Is6() {
		return a.AppendTo(b)
	}
	groups := a.As16()
	for i := 0; i < len(groups); i += 2 {
		if i > 0 {
			b = append(b, ':')
		}
		b = strconv.AppendUint(b, uint64(binary.BigEndian.Uint16(groups[i:])), 16)
	}
	return b
}

// parseNetwork reads addr or addr/bits.
func parseNetwork(s []byte) (a addr, bits int, ok bool) {
	text, suffix, hasBits := bytes.Cut(s, []byte("/"))
	a, ok = parseAddr(text)
	if !ok {
		return a, 0, false
	}
	if !hasBits {
		return a, a.len * 8, true
	}
	bits, ok = parseDecimal(suffix, a.len*8)
	return a, bits, ok
}

func parseAddr(s []byte) (addr, bool) {
	if bytes.IndexByte(s, ':') >= 0 {
		return parseIPv6(s)
	}
	return parseIPv4(s)
}

func parseIPv4(s []byte) (a addr, ok bool) {
	a.len = 4
	for i := range 4 {
		part, rest, more := bytes.Cut(s, []byte("."))
		if more != (i < 3) {
			return a, false
		}
		v, ok := parseDecimal(part, 255)
		if !ok {
			return a, false
		}
		a.bytes[i] = byte(v)
		s = rest
	}
	return a, true
}

// parseIPv6 reads eight groups, or fewer with one "::" in the place of those that are 0.
func parseIPv6(s []byte) (a addr, ok bool) {
	a.len = 16
	left, right, compressed := bytes.Cut(s, []byte("::"))
	if !compressed {
		n, ok := parseGroups(&a.bytes, s)
		return a, ok && n == 8
	}
	l, ok := parseGroups(&a.bytes, left)
	if !ok {
		return a, false
	}
	var tail [16]byte
	r, ok := parseGroups(&tail, right)
	if !ok || l+r >= 8 {
		return a, false
	}
	copy(a.bytes[16-2*r:], tail[:2*r])
	return a, true
}

// parseGroups reads groups of one to four hexadecimal digits and returns how many there are: none in an
// empty text.
func parseGroups(dst *[16]byte, s []byte) (n int, ok bool) {
	for more := len(s) > 0; more; n++ {
		var group []byte
		group, s, more = bytes.Cut(s, []byte(":"))
		if n == 8 || len(group) == 0 || len(group) > 4 {
			return n, false
		}
		v := 0
		for _, c := range group {
			d, ok := hexDigit(c)
			if !ok {
				return n, false
			}
			v = v<<4 | d
		}
		binary.BigEndian.PutUint16(dst[2*n:], uint16(v))
	}
	return n, true
}

func hexDigit(c byte) (int, bool) {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0'), true
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10, true
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10, true
	}
	return 0, false
}

// parseDecimal reads a number of 0 to limit, leading zeros allowed.
func parseDecimal(s []byte, limit int) (v int, ok bool) {
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		if v = v*10 + int(c-'0'); v > limit {
			return 0, false
		}
	}
	return v, len(s) > 0
}
