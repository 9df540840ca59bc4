package config

import (
	"encoding/hex"
	"maps"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// TestPropertiesAsJava compares with what java.util.Properties read from the same bytes; see
// testdata/java/Golden.java.
func TestPropertiesAsJava(t *testing.T) {
	golden, err := os.ReadFile("testdata/properties.golden")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(golden)) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(line, " ") {
			continue // an empty input
		}
		input := unhex(t, words[0])
		props, err := parseProperties([]byte(input))
		if len(words) == 2 && words[1] == "error" {
			if err == nil {
				t.Errorf("%q: no error; Java has one", input)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v; Java has no error", input, err)
			continue
		}
		// Java's keys are not trimmed yet, so two of them may be one of ours. The order of such pairs is
		// not in the golden file; inputs that have them are left out.
		want, ambiguous := map[string]string{}, false
		for i := 1; i < len(words); i += 2 {
			key := trim(unhex(t, words[i]))
			_, twice := want[key]
			ambiguous = ambiguous || twice
			want[key] = trim(unhex(t, words[i+1]))
		}
		got := map[string]string{}
		for _, p := range props {
			// A lone surrogate is U+FFFD in Go and a question mark in the golden file.
			got[strings.ReplaceAll(p.key, "\uFFFD", "?")] = strings.ReplaceAll(p.value, "\uFFFD", "?")
		}
		// A backslash with nothing before it at the end of a file is an empty property in Java.
		if want[""] == "" {
			delete(want, "")
			delete(got, "")
		}
		if !ambiguous && !maps.Equal(want, got) {
			t.Errorf("%q:\n%s", input, cmp.Diff(want, got))
		}
	}
}

func unhex(t *testing.T, s string) string {
	t.Helper()
	if s == "-" {
		return ""
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPropertiesLines(t *testing.T) {
	const file = "# comment \\\na=1\n\n  ! another\n\tb : 2\\\n    3\r\nc\rd 4\n e\\ f\\=g = h = i \ne\n\\u00E4=\xe4\\\n"
	want := []property{
		{"a", "1", 2}, {"b", "23", 5}, {"c", "", 7}, {"d", "4", 8}, {"e f=g", "h = i", 9}, {"e", "", 10}, {"ä", "ä", 11},
	}
	got, err := parseProperties([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(property{})); d != "" {
		t.Error(d)
	}
}

func TestPropertiesMalformedEscape(t *testing.T) {
	for file, want := range map[string]string{
		"a=1\nb=C:\\users\n": `:2: value of b: \u is not followed by four hexadecimal digits; write a backslash that stands for itself as \\`,
		"\\u00":              `:1: \u is not followed by four hexadecimal digits; write a backslash that stands for itself as \\`,
	} {
		_, err := parseProperties([]byte(file))
		e, ok := err.(*Error)
		if !ok {
			t.Fatalf("%q: error %v", file, err)
		}
		e.File = "f"
		if e.Error() != "f"+want {
			t.Errorf("%q: %s", file, e)
		}
	}
}

func FuzzProperties(f *testing.F) {
	f.Add([]byte("dataDir=/tmp\nclientPort : 2181\\\n # x\n"))
	f.Add([]byte("a\\u0041\\\\=\\\r\n b"))
	f.Fuzz(func(t *testing.T, data []byte) {
		props, err := parseProperties(data)
		if err != nil {
			return
		}
		line := 1
		for _, p := range props {
			if p.line < line || !utf8.ValidString(p.key) || !utf8.ValidString(p.value) {
				t.Fatalf("%q: property %+v after line %d", data, p, line)
			}
			line = p.line
		}
		if line > 1+strings.Count(string(data), "\n")+strings.Count(string(data), "\r") {
			t.Fatalf("%q: line %d", data, line)
		}
	})
}
