//go:build unix && !linux

package bench

import (
	"time"

	"golang.org/x/sys/unix"
)

// poller waits for sockets, level-triggered. Sockets are known by an index of the caller's.
type poller struct {
	fds     []unix.PollFd
	indexes []int
	slots   map[int]int // of each index in the two
}

func newPoller() (*poller, error) { return &poller{slots: map[int]int{}}, nil }

// add watches fd for input.
func (p *poller) add(fd, index int) error {
	p.slots[index] = len(p.fds)
	p.fds = append(p.fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	p.indexes = append(p.indexes, index)
	return nil
}

// want says whether room for output is waited for, besides input.
func (p *poller) want(_, index int, output bool) error {
	events := int16(unix.POLLIN)
	if output {
		events |= unix.POLLOUT
	}
	p.fds[p.slots[index]].Events = events
	return nil
}

// remove forgets a socket, which is closed next.
func (p *poller) remove(index int) {
	slot, ok := p.slots[index]
	if !ok {
		return
	}
	last := len(p.fds) - 1
	p.fds[slot], p.indexes[slot] = p.fds[last], p.indexes[last]
	p.slots[p.indexes[slot]] = slot
	p.fds, p.indexes = p.fds[:last], p.indexes[:last]
	delete(p.slots, index)
}

// wait calls ready for each socket that can be read from, or written to, or has failed, within so long: a millisecond
// more or less. Precise, it is less, and the caller waits again.
func (p *poller) wait(nap time.Duration, precise bool, ready func(index int) error) error {
	if !precise {
		nap += time.Millisecond - 1
	}
	milliseconds := int(nap / time.Millisecond)
	_, err := unix.Poll(p.fds, milliseconds)
	if err == unix.EINTR {
		return nil
	}
	if err != nil {
		return err
	}
	for i := 0; i < len(p.fds); i++ { // ready may add sockets, and remove some
		if p.fds[i].Revents == 0 {
			continue
		}
		if err := ready(p.indexes[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *poller) close() {}
