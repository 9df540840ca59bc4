package ensemble

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
)

// configure writes the server's zoo.cfg and myid.
func (e *Ensemble) configure(s *Server) error {
	if err := os.MkdirAll(s.path("data"), 0o755); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return err
	}
	lines := []string{
		"dataDir=" + s.path("data"), "clientPort=" + port, "clientPortAddress=" + host,
		"tickTime=2000", "initLimit=10", "syncLimit=5", "4lw.commands.whitelist=*", "admin.enableServer=false",
	}
	for _, peer := range e.Servers {
		line := fmt.Sprintf("server.%d=%s", peer.ID, peer.quorum)
		if peer.Observer {
			line += ":observer"
		}
		lines = append(lines, line)
	}
	if e.masters > 0 {
		lines = append(lines, fmt.Sprintf("observerMasterPort=%d", e.masters))
	}
	if s.Observer {
		lines = append(lines, "peerType=observer")
	}
	lines = override(lines, e.options.Lines)
	if err := os.WriteFile(s.path("zoo.cfg"), []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	return s.writeID()
}

// override returns lines with those of the second list in place of lines with the same keys.
func override(lines, by []string) []string {
	set := map[string]bool{}
	for _, line := range by {
		set[keyOf(line)] = true
	}
	lines = slices.DeleteFunc(lines, func(line string) bool { return set[keyOf(line)] })
	return append(lines, by...)
}

func keyOf(line string) string {
	key, _, _ := strings.Cut(line, "=")
	return strings.TrimSpace(key)
}

func (s *Server) writeID() error {
	return os.WriteFile(s.path("data", "myid"), []byte(fmt.Sprintln(s.ID)), 0o644)
}

// ports hands out ports of 127.0.0.1 that nobody listens on. They lie below the range that the system takes for
// outgoing connections, or a client could be given the port of a server that is away for a moment.
type ports struct{ last int }

func newPorts() *ports { return &ports{last: 12000 + rand.IntN(8000)} }

func (p *ports) next() (int, error) {
	var err error
	for range 1000 {
		p.last++
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprint("127.0.0.1:", p.last)); err == nil {
			return p.last, l.Close()
		}
	}
	return 0, fmt.Errorf("no free port: %w", err)
}
