package apache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

// fails checks that an import is refused, for the reason that the error gives.
func fails(t *testing.T, dirs Dirs, opt Options, want ...string) {
	t.Helper()
	_, err := Import(t.Context(), dirs, opt)
	if err == nil {
		t.Fatalf("imported; want an error with %q", want)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%v: want %q in it", err, w)
		}
	}
}

func put(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

// threeLogs is a server with logs of five transactions each, and a snapshot before each.
func threeLogs(t *testing.T) *fake {
	f := newFake(t.TempDir())
	for range 3 {
		f.write(snapshotName(f.Zxid, Plain), f.snapshot(nil))
		f.plainly(5)
		f.roll(100)
	}
	return f
}

var ext = Options{Tree: extended}

func TestChoiceOfSnapshot(t *testing.T) {
	f := threeLogs(t)
	dirs := Dirs{Data: f.dir}
	sameState(t, importDir(t, f.dir), &f.State)

	put(t, f.dir, "snapshot.ffffffffffffffff", []byte("never read"))
	put(t, f.dir, "snapshot.old", []byte("never read"))
	put(t, f.dir, "snapshot.a", []byte("cut short by a crash"))
	put(t, f.dir, "snapshot.f.gz", nil)
	s := importDir(t, f.dir)
	sameState(t, s, &f.State)
	if filepath.Base(s.Snapshot) != "snapshot.5" || len(s.Notes) != 2 {
		t.Errorf("%s, notes %q", s.Snapshot, s.Notes)
	}

	put(t, f.dir, "snapshot.10", nil)
	fails(t, dirs, ext, "before the snapshot of 0x10 that cannot be read")
	remove(t, f.dir, "snapshot.10")
	remove(t, f.dir, "log.6")
	fails(t, dirs, ext, "log.b: offset 16", "transaction 0xb comes after 0x5")
	for _, name := range []string{"snapshot.0", "snapshot.5", "snapshot.a", "snapshot.f.gz"} {
		put(t, f.dir, name, []byte{0})
	}
	fails(t, dirs, ext, "no snapshot in", "snapshot.0: offset 0")
}

func TestNoSnapshot(t *testing.T) {
	f := threeLogs(t)
	dirs := Dirs{Data: t.TempDir(), Log: f.dir}
	fails(t, dirs, ext, "no snapshot", "snapshot.trust.empty")
	s, err := Import(t.Context(), dirs, Options{Tree: extended, TrustEmpty: true})
	if err != nil {
		t.Fatal(err)
	}
	sameState(t, s, &f.State)
	remove(t, f.dir, "log.1")
	fails(t, dirs, Options{Tree: extended, TrustEmpty: true}, "log.6", "transaction 0x6 comes after")
	fails(t, Dirs{Data: t.TempDir()}, ext, "nothing of Apache ZooKeeper to import")
	fails(t, Dirs{Data: filepath.Join(t.TempDir(), "missing")}, ext, "nothing of Apache ZooKeeper to import")
}

func TestLogsBehindEachOther(t *testing.T) {
	f := threeLogs(t)
	remove(t, f.dir, "snapshot.5")
	remove(t, f.dir, "snapshot.a")
	good, err := os.ReadFile(filepath.Join(f.dir, "log.6"))
	if err != nil {
		t.Fatal(err)
	}
	end := ends(t, good)

	// A record that was cut short and then written again, in the next file.
	next, err := os.ReadFile(filepath.Join(f.dir, "log.b"))
	if err != nil {
		t.Fatal(err)
	}
	torn := append(slices.Clone(good[:end[5]]), next[logHeaderBytes:logHeaderBytes+30]...)
	put(t, f.dir, "log.6", append(torn, make([]byte, 500)...))
	s := importDir(t, f.dir)
	sameState(t, s, &f.State)
	if len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "log.6: offset ") {
		t.Errorf("notes %q", s.Notes)
	}

	// One that was cut short and is missed.
	put(t, f.dir, "log.6", append(slices.Clone(good[:end[4]+30]), make([]byte, 500)...))
	fails(t, Dirs{Data: f.dir}, ext, "log.b: offset 16", "transaction 0xb comes after 0x9", "log.6: offset ")

	// The last ones twice, as a server logs them that had them and not applied when its leader went away: all of them,
	// some of them before the next crash, in the same file and in the next one. Others under the same zxids.
	for from := range 5 {
		put(t, f.dir, "log.6", append(slices.Clone(good[:end[5]]), good[end[from]:]...))
		sameState(t, importDir(t, f.dir), &f.State)
		put(t, f.dir, "log.6", append(slices.Clone(good[:end[5]]), good[end[from]:end[from+1]]...))
		sameState(t, importDir(t, f.dir), &f.State)
	}
	put(t, f.dir, "log.6", good)
	put(t, f.dir, "log.8", append(slices.Clone(good[:end[0]]), good[end[2]:]...))
	sameState(t, importDir(t, f.dir), &f.State)
	remove(t, f.dir, "log.8")
	other := newFake(t.TempDir())
	other.Zxid = 8
	other.do(1, proto.TxnBody{Type: proto.OpError, Err: proto.NoNode})
	put(t, f.dir, "log.6", append(slices.Clone(good[:end[5]]), other.log[logHeaderBytes:]...))
	fails(t, Dirs{Data: f.dir}, ext, "log.6: offset ", "transaction 0x9 comes after transaction 0xa")

	put(t, f.dir, "log.6", good)
	put(t, f.dir, "log.6.fixed", good)
	fails(t, Dirs{Data: f.dir}, ext, "log.6.fixed begin with the same zxid")
}

func TestEpochsOfTheLog(t *testing.T) {
	f := threeLogs(t)
	f.Zxid = proto.MakeZxid(2, 0)
	f.plainly(2)
	f.roll(0)
	sameState(t, importDir(t, f.dir), &f.State)
	f.Zxid = proto.MakeZxid(3, 1)
	f.plainly(1)
	f.roll(0)
	fails(t, Dirs{Data: f.dir}, ext, "log.300000002: offset 16", "transaction 0x300000002 comes after 0x200000002")
}

func TestTTLsAreNotLost(t *testing.T) {
	f := newFake(t.TempDir())
	f.do(1, proto.TxnBody{Type: proto.OpCreateTTL, Path: []byte("/ttl"), TTL: 9, Version: 1})
	f.roll(0)
	fails(t, Dirs{Data: f.dir}, Options{}, "log.1: offset 16", "extendedTypesEnabled=true")
	f.write(snapshotName(f.Zxid, Plain), f.snapshot(nil))
	fails(t, Dirs{Data: f.dir}, Options{}, "snapshot.1: /ttl", "extendedTypesEnabled=true")
	if _, err := Import(t.Context(), Dirs{Data: f.dir}, Options{}); !errors.Is(err, ErrTTL) {
		t.Error(err)
	}
	sameState(t, importDir(t, f.dir), &f.State)

	f = newFake(t.TempDir())
	d := proto.NewDecoder(proto.AppendSubTxn(proto.BeginMultiTxn(nil, 1), &proto.TxnBody{Type: proto.OpCreateTTL, Path: []byte("/ttl"), TTL: 9, Version: 1}))
	f.do(1, d.TxnBody(proto.OpMulti))
	f.roll(0)
	fails(t, Dirs{Data: f.dir}, Options{}, "log.1: offset 16", "extendedTypesEnabled=true")

	// Of 3.5.3.
	f = newFake(t.TempDir())
	f.do(-0x00ff_0000_0000_0005, proto.TxnBody{Type: proto.OpCreate, Path: []byte("/ttl"), Ephemeral: true, Version: 1})
	f.write(snapshotName(f.Zxid, Plain), f.snapshot(nil))
	fails(t, Dirs{Data: f.dir}, ext, "snapshot.1: /ttl", "emulate353TTLNodes=true")
	s, err := Import(t.Context(), Dirs{Data: f.dir}, Options{Tree: tree.Options{ExtendedTypes: true, Emulate353: true}})
	if err != nil || s.Tree.TTLCount() != 1 || s.Tree.EphemeralCount() != 0 {
		t.Errorf("%v", err)
	}
}

func TestEphemeralsWithoutSession(t *testing.T) {
	f := newFake(t.TempDir())
	f.do(7, proto.TxnBody{Type: proto.OpCreate, Path: []byte("/e"), Ephemeral: true, Version: 1})
	f.roll(0)
	s := importDir(t, f.dir)
	if s.Sessions[7] != adoptedTimeout || len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "session 0x7") {
		t.Errorf("%v, %q", s.Sessions, s.Notes)
	}
}

func TestFuzzySnapshotWithoutLog(t *testing.T) {
	f := newFake(t.TempDir())
	f.plainly(3)
	f.roll(0)
	once := false
	f.write("snapshot.3", f.snapshot(func() {
		if !once {
			once = true
			f.plainly(2)
		}
	}))
	fails(t, Dirs{Data: f.dir}, ext, "snapshot.3 was written while transactions went on, up to 0x5", "dataLogDir")
	s, err := Import(t.Context(), Dirs{Data: f.dir}, Options{Tree: extended, AcceptFuzzy: true})
	if err != nil || len(s.Notes) != 1 {
		t.Errorf("%v, %v", s, err)
	}
	f.roll(0)
	sameState(t, importDir(t, f.dir), &f.State)
}

func TestListThatIsNowhere(t *testing.T) {
	f := newFake(t.TempDir())
	f.do(1, proto.TxnBody{Type: proto.OpCreate, Path: []byte("/acl"), ACL: proto.ReadACL, Version: 1})
	f.roll(0)
	b := f.snapshot(nil)
	// The znode names another list than there is.
	key := proto.AppendInt64(proto.AppendBuffer(proto.AppendString(nil, "/acl"), nil), 1)
	at := bytes.Index(b, key)
	if at < 0 {
		t.Fatal("the znode is not found")
	}
	b = b[:at+len(key)]
	b[len(b)-1] = 9
	rest := f.snapshot(nil)[len(b):]
	rest = rest[:len(rest)-lastZxidBytes-20-2*sealBytes]
	b = append(b, rest...)
	b = proto.AppendString(proto.AppendInt64(b, int64(newAdler(b).Sum32())), "/")
	f.write("snapshot.1", b)
	fails(t, Dirs{Data: f.dir}, ext, "snapshot.1: offset 0", "/acl has access control list 9")

	// The log behind it says what it is.
	f.do(1, proto.TxnBody{Type: proto.OpSetACL, Path: []byte("/acl"), ACL: proto.OpenACL, Version: 1})
	f.roll(0)
	sameState(t, importDir(t, f.dir), &f.State)
}

func TestDigestsAreVerified(t *testing.T) {
	f := threeLogs(t)
	f.do(1, proto.TxnBody{Type: proto.OpSetData, Path: []byte("/n3"), Data: []byte("other"), Version: 1})
	f.log = f.log[:logHeaderBytes]
	f.name++
	f.Zxid--
	f.plainly(1) // as if the other had never been: digests differ from now on
	f.name = f.Zxid
	f.roll(0)
	fails(t, Dirs{Data: f.dir}, ext, "log.10: offset 16", "the tree after transaction 0x10 has digest", "digest.enabled=false")
	s, err := Import(t.Context(), Dirs{Data: f.dir}, Options{Tree: extended, SkipDigest: true})
	if err != nil || s.Zxid != f.Zxid {
		t.Error(err)
	}

	b := f.snapshot(nil)
	b = b[:len(b)-lastZxidBytes-20-sealBytes]
	b = proto.AppendTxnDigest(proto.AppendInt64(b, int64(f.Zxid)), proto.TxnDigest{Version: proto.DigestVersion, Digest: 1})
	b = proto.AppendString(proto.AppendInt64(b, int64(newAdler(b).Sum32())), "/")
	f.write("snapshot.10", b)
	fails(t, Dirs{Data: f.dir}, ext, "snapshot.10: offset 0: the tree after the snapshot has digest", "and 1 is stored")
	f.write("snapshot.f", b)
	remove(t, f.dir, "snapshot.10")
	fails(t, Dirs{Data: f.dir}, ext, "snapshot.f: offset 0: the tree after transaction 0x10 has digest", "and 1 is stored")
}

func TestEpochFiles(t *testing.T) {
	last := proto.MakeZxid(5, 9)
	for name, c := range map[string]struct {
		files map[string]string
		want  *Epochs
		err   string
	}{
		"standalone":         {nil, nil, ""},
		"both":               {map[string]string{"currentEpoch": "5", "acceptedEpoch": "6\r\nmore"}, &Epochs{5, 6}, ""},
		"one missing":        {map[string]string{"acceptedEpoch": "6"}, &Epochs{5, 6}, ""},
		"behind":             {map[string]string{"currentEpoch": "4", "acceptedEpoch": "6"}, nil, "currentEpoch: offset 0: current epoch 4"},
		"behind, next known": {map[string]string{"currentEpoch": "4", "currentEpoch.tmp": "5", "acceptedEpoch": "6"}, &Epochs{5, 6}, ""},
		"behind, of 3.4":     {map[string]string{"currentEpoch": "4", "updatingEpoch": "", "acceptedEpoch": "6"}, &Epochs{5, 6}, ""},
		"not accepted":       {map[string]string{"currentEpoch": "5", "acceptedEpoch": "4"}, nil, "acceptedEpoch: offset 0: accepted epoch 4"},
		"no number":          {map[string]string{"currentEpoch": "5 ", "acceptedEpoch": "5"}, nil, `currentEpoch: offset 0: first line "5 "`},
	} {
		dir := t.TempDir()
		for file, text := range c.files {
			put(t, dir, file, []byte(text))
		}
		got, err := readEpochs(dir, last)
		if fmt.Sprint(got) != fmt.Sprint(c.want) || (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestDirectories(t *testing.T) {
	f := threeLogs(t)
	home := t.TempDir()
	version, logs := filepath.Join(home, "data", versionDir), filepath.Join(home, "log", versionDir)
	for _, dir := range []string{version, logs} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	copyFile(t, filepath.Join(f.dir, "snapshot.5"), version)
	for _, name := range []string{"log.6", "log.b"} {
		copyFile(t, filepath.Join(f.dir, name), logs)
	}
	put(t, filepath.Dir(version), myIDFile, []byte("42\n"))
	for _, dirs := range []Dirs{{filepath.Dir(version), filepath.Dir(logs)}, {version, logs}} {
		s, err := Import(t.Context(), dirs, ext)
		if err != nil {
			t.Fatal(err)
		}
		sameState(t, s, &f.State)
		if !s.HasMyID || s.MyID != 42 {
			t.Errorf("myid %d %t", s.MyID, s.HasMyID)
		}
	}
}

// TestImportTracks expects every znode to count as changed, so that a first flush writes all of them.
func TestImportTracks(t *testing.T) {
	f := threeLogs(t)
	for _, opt := range []Options{{TrustEmpty: true}, ext} {
		dirs := Dirs{Data: f.dir}
		if opt.TrustEmpty {
			dirs = Dirs{Data: t.TempDir(), Log: f.dir}
		}
		opt.Tree.Track = true
		s, err := Import(t.Context(), dirs, opt)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := s.Tree.ChangeCount(), s.Tree.Count(); got != want {
			t.Errorf("%d znodes changed, want %d", got, want)
		}
	}
}

// TestElectedWhileItWrote: a server that is elected while it writes a snapshot names zxid 0 of its epoch in the end of the
// file, which is no transaction. The snapshot is whole if the log reaches to the one that its digest is of.
func TestElectedWhileItWrote(t *testing.T) {
	f := newFake(t.TempDir())
	f.plainly(3)
	f.roll(0)
	b := f.snapshot(func() {
		if f.Zxid == 3 {
			f.plainly(2)
		}
	})
	sealed := func(b []byte) []byte {
		return proto.AppendString(proto.AppendInt64(b, int64(newAdler(b).Sum32())), "/")
	}
	elected := func(zxid proto.Zxid) []byte {
		return sealed(proto.AppendInt64(slices.Clone(b[:len(b)-lastZxidBytes]), int64(zxid)))
	}
	f.write("snapshot.3", elected(proto.MakeZxid(1, 0)))
	fails(t, Dirs{Data: f.dir}, ext, "snapshot.3 was written while transactions went on", "the logs in", "end with 0x3")
	f.roll(0)
	sameState(t, importDir(t, f.dir), &f.State)
	f.write("snapshot.3", elected(proto.MakeZxid(1, 1))) // a transaction of which there is no log
	fails(t, Dirs{Data: f.dir}, ext, "snapshot.3 was written while transactions went on, up to 0x100000001")
	bare := b[:len(b)-lastZxidBytes-20-sealBytes]
	f.write("snapshot.3", sealed(proto.AppendInt64(slices.Clone(bare), int64(proto.MakeZxid(1, 0))))) // without a digest
	fails(t, Dirs{Data: f.dir}, ext, "snapshot.3 was written while transactions went on, up to 0x100000000")

	// Right after the election, with no transaction and no log behind it: of the old epoch's end, and of the new one.
	f.write("snapshot.3", elected(proto.MakeZxid(1, 0)))
	f.write("snapshot.5", f.snapshot(nil))
	remove(t, f.dir, "log.1")
	remove(t, f.dir, "log.4")
	sameState(t, importDir(t, f.dir), &f.State)
	last := sealed(proto.AppendInt64(f.snapshot(nil)[:len(f.snapshot(nil))-lastZxidBytes], int64(proto.MakeZxid(1, 0))))
	f.write("snapshot.5", last)
	sameState(t, importDir(t, f.dir), &f.State)
	f.write("snapshot.100000000", last)
	if s := importDir(t, f.dir); s.Zxid != proto.MakeZxid(1, 0) || s.Tree.Digest() != f.Tree.Digest() {
		t.Errorf("imported %s", s.Zxid)
	}
}

// TestInterruptedImport: an import that is interrupted fails, and does not take what it could not read for damage.
func TestInterruptedImport(t *testing.T) {
	f := threeLogs(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var said bytes.Buffer
	opt := ext
	opt.Logger = slog.New(slog.NewTextHandler(&said, nil))
	if _, err := Import(ctx, Dirs{Data: f.dir}, opt); !errors.Is(err, context.Canceled) || said.Len() > 0 {
		t.Errorf("%v, said %q", err, said.String())
	}
	b := &builder{watch: newWatch(ctx, nil)}
	for i := range 3 * watchSteps {
		if err := b.Add(fmt.Appendf(nil, "/%d", i*7919%4096), nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Finish(1); !errors.Is(err, context.Canceled) && !errors.Is(err, tree.ErrLoad) {
		t.Errorf("built a tree: %v", err)
	}
}

// TestSkippedDigestsAreNoted: that the tree differs from what Apache stored is said once.
func TestSkippedDigestsAreNoted(t *testing.T) {
	f := threeLogs(t)
	root, _ := f.Tree.Lookup(nil)
	f.do(1, proto.TxnBody{Type: proto.OpCreate, Path: []byte("/unlogged"), Version: f.Tree.Meta(root).RawCversion + 1})
	f.log, f.Zxid = nil, f.Zxid-1
	f.plainly(3)
	f.roll(0)
	s, err := Import(t.Context(), Dirs{Data: f.dir}, Options{Tree: extended, SkipDigest: true})
	if err != nil || len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "digest.enabled=false") {
		t.Errorf("%v, %+v", err, s)
	}
}
