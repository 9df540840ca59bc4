package config

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
)

// Role is a server's part in the ensemble.
type Role int

// The roles of a membership list, numbered as Apache shows them in its word conf.
const (
	Participant Role = iota // votes
	Observer                // learns what the others agreed
)

// String returns the role as a membership list writes it.
func (r Role) String() string {
	if r == Observer {
		return "observer"
	}
	return "participant"
}

// HostPort is one end of a connection. The host is as written and not looked up; it carries no brackets.
type HostPort struct {
	Host string
	Port int
}

// String returns host:port, an IPv6 host in brackets.
func (a HostPort) String() string { return net.JoinHostPort(a.Host, strconv.Itoa(a.Port)) }

// ServerAddress is one address at which the other servers reach a server.
type ServerAddress struct {
	Host         string
	QuorumPort   int // where a leader's learners connect
	ElectionPort int // where votes are exchanged
}

// Server is one line server.N.
type Server struct {
	ID        int64
	Addresses []ServerAddress // one at least
	Role      Role
	Client    *HostPort // client part of the line; nil when it has none
	Secure    *HostPort // TLS client part; nil when it has none
	Weight    int64     // of its vote, from weight.N; 1 without such a line
}

// String returns the line's value in the form Apache writes it, which is also what clients read in
// /zookeeper/config: addresses sorted by host, the role always spelled out.
func (s Server) String() string {
	sorted := slices.SortedStableFunc(slices.Values(s.Addresses),
		func(a, b ServerAddress) int { return cmp.Compare(a.Host, b.Host) })
	var b strings.Builder
	for i, a := range sorted {
		if i > 0 {
			b.WriteByte('|')
		}
		fmt.Fprintf(&b, "%s:%d", HostPort{a.Host, a.QuorumPort}, a.ElectionPort)
	}
	b.WriteString(":" + s.Role.String())
	if s.Client != nil {
		b.WriteString(";" + s.Client.String())
	}
	if s.Secure != nil {
		if s.Client == nil {
			b.WriteByte(';')
		}
		b.WriteString(";" + s.Secure.String())
	}
	return b.String()
}

// Group is one line group.N of a hierarchical quorum.
type Group struct {
	ID      int64
	Members []int64 // server numbers, sorted
}

// Membership is the list of an ensemble's servers.
type Membership struct {
	// Version is the zxid of the change that made this list; 0 for one written by hand.
	Version int64
	Servers []Server // sorted by ID
	Groups  []Group  // sorted by ID; empty means that a majority of the participants decides
}

// Server returns the server with the number id.
func (m Membership) Server(id int64) (Server, bool) {
	i, found := slices.BinarySearchFunc(m.Servers, id, func(s Server, id int64) int { return cmp.Compare(s.ID, id) })
	if !found {
		return Server{}, false
	}
	return m.Servers[i], true
}

// Participants returns how many servers vote.
func (m Membership) Participants() int {
	n := 0
	for _, s := range m.Servers {
		if s.Role == Participant {
			n++
		}
	}
	return n
}

// String returns the list as Apache writes it: one line each, then the version in hexadecimal without an
// end of line.
func (m Membership) String() string {
	var b strings.Builder
	for _, s := range m.Servers {
		fmt.Fprintf(&b, "server.%d=%s\n", s.ID, s)
	}
	for _, g := range m.Groups {
		fmt.Fprintf(&b, "group.%d=%s\n", g.ID, joinIDs(g.Members))
	}
	if len(m.Groups) > 0 {
		for _, s := range m.Servers {
			if s.Role == Participant {
				fmt.Fprintf(&b, "weight.%d=%d\n", s.ID, s.Weight)
			}
		}
	}
	fmt.Fprintf(&b, "version=%x", uint64(m.Version))
	return b.String()
}

func joinIDs(ids []int64) string {
	text := make([]string, len(ids))
	for i, id := range ids {
		text[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(text, ":")
}

const serverForm = "the form is host:port:port[:participant|:observer][;[host:]clientPort], several addresses separated by |"

// parseServer reads the value of server.N.
func parseServer(id int64, value string) (Server, error) {
	s := Server{ID: id, Weight: 1}
	// Apache's split drops empty parts at the end, so host:1:2; is accepted.
	parts := strings.Split(strings.TrimRight(value, ";"), ";")
	if len(parts) > 3 {
		return Server{}, fmt.Errorf("too many parts between semicolons; %s", serverForm)
	}
	role := Role(-1)
	for _, text := range strings.Split(parts[0], "|") {
		address, r, err := parseServerAddress(text)
		if err != nil {
			return Server{}, err
		}
		if r >= 0 && role >= 0 && r != role {
			return Server{}, fmt.Errorf("its addresses have different roles; write the same role at each address")
		}
		role = max(role, r)
		s.Addresses = append(s.Addresses, address)
	}
	s.Role = max(role, Participant)

	var err error
	if len(parts) > 1 {
		if s.Client, err = parseClientPart(parts[1]); err != nil {
			return Server{}, err
		}
	}
	if len(parts) > 2 {
		if s.Secure, err = parseClientPart(parts[2]); err != nil {
			return Server{}, err
		}
	}
	return s, nil
}

// parseServerAddress reads host:port:port[:role]; the role is -1 when there is none.
func parseServerAddress(text string) (ServerAddress, Role, error) {
	host, rest, err := cutHost(trim(text))
	if err != nil {
		return ServerAddress{}, 0, err
	}
	if host == "" || len(rest) < 2 || len(rest) > 3 {
		return ServerAddress{}, 0, fmt.Errorf("%q is not an address; %s", text, serverForm)
	}
	a := ServerAddress{Host: host}
	if a.QuorumPort, err = parsePort(rest[0], 1); err != nil {
		return ServerAddress{}, 0, fmt.Errorf("quorum port %w; %s", err, serverForm)
	}
	if a.ElectionPort, err = parsePort(rest[1], 1); err != nil {
		return ServerAddress{}, 0, fmt.Errorf("election port %w; %s", err, serverForm)
	}
	if a.QuorumPort == a.ElectionPort {
		return ServerAddress{}, 0, fmt.Errorf("quorum port and election port are both %d; they must differ, for instance 2888 and 3888", a.QuorumPort)
	}
	role := Role(-1)
	if len(rest) == 3 {
		if role, err = parseRole(rest[2]); err != nil {
			return ServerAddress{}, 0, err
		}
	}
	return a, role, nil
}

// parseClientPart reads [host:]port, where no host stands for every address; empty is nil.
func parseClientPart(text string) (*HostPort, error) {
	if trim(text) == "" {
		return nil, nil
	}
	host, rest, err := cutHost(trim(text))
	if err != nil {
		return nil, err
	}
	if len(rest) == 0 {
		host, rest = "0.0.0.0", []string{host}
	}
	if len(rest) != 1 || host == "" {
		return nil, fmt.Errorf("%q is not a client port or host:port; %s", text, serverForm)
	}
	port, err := parsePort(rest[0], 1)
	if err != nil {
		return nil, fmt.Errorf("client port %w; %s", err, serverForm)
	}
	return &HostPort{Host: host, Port: port}, nil
}

// cutHost separates the host, which may be an IPv6 address in brackets, from what follows it at colons.
func cutHost(text string) (host string, rest []string, err error) {
	if !strings.HasPrefix(text, "[") {
		parts := strings.Split(text, ":")
		return parts[0], parts[1:], nil
	}
	host, after, found := strings.Cut(text[1:], "]")
	if !found {
		return "", nil, fmt.Errorf("%q has no ] for its [; write an IPv6 host as [::1]", text)
	}
	if net.ParseIP(strings.SplitN(host, "%", 2)[0]) == nil {
		return "", nil, fmt.Errorf("%q in brackets is not an IPv6 address", host)
	}
	if after == "" {
		return host, nil, nil
	}
	if after[0] != ':' {
		return "", nil, fmt.Errorf("%q has no : after its ]", text)
	}
	return host, strings.Split(after[1:], ":"), nil
}

func parsePort(text string, lowest int) (int, error) {
	n, err := strconv.Atoi(trim(text))
	if err != nil || n < lowest || n > 65535 {
		return 0, fmt.Errorf("%q is not a port from %d to 65535", text, lowest)
	}
	return n, nil
}

func parseRole(text string) (Role, error) {
	switch strings.ToLower(trim(text)) {
	case "participant":
		return Participant, nil
	case "observer":
		return Observer, nil
	}
	return 0, fmt.Errorf("%q is not a role; write participant or observer", text)
}

// isMembershipKey reports whether the key belongs to the membership list.
func isMembershipKey(key string) bool {
	return strings.HasPrefix(key, "server.") || strings.HasPrefix(key, "group.") ||
		strings.HasPrefix(key, "weight.") || key == "version"
}

// membershipBuilder gathers the lines of a membership list, in whatever order they come.
type membershipBuilder struct {
	m       Membership
	weights map[int64]int64
}

// add takes one line for which isMembershipKey holds.
func (b *membershipBuilder) add(key, value string) error {
	if key == "version" {
		v, err := strconv.ParseUint(value, 16, 63)
		if err != nil {
			return fmt.Errorf("not a hexadecimal version; remove the line, servers write it themselves")
		}
		b.m.Version = int64(v)
		return nil
	}
	kind, number, _ := strings.Cut(key, ".")
	id, err := strconv.ParseInt(number, 10, 64)
	if err != nil || id < 0 {
		return fmt.Errorf("%q is not a number; write for instance %s.1", number, kind)
	}
	switch kind {
	case "server":
		return b.addServer(id, value)
	case "group":
		return b.addGroup(id, value)
	}
	w, err := strconv.ParseInt(value, 10, 64)
	if err != nil || w < 0 {
		return fmt.Errorf("not a weight; write a whole number from 0")
	}
	if _, twice := b.weights[id]; twice {
		return fmt.Errorf("server %d has a weight already; remove one of the lines", id)
	}
	if b.weights == nil {
		b.weights = make(map[int64]int64)
	}
	b.weights[id] = w
	return nil
}

func (b *membershipBuilder) addServer(id int64, value string) error {
	s, err := parseServer(id, value)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(b.m.Servers, func(o Server) bool { return o.ID == id }) {
		return fmt.Errorf("server %d is listed twice; give every server its own number", id)
	}
	b.m.Servers = append(b.m.Servers, s)
	return nil
}

func (b *membershipBuilder) addGroup(id int64, value string) error {
	if slices.ContainsFunc(b.m.Groups, func(g Group) bool { return g.ID == id }) {
		return fmt.Errorf("group %d is listed twice; write its servers on one line, as in group.%d=1:2:3", id, id)
	}
	g := Group{ID: id}
	for _, text := range strings.Split(value, ":") {
		sid, err := strconv.ParseInt(trim(text), 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not a server's number; write for instance group.%d=1:2:3", text, id)
		}
		for _, other := range append(b.m.Groups, g) {
			if slices.Contains(other.Members, sid) {
				return fmt.Errorf("server %d is in group %d already; a server is in one group", sid, other.ID)
			}
		}
		g.Members = append(g.Members, sid)
	}
	slices.Sort(g.Members)
	b.m.Groups = append(b.m.Groups, g)
	return nil
}

// membership returns the finished list. What does not fit together is left to Config.Validate, except
// weights, which have no place in a list without groups.
func (b *membershipBuilder) membership() (Membership, error) {
	m := b.m
	slices.SortFunc(m.Servers, func(x, y Server) int { return cmp.Compare(x.ID, y.ID) })
	slices.SortFunc(m.Groups, func(x, y Group) int { return cmp.Compare(x.ID, y.ID) })
	for _, id := range slices.Sorted(maps.Keys(b.weights)) {
		key := fmt.Sprintf("weight.%d", id)
		i := slices.IndexFunc(m.Servers, func(s Server) bool { return s.ID == id })
		switch {
		case i < 0:
			return Membership{}, wrong(key, "there is no server.%d; remove the line or add the server", id)
		case len(m.Groups) == 0:
			return Membership{}, wrong(key, "weights need groups; add lines such as group.1=1:2:3")
		}
		m.Servers[i].Weight = b.weights[id]
	}
	return m, nil
}
