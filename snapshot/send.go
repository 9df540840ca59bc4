package snapshot

import (
	"encoding/binary"
	"fmt"
	"io"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

// Format is how a snapshot is sent.
type Format uint8

// The formats, which have the numbers of package zab.
const (
	// FormatApache is the stream behind a SNAP packet: see package proto.
	FormatApache Format = iota
	// FormatOwn is the store's own records, packed: see doc.go.
	FormatOwn
)

// Send writes the view in a format.
func (v *View) Send(w io.Writer, f Format) error {
	if f == FormatOwn {
		return v.SendOwn(w)
	}
	return v.SendApache(w)
}

// SendOwn writes the view in FormatOwn. It writes a few hundred KiB at a time, and keeps no more in memory.
func (v *View) SendOwn(w io.Writer) error {
	f, err := newFrameWriter(w)
	if err != nil {
		return err
	}
	records := uint64(0)
	head := make([]byte, 0, 2*binary.MaxVarintLen32)
	err = v.s.each(v.snap, []byte{0}, []byte{0xff}, func(key, value []byte) error {
		if key[0] == keyVersion {
			return nil // the stream has its own
		}
		records++
		head = binary.AppendUvarint(head[:0], uint64(len(key)))
		head = binary.AppendUvarint(head, uint64(len(value)))
		for _, b := range [][]byte{head, key, value} {
			if err := f.add(b); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := f.add(appendStreamEnd(nil, records)); err != nil {
		return err
	}
	return f.flush()
}

// appendStreamEnd ends the records: an empty key, with the number of records as its value.
func appendStreamEnd(b []byte, records uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, 0, 8), records)
}

// SendApache writes the view as Apache's servers do, with what they take for a whole tree: znodes whose parent
// a round missed are left out, as Load leaves them out. The log tells of their end. It keeps the distinct ACL
// lists in memory, and else some tens of KiB.
func (v *View) SendApache(w io.Writer) error {
	a := &apacheWriter{v: v, w: w, keys: map[string]int64{}}
	if err := a.sessions(); err != nil {
		return err
	}
	if err := a.lists(); err != nil {
		return err
	}
	if err := a.nodes(); err != nil {
		return err
	}
	a.buf = proto.AppendString(proto.AppendSnapshotEnd(a.buf), proto.SnapshotSignature)
	return a.flush()
}

// apacheWriter is a SendApache that runs.
type apacheWriter struct {
	v    *View
	w    io.Writer
	buf  []byte
	keys map[string]int64 // of ACL lists
	n    tree.Stored      // the znode at hand
	node proto.SnapshotNode
}

const gatherBytes = 64 << 10

func (a *apacheWriter) flush() error {
	_, err := a.w.Write(a.buf)
	a.buf = a.buf[:0]
	return err
}

func (a *apacheWriter) sessions() error {
	n := 0
	count := func(_, _ []byte) error { n++; return nil }
	from, to := []byte{keySession}, []byte{keySession + 1}
	if err := a.v.s.each(a.v.snap, from, to, count); err != nil {
		return err
	}
	a.buf = proto.AppendInt32(a.buf, int32(n))
	err := a.v.s.each(a.v.snap, from, to, func(key, value []byte) error {
		x, err := decodeSession(key, value)
		if err != nil {
			return a.v.s.damaged(err)
		}
		a.buf = proto.AppendSessionTimeout(a.buf, proto.SessionTimeout{Session: x.ID, Timeout: x.Timeout})
		if len(a.buf) < gatherBytes {
			return nil
		}
		return a.flush()
	})
	if err != nil {
		return err
	}
	return a.flush() // the receiver hears of us before the lists are gathered
}

// each shows the znodes.
func (a *apacheWriter) each(visit func(path []byte, n *tree.Stored) error) error {
	s := a.v.s
	return s.each(a.v.snap, []byte{keyNode}, []byte{keyNode + 1}, func(key, value []byte) error {
		var err error
		a.n, err = tree.DecodeRecord(value)
		if err == nil && len(key) <= nodePrefixBytes {
			err = fmt.Errorf("key %x", key)
		}
		if err != nil {
			return s.damaged(err)
		}
		return visit(key[nodePrefixBytes:], &a.n)
	})
}

// lists writes the table of the ACL lists. They are numbered as they come.
func (a *apacheWriter) lists() error {
	var table []byte
	err := a.each(func(_ []byte, n *tree.Stored) error {
		if string(n.ACLs) == string(proto.OpenACL) {
			return nil
		}
		if _, ok := a.keys[string(n.ACLs)]; !ok {
			key := int64(len(a.keys) + 1)
			a.keys[string(n.ACLs)] = key
			table = proto.AppendSnapshotACL(table, proto.SnapshotACL{Key: key, ACL: n.ACLs})
		}
		return nil
	})
	if err != nil {
		return err
	}
	a.buf = append(proto.AppendInt32(a.buf, int32(len(a.keys))), table...)
	return a.flush()
}

func (a *apacheWriter) nodes() (err error) {
	ancestors, err := a.v.s.newAncestry(a.v.snap)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := ancestors.close(); err == nil {
			err = cerr
		}
	}()
	root := false
	return a.each(func(path []byte, n *tree.Stored) error {
		if len(path) == 1 {
			path, root = path[:0], true // Apache's name of the root
		} else if ok, err := ancestors.complete(path); err != nil || !ok {
			return err
		}
		if !root {
			return a.v.s.damaged(fmt.Errorf("the first znode is %q, not the root", path))
		}
		a.node = proto.SnapshotNode{
			Path: path, Data: n.Data, ACLKey: proto.SnapshotOpenACL,
			StatPersisted: n.Persisted(),
		}
		if key, ok := a.keys[string(n.ACLs)]; ok {
			a.node.ACLKey = key
		}
		if a.buf = proto.AppendSnapshotNode(a.buf, &a.node); len(a.buf) < gatherBytes {
			return nil
		}
		return a.flush()
	})
}

// decodeSession reads a key and a value.
func decodeSession(key, value []byte) (Session, error) {
	if len(key) != sessionKeyBytes || len(value) != 4 {
		return Session{}, fmt.Errorf("session key %x has value %x", key, value)
	}
	return Session{
		proto.SessionID(binary.BigEndian.Uint64(key[1:])), int32(binary.BigEndian.Uint32(value)),
	}, nil
}
