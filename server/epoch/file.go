package epoch

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
)

// Name of the file in the dataDir.
const Name = "epochs"

const (
	tempSuffix = ".tmp"
	fileMax    = 4 << 10 // bytes; a whole file has some seventy
	version    = 1
)

// ErrDamaged is the class of the errors about a file that does not hold what it should.
var ErrDamaged = errors.New("damaged file of epochs")

// wayOut is what an operator can do. An empty file would be a lie: the promises that it forgets may elect two
// leaders.
const wayOut = "empty this server's dataDir and dataLogDir, so that the other servers of the ensemble seed it again, " +
	"or restore a backup of it"

// File is the file of epochs of a dataDir, and what it holds.
type File struct {
	fs                vfs.FS
	dir               string
	accepted, current proto.Epoch
	failed            error
}

// Open reads the file in dir, which must exist. Without a file both epochs are 0. What a crash left half made
// is ignored, and overwritten by the next Set.
func Open(fs vfs.FS, dir string) (*File, error) {
	f := &File{fs: fs, dir: dir}
	path := fs.PathJoin(dir, Name)
	in, err := fs.Open(path)
	if oserror.IsNotExist(err) {
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("epochs: open %s: %w", path, err)
	}
	text, err := io.ReadAll(io.LimitReader(in, fileMax+1))
	if err = errors.Join(err, in.Close()); err != nil {
		return nil, fmt.Errorf("epochs: read %s: %w", path, err)
	}
	if f.accepted, f.current, err = Parse(text); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", path, err, wayOut)
	}
	return f, nil
}

// Accepted is the highest epoch that this server has promised a leader to follow it in.
func (f *File) Accepted() proto.Epoch { return f.accepted }

// Current is the epoch of the last leader whose history this server has made its own.
func (f *File) Current() proto.Epoch { return f.current }

// Set makes both durable. It does nothing if they are what the file holds. Neither may fall, and the current
// one may not be above the accepted one.
func (f *File) Set(accepted, current proto.Epoch) error {
	switch {
	case f.failed != nil:
		return f.failed
	case accepted < f.accepted || current < f.current:
		return fmt.Errorf("epochs: accepted %d and current %d cannot follow %d and %d: an epoch never falls",
			accepted, current, f.accepted, f.current)
	case current > accepted:
		return fmt.Errorf("epochs: current epoch %d is above the accepted one, %d", current, accepted)
	case accepted == f.accepted && current == f.current:
		return nil
	}
	if err := f.replace(appendText(nil, accepted, current)); err != nil {
		f.failed = fmt.Errorf("epochs: write %s: %w: check the disk and start the server again",
			f.fs.PathJoin(f.dir, Name), err)
		return f.failed
	}
	f.accepted, f.current = accepted, current
	return nil
}

// replace makes text the content of the file, durably.
func (f *File) replace(text []byte) error {
	path := f.fs.PathJoin(f.dir, Name)
	out, err := f.fs.Create(path+tempSuffix, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	if err := f.fs.Rename(path+tempSuffix, path); err != nil {
		return err
	}
	dir, err := f.fs.OpenDir(f.dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func appendText(b []byte, accepted, current proto.Epoch) []byte {
	b = fmt.Appendf(b, "gamekeeper epochs %d\naccepted %d\ncurrent %d\n", version, accepted, current)
	return fmt.Appendf(b, "checksum %08x\n", checksum(b))
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// Parse reads the text of a file. Errors are of class ErrDamaged, but for a version that is not known.
func Parse(text []byte) (accepted, current proto.Epoch, err error) {
	lines := strings.SplitAfter(string(text), "\n")
	number := func(i int, name string) (n int64) {
		if err != nil {
			return 0
		}
		digits, ok := "", false
		if i < len(lines) {
			digits, ok = strings.CutPrefix(strings.TrimSuffix(lines[i], "\n"), name+" ")
		}
		n, perr := strconv.ParseInt(digits, 10, 64)
		if !ok || perr != nil || n < 0 || strconv.FormatInt(n, 10) != digits {
			err = fmt.Errorf("%w: line %d is not %q and a number", ErrDamaged, i+1, name)
		}
		return n
	}
	if v := number(0, "gamekeeper epochs"); err == nil && v != version {
		return 0, 0, fmt.Errorf("epochs: the file is of version %d, this program knows version %d: "+
			"start a version that is not older than the one that wrote it", v, version)
	}
	accepted, current = proto.Epoch(number(1, "accepted")), proto.Epoch(number(2, "current"))
	switch {
	case err != nil:
		return 0, 0, err
	case string(text) != string(appendText(nil, accepted, current)):
		return 0, 0, fmt.Errorf("%w: the checksum is not that of the content", ErrDamaged)
	case current > accepted:
		return 0, 0, fmt.Errorf("%w: current epoch %d is above the accepted one, %d", ErrDamaged, current, accepted)
	}
	return accepted, current, nil
}
