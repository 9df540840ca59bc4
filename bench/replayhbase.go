package bench

import (
	"context"
	"fmt"

	"gamekeeper/proto"
)

// The model of HBase, with replication as versions up to 2 keep it in ZooKeeper, and with regions in transition as
// version 1 does.
//
// The tree: /hbaseid, /master, /meta-region-server; /rs, with a znode of each region server;
// /replication/rs/SERVER/PEER/WAL, a queue for each peer; /region-in-transition.
//
// Every session is a region server, and also does what goes with its work elsewhere, so that the shares of requests do
// not depend on how fast reads are beside writes. Each thread ships logs to a peer: it creates the znode of a log,
// writes the position in it, of 12 bytes, 50 times, and then deletes the znode of the log before. For every five
// positions a client of HBase comes, which reads /hbaseid, /meta-region-server and /master. After each log a region
// moves: a znode of 150 bytes in /region-in-transition is created, read with a watch, written twice under the version
// that was seen, and deleted. After each region the master lists region servers, regions in transition and the queues
// of replication, with watches where HBase sets them.

const (
	hbasePositions     = 50 // that are written for each log
	hbaseClientEach    = 5  // positions
	hbasePositionBytes = 12
	hbaseRegionBytes   = 150
	hbaseMetaBytes     = 60
)

type hbase struct{ root string }

func prepareHBase(ctx context.Context, r *runner, root string) (func(conn, actors int) []*actor, error) {
	h := &hbase{root}
	o := r.options
	levels := [][]string{
		{root + "/hbaseid", root + "/master", root + "/meta-region-server", root + "/rs", root + "/replication", root + "/region-in-transition"},
		{root + "/replication/rs"}, nil, nil,
	}
	for conn := range o.Connections {
		levels[1] = append(levels[1], fmt.Sprintf("%s/rs/server-%05d", root, conn))
		levels[2] = append(levels[2], fmt.Sprintf("%s/replication/rs/server-%05d", root, conn))
		for peer := range o.Outstanding {
			levels[3] = append(levels[3], h.queue(conn, peer))
		}
	}
	for _, paths := range levels {
		if err := r.growPaths(ctx, paths); err != nil {
			return nil, err
		}
	}
	for _, path := range levels[0][:3] {
		if err := r.grove.control.set([]byte(path), filler(hbaseMetaBytes)); err != nil {
			return nil, fmt.Errorf("cannot set %s: %w", path, err)
		}
	}
	return h.session, nil
}

// queue returns the path of the logs that a region server ships to a peer.
func (h *hbase) queue(conn, peer int) string {
	return fmt.Sprintf("%s/replication/rs/server-%05d/%d", h.root, conn, peer)
}

// session returns the threads of a process.
func (h *hbase) session(conn, n int) []*actor {
	actors := make([]*actor, n)
	for i := range actors {
		actors[i] = h.thread(conn, i)
	}
	return actors
}

// reads are steps that read some znodes in turn.
func (h *hbase) reads(kind Kind, op proto.Op, watch bool, paths ...string) (steps []step) {
	for _, path := range paths {
		p := []byte(h.root + path)
		steps = append(steps, step{kind: kind, op: op, body: func(b []byte) []byte { return appendRead(b, p, watch) }})
	}
	return steps
}

// hbaseThread is the state of an actor.
type hbaseThread struct {
	actor    *actor
	queue    []byte
	regions  []byte
	log      int   // number of the last one
	position int   // how often it was written
	version  int32 // of the region in transition
	path     []byte
}

func (t *hbaseThread) logPath(n int) []byte {
	t.path = append(append(t.path[:0], t.queue...), "/wal."...)
	t.path = appendDigits(t.path, n, seqDigits)
	return t.path
}

func (t *hbaseThread) regionPath() []byte {
	t.path = append(t.path[:0], t.regions...)
	t.path = appendDigits(t.path, t.log, seqDigits)
	return t.path
}

// thread ships logs and moves regions.
func (h *hbase) thread(conn, peer int) *actor {
	t := &hbaseThread{
		actor: &actor{}, queue: []byte(h.queue(conn, peer)),
		regions: fmt.Appendf(nil, "%s/region-in-transition/%05d%07d", h.root, conn, peer),
	}
	position := filler(hbasePositionBytes)
	const ship, look, retire = 1, 2, 5
	t.actor.steps = []step{
		{kind: KindCreate, op: proto.OpCreate, body: func(b []byte) []byte {
			return appendCreate(b, t.logPath(t.log), nil, proto.Persistent)
		}, then: func(*proto.Decoder) { t.position = 0 }},
		{kind: KindSet, op: proto.OpSetData, body: func(b []byte) []byte {
			return appendSet(b, t.logPath(t.log), position, -1)
		}, then: func(*proto.Decoder) {
			if t.position++; t.position%hbaseClientEach != 0 {
				t.actor.at = ship
			}
		}},
	}
	lookup := h.reads(KindGet, proto.OpGetData, false, "/hbaseid", "/meta-region-server", "/master")
	lookup[retire-look-1].then = func(*proto.Decoder) {
		switch {
		case t.position < hbasePositions:
			t.actor.at = ship
		case t.log == 0:
			t.actor.at = retire + 1 // there is no log before
		}
	}
	t.actor.steps = append(t.actor.steps, lookup...)
	t.actor.steps = append(t.actor.steps, step{kind: KindDelete, op: proto.OpDelete, body: func(b []byte) []byte {
		return appendDelete(b, t.logPath(t.log-1))
	}, may: proto.NoNode})
	t.actor.steps = append(t.actor.steps, t.move()...)
	t.actor.steps = append(t.actor.steps, h.reads(KindChildren, proto.OpGetChildren2, true, "/rs", "/region-in-transition", "/replication/rs")...)
	// What was lost with a connection may have happened.
	t.actor.fresh = func() { t.log++ }
	return t.actor
}

// move is the steps of a region that moves.
func (t *hbaseThread) move() []step {
	region := filler(hbaseRegionBytes)
	write := step{kind: KindSet, op: proto.OpSetData, body: func(b []byte) []byte {
		return appendSet(b, t.regionPath(), region, t.version)
	}, then: func(d *proto.Decoder) { t.version = d.Stat().Version }}
	return []step{
		{kind: KindCreate, op: proto.OpCreate, body: func(b []byte) []byte {
			return appendCreate(b, t.regionPath(), region, proto.Persistent)
		}},
		{kind: KindGet, op: proto.OpGetData, body: func(b []byte) []byte { return appendRead(b, t.regionPath(), true) }, then: func(d *proto.Decoder) {
			d.Buffer()
			t.version = d.Stat().Version
		}},
		write, write,
		{kind: KindDelete, op: proto.OpDelete, body: func(b []byte) []byte { return appendDelete(b, t.regionPath()) },
			then: func(*proto.Decoder) { t.log++ }},
	}
}
