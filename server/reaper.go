package server

import (
	"time"

	"gamekeeper/proto"
	"gamekeeper/server/config"
	"gamekeeper/server/ordering"
	"gamekeeper/tree"
)

// reaper deletes containers that are empty again and znodes whose time to live has passed. It belongs to the
// core, which asks it when next has come.
type reaper struct {
	next      int64 // when to go on, milliseconds since the server started
	interval  int64 // milliseconds between rounds
	pause     int64 // milliseconds between portions, so that no more than the configured number go in a minute
	portion   int
	neverUsed int64 // milliseconds after which a container that never had a child goes; 0: never
	found     []tree.NodeID
	path      []byte
}

// reapPortionMax is how many znodes go in one turn of the core.
const reapPortionMax = 100

func newReaper(cfg *config.Tree) reaper {
	perMinute := max(cfg.ContainerMaxPerMinute, 1)
	portion := min(max(perMinute/600, 1), reapPortionMax)
	interval := max(cfg.ContainerCheckInterval.Milliseconds(), 1)
	return reaper{
		next:      interval,
		interval:  interval,
		pause:     max(int64(portion)*time.Minute.Milliseconds()/int64(perMinute), 1),
		portion:   portion,
		neverUsed: cfg.ContainerMaxNeverUsed.Milliseconds(),
	}
}

// reap orders the deletion of the next few znodes. Each is checked again when it is ordered.
func (k *core) reap(now int64) {
	r := &k.reaper
	var roundEnds bool
	r.found, roundEnds = k.tree.ReapCandidates(k.wall, r.neverUsed, r.portion, r.found[:0])
	for _, n := range r.found {
		r.path = proto.AppendBuffer(r.path[:0], k.tree.AppendPath(nil, n))
		e := k.pipe.push()
		*e = entry{at: k.now}
		k.propose(e, &ordering.Request{Op: proto.OpDeleteCont, Body: r.path, Time: k.wall})
	}
	if roundEnds {
		r.next = now + r.interval
	} else {
		r.next = now + r.pause
	}
}
