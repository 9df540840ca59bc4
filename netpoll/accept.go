package netpoll

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// Connections are accepted here and not by gnet, whose loops all end when accept fails: with EMFILE, for
// instance, which a flood of connections brings about.

const (
	// acceptorCount is how many goroutines accept. Each waits until a loop has taken over its connection, so
	// it also bounds the connections that no Opened has seen yet.
	acceptorCount = 16
	// acceptPause is how long an acceptor waits after a failure: file descriptors may be free again then.
	acceptPause = 10 * time.Millisecond
	// complainEvery is how often the log is told that connections cannot be accepted.
	complainEvery = 10 * time.Second

	keepAliveIdle     = 2 * time.Minute
	keepAliveInterval = 24 * time.Second
	keepAliveCount    = 5
)

func listen(opts *Options) (*net.TCPListener, error) {
	config := net.ListenConfig{KeepAlive: -1}
	if opts.KeepAlive {
		config.KeepAliveConfig = net.KeepAliveConfig{
			Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount,
		}
	}
	config.SetMultipathTCP(false)
	l, err := config.Listen(context.Background(), "tcp", opts.Addr)
	if err != nil {
		return nil, err
	}
	listener := l.(*net.TCPListener)
	if opts.Backlog > 0 {
		if err := setBacklog(listener, opts.Backlog); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return listener, nil
}

// setBacklog listens once more, which changes the backlog and nothing else.
func setBacklog(l *net.TCPListener, n int) error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	var listenErr error
	if err := raw.Control(func(fd uintptr) { listenErr = syscall.Listen(int(fd), n) }); err != nil {
		return err
	}
	return os.NewSyscallError("listen", listenErr)
}

// accept is the goroutine of an acceptor.
func (s *Server) accept() {
	defer s.acceptors.Done()
	for {
		conn, err := s.listener.AcceptTCP()
		if err == nil {
			err = s.enroll(conn)
		}
		if err == nil {
			continue
		}
		select {
		case <-s.closing:
			return
		default:
		}
		s.complain(err)
		select {
		case <-s.closing:
			return
		case <-time.After(acceptPause):
		}
	}
}

// enroll gives conn to an event loop and waits until it is opened there.
func (s *Server) enroll(conn *net.TCPConn) error {
	// gnet means to own the names of zones and writes over them; package net shares them.
	for _, a := range []net.Addr{conn.LocalAddr(), conn.RemoteAddr()} {
		if a, ok := a.(*net.TCPAddr); ok {
			a.Zone = ""
		}
	}
	_, err := s.loopsOf.Enroll(conn) // closes conn; the loop has a duplicate
	return err
}

// complain tells the log, now and then.
func (s *Server) complain(err error) {
	now := time.Now().UnixNano()
	last := s.complained.Load()
	if now-last < int64(complainEvery) || !s.complained.CompareAndSwap(last, now) {
		return
	}
	advice := "see the error"
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		advice = "raise the limit of open files (ulimit -n, LimitNOFILE) or lower maxCnxns"
	}
	s.opts.Logger.Warn("cannot accept connections", "address", s.Addr(), "error", err, "advice", advice)
}
