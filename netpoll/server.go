package netpoll

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/panjf2000/gnet/v2"
)

// Server listens on one address and runs the event loops.
type Server struct {
	opts     Options
	handler  Handler
	listener *net.TCPListener
	loopsOf  *gnet.Client // runs the event loops; it is no client of anything

	acceptors  sync.WaitGroup
	closing    chan struct{} // closed when no more connections are accepted
	complained atomic.Int64  // when accepting failed last and the log was told, Unix nanoseconds
	stop       sync.Once
	stopDone   chan struct{}
	stopErr    error

	apart      sync.WaitGroup // answers under way beside the loops
	apartCount atomic.Int32

	running sync.RWMutex // held while something is given to a loop
	stopped bool         // nothing may be given to a loop any more

	mu    sync.Mutex
	loops []*Loop // one more whenever a loop gets its first connection
}

// Start listens and serves until Stop. The error names the address and says what to do.
func Start(opts Options, h Handler) (*Server, error) {
	s := &Server{opts: opts.withDefaults(), handler: h, closing: make(chan struct{}), stopDone: make(chan struct{})}
	var err error
	if s.listener, err = listen(&s.opts); err != nil {
		return nil, listenError(opts.Addr, err)
	}
	s.loopsOf, err = gnet.NewClient(&events{s: s},
		gnet.WithNumEventLoop(s.opts.Loops),
		gnet.WithTCPNoDelay(gnet.TCPDelay), // set by package net already
		gnet.WithReadBufferCap(64<<10),
		gnet.WithLogger(logger{s.opts.Logger}),
	)
	if err == nil {
		err = s.loopsOf.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %d event loops: %w", s.opts.Loops, err), s.listener.Close())
	}
	s.acceptors.Add(acceptorCount)
	for range acceptorCount {
		go s.accept()
	}
	return s, nil
}

func listenError(addr string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("listen on %s: the port is taken: stop what uses it or set another clientPort: %w", addr, err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("listen on %s: not permitted: use a clientPort above 1023 or grant the right to bind it: %w", addr, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("listen on %s: no interface has this address: check clientPortAddress: %w", addr, err)
	}
	return fmt.Errorf("listen on %s: %w", addr, err)
}

// Addr returns the address that is listened on, with the port that was chosen when 0 was asked for.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Flush wakes each loop that has output to send or connections to close. Any goroutine.
func (s *Server) Flush() {
	s.mu.Lock()
	loops := s.loops // only ever appended to
	s.mu.Unlock()
	for _, l := range loops {
		l.wake()
	}
}

// Stop closes the listener and all connections, and waits for the loops to end, or for ctx.
func (s *Server) Stop(ctx context.Context) error {
	s.stop.Do(func() {
		go func() {
			defer close(s.stopDone)
			s.stopErr = s.shutDown()
		}()
	})
	select {
	case <-s.stopDone:
		return s.stopErr
	case <-ctx.Done():
		return fmt.Errorf("stop serving %s: %w", s.Addr(), ctx.Err())
	}
}

// shutDown ends the acceptors before the loops: they wait for a loop to take the connection they have.
func (s *Server) shutDown() error {
	close(s.closing)
	err := s.listener.Close()
	s.acceptors.Wait()
	s.running.Lock()
	s.stopped = true
	s.running.Unlock()
	err = errors.Join(err, s.loopsOf.Stop())
	s.apart.Wait()
	return err
}

// loopOf returns the Loop of el, making it when el gets its first connection.
func (s *Server) loopOf(el gnet.EventLoop) *Loop {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.loops {
		if l.el == el {
			return l
		}
	}
	l := newLoop(s, el, len(s.loops))
	s.loops = append(s.loops, l)
	return l
}

// events receives gnet's callbacks.
type events struct {
	gnet.BuiltinEventEngine
	s *Server
}

func (e *events) OnOpen(gc gnet.Conn) ([]byte, gnet.Action) {
	c := &Conn{loop: e.s.loopOf(gc.EventLoop()), gc: gc, fd: gc.Fd()}
	if a, ok := gc.RemoteAddr().(*net.TCPAddr); ok {
		ip, _ := netip.AddrFromSlice(a.IP)
		c.remote = netip.AddrPortFrom(ip.Unmap(), uint16(a.Port))
	}
	if !e.s.handler.Opened(c) {
		c.closed = true
		return nil, gnet.Close
	}
	gc.SetContext(c)
	return nil, gnet.None
}

func (e *events) OnTraffic(gc gnet.Conn) gnet.Action {
	c, ok := gc.Context().(*Conn)
	if !ok {
		return gnet.Close
	}
	data, _ := gc.Next(-1)
	c.traffic(data)
	return gnet.None
}

func (e *events) OnClose(gc gnet.Conn, err error) gnet.Action {
	c, ok := gc.Context().(*Conn)
	if !ok {
		return gnet.None // refused by Opened
	}
	c.ended()
	if c.reason != nil {
		err = c.reason
	}
	e.s.handler.Closed(c, err)
	return gnet.None
}

// logger gives gnet's messages to slog.
type logger struct{ to *slog.Logger }

func (l logger) say(level slog.Level, format string, args []any) {
	l.to.Log(context.Background(), level, strings.TrimSpace(fmt.Sprintf(format, args...)), "from", "event loop")
}

func (l logger) Debugf(format string, args ...any) { l.say(slog.LevelDebug, format, args) }
func (l logger) Infof(format string, args ...any)  { l.say(slog.LevelDebug, format, args) }
func (l logger) Warnf(format string, args ...any)  { l.say(slog.LevelWarn, format, args) }
func (l logger) Errorf(format string, args ...any) { l.say(slog.LevelError, format, args) }
func (l logger) Fatalf(format string, args ...any) { l.say(slog.LevelError, format, args) }
