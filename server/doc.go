// Package server is a running server: it joins the event loops, the ordering of writes, the log and the
// tree, and keeps sessions and watches.
//
// # Who owns what
//
// Event loops own connections (loop.go, conn.go): they decode requests and answer reads from the tree while
// holding their own lock of the tree's gate. What they cannot answer, writes and whatever stands behind a
// write of its own connection, they hand to the core in batches (intake.go).
//
// The core (core.go) is one goroutine. It owns the tree, the sessions and the pipeline (pipeline.go): a
// queue, in the order of arrival, of transactions that wait for the log and of requests that wait behind
// them. It orders writes (package ordering), gives them to the log, and, when the log says that they are
// durable, applies them, a bounded number for each time it holds the gate, and answers (commit.go).
//
// The log's writer goroutine owns the file. Nothing on a loop or the core blocks on I/O, but for what a server does
// that serves nobody at that time: truncating the log, loading the tree again, putting a received snapshot in place.
// And with next to nothing under way, waking somebody up takes longer than what the core could do meanwhile: then a
// standalone server's core waits for the disk itself (core.submit), and any core gives replies to idle sockets itself
// (core.send).
//
// # In an ensemble
//
// The core also owns a zab.Peer and is its host (member.go, host.go). What comes from other servers gathers in one inbox
// (inbox.go, links.go), which the core takes whole at the beginning of a turn; what goes to them is flushed once, at
// its end. A transaction may be applied when the peer says that it is committed, instead of when the own log has it.
//
// A leader orders its own clients' writes as a standalone server does, and those of learners' clients (forwarded.go).
// On a learner the pipeline holds the leader's transactions alone. A client's write is forwarded, and waits in its
// connection's queue (edge.go), with whatever stands behind it, until the transaction with its session and xid is
// applied. A sync waits there for the leader's answer, which is good for everything that was committed before it came.
//
// A change of role (role.go) that ends the service closes all connections. What was ordered stays in the pipeline, as
// nobody's: the next leader says what becomes of it. How a member comes to its leader's state is in catchup.go.
// Sessions that only their server knows, and read-only mode, are in localsessions.go and readonly.go.
//
// # Where the time goes
//
// stages.go says which stages a request has; loops and core note when a batch passes from one to the next, each on
// memory of its own. A timeline (timeline.go) remembers when transactions came to a point, for the stages that the core
// cannot see the end of: the log's writer tells of its syncs through a ring.
//
// # Lock order
//
// Intake of a loop; gate of the tree; output of a connection; shard of the watch table. The core holds the
// gate and one connection's output at most; a loop never waits for the gate while it holds an output.
//
// # Order of what a client sees
//
// Everything for a connection goes through its one output buffer, or past it to the socket when it is empty. The
// core does that while it holds the gate, a loop fills it before it releases its lock of the gate. So an event
// stands before any reply that was computed after the change it reports, and behind the reply of the read that set
// the watch. A read is answered on the loop only when nothing of its connection is with the core, so replies keep
// the order of requests.
package server
