package snapshot

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// View is the store as it is at one moment, for sending it to another server. Rounds go on meanwhile; what the
// view holds cannot be merged away until it is closed. It belongs to one goroutine at a time.
type View struct {
	s     *Store
	snap  *pebble.Snapshot
	mark  Mark
	bytes int64
}

// View returns a view of the store, which is cheap. If a round runs, part of it is in the view, and the
// view's mark is more fuzzy than the store's. It is an error of class ErrEmpty if no round was ever completed.
// The caller closes the view, before it closes the store.
func (s *Store) View() (*View, error) {
	v := &View{s: s, snap: s.db.NewSnapshot(), bytes: s.Bytes()}
	var err error
	v.mark, _, err = s.readMark(v.snap)
	if err == nil && v.mark.Round == 0 {
		err = fmt.Errorf("%w in %s", ErrEmpty, s.opt.Dir)
	}
	if err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return v, nil
}

// Mark is that of the view. Who receives it needs all transactions after ReplayAfter.
func (v *View) Mark() Mark { return v.mark }

// Bytes is about how large what SendOwn writes is.
func (v *View) Bytes() int64 { return v.bytes }

// Close gives the view up.
func (v *View) Close() error {
	if err := v.snap.Close(); err != nil {
		return fmt.Errorf("snapshot: close a view: %w", err)
	}
	return nil
}

// Bytes is the size of the store's tables, compressed as they are.
func (s *Store) Bytes() (n int64) {
	for _, l := range s.db.Metrics().Levels {
		n += l.TablesSize
	}
	return n
}

// each shows the keys from from up to to, which is not among them, in their order. What visit is given is good
// during the call.
func (s *Store) each(in pebble.Reader, from, to []byte, visit func(key, value []byte) error) (err error) {
	it, err := in.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return s.classify("read", err)
	}
	defer func() { err = errors.Join(err, s.classify("read", it.Close())) }()
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return s.classify("read", err)
		}
		if err := visit(it.Key(), value); err != nil {
			return err
		}
	}
	return s.classify("read", it.Error())
}

// ancestry tells, of one path after another, whether all its ancestors are there. It remembers the last ones,
// so paths in the order of their keys cost one look at the store for each parent.
type ancestry struct {
	s    *Store
	it   *pebble.Iterator
	key  []byte
	good []byte // a path that is there, with all its ancestors
	bad  []byte // a path that is not
}

func (s *Store) newAncestry(in pebble.Reader) (*ancestry, error) {
	it, err := in.NewIter(&pebble.IterOptions{LowerBound: []byte{keyNode}, UpperBound: []byte{keyNode + 1}})
	if err != nil {
		return nil, s.classify("read", err)
	}
	return &ancestry{s: s, it: it, good: []byte("/")}, nil
}

func (a *ancestry) close() error { return a.s.classify("read", a.it.Close()) }

// complete says whether all ancestors of path, which is not the root, are there; the root itself is taken to be.
func (a *ancestry) complete(path []byte) (bool, error) {
	parent := path[:max(bytes.LastIndexByte(path, '/'), 1)]
	if bytes.Equal(parent, a.good) {
		return true, nil
	}
	if bytes.Equal(parent, a.bad) {
		return false, nil
	}
	for end := 1; end < len(parent); {
		if i := bytes.IndexByte(parent[end+1:], '/'); i >= 0 {
			end += 1 + i
		} else {
			end = len(parent)
		}
		if within(a.good, parent[:end]) {
			continue
		}
		a.key = appendNodeKey(a.key[:0], parent[:end])
		if !a.it.SeekGE(a.key) || !bytes.Equal(a.it.Key(), a.key) {
			a.bad = append(a.bad[:0], parent...)
			return false, a.s.classify("read", a.it.Error())
		}
	}
	a.good = append(a.good[:0], parent...)
	return true, nil
}

// within says whether path is p or below it.
func within(path, p []byte) bool {
	return bytes.HasPrefix(path, p) && (len(path) == len(p) || path[len(p)] == '/')
}
