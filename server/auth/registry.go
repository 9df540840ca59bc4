package auth

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"gamekeeper/proto"
)

// Errors of Authenticate. The client is answered with proto.AuthFailed and its connection closed,
// whichever it is.
var (
	ErrUnknownScheme = errors.New("no such authentication scheme")
	ErrRefused       = errors.New("authentication refused")
)

// maxIdentities bounds the identities of a connection: each costs memory and time on every check.
// Clients have one or two.
const maxIdentities = 1000

// Config says which schemes there are and what they demand. Keys are those of zoo.cfg, or of the Java
// system properties that Apache takes them from.
type Config struct {
	SkipACL       bool   // skipACL=yes: every operation is allowed
	DigestEnabled bool   // DigestAuthenticationProvider.enabled
	DigestAlg     string // DigestAuthenticationProvider.digestAlg; "" is SHA1
	SuperDigest   string // DigestAuthenticationProvider.superDigest, user:base64; "" is no super user

	// Enforce closes connections that hold no identity of one of EnforceSchemes (enforce.auth.enabled,
	// enforce.auth.schemes; sessionRequireClientSASLAuth is Enforce with the scheme sasl).
	Enforce        bool
	EnforceSchemes []string

	Providers []Provider // schemes beyond those built in; a built-in scheme of the same name gives way
}

// Provider implements one scheme. Any goroutine may call it.
type Provider interface {
	// Scheme returns the name, for instance "sasl".
	Scheme() string
	// Authenticate turns the data of an auth request, nil when null, into the identities it proves. It
	// must not keep data.
	Authenticate(data []byte) ([]proto.Identity, error)
	// ValidID says whether id may stand in an access control entry.
	ValidID(id []byte) bool
	// Matches says whether a connection with identity id is meant by an entry for aclID. It must not
	// allocate.
	Matches(id, aclID []byte) bool
	// User returns the user that id names, as whoAmI shows it. The result may alias id.
	User(id []byte) []byte
	// IdentifiesUsers says whether the scheme's identities stand for users, so that the scheme auth in a
	// new list expands to them.
	IdentifiesUsers() bool
}

// Registry knows the schemes and applies the rules.
type Registry struct {
	skipACL   bool
	enforce   []string // schemes; nil when nothing is enforced
	providers []registered
}

type registered struct {
	scheme string
	Provider
}

// New checks cfg and returns its registry. Errors name the configuration key that is wrong.
func New(cfg Config) (*Registry, error) {
	r := &Registry{skipACL: cfg.SkipACL}
	for _, p := range cfg.Providers {
		r.add(p)
	}
	if cfg.DigestEnabled {
		d, err := newDigest(cfg.DigestAlg, cfg.SuperDigest)
		if err != nil {
			return nil, err
		}
		r.add(d)
	}
	r.add(ip{})
	if !cfg.Enforce {
		return r, nil
	}
	if len(cfg.EnforceSchemes) == 0 {
		return nil, errors.New("enforce.auth.enabled is true, but enforce.auth.schemes names no scheme")
	}
	for _, s := range cfg.EnforceSchemes {
		s = strings.TrimSpace(s)
		if r.provider([]byte(s)) == nil {
			return nil, fmt.Errorf("enforced authentication scheme %q is not available: remove it from "+
				"enforce.auth.schemes (or unset sessionRequireClientSASLAuth) or configure its provider", s)
		}
		r.enforce = append(r.enforce, s)
	}
	return r, nil
}

// add registers p unless its scheme is taken.
func (r *Registry) add(p Provider) {
	if r.provider([]byte(p.Scheme())) == nil {
		r.providers = append(r.providers, registered{p.Scheme(), p})
	}
}

// provider returns the provider of scheme, or nil. There are so few that a scan beats a map.
func (r *Registry) provider(scheme []byte) Provider {
	for i := range r.providers {
		if r.providers[i].scheme == string(scheme) {
			return r.providers[i].Provider
		}
	}
	return nil
}

// Authenticate handles the fields of an auth request, nil when null, and returns ids with what it
// proved. On an error the connection is to be closed. It keeps neither slice.
func (r *Registry) Authenticate(ids Identities, scheme, data []byte) (Identities, error) {
	p := r.provider(scheme)
	if p == nil {
		return ids, fmt.Errorf("%w: %q", ErrUnknownScheme, scheme)
	}
	added, err := p.Authenticate(data)
	if err != nil {
		return ids, fmt.Errorf("%w: scheme %s: %w", ErrRefused, scheme, err)
	}
	for _, id := range added {
		ids = ids.With(id)
	}
	if ids.Len() > maxIdentities {
		return ids, fmt.Errorf("%w: more than %d identities on one connection", ErrRefused, maxIdentities)
	}
	return ids, nil
}

// Enforced says whether ids satisfy the forced authentication, trivially when nothing is enforced. If
// not, every request but auth and sasl is answered with proto.SessionRequireSASLAuth and the connection
// closed.
func (r *Registry) Enforced(ids Identities) bool {
	if r.enforce == nil {
		return true
	}
	for _, id := range ids.slice() {
		for _, s := range r.enforce {
			if string(id.Scheme) == s {
				return true
			}
		}
	}
	return false
}

// Users yields scheme and user of every identity, as whoAmI answers. The user is empty when the scheme
// has no provider, as super has not.
func (r *Registry) Users(ids Identities) iter.Seq2[[]byte, []byte] {
	return func(yield func(scheme, user []byte) bool) {
		for _, id := range ids.slice() {
			user := []byte{}
			if p := r.provider(id.Scheme); p != nil {
				user = p.User(id.ID)
			}
			if !yield(id.Scheme, user) {
				return
			}
		}
	}
}
