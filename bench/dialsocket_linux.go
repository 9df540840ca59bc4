package bench

import (
	"os"

	"golang.org/x/sys/unix"
)

// newSocket returns a socket that blocks nobody, delays nothing, and chooses its port when it connects, not when it
// is bound: by then it is known which ports are free towards the server.
func newSocket(family int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if err == nil && family == unix.AF_INET {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	}
	if err != nil {
		unix.Close(fd)
		return 0, os.NewSyscallError("socket", err)
	}
	return fd, nil
}
