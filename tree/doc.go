// Package tree holds the znodes in memory: it applies transactions, answers reads, keeps the digest and
// the accounts (counts, sizes, quotas, ephemerals per session).
//
// # Who may call what
//
// A Tree has one owner, which alone calls Apply and the methods that say so. Everybody else reads, and
// may do so only while the owner does not write: Gate is the lock made for that. The tree itself locks
// nothing and starts no goroutine. A NodeID, and any slice that a read returned, is good until the next
// Apply; who needs it longer copies it. Slices given to Apply are copied and may be reused after it.
//
// # Memory
//
// Made for tens of millions of znodes: nothing here is a Go pointer per znode, so the garbage collector
// walks a few thousand chunks and not the data.
//
//   - A znode is a 96-byte record in a chunk of records; its NodeID is the record's number.
//   - Its name and data share one block of an arena with size classes; values of more than 4 KiB own
//     their memory.
//   - Children are a doubly linked list through the records.
//   - ACL lists are interned and counted.
//   - The index from path to NodeID is extendible hashing: it grows by one small segment at a time.
//
// Growth copies no more than one segment of the index or a list of chunks, and clears at most a region of
// four megabytes, which is at most about a millisecond; so no Apply pauses because the tree is large. What does take time by size: the deletion of a session's
// ephemerals (one transaction), the count when a quota's stats znode is created, and Descendants. Memory
// of deleted znodes is used again by later ones; it is not returned to the system.
//
// # Apply
//
// Apply is deterministic and total: the same transactions give the same tree and the same digest on any
// machine, and there is no transaction that it cannot take. Transactions are absolute (versions, times
// and the parent's counter are in them), so applying a log again over a tree that already holds part of
// its effects converges; the failures met on the way (NoNode, NodeExists) are results, not errors.
package tree
