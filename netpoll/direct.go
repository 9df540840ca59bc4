package netpoll

import "golang.org/x/sys/unix"

// EndNow is EndTallied, and gives everything to the socket at once, in the caller's goroutine, if the loop has no part in
// it: then it is true, no Flush is needed, and Options.Sent is not told. Otherwise the next Flush sends what is left. A
// loop that waits for events wakes up later than a write takes; but who calls this pays for that write. Any goroutine.
func (c *Conn) EndNow(out []byte, replies *Sent) bool {
	if c.begun > 0 || c.queued || c.gone || c.close != closeNo || c.loopWrites.Load() {
		c.EndTallied(out, replies)
		return false
	}
	n, err := unix.Write(c.fd, out)
	if err != nil || n < len(out) {
		n = max(n, 0) // an error will meet the loop as well, which then closes the connection
		c.EndTallied(append(out[:0], out[n:]...), replies)
		return false
	}
	c.out = nil
	c.mu.Unlock()
	c.loop.giveBuffer(out)
	return true
}
