package bench

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"gamekeeper/proto"
)

// agent is one session of a swarm. Its loop alone uses it.
type agent struct {
	number int // in the swarm
	wire       // known by its index in the loop
	home   *swarmLoop
	part   part
	server int // index of the one to connect to

	stage      agentStage
	connection int // counts connections, to tell when one has ended
	session    session
	zxid       proto.Zxid
	xid        int32
	asked      []asked // requests without a reply, from answered on
	answered   int
	lastSend   int64
	lastHeard  int64
	pinged     int64 // when a heartbeat was sent that has no answer; 0 without one

	duty     duty
	serving  bool  // connecting or doing its first work
	resuming bool  // connecting again, as the connection was lost in use
	renewed  bool  // when resuming: the session had expired
	tries    int   // to connect, since it began
	began    int64 // of connecting
	dialedAt int64 // the last attempt
	dials    int   // attempts in all
	left     func(*agent)
}

// agentStage says how far a session has come. From stageShaking on there is a socket.
type agentStage uint8

const (
	stageAway    agentStage = iota // without a connection
	stageQueued                    // waits for its turn, or for another attempt
	stageShaking                   // connecting, or waiting for the answer to the handshake
	stagePresent
	stageLeaving // the session is being closed
)

// duty says whether the agent's part works.
type duty uint8

const (
	dutyNone  duty = iota
	dutyDue        // it is to begin when there is a connection again
	dutyBegun      // it has begun
)

// asked is a request without a reply.
type asked struct {
	xid  int32
	kind Kind
	at   int64
	then func(*agent, *reply)
}

// reply is the answer to a request. The body is valid while the function is called that takes it.
type reply struct {
	code proto.Code
	zxid proto.Zxid
	at   int64 // when it came, on the swarm's clock
	body proto.Decoder
}

// errLate says that a server took too long for a handshake.
var errLate = errors.New("no session within the time that a client waits")

// retryWithin is how long clients wait at most before they try another time, as Apache's does.
const retryWithin = time.Second

func (a *agent) serverName() string { return a.home.swarm.options.Servers[a.server] }

// dial begins to connect. A refusal is often known only later.
func (a *agent) dial() {
	s := a.home.swarm
	a.stage = stageShaking
	a.dialedAt = s.clock()
	fd, err := dialSocket(s.addresses[a.server], s.source+a.number+a.dials)
	a.dials++
	if err != nil {
		a.stage = stageAway
		if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) {
			s.fail(fmt.Errorf("no file is left for a connection: raise the limit with ulimit -n: %w", err))
			return
		}
		a.lost(err)
		return
	}
	if err := a.connect(socket{fd}); err != nil {
		s.fail(fmt.Errorf("cannot poll a connection: %w", err))
		return
	}
	a.pending = appendConnect(a.pending, &a.session, s.timeout, a.zxid)
	a.flush()
}

// hangUp closes the socket, if there is one, and forgets what was outstanding. The session stays.
func (a *agent) hangUp() {
	if a.stage >= stageShaking {
		a.disconnect()
	}
	clear(a.asked)
	a.stage, a.answered, a.resuming, a.pinged = stageAway, 0, false, 0
	a.asked = a.asked[:0]
	a.connection++
}

// lost says that the connection has ended, or could not be made. Before the session is served it is tried again, as
// clients do. So it is later, if lost connections are no reason to end the run.
func (a *agent) lost(err error) {
	l := a.home
	stage, resuming := a.stage, a.resuming
	unanswered := a.unanswered()
	a.hangUp()
	switch {
	case stage == stageLeaving:
		a.gone() // closed, or it expires soon
	case resuming:
		a.resume()
	case l.swarm.options.Reconnect && !a.serving:
		l.swarm.troubles.lost.Add(1)
		l.failed(unanswered)
		a.tries, a.renewed = 0, false
		if p, ok := a.part.(resumer); ok && a.duty == dutyBegun {
			p.interrupted(a)
		}
		a.resume()
	case a.serving:
		t := &l.swarm.troubles
		switch {
		case errors.Is(err, unix.ECONNREFUSED):
			t.refused.Add(1)
		case errors.Is(err, errLate):
			t.late.Add(1)
		default:
			t.closed.Add(1)
		}
		a.dialAfter(a.retryWait())
	case err == io.EOF:
		l.swarm.fail(fmt.Errorf("%s: the server closed the connection of a session in use", a.serverName()))
	default:
		l.swarm.fail(fmt.Errorf("%s: %w", a.serverName(), err))
	}
}

// unanswered returns the kinds of the requests without a reply.
func (a *agent) unanswered() []Kind {
	var kinds []Kind
	for _, q := range a.asked[a.answered:] {
		kinds = append(kinds, q.kind)
	}
	return kinds
}

// dialAfter tries the next server when a time has passed.
func (a *agent) dialAfter(wait time.Duration) {
	s := a.home.swarm
	a.server = (a.server + 1) % len(s.addresses)
	a.stage = stageQueued
	connection := a.connection
	a.home.after(wait, func() {
		if connection == a.connection {
			a.dial()
		}
	})
}

// resume connects again after the connection was lost in use.
func (a *agent) resume() {
	a.resuming = true
	a.dialAfter(a.retryWait())
}

// retryWait is how long to wait until another server is tried: as long as Apache's clients do, or where a lost connection
// is what is measured, as short as the reviver of plain load does.
func (a *agent) retryWait() time.Duration {
	l := a.home
	if !l.swarm.options.Reconnect {
		return time.Duration(l.random.Int64N(int64(l.swarm.retry)))
	}
	a.tries++
	return revivalWait((a.tries - 1) / len(l.swarm.addresses))
}

// begin has the part work, at once or when there is a connection again.
func (a *agent) begin() {
	if a.duty = dutyDue; a.stage == stagePresent {
		a.duty = dutyBegun
		a.part.(worker).work(a)
	}
}

// present tells the part that there is a connection.
func (a *agent) present() {
	resumed := a.resuming
	a.resuming = false
	if resumed {
		a.home.swarm.troubles.back.Add(1)
	}
	if p, ok := a.part.(resumer); ok && resumed && a.duty == dutyBegun {
		p.resumed(a, !a.renewed)
		return
	}
	a.part.opened(a)
	if a.duty == dutyDue && a.stage == stagePresent {
		a.begin()
	}
}

// served ends connecting: the session has done its first work.
func (a *agent) served() {
	if !a.serving {
		return
	}
	a.serving = false
	l := a.home
	l.dialing--
	l.record(KindConnect, l.swarm.clock()-a.began)
	if c := l.swarm.gathering.Load(); c != nil {
		c.one()
	}
}

// frame takes what the server sent.
func (a *agent) frame(frame []byte, now int64) error {
	if a.stage == stageShaking {
		a.home.heard.Add(1)
		return a.shaken(frame)
	}
	d := proto.NewDecoder(frame)
	h := d.ReplyHeader()
	if h.Xid == proto.XidPing {
		if p, ok := a.part.(interface{ beat(a *agent, took int64) }); ok && a.pinged > 0 {
			p.beat(a, now-a.pinged)
		}
		a.pinged = 0
		return d.Err()
	}
	a.home.heard.Add(1)
	if h.Xid == proto.XidNotification {
		e := d.WatcherEvent()
		if d.Err() == nil {
			a.part.event(a, e)
		}
		return d.Err()
	}
	if a.answered == len(a.asked) || a.asked[a.answered].xid != h.Xid {
		return fmt.Errorf("a reply with xid %d that was not due: replies are out of order", h.Xid)
	}
	q := a.asked[a.answered]
	a.answered++
	if a.answered >= 64 && 2*a.answered >= len(a.asked) || a.answered == len(a.asked) {
		rest := copy(a.asked, a.asked[a.answered:])
		clear(a.asked[rest:])
		a.asked, a.answered = a.asked[:rest], 0
	}
	if h.Err == proto.OK {
		if h.Zxid < a.zxid {
			return fmt.Errorf("a reply to %v with zxid %v after %v: the session went back in time", q.kind, h.Zxid, a.zxid)
		}
		a.zxid = h.Zxid
		a.home.record(q.kind, now-q.at)
	}
	r := reply{code: h.Err, zxid: h.Zxid, at: now, body: d}
	q.then(a, &r)
	return r.body.Err()
}

// shaken takes the answer to the handshake.
func (a *agent) shaken(frame []byte) error {
	d := proto.NewDecoder(frame)
	r := d.ConnectResponse()
	if d.Err() != nil {
		return fmt.Errorf("answer to the handshake: %w", d.Err())
	}
	if r.Timeout <= 0 {
		if a.session.id == 0 {
			return errRefused
		}
		a.home.swarm.troubles.expired.Add(1)
		resuming := a.resuming
		a.hangUp()
		a.session, a.resuming, a.renewed = session{}, resuming, true
		a.dial()
		return nil
	}
	a.stage = stagePresent
	a.session = session{r.Session, append(a.session.password[:0], r.Password...), time.Duration(r.Timeout) * time.Millisecond}
	a.home.round = min(a.home.round, int64(a.session.timeout/beatsInTime))
	a.present()
	return nil
}

// flush sends what is pending, as far as there is room.
func (a *agent) flush() {
	if len(a.pending) == 0 || a.stage < stageShaking {
		return
	}
	n, err := a.socket.write(a.pending)
	if err != nil {
		if a.stage == stageShaking && errors.Is(err, unix.ENOTCONN) {
			n = 0 // some systems say so while connecting
		} else {
			a.lost(err)
			return
		}
	}
	if n > 0 {
		a.lastSend = a.home.swarm.clock()
	}
	if err := a.took(a.pending, n); err != nil {
		a.home.swarm.fail(fmt.Errorf("cannot poll a connection: %w", err))
	}
}

func (a *agent) ping(now int64) {
	a.lastSend = now
	if a.pinged == 0 {
		a.pinged = now
	}
	a.pending = appendPing(a.pending)
	a.flush()
}

// leave closes the session and its connection, and then calls then.
func (a *agent) leave(then func(*agent)) {
	frame, at := a.request(proto.OpCloseSession)
	a.send(frame, at, KindClose, func(a *agent, _ *reply) {
		a.hangUp()
		a.gone()
	})
	a.stage, a.left = stageLeaving, then
}

// gone follows the end of the session.
func (a *agent) gone() {
	then := a.left
	a.session, a.zxid, a.left = session{}, 0, nil
	then(a)
}
