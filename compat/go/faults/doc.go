// Faults runs an ensemble of real servers through rounds of faults while clients work, and checks what the clients
// saw. A round hurts the ensemble once: servers killed, paused or restarted, links cut, also one way, a disk that is
// full. Then everything is healed, and these must hold:
//
//   - every acknowledged write is there, and none that was refused;
//   - the writes, and the reads that follow a sync, are linearizable (porcupine, key by key), where an unknown
//     outcome may have happened at any time or never;
//   - zxids agree with real time: what was acknowledged before a request was sent has the smaller zxid;
//   - a session never sees an older state than before, also when it moves to another server, and its writes happen
//     in the order in which it sent them;
//   - all servers have the same tree, in every field, and the same digests;
//   - no two servers have led in one epoch;
//   - the ephemerals of living sessions are there, those of others are gone.
//
// Apache's sync does not ask a quorum, so that a leader which has been deposed and does not know it yet answers with
// old data. Unless all servers are Gamekeeper's, reads after a sync are therefore checked as other reads are.
//
//	faults -rounds 100 -kinds gamekeeper,gamekeeper,gamekeeper
//
// -seed repeats the choice of faults and of operations, not their timing.
package main
