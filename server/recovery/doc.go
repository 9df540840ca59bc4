// Package recovery rebuilds a server's state, tree and sessions, from the snapshot and the log after it. The
// server does so when it starts, and tools that read a data directory do the same.
//
// A Recovery belongs to one goroutine. Load comes first, then Replay, then Finish.
package recovery
