package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// sunPathMax is the length that the path of a unix socket may have everywhere; Linux takes 107 bytes.
const sunPathMax = 100

// shortPath makes a path that fits into a socket address: a long one is entered through the open directory.
// The caller closes dir when the path is no longer used.
func shortPath(path string) (short string, dir *os.File, err error) {
	if len(path) <= sunPathMax {
		return path, nil, nil
	}
	dir, err = os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	short = "/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + filepath.Base(path)
	if _, err := os.Stat(filepath.Dir(short)); err != nil {
		return "", nil, errors.Join(dir.Close(), fmt.Errorf(
			"the path %s is too long for a unix socket: use a data directory with a path of at most %d bytes",
			path, sunPathMax-len(SocketName)-1))
	}
	return short, dir, nil
}

// listen makes the socket at path. One that a dead server left is replaced.
func listen(path string) (*net.UnixListener, error) {
	conn, err := dial(context.Background(), path)
	if err == nil {
		return nil, errors.Join(fmt.Errorf("%w: it listens on %s", ErrRunning, path), conn.Close())
	}
	if !errors.Is(err, ErrNotRunning) {
		return nil, err
	}
	// Made under another name and renamed: nobody can connect before the mode is right, and the old socket is
	// replaced in one step.
	temp := path + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	short, dir, err := shortPath(temp)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if dir != nil {
		defer dir.Close()
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	l.SetUnlinkOnClose(false)
	err = os.Chmod(temp, 0o600)
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp)
		return nil, errors.Join(fmt.Errorf("control socket: %w", err), l.Close())
	}
	return l, nil
}

// dial connects to the socket at path. It is ErrNotRunning if nobody listens there.
func dial(ctx context.Context, path string) (*net.UnixConn, error) {
	short, dir, err := shortPath(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: there is no %s", ErrNotRunning, path)
	case err != nil:
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if dir != nil {
		defer dir.Close()
	}
	const patience = 10 * time.Second // a backlog that stays full
	d := net.Dialer{Timeout: patience}
	conn, err := d.DialContext(ctx, "unix", short)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: there is no %s", ErrNotRunning, path)
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%w: nobody listens on %s", ErrNotRunning, path)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("control socket %s: %w: run this as the user that the server runs as", path, err)
	case err != nil:
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	return conn.(*net.UnixConn), nil
}
