// Package zab is the agreement of an ensemble: who leads (fast leader election), what history its servers share
// when a leader takes office (discovery and synchronisation), and in which order and when writes are committed
// (broadcast). It is Apache ZooKeeper's own protocol, packet for packet; docs/zab.md explains it.
//
// # What the caller does
//
//	p := zab.New(zab.Config{...}, zab.State{...}, host)
//	p.Start(now)
//	for each batch of inputs {
//		p.ReceiveVote, p.FromLeader, p.FromLearner, p.Durable, p.Propose ... // in the order in which they happened
//		next := p.Settle(now) // once per batch: moves the commit point, and does what is due
//	}
//
// A Peer is a pure state machine. It starts no goroutine, reads no clock, touches no socket or file and draws no
// random number of its own: what happens comes in through its methods, what it wants comes out through the Host,
// in an order that matters. It belongs to one goroutine; a Host must not call back into it.
//
// Times are milliseconds of a clock that never goes back. Memory that is passed in either direction is good
// during the call alone, and whoever needs it longer copies it.
//
// # Before a promise, the disk
//
// The Host carries out its calls in order, and SetEpochs, Truncate and the like are on stable storage when they
// return. Append is not: the log reports with Durable how far it is. If the disk fails the Host carries out
// nothing more and stops the server; what the Peer goes on to ask for in that call must not be done.
package zab
