package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// Network makes connections. The zero value is TCP.
type Network struct {
	// Dial connects to address, which is host:port, and does what else has to be done before the first byte of the
	// protocol, such as a TLS handshake. It resolves the host itself, at each call, and returns soon when ctx is
	// done. Nil is TCP.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// Wrap is given every listener. What its Accept returns must do handshakes in the first Read or Write, not in
	// Accept, and honour deadlines there. Nil is no wrapping.
	Wrap func(net.Listener) net.Listener
}

func (n Network) dial(ctx context.Context, address string) (net.Conn, error) {
	if n.Dial != nil {
		return n.Dial(ctx, address)
	}
	return (&net.Dialer{KeepAlive: -1}).DialContext(ctx, "tcp", address)
}

// dialFirst connects to whichever of addresses answers first.
func (n Network) dialFirst(ctx context.Context, addresses []string) (net.Conn, error) {
	if len(addresses) == 0 {
		return nil, errors.New("no address is known")
	}
	ctx, cancel := context.WithCancel(ctx)
	type result struct {
		conn net.Conn
		err  error
	}
	results := make(chan result, len(addresses))
	for _, a := range addresses {
		go func() {
			c, err := n.dial(ctx, a)
			results <- result{c, err}
		}()
	}
	var errs []error
	for i := range addresses {
		r := <-results
		if r.err != nil {
			errs = append(errs, r.err)
			continue
		}
		// Those that come too late are closed without a word; nothing waits for them.
		go func() {
			defer cancel()
			for range len(addresses) - i - 1 {
				if late := <-results; late.err == nil {
					late.conn.Close()
				}
			}
		}()
		cancel()
		return r.conn, nil
	}
	cancel()
	return nil, errors.Join(errs...)
}

// listen opens all of addresses or none.
func (n Network) listen(addresses []string) ([]net.Listener, error) {
	var all []net.Listener
	for _, a := range addresses {
		// The port can be taken over at once from a listener that was closed: the net package sets SO_REUSEADDR.
		l, err := (&net.ListenConfig{KeepAlive: -1}).Listen(context.Background(), "tcp", a)
		if err != nil {
			closeAll(all)
			return nil, fmt.Errorf("listen on %s: %w", a, err)
		}
		if n.Wrap != nil {
			l = n.Wrap(l)
		}
		all = append(all, l)
	}
	return all, nil
}

func closeAll(ls []net.Listener) {
	for _, l := range ls {
		l.Close()
	}
}

func addrsOf(ls []net.Listener) []net.Addr {
	var as []net.Addr
	for _, l := range ls {
		as = append(as, l.Addr())
	}
	return as
}

const acceptPause = 100 * time.Millisecond

// acceptAll calls handle with every connection until l is closed, which ctx has to tell beforehand. Running out of
// file descriptors does not end it.
func acceptAll(ctx context.Context, l net.Listener, log *slog.Logger, handle func(net.Conn)) {
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			handle(conn)
		case ctx.Err() != nil:
			return
		default:
			log.Warn("a connection could not be accepted", "address", l.Addr(), "error", err)
			if !pause(ctx, acceptPause) {
				return
			}
		}
	}
}

// pause waits and is true unless ctx was done before.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func loggerOr(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}

// tcpOf returns the TCP connection below c, or nil.
func tcpOf(c net.Conn) *net.TCPConn {
	for {
		switch x := c.(type) {
		case *net.TCPConn:
			return x
		case interface{ NetConn() net.Conn }:
			c = x.NetConn()
		default:
			return nil
		}
	}
}
