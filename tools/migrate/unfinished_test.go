package migrate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What an interrupted import leaves is no empty directory to a server; a complete one is nothing to complain of.
func TestUnfinishedImport(t *testing.T) {
	for _, c := range []struct {
		holds []string
		ok    bool
	}{
		{nil, true},
		{[]string{"snapshot.importing"}, false},
		{[]string{"snapshot.importing", "wal.importing"}, false},
		{[]string{"snapshot", "wal.importing"}, false},
		{[]string{"snapshot", "wal"}, true},
	} {
		dir := t.TempDir()
		for _, name := range c.holds {
			if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		err := Place{Data: dir}.RefuseUnfinished()
		if (err == nil) != c.ok || err != nil && !strings.Contains(err.Error(), dir) {
			t.Errorf("%q: %v", c.holds, err)
		}
	}
}
