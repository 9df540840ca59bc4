package backup

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gamekeeper/proto"
	"gamekeeper/server/control"
	"gamekeeper/snapshot"
	"gamekeeper/tree"
	"gamekeeper/tree/treetest"
	"gamekeeper/wal"
)

const testSegmentBytes = 64 << 10

var testTree = tree.Options{ExtendedTypes: true}

// rig is a server without clients: it draws a history, logs and applies it, and takes flush rounds.
type rig struct {
	dirs    Dirs
	log     *wal.Log
	durable chan struct{}
	store   *snapshot.Store
	tree    *tree.Tree
	gate    *tree.Gate
	history *treetest.History
	records []record
	// Sessions are numbered from 101 on, so that none begins twice.
	sessions proto.SessionID
	begun    []snapshot.Session
	ended    []proto.SessionID
	now      time.Time // of the wall clock
	fatal    func(format string, args ...any)
}

// record is a transaction of the history.
type record struct {
	z     proto.Zxid
	time  time.Time
	bytes []byte
}

func newRig(dir string, fatal func(string, ...any)) *rig {
	r := &rig{
		dirs: Dirs{Data: filepath.Join(dir, "data"), Log: filepath.Join(dir, "log"), Tree: testTree},
		gate: tree.NewGate(1), history: treetest.NewHistory(true), durable: make(chan struct{}, 1), fatal: fatal,
	}
	opt := testTree
	opt.Track = true
	r.tree = tree.New(opt)
	r.now = time.UnixMilli(1_700_000_000_000).UTC()
	r.open()
	return r
}

func (r *rig) check(err error) {
	if err != nil {
		r.fatal("%v", err)
	}
}

func (r *rig) open() {
	var err error
	r.log, err = wal.Open(wal.Options{Dir: r.dirs.wal(), SegmentBytes: testSegmentBytes, Notify: func() {
		select {
		case r.durable <- struct{}{}:
		default:
		}
	}})
	r.check(err)
	r.store, err = snapshot.Open(snapshot.Options{Dir: r.dirs.store()})
	r.check(err)
}

func (r *rig) close() {
	if r.log != nil {
		r.check(r.log.Close())
		r.check(r.store.Close())
		r.log = nil
	}
}

// step appends and applies n transactions, durably.
func (r *rig) step(rt *rapid.T, n int) {
	for range n {
		txn := r.next(rt)
		r.gate.Lock()
		r.tree.Apply(&txn, nil)
		r.gate.Unlock()
		switch txn.Type {
		case proto.OpCreateSession:
			r.begun = append(r.begun, snapshot.Session{ID: txn.Session, Timeout: txn.Body.Timeout})
		case proto.OpCloseSession:
			r.ended = append(r.ended, txn.Session)
		}
		txn.HasDigest, txn.Digest = true, proto.TxnDigest{Version: proto.DigestVersion, Digest: r.tree.Digest()}
		b := proto.AppendTxn(nil, &txn)
		r.log.Append(txn.Zxid, b)
		r.records = append(r.records, record{txn.Zxid, txnTime(&txn.TxnHeader), b})
		if t := txnTime(&txn.TxnHeader); t.After(r.now) {
			r.now = t
		}
	}
	r.log.Submit()
	for r.log.Durable() < r.log.LastZxid() {
		<-r.durable
		r.check(r.log.Err())
	}
}

// next draws a transaction: sessions that begin and end are not in the history.
func (r *rig) next(rt *rapid.T) proto.Txn {
	kind := rapid.IntRange(0, 9).Draw(rt, "session")
	if kind > 1 {
		return r.history.Next(rt)
	}
	r.history.Model.Zxid++
	txn := proto.Txn{TxnHeader: proto.TxnHeader{Session: 100 + r.sessions, Zxid: r.history.Model.Zxid, Time: r.now.UnixMilli()}}
	if kind == 0 && r.sessions > 0 {
		txn.Session = 100 + proto.SessionID(rapid.Int64Range(1, int64(r.sessions)).Draw(rt, "ends"))
		txn.Type = proto.OpCloseSession
		txn.Body = proto.TxnBody{Type: proto.OpCloseSession}
		return txn
	}
	r.sessions++
	txn.Session++
	txn.Type = proto.OpCreateSession
	txn.Body = proto.TxnBody{Type: proto.OpCreateSession, Timeout: int32(rapid.IntRange(1, 9).Draw(rt, "timeout"))}
	return txn
}

// round takes a flush round, with transactions in the midst of it, so that the snapshot is fuzzy.
func (r *rig) round(rt *rapid.T, meanwhile int) {
	src := snapshot.Source{
		Tree: r.tree, Lock: r.gate.Reader(0), Changes: []*tree.Changes{r.tree.TakeChanges(nil)},
		ReplayAfter: r.tree.LastZxid(), Time: r.now, Begun: r.begun, Ended: r.ended, StepNodes: 3,
	}
	r.begun, r.ended = nil, nil
	src.Pause = func() error {
		if meanwhile > 0 {
			meanwhile--
			r.step(rt, 1)
		}
		return nil
	}
	_, err := r.store.Round(src)
	r.check(err)
}

// want is what a replay of everything up to z gives.
func (r *rig) want(z proto.Zxid) *state {
	st := &state{tree: tree.New(testTree), sessions: map[proto.SessionID]int32{}}
	for _, rec := range r.records {
		if rec.z <= z {
			r.check(st.apply(rec.z, rec.bytes))
		}
	}
	return st
}

// dump is all that can be read of a tree and its sessions.
func dump(t *tree.Tree, sessions map[proto.SessionID]int32) string {
	var b []byte
	b = fmt.Appendf(b, "zxid %s digest %#x count %d size %d ephemerals %d containers %d ttls %d\n", t.LastZxid(), t.Digest(),
		t.Count(), t.DataSize(), t.EphemeralCount(), t.ContainerCount(), t.TTLCount())
	for _, id := range slices.Sorted(maps.Keys(sessions)) {
		b = fmt.Appendf(b, "session %s %d\n", id, sessions[id])
	}
	var visit func(path string)
	visit = func(path string) {
		n, ok := t.Lookup([]byte(path))
		if !ok {
			b = fmt.Appendf(b, "%s is not found\n", path)
			return
		}
		b = fmt.Appendf(b, "%s %+v %q %x\n", path, t.Stat(n), t.Data(n), t.ACL(n))
		var names []string
		for name := range t.Children(n) {
			names = append(names, string(name))
		}
		slices.Sort(names)
		for _, name := range names {
			if path == "/" {
				visit("/" + name)
			} else {
				visit(path + "/" + name)
			}
		}
	}
	visit("/")
	return string(b)
}

// source is the rig as a server in the same process.
func (r *rig) source() *inProcess { return &inProcess{rig: r} }

type inProcess struct {
	rig       *rig
	mu        sync.Mutex
	pins      int
	onLog     func(proto.Zxid) error // called for each record that is read
	afterCopy func()                 // called when a copy of the store was made
}

func (s *inProcess) Checkpoint(_ context.Context, dir string) (control.Checkpoint, error) {
	r := s.rig
	_, has := r.store.Mark()
	if has {
		if err := r.store.Checkpoint(dir); err != nil {
			return control.Checkpoint{}, err
		}
	}
	if s.afterCopy != nil {
		s.afterCopy()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pins++
	return control.Checkpoint{ID: 1, HasSnapshot: has, LogBase: r.log.Base(), Last: r.log.Durable()}, nil
}

func (s *inProcess) Release(uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pins--
	return nil
}

func (s *inProcess) ReadLog(ctx context.Context, after, until proto.Zxid, visit func(proto.Zxid, []byte) error) error {
	return ReadLog(ctx, s.rig.log, after, until, func(z proto.Zxid, b []byte) error {
		if s.onLog != nil {
			if err := s.onLog(z); err != nil {
				return err
			}
		}
		return visit(z, b)
	})
}

func (s *inProcess) Status(context.Context) (control.Status, error) {
	d := s.rig.dirs
	return control.Status{Version: "test", DataDir: d.Data, DataLogDir: d.Log, ExtendedTypes: true}, nil
}

// save takes a backup into a folder.
func (r *rig) save(ctx context.Context, o SaveOptions) SaveResult {
	if o.Source == nil {
		o.Source = r.source()
	}
	o.now = func() time.Time { r.now = r.now.Add(time.Millisecond); return r.now }
	res, err := Save(ctx, o)
	r.check(err)
	return res
}

// load reads directories as a server that starts on them.
func load(dirs Dirs) (_ *state, err error) {
	log, err := wal.Open(wal.Options{Dir: dirs.wal(), SegmentBytes: testSegmentBytes})
	if err != nil {
		return nil, err
	}
	defer log.Close()
	st := &state{tree: tree.New(testTree), sessions: map[proto.SessionID]int32{}}
	after := proto.Zxid(0)
	if _, err := os.Stat(dirs.store()); err == nil {
		store, err := snapshot.Open(snapshot.Options{Dir: dirs.store()})
		if err != nil {
			return nil, err
		}
		defer store.Close()
		t, sessions, err := store.Load(testTree, nil)
		if err != nil {
			return nil, err
		}
		mark, _ := store.Mark()
		st.tree, st.silent, after = t, mark.Unverified, mark.ReplayAfter
		for _, s := range sessions {
			st.sessions[s.ID] = s.Timeout
		}
		if mark.FuzzyUntil != mark.ReplayAfter {
			st.mark = &mark
		}
	}
	if err := log.Replay(after, st.apply); err != nil {
		return nil, err
	}
	return st, st.done()
}

// tempDir makes a directory that ends with the test: in memory, if possible, as syncs are not what is tested.
func tempDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "gamekeeper-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// fewerChecks lowers the number of rapid's checks where each is many openings of a store, unless a flag asks
// for more.
func fewerChecks(t *testing.T, n string) {
	f := flag.Lookup("rapid.checks")
	if f == nil || f.Value.String() != f.DefValue {
		return
	}
	if err := f.Value.Set(n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Value.Set(f.DefValue) })
}

// filesIn lists all files below a directory, with their sizes.
func filesIn(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	files := map[string]int64{}
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			rel, _ := filepath.Rel(dir, p)
			files[rel] = info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
