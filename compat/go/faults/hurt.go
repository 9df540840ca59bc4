package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"gamekeeper/compat/ensemble"
)

// fault is one way to hurt an ensemble.
type fault struct {
	name string
	cuts bool // needs a network whose links can be cut
	disk bool // needs disks that can be filled
	// hurt does the harm and returns when it has lasted long enough; rounds heal whatever is broken then.
	hurt func(ctx context.Context, v *victim) error
}

// victim is what a fault has to work on: the ensemble, with its leader as of now.
type victim struct {
	*ensemble.Ensemble
	net    *ensemble.Network
	rng    *rand.Rand
	leader *ensemble.Server
}

// followers returns the other voters, in random order.
func (v *victim) followers() []*ensemble.Server {
	others := slices.DeleteFunc(v.Voters(), func(s *ensemble.Server) bool { return s == v.leader })
	v.rng.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	return others
}

// majority returns so many voters that the others are no quorum, the leader among them.
func (v *victim) majority() []*ensemble.Server {
	return append(v.followers()[:len(v.Voters())/2], v.leader)
}

// minority returns as many voters as a quorum can spare, the leader among them if asked.
func (v *victim) minority(withLeader bool) []*ensemble.Server {
	n := (len(v.Voters()) - 1) / 2
	if withLeader {
		return append(v.followers()[:n-1], v.leader)
	}
	return v.followers()[:n]
}

// last waits for a time between half of d and d.
func (v *victim) last(ctx context.Context, d time.Duration) {
	pace(ctx, d/2+time.Duration(v.rng.Int64N(int64(d/2))))
}

func (v *victim) each(servers []*ensemble.Server, act func(*ensemble.Server) error) error {
	for _, s := range servers {
		if err := act(s); err != nil {
			return err
		}
	}
	return nil
}

// split cuts the links between some servers and all others.
func (v *victim) split(group []*ensemble.Server) error {
	var a, b []int
	for _, s := range v.Servers {
		if slices.Contains(group, s) {
			a = append(a, s.ID)
		} else {
			b = append(b, s.ID)
		}
	}
	return v.net.Split(a, b)
}

// acting makes a fault that acts on servers and then lasts.
func acting(name string, lasts time.Duration, who func(*victim) []*ensemble.Server, act func(*ensemble.Server) error) fault {
	return fault{name: name, hurt: func(ctx context.Context, v *victim) error {
		err := v.each(who(v), act)
		v.last(ctx, lasts)
		return err
	}}
}

// cutting makes a fault of the network that lasts.
func cutting(name string, lasts time.Duration, cut func(*victim) error) fault {
	return fault{name: name, cuts: true, hurt: func(ctx context.Context, v *victim) error {
		err := cut(v)
		v.last(ctx, lasts)
		return err
	}}
}

func theLeader(v *victim) []*ensemble.Server   { return []*ensemble.Server{v.leader} }
func aFollower(v *victim) []*ensemble.Server   { return v.followers()[:1] }
func everyone(v *victim) []*ensemble.Server    { return v.Servers }
func followers(v *victim) []*ensemble.Server   { return v.followers() }
func aMajority(v *victim) []*ensemble.Server   { return v.majority() }
func aMinority(v *victim) []*ensemble.Server   { return v.minority(false) }
func itsMinority(v *victim) []*ensemble.Server { return v.minority(true) }

// The times are long against a tick of the harness (see tickTime), and not always so long that sessions expire.
const (
	brief  = time.Second
	normal = 3 * time.Second
)

// faults are all there are.
var faults = []fault{
	acting("kill-leader", normal, theLeader, (*ensemble.Server).Kill),
	acting("kill-follower", brief, aFollower, (*ensemble.Server).Kill),
	acting("kill-all", brief, everyone, (*ensemble.Server).Kill),
	acting("kill-majority", brief, aMajority, (*ensemble.Server).Kill),
	acting("stop-leader", brief, theLeader, (*ensemble.Server).Stop),
	acting("pause-leader", normal, theLeader, (*ensemble.Server).Pause),
	acting("pause-follower", normal, aFollower, (*ensemble.Server).Pause),
	acting("pause-followers", normal, followers, (*ensemble.Server).Pause),
	{name: "pause-and-kill", hurt: pauseAndKill},
	{name: "wipe-follower", hurt: wipeFollower},
	{name: "rolling-restart", hurt: rollingRestart},
	cutting("isolate-leader", normal, func(v *victim) error { return v.split(theLeader(v)) }),
	cutting("isolate-follower", normal, func(v *victim) error { return v.split(aFollower(v)) }),
	cutting("minority-with-leader", normal, func(v *victim) error { return v.split(itsMinority(v)) }),
	cutting("minority-without-leader", normal, func(v *victim) error { return v.split(aMinority(v)) }),
	cutting("everyone-alone", brief, func(v *victim) error {
		return v.each(v.Servers, func(s *ensemble.Server) error { return v.split([]*ensemble.Server{s}) })
	}),
	cutting("mute-leader", normal, func(v *victim) error {
		return v.each(v.followers(), func(s *ensemble.Server) error { return v.net.Cut(v.leader.ID, s.ID) })
	}),
	cutting("deaf-leader", normal, func(v *victim) error {
		return v.each(v.followers(), func(s *ensemble.Server) error { return v.net.Cut(s.ID, v.leader.ID) })
	}),
	cutting("one-link", normal, func(v *victim) error {
		return v.net.Split([]int{v.leader.ID}, []int{v.followers()[0].ID})
	}),
	cutting("followers-apart", brief, func(v *victim) error {
		f := v.followers()
		return v.net.Split([]int{f[0].ID}, []int{f[1].ID})
	}),
	cutting("clients-off-leader", normal, func(v *victim) error { return v.net.Split([]int{v.leader.ID}, []int{ensemble.Clients}) }),
	cutting("isolate-and-kill", brief, isolateAndKill),
	{name: "flapping", cuts: true, hurt: flapping},
	{name: "full-disk-leader", disk: true, hurt: func(ctx context.Context, v *victim) error { return fullDisk(ctx, v, v.leader) }},
	{name: "full-disk-follower", disk: true, hurt: func(ctx context.Context, v *victim) error { return fullDisk(ctx, v, v.followers()[0]) }},
}

// pauseAndKill leaves the leader with proposals that nobody else has: the followers are stopped while clients write,
// and killed before they see what has come meanwhile. The leader is killed too, and comes back after the others have
// gone on without it.
func pauseAndKill(ctx context.Context, v *victim) error {
	others := v.followers()
	if err := v.each(others, (*ensemble.Server).Pause); err != nil {
		return err
	}
	pace(ctx, 300*time.Millisecond)
	if err := v.each(append(others, v.leader), (*ensemble.Server).Kill); err != nil {
		return err
	}
	if err := v.each(others, (*ensemble.Server).Launch); err != nil {
		return err
	}
	if _, err := v.AwaitLeader(ctx); err != nil {
		return err
	}
	pace(ctx, 300*time.Millisecond)
	return nil
}

// isolateAndKill is pauseAndKill by a network that breaks.
func isolateAndKill(v *victim) error {
	if err := v.split(theLeader(v)); err != nil {
		return err
	}
	pace(context.Background(), 200*time.Millisecond)
	return v.leader.Kill()
}

// wipeFollower replaces the disk of a follower. The others stay up, so nothing is lost.
func wipeFollower(ctx context.Context, v *victim) error {
	s := v.followers()[0]
	if err := s.Kill(); err != nil {
		return err
	}
	if err := s.Wipe(); err != nil {
		return err
	}
	return s.Launch()
}

// rollingRestart stops and starts one server after the other, as operators do, the leader last.
func rollingRestart(ctx context.Context, v *victim) error {
	for _, s := range append(v.followers(), v.leader) {
		if err := s.Stop(); err != nil {
			return err
		}
		if err := s.Launch(); err != nil {
			return err
		}
		if err := v.Await(ctx, v.Servers...); err != nil {
			return err
		}
	}
	return nil
}

// flapping isolates servers for short times.
func flapping(ctx context.Context, v *victim) error {
	for range 5 {
		if err := v.split([]*ensemble.Server{v.Servers[v.rng.IntN(len(v.Servers))]}); err != nil {
			return err
		}
		v.last(ctx, 600*time.Millisecond)
		if err := v.net.Heal(); err != nil {
			return err
		}
		v.last(ctx, 400*time.Millisecond)
	}
	return nil
}

// stuffing bounds what is written to find out that a disk is full: servers reserve room for their logs in advance.
const (
	stuffing      = 128 << 20
	stuffingValue = 512 << 10
)

// fullDisk fills a server's disk and writes through it, so that it needs more.
func fullDisk(ctx context.Context, v *victim, s *ensemble.Server) error {
	if err := s.FillDisk(); err != nil {
		return err
	}
	if c, err := connect(ctx, s); err == nil {
		value := make([]byte, stuffingValue)
		for range stuffing / stuffingValue {
			if _, err := c.Set(root, value, -1); err != nil {
				break // it has noticed, or is slow to end
			}
		}
		c.Drop()
	}
	v.last(ctx, brief)
	return nil
}
