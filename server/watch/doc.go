// Package watch keeps the watches of a server's clients and says whom a change concerns.
//
// A Registry holds connections, not client callbacks: W is what stands for a connection, usually a
// pointer. Its two tables, data and child, are those of ZooKeeper's protocol; an entry (path, connection)
// is a set of modes.
//
// # Goroutines
//
// Every method may be called from any goroutine, with two rules for the caller:
//
//   - Changed belongs to one goroutine, the one that applies transactions. A read and the registration
//     of its watch must be one step against it: in the server, both happen under a reader lock of the
//     tree, all of which the core holds while it applies.
//   - After RemoveAll(w), nothing is added for w any more. Otherwise its entries stay for ever.
//
// Changed calls emit with no lock held, so emit may call the Registry back, Changed excepted. It may be
// called for a connection that was removed a moment ago on another goroutine, and must put up with it.
//
// # Order
//
// The notifications of one change come in the order of the protocol's tables, and within a table in the
// order in which the connections came to the path, then those of ancestors, nearest first.
//
// # Memory
//
// BenchmarkMemory measures it: about 150 bytes per path of a connection that watches many, the path
// included; about 125 per connection on a path that many watch, its own record included. A connection's
// list of paths is cleaned up lazily, when it has grown to twice what is watched.
package watch
