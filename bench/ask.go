package bench

import (
	"fmt"

	"gamekeeper/proto"
)

// The methods below send requests of an agent. The loop sends what was asked for in one call of a part at its end,
// and later calls then with the reply. Replies without error are recorded under the kind of request.

// request begins a request behind what is pending.
func (a *agent) request(op proto.Op) (frame []byte, at int) {
	a.xid = nextXid(a.xid)
	frame, at = proto.BeginFrame(a.pending)
	return proto.AppendRequestHeader(frame, a.xid, op), at
}

// send ends what request began.
func (a *agent) send(frame []byte, at int, kind Kind, then func(*agent, *reply)) {
	a.pending = proto.EndFrame(frame, at)
	a.asked = append(a.asked, asked{a.xid, kind, a.home.swarm.clock(), then})
}

func (a *agent) get(path []byte, watch bool, then func(*agent, *reply)) {
	frame, at := a.request(proto.OpGetData)
	a.send(proto.AppendPathWatch(frame, proto.PathWatch{Path: path, Watch: watch}), at, KindGet, then)
}

func (a *agent) exists(path []byte, watch bool, then func(*agent, *reply)) {
	frame, at := a.request(proto.OpExists)
	a.send(proto.AppendPathWatch(frame, proto.PathWatch{Path: path, Watch: watch}), at, KindExists, then)
}

// children asks for the names of children and for the stat.
func (a *agent) children(path []byte, watch bool, then func(*agent, *reply)) {
	frame, at := a.request(proto.OpGetChildren2)
	a.send(proto.AppendPathWatch(frame, proto.PathWatch{Path: path, Watch: watch}), at, KindChildren, then)
}

func (a *agent) create(path, data []byte, mode proto.CreateMode, then func(*agent, *reply)) {
	frame, at := a.request(proto.OpCreate)
	r := proto.CreateRequest{Path: path, Data: data, ACL: proto.OpenACL, Mode: mode}
	a.send(proto.AppendCreateRequest(frame, proto.OpCreate, &r), at, KindCreate, then)
}

func (a *agent) set(path, data []byte, then func(*agent, *reply)) {
	frame, at := a.request(proto.OpSetData)
	a.send(proto.AppendSetData(frame, &proto.SetData{Path: path, Data: data, Version: -1}), at, KindSet, then)
}

func (a *agent) remove(path []byte, then func(*agent, *reply)) {
	frame, at := a.request(proto.OpDelete)
	a.send(proto.AppendPathVersion(frame, proto.PathVersion{Path: path, Version: -1}), at, KindDelete, then)
}

// watchAlways sets a persistent watch on data and children.
func (a *agent) watchAlways(path []byte, then func(*agent, *reply)) {
	frame, at := a.request(proto.OpAddWatch)
	a.send(proto.AppendAddWatch(frame, proto.AddWatch{Path: path, Mode: proto.AddWatchPersistent}), at, KindAddWatch, then)
}

// unwatch removes the watches on the data of a znode.
func (a *agent) unwatch(path []byte, then func(*agent, *reply)) {
	frame, at := a.request(proto.OpRemoveWatches)
	a.send(proto.AppendPathType(frame, proto.PathType{Path: path, Type: proto.WatcherData}), at, KindRemoveWatch, then)
}

// sync waits until the server has what the ensemble had committed before.
func (a *agent) sync(path []byte, then func(*agent, *reply)) {
	frame, at := a.request(proto.OpSync)
	a.send(proto.AppendBuffer(frame, path), at, KindSync, then)
}

// fine is for requests that cannot fail: an error ends the run.
func (a *agent) fine(r *reply, what string) bool {
	if r.code == proto.OK {
		return true
	}
	a.home.swarm.fail(replyError(what, r.code))
	return false
}

// unwatched ends the run: a notification came that nobody asked for.
func (a *agent) unwatched(e proto.WatcherEvent) {
	a.home.swarm.fail(fmt.Errorf("%s: a notification of type %d about %s, which nobody watches", a.serverName(), e.Type, e.Path))
}

// fineOr is fine for requests that are made again, and that a code is expected of if they were done before.
func (a *agent) fineOr(r *reply, code proto.Code, what string) bool {
	return r.code == code || a.fine(r, what)
}
