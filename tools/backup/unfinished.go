package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// RefuseUnfinished returns an error if a restore into these directories is under way, or was interrupted, and has put
// nothing in place yet. A server would start there with nothing, and the restore could not go on.
func RefuseUnfinished(d Dirs) error {
	if _, err := os.Stat(d.wal()); !errors.Is(err, fs.ErrNotExist) {
		return nil // the log is placed first; the server sees whether the snapshot is there
	}
	for _, dir := range []string{d.Data, d.logDir()} {
		staged := filepath.Join(dir, stagingName)
		if _, err := os.Stat(staged); err == nil {
			return fmt.Errorf("%s: a restore into this directory was interrupted, or is under way: run `gamekeeper restore` again, or "+
				"remove %s to begin without what the backup holds", dir, staged)
		}
	}
	return nil
}
