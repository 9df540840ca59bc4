package target

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"unicode"
)

// Kind says what a target's servers are.
type Kind string

// The kinds.
const (
	Running    Kind = "running"    // servers that somebody else has started
	Gamekeeper Kind = "gamekeeper" // started here
	Apache     Kind = "apache"     // Apache ZooKeeper, started here
)

// The most servers of an ensemble that is started; with them it keeps to one block of ports.
const (
	votersMax    = 9
	observersMax = 9
)

// Spec says which servers to measure.
type Spec struct {
	Name      string // for people, unique among the targets of a run
	Kind      Kind
	Servers   []string // host:port of each, if they run already
	Program   string   // the binary of Gamekeeper, or the folder of Apache's jars; "" is that of the options
	Voters    int      // of those that are started; 1 is a standalone server
	Observers int      // besides them
}

// Parse reads what a user writes: [NAME=] and then host:port[,host:port...] for servers that run, or gamekeeper or
// apache for one that is to be started, or gamekeeper:3 or apache:3+2 for an ensemble of so many voters and observers.
// gamekeeper@BINARY and apache@FOLDER, with :3+2 or without, are those of a certain version.
func Parse(s string) (Spec, error) {
	name, what, named := strings.Cut(s, "=")
	if !named {
		name, what = "", s
	}
	if named && !plain(name) {
		return Spec{}, usageError("target %q: its name is empty or holds a blank or a comma: write for instance before=gamekeeper", s)
	}
	spec, err := parseServers(what)
	if err != nil {
		return Spec{}, err
	}
	switch {
	case named:
		spec.Name = name
	case spec.Kind == Running:
		spec.Name = spec.Servers[0]
	default:
		spec.Name = string(spec.Kind)
	}
	return spec, nil
}

// plain tells whether a name can stand in a list and in a line of text.
func plain(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r == ',' || !unicode.IsPrint(r) || unicode.IsSpace(r)
	})
}

func parseServers(what string) (Spec, error) {
	if strings.HasPrefix(what, string(Gamekeeper)) || strings.HasPrefix(what, string(Apache)) {
		if spec, ok, err := parseStarted(what); ok || err != nil {
			return spec, err
		}
	}
	spec := Spec{Kind: Running}
	for server := range strings.SplitSeq(what, ",") {
		address, err := Address(server)
		if err != nil {
			return Spec{}, err
		}
		spec.Servers = append(spec.Servers, address)
	}
	return spec, nil
}

// parseStarted reads KIND[@PROGRAM][:VOTERS[+OBSERVERS]]; it is not ok if what is something else, such as a host.
func parseStarted(what string) (_ Spec, ok bool, _ error) {
	kind, program, versioned := strings.Cut(what, "@")
	rest, size, sized := kind, "", false
	if versioned {
		rest = program
	}
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		rest, size, sized = rest[:i], rest[i+1:], true
	}
	spec := Spec{Voters: 1}
	if versioned {
		spec.Kind, spec.Program = Kind(kind), rest
	} else {
		spec.Kind = Kind(rest)
	}
	if spec.Kind != Gamekeeper && spec.Kind != Apache || strings.Contains(size, ",") {
		return Spec{}, false, nil
	}
	if versioned && spec.Program == "" {
		return Spec{}, false, usageError("target %s: nothing follows @: it is the binary of Gamekeeper, or the folder of Apache's jars", what)
	}
	if !sized {
		return spec, true, nil
	}
	voters, observers, ok := parseSize(size)
	if !ok {
		return Spec{}, false, usageError("target %s: an ensemble has 1 to %d voters and up to %d observers, as in %s:3+2; "+
			"for a server that runs on a host called %[4]s write %[4]s.:PORT", what, votersMax, observersMax, spec.Kind)
	}
	if voters == 1 && observers > 0 {
		return Spec{}, false, usageError("target %s: observers need an ensemble, which has two voters or more", what)
	}
	spec.Voters, spec.Observers = voters, observers
	return spec, true, nil
}

// parseSize reads VOTERS or VOTERS+OBSERVERS.
func parseSize(size string) (voters, observers int, ok bool) {
	v, o, some := strings.Cut(size, "+")
	voters, err := strconv.Atoi(v)
	if err != nil || voters < 1 || voters > votersMax {
		return 0, 0, false
	}
	if some {
		observers, err = strconv.Atoi(o)
		if err != nil || observers < 0 || observers > observersMax {
			return 0, 0, false
		}
	}
	return voters, observers, true
}

// Address reads the host:port of a server; a host alone means the usual port.
func Address(s string) (string, error) {
	if s == "" {
		return "", usageError("a server without a name: it is host:port")
	}
	if _, port, err := net.SplitHostPort(s); err == nil && port != "" {
		return s, nil
	}
	if strings.ContainsAny(s, ":[]") {
		return "", usageError("server %q is not host:port", s)
	}
	return net.JoinHostPort(s, "2181"), nil
}

// Starts tells whether the servers are started, and not only measured.
func (s Spec) Starts() bool { return s.Kind != Running }

// size is the number of servers.
func (s Spec) size() int {
	if !s.Starts() {
		return len(s.Servers)
	}
	return s.Voters + s.Observers
}

// String is the spec as Parse takes it.
func (s Spec) String() string {
	what := strings.Join(s.Servers, ",")
	if s.Starts() {
		what = string(s.Kind)
		if s.Program != "" {
			what += "@" + s.Program
		}
		if s.size() > 1 {
			what += fmt.Sprint(":", s.Voters)
		}
		if s.Observers > 0 {
			what += fmt.Sprint("+", s.Observers)
		}
	}
	return s.Name + "=" + what
}

// member is the name of a server, by its number from 1 on.
func (s Spec) member(id int) string { return fmt.Sprintf("%s-%d", s.Name, id) }
