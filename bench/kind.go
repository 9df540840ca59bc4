package bench

import "gamekeeper/proto"

// Kind is a kind of request as reports distinguish them.
type Kind uint8

// The kinds.
const (
	KindSet Kind = iota
	KindGet
	KindCreate
	KindDelete
	KindExists
	KindChildren
	KindMulti
	KindClose
	KindConnect     // until the session has been served
	KindAddWatch    // a persistent one
	KindRemoveWatch // on a znode's data
	KindNotify      // from the request of a change until a watcher is told
	KindAcquire     // of a lock
	KindHandover    // of leadership
	KindItem        // of a queue, from its creation until it is consumed
	KindChange      // of a directory, until all observers know it
	KindSync
	KindACL
	KindMultiread
	KindHeartbeat // of an idle session
	KindUnsent    // a request that was due and that the connection had no room for until the end
	kindCount
)

var kindNames = [kindCount]string{"set", "get", "create", "delete", "exists", "children", "multi", "close",
	"connect", "add watch", "remove watch", "notification", "acquire", "handover", "item", "change",
	"sync", "acl", "multiread", "heartbeat", "not sent"}

// String names the kind as the flags --workload and --mix do.
func (k Kind) String() string { return kindNames[k] }

// bodyBytes is the least and the most that the body of a reply without error to a request of kind k may have, on values
// of such sizes.
func (k Kind) bodyBytes(s *sizes) (low, high int) {
	switch k {
	case KindSet, KindExists:
		return proto.StatBytes, proto.StatBytes
	case KindGet:
		return 4 + s.low + proto.StatBytes, 4 + s.high + proto.StatBytes
	case KindDelete, KindClose:
		return 0, 0
	}
	return 0, replyBytesMax
}
