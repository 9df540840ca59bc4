package target

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// server is one server of a target. What changes is guarded by the mutex of the target.
type server struct {
	name    string // of the process in reports
	address string // host:port for clients
	metrics string // URL; "" if there is none
	dir     string // of its files, if it was started
	argv    []string

	process *process // the latest; nil if none was started
	pid     int      // of a server that somebody else has started; 0 is unknown
	wanted  bool     // was started, and not ended by the run
	paused  bool
	claimed bool // a fault is about this server
	deaths  int  // how often it ended by itself
}

func (s *server) data() string   { return filepath.Join(s.dir, "data") }
func (s *server) log() string    { return filepath.Join(s.dir, "log") }
func (s *server) config() string { return filepath.Join(s.dir, "zoo.cfg") }

func (s *server) running() bool { return s.process != nil && s.process.running() }

// launch starts the server and does not wait until it serves.
func (s *server) launch() error {
	p, err := launch(s.argv, s.dir, s.log())
	if err != nil {
		return err
	}
	s.process, s.wanted, s.paused = p, true, false
	return nil
}

// tail is the end of what the server has said.
func (s *server) tail() string {
	const lines = 15
	text, err := os.ReadFile(s.log())
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "  " + strings.Join(all[max(0, len(all)-lines):], "\n  ")
}

// write makes the files of a server that has never run.
func (s *server) write(id int, lines []string) error {
	if err := os.MkdirAll(s.data(), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.data(), "myid"), fmt.Appendln(nil, id), 0o600); err != nil {
		return err
	}
	return os.WriteFile(s.config(), []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}
