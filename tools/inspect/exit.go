package inspect

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/spf13/cobra"
)

// The ways a command ends, other than well.
const (
	exitFailed = 1 // failed, or found damage or a difference
	exitUsage  = 2 // the arguments make no sense
)

// exitError is an error with the exit code it asks for.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// ExitCode returns the code that the process shall end with.
func (e *exitError) ExitCode() int { return e.code }

// usageError says that arguments make no sense.
func usageError(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// runner is what a command does with its arguments and its output.
type runner func(cmd *cobra.Command, out *output, args []string) error

// coded gives a command its output, flushes that in the end, and makes every error tell its exit code.
func coded(run runner) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		out := newOutput(cmd)
		err := run(cmd, out, args)
		out.meter.done()
		if ferr := out.Flush(); err == nil {
			err = ferr
		}
		if err == nil || errors.Is(err, syscall.EPIPE) {
			return nil
		}
		if e := (*exitError)(nil); errors.As(err, &e) {
			return err
		}
		return &exitError{exitFailed, err}
	}
}

// command completes a command: errors are left to main to print, and those in the number of arguments are the user's.
func command(cmd *cobra.Command, least, most int, run runner) *cobra.Command {
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usageError("%d %s given; usage: %s", len(args), plural(len(args), "argument"), cmd.UseLine())
		}
		return nil
	}
	cmd.RunE = coded(run)
	return cmd
}
