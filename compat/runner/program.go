package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// program is one client program of the suite. It finds the server and its
// control channel in the environment (see README.md) and passes by exiting
// with 0.
type program struct {
	name    string
	about   string
	command []string // relative to the compat directory
	config  []string // further lines of zoo.cfg
	limit   time.Duration
	on      []string // targets; nil is those of one server
	alone   bool     // starts its servers itself
}

// Targets: what a program runs against.
const (
	apache             = "apache"
	gamekeeper         = "gamekeeper"
	apacheEnsemble     = "apache-ensemble"
	gamekeeperEnsemble = "gamekeeper-ensemble"
)

var (
	oneServer = []string{apache, gamekeeper}
	anywhere  = []string{apache, gamekeeper, apacheEnsemble, gamekeeperEnsemble}
)

// runsOn tells whether a program makes sense with a target.
func (p program) runsOn(target string) bool {
	if p.on == nil {
		return slices.Contains(oneServer, target)
	}
	return slices.Contains(p.on, target)
}

// commonConfig is what every server of the suite is started with: short ticks
// so that sessions expire within a test's patience, and the features that
// Apache keeps off unless asked.
var commonConfig = []string{
	"tickTime=500",
	"maxSessionTimeout=40000",
	"4lw.commands.whitelist=*",
	"extendedTypesEnabled=true",
	"znode.container.checkIntervalMs=300",
	"DigestAuthenticationProvider.superDigest=super:D/InIHSb7yEEbrWz8b9l71RjZJU=",
}

// forgiven tells whether a program may fail once. It may where nothing but
// Apache is tested: Apache's servers have races of their own (one that starts
// loses a connection that comes too early and never closes it, so that the
// session of its client expires), and what they do wrong once says nothing of
// what is expected. Against Gamekeeper every failure counts.
func (p program) forgiven(target string) bool {
	return !p.alone && (target == apache || target == apacheEnsemble)
}

// runProgram starts a fresh server or ensemble in the run's home, runs the
// program and ends what was started.
func runProgram(ctx context.Context, x run, free *ports) (r result) {
	start := time.Now()
	p, target, home := x.program, x.target, x.home
	r = result{program: p.name, target: target}
	defer func() { r.took = time.Since(start) }()

	spare, err := free.next()
	if err == nil {
		err = os.MkdirAll(home, 0o755)
	}
	if err != nil {
		r.err = err
		return r
	}
	kind, ensemble := strings.CutSuffix(target, "-ensemble")
	env := []string{"COMPAT_TARGET=" + kind, "COMPAT_DIR=" + home, "COMPAT_PORT=" + strconv.Itoa(spare)}
	if !p.alone {
		var s subject
		if ensemble {
			env = append(env, "COMPAT_ENSEMBLE=1")
			s, r.err = startEnsemble(ctx, home, kind, append(commonConfig, p.config...))
		} else {
			s, r.err = startServer(ctx, home, kind, free, append(commonConfig, p.config...))
		}
		defer func() {
			if err := s.end(); r.err == nil {
				r.err = err
			}
		}()
		if r.err != nil {
			return r
		}
		env = append(env, "ZK_ADDRESS="+s.address, "COMPAT_CONTROL="+s.control, "COMPAT_CONFIG="+s.config)
	}

	ctx, cancel := context.WithTimeout(ctx, p.limit)
	defer cancel()
	cmd := command(ctx, p.command[0], p.command[1:]...)
	cmd.Env = append(cmd.Env, env...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	r.err = cmd.Run()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		r.err = fmt.Errorf("not done after %v", p.limit)
	}
	r.output = output.String()
	if r.err == nil {
		_ = os.WriteFile(filepath.Join(home, "output"), output.Bytes(), 0o644)
	}
	return r
}

// command prepares a command whose whole process group ends with the context.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), // Apache's server here is short-lived: it is to start fast
		"COMPAT_APACHE_HEAP=256m", "COMPAT_APACHE_OPTS=-XX:+UseSerialGC -XX:TieredStopAtLevel=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// ports hands out ports that nobody listens on. They lie below the range that
// the system takes for outgoing connections, or a client that calls a server
// while it restarts could be given the server's own port.
type ports struct {
	mu   sync.Mutex
	last int
}

func newPorts() *ports { return &ports{last: 12000 + rand.IntN(8000)} }

func (p *ports) next() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	for range 1000 {
		p.last++
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p.last)); err == nil {
			return p.last, l.Close()
		}
	}
	return 0, fmt.Errorf("no free port: %w", err)
}
