package backup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestGiveName: a file gets its name on file systems with links and without, and replaces none.
func TestGiveName(t *testing.T) {
	for name, link := range map[string]func(from, to string) error{
		"links": os.Link,
		"no links": func(from, to string) error {
			return &os.LinkError{Op: "link", Old: from, New: to, Err: syscall.EPERM}
		},
	} {
		temp, path := filepath.Join(t.TempDir(), "b.tmp"), filepath.Join(t.TempDir(), "b")
		if err := os.WriteFile(temp, []byte("new"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := giveName(temp, path, link); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != "new" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		if _, err := os.Lstat(temp); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: it has both names: %v", name, err)
		}
		if err := os.WriteFile(temp, []byte("newer"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := giveName(temp, path, link); err == nil {
			t.Errorf("%s: it has replaced another file", name)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != "new" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}
