// Package ensemble runs ensembles of real server processes on this machine, of Apache ZooKeeper, of Gamekeeper, or of
// both, and hurts them: it kills, pauses and restarts servers, cuts the links between them, one way if need be, and
// fills their disks.
//
//	if !ensemble.Sandbox() { ... }          // once, first thing in main: see there
//	e, err := ensemble.New(ensemble.Options{Dir: dir, Compat: compat, Kinds: []ensemble.Kind{ensemble.Apache, ...}})
//	defer e.Close()
//	err = e.Start(ctx)
//	e.Leader().Kill()
//
// Links are cut by a Network, which puts every server into a network namespace of its own. It needs Sandbox, which
// moves the whole program into namespaces where it may do so and where nothing that it leaves behind survives it.
//
// An Ensemble belongs to one goroutine; Status and Word of a Server may be called by any.
package ensemble
