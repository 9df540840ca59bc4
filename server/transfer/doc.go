// Package transfer writes what a leader sends a learner so that it catches up: the transactions of the log, as
// packets.
//
// Log runs on the goroutine of the learner's link, beside the owner of the log, which goes on appending. It reads
// the log's files, keeps what it has framed in one buffer, and writes that in large pieces. The snapshot that
// other learners need comes from package snapshot (View.Send).
package transfer
