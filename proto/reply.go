package proto

import "encoding/binary"

// ReplyHeader opens every frame that answers a request, and notifications. A reply whose Err is not OK
// has no body.
type ReplyHeader struct {
	Xid  int32
	Zxid Zxid
	Err  Code
}

// ReplyHeaderBytes is the size of an encoded ReplyHeader.
const ReplyHeaderBytes = 16

// AppendReplyHeader appends h.
func AppendReplyHeader(b []byte, h ReplyHeader) []byte {
	b = AppendInt32(b, h.Xid)
	b = AppendInt64(b, int64(h.Zxid))
	return AppendInt32(b, int32(h.Err))
}

// AppendReply appends a whole frame that has no body.
func AppendReply(b []byte, h ReplyHeader) []byte {
	return AppendReplyHeader(AppendInt32(b, ReplyHeaderBytes), h)
}

// ReplyHeader reads the header.
func (d *Decoder) ReplyHeader() ReplyHeader {
	return ReplyHeader{Xid: d.Int32(), Zxid: Zxid(d.Int64()), Err: Code(d.Int32())}
}

// PutReplyZxid writes zxid into the header of the reply frame that starts at b[at:].
func PutReplyZxid(b []byte, at int, zxid Zxid) {
	binary.BigEndian.PutUint64(b[at+8:], uint64(zxid))
}

// EventType is the kind of a watch event.
type EventType int32

// The events that a server sends.
const (
	NodeCreated         EventType = 1
	NodeDeleted         EventType = 2
	NodeDataChanged     EventType = 3
	NodeChildrenChanged EventType = 4
)

// StateSyncConnected is the state that every event carries.
const StateSyncConnected int32 = 3

// AppendNotification appends a whole notification frame. zxid is that of the transaction that caused
// the event, -1 when setWatches synthesised it.
func AppendNotification(b []byte, zxid Zxid, t EventType, path []byte) []byte {
	b = AppendInt32(b, int32(ReplyHeaderBytes+12+len(path)))
	b = AppendReplyHeader(b, ReplyHeader{XidNotification, zxid, OK})
	b = AppendInt32(b, int32(t))
	b = AppendInt32(b, StateSyncConnected)
	return AppendBuffer(b, path)
}

// WatcherEvent is the body of a notification.
type WatcherEvent struct {
	Type  EventType
	State int32
	Path  []byte
}

// WatcherEvent reads the record.
func (d *Decoder) WatcherEvent() WatcherEvent {
	return WatcherEvent{Type: EventType(d.Int32()), State: d.Int32(), Path: d.Buffer()}
}
