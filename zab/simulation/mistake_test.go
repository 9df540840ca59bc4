package simulation

import (
	"sync"
	"testing"
)

// mistakeSeeds is within how many seeds a mistake has to be found.
const mistakeSeeds = 1500

// tuned makes what a mistake needs to show more likely than it is in runs that look for everything.
func tuned(m Mistake) func(p *profile) {
	switch m {
	case ConfirmsAlone, SeenIgnored: // a leader must be cut off, and not notice soon
		hop := 0.0
		if m == SeenIgnored {
			hop = 0.2 // to it, from where more is known
		}
		return func(p *profile) {
			p.clients, p.think, p.hop, p.drift, p.fault = 6, 30_000, hop, 300, 1_000_000
			p.weights = [faultKinds]int{faultIsolate: 1}
		}
	case ReceivedCounts: // somebody lags, is given up while a snapshot is loaded, and crashes then
		return func(p *profile) {
			p.clients, p.think, p.fault, p.forceSnapshot, p.slowLoad = 6, 10_000, 300_000, false, 1
			p.roundEvery, p.purge, p.plain = 500_000, 0, 0
			p.weights = [faultKinds]int{faultCrash: 2, faultAway: 2, faultReset: 4}
		}
	case EmptiedVotes:
		return func(p *profile) {
			p.voters, p.observers, p.hierarchical, p.emptyVotes, p.fault = 3, 0, false, false, 300_000
			p.weights = [faultKinds]int{faultCrash: 2, faultCrashMany: 2, faultPartition: 2, faultAway: 1, faultRot: 3}
		}
	case MovesIgnored: // what was sent by way of one server comes after what was sent by way of another
		return func(p *profile) {
			p.clients, p.think, p.hop, p.tick, p.syncLimit, p.fault = 6, 10_000, 0.2, 400, 10, 500_000
			p.weights = [faultKinds]int{faultCut: 1, faultPause: 1}
		}
	case WeightsIgnored:
		return func(p *profile) { p.voters, p.observers, p.hierarchical = 6, 0, true }
	case TouchesIgnored: // it is in calm times that sessions must not expire
		return func(p *profile) { p.calm = 4 * sessionTimeoutMs * 1000 }
	case MasterForgetsOwner:
		return func(p *profile) { // requests must be held back between an observer and a follower
			p.voters, p.observers, p.hierarchical, p.observerMasters = 3, 2, false, true
			p.tick, p.syncLimit, p.clients, p.think, p.hop, p.fault = 400, 5, 6, 20_000, 0.2, 200_000
			p.weights = [faultKinds]int{faultCut: 2, faultPause: 1}
		}
	}
	return nil
}

// TestMistakesAreFound makes one mistake after the other, and wants a violation of each.
func TestMistakesAreFound(t *testing.T) {
	for m := None + 1; m < mistakes; m++ {
		t.Run(m.String(), func(t *testing.T) {
			var mu sync.Mutex
			var first uint64
			var found *Violation
			inParallel(mistakeSeeds, func(i uint64) {
				seed := i + 1
				mu.Lock()
				done := found != nil && first < seed
				mu.Unlock()
				if done {
					return
				}
				r := Run(seed, Options{Mistake: m, tune: tuned(m)})
				mu.Lock()
				defer mu.Unlock()
				if r.Violation != nil && (found == nil || seed < first) {
					first, found = seed, r.Violation
				}
			})
			if found == nil {
				t.Fatalf("not found in %d seeds", mistakeSeeds)
			}
			t.Logf("seed %d: %.300v", first, found)
		})
	}
}
