// Package snapshot keeps the tree on disk, in Pebble, as of a little while ago. A flush round writes what
// changed since the round before; a restart loads everything and replays the transaction log from the mark.
//
// # What the caller does
//
//	store, err := snapshot.Open(snapshot.Options{Dir: dir})
//	t, sessions, err := store.Load(tree.Options{Track: true}, nil) // or tree.New, if there is no Mark
//	// replay the log after Mark().ReplayAfter; at FuzzyUntil ask Mark.Verify
//	for each round {
//		// the owner of the tree, between two transactions:
//		changes, z := t.TakeChanges(spare), t.LastZxid()
//		// the flusher's goroutine, while the owner goes on:
//		stats, err := store.Round(snapshot.Source{Tree: t, Lock: gate.Reader(i), Changes: ..., ReplayAfter: z})
//		// the log up to z is no longer needed for a restart
//	}
//	err = store.Close()
//
// The log must not end before FuzzyUntil: the effects of all transactions up to there may be in the
// snapshot, in part. If it does, and no peer can supply the rest, the snapshot is of no use.
//
// Between servers:
//
//	view, err := store.View()                       // at one moment, cheap; any goroutine, also while a round runs
//	// tell the receiver view.Mark().ReplayAfter, and send it the log after that
//	err = view.Send(w, snapshot.FormatOwn)          // later, on another goroutine
//	err = view.Close()                              // before the store is closed
//
//	mark, err := snapshot.Receive(options, format, zxid, r, progress) // on the receiver, beside its store
//	err = snapshot.Confirm(fs, dir)                 // or Discard: from here on it is the state
//	err = log.Reset(mark.ReplayAfter)               // with its store closed, see Ready
//	err = snapshot.Adopt(fs, dir)
//	store, err = snapshot.Open(...)
//
// # Goroutines and memory
//
// Round and Load work on the caller's goroutine and belong to one at a time; Load has helpers that end with
// it. View may be called from any goroutine; what it returns belongs to one, which neither waits for a round nor
// holds one up. Receive works on its caller's goroutine and needs no store. A round holds the tree's lock for short steps, in which it copies some znodes, and does everything
// else without it. Merging of tables runs on goroutines of its own, which Close waits for. Pebble takes its
// memtables (two of 32 MiB, while a round runs) and its cache.
//
// # On disk
//
// The directory is Pebble's, with one file more. Keys begin with a letter; all integers in keys and values
// are big-endian, but for those in the records of znodes.
//
//	'v'                        format version, 4 bytes: 1; only ever raised
//	'm'                        mark: round, zxid to replay after, time in Unix milliseconds; 8 bytes each
//	'f'                        reach: last zxid whose effects may be in here, digest and number of znodes of
//	                           the tree after it; 8 bytes each. Without the digest, which makes 16 bytes, the
//	                           mark is unverified
//	'n' depth, 3 bytes  path   a znode: the record that package tree describes (AppendRecord)
//	's' session id, 8 bytes    timeout in milliseconds, 4 bytes
//
// The depth is the number of the path's components, 0 for the root. So parents come before children, and the
// children of a znode lie together: their keys begin with depth, path and slash.
//
//	SEAL   magic "gksnapsl", number of the last round known to be complete, 8 bytes, CRC32C of both
//
// # A round, and a crash in it
//
// A round goes through the set of changed znodes in short steps, and writes of each its state at that time.
// Znodes that are gone are deleted. What changes meanwhile is in the next set. Znodes that were created since the
// set was taken are left out, so that no store ever has one that came and went within a round. The mark is written
// last.
//
// Pebble has no log here. Its batches go into memtables in their order, memtables become tables in their
// order, and a batch is in one memtable as a whole. The tables are synced, then the manifest names them and
// is synced. So after a crash the store holds all batches up to some point and none after it. If the mark is
// among them, so is everything that was written before it. If not, it holds the old mark, and some of the
// new round's znodes: it is only more fuzzy than the mark says. How fuzzy, each batch itself tells, as it
// rewrites the reach; FuzzyUntil comes from there.
//
// # Why replay converges
//
// Let Z be the mark's zxid and E the reach. Each znode is in the state of some zxid from Z to E, or it was
// deleted by a transaction in between and is in an older state, or was created in between and is absent. All
// transactions after Z are replayed, and they are absolute (see package tree), so the last transaction that
// touches a field decides what it is, whatever stood there before. It remains that Load gives a tree at all:
//
//   - A znode may have no parent, if it was written before both were deleted, and the parent is looked at
//     only afterwards. Since both deletions are after Z, Load leaves such a znode out. It counts as removed, so
//     that the next round deletes its key: the replay would not, as it never meets the znode.
//   - A deletion may meet a znode with children that the log creates later. It removes them all, and the log
//     creates them again.
//   - The usage of quotas is counted afresh, and kept by the replay.
//
// So the end of the log may be cut off, as happens to what no quorum had, as long as nothing above the cut can be
// in the snapshot: after E. The tree is then loaded and the log replayed again, as after a restart.
//
// # Damage
//
// Pebble's blocks have checksums, and loading reads every block; missing tables are noticed by Open. The
// manifest is the weak place, since a damaged record of it passes for its torn end: the store would be an
// older one, which is no harm but for the log that was deleted meanwhile. The seal notices that. At last,
// Mark.Verify compares digest and number of znodes of the tree with those it had at E, whatever happened.
//
// # What is sent
//
// FormatOwn is the keys and values of a view, in their order and so with the reach and the mark before the
// znodes, but without the format version. Nothing is left out: the receiver has what the sender had, as fuzzy
// as that was.
//
//	stream:  | magic "gksnapst" | version, 4 bytes: 1 | frame | frame | ...
//	frame:   | size of the content, 4 bytes, at most 256 KiB | size of the rest, 4 bytes
//	         | CRC32C of all of the frame but itself | content, packed with zstd
//	content: records that go on from frame to frame: lengths of key and value as varints, key, value; in the end
//	         an empty key with the number of records before it as its value, 8 bytes
//
// FormatApache is Apache's, which package proto describes, with everything in it that a whole tree has: so
// znodes whose parent a round missed are not sent. They are gone before FuzzyUntil, which Apache's servers get
// from the log behind the snapshot.
//
// # What is received
//
// Receive builds a store in the directory's name with ".incoming" appended, in the way a round writes one. When all
// of it is on stable storage, and the server still follows who sent it, Confirm gives it the name with ".ready". From
// that rename on the new state is the server's, whatever happens: Ready tells of it, the log is reset to its mark,
// and only then does Adopt give it the old store's place and take its name away. A crash between any two of these
// steps leaves the name, and the next start repeats them. Before the rename, a crash leaves the old state and some
// garbage, which Ready removes: a server that was late with a snapshot, and has followed another leader meanwhile,
// would otherwise lose with its log what it has acknowledged to that one.
//
// An Apache server says only which transactions follow. What else may be in its snapshot, and the digest, are not
// known: the mark is unverified, FuzzyUntil is ReplayAfter, Load and Mark.Verify compare nothing, and the
// replay of the log must not compare digests either. That the tree is whole can be told from the protocol
// alone: when the leader has said NEWLEADER, all transactions whose effects may be in the snapshot have come. No
// round may begin before; the first one makes a mark like any other.
//
// # Merging
//
// Pebble's own compactions are off. With changes spread evenly over the keys, moving a round's tables down by
// level rewrites what is below several times over. Instead, the runs of rounds gather in the top level until
// they are as large as what is below (Options.CompactRatio), or there are 128 of them; then all is merged
// into one. So a byte flushed costs about one byte merged, the store takes at most twice the tree's size,
// three times while it is merged, and loading merges at most 128 runs. Small rounds gather few bytes for
// each of the 128, but there is a round only for each so many transactions, whose log outweighs the merging.
package snapshot
