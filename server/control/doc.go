// Package control lets commands on the same machine speak to a running server, through a unix socket in its
// data directory.
//
// # What the caller does
//
// The server implements Handler and serves it:
//
//	c, err := control.Listen(control.Path(dataDir), handler, logger)
//	err = c.Close() // before the log is closed
//
// A command dials. The Client is itself a Handler, so code that takes one runs the same inside the server and
// outside of it:
//
//	c, err := control.Dial(ctx, dataDir) // ErrNotRunning if no server listens
//	cp, err := c.Checkpoint(ctx, dir)
//	err = c.ReadLog(ctx, cp.LogBase, cp.Last, visit)
//	err = c.Close() // also gives up the pins that were not released
//
// # Who may speak
//
// The socket's mode is 0600, and the server asks the kernel who is at the other end: its own user and root
// are let in. There is nothing to configure and nothing on the network.
//
// # Goroutines
//
// A Server has one goroutine that accepts and one for each connection, which calls the Handler; a Handler is
// called by several at once. Close ends them all and waits. A Client starts none, and one call runs at a time.
//
// # The protocol
//
// A request is a line of JSON, its reply a line of JSON, one at a time. The reply to a reading of the log is
// preceded by blocks: 4 bytes of length, then as many bytes of records (8 bytes of zxid, 4 of length, the
// record), big-endian, whole records only; a length of 0 ends them. Client and server are of the same
// version as a rule, so the protocol has no version: a server refuses what it does not know.
package control
