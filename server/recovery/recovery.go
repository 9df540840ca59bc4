package recovery

import (
	"errors"
	"fmt"

	"gamekeeper/proto"
	"gamekeeper/snapshot"
	"gamekeeper/tree"
)

// ErrDiverged says that the tree is not what the log or the snapshot say it was.
var ErrDiverged = errors.New("the tree differs from what was recorded")

// Options of a recovery.
type Options struct {
	Tree tree.Options
	// SkipDigests leaves the digests in the log, and that of the snapshot, unread (digest.enabled=false).
	SkipDigests bool
	// Progress is told of znodes loaded, now and then; nil is not.
	Progress func(n, total int)
}

// Recovery is the state as far as it has been rebuilt.
type Recovery struct {
	Tree     *tree.Tree
	Sessions map[proto.SessionID]int32 // persisted timeouts in milliseconds, of those that have not ended
	Mark     snapshot.Mark             // zero: there was no snapshot

	// What the log added to the snapshot.
	Begun []snapshot.Session
	Ended []proto.SessionID
	Txns  int
	Bytes int64

	opts  Options
	paths [][]byte // of a batch
}

// Load reads the snapshot of store, or begins with an empty tree when no round was ever completed.
func Load(store *snapshot.Store, opts Options) (*Recovery, error) {
	r := &Recovery{Sessions: map[proto.SessionID]int32{}, opts: opts}
	mark, ok := store.Mark()
	if !ok {
		r.Tree = tree.New(opts.Tree)
		return r, nil
	}
	r.Mark = mark
	t, sessions, err := store.Load(opts.Tree, opts.Progress)
	if err != nil {
		return nil, err
	}
	r.Tree = t
	for _, s := range sessions {
		r.Sessions[s.ID] = s.Timeout
	}
	return r, nil
}

// apply applies a transaction of the log.
func (r *Recovery) apply(txn *proto.Txn) error {
	r.Tree.Apply(txn, nil)
	switch txn.Type {
	case proto.OpCreateSession:
		r.Sessions[txn.Session] = txn.Body.Timeout
		r.Begun = append(r.Begun, snapshot.Session{ID: txn.Session, Timeout: txn.Body.Timeout})
	case proto.OpCloseSession:
		delete(r.Sessions, txn.Session)
		r.Ended = append(r.Ended, txn.Session)
	}
	r.Txns++
	return r.compare(txn)
}

// compare compares the tree with what the transaction, and the mark of the snapshot, say of it. Before the
// snapshot's reach the tree is a state that never was, and nothing can be said.
func (r *Recovery) compare(txn *proto.Txn) error {
	if r.opts.SkipDigests || r.Mark.Unverified || txn.Zxid < r.Mark.FuzzyUntil {
		return nil
	}
	if txn.Zxid == r.Mark.FuzzyUntil {
		if err := r.Mark.Verify(r.Tree); err != nil {
			return fmt.Errorf("%w: %w", ErrDiverged, err)
		}
	}
	if txn.HasDigest && txn.Digest.Version == proto.DigestVersion && txn.Digest.Digest != r.Tree.Digest() {
		return fmt.Errorf("%w: after transaction %s its digest is %d, and the log says %d",
			ErrDiverged, txn.Zxid, r.Tree.Digest(), txn.Digest.Digest)
	}
	return nil
}

// Finish says whether the log went far enough: up to the last zxid whose effects may be in the snapshot.
func (r *Recovery) Finish() error {
	if last := r.Tree.LastZxid(); last < r.Mark.FuzzyUntil {
		return fmt.Errorf("the snapshot needs the log up to zxid %s, and it ends at %s", r.Mark.FuzzyUntil, last)
	}
	return nil
}
