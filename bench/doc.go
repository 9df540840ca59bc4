// Package bench is the load generator behind "gamekeeper bench". It drives any server that speaks the
// ZooKeeper client protocol, from outside, and reports throughput and latency.
//
// # Use
//
// Command returns the whole command tree for main. Scenario and Run measure one workload; RunSessions and the
// method Run of an Experiment do the same from Go.
//
// # How load is made
//
// In a closed loop each connection keeps a fixed number of requests outstanding and sends a new one for each
// reply. In an open loop a schedule says when requests are due. A phase is one such loop over all connections,
// from its first request until its last reply: creating the keys, warming up, measuring and deleting are phases
// that differ in their sources alone. A source makes the requests of one connection; it is the only thing a new
// workload adds.
//
// The generator often shares its processors with the server, so what it costs is cost taken from the
// server. One goroutine, a loop, serves many connections through the poller of the operating system:
// it reads all replies that are there, builds as many requests, and writes them with one call. It
// reads the clock once per such turn and allocates nothing. Latency in a closed loop is therefore counted from
// the read that brought the reply which made room for the request, to the read that brought its own reply: all
// that the request waited anywhere, in the sockets of both sides too, is in it. In an open loop it is counted
// from when the request was due. Requests wait for room in a queue of their connection; those that are still
// there in the end count with the time they waited, as leaving them out would make a slow server look better.
//
// # Ownership
//
// A loop owns its connections, their buffers and sources; nothing else touches them while a phase runs.
// Its recorder is shared with the goroutine that samples once a second, under a mutex taken once per
// turn. Everything a phase started has ended when it returns. With Options.Reconnect connections that are lost
// are opened again by goroutines of the reviver, which hands them to the loop and ends with the fleet.
package bench
