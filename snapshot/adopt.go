package snapshot

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// ReceivedDir is where Receive leaves a store for the one in dir. It may be opened, and closed, before Confirm.
func ReceivedDir(dir string) string { return dir + incomingSuffix }

// ReadyDir is where Confirm puts that store. What a stopped server has there is to replace its store and its log.
func ReadyDir(dir string) string { return dir + readySuffix }

// Confirm decides, durably, that what Receive has left is the state of this server from now on, in the place of the
// store in dir and of the whole log: whatever happens, Ready finds it. Until then it is nothing. So only who knows
// that nothing was appended to the log since the sender learned how far that went may confirm: a server that has
// lost its leader meanwhile and follows another may have acknowledged more than the snapshot holds. Adopt follows.
func Confirm(f vfs.FS, dir string) error { return renameDir(f, dir+incomingSuffix, dir+readySuffix) }

// Ready returns the mark of what was confirmed and not adopted yet, and whether there is anything. What
// an interrupted Receive or Adopt has left is removed. It is asked when the server starts; then:
//
//	mark, ok, err := snapshot.Ready(fs, dir)
//	if ok {
//		err = log.Reset(mark.ReplayAfter) // all that the log holds is of the old state
//		err = store.Close()
//		err = snapshot.Adopt(fs, dir)
//		store, err = snapshot.Open(...)
//	}
//
// Each step can be repeated, and after a crash in any of them the next start does: once there is a mark, the new
// state is what counts. Until Adopt has returned nothing may be appended to the log, and the store in dir, which
// is open for the sake of its lock, means nothing: it may even be new and empty.
func Ready(f vfs.FS, dir string) (mark Mark, ok bool, err error) {
	for _, suffix := range []string{incomingSuffix, replacedSuffix} {
		if err := f.RemoveAll(dir + suffix); err != nil {
			return mark, false, fmt.Errorf("snapshot: remove what is of no use: %w", err)
		}
	}
	switch _, err := f.Stat(dir + readySuffix); {
	case errors.Is(err, fs.ErrNotExist):
		return mark, false, nil
	case err != nil:
		return mark, false, fmt.Errorf("snapshot: look for a received one: %w", err)
	}
	s, err := Open(Options{FS: f, Dir: dir + readySuffix, ReadOnly: true})
	if err != nil {
		return mark, false, err
	}
	mark, ok = s.Mark()
	if err := s.Close(); err != nil {
		return mark, false, err
	}
	if !ok {
		return mark, false, fmt.Errorf("%w in %s: remove that directory", ErrEmpty, dir+readySuffix)
	}
	return mark, true, nil
}

// Adopt puts what was confirmed in the place of the store in dir, durably, which must not be open. It does
// nothing if there is nothing.
func Adopt(f vfs.FS, dir string) error {
	if _, err := f.Stat(dir + readySuffix); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("snapshot: look for a received one: %w", err)
	}
	if err := f.RemoveAll(dir + replacedSuffix); err != nil {
		return fmt.Errorf("snapshot: remove the store that another replaced: %w", err)
	}
	// A store that is removed in part could not be opened at the next start, so it goes as a whole.
	if err := renameDir(f, dir, dir+replacedSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := renameDir(f, dir+readySuffix, dir); err != nil {
		return err
	}
	if err := f.RemoveAll(dir + replacedSuffix); err != nil {
		return fmt.Errorf("snapshot: remove the store that another replaced: %w", err)
	}
	return nil
}

// Discard removes what Receive has left and nobody has confirmed.
func Discard(f vfs.FS, dir string) error {
	if err := f.RemoveAll(dir + incomingSuffix); err != nil {
		return fmt.Errorf("snapshot: discard what was received: %w", err)
	}
	return nil
}

// renameDir gives what is complete its name, durably.
func renameDir(f vfs.FS, from, to string) error {
	if err := f.Rename(from, to); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	return syncDir(f, f.PathDir(to))
}

func syncDir(f vfs.FS, dir string) error {
	d, err := f.OpenDir(dir)
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("snapshot: sync %s: %w", dir, err)
	}
	return nil
}
