package bench

import (
	"golang.org/x/sys/unix"
)

// wakeIndex is what a poller knows the reading end of a wake by. Sockets have indexes from 0, and -1 is the timer.
const wakeIndex = -2

// wake ends a loop's waiting for sockets, through a pipe.
type wake struct{ reader, writer int }

func newWake() (wake, error) {
	var ends [2]int
	if err := unix.Pipe(ends[:]); err != nil {
		return wake{}, err
	}
	for _, fd := range ends {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			unix.Close(ends[0])
			unix.Close(ends[1])
			return wake{}, err
		}
	}
	return wake{ends[0], ends[1]}, nil
}

// up wakes. A full pipe wakes already.
func (w wake) up() { _, _ = unix.Write(w.writer, []byte{0}) }

// reset makes the next up wake again.
func (w wake) reset() {
	var b [64]byte
	for {
		if n, err := unix.Read(w.reader, b[:]); n < len(b) || err != nil {
			return
		}
	}
}

func (w wake) close() {
	unix.Close(w.reader)
	unix.Close(w.writer)
}
