package inspect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gamekeeper/proto"
	"gamekeeper/wal"
)

// TestDamageBeforeTheEndOfAScan: what is damaged before --to is told, though the scan ends in the midst of the segment.
func TestDamageBeforeTheEndOfAScan(t *testing.T) {
	dir := t.TempDir()
	s := newTestServer(t, filepath.Join(dir, "data"))
	for _, path := range []string{"/a", "/b", "/c", "/d"} {
		s.do("create " + path + " x")
	}
	s.close()
	in, err := openLog(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	var second wal.InspectedRecord
	err = in.Scan(0, func(r wal.InspectedRecord) error {
		if r.Zxid == proto.MakeZxid(1, 2) {
			second = r
		}
		return nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(second.File)
	if err != nil {
		t.Fatal(err)
	}
	b[second.Offset+second.Bytes/2] ^= 1
	if err := os.WriteFile(second.File, b, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"dump", "stat"} {
		got := run(dir, []string{"log", command, s.dir, "--to", "0x100000003"})
		if !strings.Contains(got, "stderr: damaged: ") || !strings.HasSuffix(got, "exit 1\n") {
			t.Errorf("log %s: %s", command, got)
		}
		if row := "gk-0000000000000001.wal  0x100000001"; command == "stat" && !strings.Contains(got, row) {
			t.Errorf("log stat lacks the segment: %s", got)
		}
	}
}

// TestALogThatEndsTooEarly: a deep check notices a log that ends before what the snapshot needs, as a server does.
func TestALogThatEndsTooEarly(t *testing.T) {
	dir := t.TempDir()
	s := newTestServer(t, filepath.Join(dir, "data"))
	for _, path := range []string{"/a", "/b", "/c", "/d"} {
		s.do("create " + path + " x")
	}
	s.end()
	s.close()
	path := filepath.Join(s.dir, "wal")
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	log, err := wal.Open(wal.Options{Dir: path, SegmentBytes: 16 << 10})
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Reset(proto.MakeZxid(1, 1)); err != nil {
		t.Fatal(err)
	}
	txn := proto.Txn{TxnHeader: proto.TxnHeader{Zxid: proto.MakeZxid(1, 2), Type: proto.OpError}, Body: proto.TxnBody{Type: proto.OpError}}
	log.Append(txn.Zxid, proto.AppendTxn(nil, &txn))
	log.Submit()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"log", "verify", "--deep", s.dir}, {"snapshot", "stat", "--replay", s.dir}} {
		got := run(dir, command)
		if !strings.Contains(got, "needs the log up to 0x100000004, and the log ends at 0x100000002") || !strings.HasSuffix(got, "exit 1\n") {
			t.Errorf("%v: %s", command, got)
		}
	}
}

// TestABackupFolderInADataDirectory is no reason to take the data directory for one.
func TestABackupFolderInADataDirectory(t *testing.T) {
	dir := t.TempDir()
	s := newTestServer(t, filepath.Join(dir, "data"))
	s.do("create /a x")
	s.end()
	s.close()
	if err := os.MkdirAll(filepath.Join(s.dir, "backups", "backups"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := run(dir, []string{"snapshot", "ls", s.dir}); got != "/a\n/zookeeper\n" {
		t.Errorf("listed: %s", got)
	}
}
