package transport

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"time"
)

// Retry says how Dial tries. Zero fields are the defaults.
type Retry struct {
	Tries   int           // 5
	Pause   time.Duration // between tries, at most; 100 ms
	Connect time.Duration // of one try; as long as Budget lasts
	Budget  time.Duration // of all tries together; none
}

const (
	defaultTries = 5
	defaultPause = 100 * time.Millisecond
	firstPause   = 5 * time.Millisecond
)

// Dial connects to the leader's quorum port: to any of addresses, which are host:port. It blocks.
//
// A leader opens its port when it knows that it is elected, and its followers know that at about the same time. So
// the first pauses are short, and grow until they are as long as the others. The tries between them do not count.
func Dial(ctx context.Context, addresses []string, opt LinkOptions, retry Retry) (*Link, error) {
	opt.setDefaults()
	if retry.Budget > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, retry.Budget)
		defer cancel()
	}
	tries, longest := cmp.Or(retry.Tries, defaultTries), cmp.Or(retry.Pause, defaultPause)
	wait := min(firstPause, longest)
	for try := 1; ; {
		conn, err := dialOnce(ctx, addresses, &opt, retry.Connect)
		if err == nil {
			return newLink(conn, &opt, true), nil
		}
		full := wait == longest
		if full {
			opt.Logger.Info("the leader's quorum port cannot be reached", "addresses", addresses, "try", try, "error", err)
		}
		if full && try == tries || !pause(ctx, wait) {
			return nil, fmt.Errorf("connect to the leader's quorum port, try %d of %d: %w", try, tries, err)
		}
		if full {
			try++
		}
		wait = min(2*wait, longest)
	}
}

func dialOnce(ctx context.Context, addresses []string, opt *LinkOptions, within time.Duration) (net.Conn, error) {
	if within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, within)
		defer cancel()
	}
	return opt.Network.dialFirst(ctx, addresses)
}

// Listener is a leader's open quorum port.
type Listener struct {
	cancel    context.CancelFunc
	listeners []net.Listener
}

// Listen opens the quorum port on all of addresses. accepted is called with each link, one at a time for each address,
// and must not block for long. It may run once more while Close is called, and until it has returned; the owner then
// closes the link.
func Listen(addresses []string, opt LinkOptions, accepted func(*Link)) (*Listener, error) {
	opt.setDefaults()
	ls, err := opt.Network.listen(addresses)
	if err != nil {
		return nil, fmt.Errorf("the quorum port cannot be opened: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	for _, l := range ls {
		go acceptAll(ctx, l, opt.Logger, func(conn net.Conn) {
			if ctx.Err() != nil {
				conn.Close()
				return
			}
			accepted(newLink(conn, &opt, false))
		})
	}
	return &Listener{cancel: cancel, listeners: ls}, nil
}

// Addrs returns where the port is open.
func (l *Listener) Addrs() []net.Addr { return addrsOf(l.listeners) }

// Close closes the port, which can be opened again at once. It does not close the links.
func (l *Listener) Close() {
	l.cancel()
	closeAll(l.listeners)
}
