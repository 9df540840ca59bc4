package snapshot

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

// testOptions make many small tables.
func testOptions(fs vfs.FS, dir string) Options {
	return Options{FS: fs, Dir: dir, memTableBytes: 256 << 10, tableBytes: 16 << 10, batchBytes: 1 << 10}
}

func mustOpen(tb testing.TB, opt Options) *Store {
	tb.Helper()
	s, err := Open(opt)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func mustClose(tb testing.TB, s *Store) {
	tb.Helper()
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
}

// flush runs a round without interference.
func flush(tb testing.TB, s *Store, t *tree.Tree) Stats {
	tb.Helper()
	stats, err := s.Round(Source{
		Tree: t, Lock: &sync.Mutex{}, ReplayAfter: t.LastZxid(), Time: time.UnixMilli(1_700_000_000_000),
		Changes: []*tree.Changes{t.TakeChanges(nil)}, Begun: []Session{{ID: 7, Timeout: 4000}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return stats
}

// grow creates znodes from number from up to to, a hundred per directory below /load.
func grow(tb testing.TB, t *tree.Tree, from, to int, data []byte) {
	tb.Helper()
	if from == 0 {
		apply(tb, t, proto.OpCreate, "/load", nil)
	}
	for i := from; i < to; i++ {
		if i%100 == 0 {
			apply(tb, t, proto.OpCreate, fmt.Sprintf("/load/dir%07d", i/100), nil)
		}
		apply(tb, t, proto.OpCreate, leaf(i), data)
	}
}

func leaf(i int) string { return fmt.Sprintf("/load/dir%07d/leaf%04d", i/100, i%100) }

func apply(tb testing.TB, t *tree.Tree, op proto.Op, path string, data []byte) {
	tb.Helper()
	z := t.LastZxid() + 1
	txn := proto.Txn{
		TxnHeader: proto.TxnHeader{Zxid: z, Time: 1_700_000_000_000 + int64(z)/1000, Type: op},
		Body:      proto.TxnBody{Type: op, Path: []byte(path), Data: data, ACL: proto.OpenACL, Version: int32(z)},
	}
	if code := t.Apply(&txn, nil); code != proto.OK {
		tb.Fatalf("%v %s: %v", op, path, code)
	}
}
