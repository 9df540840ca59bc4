package backup

import (
	"errors"
	"fmt"
)

var (
	// ErrDamaged is the class of errors about backups that do not hold what was written into them.
	ErrDamaged = errors.New("damaged backup")
	// ErrVersion says that a newer program wrote a backup.
	ErrVersion = errors.New("backup has an unknown format version")
	// ErrRange says that a backup does not reach to what was asked for.
	ErrRange = errors.New("not in the backup")
	// ErrNotEmpty says that a directory to restore into holds data.
	ErrNotEmpty = errors.New("the directory holds data")
	// ErrNoBackup says that there is no backup, or none of the name.
	ErrNoBackup = errors.New("no backup")
	// ErrLocked says that another command works on a backup folder, or restores into a directory.
	ErrLocked = errors.New("another command is at work")
)

// damaged is an error about a file of a backup.
func damaged(file string, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %w", ErrDamaged, file, fmt.Errorf(format, args...))
}

// wayOut says what to do about damage: what a command ends with.
const wayOut = "run `gamekeeper backup verify` to see what can still be used, restore from another backup, " +
	"and take a new one into a new folder"

// badManifest is the error about a manifest that cannot be read.
type badManifest struct {
	id string // of the backup, as the file's name has it
	error
}

func (b badManifest) Unwrap() error { return b.error }
