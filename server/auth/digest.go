package auth

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strings"
	"unicode/utf8"

	"gamekeeper/proto"
)

const schemeDigest = "digest"

// digest is the scheme of user names and passwords. It verifies nothing: whoever knows user:password
// obtains the identity user:hash that lists were written for.
type digest struct {
	newHash func() hash.Hash
	super   []byte // identity of the super user; nil when there is none
}

// digestAlgs are the names that Java's MessageDigest knows, in upper case. MD2 is left out.
var digestAlgs = map[string]func() hash.Hash{
	"MD5":         md5.New,
	"SHA":         sha1.New,
	"SHA1":        sha1.New,
	"SHA-1":       sha1.New,
	"SHA224":      sha256.New224,
	"SHA-224":     sha256.New224,
	"SHA256":      sha256.New,
	"SHA-256":     sha256.New,
	"SHA384":      sha512.New384,
	"SHA-384":     sha512.New384,
	"SHA512":      sha512.New,
	"SHA-512":     sha512.New,
	"SHA512/224":  sha512.New512_224,
	"SHA-512/224": sha512.New512_224,
	"SHA512/256":  sha512.New512_256,
	"SHA-512/256": sha512.New512_256,
	"SHA3-224":    func() hash.Hash { return sha3.New224() },
	"SHA3-256":    func() hash.Hash { return sha3.New256() },
	"SHA3-384":    func() hash.Hash { return sha3.New384() },
	"SHA3-512":    func() hash.Hash { return sha3.New512() },
}

func newDigest(alg, super string) (*digest, error) {
	if alg == "" {
		alg = "SHA1"
	}
	newHash := digestAlgs[strings.ToUpper(alg)]
	if newHash == nil {
		return nil, fmt.Errorf("DigestAuthenticationProvider.digestAlg: unknown algorithm %q; use SHA1, "+
			"SHA-256, SHA-512 or SHA3-256", alg)
	}
	d := &digest{newHash: newHash}
	if super != "" {
		d.super = []byte(super)
	}
	return d, nil
}

func (d *digest) Scheme() string { return schemeDigest }

func (d *digest) Authenticate(data []byte) ([]proto.Identity, error) {
	if data == nil {
		return nil, errors.New("null user and password")
	}
	id := d.identity(data)
	own := proto.Identity{Scheme: []byte(schemeDigest), ID: id}
	if d.super != nil && subtle.ConstantTimeCompare(id, d.super) == 1 {
		return []proto.Identity{{Scheme: []byte(schemeSuper), ID: []byte{}}, own}, nil
	}
	return []proto.Identity{own}, nil
}

// identity returns user:hash of user:password, in fresh memory. What is not UTF-8 is hashed as the
// string that Java makes of it, for the sake of lists written by an Apache server.
func (d *digest) identity(userPassword []byte) []byte {
	if !utf8.Valid(userPassword) {
		userPassword = replaceMalformed(userPassword)
	}
	h := d.newHash()
	h.Write(userPassword)
	user := digestUser(userPassword)
	id := make([]byte, 0, len(user)+1+base64.StdEncoding.EncodedLen(h.Size()))
	id = append(append(id, user...), ':')
	return base64.StdEncoding.AppendEncode(id, h.Sum(nil))
}

// ValidID wants user:hash, by the rule of Java's split: empty parts at the end do not count.
func (d *digest) ValidID(id []byte) bool {
	return bytes.Count(bytes.TrimRight(id, ":"), []byte(":")) == 1
}

func (d *digest) Matches(id, aclID []byte) bool { return bytes.Equal(id, aclID) }

func (d *digest) User(id []byte) []byte { return digestUser(id) }

func (d *digest) IdentifiesUsers() bool { return true }

// digestUser returns what stands before the first colon, all of id when there is none.
func digestUser(id []byte) []byte {
	user, _, _ := bytes.Cut(id, []byte(":"))
	return user
}

// replaceMalformed puts U+FFFD in the place of each malformed sequence, one for as many bytes as begin a
// valid character, as Java's decoder does (surrogates encoded on their own apart).
func replaceMalformed(b []byte) []byte {
	out := make([]byte, 0, len(b)+8)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			for n < len(b) && !utf8.FullRune(b[:n+1]) {
				n++ // still the beginning of a character
			}
		}
		out = utf8.AppendRune(out, r)
		b = b[n:]
	}
	return out
}
