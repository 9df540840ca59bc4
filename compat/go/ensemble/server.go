package ensemble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Kind is which program a server is; it has the name of the script below compat/ that runs it.
type Kind string

// The two kinds.
const (
	Apache     Kind = "apache"
	Gamekeeper Kind = "gamekeeper"
)

// Server is one member of an ensemble. It may run or not.
type Server struct {
	ID       int
	Kind     Kind
	Addr     string // for clients, host:port
	Observer bool

	quorum string // host:port:port for the other servers
	dir    string
	disk   int64 // bytes; 0 for none of its own
	argv   []string
	exited chan struct{} // closed when the process that this program started has ended; nil for none
	paused bool
	wanted bool // launched by this program and not ended by it
	deaths int  // how often revive found it dead
}

func (s *Server) String() string { return fmt.Sprintf("server %d (%s)", s.ID, s.Kind) }

func (s *Server) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// Data is the directory with the server's files.
func (s *Server) Data() string { return s.path("data") }

// Log returns what the server has said since the ensemble was made.
func (s *Server) Log() string {
	b, _ := os.ReadFile(s.path("log"))
	return string(b)
}

// Launch starts the server and does not wait for it to serve.
func (s *Server) Launch() error {
	if s.Running() {
		return fmt.Errorf("%s runs already", s)
	}
	log, err := os.OpenFile(s.path("log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(s.argv[0], s.argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s, err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	s.exited, s.paused, s.wanted = exited, false, true
	return os.WriteFile(s.path("pid"), []byte(strconv.Itoa(cmd.Process.Pid)), 0o644)
}

// maxDeaths is how often revive starts one server again.
const maxDeaths = 3

// revive does for a server of Apache's what its operator's supervisor does: it starts it again if it ended by itself.
// An Apache follower can, when its leader dies under load: a transaction that it had applied, but not yet put into its
// list of committed proposals, makes it find that list out of order and give up (IllegalStateException in
// ZKDatabase.addCommittedProposal, 3.9.5). It is false if the server does not run and stays so.
func (s *Server) revive() bool {
	switch {
	case s.Running():
		return true
	case s.Kind != Apache, !s.wanted, s.deaths == maxDeaths:
		return false
	}
	s.deaths++
	return s.Launch() == nil
}

// environment is that of a server. Apache's are to start fast, unless the caller wants it otherwise: here they seldom
// live long enough for what the compiler of the Java VM would gain.
func environment() []string {
	env := os.Environ()
	for key, value := range map[string]string{
		"COMPAT_APACHE_HEAP": "256m",
		"COMPAT_APACHE_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData",
	} {
		if _, set := os.LookupEnv(key); !set {
			env = append(env, key+"="+value)
		}
	}
	return env
}

// PID is the process, or 0 if the server does not run.
func (s *Server) PID() int {
	b, err := os.ReadFile(s.path("pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || !alive(pid) {
		return 0
	}
	return pid
}

// alive tells whether a process still runs; one that only waits to be reaped does not.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	switch processState(b) {
	case "":
		return false
	case "Z", "X":
	default:
		return true
	}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid)) // a leader that has gone may leave threads
	return err == nil && len(threads) > 1
}

// Running tells whether there is a process.
func (s *Server) Running() bool { return s.PID() != 0 }

// Kill ends the server with SIGKILL and waits until it has gone.
func (s *Server) Kill() error { return s.finish(syscall.SIGKILL) }

// Stop ends the server with SIGTERM and waits until it has gone.
func (s *Server) Stop() error { return s.finish(syscall.SIGTERM) }

func (s *Server) finish(sig syscall.Signal) error {
	s.wanted = false
	pid := s.PID()
	if pid == 0 {
		return nil
	}
	if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("end %s: %w", s, err)
	}
	if s.paused && sig != syscall.SIGKILL {
		if err := s.Resume(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if !poll(ctx, func() bool { return !alive(pid) }) {
		return fmt.Errorf("%s (process %d) does not end on %v", s, pid, sig)
	}
	if s.exited != nil {
		<-s.exited
	}
	return nil
}

// Pause stops the process in its tracks: when it returns no thread runs. The machine still takes packets for it.
func (s *Server) Pause() error {
	s.paused = true
	if err := s.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	pid := s.PID()
	if !poll(ctx, func() bool { return stopped(pid) }) {
		return fmt.Errorf("%s (process %d) does not stop", s, pid)
	}
	return nil
}

// stopped tells whether every thread of a process has stopped.
func stopped(pid int) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, thread := range threads {
		b, err := os.ReadFile(thread)
		if err != nil {
			continue // the thread has ended
		}
		if state := processState(b); state != "T" && state != "Z" {
			return false
		}
	}
	return err == nil
}

// processState finds the state in what /proc/PID/stat holds: it stands after the name, which is in parentheses.
func processState(stat []byte) string {
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(f) == 0 {
		return ""
	}
	return string(f[0])
}

// Resume undoes Pause.
func (s *Server) Resume() error {
	s.paused = false
	return s.signal(syscall.SIGCONT)
}

func (s *Server) signal(sig syscall.Signal) error {
	pid := s.PID()
	if pid == 0 {
		return fmt.Errorf("%s does not run", s)
	}
	return syscall.Kill(pid, sig)
}

// Wipe removes all data of a server that does not run; it keeps its number.
func (s *Server) Wipe() error {
	entries, err := os.ReadDir(s.Data())
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := os.RemoveAll(s.path("data", entry.Name())); err != nil {
			return err
		}
	}
	return s.writeID()
}

// poll waits until a condition holds; false if the context ends first.
func poll(ctx context.Context, condition func() bool) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}
