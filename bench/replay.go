package bench

import (
	"context"
	"fmt"

	"gamekeeper/proto"
)

// A replay is a model of how a system uses ZooKeeper: which requests its processes send, in which order, on which
// trees, with values of which size. It is made from the system's public sources, and is no recording: how often things
// happen is set by how fast the server answers, or by --rate, and what a file says about shares is a guess at a busy
// day. Every connection is the session of one process, and each of its outstanding requests a thread in it.

// replay is the source of one session: its actors take turns, each with one request outstanding at most.
type replay struct {
	actors []*actor
	ready  dues // actors that have something to send: a queue of their numbers
	asked  dues // actors whose replies are due, in order
}

// actor is a thread of a modelled process. It goes through its steps again and again.
type actor struct {
	steps  []step
	at     int    // the step that is next, or whose reply is due
	fresh  func() // forgets what was under way; may be nil
	undone int64  // multis that the server refused
}

// step is one request. The functions live as long as the actor, so that making a request allocates nothing.
type step struct {
	kind Kind
	op   proto.Op
	body func(b []byte) []byte
	// then takes the body of a reply without error; nil takes no interest. It may set the actor's next step, which is
	// the one that follows unless it does.
	then func(d *proto.Decoder)
	may  proto.Code // an error that may well be the answer; then is not called
}

// newReplay makes a source of actors.
func newReplay(actors []*actor) *replay {
	r := &replay{actors: actors}
	for i := range actors {
		r.ready.add(int64(i))
	}
	return r
}

func (r *replay) next(b []byte, xid int32) ([]byte, Kind, bool) {
	if r.ready.count() == 0 {
		return b, 0, false
	}
	n := r.ready.first()
	r.ready.drop()
	r.asked.add(n)
	a := r.actors[n]
	s := &a.steps[a.at]
	b, at := proto.BeginFrame(b)
	b = proto.AppendRequestHeader(b, xid, s.op)
	return proto.EndFrame(s.body(b), at), s.kind, true
}

func (r *replay) hear(_ Kind, code proto.Code, body proto.Decoder) {
	n := r.asked.first()
	r.asked.drop()
	r.ready.add(n)
	r.actors[n].hear(code, &body)
}

func (r *replay) waits() bool { return true }

// hear goes on with the next step, or after an error with the first.
func (a *actor) hear(code proto.Code, d *proto.Decoder) {
	s := &a.steps[a.at]
	refused := code == proto.OK && s.op == proto.OpMulti && !multiDone(*d)
	if refused {
		a.undone++
	}
	if refused || code != proto.OK && code != s.may {
		a.at = 0
		if a.fresh != nil {
			a.fresh()
		}
		return
	}
	if a.at++; a.at == len(a.steps) {
		a.at = 0
	}
	if s.then != nil && code == proto.OK {
		s.then(d)
	}
}

// multiDone reports whether a multi was done. The header of its reply says so even when it was not.
func multiDone(d proto.Decoder) bool { return d.MultiHeader().Op != proto.OpError }

// undone returns the number of multis that the server refused.
func (r *replay) undone() (n int64) {
	for _, a := range r.actors {
		n += a.undone
	}
	return n
}

// replayLoad completes the load of a replay. Prepare makes the tree below root, and returns what makes the actors of
// a connection: so many of them.
func replayLoad(prepare func(ctx context.Context, r *runner, root string) (func(conn, actors int) []*actor, error)) load {
	return load{
		prepare: func(ctx context.Context, r *runner) error {
			root := r.grove.root + "/r"
			if err := r.growPaths(ctx, []string{root}); err != nil {
				return err
			}
			actors, err := prepare(ctx, r, root)
			if err != nil {
				return err
			}
			for conn := range r.fleet.pipes {
				r.replays = append(r.replays, newReplay(actors(conn, r.options.Outstanding)))
			}
			return nil
		},
		// The actors outlive phases: they know what they have made.
		source: func(r *runner, conn int, _ uint64) source { return r.replays[conn] },
	}
}

// replayExpectation allows for what happens in a replay: processes look for what others have deleted.
func replayExpectation() expectation {
	e := expectation{sizes: sizes{high: valueBytesMax}}
	e.tolerated[KindExists], e.tolerated[KindDelete] = proto.NoNode, proto.NoNode
	return e
}

// growPaths makes znodes without values, whose parents exist, with all connections.
func (r *runner) growPaths(ctx context.Context, paths []string) error {
	named := func(b []byte, n int) []byte { return append(b, paths[n]...) }
	if err := r.fleet.each(ctx, proto.NodeExists, spread(named, values{}, len(paths), len(r.fleet.pipes))); err != nil {
		return fmt.Errorf("cannot create the tree of the replay: %w", err)
	}
	return nil
}

// The bodies of requests, for paths that the caller may change once they return.

func appendRead(b, path []byte, watch bool) []byte {
	return proto.AppendPathWatch(b, proto.PathWatch{Path: path, Watch: watch})
}

func appendSet(b, path, data []byte, version int32) []byte {
	return proto.AppendSetData(b, &proto.SetData{Path: path, Data: data, Version: version})
}

func appendCreate(b, path, data []byte, mode proto.CreateMode) []byte {
	return proto.AppendCreateRequest(b, proto.OpCreate, &proto.CreateRequest{Path: path, Data: data, ACL: proto.OpenACL, Mode: mode})
}

func appendDelete(b, path []byte) []byte {
	return proto.AppendPathVersion(b, proto.PathVersion{Path: path, Version: -1})
}

// appendPart begins an operation of a multi.
func appendPart(b []byte, op proto.Op) []byte {
	return proto.AppendMultiHeader(b, proto.MultiHeader{Op: op, Err: -1})
}

// filler returns so many bytes of text, as values of these systems mostly are.
func filler(n int) []byte {
	const text = `{"version":1,"controller_epoch":12,"leader":1003,"leader_epoch":41,"isr":[1003,1001,1002]}`
	b := make([]byte, n)
	for i := range b {
		b[i] = text[i%len(text)]
	}
	return b
}
