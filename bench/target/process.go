package target

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// process is a program that was started, until its end.
type process struct {
	pid   int
	ended chan struct{} // closed when the process has gone
}

// launch starts a program with what it says appended to a file. The process leads a group of its own, so that Ctrl-C
// in the terminal is not for it.
func launch(argv []string, dir, log string) (*process, error) {
	f, err := os.OpenFile(log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, f, f
	cmd.SysProcAttr = withParent()
	p := &process{ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The process ends with the thread that started it, so that one has to stay.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			_ = cmd.Wait() // why it ended is in its log
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", argv[0], err)
	}
	return p, nil
}

// running tells whether the process has not gone yet.
func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// signal sends a signal to the process and what it started; it does nothing once the process has gone.
func (p *process) signal(s syscall.Signal) error {
	if !p.running() {
		return nil
	}
	if err := syscall.Kill(-p.pid, s); err != nil && err != syscall.ESRCH {
		return fmt.Errorf("cannot send %v to process %d: %w", s, p.pid, err)
	}
	return nil
}
