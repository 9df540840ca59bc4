package bench

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"gamekeeper/proto"
)

// loopbackSources is how many addresses connections to servers on this machine come from. One has not enough ports,
// and the more of them are taken, the longer the system looks for one that is free. A connection that was closed a
// moment ago keeps its port for a while, so every attempt of a session goes on to the next address.
const loopbackSources = 200

// firstSource is where a run begins, so that runs that follow each other use different addresses.
func firstSource() int { return rand.IntN(loopbackSources) }

// dialSocket begins a connection and does not wait for it.
func dialSocket(to netip.AddrPort, source int) (fd int, err error) {
	if to.Addr().Is6() {
		if fd, err = newSocket(unix.AF_INET6); err == nil {
			err = beginConnect(fd, &unix.SockaddrInet6{Addr: to.Addr().As16(), Port: int(to.Port())})
		}
		return fd, err
	}
	if fd, err = newSocket(unix.AF_INET); err != nil {
		return 0, err
	}
	if to.Addr().IsLoopback() {
		from := unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(2 + source%loopbackSources)}}
		if err := unix.Bind(fd, &from); err != nil && err != unix.EADDRNOTAVAIL { // not every system has them all
			unix.Close(fd)
			return 0, os.NewSyscallError("bind", err)
		}
	}
	return fd, beginConnect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())})
}

// beginConnect closes the socket when it fails.
func beginConnect(fd int, to unix.Sockaddr) error {
	if err := unix.Connect(fd, to); err != nil && err != unix.EINPROGRESS && err != unix.EINTR {
		unix.Close(fd)
		return os.NewSyscallError("connect", err)
	}
	return nil
}

// reserveFiles checks that so many connections fit. The runtime has raised the soft limit already.
func reserveFiles(connections int) error {
	const spare = 64
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err == nil && limit.Cur < uint64(connections)+spare {
		return usageError("%d connections need as many open files, and this process may open %d: raise the limit with ulimit -n %d, for the server too",
			connections, limit.Cur, connections+2*spare)
	}
	return nil
}

// replyError says what was answered with an error.
func replyError(what string, code proto.Code) error { return fmt.Errorf("%s: %w", what, code) }
