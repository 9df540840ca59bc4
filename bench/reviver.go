package bench

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"gamekeeper/proto"
)

const (
	revivalsAtOnce  = 32
	revivalPatience = 3 * time.Second        // with one server, until the next is tried
	revivalFirst    = 5 * time.Millisecond   // to wait when no server gave a connection
	revivalLast     = 500 * time.Millisecond // the wait doubles up to this
)

// revivalWait is how long to wait after all servers were tried so often: from half of a time that doubles to one and a
// half of it.
func revivalWait(rounds int) time.Duration {
	if rounds == 0 {
		return 0
	}
	wait := min(revivalFirst<<min(rounds-1, 10), revivalLast)
	return wait/2 + time.Duration(rand.Int64N(int64(wait)))
}

// reviver opens connections in the place of those that were lost, in goroutines of its own, as clients do: it goes
// round the servers and asks for the same session, and for a new one when that has expired.
type reviver struct {
	dialer  dialer
	servers []string
	ctx     context.Context
	cancel  context.CancelFunc
	atOnce  chan struct{}
	done    sync.WaitGroup
	revived atomic.Int64 // connections
	expired atomic.Int64 // sessions that no server knew any more
}

// arrival is a connection in the place of one that was lost.
type arrival struct {
	index   int // of the link
	socket  socket
	server  string
	session session
}

// arrivals are handed from the reviver to a loop.
type arrivals struct {
	mu   sync.Mutex
	list []arrival
}

// take returns those that came since the last call.
func (a *arrivals) take() []arrival {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := a.list
	a.list = nil
	return list
}

func (a *arrivals) add(one arrival) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, one)
}

func newReviver(d *dialer, servers []string) *reviver {
	r := &reviver{dialer: *d, servers: servers, atOnce: make(chan struct{}, revivalsAtOnce)}
	r.dialer.Patience = min(d.Patience, revivalPatience)
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// revive opens a connection for the link with an index and a number in the fleet, and gives it to the loop that owns
// the arrivals. The session goes on from zxid.
func (r *reviver) revive(to *arrivals, index, number int, s session, zxid proto.Zxid) {
	r.done.Go(func() {
		for turn := 1; ; turn++ {
			server := r.servers[(number+turn)%len(r.servers)]
			sock, granted, err := r.open(server, number, &s, zxid)
			if err == nil {
				r.revived.Add(1)
				to.add(arrival{index, sock, server, granted})
				return
			}
			if errors.Is(err, errSessionExpired) {
				r.expired.Add(1)
				s = session{}
				turn-- // the same server gives a new one
				continue
			}
			if turn%len(r.servers) > 0 {
				continue
			}
			if pause(r.ctx, revivalWait(turn/len(r.servers))) != nil {
				return
			}
		}
	})
}

// open opens one connection, as soon as there are few enough being opened.
func (r *reviver) open(server string, number int, s *session, zxid proto.Zxid) (socket, session, error) {
	select {
	case r.atOnce <- struct{}{}:
		defer func() { <-r.atOnce }()
	case <-r.ctx.Done():
		return socket{}, session{}, r.ctx.Err()
	}
	conn, granted, err := r.dialer.from(server, number).reopen(r.ctx, server, s, zxid)
	if err != nil {
		return socket{}, session{}, err
	}
	sock, err := takeSocket(conn)
	return sock, granted, err
}

// stop ends the goroutines. What they still hand over is the loops' to close.
func (r *reviver) stop() {
	r.cancel()
	r.done.Wait()
}
