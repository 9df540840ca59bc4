package migrate

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gamekeeper/server/epoch"
	"gamekeeper/snapshot"
	"gamekeeper/tools/apache"
)

// TestImportSparesAServer: when the log of a server is out of sight, because its disk is not mounted or dataLogDir was
// changed, the files of the Apache server that went before must not take the place of its snapshot.
func TestImportSparesAServer(t *testing.T) {
	from := apache.Dirs{Data: apacheData(t, &apache.Epochs{Current: 4, Accepted: 4})}
	for _, what := range []string{"snapshot", epoch.Name} {
		to := place(t.TempDir())
		to.Log = t.TempDir()
		if _, err := Import(t.Context(), from, to, Options{}); err != nil {
			t.Fatal(err)
		}
		for _, other := range []string{"snapshot", epoch.Name} {
			if other != what {
				if err := os.RemoveAll(filepath.Join(to.Data, other)); err != nil {
					t.Fatal(err)
				}
			}
		}
		kept := filepath.Join(to.Data, what)
		before, err := os.Stat(kept)
		if err != nil {
			t.Fatal(err)
		}
		to.Log = t.TempDir()
		if _, err := Import(t.Context(), from, to, Options{}); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
			t.Errorf("%s: imported over a server's: %v", what, err)
		}
		if after, err := os.Stat(kept); err != nil || !os.SameFile(before, after) {
			t.Errorf("%s is gone, or another one: %v", what, err)
		}
	}
}

// TestImportAfterACrash imports where an earlier import ended at any of its steps.
func TestImportAfterACrash(t *testing.T) {
	from := apache.Dirs{Data: apacheData(t, &apache.Epochs{Current: 4, Accepted: 4})}
	for name, crash := range map[string]func(to Place) error{
		"before the log": func(to Place) error {
			return errors.Join(os.RemoveAll(to.wal()), move(to.snapshot()), os.Remove(epochFile(to)))
		},
		"before the epochs": func(to Place) error {
			return errors.Join(move(to.wal()), move(to.snapshot()), os.Remove(epochFile(to)))
		},
		"before the names":  func(to Place) error { return errors.Join(move(to.wal()), move(to.snapshot())) },
		"between the names": func(to Place) error { return move(to.wal()) },
		"in clearing":       func(to Place) error { return errors.Join(move(to.wal()), os.RemoveAll(to.snapshot())) },
	} {
		to := place(t.TempDir())
		to.Log = t.TempDir()
		if _, err := Import(t.Context(), from, to, Options{}); err != nil {
			t.Fatal(err)
		}
		if err := crash(to); err != nil {
			t.Fatal(name, err)
		}
		if _, err := Import(t.Context(), from, to, Options{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, leftover := range []string{to.snapshot() + unfinished, to.wal() + unfinished} {
			if _, err := os.Stat(leftover); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %s: %v", name, leftover, err)
			}
		}
		store, err := snapshot.Open(snapshot.Options{Dir: to.snapshot(), ReadOnly: true})
		if err != nil {
			t.Fatal(name, err)
		}
		if mark, ok := store.Mark(); !ok || mark.ReplayAfter.Epoch() != 4 {
			t.Errorf("%s: mark %+v", name, mark)
		}
		if err := store.Close(); err != nil {
			t.Error(name, err)
		}
	}
}

func epochFile(to Place) string { return filepath.Join(to.Data, epoch.Name) }

// move takes the name away that a directory gets when it is complete.
func move(path string) error { return os.Rename(path, path+unfinished) }
