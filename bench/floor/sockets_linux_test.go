package floor

import (
	"testing"

	"golang.org/x/sys/unix"
)

// needFiles skips the benchmark where so many sockets cannot be open.
func needFiles(b *testing.B, n uint64) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		b.Fatal(err)
	}
	if limit.Cur < n+100 {
		b.Skipf("it needs %d open files, and %d are allowed: raise ulimit -n", n+100, limit.Cur)
	}
}

// listen opens a port on the loopback interface.
func listen(b *testing.B) (fd int, at *unix.SockaddrInet4) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = unix.Listen(fd, 4096)
	}
	var sa unix.Sockaddr
	if err == nil {
		sa, err = unix.Getsockname(fd)
	}
	if err != nil {
		b.Fatal(err)
	}
	return keep(b, fd), sa.(*unix.SockaddrInet4)
}

// keep closes a socket with the benchmark.
func keep(b *testing.B, fd int) int {
	b.Cleanup(func() { unix.Close(fd) })
	return fd
}

// dial connects to a port. The caller has the socket to close.
func dial(b *testing.B, to *unix.SockaddrInet4) int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err == nil {
		err = unix.Connect(fd, to)
	}
	if err != nil {
		b.Fatal(err)
	}
	nodelay(b, fd)
	return fd
}

// accept takes the next connection of l, which closes with the benchmark.
func accept(b *testing.B, l int) int {
	fd, _, err := unix.Accept4(l, 0)
	if err != nil {
		b.Fatal(err)
	}
	nodelay(b, fd)
	return keep(b, fd)
}

func nodelay(b *testing.B, fd int) {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		b.Fatal(err)
	}
}

// end says that nothing more will be written to a connection.
func end(b *testing.B, fd int) {
	if err := unix.Shutdown(fd, unix.SHUT_WR); err != nil {
		b.Error(err)
	}
}

// awaitAny waits until there is something to read on a connection.
func awaitAny(b *testing.B, fds []int) {
	list := make([]unix.PollFd, len(fds))
	for i, fd := range fds {
		list[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	}
	_, err := unix.Poll(list, -1)
	for err == unix.EINTR {
		_, err = unix.Poll(list, -1)
	}
	if err != nil {
		b.Error(err)
	}
}

// hangUp closes a connection so that its port is free again at once.
func hangUp(b *testing.B, fd int) {
	if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		b.Error(err)
	}
	unix.Close(fd)
}

func nonblocking(b *testing.B, fd int) {
	if err := unix.SetNonblock(fd, true); err != nil {
		b.Fatal(err)
	}
}

func write(b *testing.B, fd int, p []byte) {
	if n, err := unix.Write(fd, p); err != nil || n < len(p) {
		b.Errorf("wrote %d of %d bytes: %v", n, len(p), err)
	}
}

func read(b *testing.B, fd, bytes int) {
	var buf [256]byte
	for at := 0; at < bytes; {
		n, err := unix.Read(fd, buf[at:bytes])
		if err != nil || n == 0 {
			b.Errorf("read %d of %d bytes: %v", at, bytes, err)
			return
		}
		at += n
	}
}

// poll waits for many sockets.
type poll struct {
	fd     int
	events [1024]unix.EpollEvent
}

func newPoll(b *testing.B) *poll {
	fd, err := unix.EpollCreate1(0)
	if err != nil {
		b.Fatal(err)
	}
	return &poll{fd: keep(b, fd)}
}

func (p *poll) add(b *testing.B, fd int, events uint32) {
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
		b.Error(err)
	}
}

func (p *poll) wait(b *testing.B) []unix.EpollEvent {
	for {
		n, err := unix.EpollWait(p.fd, p.events[:], -1)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			b.Error(err)
		}
		return p.events[:max(n, 0)]
	}
}
