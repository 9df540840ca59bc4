// Package apache reads and writes the files of Apache ZooKeeper's dataDir and dataLogDir: snapshots,
// transaction logs, epochs, myid. On top of that it takes over the state of an Apache server (Import) and
// leaves a state for one (Export).
//
// # What the caller does
//
//	state, err := apache.Import(ctx, apache.Dirs{Data: dataDir, Log: dataLogDir}, options)
//	// state.Tree, state.Sessions, state.Zxid, state.Epochs are what an Apache server would have started with
//	files, err := apache.Export(ctx, state, toDir, options)
//
// Both hold the whole tree in memory, as a server does, and end soon after ctx, with nothing left behind.
// SnapshotReader and LogReader read one file each and keep one record at a time. Nothing here starts a
// goroutine, changes a file that it reads, or overwrites one that exists.
//
// Import fails rather than give a state that differs from what the Apache server had: the errors say which
// file, at which offset, and what can be done. What it leaves out with good reason, such as the torn end of
// a log after a crash, is in State.Notes.
//
// # The files
//
// Everything is jute (package proto), big-endian. A snapshot file is
//
//	int32 magic "ZKSN", int32 version 2, int64 -1
//	sessions, lists of access control, znodes: as package proto describes snapshots
//	int64 Adler-32 of all before it, string "/"               the first seal
//	int64 zxid, int32 version, int64 digest, and a seal       since 3.6, unless switched off
//	int64 last zxid, and a seal                               since 3.9, unless switched off
//
// and compressed as a whole if its name says so (.gz, .snappy). The name's zxid is that of the last
// transaction before its writing began; what came while it was written may be in it in part. The log after
// that zxid has to be applied on top. A log file is
//
//	int32 magic "ZKLG", int32 version 2, int64 0
//	records: int64 Adler-32 of the transaction, int32 length, transaction, byte 'B'
//	zeros, up to the size that the file was given beforehand
//
// # The end of a log
//
// A crash leaves the last record torn, and nothing in the format says which records had been acknowledged.
// Apache takes whatever it cannot read for the end of a file and goes on with the next file. Here an
// unreadable record is the end only if it looks like a write that was cut short, with nothing behind it,
// and if the file after it goes on with the very next zxid or a new epoch. Anything else is an error.
//
// # What a healthy server leaves
//
// The last records of a log may be there twice. A server up to 3.9.2 that loses its leader first notes how far its log
// reaches, then writes what it still has to log, and is sent that once more by the next leader. The same records again
// change nothing; other ones under the same zxids are an error.
//
// A server that becomes the leader while it writes a snapshot goes on with zxid 0 of the new epoch, and names that as the
// last one in the end of the file. There is no such transaction: the one that the digest is of counts then.
package apache
