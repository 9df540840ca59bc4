package snapshot

import (
	"bytes"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"gamekeeper/tree"
)

// What tools read: the znodes as they are in the tables. The snapshot is fuzzy, so this is exactly the tree
// only if Mark's FuzzyUntil and ReplayAfter are the same.

// Get returns the znode at path; false if there is none.
func (s *Store) Get(path []byte) (tree.Stored, bool, error) {
	v, err := s.get(s.db, appendNodeKey(nil, path))
	if err != nil || v == nil {
		return tree.Stored{}, false, err
	}
	st, err := tree.DecodeRecord(v)
	if err != nil {
		return st, false, s.damaged(err)
	}
	return st, true, nil
}

// Children shows the children of the znode at path, in the order of their names, until visit returns false.
// What visit is given is good during the call.
func (s *Store) Children(path []byte, visit func(path []byte, n tree.Stored) bool) error {
	_, err := s.scan(appendBelow(nil, path, 1), visit)
	return err
}

// Nodes shows the znode at path and all below it, parents before children, by depth and then by path, until
// visit returns false. What visit is given is good during the call.
func (s *Store) Nodes(path []byte, visit func(path []byte, n tree.Stored) bool) error {
	n, ok, err := s.Get(path)
	if err != nil || !ok || !visit(path, n) {
		return err
	}
	stopped := false
	for below := 1; ; below++ {
		found, err := s.scan(appendBelow(nil, path, below), func(p []byte, n tree.Stored) bool {
			stopped = !visit(p, n)
			return !stopped
		})
		if err != nil || stopped || found == 0 {
			return err
		}
	}
}

// appendBelow appends what the keys begin with of the znodes so many levels below path.
func appendBelow(b, path []byte, below int) []byte {
	b = append(appendNodePrefix(b, depthOf(path)+below), path...)
	if len(path) > 1 {
		b = append(b, '/')
	}
	return b
}

// scan shows the znodes whose keys begin with prefix, and counts them.
func (s *Store) scan(prefix []byte, visit func(path []byte, n tree.Stored) bool) (found int, err error) {
	to := bytes.Clone(prefix)
	to[len(to)-1]++ // a slash, or the depth if path is the root's: neither is 0xff then
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: to})
	if err != nil {
		return 0, s.classify("read", err)
	}
	defer func() { err = errors.Join(err, s.classify("read", it.Close())) }()
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return found, s.classify("read", err)
		}
		n, err := tree.DecodeRecord(v)
		if err != nil {
			return found, s.damaged(err)
		}
		found++
		if !visit(it.Key()[nodePrefixBytes:], n) {
			return found, nil
		}
	}
	return found, s.classify("read", it.Error())
}
