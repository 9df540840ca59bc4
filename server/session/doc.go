// Package session tracks sessions: their ids and passwords, and when they expire.
//
// A Tracker belongs to one goroutine, the core; so do the exported fields of a Session. Only the methods
// of Session that say so may be called from elsewhere: an event loop keeps the *Session of a connection
// and calls Touch for every request, which is one atomic store and asks nothing of the core.
//
// # Expiry
//
// A session expires at the first multiple of tickTime strictly after its last touch plus its timeout, so
// it lives between timeout and timeout + tickTime: late rather than early. Sessions sit in one bucket per
// such instant, and a touch does not move them: when a bucket falls due, sessions touched since then are
// filed again, the others have expired. A session is thus looked at about once per timeout, however busy
// it is. Expired does a bounded amount of that work per call, so the core stays responsive when very many
// sessions end at once.
//
// The package reads no clock: times are milliseconds of one monotonic clock of the caller. Expiry is
// decided by the leader or the stand-alone server alone; others track sessions and never call Expired.
// Whoever takes over that duty calls Rearm first.
package session
