package simulation

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strings"

	"gamekeeper/proto"
	"gamekeeper/zab"
)

// Options of a run. The zero value is a run without mistakes.
type Options struct {
	// Mistake is a bug to make.
	Mistake Mistake
	// Trace keeps the last lines of what happened, so many; 0 is none.
	Trace int

	tune func(p *profile) // changes what was drawn
}

// Result of a run.
type Result struct {
	Violation *Violation // nil if there was none
	Trace     []string
	// History is of the clients' operations on keys, for Linearizable.
	History []Operation

	// What happened, to see that runs do something.
	Events, Delivered, Acknowledged, Reads, Elections, Crashes, Snaps, Truncs, Diffs int
	VirtualTime                                                                      int64 // microseconds
}

// Simulation is one run.
type Simulation struct {
	opt        Options
	rng        *rand.Rand
	now        int64 // microseconds
	events     eventHeap
	profile    profile
	membership zab.Membership
	servers    []*server
	clients    []*client
	net        *network
	check      *checker
	faulty     bool // faults still happen
	calm       bool // they have ended long enough ago for everything to be quiet
	calmSince  int64
	nextLink   zab.Link
	nextValue  int
	answered   proto.Zxid // the last that any client knows to be committed
	trace      *trace
	result     Result
}

// Run runs one seed.
func Run(seed uint64, opt Options) (r Result) {
	s := newSimulation(seed, opt)
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(stop); !ok {
				s.result.Violation = &Violation{NoPanic, fmt.Sprintf("%v\n%s", p, ownStack()), s.now}
				s.tracef("panic: %v", p)
			}
		}
		s.result.VirtualTime = s.now
		s.result.Delivered = len(s.check.delivered)
		s.result.Trace = s.trace.lines()
		r = s.result
	}()
	s.run()
	return s.result
}

// stop is the panic that ends a run at its first violation.
type stop struct{}

func (s *Simulation) violate(inv Invariant, detail string) {
	s.result.Violation = &Violation{inv, detail, s.now}
	s.tracef("VIOLATION %s: %s", inv, detail)
	panic(stop{})
}

// ownStack is the part of the stack of a panic that lies in this module.
func ownStack() string {
	var b strings.Builder
	for line := range strings.Lines(string(debug.Stack())) {
		if strings.Contains(line, "/zab/") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func newSimulation(seed uint64, opt Options) *Simulation {
	s := &Simulation{opt: opt, rng: rand.New(rand.NewPCG(seed, 0x5a6162)), faulty: true}
	s.trace = newTrace(opt.Trace)
	s.check = newChecker(s)
	s.profile = drawProfile(s.rng)
	if opt.tune != nil {
		opt.tune(&s.profile)
	}
	s.membership = s.profile.membership(s.rng)
	for _, m := range s.membership.Members {
		s.servers = append(s.servers, newServer(s, m))
	}
	s.net = newNetwork(s)
	for i := range s.profile.clients {
		s.clients = append(s.clients, newClient(s, i))
	}
	return s
}

func (s *Simulation) run() {
	s.tracef("%s", &s.profile)
	for _, srv := range s.servers {
		at := s.between(0, 300_000)
		if !srv.member.Voter && s.profile.late > 0 {
			at = s.between(0, s.profile.late)
		}
		s.after(at, srv.start)
	}
	for _, c := range s.clients {
		s.after(s.between(100_000, 1_000_000), c.begin)
	}
	s.nextFault()
	for _, srv := range s.servers {
		srv.nextRound()
	}
	s.until(s.profile.duration, nil)
	s.faulty = false
	s.heal()
	s.until(s.now+convergenceUs, s.settled)
	s.check.holds(s.settled(), Convergence, "%s", s.disagreement())
	// A while of calm shows that it stays so, and gives every server a write of its own to carry out.
	s.calm, s.calmSince = true, s.now
	for _, srv := range s.servers {
		s.calmSince = max(s.calmSince, srv.busyUntil) // pauses end by themselves
	}
	s.tracef("everybody serves, nothing fails any more")
	s.until(s.now+s.profile.calm, nil)
	for _, c := range s.clients {
		c.finish()
	}
	s.until(s.now+convergenceUs, s.finished)
	s.check.holds(s.finished(), Convergence, "clients cannot finish: %s", s.disagreement())
	s.check.final()
	for _, c := range s.clients {
		s.result.History = append(s.result.History, c.history...)
	}
}

// convergenceUs is within which everybody has to serve once nothing fails any more.
const convergenceUs = 90_000_000

// until runs events up to a time, or until done.
func (s *Simulation) until(end int64, done func() bool) {
	for {
		if at, ok := s.events.next(); !ok || at > end {
			break
		}
		e := s.events.pop()
		s.now = e.at
		if e.srv != nil {
			if e.inc != e.srv.incarnation || !e.srv.up {
				continue
			}
			if e.srv.busyUntil > s.now {
				e.at = e.srv.busyUntil
				s.events.push(e)
				continue
			}
		}
		s.result.Events++
		e.do()
		if done != nil && s.result.Events%16 == 0 && done() {
			return
		}
	}
	if done == nil || !done() {
		s.now = max(s.now, end)
	}
}

// after lets something happen to the world.
func (s *Simulation) after(us int64, do func()) {
	s.events.push(event{at: s.now + us, do: do})
}

// between draws a number from lo to hi-1.
func (s *Simulation) between(lo, hi int64) int64 {
	if hi <= lo {
		return lo
	}
	return lo + s.rng.Int64N(hi-lo)
}

// chance is true with probability p.
func (s *Simulation) chance(p float64) bool { return s.rng.Float64() < p }

// mistaken says whether a mistake of a kind is made now.
func (s *Simulation) mistaken(m Mistake, p float64) bool { return s.opt.Mistake == m && s.chance(p) }

func (s *Simulation) server(id proto.ServerID) *server {
	for _, srv := range s.servers {
		if srv.id == id {
			return srv
		}
	}
	return nil
}

// leader is a server that leads and serves, nil if there is none.
func (s *Simulation) leader() *server {
	for _, srv := range s.servers {
		if srv.up && srv.status.State == proto.Leading && srv.status.Serving {
			return srv
		}
	}
	return nil
}

// settled says whether all servers serve under the same leader and have the same history.
func (s *Simulation) settled() bool { return s.disagreement() == "" }

// disagreement says what is missing until everybody serves the same.
func (s *Simulation) disagreement() string {
	l := s.leader()
	if l == nil {
		return "nobody leads"
	}
	for _, srv := range s.servers {
		switch {
		case !srv.up:
			return fmt.Sprintf("server %d is down", srv.id)
		case !srv.status.Serving || srv.status.Leader != l.id && srv.member.Voter || srv.status.Epoch != l.status.Epoch:
			return fmt.Sprintf("server %d does not serve under leader %d: %+v", srv.id, l.id, srv.status)
		}
	}
	return ""
}

// finished says whether all clients are done and all servers have the same history.
func (s *Simulation) finished() bool {
	for _, c := range s.clients {
		if !c.done {
			return false
		}
	}
	if !s.settled() {
		return false
	}
	last := s.leader().disk.last()
	for _, srv := range s.servers {
		if srv.disk.last() != last || srv.state.applied != last || srv.disk.durable() != last {
			return false
		}
	}
	return true
}
