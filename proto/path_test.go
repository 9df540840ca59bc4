package proto

import (
	"strings"
	"testing"
	"unicode/utf16"
)

// pathCases holds the rules of Apache's PathUtils one by one; its answers are from release 3.9.5.
var pathCases = []struct {
	path  string
	valid bool
}{
	{"", false},
	{"/", true},
	{"a", false},
	{"a/b", false},
	{"/a", true},
	{"/a/b/c", true},
	{"/a/", false},
	{"//", false},
	{"//a", false},
	{"/a//b", false},
	{"/.", false},
	{"/..", false},
	{"/./a", false},
	{"/../a", false},
	{"/a/./b", false},
	{"/a/../b", false},
	{"/a/.", false},
	{"/a/..", false},
	{"/...", true},
	{"/a/...", true},
	{"/.a", true},
	{"/a.", true},
	{"/..a", true},
	{"/a..", true},
	{"/a.b", true},
	{"/a/.b/..c", true},
	{"/a b", true},
	{"/\x00", false},
	{"/a\x00", false},
	{"/\x01", false},
	{"/a\x1fb", false},
	{"/ ", true},
	{"/~", true},
	{"/\x7f", false},
	{"/\u0080", false},
	{"/a\u009f", false},
	{"/\u00a0", true},
	{"/é中", true},
	{"/\ud7ff", true},
	{"/\ue000", false},
	{"/\uf8ff", false},
	{"/\uf900", true},
	{"/\uffef", true},
	{"/\ufff0", false},
	{"/\ufffd", false},
	{"/\uffff", false},
	{"/\U00010000", false},
	{"/a\U0001f600", false},
	{"/\U0010ffff", false},
	{"/\xff", false},                     // no UTF-8
	{"/\xc3", false},                     // cut off
	{"/\xc0\x80", false},                 // overlong
	{"/\xed\xa0\xbd\xed\xb8\x80", false}, // surrogates, each on its own
	{"/" + strings.Repeat("a", 4096), true},
}

func TestValidatePath(t *testing.T) {
	for _, c := range pathCases {
		if got := ValidatePath([]byte(c.path)); got != c.valid {
			t.Errorf("ValidatePath(%q) = %v, want %v", c.path, got, c.valid)
		}
		if got := validPathByUTF16([]byte(c.path)); got != c.valid {
			t.Errorf("validPathByUTF16(%q) = %v, want %v", c.path, got, c.valid)
		}
	}
}

// TestValidatePathCharacters tries every character of the BMP and some beyond.
func TestValidatePathCharacters(t *testing.T) {
	step := rune(1)
	for r := rune(0); r <= 0x10ffff; r += step {
		if r > 0xffff {
			step = 4099
		}
		p := []byte("/a" + string(r) + "b")
		if got, want := ValidatePath(p), validPathByUTF16(p); got != want {
			t.Fatalf("ValidatePath(%q) = %v, want %v", p, got, want)
		}
	}
}

// validPathByUTF16 is ValidatePath over the UTF-16 units that Apache sees, the rules one after another.
func validPathByUTF16(path []byte) bool {
	if len(path) == 0 || path[0] != '/' {
		return false
	}
	if string(path) == "/" {
		return true
	}
	for _, u := range utf16.Encode([]rune(string(path))) {
		if u <= 0x1f || u >= 0x7f && u <= 0x9f || u >= 0xd800 && u <= 0xf8ff || u >= 0xfff0 {
			return false
		}
	}
	for _, c := range strings.Split(string(path[1:]), "/") {
		if c == "" || c == "." || c == ".." {
			return false
		}
	}
	return true
}

func TestSplitPath(t *testing.T) {
	for _, c := range []struct{ path, parent, name string }{
		{"/", "/", ""},
		{"/a", "/", "a"},
		{"/a/b", "/a", "b"},
		{"/a/b/cd", "/a/b", "cd"},
		{"/a/", "/a", ""},
	} {
		if parent, name := SplitPath([]byte(c.path)); string(parent) != c.parent || string(name) != c.name {
			t.Errorf("SplitPath(%q) = %q, %q, want %q, %q", c.path, parent, name, c.parent, c.name)
		}
	}
}
