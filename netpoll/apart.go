package netpoll

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// apartMax is how many answers may be under way beside the loops. What comes above is answered on its loop.
	apartMax = 64
	// apartLook is how often one of them looks whether the server stops.
	apartLook = 50 * time.Millisecond
)

// AnswerApart sends what answer returns as the connection's last output, ignores what else comes in, and lingers. answer
// runs in a goroutine of its own, which also writes: it may take its time, and the client gets all of it even if it has
// closed its side already, which ends the connection for the loop. It is for the loop alone.
func (c *Conn) AnswerApart(answer func() []byte) {
	f := c.apartFile()
	if f == nil {
		c.Append(answer())
		c.CloseSoon(true)
		c.Flush()
		return
	}
	c.deaf, c.lingering = true, true
	c.apart.Store(true)
	c.loop.watch(c)
	s := c.loop.server
	s.apart.Go(func() {
		writeApart(f, answer(), s.opts.LingerMax, s.closing)
		s.apartCount.Add(-1)
		c.apart.Store(false) // the loop half closes and waits for the client, if it still has the connection
	})
}

// apartFile returns the connection's socket for a goroutine of its own, nil if there are too many or no descriptor is free.
func (c *Conn) apartFile() *os.File {
	s := c.loop.server
	if s.apartCount.Add(1) <= apartMax {
		if fd, err := unix.FcntlInt(uintptr(c.fd), unix.F_DUPFD_CLOEXEC, 0); err == nil {
			return os.NewFile(uintptr(fd), "client")
		}
	}
	s.apartCount.Add(-1)
	return nil
}

// writeApart writes b, half closes and closes f, but gives up when nothing was taken for patience, or when the server
// stops.
func writeApart(f *os.File, b []byte, patience time.Duration, closing <-chan struct{}) {
	defer f.Close()
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	for took := time.Now(); len(b) > 0; {
		n, failure := 0, error(nil)
		if err := f.SetWriteDeadline(time.Now().Add(apartLook)); err != nil {
			return
		}
		err := raw.Write(func(fd uintptr) bool {
			n, failure = unix.Write(int(fd), b)
			return failure != unix.EAGAIN
		})
		switch {
		case err == nil && failure == nil:
			b, took = b[n:], time.Now()
		case err == nil && failure == unix.EINTR:
		case !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(took) > patience:
			return
		}
		select {
		case <-closing:
			return
		default:
		}
	}
	_ = raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_WR) })
}
