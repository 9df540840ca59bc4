package ordering

import "gamekeeper/proto"

// WellFormed says whether body is a record of op's type. A learner asks before it forwards a write: Apache's
// leaders give a write that they cannot decode a zxid which is another's already. Any goroutine may call it.
func WellFormed(op proto.Op, body []byte) bool {
	d := proto.NewDecoder(body)
	switch op {
	case proto.OpCloseSession:
		return true
	case proto.OpMulti:
		for {
			if _, more, ok := nextOfMulti(&d); !more {
				return ok
			}
		}
	case proto.OpReconfig:
		for range 3 { // joining, leaving and new servers
			d.Buffer()
		}
		d.Int64()
		return d.Err() == nil
	}
	s := subRequest{op: op}
	return s.read(&d)
}

// CreatesEphemeral says whether a well-formed write creates an ephemeral znode, which a session that only its own
// server knows cannot own.
func CreatesEphemeral(op proto.Op, body []byte) bool {
	d := proto.NewDecoder(body)
	switch op {
	case proto.OpCreate, proto.OpCreate2, proto.OpCreateCont, proto.OpCreateTTL:
		return d.CreateRequest(op).Mode.IsEphemeral()
	case proto.OpMulti:
		for {
			s, more, _ := nextOfMulti(&d)
			if !more {
				return false
			}
			if s.create.Mode.IsEphemeral() {
				return true
			}
		}
	}
	return false
}
