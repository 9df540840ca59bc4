package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// tempSuffix ends the names of files that are being written.
const tempSuffix = ".tmp"

// copyBytes is the size of the pieces in which files are copied.
const copyBytes = 1 << 20

// ioError adds the way out to an error that names its file.
func ioError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("backup: %w: free space there, or choose another place", err)
	}
	return fmt.Errorf("backup: %w", err)
}

// writeFile makes a file with content b, durably but for its name: sync its directory for that.
func writeFile(path string, b []byte) error {
	temp := path + tempSuffix
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return ioError(err)
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return ioError(err)
	}
	return nil
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return ioError(err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return ioError(err)
	}
	return nil
}

// makeDir makes a directory and what is missing above it, durably.
func makeDir(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := makeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return ioError(err)
	}
	return syncDir(parent)
}

// hashFile returns the size and the SHA-256 of a file. Moved, which may be nil, is told of bytes read.
func hashFile(ctx context.Context, path string, moved func(int64)) (int64, string, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", ioError(err)
	}
	defer f.Close()
	return copyHashed(ctx, io.Discard, f, moved)
}

// copyHashed copies everything, and returns the size and the SHA-256 of it.
func copyHashed(ctx context.Context, to io.Writer, from io.Reader, moved func(int64)) (n int64, sum string, err error) {
	h := sha256.New()
	buf := make([]byte, copyBytes)
	for {
		if err := ctx.Err(); err != nil {
			return n, "", err
		}
		got, err := from.Read(buf)
		_, _ = h.Write(buf[:got])
		if _, err := to.Write(buf[:got]); err != nil {
			return n, "", ioError(err)
		}
		n += int64(got)
		if moved != nil {
			moved(int64(got))
		}
		if err == io.EOF {
			return n, hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return n, "", ioError(err)
		}
	}
}

// copyFile makes the file to, durably but for its name, with the content of from.
func copyFile(ctx context.Context, to string, from io.Reader, moved func(int64)) (n int64, sum string, err error) {
	temp := to + tempSuffix
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return 0, "", ioError(err)
	}
	n, sum, err = copyHashed(ctx, f, from, moved)
	if err == nil {
		if err = f.Sync(); err != nil {
			err = ioError(err)
		}
	}
	if cerr := f.Close(); err == nil && cerr != nil {
		err = ioError(cerr)
	}
	if err == nil {
		if err = os.Rename(temp, to); err != nil {
			err = ioError(err)
		}
	}
	if err != nil {
		_ = os.Remove(temp)
	}
	return n, sum, err
}

// remove removes a file that may be gone.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ioError(err)
	}
	return nil
}

// list returns the names in a directory, sorted; none if there is no directory.
func list(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, ioError(err)
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}
