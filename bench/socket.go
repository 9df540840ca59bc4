package bench

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// socket is a connection that the Go runtime does not poll: a loop does.
type socket struct{ fd int }

// takeSocket takes the connection out of the runtime's hands: conn is closed, and lives on as the socket.
func takeSocket(conn net.Conn) (socket, error) {
	defer conn.Close()
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return socket{}, fmt.Errorf("%T is not a TCP connection", conn)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return socket{}, err
	}
	var s socket
	// A duplicate of our own, as the File method would have the runtime poll it too. It stays
	// non-blocking, which the two share.
	if e := raw.Control(func(fd uintptr) { s.fd, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) }); e != nil {
		return socket{}, e
	}
	return s, os.NewSyscallError("dup", err)
}

// read reads what is there; 0 and no error when nothing is. The end of the stream is io.EOF.
func (s socket) read(b []byte) (int, error) {
	for {
		n, err := unix.Read(s.fd, b)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return 0, nil
		case err == nil && n == 0:
			return 0, io.EOF
		case errors.Is(err, unix.ECONNRESET):
			return 0, io.EOF
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		}
		return n, nil
	}
}

// write writes what there is room for and returns its length.
func (s socket) write(b []byte) (int, error) {
	for {
		n, err := unix.Write(s.fd, b)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return 0, nil
		case errors.Is(err, unix.ECONNRESET), errors.Is(err, unix.EPIPE):
			return 0, io.EOF
		case err != nil:
			return 0, os.NewSyscallError("write", err)
		}
		return n, nil
	}
}

func (s socket) close() { unix.Close(s.fd) }
