// Package simulation drives an ensemble of zab peers, with their disks, trees, sessions and clients, from one
// number, the seed, and checks what they do. It finds out whether a history of an ensemble can exist that breaks
// what the ensemble promises; the same seed always gives the same history.
//
// # How a run goes
//
// A seed draws the ensemble (three to seven servers, observers, groups), its timing, its clients and an intensity
// for each kind of fault. Time is virtual: a heap of events, each of which belongs to the world or to one server.
// A simulated server is a zab.Peer, a host for it (a disk that forgets what was not synced, a tree, sessions) and
// the request handling that a real server has. After the faults end, everything heals, and the ensemble has to
// agree within bounded time.
//
// # What is checked
//
// Invariants are checked as they could break: packets when they leave, the disk when it is written, transactions
// when they are delivered, replies when clients get them. Each has a name, see the constants of type Invariant.
// That the checks can find anything is shown by the mistakes: each Mistake is one bug, made by the simulated host
// or on the wire, and a test wants it found within a bounded number of seeds.
//
// # How to use it
//
//	go test ./zab/simulation                                  a bounded number of seeds
//	SIMULATE_SEEDS=100000 go test -run TestSeeds ./zab/simulation
//	SIMULATE_SEED=42 go test -run 'TestSeed$' ./zab/simulation   one seed, with its trace
//
// A seed that found a bug goes to testdata/seeds with a line that says what it was. A seed means something else
// as soon as the simulator draws differently; it is kept all the same.
//
// A Simulation belongs to one goroutine and starts none; runs of different seeds share nothing.
package simulation
