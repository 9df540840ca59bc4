package crashtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gamekeeper/proto"
	"gamekeeper/server/servertest"
)

// node is a znode as the model knows it.
type node struct {
	data      string
	version   int32
	creates   int32 // children ever created: the next sequential child's number
	ephemeral bool
	// Of the transactions that created and last set it; 0 when their replies were not seen.
	czxid, mzxid proto.Zxid
}

// world is the part of the tree that one worker has to itself, and its session.
type world struct {
	nodes map[string]node
	alive bool // the session
}

func newWorld() *world { return &world{nodes: map[string]node{}} }

func (w *world) clone() *world { return &world{nodes: maps.Clone(w.nodes), alive: w.alive} }

// children returns the paths below path, one level, in order.
func (w *world) children(path string) []string {
	var list []string
	for p := range w.nodes {
		if parentOf(p) == path {
			list = append(list, p)
		}
	}
	slices.Sort(list)
	return list
}

func parentOf(path string) string { return path[:strings.LastIndexByte(path, '/')] }

// step is one write, alone or in a multi, or a getData.
type step struct {
	op      proto.Op
	path    string
	data    string
	version int32
	mode    proto.CreateMode
}

func (s step) String() string { return fmt.Sprintf("%s %s (%d, %d)", s.op, s.path, s.mode, s.version) }

func (s step) body() []byte {
	switch s.op {
	case proto.OpCreate:
		return servertest.Create(s.path, []byte(s.data), s.mode)
	case proto.OpSetData:
		return servertest.Set(s.path, []byte(s.data), s.version)
	case proto.OpDelete, proto.OpCheck:
		return servertest.Versioned(s.path, s.version)
	case proto.OpGetData:
		return servertest.Watch(s.path, false)
	}
	panic("no body for " + s.op.String())
}

// request is what a worker sends, with the reply that the model predicts.
type request struct {
	xid   int32
	op    proto.Op
	steps []step // one, unless op is multi; none for closeSession

	code    proto.Code
	results []string // of each step: the path of a create, the data of a getData
	shared  bool     // a set of the znode that all workers write; the model leaves it alone
}

func (r *request) body() []byte {
	switch r.op {
	case proto.OpCloseSession:
		return nil
	case proto.OpMulti:
		var subs []servertest.Sub
		for _, s := range r.steps {
			subs = append(subs, servertest.Sub{Op: s.op, Body: s.body()})
		}
		return servertest.Multi(subs...)
	}
	return r.steps[0].body()
}

// apply executes r under zxid, and returns the code and the results of its steps.
func (w *world) apply(r *request, zxid proto.Zxid) (proto.Code, []string) {
	if r.op == proto.OpCloseSession {
		w.alive = false
		maps.DeleteFunc(w.nodes, func(_ string, n node) bool { return n.ephemeral })
		return proto.OK, nil
	}
	if r.shared {
		return proto.OK, []string{""}
	}
	before := w.nodes
	if len(r.steps) > 1 {
		w.nodes = maps.Clone(before)
	}
	var results []string
	for _, s := range r.steps {
		result, code := w.one(s, zxid)
		if code != proto.OK {
			w.nodes = before
			return code, nil
		}
		results = append(results, result)
	}
	return proto.OK, results
}

// one executes a step, all of it or nothing.
func (w *world) one(s step, zxid proto.Zxid) (string, proto.Code) {
	if s.op == proto.OpCreate {
		return w.create(s, zxid)
	}
	n, ok := w.nodes[s.path]
	switch {
	case !ok:
		return "", proto.NoNode
	case s.op == proto.OpGetData:
		return n.data, proto.OK
	case s.version != -1 && s.version != n.version:
		return "", proto.BadVersion
	}
	switch s.op {
	case proto.OpSetData:
		n.data, n.version, n.mzxid = s.data, n.version+1, zxid
		w.nodes[s.path] = n
	case proto.OpDelete:
		if len(w.children(s.path)) > 0 {
			return "", proto.NotEmpty
		}
		delete(w.nodes, s.path)
	}
	return "", proto.OK
}

func (w *world) create(s step, zxid proto.Zxid) (string, proto.Code) {
	at := parentOf(s.path)
	parent, ok := w.nodes[at]
	if !ok && at != "" {
		return "", proto.NoNode
	}
	path := s.path
	if s.mode.IsSequential() {
		path = fmt.Sprintf("%s%010d", path, parent.creates)
	}
	if _, exists := w.nodes[path]; exists {
		return "", proto.NodeExists
	}
	if at != "" {
		parent.creates++
		w.nodes[at] = parent
	}
	w.nodes[path] = node{data: s.data, ephemeral: s.mode.IsEphemeral(), czxid: zxid, mzxid: zxid}
	return path, proto.OK
}

// differs says how got, which a server showed, differs from the model; "" is not at all. Zxids that the model
// does not know must be later than after, the last one that was answered.
func (w *world) differs(got *world, after proto.Zxid) string {
	if got.alive != w.alive {
		return fmt.Sprintf("session alive: %v, want %v", got.alive, w.alive)
	}
	for path, n := range w.nodes {
		g, ok := got.nodes[path]
		if !ok {
			return path + " is missing"
		}
		known := func(got, want proto.Zxid) bool { return got == want || want == 0 && got > after }
		if !known(g.czxid, n.czxid) || !known(g.mzxid, n.mzxid) {
			return fmt.Sprintf("%s has czxid %s, mzxid %s; want %s, %s", path, g.czxid, g.mzxid, n.czxid, n.mzxid)
		}
		g.czxid, g.mzxid = n.czxid, n.mzxid
		if g != n {
			return fmt.Sprintf("%s is %.60v, want %.60v", path, g, n)
		}
	}
	for path := range got.nodes {
		if _, ok := w.nodes[path]; !ok {
			return path + " should not be there"
		}
	}
	return ""
}
