package server

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// tuneScheduler lets one goroutine more than there are processors run, unless the environment says how many:
// an event loop that waits for its sockets, and the log's writer that waits for the disk, count as running
// for a while.
func tuneScheduler() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.NumCPU() + 1)
	}
}

// What may be allocated before the next collection: as much as headroomBytes, but not more than
// gcPercentMax and not less than gcPercentMin of what is live. A collection costs little however large the
// tree is, as the tree holds no pointers; so a large heap need not grow by half only to be collected
// seldom. What makes garbage are flush rounds, some hundred megabytes each.
const (
	headroomBytes = 256 << 20
	gcPercentMin  = 12
	gcPercentMax  = 200
)

// gcPercent is the garbage collector's target with so many live bytes.
func gcPercent(live uint64) int {
	return int(min(max(100*headroomBytes/max(live, 1), gcPercentMin), gcPercentMax))
}

// tuneMemory keeps the garbage collector's target, unless the environment sets it. A limit of memory in
// the environment (GOMEMLIMIT) counts beside it.
func tuneMemory() {
	if os.Getenv("GOGC") != "" {
		return
	}
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	live := func() uint64 {
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	t := &gcTuner{live: live, set: func(percent int) { debug.SetGCPercent(percent) }}
	t.tune()
}

// gcTuner sets the target anew after each collection.
type gcTuner struct {
	live    func() uint64 // bytes that the last collection found in use
	set     func(percent int)
	percent int // that was set
}

func (t *gcTuner) tune() {
	if p := gcPercent(t.live()); p != t.percent {
		t.percent = p
		t.set(p)
	}
	// The next collection finds this unused. An object that is very small might share its memory.
	type unused [64]byte
	runtime.AddCleanup(new(unused), (*gcTuner).tune, t)
}
