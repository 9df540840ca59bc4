// Package netpoll owns client connections: event loops (gnet) read sockets, cut what they read into
// length-prefixed frames and hand them to a Handler; replies gather in one buffer per connection and leave
// with one system call. The package knows frames, not requests. (gnet has a package of the same name, as
// has the Go runtime; neither is meant here.)
//
// # Goroutines
//
// Each event loop is one goroutine and owns its connections: every method of Handler, and every method
// of Conn that does not say otherwise, runs on the connection's loop. A few goroutines accept connections
// and give them to the loops. There is no goroutine per connection, but for the few whose last output
// Conn.AnswerApart sends. Other goroutines append output with Conn.Begin and Conn.End and then call
// Server.Flush, which wakes each loop that has something to send, once.
//
// # Memory
//
// A frame is valid until Done returns. A connection at rest holds no buffers. Memory is bounded: a
// connection whose unsent output passes OutputSoftMax is parked: what it sends waits, up to InputMax, and
// is cut into frames again when the output has drained; past OutputHardMax, or InputMax, it is closed. A
// Handler may block in Done to push back on everything its loop reads.
package netpoll
