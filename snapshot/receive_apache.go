package snapshot

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"time"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

// aclBytesMax bounds the ACL table of a received snapshot, which is kept in memory.
const aclBytesMax = 512 << 20

// apacheReader reads the records of Apache's stream. It keeps one in memory, and takes memory for it as its bytes
// arrive.
type apacheReader struct {
	r   io.Reader
	buf []byte // the record at hand
	d   proto.Decoder
	err error
}

// bytes reads n bytes behind the record.
func (a *apacheReader) bytes(n int) {
	const step = 64 << 10
	for n > 0 && a.err == nil {
		k := min(n, step)
		at := len(a.buf)
		a.buf = slices.Grow(a.buf, k)[:at+k]
		if _, err := io.ReadFull(a.r, a.buf[at:]); err != nil {
			a.err = fmt.Errorf("snapshot: receive: %w", noEOF(err))
		}
		n -= k
	}
}

// int32 reads a number behind the record.
func (a *apacheReader) int32() int32 {
	a.bytes(4)
	if a.err != nil {
		return 0
	}
	return int32(binary.BigEndian.Uint32(a.buf[len(a.buf)-4:]))
}

// field reads a buffer or string behind the record. Its length is judged by the decoder.
func (a *apacheReader) field() {
	switch n := a.int32(); {
	case n > receivedRecordMax:
		a.fail("a field of %d bytes", n)
	case n > 0:
		a.bytes(int(n))
	}
}

func (a *apacheReader) fail(format string, args ...any) {
	if a.err == nil {
		a.err = streamError(format, args...)
	}
}

// count reads the number of records that follow.
func (a *apacheReader) count() int32 {
	a.buf = a.buf[:0]
	return a.int32()
}

// decode hands the record to a decoder, and wants it to be used up.
func (a *apacheReader) decode(what string, read func(d *proto.Decoder)) {
	if a.err != nil {
		return
	}
	a.d = proto.NewDecoder(a.buf)
	read(&a.d)
	if err := a.d.Err(); err != nil {
		a.fail("%s: %w", what, err)
	} else if a.d.Len() > 0 {
		a.fail("%s: %d bytes too many", what, a.d.Len())
	}
}

func (a *apacheReader) session() (x proto.SessionTimeout) {
	a.buf = a.buf[:0]
	a.bytes(proto.SessionTimeoutBytes)
	a.decode("session", func(d *proto.Decoder) { x = d.SessionTimeout() })
	return x
}

func (a *apacheReader) list() (l proto.SnapshotACL) {
	a.buf = a.buf[:0]
	a.bytes(8)
	for n := a.int32(); n > 0 && a.err == nil; n-- {
		a.bytes(4)
		a.field()
		a.field()
		if len(a.buf) > aclBytesMax {
			a.fail("an access control list of more than %d bytes", aclBytesMax)
		}
	}
	a.decode("access control list", func(d *proto.Decoder) { l = d.SnapshotACL() })
	return l
}

// nodeTailBytes is what follows the data of a znode: the ACL's key and a StatPersisted.
const nodeTailBytes = 8 + 6*8 + 3*4

// node reads the next znode; ok is false at their end.
func (a *apacheReader) node() (n proto.SnapshotNode, ok bool) {
	a.buf = a.buf[:0]
	a.field()
	if a.err == nil && string(a.buf) != "\x00\x00\x00\x01/" {
		a.field()
		a.bytes(nodeTailBytes)
	}
	a.decode("znode", func(d *proto.Decoder) { n, ok = d.SnapshotNode() })
	return n, ok && a.err == nil
}

// receiveApache reads Apache's stream.
func (b *builder) receiveApache(r io.Reader, zxid proto.Zxid) (Mark, error) {
	a := &apacheReader{r: r}
	var key, value []byte
	for n := a.count(); n > 0 && a.err == nil; n-- {
		x := a.session()
		key = appendSessionKey(key[:0], x.Session)
		value = binary.BigEndian.AppendUint32(value[:0], uint32(x.Timeout))
		if a.err == nil {
			a.err = b.put(key, value)
		}
	}
	lists, size := map[int64]proto.ACLs{}, 0
	for n := a.count(); n > 0 && a.err == nil; n-- {
		l := a.list()
		size += len(l.ACL)
		if _, ok := lists[l.Key]; a.err == nil && (ok || l.Key == proto.SnapshotOpenACL) {
			a.fail("access control list %d comes twice", l.Key)
		} else if size > aclBytesMax {
			a.fail("access control lists of more than %d bytes", aclBytesMax)
		}
		lists[l.Key] = slices.Clone(l.ACL)
	}
	for {
		n, ok := a.node()
		if !ok {
			break
		}
		acl, known := lists[n.ACLKey]
		switch open := n.ACLKey == proto.SnapshotOpenACL; {
		case !known && !open:
			a.fail("znode %q has access control list %d, which was not sent: it was made in this very moment, "+
				"so try again", n.Path, n.ACLKey)
		case (b.nodes == 0) != (len(n.Path) == 0):
			a.fail("znode %q where the root is due, or the root again", n.Path)
		case len(n.Path) == 0 && n.EphemeralOwner != 0: // which no Loader takes
			a.fail("the root has owner %s", n.EphemeralOwner)
		case len(n.Path) > 0 && !validPath(n.Path):
			a.fail("%q cannot be a path", n.Path)
		default:
			a.err = b.apacheNode(&n, acl)
		}
	}
	a.buf = a.buf[:0]
	if a.bytes(4 + len(proto.SnapshotSignature)); a.err == nil && string(a.buf[4:]) != proto.SnapshotSignature {
		a.fail("it ends with %q", a.buf)
	}
	if a.err == nil && b.nodes == 0 {
		a.fail("there is no root")
	}
	if a.err != nil {
		return Mark{}, a.err
	}
	if err := b.checkTree(); err != nil {
		return Mark{}, err
	}
	return Mark{ReplayAfter: zxid, Time: time.UnixMilli(time.Now().UnixMilli()), FuzzyUntil: zxid, Nodes: b.nodes, Unverified: true}, nil
}

// apacheNode copies a znode into the store. Acl is nil for the open list.
func (b *builder) apacheNode(n *proto.SnapshotNode, acl proto.ACLs) error {
	path := n.Path
	if len(path) == 0 {
		path = []byte("/")
	}
	b.key = appendNodeKey(b.key[:0], path)
	b.record = tree.AppendStored(b.record[:0], &tree.Stored{
		Meta: tree.MetaOf(&n.StatPersisted),
		ACLs: acl,
		Data: n.Data,
	})
	return b.node(b.key, b.record)
}

// checkTree wants every znode to have come once, and after its parent as far as that can be told: to have one.
func (b *builder) checkTree() (err error) {
	if err := b.s.commit(); err != nil {
		return err
	}
	ancestors, err := b.s.newAncestry(b.s.db)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := ancestors.close(); err == nil {
			err = cerr
		}
	}()
	found := 0
	err = b.s.each(b.s.db, []byte{keyNode}, []byte{keyNode + 1}, func(key, _ []byte) error {
		found++
		path := key[nodePrefixBytes:]
		if len(path) == 1 {
			return nil
		}
		ok, err := ancestors.complete(path)
		if err == nil && !ok {
			err = streamError("znode %q has no parent", path)
		}
		return err
	})
	if err == nil && found != b.nodes {
		err = streamError("%d znodes came, and only %d paths are different", b.nodes, found)
	}
	return err
}
