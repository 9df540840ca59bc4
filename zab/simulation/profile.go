package simulation

import (
	"fmt"
	"math/rand/v2"

	"gamekeeper/proto"
	"gamekeeper/zab"
)

// profile is what a seed draws before the run: the ensemble, its timing, and how much goes wrong.
type profile struct {
	voters, observers int
	hierarchical      bool

	tick, initLimit, syncLimit int64 // ms, ticks, ticks
	minNotification            int64 // ms
	maxNotification            int64
	epochWait                  int64 // ms; 0 is off
	connectDelay               int64 // ms, of observers
	observerMasters            bool  // followers serve observers
	forceSnapshot              bool
	counterMax                 uint32
	maxSyncs                   int     // learners without a vote that are synchronised at once
	holdCommits                bool    // leaders answer a sync before they commit what came later
	plain                      float64 // how likely a server does not tell what it can, as Apache's
	drift                      int64   // how far clocks may be off, in thousandths

	clients  int
	think    int64   // mean time between a client's requests, us
	hop      float64 // how likely a client moves to another server instead of asking for something
	duration int64   // us, until faults end
	calm     int64   // us, that follow once everybody serves

	latency  int64   // of a message, us
	jitter   float64 // how likely a message takes much longer
	syncTime int64   // of a disk, us
	slowDisk float64 // how likely a sync takes much longer
	// failingDisk is how likely a sync fails: the server stops.
	failingDisk float64
	batch       float64 // how likely inputs are gathered before a Settle
	fault       int64   // mean time between faults, us; 0 is none
	crashPoint  float64 // how likely a server crashes at a call of the host
	weights     [faultKinds]int
	roundEvery  int64   // mean time between snapshot rounds, us
	purge       float64 // how likely a round deletes log

	// modest is how likely a server's vote for itself names less than it has: a lesser one is elected then, which costs
	// time, and must not cost data.
	modest float64
	// emptyVotes says that a server whose operator has emptied its disk votes at once (db.autocreate).
	emptyVotes bool
	late       int64   // until when observers join, us
	slowLoad   float64 // how likely it takes long to load a snapshot that was received
	slowServer int     // the number of one that does everything slowly, with its disk and its network; 0 is none
	slowness   int64   // how many times as slow as the others it is
}

func (p *profile) String() string {
	return fmt.Sprintf("%d voters, %d observers, hierarchical %v, tick %d ms, init %d, sync %d, %d clients, "+
		"fault every %d ms, counter max %d, force snapshot %v, observer masters %v", p.voters, p.observers, p.hierarchical, p.tick,
		p.initLimit, p.syncLimit, p.clients, p.fault/1000, p.counterMax, p.forceSnapshot, p.observerMasters)
}

// pick draws one of the choices.
func pick[T any](r *rand.Rand, choices ...T) T { return choices[r.IntN(len(choices))] }

func drawProfile(r *rand.Rand) profile {
	p := profile{
		voters:          pick(r, 3, 3, 3, 3, 3, 5, 5, 4, 6, 7),
		observers:       pick(r, 0, 0, 0, 1, 1, 2),
		tick:            pick[int64](r, 100, 200, 200, 400),
		initLimit:       5 + r.Int64N(6),
		syncLimit:       2 + r.Int64N(4),
		minNotification: pick[int64](r, 20, 50, 200),
		maxNotification: pick[int64](r, 400, 1000, 2000),
		forceSnapshot:   r.IntN(20) == 0,
		plain:           pick(r, 0, 0, 0.3, 1),
		drift:           pick[int64](r, 0, 5, 100, 300, 300),
		clients:         1 + r.IntN(6),
		think:           pick[int64](r, 5_000, 30_000, 60_000, 100_000),
		duration:        3_000_000 + r.Int64N(12_000_000),
		latency:         pick[int64](r, 200, 500, 2000),
		jitter:          pick(r, 0, 0.01, 0.1),
		syncTime:        pick[int64](r, 100, 1000, 5000, 20_000),
		failingDisk:     pick(r, 0, 0, 0.002, 0.01),
		slowDisk:        pick(r, 0, 0.02, 0.1),
		batch:           pick(r, 0, 0.3, 0.9),
		fault:           pick[int64](r, 200_000, 500_000, 1_000_000, 2_000_000, 0),
		crashPoint:      pick(r, 0, 0, 0.0002, 0.001),
		roundEvery:      pick[int64](r, 500_000, 2_000_000, 10_000_000),
		purge:           pick(r, 0, 0.5, 1),
	}
	if p.think == 5_000 {
		p.duration = min(p.duration, 6_000_000)
	}
	p.holdCommits = r.IntN(4) == 0
	p.observers = min(p.observers, 7-p.voters)
	p.hierarchical = p.voters >= 4 && r.IntN(3) == 0
	p.calm = 1_000_000
	if r.IntN(20) == 0 {
		p.calm = 4 * sessionTimeoutMs * 1000 // for sessions to expire that should not
	}
	p.maxSyncs = r.IntN(3)
	if r.IntN(12) == 0 {
		p.counterMax = 20 + r.Uint32N(100)
	}
	p.epochWait = pick[int64](r, 0, 0, 1, 300)
	p.connectDelay = pick[int64](r, 0, 0, 500)
	p.observerMasters = r.IntN(2) == 0
	for i := range p.weights {
		p.weights[i] = pick(r, 0, 1, 1, 2, 5)
	}
	if r.IntN(4) == 0 {
		p.weights[faultIsolate] += 10
	}
	p.modest = pick(r, 0, 0, 0, 0.5, 1)
	p.emptyVotes = r.IntN(2) == 0
	p.late = pick(r, 0, 0, p.duration)
	p.slowLoad = pick(r, 0, 0.2)
	p.hop = pick(r, 0, 0, 0.02, 0.2)
	if r.IntN(4) == 0 {
		p.slowServer, p.slowness = 1+r.IntN(p.voters), pick[int64](r, 3, 10, 30)
	}
	return p
}

// membership makes the ensemble. In a hierarchical one voters are in groups, some without weight.
func (p *profile) membership(r *rand.Rand) zab.Membership {
	m := zab.Membership{Hierarchical: p.hierarchical}
	groups := pick[int64](r, 2, 3, 3)
	for i := range p.voters + p.observers {
		member := zab.Member{ID: proto.ServerID(i + 1), Voter: i < p.voters, Weight: 1}
		if p.hierarchical {
			member.Group = int64(i) % groups
			member.Weight = pick[int64](r, 1, 1, 1, 2, 3)
			if i >= int(groups) && r.IntN(4) == 0 {
				member.Weight = 0
			}
		}
		m.Members = append(m.Members, member)
	}
	return m
}
