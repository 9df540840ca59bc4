package target

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"gamekeeper/bench/report"
)

// usualGrace is how long a server has to end when it is asked to, before it is made to.
const usualGrace = 20 * time.Second

// Target is what is measured: servers, which serve when Start returns.
type Target struct {
	spec     Spec
	options  Options
	version  string // as a server says
	settings []string
	grace    time.Duration // that a server has to end before it is killed

	// Of a target that was started.
	dir     string
	ports   *ports
	stopped bool

	mu      sync.Mutex
	servers []*server // the slice itself does not change
}

// Endpoint is where a server tells its metrics.
type Endpoint struct{ Server, URL string }

// Process is a process that runs a server. After a fault it may be another one under the same name.
type Process struct {
	Name string // the target's and a number: apache-2
	PID  int
}

// Start starts the servers, unless they run already, and waits until all serve. If it fails, nothing runs and the
// error says where the logs of the servers are. Ending ctx later has no effect on the target.
func (s Spec) Start(ctx context.Context, o Options) (*Target, error) {
	t := &Target{spec: s, options: *o.of(s), grace: usualGrace}
	if !s.Starts() {
		t.adopt(ctx)
		return t, nil
	}
	if err := t.start(ctx); err != nil {
		err = fmt.Errorf("%s does not start: %w%s", s.Name, err, t.logs())
		return nil, errors.Join(err, t.abandon())
	}
	t.version = ask(ctx, t.servers[0].address).version
	return t, nil
}

// start is Start without what follows a failure.
func (t *Target) start(ctx context.Context) error {
	if err := t.create(ctx); err != nil {
		return err
	}
	for _, s := range t.servers {
		if err := s.launch(); err != nil {
			return err
		}
	}
	ended := func(s *server) error { return fmt.Errorf("%s has ended", s.name) }
	return t.settle(ctx, ended, t.servers...)
}

// adopt takes servers that run.
func (t *Target) adopt(ctx context.Context) {
	pids := t.options.PIDs[t.spec.Name]
	for i, address := range t.spec.Servers {
		s := &server{name: t.spec.member(i + 1), address: address}
		if i < len(pids) {
			s.pid = pids[i]
		}
		t.servers = append(t.servers, s)
		if t.version == "" {
			t.version = ask(ctx, address).version
		}
	}
}

// create makes all files of the target.
func (t *Target) create(ctx context.Context) (err error) {
	dir := t.options.Dir
	if dir == "" {
		dir = os.TempDir()
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if t.dir, err = os.MkdirTemp(dir, "gamekeeper-bench-"); err != nil {
		return usageError("--data-dir: %v: give a directory that is there and can be written", err)
	}
	if t.ports, err = newPorts(); err != nil {
		return err
	}
	argv, err := t.command(ctx)
	if err != nil {
		return err
	}
	return t.place(argv)
}

// Name is that of the spec.
func (t *Target) Name() string { return t.spec.Name }

// Dir is where the servers have their files: the folders 1, 2 and so on, with zoo.cfg, log and data. It is "" if the
// servers were not started by the run.
func (t *Target) Dir() string { return t.dir }

// Servers are the addresses for clients, host:port.
func (t *Target) Servers() []string {
	var all []string
	for _, s := range t.servers {
		all = append(all, s.address)
	}
	return all
}

// Metrics is where servers tell their metrics in the format of Prometheus: those of Gamekeeper that were started.
func (t *Target) Metrics() []Endpoint {
	var all []Endpoint
	for _, s := range t.servers {
		if s.metrics != "" {
			all = append(all, Endpoint{s.name, s.metrics})
		}
	}
	return all
}

// Processes are the processes that run now and are known.
func (t *Target) Processes() []Process {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []Process
	for _, s := range t.servers {
		switch {
		case s.running():
			all = append(all, Process{s.name, s.process.pid})
		case s.pid != 0:
			all = append(all, Process{s.name, s.pid})
		}
	}
	return all
}

// Report is what a report says of the target.
func (t *Target) Report() report.Target {
	return report.Target{Name: t.spec.Name, Servers: t.Servers(), Version: t.version, Started: t.spec.Starts(), Settings: t.settings}
}

// Stop ends what was started and removes its data. Logs and configurations stay in Dir if the caller wants to keep
// them, or if a server had ended by itself, which is an error. A second call does nothing.
func (t *Target) Stop(keep bool) error {
	if t.dir == "" || t.stopped {
		return nil
	}
	t.stopped = true
	var died []error
	for _, s := range t.servers {
		if s.wanted && !s.running() {
			died = append(died, fmt.Errorf("%s had ended by itself; its log is %s, and ends:\n%s", s.name, s.log(), s.tail()))
		}
	}
	err := errors.Join(append(died, t.end(), t.ports.close())...)
	if keep || len(died) > 0 {
		return errors.Join(err, t.strip())
	}
	return errors.Join(err, os.RemoveAll(t.dir))
}

// abandon is Stop for a target that could not be started, in whatever state it is.
func (t *Target) abandon() error {
	err := t.end()
	if t.ports != nil {
		err = errors.Join(err, t.ports.close())
	}
	if t.logs() == "" {
		return errors.Join(err, os.RemoveAll(t.dir))
	}
	return errors.Join(err, t.strip())
}

// end ends all servers at once.
func (t *Target) end() error {
	var wg sync.WaitGroup
	errs := make([]error, len(t.servers))
	for i, s := range t.servers {
		wg.Go(func() { errs[i] = t.finish(s, syscall.SIGTERM) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// finish ends a server with a signal and waits until it has gone; it is killed if that takes too long.
func (t *Target) finish(s *server, signal syscall.Signal) error {
	t.mu.Lock()
	p := s.process
	s.wanted, s.paused = false, false
	t.mu.Unlock()
	if p == nil {
		return nil
	}
	if err := errors.Join(p.signal(signal), p.signal(syscall.SIGCONT)); err != nil {
		return err
	}
	timer := time.NewTimer(t.grace)
	defer timer.Stop()
	select {
	case <-p.ended:
		return nil
	case <-timer.C:
	}
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.ended
	return nil
}

// strip removes the data of the servers, and leaves the rest.
func (t *Target) strip() error {
	var errs []error
	for _, s := range t.servers {
		errs = append(errs, os.RemoveAll(s.data()))
	}
	return errors.Join(errs...)
}

// logs is the end of the log of each server that was started.
func (t *Target) logs() string {
	var all string
	for _, s := range t.servers {
		if s.process != nil {
			all += fmt.Sprintf("\nthe end of %s:\n%s", s.log(), s.tail())
		}
	}
	return all
}
