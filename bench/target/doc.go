// Package target is what a benchmark measures: servers that run somewhere, or servers of Gamekeeper or of Apache
// ZooKeeper that it starts on this machine, with equal settings, hurts while they are under load, and ends.
//
// # Use
//
//	spec, err := target.Parse("apache:3")
//	err = target.Check(specs, options, faults)       // before anything is started
//	t, err := spec.Start(ctx, options)
//	defer t.Stop(false)
//	err = t.Mend(ctx)                                // before each run: all of its servers serve
//	sampler := t.Sample(began)                       // when a run begins to measure
//	events, err := t.Play(ctx, faults, began)        // in a goroutine of the caller's, besides the load
//	processes := sampler.Stop()                      // when it has measured
//
// The errors of Parse, ParseFault, ParsePIDs and Check are those of a user: they have a method ExitCode, which is 2.
//
// # Ownership
//
// A Target owns the processes that it started and a directory with their data. Each process has a goroutine that
// waits for its end and keeps the thread that it was started from, for Linux ends the servers with that thread: none of
// them survives the program, however it ends. Stop ends them, waits for their goroutines, and removes the directory; it
// does so in every state, also after the context of Start has ended. The methods of a Target may be called by several
// goroutines, but for Mend and Stop, which need to be alone.
//
// A Sampler has one goroutine, which its Stop ends. Play returns when everything that it began has ended.
package target
