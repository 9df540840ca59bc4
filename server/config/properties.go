package config

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf16"
)

// property is one assignment of a properties file or of the command line.
type property struct {
	key, value string
	line       int // first physical line of the assignment, from 1; 0 for an override
}

// parseProperties reads the Java Properties format, as java.util.Properties.load defines it: bytes are
// ISO-8859-1, # and ! start a comment line, key and value are separated by =, : or blanks, an odd number of
// backslashes at the end of a line continues it, and \t \n \f \r \uXXXX are escapes while any other
// escaped character stands for itself. Every assignment is returned, in the order of the file; which
// duplicate wins is for the caller. The only error is a malformed \uXXXX. A byte order mark, as editors put
// it before UTF-8, is passed over, where Java takes it for a part of the first key.
//
// The library magiconair/properties was not used: it does not keep the line numbers that our messages
// name, and it ends a continued value at \r\n where Java goes on.
func parseProperties(data []byte) ([]property, error) {
	var props []property
	lines := lineReader{data: bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), line: 1}
	for lines.next() {
		key, value := splitProperty(lines.text)
		k, err := unescape(key)
		if err != nil {
			return nil, &Error{Line: lines.first, Text: err.Error()}
		}
		v, err := unescape(value)
		if err != nil {
			return nil, &Error{Line: lines.first, Text: "value of " + trim(k) + ": " + err.Error()}
		}
		// Apache trims what Properties.load leaves, escaped blanks included.
		props = append(props, property{key: trim(k), value: trim(v), line: lines.first})
	}
	return props, nil
}

// lineReader yields the logical lines of a properties file: comments and blank lines are gone,
// continued lines are joined, and escapes are still in place.
type lineReader struct {
	data  []byte
	pos   int
	line  int    // physical line at pos
	text  []byte // the logical line after next
	first int    // physical line on which it starts
}

// next reads one logical line and reports whether there was one.
func (r *lineReader) next() bool {
	r.text = r.text[:0]
	continued := false
	for r.pos < len(r.data) {
		if !continued {
			r.first = r.line
		}
		part := r.physical()
		for len(part) > 0 && isBlank(part[0]) {
			part = part[1:]
		}
		// A comment may also follow a continued line that has nothing before its backslash: Java
		// asks only whether the logical line is still empty.
		if len(r.text) == 0 && len(part) > 0 && (part[0] == '#' || part[0] == '!') {
			continued = false
			continue
		}
		if len(r.text) == 0 && len(part) == 0 {
			continued = false
			continue
		}
		r.text = append(r.text, part...)
		if !endsInBackslash(part) {
			return true
		}
		r.text = r.text[:len(r.text)-1]
		continued = true
	}
	// The file ended in a continuation: what was gathered is a line.
	return continued && len(r.text) > 0
}

// physical cuts the next physical line, without its terminator (\n, \r or \r\n).
func (r *lineReader) physical() []byte {
	start := r.pos
	for r.pos < len(r.data) && r.data[r.pos] != '\n' && r.data[r.pos] != '\r' {
		r.pos++
	}
	line := r.data[start:r.pos]
	if r.pos < len(r.data) {
		if r.data[r.pos] == '\r' && r.pos+1 < len(r.data) && r.data[r.pos+1] == '\n' {
			r.pos++
		}
		r.pos++
		r.line++
	}
	return line
}

// endsInBackslash reports whether the last character is an unescaped backslash.
func endsInBackslash(line []byte) bool {
	n := 0
	for n < len(line) && line[len(line)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// splitProperty cuts a logical line at its first unescaped separator: blanks, then at most one = or :,
// then blanks.
func splitProperty(line []byte) (key, value []byte) {
	end := 0
	for end < len(line) && !isBlank(line[end]) && line[end] != '=' && line[end] != ':' {
		if line[end] == '\\' {
			end++
		}
		end++
	}
	end = min(end, len(line))
	start, separated := end, false
	for start < len(line) {
		c := line[start]
		if !separated && (c == '=' || c == ':') {
			separated = true
		} else if !isBlank(c) {
			break
		}
		start++
	}
	return line[:end], line[start:]
}

// unescape decodes escapes and ISO-8859-1 into a Go string. Java strings are UTF-16, so a pair of \u
// escapes may form one character.
func unescape(b []byte) (string, error) {
	units := make([]uint16, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' || i+1 == len(b) {
			units = append(units, uint16(b[i]))
			continue
		}
		i++
		switch b[i] {
		case 'u':
			if i+4 >= len(b) {
				return "", errEscape()
			}
			u, err := hex4(b[i+1 : i+5])
			if err != nil {
				return "", err
			}
			units = append(units, u)
			i += 4
		case 't':
			units = append(units, '\t')
		case 'n':
			units = append(units, '\n')
		case 'f':
			units = append(units, '\f')
		case 'r':
			units = append(units, '\r')
		default:
			units = append(units, uint16(b[i]))
		}
	}
	return string(utf16.Decode(units)), nil
}

func errEscape() error {
	return errors.New(`\u is not followed by four hexadecimal digits; write a backslash that stands for itself as \\`)
}

func hex4(b []byte) (uint16, error) {
	var u uint16
	for _, c := range b {
		var digit byte
		switch {
		case c >= '0' && c <= '9':
			digit = c - '0'
		case c >= 'a' && c <= 'f':
			digit = c - 'a' + 10
		case c >= 'A' && c <= 'F':
			digit = c - 'A' + 10
		default:
			return 0, errEscape()
		}
		u = u<<4 | uint16(digit)
	}
	return u, nil
}

// isBlank reports what separates inside a line.
func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\f' }

// trim removes what java.lang.String.trim removes: every character up to the blank, control characters
// included.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
}
