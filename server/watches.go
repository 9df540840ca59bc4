package server

import (
	"bytes"

	"gamekeeper/proto"
)

func (s *Server) addWatch(b []byte, c *conn, d *proto.Decoder) ([]byte, proto.Code) {
	r := d.AddWatch()
	if d.Err() != nil || r.Path == nil {
		return b, proto.MarshallingError
	}
	switch r.Mode {
	case proto.AddWatchPersistent:
		s.watches.AddPersistent(watchPath(r.Path), c)
	case proto.AddWatchPersistentRecursive:
		s.watches.AddRecursive(watchPath(r.Path), c)
	default:
		return b, proto.MarshallingError
	}
	return proto.AppendInt32(b, 0), proto.OK
}

// findWatch serves checkWatches and removeWatches.
func (s *Server) findWatch(b []byte, c *conn, op proto.Op, d *proto.Decoder) ([]byte, proto.Code) {
	r := d.PathType()
	if d.Err() != nil || r.Type < proto.WatcherChildren || r.Type > proto.WatcherPersistentRecursive {
		return b, proto.MarshallingError
	}
	found := false
	if op == proto.OpCheckWatches {
		found = s.watches.Has(r.Path, r.Type, c)
	} else {
		found = s.watches.Remove(r.Path, r.Type, c)
	}
	if !found {
		return b, proto.NoWatcher
	}
	return b, proto.OK
}

// synthesised is the zxid of events that setWatches makes up for changes the client has missed.
const synthesised proto.Zxid = -1

// setWatches gives a client that reconnected its watches back. What has changed since the zxid it has seen
// is told at once, before the reply, and takes the place of the watch.
func (s *Server) setWatches(b []byte, c *conn, xid int32, op proto.Op, d *proto.Decoder) []byte {
	r := d.SetWatches(op)
	h := proto.ReplyHeader{Xid: xid, Zxid: s.tree.LastZxid()}
	if d.Err() != nil {
		h.Err = proto.MarshallingError
		return proto.AppendReply(b, h)
	}
	for _, path := range r.Data {
		switch n, ok := s.tree.Lookup(path); {
		case !ok:
			b = proto.AppendNotification(b, synthesised, proto.NodeDeleted, path)
		case s.tree.Meta(n).Mzxid > r.RelativeZxid:
			b = proto.AppendNotification(b, synthesised, proto.NodeDataChanged, path)
		default:
			s.watches.AddData(watchPath(path), c)
		}
	}
	for _, path := range r.Exist {
		if _, ok := s.tree.Lookup(path); ok {
			b = proto.AppendNotification(b, synthesised, proto.NodeCreated, path)
		} else {
			s.watches.AddData(watchPath(path), c)
		}
	}
	for _, path := range r.Child {
		switch n, ok := s.tree.Lookup(path); {
		case !ok:
			b = proto.AppendNotification(b, synthesised, proto.NodeDeleted, path)
		case s.tree.Meta(n).Pzxid > r.RelativeZxid:
			b = proto.AppendNotification(b, synthesised, proto.NodeChildrenChanged, path)
		default:
			s.watches.AddChild(watchPath(path), c)
		}
	}
	for _, path := range r.Persistent {
		s.watches.AddPersistent(watchPath(path), c)
	}
	for _, path := range r.PersistentRecursive {
		s.watches.AddRecursive(watchPath(path), c)
	}
	return proto.AppendReply(b, h)
}

// Changed implements tree.Sink: connections that watch are told, in the order of the watch table.
func (k *core) Changed(t proto.EventType, path []byte, acl, parentACL proto.ACLs) {
	k.event.acl, k.event.parentACL = acl, parentACL
	k.s.watches.Changed(t, path, k.emit)
}

// notifiedFlush is how many notifications gather until the loops are woken to send them, when one change has many
// watchers: sending takes longer than telling, and can begin before all are told.
const notifiedFlush = 256

// notify sends an event to one connection, unless it may not read what the event is about: for a change of
// children that is the parent.
func (k *core) notify(c *conn, t proto.EventType, path []byte) {
	acl := k.event.acl
	if t == proto.NodeChildrenChanged {
		acl = k.event.parentACL
	}
	if c.dead.Load() || !bytes.Equal(acl, proto.OpenACL) && !k.s.auth.Allowed(acl, proto.PermRead, c.ids()) {
		return
	}
	out := k.begin(c)
	before := len(out)
	out = proto.AppendNotification(out, k.txn.Zxid, t, path)
	k.s.telemetry.core.Sent(1, len(out)-before)
	c.stats.sent.Add(1)
	k.end(c, out)
	if k.notified++; k.notified%notifiedFlush == 0 {
		k.s.net.Flush()
	}
}
