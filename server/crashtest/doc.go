// Package crashtest kills servers under load and checks what they remember. It has only tests.
//
// # What is claimed
//
// Every write that was answered is there after the crash; every write that was sent and not answered is there
// whole, or not at all; nothing else is there. Sessions live on with their ephemerals, unless they were closed.
//
// # How it is checked
//
// Each worker (worker_test.go) has a session, a connection with many requests outstanding, and a part of the
// tree of its own. What it does there is determined by its requests alone, so a model (model_test.go) predicts
// each reply and each state to the last counter. Requests of a connection are executed in order, and the log
// keeps a prefix of that order. So there must be a number of requests, the answered ones at least, after which
// the model's state is exactly what the restarted server shows: data, versions, counters of children, zxids of
// what was answered, ephemerals with their owner, the session alive or not. A multi is one request, hence
// whole or absent. Beside that all workers write one znode together (shared_test.go).
//
// # Two ways to crash
//
// TestKill kills the process of the real binary with SIGKILL, also while it starts. TestPowerCut runs the server
// in this process on a disk that loses what was not synced, in any combination of sectors.
// GAMEKEEPER_CRASH_ROUNDS sets how often; the default is small. The long run, which make long includes, is 200
// crashes of each:
//
//	go test -count=1 -tags=long -timeout=20m -run='^TestLong' -v ./server/crashtest
//
// GAMEKEEPER_CRASH_SEED repeats the choices of a run, though not its timing.
package crashtest
