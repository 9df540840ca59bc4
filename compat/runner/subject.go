package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// subject is what a program drives: a server, or an ensemble of which it knows one.
type subject struct {
	address string
	control string       // takes the verbs of COMPAT_CONTROL
	config  string       // zoo.cfg of the server at the address
	end     func() error // kills everything; never nil
}

// startServer starts one server below home.
func startServer(ctx context.Context, home, kind string, free *ports, lines []string) (subject, error) {
	dir := filepath.Join(home, "server")
	s := subject{control: filepath.Join(home, "control"), config: filepath.Join(dir, "zoo.cfg"), end: func() error { return nil }}
	script, err := filepath.Abs(kind)
	if err != nil {
		return s, err
	}
	port, err := free.next()
	if err != nil {
		return s, err
	}
	s.address = "127.0.0.1:" + strconv.Itoa(port)
	text := fmt.Sprintf("#!/bin/sh\nexec '%s' \"$1\" '%s'\n", script, dir)
	if err := os.WriteFile(s.control, []byte(text), 0o755); err != nil {
		return s, err
	}
	s.end = func() error { return output(exec.Command(script, "kill", dir), "end the server") }
	return s, output(command(ctx, script, append([]string{"start", dir, strconv.Itoa(port)}, lines...)...), "start the server")
}

// startEnsemble starts three servers below home. Programs get the address of the first, which does not lead: there is
// no other order between a write at one server and a read at another that no sync precedes. When they ask for a
// restart it is the leader that is killed, and started again when the others have elected another; that may be the
// program's own server, the second time. Any other verb is for all three.
func startEnsemble(ctx context.Context, home, kind string, lines []string) (subject, error) {
	dir := filepath.Join(home, "ensemble")
	s := subject{control: filepath.Join(home, "control"), config: filepath.Join(dir, "1", "zoo.cfg"), end: func() error { return nil }}
	program, err := filepath.Abs(".cache/bin/ensemble")
	if err != nil {
		return s, err
	}
	text := fmt.Sprintf("#!/bin/sh\n[ \"$1\" = restart ] && set restart '%[2]s' leader || set \"$1\" '%[2]s'\nexec '%[1]s' \"$@\"\n", program, dir)
	if err := os.WriteFile(s.control, []byte(text), 0o755); err != nil {
		return s, err
	}
	kinds := fmt.Sprintf("%[1]s,%[1]s,%[1]s", kind)
	s.end = func() error { return output(exec.Command(program, "kill", dir), "end the ensemble") }
	if err := output(command(ctx, program, append([]string{"start", dir, kinds}, lines...)...), "start the ensemble"); err != nil {
		return s, err
	}
	addresses, err := exec.Command(program, "addresses", dir).Output()
	if err != nil {
		return s, fmt.Errorf("ask for the addresses: %w", err)
	}
	s.address, _, _ = strings.Cut(string(addresses), ",")
	return s, nil
}

// output runs a command and makes what it says part of the error.
func output(cmd *exec.Cmd, what string) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", what, err, out)
	}
	return nil
}
