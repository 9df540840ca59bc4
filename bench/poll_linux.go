package bench

import (
	"time"

	"golang.org/x/sys/unix"
)

// poller waits for sockets, level-triggered. Sockets are known by an index of the caller's.
type poller struct {
	fd     int
	timer  int // 0 until one is needed
	until  unix.ItimerSpec
	events []unix.EpollEvent
}

// timerIndex stands for the timer among the indexes.
const timerIndex = -1

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &poller{fd: fd, events: make([]unix.EpollEvent, 256)}, nil
}

// add watches fd for input. Closing it ends that.
func (p *poller) add(fd, index int) error {
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(index)}
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &e)
}

// want says whether room for output is waited for, besides input.
func (p *poller) want(fd, index int, output bool) error {
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(index)}
	if output {
		e.Events |= unix.EPOLLOUT
	}
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_MOD, fd, &e)
}

// remove says that the caller is about to close fd.
func (p *poller) remove(int) {}

// wait calls ready for each socket that can be read from, or written to, or has failed, within so long: a millisecond
// more or less, unless precise.
func (p *poller) wait(nap time.Duration, precise bool, ready func(index int) error) error {
	milliseconds := int((nap + time.Millisecond - 1) / time.Millisecond)
	if precise && nap > 0 {
		if err := p.wake(nap); err != nil {
			return err
		}
		milliseconds++ // the timer is first
	}
	n, err := unix.EpollWait(p.fd, p.events, milliseconds)
	if err == unix.EINTR {
		return nil
	}
	if err != nil {
		return err
	}
	for i := range n {
		if p.events[i].Fd == timerIndex {
			continue
		}
		if err := ready(int(p.events[i].Fd)); err != nil {
			return err
		}
	}
	return nil
}

// wake ends the next wait after so long. A timer of the kernel's is exact to some microseconds, where a limit to
// epoll_wait is in milliseconds. It is watched edge-triggered, so that nobody has to read it.
func (p *poller) wake(after time.Duration) error {
	if p.timer == 0 {
		timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
		if err != nil {
			return err
		}
		p.timer = timer
		e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: timerIndex}
		if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, timer, &e); err != nil {
			return err
		}
	}
	p.until.Value = unix.NsecToTimespec(int64(after))
	return unix.TimerfdSettime(p.timer, 0, &p.until, nil)
}

func (p *poller) close() {
	unix.Close(p.fd)
	if p.timer != 0 {
		unix.Close(p.timer)
	}
}
