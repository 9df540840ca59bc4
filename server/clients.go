package server

import (
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// clients knows all connections and admits new ones. Any goroutine may use it.
type clients struct {
	perAddressMax int // 0: no limit
	max           int
	greetMax      time.Duration // how long a connection may stay without a session

	logger *slog.Logger

	rejected    atomic.Int64
	sessionless atomic.Int64 // closed because they never greeted

	mu         sync.Mutex
	all        map[*conn]struct{}
	silent     map[*conn]struct{} // without a session so far
	perAddress map[netip.Addr]int
	complained time.Time // when the log was last told of a refusal
}

// greetMax is how long a connection may stay without a session, unless a test is in a hurry.
const greetMax = 10 * time.Second

// newClients takes maxClientCnxns and maxCnxns. Without the latter, connections are limited so that they
// cannot use up the process's file descriptors, which the log needs too.
func newClients(perAddressMax, max int, logger *slog.Logger) *clients {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err == nil {
		// Connections that are refused are open for a moment; the reserve is for those, and for the log.
		reserve := min(files.Cur/4, 128)
		if limit := int(min(files.Cur-reserve, 1<<30)); max == 0 || max > limit {
			max = limit
		}
	}
	return &clients{perAddressMax: perAddressMax, max: max, greetMax: greetMax, logger: logger, all: map[*conn]struct{}{},
		silent: map[*conn]struct{}{}, perAddress: map[netip.Addr]int{}}
}

// admit takes c in, unless there are too many connections, in all or of its address.
func (cs *clients) admit(c *conn) bool {
	addr := c.net.Remote().Addr()
	cs.mu.Lock()
	defer cs.mu.Unlock()
	switch {
	case cs.max > 0 && len(cs.all) >= cs.max:
		cs.refuse(c, "raise maxCnxns, or the limit of open files (ulimit -n)", cs.max)
		return false
	case cs.perAddressMax > 0 && cs.perAddress[addr] >= cs.perAddressMax:
		cs.refuse(c, "raise maxClientCnxns if its clients need more", cs.perAddressMax)
		return false
	}
	c.needed.Store(1)
	cs.all[c] = struct{}{}
	cs.silent[c] = struct{}{}
	cs.perAddress[addr]++
	return true
}

// complainEvery is how often the log is told of connections that are refused.
const complainEvery = 10 * time.Second

// refuse counts a connection that is one too many, and now and then tells the log. cs.mu is held.
func (cs *clients) refuse(c *conn, advice string, limit int) {
	cs.rejected.Add(1)
	if now := c.opened; now.Sub(cs.complained) >= complainEvery {
		cs.complained = now
		cs.logger.Warn("connection refused: too many", "client", c.net.Remote(), "limit", limit,
			"refused", cs.rejected.Load(), "advice", advice)
	}
}

// greeted says that c has a session.
func (cs *clients) greeted(c *conn) {
	cs.mu.Lock()
	delete(cs.silent, c)
	cs.mu.Unlock()
}

// release forgets c when nobody needs it any more.
func (cs *clients) release(c *conn) {
	if c.needed.Add(-1) > 0 {
		return
	}
	addr := c.net.Remote().Addr()
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.all, c)
	delete(cs.silent, c)
	if cs.perAddress[addr]--; cs.perAddress[addr] <= 0 {
		delete(cs.perAddress, addr)
	}
}

// closeSilent closes the connections that have had no session for too long.
func (cs *clients) closeSilent(now time.Time) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for c := range cs.silent {
		if now.Sub(c.opened) > cs.greetMax {
			delete(cs.silent, c)
			cs.sessionless.Add(1)
			c.close(false)
		}
	}
}

func (cs *clients) count() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return len(cs.all)
}

// each calls visit with every connection. It must not take long.
func (cs *clients) each(visit func(*conn)) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for c := range cs.all {
		visit(c)
	}
}

// snapshot returns the connections of this moment.
func (cs *clients) snapshot() []*conn {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	list := make([]*conn, 0, len(cs.all))
	for c := range cs.all {
		list = append(list, c)
	}
	return list
}
