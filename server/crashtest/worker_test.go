package crashtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"gamekeeper/proto"
	"gamekeeper/server/servertest"
)

// sessionTimeout is longer than a round takes on a busy machine: sessions shall not expire.
const sessionTimeout = 10 * time.Minute

// worker is a client with a part of the tree of its own.
type worker struct {
	name   string
	rng    *rand.Rand
	load   *load
	client *servertest.Client // its session, also when the connection is gone

	state   *world     // after all answered requests
	ahead   *world     // after all requests
	flight  []*request // sent and not answered, oldest first
	newest  proto.Zxid // of the answered requests
	counter int        // makes values unique
}

// errGone says that the server does not answer any more, which is not wrong by itself.
var errGone = errors.New("the server is gone")

func newWorker(i int, rng *rand.Rand, l *load) *worker {
	return &worker{name: fmt.Sprintf("w%d", i), rng: rng, load: l, state: newWorld(), ahead: newWorld()}
}

// run sends requests and checks the replies until the server is gone, or does something wrong.
func (w *worker) run(addr string) error {
	for {
		if !w.state.alive {
			c, err := servertest.Connect(addr, sessionTimeout)
			if err != nil {
				return errGone
			}
			w.client, w.state.alive, w.ahead.alive = c, true, true
		}
		if err := w.work(); err != nil {
			_ = w.client.Close()
			return err
		}
	}
}

// work uses one session until it is closed.
func (w *worker) work() error {
	for w.ahead.alive {
		most := 1 + w.rng.IntN(64)
		for len(w.flight) < most && w.ahead.alive {
			w.send(w.choose())
		}
		if !w.ahead.alive {
			// What comes behind closeSession must not be executed.
			w.client.Send(proto.OpCreate, servertest.Create("/"+w.name+"/behind", nil, proto.Persistent))
		}
		if w.client.Flush() != nil {
			most = 0 // replies may still be on their way
		}
		for least := w.rng.IntN(most + 1); len(w.flight) > least; {
			if err := w.receive(); err != nil {
				return err
			}
		}
	}
	for len(w.flight) > 0 {
		if err := w.receive(); err != nil {
			return err
		}
	}
	rest, err := w.client.Drained()
	if err != nil || len(rest) > 0 {
		return fmt.Errorf("%s: after closeSession: %d replies, %v", w.name, len(rest), err)
	}
	return w.client.Close()
}

// send gathers a request and predicts its reply.
func (w *worker) send(r *request) {
	r.xid = w.client.Send(r.op, r.body())
	r.code, r.results = w.ahead.apply(r, 0)
	w.flight = append(w.flight, r)
	w.load.sent()
}

// receive takes the reply to the oldest request.
func (w *worker) receive() error {
	f, err := w.client.Read()
	if err != nil {
		return errGone
	}
	r := w.flight[0]
	w.flight = w.flight[1:]
	if f.Xid != r.xid {
		return fmt.Errorf("%s: reply to request %d, want one to %d", w.name, f.Xid, r.xid)
	}
	code, results := readResults(r, f)
	if code != r.code || strings.Join(results, " ") != strings.Join(r.results, " ") {
		return fmt.Errorf("%s: %s %s answered %v %.200q, want %v %.200q",
			w.name, r.op, r.steps, code, results, r.code, r.results)
	}
	if f.Zxid < w.newest {
		return fmt.Errorf("%s: zxid %s after %s", w.name, f.Zxid, w.newest)
	}
	w.newest = f.Zxid
	w.state.apply(r, f.Zxid)
	if r.shared {
		w.load.shared.ack(f.Zxid, r.steps[0].data)
	}
	w.load.answered.Add(1)
	return nil
}

// readResults returns the code of a reply, of a multi that of the step that failed, and what else it says.
func readResults(r *request, f servertest.Frame) (proto.Code, []string) {
	if f.Err != proto.OK {
		return f.Err, nil
	}
	d := f.Decoder()
	if r.op != proto.OpMulti {
		var results []string
		for range r.steps {
			switch r.op {
			case proto.OpCreate, proto.OpGetData:
				results = append(results, string(d.Buffer()))
			default:
				results = append(results, "")
			}
		}
		return proto.OK, results
	}
	var results []string
	for {
		h := d.MultiHeader()
		switch {
		case d.Err() != nil:
			return proto.MarshallingError, nil
		case h.Done:
			return proto.OK, results
		case h.Op == proto.OpError:
			if code := proto.Code(d.Int32()); code != proto.OK {
				return code, nil
			}
			continue
		case h.Op == proto.OpCreate:
			results = append(results, string(d.Buffer()))
			continue
		case h.Op == proto.OpSetData:
			d.Stat()
		}
		results = append(results, "")
	}
}

// choose makes the next request.
func (w *worker) choose() *request {
	root := "/" + w.name
	for _, dir := range []string{root, root + "/key", root + "/seq", root + "/eph"} {
		if _, ok := w.ahead.nodes[dir]; !ok {
			return w.single(step{op: proto.OpCreate, path: dir})
		}
	}
	switch n := w.rng.IntN(1000); {
	case n < 300:
		return w.single(w.set())
	case n < 600:
		return w.single(w.write())
	case n < 800:
		r := &request{op: proto.OpMulti}
		for range 2 + w.rng.IntN(4) {
			if w.rng.IntN(5) == 0 {
				key := w.key()
				r.steps = append(r.steps, step{op: proto.OpCheck, path: key, version: w.ahead.nodes[key].version})
			} else {
				r.steps = append(r.steps, w.write())
			}
		}
		return r
	case n < 900:
		return w.single(step{op: proto.OpGetData, path: w.key()})
	case n < 998:
		return &request{op: proto.OpSetData, shared: true,
			steps: []step{{op: proto.OpSetData, path: sharedPath, data: w.load.shared.next(w.name), version: -1}}}
	}
	return &request{op: proto.OpCloseSession}
}

func (w *worker) single(s step) *request { return &request{op: s.op, steps: []step{s}} }

// key names one of a few znodes, which may or may not exist.
func (w *worker) key() string { return fmt.Sprintf("/%s/key/%d", w.name, w.rng.IntN(8)) }

// value is never the same twice.
func (w *worker) value() string {
	w.counter++
	size := w.rng.IntN(200)
	if w.rng.IntN(200) == 0 {
		size = w.rng.IntN(100 << 10) // over many sectors
	}
	return fmt.Sprintf("%s %d ", w.name, w.counter) + strings.Repeat("x", size)
}

// set writes a key, mostly with a version that fits.
func (w *worker) set() step {
	s := step{op: proto.OpSetData, path: w.key(), data: w.value(), version: -1}
	if w.rng.IntN(3) == 0 {
		s.version = w.ahead.nodes[s.path].version + int32(w.rng.IntN(8)/7)
	}
	return s
}

// write is a step of any kind. Steps of a multi do not know of each other, so some multis fail.
func (w *worker) write() step {
	seq, eph := "/"+w.name+"/seq", "/"+w.name+"/eph"
	const childrenMax = 20
	switch n := w.rng.IntN(100); {
	case n < 15:
		return step{op: proto.OpCreate, path: w.key(), data: w.value()}
	case n < 20:
		return step{op: proto.OpDelete, path: w.key(), version: -1}
	case n < 45:
		if old := w.ahead.children(seq); len(old) > childrenMax {
			return step{op: proto.OpDelete, path: old[0], version: -1}
		}
		return step{op: proto.OpCreate, path: seq + "/n-", data: w.value(), mode: proto.PersistentSequential}
	case n < 65:
		if old := w.ahead.children(eph); len(old) > childrenMax {
			return step{op: proto.OpDelete, path: old[0], version: -1}
		}
		return step{op: proto.OpCreate, path: eph + "/n-", data: w.value(), mode: proto.EphemeralSequential}
	case n < 75:
		return step{op: proto.OpCreate, path: eph + "/one", data: w.value(), mode: proto.Ephemeral}
	case n < 80:
		return step{op: proto.OpDelete, path: eph + "/one", version: -1}
	}
	return w.set()
}
