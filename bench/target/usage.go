package target

import "fmt"

// UsageError says that what a user asked for makes no sense, and what would.
type UsageError struct{ text string }

func (e *UsageError) Error() string { return e.text }

// ExitCode is what a command ends with that was given such arguments.
func (e *UsageError) ExitCode() int { return 2 }

func usageError(format string, args ...any) error {
	return &UsageError{fmt.Sprintf(format, args...)}
}
