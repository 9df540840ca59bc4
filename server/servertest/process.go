package servertest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"time"
)

// Build builds the binary of this module into dir and returns its path. It must be called by a test of the
// module: the go command finds the module from the working directory.
func Build(dir string) (string, error) {
	path := filepath.Join(dir, "gamekeeper")
	out, err := exec.Command("go", "build", "-o", path, "gamekeeper").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return path, nil
}

// Process is a server in a process of its own. It belongs to one goroutine. Whoever launched it calls End.
type Process struct {
	cmd    *exec.Cmd
	serves chan string // the address, once; closed when the log has ended

	mu  sync.Mutex
	log bytes.Buffer
}

// Launch starts the binary on a free port of the loopback interface, with settings that are key=value.
func Launch(binary string, settings ...string) (*Process, error) {
	args := []string{"server"}
	for _, s := range append([]string{"clientPort=0", "clientPortAddress=127.0.0.1"}, settings...) {
		args = append(args, "--set", s)
	}
	p := &Process{cmd: exec.Command(binary, args...), serves: make(chan string, 1)}
	pipe, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	serving := regexp.MustCompile(`msg="serving clients" address=(\S+)`)
	go func() {
		defer close(p.serves)
		lines := bufio.NewScanner(pipe)
		for lines.Scan() {
			p.mu.Lock()
			p.log.Write(append(lines.Bytes(), '\n'))
			p.mu.Unlock()
			if m := serving.FindSubmatch(lines.Bytes()); m != nil {
				p.serves <- string(m[1])
			}
		}
	}()
	return p, nil
}

// ErrEarly is what AddressBy returns when the process does not serve in time.
var ErrEarly = errors.New("the server does not serve yet")

// Address waits until clients are served, and returns where.
func (p *Process) Address() (string, error) { return p.AddressBy(nil) }

// AddressBy is Address with an end.
func (p *Process) AddressBy(end <-chan time.Time) (string, error) {
	select {
	case addr, ok := <-p.serves:
		if !ok {
			return "", fmt.Errorf("the server ended while it started:\n%s", p.Log())
		}
		return addr, nil
	case <-end:
		return "", ErrEarly
	case <-time.After(Patience):
		return "", fmt.Errorf("the server does not start:\n%s", p.Log())
	}
}

// End sends a signal, waits for the end, and returns the exit code: -1 when the signal ended the process.
func (p *Process) End(sig os.Signal) (int, error) {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, err
	}
	stuck := time.AfterFunc(Patience, func() { _ = p.cmd.Process.Kill() })
	defer stuck.Stop()
	for range p.serves { // until the pipe has been read to its end
	}
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	return p.cmd.ProcessState.ExitCode(), err
}

// Log returns what the process has logged.
func (p *Process) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}
