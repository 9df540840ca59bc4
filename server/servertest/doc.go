// Package servertest is a client of the raw protocol for tests of the server: it sends what a test says,
// in the order it says, also what no well-behaved client would send, and shows every frame that comes back.
//
// A Client belongs to one goroutine. Requests gather until Flush, so a test decides what travels together.
// Read waits for at most Patience; what takes longer is an error, so that a test that fails does not hang.
//
// The functions that are named after operations encode the body of a request.
package servertest
