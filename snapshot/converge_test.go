package snapshot

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"gamekeeper/proto"
	"gamekeeper/tree"
	"gamekeeper/tree/treetest"
)

// machine is a server with one disk, as simple as it can be: a log that is a list, a tree and a store.
type machine struct {
	rt      *rapid.T
	disk    *vfs.MemFS
	h       *treetest.History
	models  []*treetest.Model // before the first transaction, and after each
	digests map[proto.Zxid]uint64
	durable proto.Zxid // the log surely holds everything up to here

	tr           *tree.Tree
	store        *Store
	sessions     map[proto.SessionID]int32
	begun        []Session
	ended        []proto.SessionID
	spare        *tree.Changes
	old          []*tree.Changes // of rounds that failed
	oldUpTo      proto.Zxid      // when the last of them was taken
	nextSession  proto.SessionID
	full         *tree.Tree // everything applied in order, once
	fullSessions map[proto.SessionID]int32
}

var (
	testTree  = tree.Options{ExtendedTypes: true, Track: true}
	errCrash  = errors.New("crash")
	errGaveUp = errors.New("gave up")
)

func newMachine(rt *rapid.T) *machine {
	m := &machine{
		rt: rt, disk: vfs.NewCrashableMem(), h: treetest.NewHistory(true), digests: map[proto.Zxid]uint64{},
		full: tree.New(testTree), fullSessions: map[proto.SessionID]int32{}, nextSession: 100,
	}
	m.models = append(m.models, cloneModel(m.h.Model))
	m.start()
	return m
}

func (m *machine) open() *Store {
	s, err := Open(Options{
		FS: m.disk, Dir: "snapshot", CompactRatio: rapid.SampledFrom([]float64{0.01, 1, 1000}).Draw(m.rt, "ratio"),
		memTableBytes: 256 << 10, tableBytes: 16 << 10,
		batchBytes: rapid.SampledFrom([]int{1, 1000, 100_000}).Draw(m.rt, "batch"),
	})
	if err != nil {
		m.rt.Fatal(err)
	}
	return s
}

// start recovers from the disk and the log.
func (m *machine) start() {
	m.store = m.open()
	m.load()
}

// load makes tree and sessions of the store and the log.
func (m *machine) load() {
	m.sessions, m.begun, m.ended, m.old, m.spare = map[proto.SessionID]int32{}, nil, nil, nil, nil
	mark, ok := m.store.Mark()
	if !ok {
		m.tr = tree.New(testTree)
	} else {
		var sessions []Session
		var err error
		if m.tr, sessions, err = m.store.Load(testTree, nil); err != nil {
			m.rt.Fatal(err)
		}
		for _, s := range sessions {
			m.sessions[s.ID] = s.Timeout
		}
	}
	for i := range m.h.Txns {
		txn := &m.h.Txns[i]
		if txn.Zxid <= mark.ReplayAfter {
			continue
		}
		m.apply(txn)
		if txn.Zxid == mark.FuzzyUntil {
			if err := mark.Verify(m.tr); err != nil {
				sameTree(m.rt, m.tr, m.replay(i))
				m.rt.Fatal(err)
			}
		}
		if txn.Zxid >= mark.FuzzyUntil && m.tr.Digest() != m.digests[txn.Zxid] {
			m.rt.Fatalf("digest after %s is not what it was", txn.Zxid)
		}
	}
	m.check()
}

// replay returns the tree after transaction i.
func (m *machine) replay(i int) *tree.Tree {
	t := tree.New(testTree)
	for j := range i + 1 {
		t.Apply(&m.h.Txns[j], nil)
	}
	return t
}

func (m *machine) apply(txn *proto.Txn) {
	m.tr.Apply(txn, nil)
	switch txn.Type {
	case proto.OpCreateSession:
		m.sessions[txn.Session] = txn.Body.Timeout
		m.begun = append(m.begun, Session{txn.Session, txn.Body.Timeout})
	case proto.OpCloseSession:
		delete(m.sessions, txn.Session)
		m.ended = append(m.ended, txn.Session)
	}
}

// write draws a transaction and applies it.
func (m *machine) write() {
	var txn proto.Txn
	switch rapid.IntRange(0, 15).Draw(m.rt, "write") {
	case 0:
		txn.Type, txn.Session = proto.OpCreateSession, m.nextSession
		txn.Body.Timeout = int32(rapid.IntRange(1, 9).Draw(m.rt, "timeout"))
		m.nextSession++
		m.log(&txn)
	case 1:
		txn.Type, txn.Session = proto.OpCloseSession, m.nextSession-proto.SessionID(rapid.IntRange(1, 3).Draw(m.rt, "close"))
		m.log(&txn)
	default:
		txn = m.h.Next(m.rt)
	}
	m.applyFull(&txn)
	m.digests[txn.Zxid] = m.full.Digest()
	m.models = append(m.models, cloneModel(m.h.Model))
	m.apply(&txn)
}

func cloneModel(m *treetest.Model) *treetest.Model {
	c := *m
	c.Nodes, c.Quotas = maps.Clone(m.Nodes), maps.Clone(m.Quotas)
	for path, n := range c.Nodes {
		clone := *n
		c.Nodes[path] = &clone
	}
	return &c
}

// truncate restarts, and then learns from a leader that the end of the log, of which nothing is in the snapshot,
// was never committed. Another epoch goes on in its place.
func (m *machine) truncate() {
	m.crash()
	mark, _ := m.store.Mark()
	reached := 0
	for reached < len(m.h.Txns) && m.h.Txns[reached].Zxid <= mark.FuzzyUntil {
		reached++
	}
	keep := rapid.IntRange(reached, len(m.h.Txns)).Draw(m.rt, "keep")
	m.h.Txns, m.models = m.h.Txns[:keep], m.models[:keep+1]
	epoch := m.h.Model.Zxid.Epoch() + 1
	m.h.Model = cloneModel(m.models[keep])
	m.h.Model.Zxid = proto.MakeZxid(epoch, 0)
	m.full, m.fullSessions = tree.New(testTree), map[proto.SessionID]int32{}
	for i := range m.h.Txns {
		m.applyFull(&m.h.Txns[i])
	}
	m.load()
}

// applyFull applies a transaction to what everything in order gives.
func (m *machine) applyFull(txn *proto.Txn) {
	m.full.Apply(txn, nil)
	switch txn.Type {
	case proto.OpCreateSession:
		m.fullSessions[txn.Session] = txn.Body.Timeout
	case proto.OpCloseSession:
		delete(m.fullSessions, txn.Session)
	}
}

func (m *machine) log(txn *proto.Txn) {
	m.h.Model.Zxid++
	txn.Zxid, txn.Body.Type = m.h.Model.Zxid, txn.Type
	m.h.Txns = append(m.h.Txns, *txn)
}

// round runs a flush round with writes between its steps; it may give up or end with a crash.
func (m *machine) round() {
	var lock sync.Mutex
	changes := m.old
	if len(m.old) == 0 || rapid.Bool().Draw(m.rt, "more") { // else the same once more
		changes, m.oldUpTo = append(m.old, m.tr.TakeChanges(m.spare)), m.tr.LastZxid()
		m.spare = nil
	}
	src := Source{
		Tree: m.tr, Lock: &lock, ReplayAfter: m.oldUpTo, Time: time.UnixMilli(7),
		Changes: changes, Begun: m.begun, Ended: m.ended,
		StepNodes: rapid.IntRange(1, 5).Draw(m.rt, "step"),
		Durable:   func(z proto.Zxid) error { m.durable = max(m.durable, z); return nil },
		Pause: func() error {
			switch rapid.IntRange(0, 30).Draw(m.rt, "pause") {
			case 0:
				return errCrash
			case 1:
				return errGaveUp
			case 2, 3, 4, 5, 6:
				for range rapid.IntRange(1, 4).Draw(m.rt, "writes") {
					m.write()
				}
			}
			return nil
		},
	}
	begun, ended := len(m.begun), len(m.ended)
	stats, err := m.store.Round(src)
	switch {
	case errors.Is(err, errCrash):
		m.crash()
	case errors.Is(err, errGaveUp):
		m.old = src.Changes
	case err != nil:
		m.rt.Fatal(err)
	default:
		m.begun, m.ended, m.old = m.begun[begun:], m.ended[ended:], nil
		m.spare = src.Changes[0]
		m.spare.Reset()
		if mark, ok := m.store.Mark(); !ok || mark.ReplayAfter != src.ReplayAfter || mark != stats.Mark {
			m.rt.Fatalf("mark %+v, %t; stats %+v", mark, ok, stats)
		}
	}
}

// crash restarts with what a disk may hold that lost power.
func (m *machine) crash() {
	disk := m.disk.CrashClone(vfs.CrashCloneCfg{
		UnsyncedDataPercent: rapid.SampledFrom([]int{0, 50, 100}).Draw(m.rt, "unsynced"),
		RNG:                 rand.New(rand.NewPCG(rapid.Uint64().Draw(m.rt, "seed"), 1)),
	})
	if err := m.store.Close(); err != nil {
		m.rt.Fatal(err)
	}
	m.disk = disk
	m.start()
}

func (m *machine) check() {
	sameTree(m.rt, m.tr, m.full)
	if !maps.Equal(m.sessions, m.fullSessions) {
		m.rt.Fatalf("sessions %v, want %v", m.sessions, m.fullSessions)
	}
}

// TestConverges lets a server run and crash, at any time, and wants the tree that it recovers to be the one
// that a replay of everything gives.
func TestConverges(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newMachine(rt)
		for range rapid.IntRange(1, 15).Draw(rt, "actions") {
			switch rapid.IntRange(0, 4).Draw(rt, "action") {
			case 0, 1:
				for range rapid.IntRange(1, 20).Draw(rt, "writes") {
					m.write()
				}
			case 2:
				m.round()
			case 3:
				m.crash()
			case 4:
				m.truncate()
			}
		}
		m.check()
		m.crash()
		// What a round at rest writes is exact.
		m.restRound()
		if err := m.store.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}

// restRound runs a round without interference and compares the tables, key by key.
func (m *machine) restRound() {
	var lock sync.Mutex
	if _, err := m.store.Round(Source{
		Tree: m.tr, Lock: &lock, ReplayAfter: m.tr.LastZxid(), Changes: append(m.old, m.tr.TakeChanges(nil)),
		Begun: m.begun, Ended: m.ended,
	}); err != nil {
		m.rt.Fatal(err)
	}
	loaded, sessions, err := m.store.Load(testTree, nil)
	if err != nil {
		m.rt.Fatal(err)
	}
	sameTree(m.rt, loaded, m.full)
	if len(sessions) != len(m.fullSessions) {
		m.rt.Fatalf("%d sessions, want %d", len(sessions), len(m.fullSessions))
	}
	n := 0
	if err := m.store.Nodes([]byte("/"), func([]byte, tree.Stored) bool { n++; return true }); err != nil {
		m.rt.Fatal(err)
	}
	if n != m.full.Count() {
		m.rt.Fatalf("the tables hold %d znodes, the tree %d", n, m.full.Count())
	}
	if n := loaded.ChangeCount(); n > 2 { // the counters of quotas
		m.rt.Fatalf("%d changes after loading an exact snapshot", n)
	}
}

// sameTree compares all that can be seen of two trees.
func sameTree(t rapid.TB, got, want *tree.Tree) {
	t.Helper()
	if g, w := summary(got), summary(want); g != w {
		t.Errorf("tree\n%s, want\n%s", g, w)
	}
	paths := [][]byte{[]byte("/")}
	for len(paths) > 0 {
		p := paths[0]
		paths = paths[1:]
		g, ok := got.Lookup(p)
		w, _ := want.Lookup(p)
		if !ok {
			t.Fatalf("%s is missing", p)
		}
		gm, wm := got.Meta(g), want.Meta(w)
		gm.ACL, wm.ACL = 0, 0
		if gm != wm || got.Stat(g) != want.Stat(w) {
			t.Fatalf("%s: meta\n%+v, want\n%+v", p, gm, wm)
		}
		if gd, wd := got.Data(g), want.Data(w); string(gd) != string(wd) || (gd == nil) != (wd == nil) {
			t.Fatalf("%s: data %.40q, want %.40q", p, gd, wd)
		}
		if string(got.ACL(g)) != string(want.ACL(w)) {
			t.Fatalf("%s: acl %q, want %q", p, got.ACL(g), want.ACL(w))
		}
		for name := range want.Children(w) {
			c := append([]byte{}, p...)
			if len(p) > 1 {
				c = append(c, '/')
			}
			paths = append(paths, append(c, name...))
		}
	}
}

func summary(t *tree.Tree) string {
	var lines []string
	for s, n := range t.EphemeralSessions() {
		lines = append(lines, fmt.Sprintf("session %s owns %d", s, n))
	}
	for q := range t.Quotas() {
		lines = append(lines, fmt.Sprintf("quota %+v", q))
	}
	slices.Sort(lines)
	return fmt.Sprintf("last zxid %s, digest %#x, %d znodes, size %d, %d ephemerals, %d containers, %d with ttl, %q",
		t.LastZxid(), t.Digest(), t.Count(), t.DataSize(), t.EphemeralCount(), t.ContainerCount(), t.TTLCount(), lines)
}

// TestZnodeWithoutParent makes a round write a znode and not its parent, as both are deleted in between. The
// key that stays must not come back with a later parent of that name.
func TestZnodeWithoutParent(t *testing.T) {
	disk := vfs.NewCrashableMem()
	s := mustOpen(t, testOptions(disk, "s"))
	tr := tree.New(tree.Options{Track: true})
	apply(t, tr, proto.OpCreate, "/x", nil)
	apply(t, tr, proto.OpCreate, "/a", nil)
	apply(t, tr, proto.OpDelete, "/x", nil)
	apply(t, tr, proto.OpCreate, "/a/b", []byte("stale")) // has the number of /x, so it comes before /a
	ahead := false
	z := tr.LastZxid()
	if _, err := s.Round(Source{
		Tree: tr, Lock: &sync.Mutex{}, ReplayAfter: z, Changes: []*tree.Changes{tr.TakeChanges(nil)}, StepNodes: 1,
		Pause: func() error {
			if !ahead && s.batch.Len() > 0 && contains(s.buf, "/a/b") {
				ahead = true
				apply(t, tr, proto.OpDelete, "/a/b", nil)
				apply(t, tr, proto.OpDelete, "/a", nil)
			}
			return nil
		},
	}); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.Get([]byte("/a/b")); err != nil || !ok {
		t.Fatalf("the round did not write /a/b: %v", err)
	}
	if _, ok, err := s.Get([]byte("/a")); err != nil || ok {
		t.Fatalf("the round wrote /a: %v", err)
	}

	restart := func() {
		last := tr.LastZxid()
		mustClose(t, s)
		s = mustOpen(t, testOptions(disk, "s"))
		var err error
		if tr, _, err = s.Load(tree.Options{Track: true}, nil); err != nil {
			t.Fatal(err)
		}
		for z := tr.LastZxid() + 1; z <= last; z++ { // the log: what it deletes is gone already
			tr.Apply(&proto.Txn{TxnHeader: proto.TxnHeader{Zxid: z, Type: proto.OpError}}, nil)
		}
	}
	restart()
	apply(t, tr, proto.OpCreate, "/a", nil)
	flush(t, s, tr)
	restart()
	if _, ok := tr.Lookup([]byte("/a/b")); ok {
		t.Error("a deleted znode came back")
	}
	mustClose(t, s)
}

func contains(b []byte, s string) bool { return strings.Contains(string(b), s) }
