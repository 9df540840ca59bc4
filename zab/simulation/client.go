package simulation

import (
	"fmt"
	"strings"

	"gamekeeper/proto"
)

// opKind is what a client asks for.
type opKind uint8

const (
	opRead opKind = iota
	opSync        // sync, then read
	opCreate
	opSet
	opDelete
	opCreateSession
	opCloseSession
)

// request is one request of a client, on one connection. Its value belongs to the world.
type request struct {
	client  *client
	gen     int // the client's connection
	kind    opKind
	session proto.SessionID
	cxid    int32
	path    string
	value   string
	invoked int64
	// floor is the last zxid that any client had an answer of when this was asked.
	floor proto.Zxid
}

type answer struct {
	zxid   proto.Zxid
	code   proto.Code
	value  string
	exists bool
}

func (r *request) id() requestID { return requestID{r.session, r.cxid} }

// forwarded is the request as a learner sends it to its leader. The body is made for this simulation.
func (r *request) forwarded() proto.Forwarded {
	op := map[opKind]proto.Op{opSync: proto.OpSync, opCreate: proto.OpCreate, opSet: proto.OpSetData,
		opDelete: proto.OpDelete, opCreateSession: proto.OpCreateSession, opCloseSession: proto.OpCloseSession}[r.kind]
	return proto.Forwarded{Session: r.session, Cxid: r.cxid, Op: op, Body: []byte(r.path + "=" + r.value)}
}

func splitBody(b []byte) (path, value string) {
	path, value, _ = strings.Cut(string(b), "=")
	return path, value
}

func isEphemeral(path string) bool { return strings.HasPrefix(path, "/e") }

// client asks one thing after the other, and goes to another server when its connection ends.
type client struct {
	sim     *Simulation
	id      int
	session proto.SessionID // 0: none
	cxid    int32
	server  *server // connected to
	gen     int     // of the connection
	arrival [2]int64
	since   int64 // connected

	lastSeen  proto.Zxid
	waiting   *request
	ephemeral map[string]bool // acknowledged, and nothing done to them since
	stopping  bool
	done      bool
	history   []Operation
}

func newClient(s *Simulation, id int) *client {
	return &client{sim: s, id: id, ephemeral: map[string]bool{}}
}

// begin connects to a server.
func (c *client) begin() {
	if c.done || c.server != nil {
		return
	}
	if c.stopping && c.session == 0 {
		c.done = true
		return
	}
	s := c.sim.servers[c.sim.rng.IntN(len(c.sim.servers))]
	c.gen++
	r := &request{client: c, gen: c.gen}
	c.toServer(s, func() { s.service.accept(s, r) })
	c.timeout(r)
}

// timeout gives a connection up that brings no answer.
func (c *client) timeout(r *request) {
	c.sim.after(1_500_000, func() {
		if c.gen == r.gen && (c.waiting == r || c.server == nil) && !c.done {
			c.leave()
		}
	})
}

// toServer lets something reach a server, behind what was sent before.
func (c *client) toServer(s *server, do func()) {
	c.arrival[0] = max(c.arrival[0], c.sim.now+c.sim.net.delay())
	s.after(c.arrival[0]-c.sim.now, func() { s.tell(do) })
}

// fromServer lets something reach the client on its present connection.
func (c *client) fromServer(gen int, do func()) {
	c.arrival[1] = max(c.arrival[1], c.sim.now+c.sim.net.delay())
	c.sim.after(c.arrival[1]-c.sim.now, func() {
		if c.gen == gen {
			do()
		}
	})
}

// leave closes the connection and tries another server.
func (c *client) leave() {
	if s := c.server; s != nil {
		c.server = nil
		s.after(c.sim.net.delay(), func() { s.service.leave(c) })
	}
	c.lost()
}

// lost gives up what was asked: whether it was done nobody knows.
func (c *client) lost() {
	c.server = nil
	c.gen++
	if r := c.waiting; r != nil {
		c.waiting = nil
		c.record(r, answer{}, false)
	}
	c.sim.after(c.sim.between(1000, 100_000), c.begin)
}

// dropped is called by a server that closes the connection.
func (c *client) dropped() {
	c.fromServer(c.gen, c.lost)
}

// refused is called by a server that does not take the client.
func (c *client) refused(r *request) {
	c.fromServer(r.gen, c.lost)
}

// expired is called by a server when the client's session is no more.
func (c *client) expired(r *request) {
	c.fromServer(r.gen, func() {
		c.forget()
		c.lost()
	})
}

func (c *client) forget() {
	c.session, c.cxid = 0, 0
	clear(c.ephemeral)
}

// accepted is called by a server that takes the client.
func (c *client) accepted(r *request, s *server) {
	if c.gen != r.gen {
		s.service.leave(c)
		return
	}
	c.fromServer(r.gen, func() {
		c.server, c.since = s, c.sim.now
		c.heartbeat(c.gen)
		if c.session == 0 {
			c.sim.nextValue++
			c.session = proto.SessionID(s.id)<<56 | proto.SessionID(c.sim.nextValue)
			c.ask(opCreateSession, "", "")
			return
		}
		c.next()
	})
}

func (c *client) heartbeat(gen int) {
	c.sim.after(sessionTimeoutMs*1000/4, func() {
		if c.gen != gen || c.server == nil {
			return
		}
		s := c.server
		c.toServer(s, func() {
			if s.serves() && c.gen == gen {
				s.service.touched[c.session] = sessionTimeoutMs
			}
		})
		c.heartbeat(gen)
	})
}

// next asks for something else after a while.
func (c *client) next() {
	gen := c.gen
	wait := int64(float64(c.sim.profile.think) * c.sim.rng.ExpFloat64())
	c.sim.after(1+min(wait, 1_000_000), func() {
		if c.gen != gen || c.server == nil || c.waiting != nil {
			return
		}
		if p := c.sim.profile.hop; p > 0 && !c.stopping && c.sim.chance(p) {
			c.leave()
			return
		}
		c.draw()
	})
}

// draw decides what to ask for.
func (c *client) draw() {
	if c.stopping {
		if c.session != 0 && c.id%2 == 0 {
			c.ask(opCloseSession, "", "")
			return
		}
		c.done = true
		return
	}
	rng := c.sim.rng
	key := fmt.Sprintf("/k%d", rng.IntN(4))
	c.sim.nextValue++
	value := fmt.Sprint(c.sim.nextValue)
	switch n := rng.IntN(100); {
	case n < 25:
		c.ask(opSet, key, value)
	case n < 45:
		c.ask(opCreate, key, value)
	case n < 55:
		c.ask(opDelete, key, "")
	case n < 65:
		c.ask(opCreate, fmt.Sprintf("/e%d-%d", c.id, rng.IntN(3)), value)
	case n < 68:
		c.ask(opDelete, fmt.Sprintf("/e%d-%d", c.id, rng.IntN(3)), "")
	case n < 70:
		c.ask(opCloseSession, "", "")
	case n < 85:
		c.ask(opRead, key, "")
	default:
		c.ask(opSync, key, "")
	}
}

func (c *client) ask(kind opKind, path, value string) {
	c.cxid++
	r := &request{client: c, gen: c.gen, kind: kind, session: c.session, cxid: c.cxid, path: path, value: value,
		invoked: c.sim.now, floor: c.sim.answered}
	c.waiting = r
	delete(c.ephemeral, path)
	s := c.server
	c.toServer(s, func() { s.service.request(s, r) })
	c.timeout(r)
}

// answered is called by a server with the answer.
func (c *client) answered(r *request, a answer) {
	c.fromServer(r.gen, func() {
		if c.waiting != r {
			return
		}
		c.waiting = nil
		c.checkAnswer(r, a)
		c.record(r, a, true)
		switch {
		case a.code == proto.SessionMoved:
			c.leave()
			return
		case a.code == proto.SessionExpired, r.kind == opCloseSession:
			c.forget()
			c.leave()
			return
		case r.kind == opCreate && a.code == proto.OK && isEphemeral(r.path):
			c.ephemeral[r.path] = true
		}
		c.next()
	})
}

// checkAnswer checks what the ensemble promises a client. The zxids of all transactions are one order that is
// the same for everybody; so a history is linearizable if no answer contradicts that order.
func (c *client) checkAnswer(r *request, a answer) {
	check := c.sim.check
	check.holds(a.zxid >= c.lastSeen, SessionOrder, "client %d has seen %s and now %s", c.id, c.lastSeen, a.zxid)
	c.lastSeen = max(c.lastSeen, a.zxid)
	if r.kind == opRead {
		c.sim.result.Reads++
		return
	}
	if r.kind == opSync {
		c.sim.result.Reads++
		check.holds(a.zxid >= r.floor, Linearizability, "client %d: read behind sync shows %s, and %s was answered before",
			c.id, a.zxid, r.floor)
	} else {
		c.sim.result.Acknowledged++
		check.holds(a.zxid > r.floor, Linearizability, "client %d: write %s, and %s was answered before it was asked",
			c.id, a.zxid, r.floor)
		_, was := check.position(a.zxid)
		check.holds(was, Durability, "client %d: write %s is acknowledged and not delivered", c.id, a.zxid)
	}
	c.sim.answered = max(c.sim.answered, a.zxid)
}

// finish lets the client end as soon as it has no request open.
func (c *client) finish() {
	c.stopping = true
	if c.server != nil && c.waiting == nil {
		c.draw()
	}
}
