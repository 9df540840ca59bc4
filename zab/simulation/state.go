package simulation

import (
	"bytes"
	"maps"
	"slices"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

// state is what transactions make: the tree and the sessions.
type state struct {
	tree     *tree.Tree
	sessions map[proto.SessionID]int32 // timeouts in ms
	applied  proto.Zxid
	// reach is the last zxid that may be in the state although it is applied again: a state that was loaded from
	// a snapshot is that of no zxid until then.
	reach proto.Zxid
}

func newState() *state {
	return &state{tree: tree.New(tree.Options{}), sessions: map[proto.SessionID]int32{}}
}

// apply applies an encoded transaction.
func (s *state) apply(data []byte) (proto.Txn, proto.Code, error) {
	txn, err := proto.DecodeTxn(data)
	if err != nil {
		return txn, 0, err
	}
	code := s.tree.Apply(&txn, nil)
	switch txn.Type {
	case proto.OpCreateSession:
		s.sessions[txn.Session] = txn.Body.Timeout
	case proto.OpCloseSession:
		delete(s.sessions, txn.Session)
	}
	s.applied = txn.Zxid
	return txn, code, nil
}

// read is the value of a key, and whether there is one.
func (s *state) read(path string) (value string, ok bool) {
	n, ok := s.tree.Lookup([]byte(path))
	if !ok {
		return "", false
	}
	return string(s.tree.Data(n)), true
}

// snapshot is a state at rest. It is never changed.
type snapshot struct {
	zxid     proto.Zxid // the log has to be replayed after it
	reach    proto.Zxid // of the state, at or after zxid
	records  []record
	sessions map[proto.SessionID]int32
}

type record struct{ path, data []byte }

// take makes a snapshot of a state that says to replay after mark.
func (s *state) take(mark proto.Zxid) *snapshot {
	sn := &snapshot{zxid: mark, reach: s.applied, sessions: maps.Clone(s.sessions)}
	root, _ := s.tree.Lookup([]byte("/"))
	for level := []tree.NodeID{root}; len(level) > 0; {
		var next []tree.NodeID
		at := len(sn.records)
		for _, n := range level {
			sn.records = append(sn.records, record{s.tree.AppendPath(nil, n), s.tree.AppendRecord(nil, n)})
			for name := range s.tree.Children(n) {
				path := s.tree.AppendPath(nil, n)
				if n != root {
					path = append(path, '/')
				}
				child, _ := s.tree.Lookup(append(path, name...))
				next = append(next, child)
			}
		}
		slices.SortFunc(sn.records[at:], func(a, b record) int { return bytes.Compare(a.path, b.path) })
		level = next
	}
	return sn
}

// load makes the state that a snapshot holds; nil is the state of a server that never ran.
func load(sn *snapshot) (*state, error) {
	if sn == nil {
		return newState(), nil
	}
	l := tree.NewLoader(tree.Options{}, false)
	for _, r := range sn.records {
		if err := l.Add(r.path, r.data); err != nil {
			return nil, err
		}
	}
	t, err := l.Finish(sn.zxid)
	if err != nil {
		return nil, err
	}
	return &state{tree: t, sessions: maps.Clone(sn.sessions), applied: sn.zxid, reach: sn.reach}, nil
}

// hash tells transactions of the same zxid apart.
func hash(data []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, b := range data {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h
}
