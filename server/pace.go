package server

import (
	"runtime"
	"time"
)

// Flush rounds take their time, so that writes hardly notice them.

// flushBytesPerCPU is how many bytes of tables may be written per second for each processor. Each takes some
// ten nanoseconds of processor time, from the tree to the table: an eighth of the time, then.
const flushBytesPerCPU = 12 << 20

// flushRate is the rate of writing tables, in bytes per second.
func flushRate() int64 { return flushBytesPerCPU * int64(runtime.NumCPU()) }

// A round rests for restShare times as long as it worked, each time it has worked for workMin. Tables are
// written behind memtables, so the rate alone would let it begin in a rush. Resting is also what keeps the
// system from taking the processor away from the flusher while it holds its lock: who has slept is not the
// next to be preempted. Work can have been waiting for the most part, so there is a longest rest.
const (
	workMin   = 500 * time.Microsecond
	restShare = 4
	restMax   = 5 * time.Millisecond
)

// What is ordered while a round runs has to be replayed after a crash. So a round makes more haste with each
// hasteTxns transactions, up to hasteMax times as much, at the cost of the writes beside it.
const (
	hasteTxns = 4_000_000
	hasteMax  = 4
)

// haste is how much haste a round makes with so many transactions since it began.
func haste(txns int64) int64 { return min(1+txns/hasteTxns, hasteMax) }

func (f *flusher) makeHaste(h int64) {
	if h != f.haste {
		f.haste = h
		f.store.SetWriteRate(h * flushRate())
	}
}

// rest is called between the steps of a round.
func (f *flusher) rest() error {
	worked := time.Since(f.resumed)
	if worked < workMin {
		return nil
	}
	f.makeHaste(haste(f.behind.Load()))
	timer := time.NewTimer(min(restShare*worked, restMax) / time.Duration(f.haste))
	defer timer.Stop()
	select {
	case <-f.stop:
		return errStopping
	case <-timer.C:
		f.resumed = time.Now()
		return nil
	}
}
