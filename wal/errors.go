package wal

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
)

// ErrMissing marks a request for records that the log does not reach back to.
var ErrMissing = errors.New("log records are missing")

// ErrTruncated is returned by a Reader whose log was truncated or reset under it.
var ErrTruncated = errors.New("the log was truncated while it was read")

// ErrLocked marks a log directory that another server holds.
var ErrLocked = errors.New("log directory is in use")

// A ShortError says that a log ends before Options.MustReach. Nothing was changed.
type ShortError struct {
	Dir        string
	Last, Need proto.Zxid
}

func (e *ShortError) Error() string {
	return fmt.Sprintf("the snapshot needs the log up to zxid %s, and the log in %s ends at %s; nothing was changed; %s",
		e.Need, e.Dir, e.Last, wayOut)
}

// A CorruptError says that something which had been on stable storage is gone or changed. Nothing was
// dropped or repaired.
type CorruptError struct {
	File   string // path of the segment
	Offset int64  // of the first byte that cannot be trusted
	Reason string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("log segment %s is damaged at offset %d: %s; nothing was changed; %s",
		e.File, e.Offset, e.Reason, wayOut)
}

const wayOut = "restore this server's data from a backup or, in an ensemble, remove this server's data and " +
	"log directories so that the other servers seed it again"

// ioError wraps a failed file operation in what the operator has to know.
func ioError(what, file string, err error) error {
	if vfs.IsNoSpaceError(err) {
		return fmt.Errorf("log: %s %s: %w; free space on that disk and start the server again", what, file, err)
	}
	return fmt.Errorf("log: %s %s: %w", what, file, err)
}

// syncError is ioError for a sync, after which a retry would prove nothing.
func syncError(file string, err error) error {
	return fmt.Errorf("log: sync %s: %w; after a failed sync the page cache cannot be believed, "+
		"so the log takes no more writes: check the disk and start the server again", file, err)
}
