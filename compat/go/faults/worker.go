package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"gamekeeper/compat/client"
)

// dialPatience is how long a worker waits for one server before it tries another.
const dialPatience = 500 * time.Millisecond

// burst is how many appends are on their way at once, at most.
const burst = 16

// fate is what has become of a session.
type fate string

const (
	living    fate = "living"
	expired   fate = "expired"   // a server said so
	abandoned fate = "abandoned" // its client went silent
	closed    fate = "closed"    // a server said so
)

// ephemeral tells whether an ephemeral should be there while its session lives.
type ephemeral string

const (
	present   ephemeral = "present"
	absent    ephemeral = "absent"
	uncertain ephemeral = "uncertain"
)

// sessionRecord is what a worker knows of one of its sessions.
type sessionRecord struct {
	id         int64
	fate       fate
	ephemerals map[string]ephemeral
}

// worker is a client with one session at a time, which it takes from server to server. Only its own goroutine uses
// it until the round's workers have ended.
type worker struct {
	id      int
	round   *round
	rng     *rand.Rand
	timeout time.Duration // of its sessions
	dies    bool          // drops its last session in the end without a word

	conn     *client.Conn
	conns    int
	session  client.Session
	sessions []*sessionRecord
	serial   int
	seen     map[string]int32 // versions
	appended [][]*operation   // the appends of each connection, in order
}

// run works until the context ends.
func (w *worker) run(ctx context.Context) {
	for ctx.Err() == nil {
		if w.attach(ctx) {
			w.step()
		}
		pace(ctx, time.Duration(w.rng.IntN(4000))*time.Microsecond)
	}
}

// pace waits, so that histories stay small enough to check.
func pace(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

func (w *worker) attached() bool {
	if w.conn == nil {
		return false
	}
	select {
	case <-w.conn.Ended():
		return false
	default:
		return true
	}
}

// attach sees to it that the worker has a connection, by one attempt with some server.
func (w *worker) attach(ctx context.Context) bool {
	if w.attached() {
		return true
	}
	if w.conn != nil {
		w.session, w.conn = w.conn.Session(), nil
	}
	w.session.Timeout = w.timeout
	addrs := w.round.addrs
	ctx, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	conn, err := client.Dial(ctx, addrs[w.rng.IntN(len(addrs))], w.session)
	if errors.Is(err, client.ErrExpired) {
		w.record().fate = expired
		w.session = client.Session{}
		return false
	}
	if err != nil {
		return false
	}
	w.conn = conn
	w.conns++
	w.appended = append(w.appended, nil)
	if id := conn.Session().ID; w.session.ID != id {
		w.sessions = append(w.sessions, &sessionRecord{id: id, fate: living, ephemerals: map[string]ephemeral{}})
	}
	return true
}

// record returns the worker's newest session; nil before the first.
func (w *worker) record() *sessionRecord {
	if len(w.sessions) == 0 {
		return nil
	}
	return w.sessions[len(w.sessions)-1]
}

func (w *worker) begin(k kind, path, value string, want int32) *operation {
	return w.round.history.begin(operation{client: w.id, session: w.record().id, conn: w.conns, kind: k, path: path, value: value, want: want})
}

// value returns one that nobody else writes.
func (w *worker) value() string {
	w.serial++
	return strconv.Itoa(w.id) + "-" + strconv.Itoa(w.serial)
}

// step does one thing.
func (w *worker) step() {
	key := w.round.key(w.rng)
	want := int32(-1)
	if v, ok := w.seen[key]; ok && w.rng.IntN(3) == 0 {
		want = v
	}
	switch n := w.rng.IntN(100); {
	case n < 35:
		w.write(w.begin(opSet, key, w.value(), want))
	case n < 47:
		w.write(w.begin(opCreate, key, w.value(), -1))
	case n < 53:
		w.write(w.begin(opDelete, key, "", want))
	case n < 78:
		w.get(w.begin(opSyncGet, key, "", -1))
	case n < 88:
		w.get(w.begin(opGet, key, "", -1))
	case n < 93:
		w.append(1 + w.rng.IntN(burst))
	case n < 99:
		w.ephemeral()
	default:
		w.conn.Drop() // and go on elsewhere
	}
}

// write sends one write to a key and waits.
func (w *worker) write(o *operation) {
	var err error
	switch o.kind {
	case opSet:
		o.stat, err = w.conn.Set(o.path, []byte(o.value), o.want)
		o.zxid = o.stat.Mzxid
	case opCreate:
		_, o.stat, err = w.conn.Create(o.path, []byte(o.value), client.Persistent)
		o.zxid = o.stat.Czxid
	case opDelete:
		o.zxid, err = w.conn.Delete(o.path, o.want)
	}
	o.finish(w.round.history.now(), err)
	if o.result == succeeded && o.kind != opDelete {
		w.seen[o.path] = o.stat.Version
	}
}

// get reads a key; the sync before it, if there is one, is sent without waiting for its reply.
func (w *worker) get(o *operation) {
	var first *client.Call
	if o.kind == opSyncGet {
		first = w.conn.Start(client.OpSync, client.Body{}.String(o.path))
	}
	r, err := w.conn.Do(client.OpGetData, client.WatchBody(o.path, false))
	if first != nil {
		if _, failed := first.Wait(); failed != nil {
			err = client.ErrLost
		}
	}
	o.zxid = r.Zxid
	if err == nil {
		o.value, o.stat = string(r.Buffer()), r.Stat()
		w.seen[o.path] = o.stat.Version
	}
	o.finish(w.round.history.now(), err)
}

// append sends several creates without waiting in between.
func (w *worker) append(n int) {
	ops := make([]*operation, n)
	calls := make([]*client.Call, n)
	for i := range ops {
		ops[i] = w.begin(opAppend, fmt.Sprintf("%s/%s", w.round.path("log"), w.value()), "", -1)
		calls[i] = w.conn.Start(client.OpCreate2, client.CreateBody(ops[i].path, nil, client.Persistent))
	}
	for i, o := range ops {
		r, err := calls[i].Wait()
		o.zxid = r.Zxid
		o.finish(w.round.history.now(), err)
	}
	w.appended[len(w.appended)-1] = append(w.appended[len(w.appended)-1], ops...)
}

// ephemeral creates one, or deletes one of the session.
func (w *worker) ephemeral() {
	record := w.record()
	if w.rng.IntN(3) == 0 {
		for path, state := range record.ephemerals {
			if state != present {
				continue
			}
			switch _, err := w.conn.Delete(path, -1); {
			case err == nil:
				record.ephemerals[path] = absent
			case !errors.Is(err, client.ErrUnsent):
				record.ephemerals[path] = uncertain
			}
			return
		}
	}
	path := fmt.Sprintf("%s/%s", w.round.path("ephemerals"), w.value())
	switch _, _, err := w.conn.Create(path, nil, client.Ephemeral); {
	case err == nil:
		record.ephemerals[path] = present
	case !errors.Is(err, client.ErrUnsent):
		record.ephemerals[path] = uncertain
	}
}

// settle finds out what has become of the last session, now that all servers serve, and keeps it if it lives.
func (w *worker) settle(ctx context.Context) error {
	if w.record() == nil {
		return nil
	}
	if w.dies {
		if w.attached() {
			w.conn.Drop()
		}
		if w.record().fate == living {
			w.record().fate = abandoned
		}
		w.conn, w.session = nil, client.Session{}
		return nil
	}
	for w.record().fate == living {
		if w.attach(ctx) && w.conn.Sync("/") == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("client %d neither gets its session %#x back nor is told that it has expired", w.id, w.record().id)
		}
		pace(ctx, 20*time.Millisecond)
	}
	return nil
}

// end closes what settle has kept.
func (w *worker) end() {
	if w.attached() {
		if w.conn.Close() == nil {
			w.record().fate = closed
		}
	}
}
