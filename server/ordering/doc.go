// Package ordering turns requests into transactions. It is the first half of the server's core: each write
// is checked against the tree and the changes that are ordered and not applied yet, gets the next zxid, and
// is encoded, once; those bytes go to the log and to every learner. A write that is refused becomes an error
// transaction and uses up a zxid too.
//
// An Orderer is owned by the core's goroutine, as is the tree it reads. After a transaction was applied to
// the tree, the owner calls Applied, which forgets the change in flight.
//
// Nothing here reads a clock, a socket or a file: time comes with the request.
package ordering
