package apache

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gamekeeper/proto"
)

// versionDir is the directory in dataDir and dataLogDir that Apache works in.
const versionDir = "version-2"

// Dirs are the directories of an Apache server.
type Dirs struct {
	// Data is dataDir, or its version-2.
	Data string
	// Log is dataLogDir, or its version-2; the same as Data if empty.
	Log string
}

// snapshots is where the snapshots and epochs lie.
func (d Dirs) snapshots() string { return versioned(d.Data) }

// logs is where the logs lie.
func (d Dirs) logs() string { return versioned(cmp.Or(d.Log, d.Data)) }

// versioned is dir's version-2, unless dir is that already.
func versioned(dir string) string {
	sub := filepath.Join(dir, versionDir)
	if info, err := os.Stat(sub); err == nil && info.IsDir() {
		return sub
	}
	return dir
}

// numbered is a file whose name has a zxid in it.
type numbered struct {
	path string
	zxid proto.Zxid
}

// size is how long the file is; 0 if that cannot be told.
func (n numbered) size() int64 {
	info, err := os.Stat(n.path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// fileZxid reads the zxid in a file's name, which stands between the prefix and the next dot. Numbers with
// the highest bit set do not count, as for Apache.
func fileZxid(name, prefix string) (proto.Zxid, bool) {
	first, rest, dot := strings.Cut(name, ".")
	if !dot || first != prefix {
		return 0, false
	}
	digits, _, _ := strings.Cut(rest, ".")
	v, err := strconv.ParseInt(digits, 16, 64)
	return proto.Zxid(v), err == nil && v >= 0
}

// list returns the files in dir that have a zxid behind prefix, by zxid. A directory that does not exist
// has none.
func list(dir, prefix string) ([]numbered, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	var found []numbered
	for _, e := range entries {
		if zxid, ok := fileZxid(e.Name(), prefix); ok && !e.IsDir() {
			found = append(found, numbered{filepath.Join(dir, e.Name()), zxid})
		}
	}
	slices.SortFunc(found, func(a, b numbered) int {
		return cmp.Or(cmp.Compare(a.zxid, b.zxid), strings.Compare(a.path, b.path))
	})
	return found, nil
}

// Present says whether the directories hold data of an Apache server: a snapshot or a log.
func Present(dirs Dirs) (bool, error) {
	snapshots, err := list(dirs.snapshots(), snapshotPrefix)
	if err != nil {
		return false, err
	}
	logs, err := list(dirs.logs(), logPrefix)
	return len(snapshots)+len(logs) > 0, err
}
