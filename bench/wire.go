package bench

// wire is a connection that a loop polls, with what is on its way: what the socket had no room for, and the beginning of
// a frame that came. It belongs to the loop.
type wire struct {
	socket
	poller  *poller
	index   int    // that the poller knows it by
	pending []byte // what is still to be sent
	rest    []byte // the beginning of a frame, for the next read
	waiting bool   // the poller waits for room
}

// connect takes a socket, which is polled from then on.
func (w *wire) connect(s socket) error {
	w.socket = s
	return w.poller.add(s.fd, w.index)
}

// disconnect closes the socket and forgets what was on its way.
func (w *wire) disconnect() {
	w.poller.remove(w.index)
	w.socket.close()
	w.pending, w.rest, w.waiting = w.pending[:0], w.rest[:0], false
}

// took notes that the socket has taken n bytes of b, which begins with what is pending. The rest is pending then, and
// the poller waits for room.
func (w *wire) took(b []byte, n int) error {
	// Moves the rest to the front when b is pending itself.
	w.pending = append(w.pending[:0], b[n:]...)
	waiting := len(w.pending) > 0
	if waiting == w.waiting {
		return nil
	}
	w.waiting = waiting
	return w.poller.want(w.fd, w.index, waiting)
}

// receive reads what is there behind the rest of before, and returns how many bytes are in the buffer now, and how many
// of them are new.
func (w *wire) receive(in []byte) (n, got int, err error) {
	n = copy(in, w.rest)
	got, err = w.socket.read(in[n:])
	return n + got, got, err
}

// keep keeps what is no whole frame yet, and returns a larger buffer if that is much.
func (w *wire) keep(b, in []byte) []byte {
	w.rest = append(w.rest[:0], b...)
	if len(w.rest) > len(in)/2 {
		return make([]byte, 2*len(in))
	}
	return in
}
