package config

import (
	"fmt"
	"strings"
)

// Error is a setting that cannot be used. Its message is one line for the operator: file and line, key and
// value, what is wrong and the way out.
type Error struct {
	File  string // path of the file; "--set" for an override; empty when the Config came from no file
	Line  int    // from 1; 0 when the error is about something missing
	Key   string // empty when the error is about the file
	Value string // as written; never a secret
	Text  string // what is wrong, and what to write instead

	// keys are the keys that take part in a contradiction, the likeliest culprit first. Load points the
	// message at the first of them that was set.
	keys []string
}

// Error returns the whole message on one line.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		if e.File == overrideSource {
			b.WriteString(" ")
		} else {
			b.WriteString(": ")
		}
	}
	if e.Key != "" {
		b.WriteString(e.Key)
		if e.Line > 0 || e.File == overrideSource {
			b.WriteString("=" + oneLine(e.Value))
		}
		b.WriteString(": ")
	}
	b.WriteString(oneLine(e.Text))
	return b.String()
}

// contradiction returns the error that the given keys, likeliest culprit first, do not go together.
func contradiction(keys []string, format string, args ...any) *Error {
	return &Error{Key: keys[0], Text: fmt.Sprintf(format, args...), keys: keys}
}

// wrong returns the error that one key's value cannot be used.
func wrong(key, format string, args ...any) *Error {
	return contradiction([]string{key}, format, args...)
}

// Warning is a setting that is used, or ignored, in a way the operator may not expect.
type Warning struct {
	File string // path of the file; "--set" for an override
	Line int    // from 1; 0 when it is about no single line
	Key  string
	Text string // what happens, on one line
}

// String returns the warning on one line.
func (w Warning) String() string {
	where := w.File
	if w.Line > 0 {
		where = fmt.Sprintf("%s:%d", w.File, w.Line)
	}
	if where != "" {
		where += ": "
	}
	return oneLine(where + w.Key + ": " + w.Text)
}

// oneLine keeps a value that holds control characters from breaking the message into lines.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}
