package simulation

import "gamekeeper/proto"

// Operation is one operation of a client on a key, for a checker of linearizability that knows nothing of
// zxids.
type Operation struct {
	Client     int
	Key        string
	Kind       string // "create", "set", "delete" or "read"
	Value      string // written, or read
	Exists     bool   // for a read: there was one
	Code       proto.Code
	Call       int64
	Return     int64
	Known      bool // there was an answer; otherwise it may have been done at any time since, or not
	SyncedRead bool
}

// record notes what came of a request.
func (c *client) record(r *request, a answer, known bool) {
	kind := map[opKind]string{opCreate: "create", opSet: "set", opDelete: "delete", opSync: "read"}[r.kind]
	if kind == "" || isEphemeral(r.path) || !known && r.kind == opSync {
		return
	}
	if a.code == proto.SessionMoved || a.code == proto.SessionExpired {
		return // nothing was done
	}
	o := Operation{Client: c.id, Key: r.path, Kind: kind, Value: r.value, Code: a.code, Call: r.invoked,
		Return: c.sim.now, Known: known}
	if r.kind == opSync {
		o.Value, o.Exists = a.value, a.exists
	}
	c.history = append(c.history, o)
}
