package server

import (
	"bytes"

	"gamekeeper/proto"
	"gamekeeper/server/auth"
	"gamekeeper/tree"
)

// execute answers a request that is not a write: it appends the reply frame, and what events the request
// synthesises before it, to b. The caller may read the tree: it is a loop that holds its lock of the gate, or
// the core. False says that the connection must be closed when the reply has been sent.
func (s *Server) execute(b []byte, c *conn, xid int32, op proto.Op, body []byte) ([]byte, bool) {
	class := op.Class()
	if class == proto.ClassConn {
		code := s.authenticate(c, op, body)
		return s.appendAuthReply(b, xid, op, code), code == proto.OK
	}
	if !s.auth.Enforced(c.ids()) {
		return proto.AppendReply(b, proto.ReplyHeader{Xid: xid, Err: proto.SessionRequireSASLAuth}), false
	}
	if class != proto.ClassRead {
		return proto.AppendReply(b, proto.ReplyHeader{Xid: xid, Zxid: -1, Err: proto.Unimplemented}), false
	}
	if op == proto.OpPing {
		return proto.AppendReply(b, proto.ReplyHeader{Xid: proto.XidPing, Zxid: s.tree.LastZxid()}), true
	}
	d := proto.NewDecoder(body)
	if op == proto.OpSetWatches || op == proto.OpSetWatches2 {
		return s.setWatches(b, c, xid, op, &d), true
	}
	b, at := proto.BeginFrame(b)
	h := proto.ReplyHeader{Xid: xid, Zxid: s.tree.LastZxid()}
	b = proto.AppendReplyHeader(b, h)
	b, h.Err = s.read(b, c, op, &d)
	if h.Err != proto.OK {
		return proto.AppendReply(b[:at], h), true
	}
	return proto.EndFrame(b, at), true
}

// read appends the body of the reply, unless it returns a code.
func (s *Server) read(b []byte, c *conn, op proto.Op, d *proto.Decoder) ([]byte, proto.Code) {
	switch op {
	case proto.OpGetData, proto.OpExists, proto.OpGetChildren, proto.OpGetChildren2:
		r := d.PathWatch()
		if d.Err() != nil || r.Path == nil {
			return b, proto.MarshallingError
		}
		return s.readNode(b, c, op, r)
	case proto.OpSync:
		path := d.Buffer()
		if d.Err() != nil {
			return b, proto.MarshallingError
		}
		return proto.AppendBuffer(b, path), proto.OK
	case proto.OpGetACL:
		return s.getACL(b, c, d)
	case proto.OpAllChildrenNum:
		return s.allChildrenNumber(b, c, d)
	case proto.OpGetEphemerals:
		return s.getEphemerals(b, c, d)
	case proto.OpMultiRead:
		return s.multiRead(b, c, d)
	case proto.OpWhoAmI:
		return s.whoAmI(b, c), proto.OK
	case proto.OpAddWatch:
		return s.addWatch(b, c, d)
	case proto.OpCheckWatches, proto.OpRemoveWatches:
		return s.findWatch(b, c, op, d)
	}
	return b, proto.Unimplemented
}

// readNode serves the requests that read one znode and may leave a watch on it.
func (s *Server) readNode(b []byte, c *conn, op proto.Op, r proto.PathWatch) ([]byte, proto.Code) {
	if op == proto.OpExists && bytes.IndexByte(r.Path, 0) >= 0 {
		return b, proto.BadArguments
	}
	n, ok := s.tree.Lookup(r.Path)
	if ok && !s.auth.Allowed(s.tree.ACL(n), proto.PermRead, c.ids()) {
		return b, proto.NoAuth
	}
	if r.Watch && (ok || op == proto.OpExists) {
		if op == proto.OpGetChildren || op == proto.OpGetChildren2 {
			s.watches.AddChild(watchPath(r.Path), c)
		} else {
			s.watches.AddData(watchPath(r.Path), c)
		}
	}
	if !ok {
		return b, proto.NoNode
	}
	switch op {
	case proto.OpGetData:
		b = proto.AppendBuffer(b, s.tree.Data(n))
	case proto.OpGetChildren:
		return s.tree.AppendChildren(b, n), proto.OK
	case proto.OpGetChildren2:
		b = s.tree.AppendChildren(b, n)
	}
	return s.tree.AppendStat(b, n), proto.OK
}

// watchPath returns the path that events carry: "" is an alias of the root.
func watchPath(path []byte) []byte {
	if len(path) == 0 {
		return []byte{'/'}
	}
	return path
}

// readable finds the znode named next in d.
func (s *Server) readable(c *conn, d *proto.Decoder, perms int32) (tree.NodeID, proto.Code) {
	path := d.Buffer()
	if d.Err() != nil || path == nil {
		return 0, proto.MarshallingError
	}
	n, ok := s.tree.Lookup(path)
	switch {
	case !ok:
		return 0, proto.NoNode
	case !s.auth.Allowed(s.tree.ACL(n), perms, c.ids()):
		return 0, proto.NoAuth
	}
	return n, proto.OK
}

func (s *Server) getACL(b []byte, c *conn, d *proto.Decoder) ([]byte, proto.Code) {
	n, code := s.readable(c, d, proto.PermRead|proto.PermAdmin)
	if code != proto.OK {
		return b, code
	}
	acl := s.tree.ACL(n)
	if s.auth.Allowed(acl, proto.PermAdmin, c.ids()) {
		b = proto.AppendACLs(b, acl)
	} else {
		b = auth.AppendMasked(b, acl)
	}
	return s.tree.AppendStat(b, n), proto.OK
}

func (s *Server) allChildrenNumber(b []byte, c *conn, d *proto.Decoder) ([]byte, proto.Code) {
	n, code := s.readable(c, d, proto.PermRead)
	if code != proto.OK {
		return b, code
	}
	return proto.AppendInt32(b, int32(s.tree.Descendants(n))), proto.OK
}

func (s *Server) getEphemerals(b []byte, c *conn, d *proto.Decoder) ([]byte, proto.Code) {
	prefix := d.Buffer()
	if d.Err() != nil {
		return b, proto.MarshallingError
	}
	if len(bytes.TrimSpace(prefix)) == 0 || string(prefix) == "/" {
		prefix = nil
	}
	count, at := int32(0), len(b)
	b = proto.AppendInt32(b, 0)
	var path []byte
	if sess := c.session.Load(); sess != nil {
		for n := range s.tree.Ephemerals(sess.ID) {
			path = s.tree.AppendPath(path[:0], n)
			if bytes.HasPrefix(path, prefix) {
				b = proto.AppendBuffer(b, path)
				count++
			}
		}
	}
	proto.AppendInt32(b[:at], count)
	return b, proto.OK
}

func (s *Server) whoAmI(b []byte, c *conn) []byte {
	count, at := int32(0), len(b)
	b = proto.AppendInt32(b, 0)
	for scheme, user := range s.auth.Users(c.ids()) {
		b = proto.AppendBuffer(proto.AppendBuffer(b, scheme), user)
		count++
	}
	proto.AppendInt32(b[:at], count)
	return b
}

// multiReadMax is the length in bytes above which no further read is added to the reply of a multiRead: a small request
// can name the same large znode thousands of times.
const multiReadMax = 64 << 20

// multiRead reads several znodes in one step. A read that fails does not keep the others from being served.
func (s *Server) multiRead(b []byte, c *conn, d *proto.Decoder) ([]byte, proto.Code) {
	start := len(b)
	for {
		if len(b)-start > multiReadMax {
			return b, proto.MarshallingError
		}
		h := d.MultiHeader()
		if d.Err() != nil {
			return b, proto.MarshallingError
		}
		if h.Done {
			return proto.AppendMultiHeader(b, proto.MultiEnd), proto.OK
		}
		if h.Op != proto.OpGetData && h.Op != proto.OpGetChildren {
			return b, proto.MarshallingError
		}
		r := d.PathWatch()
		if d.Err() != nil || r.Path == nil {
			return b, proto.MarshallingError
		}
		r.Watch = false
		at := len(b)
		b = proto.AppendMultiHeader(b, proto.MultiHeader{Op: h.Op})
		var code proto.Code
		if b, code = s.readNode(b, c, h.Op, r); code != proto.OK {
			b = appendSubError(b[:at], code)
		}
	}
}

// appendSubError appends the result of an operation of a multi that failed, or was not executed.
func appendSubError(b []byte, code proto.Code) []byte {
	b = proto.AppendMultiHeader(b, proto.MultiHeader{Op: -1, Err: code})
	return proto.AppendInt32(b, int32(code))
}

// authenticate adds to the connection's identities.
func (s *Server) authenticate(c *conn, op proto.Op, body []byte) proto.Code {
	if op == proto.OpSASL {
		return proto.OK // no mechanism is configured, which an answer without a token says
	}
	d := proto.NewDecoder(body)
	a := d.Auth()
	if d.Err() != nil {
		return proto.AuthFailed
	}
	ids, err := s.auth.Authenticate(c.ids(), a.Scheme, a.Auth)
	if err != nil {
		s.telemetry.authFailed.Add(1)
		s.logger.Warn("authentication failed", "client", c.net.Remote(), "scheme", string(a.Scheme), "error", err)
		return proto.AuthFailed
	}
	c.identities.Store(&ids)
	return proto.OK
}

func (s *Server) appendAuthReply(b []byte, xid int32, op proto.Op, code proto.Code) []byte {
	h := proto.ReplyHeader{Xid: xid, Err: code}
	if op != proto.OpSASL || code != proto.OK {
		return proto.AppendReply(b, h)
	}
	b, at := proto.BeginFrame(b)
	b = proto.AppendReplyHeader(b, h)
	return proto.EndFrame(proto.AppendBuffer(b, nil), at)
}
