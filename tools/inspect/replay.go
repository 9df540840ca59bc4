package inspect

import (
	"errors"
	"fmt"
	"math"

	"gamekeeper/proto"
	"gamekeeper/snapshot"
	"gamekeeper/tree"
	"gamekeeper/wal"
)

// treeOptions are those of trees that are looked at: owners with a time to live are told from sessions,
// whether the server was allowed to make new ones or not.
var treeOptions = tree.Options{ExtendedTypes: true}

// replay applies the transactions of a log to a tree, and checks it as a restart does.
type replay struct {
	tree     *tree.Tree
	mark     snapshot.Mark // zero Round: it began with an empty tree
	where    string        // the store
	checked  bool          // mark was compared
	sessions map[proto.SessionID]int32
	applied  int64
	compared int64
}

// newReplay returns what a log that begins after base is to be applied to: an empty tree if that is the
// beginning of everything, else the snapshot in dir.
func newReplay(out *output, base proto.Zxid, dir string) (*replay, error) {
	if base == 0 {
		return &replay{tree: tree.New(treeOptions), checked: true}, nil
	}
	s, err := openStore(dir)
	if err != nil {
		return nil, fmt.Errorf("the log begins after zxid %v, so a replay begins with the snapshot: %w", base, err)
	}
	defer s.Close()
	return loadReplay(out, s, base)
}

// loadReplay loads a store. The log reaches back to base.
func loadReplay(out *output, s *snapshot.Store, base proto.Zxid) (*replay, error) {
	mark, _ := s.Mark()
	if base > mark.ReplayAfter {
		return nil, fmt.Errorf("the snapshot in %s is to be replayed after zxid %v, and the log begins only after %v: "+
			"they do not belong together, or a part of the log is lost", s.Dir(), mark.ReplayAfter, base)
	}
	t, sessions, err := s.Load(treeOptions, func(n, total int) { out.meter.at(int64(n), int64(total), "znodes") })
	if err != nil {
		return nil, err
	}
	r := &replay{tree: t, mark: mark, where: s.Dir(), checked: mark.FuzzyUntil == mark.ReplayAfter}
	r.sessions = make(map[proto.SessionID]int32, len(sessions))
	for _, x := range sessions {
		r.sessions[x.ID] = x.Timeout
	}
	return r, nil
}

// apply applies the next transaction. The error says how the tree differs from what it was.
func (r *replay) apply(t *proto.Txn) error {
	if t.Zxid <= r.mark.ReplayAfter && r.mark.Round > 0 {
		return nil
	}
	if t.Zxid > r.mark.FuzzyUntil {
		if err := r.check(); err != nil {
			return err
		}
	}
	r.tree.Apply(t, nil)
	r.applied++
	switch {
	case r.sessions == nil:
	case t.Type == proto.OpCreateSession:
		r.sessions[t.Session] = t.Body.Timeout
	case t.Type == proto.OpCloseSession:
		delete(r.sessions, t.Session)
	}
	if !r.checked || r.mark.Unverified || !t.HasDigest || t.Digest.Version != proto.DigestVersion {
		return nil
	}
	r.compared++
	if got := r.tree.Digest(); got != t.Digest.Digest {
		return fmt.Errorf("the tree after transaction %v has digest %#x, and the transaction says %#x", t.Zxid, got, t.Digest.Digest)
	}
	return nil
}

// check compares the tree with the mark, once.
func (r *replay) check() error {
	if r.checked {
		return nil
	}
	r.checked = true
	return r.mark.Verify(r.tree)
}

// finish checks that everything was applied that has to be. The log ends with zxid end.
func (r *replay) finish(end proto.Zxid) error {
	if end < r.mark.ReplayAfter {
		return fmt.Errorf("the snapshot needs the log up to %v, and the log ends at %v: the end of the log is lost", r.mark.ReplayAfter, end)
	}
	if r.tree.LastZxid() < r.mark.FuzzyUntil {
		return fmt.Errorf("the snapshot holds effects of transactions up to %v, and the log ends at %v: the end of the log is lost",
			r.mark.FuzzyUntil, r.tree.LastZxid())
	}
	return r.check()
}

// replayStore loads a store and applies the log in logDir, all of it that comes after the mark.
func replayStore(out *output, s *snapshot.Store, logDir string) (*replay, error) {
	in, err := openLog(logDir)
	if err != nil {
		return nil, fmt.Errorf("--replay needs the log, give its directory with --log: %w", err)
	}
	r, err := loadReplay(out, s, in.Base())
	if err != nil {
		return nil, err
	}
	scan := logScan{in: in, out: out, after: r.mark.ReplayAfter, to: math.MaxInt64}
	scan.txn = func(t *proto.Txn, rec *wal.InspectedRecord) error {
		if err := r.apply(t); err != nil {
			d := recordDamage(rec, err)
			return errors.New(damageText(&d))
		}
		return nil
	}
	scan.undecodable = func(rec *wal.InspectedRecord, err error) error {
		d := recordDamage(rec, err)
		return errors.New(damageText(&d))
	}
	scan.segment = func(seg *wal.InspectedSegment) error {
		if seg.Scanned && len(seg.Damage) > 0 || seg.Missing {
			return errors.New(damageText(&seg.Damage[0]))
		}
		return nil
	}
	if err := scan.run(); err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	end := in.Base()
	for _, s := range in.Segments() {
		end = max(end, s.Last)
	}
	if err := r.finish(end); err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	return r, nil
}
