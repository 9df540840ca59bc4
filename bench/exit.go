package bench

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// The ways a command ends, other than well.
const (
	exitFailed = 1 // the run failed, or replies held errors
	exitUsage  = 2 // the arguments make no sense
)

// exitError is an error with the exit code it asks for.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }
func (e *exitError) ExitCode() int { return e.code }

// usageError says that arguments make no sense.
func usageError(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// errInterrupted follows a result that is not whole.
var errInterrupted = errors.New("interrupted: the result is that of what was measured until then")

// coded makes every error of a command tell its exit code.
func coded(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := run(cmd, args)
		if err != nil && errors.Is(err, context.Canceled) {
			err = errors.New("interrupted")
		}
		var coded interface{ ExitCode() int } // the packages below have errors of their own with one
		if err != nil && !errors.As(err, &coded) {
			return &exitError{exitFailed, err}
		}
		return err
	}
}
