package session

import "gamekeeper/proto"

// containerOwner is the ephemeralOwner that marks a container znode, so no session may have it
// (EphemeralType.CONTAINER_EPHEMERAL_OWNER).
const containerOwner = proto.SessionID(-1 << 63)

// FirstID returns the first session id of a server that starts at time ms, as Apache computes it: the
// server in the top byte, below it 40 bits of milliseconds and 16 bits of 0. Ids count up from there, so
// they do not repeat across restarts as long as sessions come slower than 65 per millisecond and the
// clock does not restart; a wall clock is the safer choice, as a monotonic one restarts with the machine.
func FirstID(server proto.ServerID, ms int64) proto.SessionID {
	return proto.SessionID(uint64(server)<<56 | uint64(ms)<<24>>8)
}

// Generator hands out session ids. It belongs to one goroutine.
type Generator struct {
	next proto.SessionID
}

// NewGenerator starts at FirstID(server, ms).
func NewGenerator(server proto.ServerID, ms int64) *Generator {
	return &Generator{next: FirstID(server, ms)}
}

// Next returns a new id: never 0, never the container mark, never one for which inUse is true.
func (g *Generator) Next(inUse func(proto.SessionID) bool) proto.SessionID {
	for {
		id := g.next
		g.next++
		if id != 0 && id != containerOwner && !inUse(id) {
			return id
		}
	}
}
