package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
)

var (
	// ErrCorrupt is the class of the errors that say that files of the store are damaged or missing. The
	// message names the file as far as it is known.
	ErrCorrupt = errors.New("snapshot is damaged")
	// ErrVersion says that a newer program wrote the store.
	ErrVersion = errors.New("snapshot has an unknown format version")
	// ErrEmpty says that the store holds no complete snapshot.
	ErrEmpty = errors.New("there is no snapshot")
)

// damage remembers the file that Pebble found damaged, as its errors do not all name it.
type damage struct {
	mu   sync.Mutex
	path string
}

func (d *damage) note(i pebble.DataCorruptionInfo) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.path == "" {
		d.path = i.Path
	}
}

// classify makes an error of class ErrCorrupt of one that Pebble returned for damaged or missing files.
func (s *Store) classify(what string, err error) error {
	if err == nil {
		return nil
	}
	err = oneLine{err}
	s.damage.mu.Lock()
	path := s.damage.path
	s.damage.mu.Unlock()
	if m := missingTable.FindStringSubmatch(err.Error()); m != nil && path == "" {
		path = s.opt.FS.PathJoin(s.opt.Dir, m[1]+".sst")
	}
	switch {
	case path != "":
		return fmt.Errorf("%w: %s: %s: %w", ErrCorrupt, what, path, err)
	case pebble.IsCorruptionError(err), errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.EIO):
		return fmt.Errorf("%w: %s: in %s: %w", ErrCorrupt, what, s.opt.Dir, err)
	}
	return fmt.Errorf("snapshot: %s: %w", what, err)
}

// oneLine is an error of Pebble's without the lines that hold details for its authors.
type oneLine struct{ error }

func (e oneLine) Error() string {
	first, _, _ := strings.Cut(e.error.Error(), "\n")
	return first
}

func (e oneLine) Unwrap() error { return e.error }

// missingTable is how Pebble names a table that is not there.
var missingTable = regexp.MustCompile(`file ([0-9]+) \(type sstable\) unknown`)

// classifyOpen is classify for the opening of a store that was there before. What the system does not allow
// is no damage; everything else that Pebble objects to is.
func (s *Store) classifyOpen(err error) error {
	err = s.classify("open", err)
	var no syscall.Errno
	if errors.Is(err, ErrCorrupt) || errors.As(err, &no) {
		return err
	}
	return fmt.Errorf("%w: in %s: %w", ErrCorrupt, s.opt.Dir, err)
}
