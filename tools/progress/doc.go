// Package progress tells how far a long operation is.
//
//	m := progress.New(progress.Lines(os.Stderr)) // or any other func(Report); nil is silent
//	m.Begin("copying tables", "bytes", total)
//	m.Add(n)
//
// What takes less than two seconds reports nothing. A Meter belongs to one goroutine at a time, and starts none; the
// reports come from the goroutine that calls Add or Set.
package progress
