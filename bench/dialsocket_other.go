//go:build unix && !linux

package bench

import (
	"os"

	"golang.org/x/sys/unix"
)

// newSocket returns a socket that blocks nobody and delays nothing.
func newSocket(family int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	unix.CloseOnExec(fd)
	err = unix.SetNonblock(fd, true)
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err != nil {
		unix.Close(fd)
		return 0, os.NewSyscallError("socket", err)
	}
	return fd, nil
}
