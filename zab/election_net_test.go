package zab

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"gamekeeper/proto"
)

// electionNet joins the elections of several servers by a network that loses, delays and reorders, and keeps the
// order of each link alone. What the servers do with the outcome is as simple as can be: a follower is content
// while its leader leads and can be reached, a leader while a quorum is content with it; else they look again.
type electionNet struct {
	t     *rapid.T
	rng   *rand.Rand
	now   int64
	nodes map[proto.ServerID]*electionNode
	ids   []proto.ServerID // of all nodes, rising
	m     Membership
	wires []wire      // see wire
	epoch proto.Epoch // the last one that a leader has established

	maxDelay       int64
	loss, coalesce float64 // how probable it is that a vote is lost, and that it takes the place of the one before
	maxNotice      int64   // MaxNotificationMs
}

type electionNode struct {
	id        proto.ServerID
	zxid      proto.Zxid
	epoch     proto.Epoch
	e         *election
	running   bool
	due       int64
	acting    bool  // on the outcome
	content   bool  // acting, and connected with the leader; a leader: with a quorum
	giveUp    int64 // when it looks again, if it is not content
	establish int64 // when it has the leader's history
}

// wire is one direction of a link. Its receiver is told of the link by an event among the votes.
type wire struct {
	up     bool // as it is
	known  bool // as the receiver was told
	events []wireEvent
}

type wireEvent struct {
	at   int64
	vote *proto.Vote // nil: the link comes up, or goes down
	up   bool
}

const (
	learnerPatienceMs = 500
	leaderPatienceMs  = 1000
	establishMs       = 50
)

// newElectionNet draws an ensemble none of whose servers runs.
func newElectionNet(t *rapid.T, voters, observers int) *electionNet {
	n := &electionNet{
		t: t, nodes: map[proto.ServerID]*electionNode{},
		rng:       rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)),
		maxDelay:  rapid.SampledFrom([]int64{1, 20, 150}).Draw(t, "delay"),
		maxNotice: rapid.SampledFrom([]int64{200, 3000, 60000}).Draw(t, "max notification"),
	}
	n.m.Hierarchical = voters > 2 && rapid.IntRange(0, 3).Draw(t, "hierarchical") == 0
	for i := range voters + observers {
		x := Member{ID: proto.ServerID(i + 1), Voter: i < voters, Weight: 1, Group: 1}
		if n.m.Hierarchical && x.Voter {
			x.Group = int64(i % 2)
			x.Weight = int64(n.rng.IntN(3))
			if i < 2 {
				x.Weight = 1 // in each group someone can lead
			}
		}
		n.m.Members = append(n.m.Members, x)
		node := &electionNode{
			id:    x.ID,
			epoch: proto.Epoch(rapid.IntRange(1, 3).Draw(t, "epoch")),
			due:   notDue,
		}
		node.zxid = proto.MakeZxid(node.epoch, uint32(rapid.IntRange(0, 3).Draw(t, "counter")))
		n.epoch = 3
		n.nodes[x.ID] = node
		n.ids = append(n.ids, x.ID)
	}
	n.wires = make([]wire, len(n.ids)*len(n.ids))
	return n
}

// wire returns the one from a to b.
func (n *electionNet) wire(a, b proto.ServerID) *wire { return &n.wires[int(a-1)*len(n.ids)+int(b-1)] }

func (n *electionNet) start(id proto.ServerID) {
	x := n.nodes[id]
	if x.running {
		return
	}
	cfg := &Config{ID: id, Membership: n.m, MinNotificationMs: 200, MaxNotificationMs: n.maxNotice}
	x.e = newElection(cfg, func(to proto.ServerID, v *proto.Vote) { n.transmit(x, to, v) })
	x.running = true
	n.look(x)
}

func (n *electionNet) stop(id proto.ServerID) {
	for _, other := range n.ids {
		n.cut(id, other)
		*n.wire(other, id) = wire{}
	}
	n.nodes[id].running = false
}

// connect brings up the link between two servers that run, cut breaks it. Neither notices at once.
func (n *electionNet) connect(a, b proto.ServerID) {
	if a == b || !n.nodes[a].running || !n.nodes[b].running || n.wire(a, b).up {
		return
	}
	n.setLink(a, b, true)
	n.setLink(b, a, true)
}

func (n *electionNet) cut(a, b proto.ServerID) {
	if a != b && n.wire(a, b).up {
		n.setLink(a, b, false)
		n.setLink(b, a, false)
	}
}

func (n *electionNet) setLink(from, to proto.ServerID, up bool) {
	w := n.wire(from, to)
	w.up, w.events = up, nil
	if w.known {
		n.enqueue(w, wireEvent{up: false})
	}
	if up {
		n.enqueue(w, wireEvent{up: true})
	}
}

func (n *electionNet) connectAll() {
	for i, a := range n.ids {
		for _, b := range n.ids[:i] {
			n.connect(a, b)
		}
	}
}

func (n *electionNet) enqueue(w *wire, e wireEvent) {
	e.at = n.now + n.rng.Int64N(n.maxDelay+1)
	if k := len(w.events); k > 0 {
		e.at = max(e.at, w.events[k-1].at)
	}
	w.events = append(w.events, e)
}

func (n *electionNet) transmit(from *electionNode, to proto.ServerID, v *proto.Vote) {
	if x, ok := n.m.Member(to); !ok || to == from.id || !x.Voter && !n.m.Voter(from.id) {
		n.t.Fatalf("server %d sends a vote to %d", from.id, to)
	}
	w := n.wire(from.id, to)
	back := n.wire(to, from.id)
	if !w.up || !back.known || n.rng.Float64() < n.loss {
		return
	}
	copied := *v
	if k := len(w.events); k > 0 && w.events[k-1].vote != nil && n.rng.Float64() < n.coalesce {
		w.events[k-1].vote = &copied
		return
	}
	n.enqueue(w, wireEvent{vote: &copied})
}

func (n *electionNet) look(x *electionNode) {
	x.acting, x.content, x.establish = false, false, notDue
	x.e.begin(n.now, x.zxid, x.epoch)
	n.settle(x)
}

// settle is what comes after all that happens to a server.
func (n *electionNet) settle(x *electionNode) {
	x.due = x.e.tick(n.now)
	leader, ok := x.e.outcome()
	if !ok || x.acting {
		return
	}
	x.acting = true
	x.giveUp = n.now + learnerPatienceMs
	state := proto.Following
	switch {
	case leader == x.id:
		x.giveUp = n.now + leaderPatienceMs
		state = proto.Leading
		n.checkLeader(x)
	case !n.m.Voter(x.id):
		state = proto.Observing
	}
	if x.e.vote.state != state {
		n.t.Fatalf("server %d is %s, not %s", x.id, x.e.vote.state, state)
	}
	x.e.settle(state)
}

// checkLeader checks that a quorum has nothing better than what the new leader has.
func (n *electionNet) checkLeader(x *electionNode) {
	if !n.m.Quorum(func(id proto.ServerID) bool { return n.compare(x, n.nodes[id]) >= 0 }) {
		n.t.Fatalf("server %d leads, although no quorum may have voted for it", x.id)
	}
	if n.weightless(x) != 0 {
		n.t.Fatalf("server %d leads, and has no weight", x.id)
	}
}

// compare says which of two voters should rather lead.
func (n *electionNet) compare(x, y *electionNode) int {
	return cmp.Or(cmp.Compare(n.weightless(y), n.weightless(x)), cmp.Compare(x.epoch, y.epoch),
		cmp.Compare(x.zxid, y.zxid), cmp.Compare(x.id, y.id))
}

func (n *electionNet) weightless(x *electionNode) int {
	if m := n.m.Members[x.id-1]; n.m.Hierarchical && m.Weight == 0 {
		return 1
	}
	return 0
}

// connected says whether x could talk with the leader it has.
func (n *electionNet) connected(x *electionNode) bool {
	if !x.running || !x.acting {
		return false
	}
	leader := n.nodes[x.e.vote.leader]
	if leader == x {
		return true
	}
	return leader.running && leader.acting && leader.e.vote.leader == leader.id &&
		n.wire(x.id, leader.id).up
}

// react is what the servers do that act on an outcome. It returns when there is more to do.
func (n *electionNet) react() (next int64) {
	next = notDue
	for _, id := range n.ids {
		x := n.nodes[id]
		if !x.running || !x.acting {
			continue
		}
		content := n.connected(x)
		if x.e.vote.leader == x.id {
			content = n.m.Quorum(func(id proto.ServerID) bool {
				f := n.nodes[id]
				return n.connected(f) && f.e.vote.leader == x.id
			})
		}
		switch {
		case !content && (x.content || n.now >= x.giveUp):
			n.look(x)
			next = n.now + 1 // others may see that
			continue
		case !content:
			next = min(next, x.giveUp)
			continue
		case !x.content:
			next = n.now + 1
			x.content = true
			x.establish = notDue
			if x.e.vote.leader == x.id {
				n.epoch++
				x.e.established(n.epoch)
			}
		}
		leader := n.nodes[x.e.vote.leader]
		switch {
		case leader == x || !leader.content || x.e.vote.epoch == leader.e.vote.epoch:
			continue
		case x.establish == notDue:
			x.establish = n.now + n.rng.Int64N(establishMs)
		}
		if n.now >= x.establish {
			x.e.established(leader.e.vote.epoch)
		} else {
			next = min(next, x.establish)
		}
	}
	return next
}

// run lets the time pass up to end, or until done; it returns whether it was done.
func (n *electionNet) run(end int64, done func() bool) bool {
	next := n.react()
	for n.now < end {
		if done != nil && done() {
			return true
		}
		next = min(next, end)
		for _, id := range n.ids {
			if x := n.nodes[id]; x.running {
				next = min(next, x.due)
			}
		}
		for i := range n.wires {
			if w := &n.wires[i]; len(w.events) > 0 {
				next = min(next, w.events[0].at)
			}
		}
		n.now = max(n.now, next)
		n.deliver()
		for _, id := range n.ids {
			if x := n.nodes[id]; x.running && x.due <= n.now {
				n.settle(x)
			}
		}
		next = n.react()
	}
	return done != nil && done()
}

// deliver hands over what is due, link by link in an order that is drawn.
func (n *electionNet) deliver() {
	for _, i := range n.rng.Perm(len(n.ids) * len(n.ids)) {
		from, to := n.ids[i/len(n.ids)], n.ids[i%len(n.ids)]
		w, x := n.wire(from, to), n.nodes[to]
		for len(w.events) > 0 && w.events[0].at <= n.now {
			e := w.events[0]
			w.events = w.events[1:]
			if !x.running {
				continue
			}
			if e.vote == nil {
				w.known = e.up
				x.e.link(n.now, from, e.up)
			} else {
				x.e.receive(n.now, from, e.vote)
			}
			n.settle(x)
		}
	}
}

// leader returns the leader that all servers that run have, if it has an established epoch and all have it.
func (n *electionNet) leader() (leader proto.ServerID, ok bool) {
	for _, id := range n.ids {
		x := n.nodes[id]
		if !x.running {
			continue
		}
		if !x.content || ok && x.e.vote.leader != leader {
			return 0, false
		}
		leader, ok = x.e.vote.leader, true
		if x.e.vote.epoch != n.nodes[leader].e.vote.epoch {
			return 0, false
		}
	}
	return leader, ok
}

// converge waits until there is a leader, and checks that it remains.
func (n *electionNet) converge(within int64) proto.ServerID {
	if !n.run(n.now+within, func() bool { _, ok := n.leader(); return ok }) {
		n.t.Fatalf("no leader within %d ms:\n%s", within, n)
	}
	leader, _ := n.leader()
	n.run(n.now+2000, nil)
	if l, ok := n.leader(); !ok || l != leader {
		n.t.Fatalf("the leader was %d, and is not any more:\n%s", leader, n)
	}
	return leader
}

func (n *electionNet) String() string {
	var s string
	for _, id := range n.ids {
		x := n.nodes[id]
		s += fmt.Sprintf("%6d ms: server %d, running %t, content %t", n.now, id, x.running, x.content)
		if x.running {
			s += ": " + formatBallot(x.e.vote)
		}
		s += "\n"
	}
	return s
}

// TestElectionConverges: whatever the network and crashes do, once they stop there is one leader, for good.
func TestElectionConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := newElectionNet(t, rapid.IntRange(1, 7).Draw(t, "voters"), rapid.IntRange(0, 2).Draw(t, "observers"))
		n.loss = rapid.SampledFrom([]float64{0, 0.1, 0.5}).Draw(t, "loss")
		n.coalesce = rapid.SampledFrom([]float64{0, 0.5}).Draw(t, "coalesce")
		draw := func(label string) proto.ServerID { return rapid.SampledFrom(n.ids).Draw(t, label) }
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"start", "start", "stop", "connect", "connect all", "cut", "wait", "wait"}).
				Draw(t, "step") {
			case "start":
				n.start(draw("server"))
			case "stop":
				n.stop(draw("server"))
			case "connect":
				n.connect(draw("from"), draw("to"))
			case "connect all":
				n.connectAll()
			case "cut":
				n.cut(draw("from"), draw("to"))
			case "wait":
				n.run(n.now+rapid.Int64Range(1, 1000).Draw(t, "ms"), nil)
			}
		}
		n.loss = 0
		for _, id := range n.ids {
			n.start(id)
		}
		n.connectAll()
		// A vote that was lost on a link that stayed up is not sent again before MaxNotificationMs.
		n.converge(2*n.maxNotice + 60000)
	})
}

// TestElectionOfTheBest: if nothing is lost and all are connected from the start, the best of all leads, and soon.
func TestElectionOfTheBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := newElectionNet(t, rapid.IntRange(1, 7).Draw(t, "voters"), rapid.IntRange(0, 2).Draw(t, "observers"))
		n.maxDelay = rapid.SampledFrom([]int64{1, 5}).Draw(t, "short delay")
		best := n.ids[0]
		for _, id := range n.ids {
			n.start(id)
			if n.m.Voter(id) && n.compare(n.nodes[id], n.nodes[best]) > 0 {
				best = id
			}
		}
		n.connectAll()
		// All links are up and known before anyone's first vote is through: as when a leader has died.
		for i := range n.wires {
			if w := &n.wires[i]; w.up {
				w.known, w.events = true, nil
			}
		}
		for _, a := range n.ids {
			for _, b := range n.ids {
				if a != b {
					n.nodes[a].e.link(n.now, b, true)
				}
			}
		}
		if leader := n.converge(3000); leader != best {
			t.Fatalf("%d leads, and %d is the best", leader, best)
		}
	})
}

// TestElectionFailover: when a leader dies and its links go down with it, the others do not spend any time on
// waiting, but only on sending.
func TestElectionFailover(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := newElectionNet(t, rapid.SampledFrom([]int{3, 5, 7}).Draw(t, "voters"), 0)
		n.m.Hierarchical = false
		n.maxDelay = 2
		for _, id := range n.ids {
			n.start(id)
		}
		n.connectAll()
		dead := n.converge(10000)
		n.stop(dead)
		began := n.now
		elected := func() bool {
			leader, ok := n.leader()
			return ok && leader != dead
		}
		// A few times maxDelay, and the time to establish the epoch.
		if limit := int64(30 + establishMs); !n.run(began+limit, elected) {
			t.Fatalf("no new leader %d ms after the old one has died:\n%s", limit, n)
		}
	})
}

// TestElectionOfAPart: three of five are enough; the two others join the leader that there is, and so does any
// server that was away, in whatever round it comes.
func TestElectionOfAPart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := newElectionNet(t, 5, rapid.IntRange(0, 1).Draw(t, "observers"))
		n.m.Hierarchical = false
		order := rapid.Permutation(n.ids).Draw(t, "order")
		started, voters := 0, 0
		for voters < 3 {
			n.start(order[started])
			n.connectAll()
			if n.m.Voter(order[started]) {
				voters++
			}
			started++
			n.run(n.now+rapid.Int64Range(0, 500).Draw(t, "ms"), nil)
		}
		leader := n.converge(60000)
		joined := func(what string) {
			t.Helper()
			if l := n.converge(5000); l != leader {
				t.Fatalf("%s: the leader was %d, and is %d", what, leader, l)
			}
		}
		for _, id := range order[started:] {
			n.start(id)
			n.connectAll()
			joined("a server was started")
		}
		away := rapid.SampledFrom(n.ids).Filter(func(id proto.ServerID) bool { return id != leader }).Draw(t, "away")
		n.stop(away)
		n.start(away)
		x := n.nodes[away]
		x.e.vote.round = rapid.Int64Range(0, 100).Draw(t, "round")
		n.look(x)
		n.run(n.now+rapid.Int64Range(0, 100000).Draw(t, "alone"), nil)
		n.connectAll()
		joined("a server came back")
	})
}
