package simulation

import (
	"fmt"
	"slices"

	"gamekeeper/proto"
	"gamekeeper/zab"
)

// Invariant is the name of something that must hold in every run.
type Invariant string

// The invariants: those of the Zab paper and its specifications, and what an implementation has to keep besides.
const (
	Agreement           Invariant = "Agreement"           // what one server delivers every server delivers
	TotalOrder          Invariant = "TotalOrder"          // all servers deliver in the same order
	Integrity           Invariant = "Integrity"           // what is delivered was proposed by a leader, once
	LocalPrimaryOrder   Invariant = "LocalPrimaryOrder"   // a leader's transactions are delivered as proposed, without a gap
	GlobalPrimaryOrder  Invariant = "GlobalPrimaryOrder"  // transactions of a lower epoch come first
	PrimaryIntegrity    Invariant = "PrimaryIntegrity"    // a leader that serves has all that was delivered in epochs before
	Leadership          Invariant = "Leadership"          // one server at most establishes an epoch
	Durability          Invariant = "Durability"          // what is delivered is on the disks of a quorum, and stays there
	EpochsRise          Invariant = "EpochsRise"          // epochs on disk never decrease, and are in order
	AckEpochDurable     Invariant = "AckEpochDurable"     // ACKEPOCH: the promise is on disk
	AckNewLeaderDurable Invariant = "AckNewLeaderDurable" // ACK of NEWLEADER: the history and its epoch are on disk
	AckProposalDurable  Invariant = "AckProposalDurable"  // ACK of a proposal: it and all before it are on disk
	AckOrder            Invariant = "AckOrder"            // ACKs of a connection rise, that of NEWLEADER is the first
	MessageLegal        Invariant = "MessageLegal"        // a packet fits its sender's role and phase
	CommitProposed      Invariant = "CommitProposed"      // COMMIT comes behind its PROPOSAL, on the same connection
	SameBytes           Invariant = "SameBytes"           // one zxid is one transaction, with one before it, everywhere
	SameDigest          Invariant = "SameDigest"          // and one state of the tree
	Truncation          Invariant = "Truncation"          // what was delivered is never truncated where a quorum needs it
	SnapshotCommitted   Invariant = "SnapshotCommitted"   // a snapshot holds nothing that was not delivered
	VoteAgrees          Invariant = "VoteAgrees"          // votes of servers that serve name their leader and its epoch
	RequestOnce         Invariant = "RequestOnce"         // a request becomes one transaction, in its session's order
	Linearizability     Invariant = "Linearizability"     // of writes, and of reads behind a sync
	SessionOrder        Invariant = "SessionOrder"        // a client never sees an older state than before
	SessionKept         Invariant = "SessionKept"         // in calm times no live client's session expires
	EphemeralOwner      Invariant = "EphemeralOwner"      // ephemerals belong to open sessions, and are there
	ConfirmedByQuorum   Invariant = "ConfirmedByQuorum"   // a confirmed leader knows all that was delivered before
	Convergence         Invariant = "Convergence"         // when faults end, everybody serves the same soon
	NoPanic             Invariant = "NoPanic"             // a peer's own invariants hold
	Restartable         Invariant = "Restartable"         // what a server wrote it can start from
)

// Violation is an invariant that did not hold.
type Violation struct {
	Invariant Invariant
	Detail    string
	At        int64 // microseconds of virtual time
}

func (v *Violation) Error() string {
	return fmt.Sprintf("%s at %d.%06d s: %s", v.Invariant, v.At/1e6, v.At%1e6, v.Detail)
}

// delivery is a transaction at its place in the order of all servers.
type delivery struct {
	zxid proto.Zxid
	hash uint64
}

// proposal is what a leader proposed.
type proposal struct {
	hash    uint64
	request requestID
	op      proto.Op // of the transaction
}

type requestID struct {
	session proto.SessionID
	cxid    int32
}

// checker knows what all servers do, and what they did.
type checker struct {
	sim         *Simulation
	proposed    map[proto.Zxid]proposal
	before      map[proto.Zxid]proto.Zxid // which transaction comes before which in logs
	digests     map[proto.Zxid]uint64
	delivered   []delivery // in the order of the first server that delivered it
	established map[proto.Epoch]reign
	serving     map[proto.Epoch]reign
	requests    map[requestID]proto.Zxid
	lastCxid    map[proto.SessionID]int32
}

// reign is a server in one of its times as a leader.
type reign struct {
	id   proto.ServerID
	term int
}

func newChecker(s *Simulation) *checker {
	return &checker{
		sim:         s,
		proposed:    map[proto.Zxid]proposal{},
		before:      map[proto.Zxid]proto.Zxid{},
		digests:     map[proto.Zxid]uint64{},
		established: map[proto.Epoch]reign{},
		serving:     map[proto.Epoch]reign{},
		requests:    map[requestID]proto.Zxid{},
		lastCxid:    map[proto.SessionID]int32{},
	}
}

// holds reports a violation of inv unless ok.
func (c *checker) holds(ok bool, inv Invariant, format string, args ...any) {
	if !ok {
		c.broken(inv, format, args...)
	}
}

// broken reports a violation. What is checked often calls it rather than holds, as making the arguments takes
// time.
func (c *checker) broken(inv Invariant, format string, args ...any) {
	c.sim.violate(inv, fmt.Sprintf(format, args...))
}

// quorum says whether the voters for which has is true are a quorum. It does not use the code that it checks.
func (c *checker) quorum(has func(*server) bool) bool {
	var all, have [3]int64 // weights by group
	for _, s := range c.sim.servers {
		if !s.member.Voter {
			continue
		}
		weight, group := int64(1), int64(0)
		if c.sim.membership.Hierarchical {
			weight, group = s.member.Weight, s.member.Group
		}
		all[group] += weight
		if has(s) {
			have[group] += weight
		}
	}
	weighty, full := 0, 0
	for g := range all {
		if all[g] > 0 {
			weighty++
		}
		if 2*have[g] > all[g] {
			full++
		}
	}
	return 2*full > weighty
}

// proposes checks what a leader is about to propose.
func (c *checker) proposes(s *server, z proto.Zxid, data []byte, f proto.Forwarded, op proto.Op) {
	_, twice := c.proposed[z]
	c.holds(!twice, Leadership, "transaction %s is proposed twice, now by server %d", z, s.id)
	c.proposed[z] = proposal{hash(data), requestID{f.Session, f.Cxid}, op}
}

// appends checks that a log grows as every other one.
func (c *checker) appends(s *server, prev, z proto.Zxid, data []byte) {
	p, ok := c.proposed[z]
	if !ok || p.hash != hash(data) {
		c.broken(SameBytes, "server %d logs %s, which nobody proposed so", s.id, z)
	}
	switch b, known := c.before[z]; {
	case known && b != prev:
		c.broken(SameBytes, "server %d logs %s behind %s, another one behind %s", s.id, z, prev, b)
	case !known && !follows(prev, z):
		c.broken(LocalPrimaryOrder, "server %d logs %s behind %s", s.id, z, prev)
	case !known:
		c.before[z] = prev
	}
}

// follows says whether z may be the transaction after prev.
func follows(prev, z proto.Zxid) bool {
	if z.Epoch() == prev.Epoch() {
		return z == prev+1
	}
	return z.Epoch() > prev.Epoch() && z.Counter() == 1
}

// position is how many transactions were delivered up to z, if z was one of them or 0.
func (c *checker) position(z proto.Zxid) (int, bool) {
	lo, hi := 0, len(c.delivered)
	for lo < hi {
		if m := (lo + hi) / 2; c.delivered[m].zxid > z {
			hi = m
		} else {
			lo = m + 1
		}
	}
	return lo, z == 0 && lo == 0 || lo > 0 && c.delivered[lo-1].zxid == z
}

// last is the last transaction that any server delivered.
func (c *checker) last() proto.Zxid {
	if n := len(c.delivered); n > 0 {
		return c.delivered[n-1].zxid
	}
	return 0
}

// applied checks the state after a transaction.
func (c *checker) applied(s *server, z proto.Zxid) {
	if z < s.state.reach {
		return
	}
	g := s.state.tree.Digest()
	switch d, known := c.digests[z]; {
	case !known:
		c.digests[z] = g
	case d != g:
		c.broken(SameDigest, "server %d has another tree after %s", s.id, z)
	}
}

// delivers checks what a server that serves has applied since the last time.
func (c *checker) delivers(s *server) {
	for _, d := range s.tentative {
		if s.position < len(c.delivered) {
			if o := c.delivered[s.position]; o != d {
				c.holds(o.zxid != d.zxid, SameBytes, "server %d delivers another transaction %s", s.id, d.zxid)
				c.broken(TotalOrder, "server %d delivers %s where another delivered %s", s.id, d.zxid, o.zxid)
			}
		} else {
			c.first(s, d)
		}
		s.position++
	}
	s.tentative = s.tentative[:0]
}

// first checks a transaction that no server has delivered before.
func (c *checker) first(s *server, d delivery) {
	last := c.last()
	p, ok := c.proposed[d.zxid]
	c.holds(ok && p.hash == d.hash, Integrity, "server %d delivers %s, which nobody proposed so", s.id, d.zxid)
	c.holds(d.zxid.Epoch() >= last.Epoch(), GlobalPrimaryOrder, "server %d delivers %s after %s", s.id, d.zxid, last)
	c.holds(follows(last, d.zxid), LocalPrimaryOrder, "server %d delivers %s after %s", s.id, d.zxid, last)
	c.durable(d.zxid, "is delivered by server", s.id)
	c.request(d.zxid, p)
	c.delivered = append(c.delivered, d)
}

// durable checks that a transaction is where it cannot be lost.
func (c *checker) durable(z proto.Zxid, why string, id proto.ServerID) {
	if c.losable(z, nil) {
		c.broken(Durability, "%s %s %d and is not on the disks of a quorum", z, why, id)
	}
}

// losable says whether a leader may be elected without a transaction that was delivered: if no quorum has it, or, when
// disks were emptied, if a quorum of servers that count has it not. One server, if not nil, is about to drop it.
func (c *checker) losable(z proto.Zxid, dropping *server) bool {
	if !slices.ContainsFunc(c.sim.servers, func(s *server) bool { return s.wiped }) {
		return !c.quorum(func(s *server) bool { return s != dropping && s.disk.holds(z) })
	}
	return c.quorum(func(s *server) bool { return !s.emptied() && (s == dropping || !s.disk.holds(z)) })
}

// drops checks that a server may lose what was delivered after z, from its disk: a quorum of the others has it.
func (c *checker) drops(s *server, z proto.Zxid, why Invariant) {
	i, _ := c.position(z)
	for ; i < len(c.delivered) && s.disk.holds(c.delivered[i].zxid); i++ {
		d := c.delivered[i].zxid
		c.holds(!c.losable(d, s), why,
			"server %d goes back to %s, and is needed for the quorum that has %s", s.id, z, d)
	}
}

// truncates checks a truncation to z before it happens.
func (c *checker) truncates(s *server, z proto.Zxid) {
	i := s.disk.after(z)
	c.holds(z == s.disk.base || i > 0 && s.disk.log[i-1].zxid == z, Truncation,
		"server %d truncates to %s, which it does not have", s.id, z)
	c.drops(s, z, Truncation)
}

// request notes the transaction of a request.
func (c *checker) request(z proto.Zxid, p proposal) {
	id := p.request
	if id.cxid == 0 || p.op == proto.OpError && id.cxid <= c.lastCxid[id.session] {
		return // the leader's own, or refused as its session has moved
	}
	other, twice := c.requests[id]
	c.holds(!twice, RequestOnce, "request %d of session %s is transaction %s and %s", id.cxid, id.session, other, z)
	c.requests[id] = z
	c.holds(id.cxid > c.lastCxid[id.session], RequestOnce, "request %d of session %s is executed after %d", id.cxid,
		id.session, c.lastCxid[id.session])
	c.lastCxid[id.session] = id.cxid
}

// changes checks what a server says it is now.
func (c *checker) changes(s *server, st zab.Status) {
	if st.State == proto.Leading && st.Serving {
		c.reigns(c.serving, s, st.Epoch, "serves in")
		// A later epoch may have begun already: its transactions do not count.
		if n, _ := c.position(proto.MakeZxid(st.Epoch, 0)); n > 0 {
			last := c.delivered[n-1].zxid
			i := s.disk.after(last)
			c.holds(last <= s.disk.base || i > 0 && s.disk.log[i-1].zxid == last, PrimaryIntegrity,
				"server %d leads epoch %d without %s", s.id, st.Epoch, last)
		}
		c.holds(c.quorum(func(o *server) bool { return o.disk.current >= st.Epoch }), Leadership,
			"server %d serves in epoch %d, which is not on the disks of a quorum", s.id, st.Epoch)
	}
}

// reigns checks that an epoch has one leader.
func (c *checker) reigns(m map[proto.Epoch]reign, s *server, e proto.Epoch, what string) {
	me := reign{s.id, s.term}
	other, ok := m[e]
	c.holds(!ok || other == me, Leadership, "server %d %s epoch %d, as did server %d", s.id, what, e, other.id)
	m[e] = me
}
