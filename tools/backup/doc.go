// Package backup takes backups of a server, looks after them, and restores them.
//
// # What the caller does
//
//	source, closer, err := backup.Connect(ctx, backup.Dirs{Data: dataDir}) // of a running or stopped server
//	result, err := backup.Save(ctx, backup.SaveOptions{Source: source, Folder: folder})
//	err = closer.Close()
//
//	infos, bad, err := backup.List(folder)
//	result, err := backup.Verify(ctx, backup.VerifyOptions{From: folder})
//	result, err := backup.Restore(ctx, backup.RestoreOptions{From: folder, To: backup.Dirs{Data: newDataDir}})
//
// A server that takes its own backups gives what it serves on its control socket as the Source, and runs a
// Schedule:
//
//	s := &backup.Schedule{Every: time.Hour, Folder: folder, Source: handler}
//	go s.Run(ctx)
//
// Command and RestoreCommand are the same for the command line.
//
// # What a backup is
//
// A copy of the snapshot store, and the log from its mark up to the last transaction that was committed when
// the copy was complete. The copy is made by hard links while writes go on; the log is held back from
// purging until it is read. Restoring takes the copy, and builds a new log of the records up to the
// wanted point. The store is fuzzy: the earliest point that can be restored is the end of what may be in it.
//
// # A folder
//
//	LOCK                     taken by save and prune
//	backups/<id>.json        a Manifest, written last: what has no manifest is no part of a backup
//	files/<sha256>           files of stores, each once
//	log/<series>/<chunk>     the log in parts, see chunk.go
//
// A backup adds what is not there yet. The log goes on where the backup before ended, so that there is all of
// it between any two backups of a series, and every point can be restored. The record at the end of the last
// chunk must be in the server's log; if it is not (it was purged, the server was restored to an earlier point,
// or it is another server), a new series begins. Ids sort by time; zxids alone do not tell the order.
//
// All files are written under another name, synced and renamed. A command that is killed leaves files that no
// manifest names, which the next save or prune removes; all backups are as good as before. Nothing is removed
// while a manifest cannot be read, as it may name it.
//
// # Damage
//
// Every byte is under a SHA-256: tables and chunks under the one in their names, manifests under their own, a
// file under the one at its end. Restore checks what it uses, replays all of it, and compares the digest of the
// tree with those in the transactions, before it puts anything in place. Bytes that were damaged before the
// backup was taken have good checksums; Verify with Deep finds them, as a restore would.
//
// # Goroutines and memory
//
// Nothing here outlives its call. Save, Prune and Restore lock what they change. Restore, Show and a deep Verify
// hold a tree in memory, as the server does; the rest needs a few dozen MiB.
package backup
