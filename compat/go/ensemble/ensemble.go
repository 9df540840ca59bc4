package ensemble

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// The ports of a server in a namespace of its own.
const (
	clientPort   = 2181
	quorumPort   = 2888
	electionPort = 3888
	observerPort = 2889
)

// Options describe an ensemble.
type Options struct {
	Dir       string   // each server has a directory below it, named by its number
	Compat    string   // the directory compat/, whose scripts run the servers
	Kinds     []Kind   // of server 1, 2, ...
	Observers []int    // the numbers of those that do not vote
	Masters   bool     // observers learn from followers. At one address a single follower can serve them
	Lines     []string // further lines of zoo.cfg; they win over the usual ones
	Network   *Network `json:"-"` // nil: all servers are at 127.0.0.1
	Disk      int64    // bytes of a disk for each server's data, in memory; 0: it lies below Dir, on Dir's disk
}

// SetKinds sets Kinds and Observers by a list of gamekeeper and apache, with :observer behind one or not.
func (o *Options) SetKinds(list string) error {
	for i, kind := range strings.Split(list, ",") {
		kind, observer := strings.CutSuffix(kind, ":observer")
		if kind != string(Apache) && kind != string(Gamekeeper) {
			return fmt.Errorf("%q is neither apache nor gamekeeper", kind)
		}
		if observer {
			o.Observers = append(o.Observers, i+1)
		}
		o.Kinds = append(o.Kinds, Kind(kind))
	}
	return nil
}

// Ensemble is a set of servers that know each other.
type Ensemble struct {
	Servers []*Server // server i+1 is at index i
	options Options
	masters int // the port on which followers serve observers; 0: none
}

// New writes the configurations of servers, and starts none.
func New(o Options) (*Ensemble, error) {
	var err error
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, err
	}
	if o.Compat, err = filepath.Abs(o.Compat); err != nil {
		return nil, err
	}
	e := &Ensemble{options: o}
	free := newPorts()
	for i := range o.Kinds {
		s := e.member(i)
		if err := e.place(s, free); err != nil {
			return nil, err
		}
		e.Servers = append(e.Servers, s)
	}
	if o.Masters {
		if e.masters = observerPort; o.Network == nil {
			if e.masters, err = free.next(); err != nil {
				return nil, err
			}
		}
	}
	for _, s := range e.Servers {
		if o.Disk > 0 {
			if err := s.mountDisk(o.Disk); err != nil {
				return nil, err
			}
		}
		if err := e.configure(s); err != nil {
			return nil, err
		}
	}
	return e, e.save()
}

// member returns the server at an index of the options, without addresses.
func (e *Ensemble) member(i int) *Server {
	o := &e.options
	s := &Server{ID: i + 1, Kind: o.Kinds[i], Observer: slices.Contains(o.Observers, i+1), disk: o.Disk,
		dir: filepath.Join(o.Dir, fmt.Sprint(i+1))}
	s.argv = []string{filepath.Join(o.Compat, string(s.Kind)), "run", s.dir}
	if o.Network != nil {
		s.argv = o.Network.command(s.ID, s.argv)
	}
	return s
}

// place gives a server its addresses.
func (e *Ensemble) place(s *Server, free *ports) (err error) {
	if n := e.options.Network; n != nil {
		s.Addr = fmt.Sprintf("%s:%d", n.Address(s.ID), clientPort)
		s.quorum = fmt.Sprintf("%s:%d:%d", n.Address(s.ID), quorumPort, electionPort)
		return nil
	}
	var p [3]int
	for i := range p {
		if p[i], err = free.next(); err != nil {
			return err
		}
	}
	s.Addr, s.quorum = fmt.Sprint("127.0.0.1:", p[0]), fmt.Sprintf("127.0.0.1:%d:%d", p[1], p[2])
	return nil
}

// Server returns a server by its number.
func (e *Ensemble) Server(id int) *Server { return e.Servers[id-1] }

// Voters returns the servers that vote.
func (e *Ensemble) Voters() []*Server {
	return slices.DeleteFunc(slices.Clone(e.Servers), func(s *Server) bool { return s.Observer })
}

// Addrs returns where clients find the servers, the connect string.
func (e *Ensemble) Addrs() []string {
	var addrs []string
	for _, s := range e.Servers {
		addrs = append(addrs, s.Addr)
	}
	return addrs
}

// Start launches the servers that do not run, and waits until all serve.
func (e *Ensemble) Start(ctx context.Context) error {
	for _, s := range e.Servers {
		if !s.Running() {
			if err := s.Launch(); err != nil {
				return err
			}
		}
	}
	return e.Await(ctx, e.Servers...)
}

// StartFirst is Start for an ensemble whose named servers, a quorum, are to elect one of them before the rest start.
func (e *Ensemble) StartFirst(ctx context.Context, ids ...int) error {
	var first []*Server
	for _, id := range ids {
		first = append(first, e.Server(id))
		if err := e.Server(id).Launch(); err != nil {
			return err
		}
	}
	if err := e.Await(ctx, first...); err != nil {
		return err
	}
	return e.Start(ctx)
}

// Await waits until the servers serve, exactly one of the whole ensemble as leader. It is an EndedError if one of
// them ends instead.
func (e *Ensemble) Await(ctx context.Context, servers ...*Server) error {
	var ended *Server
	done := poll(ctx, func() bool {
		for _, s := range servers {
			if !s.revive() {
				ended = s
				return true
			}
			if s.Status().Mode == "" {
				return false
			}
		}
		return e.Leader() != nil
	})
	switch {
	case ended != nil:
		return &EndedError{ended}
	case !done:
		return fmt.Errorf("no ensemble that serves, %w: %s", ctx.Err(), e)
	}
	return nil
}

// EndedError says that a server has ended which was to serve.
type EndedError struct{ Server *Server }

func (e *EndedError) Error() string {
	return fmt.Sprintf("%s has ended; the end of its log:\n%s", e.Server, tail(e.Server.Log(), 30))
}

// Leader returns the server that says it leads; nil if there is none, or more than one.
func (e *Ensemble) Leader() *Server {
	var leader *Server
	for _, s := range e.Servers {
		if s.paused || s.Status().Mode != Leading {
			continue
		}
		if leader != nil {
			return nil
		}
		leader = s
	}
	return leader
}

// AwaitLeader waits until one of the servers that are not paused leads.
func (e *Ensemble) AwaitLeader(ctx context.Context) (*Server, error) {
	var leader *Server
	elected := func() bool {
		for _, s := range e.Servers {
			s.revive()
		}
		leader = e.Leader()
		return leader != nil
	}
	if !poll(ctx, elected) {
		return nil, fmt.Errorf("nobody leads, %w: %s", ctx.Err(), e)
	}
	return leader, nil
}

// String tells what every server says of itself.
func (e *Ensemble) String() string {
	var b strings.Builder
	for _, s := range e.Servers {
		st := s.Status()
		switch {
		case !s.Running():
			st.Mode = "not running"
		case s.paused:
			st.Mode = "paused"
		case st.Mode == "":
			st.Mode = "not serving"
		}
		fmt.Fprintf(&b, "%s at %s: %s, zxid %#x; ", s, s.Addr, st.Mode, st.Zxid)
	}
	return strings.TrimSuffix(b.String(), "; ")
}

// Close kills all servers.
func (e *Ensemble) Close() error {
	var errs []error
	for _, s := range e.Servers {
		errs = append(errs, s.Kill())
	}
	return errors.Join(errs...)
}

// Logs returns the last lines of every server's log.
func (e *Ensemble) Logs(lines int) string {
	var b strings.Builder
	for _, s := range e.Servers {
		fmt.Fprintf(&b, "--- %s\n%s\n", s, tail(s.Log(), lines))
	}
	return b.String()
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// Remove removes the files of an ensemble none of whose servers run.
func (e *Ensemble) Remove() error {
	if e.options.Disk > 0 {
		for _, s := range e.Servers {
			if err := syscall.Unmount(s.Data(), 0); err != nil {
				return fmt.Errorf("unmount the disk of %s: %w", s, err)
			}
		}
	}
	return os.RemoveAll(e.options.Dir)
}
