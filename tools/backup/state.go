package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gamekeeper/proto"
	"gamekeeper/snapshot"
	"gamekeeper/tools/progress"
	"gamekeeper/tree"
)

// state is that of a server, as it is rebuilt from a backup.
type state struct {
	tree     *tree.Tree
	sessions map[proto.SessionID]int32 // timeouts in milliseconds
	mark     *snapshot.Mark            // to be asked when its FuzzyUntil is reached; then nil
	last     proto.TxnHeader           // of the last transaction that was applied
	txns     int                       // that were applied
	checked  int                       // digests that were compared
	silent   bool                      // digests say nothing: the snapshot's mark is unverified
}

// loadState loads the snapshot of m from the store in dir.
func loadState(ctx context.Context, m *Manifest, dir string, meter *progress.Meter) (_ *state, err error) {
	opt := tree.Options{ExtendedTypes: m.ExtendedTypes, Emulate353: m.Emulate353}
	st := &state{sessions: map[proto.SessionID]int32{}}
	if m.Mark == nil {
		st.tree = tree.New(opt)
		return st, nil
	}
	store, err := snapshot.Open(snapshot.Options{Dir: dir, ReadOnly: true, Cancel: ctx.Done()})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	mark, _ := store.Mark()
	if got := markOf(mark); *got != *m.Mark {
		return nil, damaged(dir, "its mark is %+v and not %+v", *got, *m.Mark)
	}
	meter.Begin("loading the snapshot", "znodes", int64(mark.Nodes))
	said := 0
	t, sessions, err := store.Load(opt, func(n, _ int) {
		meter.Add(int64(n - said))
		said = n
	})
	if err != nil {
		return nil, err
	}
	st.tree, st.silent = t, mark.Unverified
	for _, s := range sessions {
		st.sessions[s.ID] = s.Timeout
	}
	if mark.ReplayAfter != mark.FuzzyUntil {
		st.mark = &mark // Load has compared an exact one
	}
	return st, nil
}

// apply applies a record; those that the state has had already are passed over. The digest in a transaction
// is compared with that of the tree.
func (st *state) apply(z proto.Zxid, record []byte) error {
	if z <= st.tree.LastZxid() {
		return nil
	}
	txn, err := proto.DecodeTxn(record)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if txn.Zxid != z {
		return fmt.Errorf("%w: log record %s holds transaction %s", ErrDamaged, z, txn.Zxid)
	}
	if st.mark != nil && z > st.mark.FuzzyUntil {
		return fmt.Errorf("%w: the snapshot reaches to zxid %s, which is not in the log", ErrDamaged, st.mark.FuzzyUntil)
	}
	st.tree.Apply(&txn, nil)
	st.txns++
	st.last = txn.TxnHeader
	switch txn.Type {
	case proto.OpCreateSession:
		st.sessions[txn.Session] = txn.Body.Timeout
	case proto.OpCloseSession:
		delete(st.sessions, txn.Session)
	}
	if st.mark != nil {
		if z < st.mark.FuzzyUntil {
			return nil // a state that never was
		}
		mark := st.mark
		st.mark = nil
		if err := mark.Verify(st.tree); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
	if !st.silent && txn.HasDigest && txn.Digest.Version == proto.DigestVersion {
		st.checked++
		if txn.Digest.Digest != st.tree.Digest() {
			return fmt.Errorf("%w: the tree after transaction %s has digest %#x and had %#x", ErrDamaged, z,
				st.tree.Digest(), txn.Digest.Digest)
		}
	}
	return nil
}

// done says whether the state is one that was.
func (st *state) done() error {
	if st.mark != nil {
		return fmt.Errorf("%w: the snapshot reaches to zxid %s, and the log ends at %s", ErrDamaged, st.mark.FuzzyUntil, st.tree.LastZxid())
	}
	return nil
}

// replay applies the records of chunks up to until. Each, which may be nil, is shown them, too.
func (f *folder) replay(ctx context.Context, st *state, series string, chunks []Chunk, until proto.Zxid, meter *progress.Meter,
	each func(z proto.Zxid, record []byte) error) error {
	total := int64(0)
	for _, c := range chunks {
		total += int64(c.Records)
	}
	meter.Begin("replaying the log", "transactions", total)
	for _, c := range chunks {
		if err := ctx.Err(); err != nil {
			return err
		}
		_, err := f.readChunk(series, &c, func(z proto.Zxid, record []byte) error {
			if z > until || z <= st.tree.LastZxid() {
				return nil
			}
			meter.Add(1)
			if each != nil {
				if err := each(z, record); err != nil {
					return err
				}
			}
			if err := st.apply(z, record); err != nil {
				return fmt.Errorf("%s: %w", f.chunk(series, &c), err)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// linkStore makes dir look like the store of m, by symbolic links, so that it can be read where it is.
func (f *folder) linkStore(m *Manifest, dir string) error {
	for _, file := range m.Files {
		target, err := filepath.Abs(f.file(file.SHA256))
		if err != nil {
			return ioError(err)
		}
		if err := os.Symlink(target, filepath.Join(dir, file.Name)); err != nil {
			return ioError(err)
		}
	}
	return nil
}

// withState rebuilds the state of a backup at its end, where the files are, and shows it to fn.
func (f *folder) withState(ctx context.Context, m *Manifest, meter *progress.Meter, fn func(*state) error) (err error) {
	dir, err := os.MkdirTemp("", "gamekeeper-backup-")
	if err != nil {
		return ioError(err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := f.linkStore(m, dir); err != nil {
		return err
	}
	st, err := loadState(ctx, m, dir, meter)
	if err != nil {
		return err
	}
	chunks, err := f.between(m.Series, m.Log, m.replayAfter(), m.Last)
	if err != nil {
		return err
	}
	if err := f.replay(ctx, st, m.Series, chunks, m.Last, meter, nil); err != nil {
		return err
	}
	if err := st.done(); err != nil {
		return err
	}
	return fn(st)
}
