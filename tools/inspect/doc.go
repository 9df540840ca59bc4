// Package inspect is what an operator looks into a server's files with: `gamekeeper log` for the transaction
// log and `gamekeeper snapshot` for the store of znodes.
//
// # What the caller does
//
//	root.AddCommand(inspect.LogCommand(), inspect.SnapshotCommand())
//	err := root.Execute()
//
// Every error of the commands has a method ExitCode: 1 when the command failed, or found damage or a
// difference; 2 when the arguments make no sense. What was asked for goes to the output, all else to the
// error output. A pipe that nobody reads any longer ends a command without an error.
//
// # What it reads
//
// Nothing is changed and nothing is repaired. The log is read without its lock, so that of a running server
// can be looked at; what the server was just writing then looks like a torn tail, which is no damage. The
// store is locked by a server that runs: look at a backup instead. A directory is taken for what lies in
// it, or one level below it. A backup is loaded as a restore loads it.
//
// The store is fuzzy: it holds the state of each znode at some time between its mark's "replay after" and
// "fuzzy until". With --replay the log is applied to it, which needs the memory that a server with that
// tree needs. Everything else takes memory that does not grow with what is read.
//
// Nothing here starts a goroutine.
package inspect
