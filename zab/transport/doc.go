// Package transport is the TCP links of an ensemble: a Mesh, which carries the notifications of the leader election
// between every two servers, and Links, each of which carries the packets between a leader and one learner. It knows
// what is on the wire and who dials whom; what votes and packets mean is for package zab.
//
// # Elections
//
//	m, err := transport.StartMesh(transport.MeshOptions{...})
//	m.Send(to, &vote) // from any goroutine; never blocks
//	m.Close()         // when it returns no callback runs or will run
//
// Two servers share one connection, which the larger id makes. A server with something to say to a larger one that
// has not connected dials it, introduces itself, hangs up and is called back. A Mesh makes the connections that are
// its own to make all the time, with a pause between tries that grows up to a second; those to larger servers only
// when there is a vote to be sent. It never dials while there is a live link, for that would destroy it at the peer.
//
// Vote and Linked are called from the Mesh's goroutines, for one peer one after another and in order: Linked(id,
// true), votes, Linked(id, false). They must not block, and must not call Close. A link that replaces another need
// not be told of. A vote given to Vote owns its memory; a vote given to Send is encoded before Send returns.
//
// Servers that no configuration names may connect too, as those that want to join do. They can be sent to, by the id
// that their votes come with, for as long as they are linked. A server without an id of its own (Apache's anonymous
// observers) gets a negative one.
//
// # Leader and learners
//
// A learner's end comes from Dial, which blocks, the leader's from Listen, which calls back with each. The link is
// then the owner's: one goroutine, which gives it a place in its tables and calls Start. Until then a link does
// nothing by itself; one that is never started is disposed of with Close, and there are no callbacks.
//
// Output: Send, SendStream and Flush are for the owner's goroutine. Send encodes into a buffer that gathers until
// Flush; then the link's writer goroutine writes it, with one system call if it is not large, while the next one
// gathers. A SendStream producer runs on the writer goroutine, when everything before it is written; it should give
// up when Done is closed. Nobody waits for a slow peer: when more than BufferMax bytes wait, the link closes.
//
// Input: the reader goroutine calls Received with batches of packets, in order, one call at a time. A batch and its
// packets are the receiver's until it calls Release, once and from any goroutine. There are Batches of them for a
// link; when the receiver holds all of them the reader stops reading, so the peer's writes come to a halt. The last
// packet of a batch may be a SNAP on a dialled link. What follows it on the wire is no packet: the reader waits until
// the owner calls Receive, with a function that reads the stream, or closes the link.
//
// Close may be called by any goroutine; the first call's error counts. It does not wait: Received may be running, and
// may be called once more at most, if the reader was just about to. Closed is called exactly once on every started
// link, also when the owner closed it, after the last call of Received and after the functions of SendStream and
// Receive have returned. What was not written by then is lost. Batches that are still out stay good.
//
// # Security
//
// Network is the place where TLS comes in: it dials and it wraps listeners. Nothing else here makes a connection.
package transport
