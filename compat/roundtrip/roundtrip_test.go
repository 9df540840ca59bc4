package roundtrip

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"gamekeeper/proto"
	"gamekeeper/server/servertest"
	"gamekeeper/tools/apache"
	"gamekeeper/tree"
)

var extended = tree.Options{ExtendedTypes: true}

func TestApacheToApache(t *testing.T) {
	s := server(t, "apache")
	bulk, requests := size("COMPAT_BULK", 8_000), size("COMPAT_REQUESTS", 9_000)
	clients := load(t, s, bulk, requests)
	before := dumpServer(t, clients[0])
	s.do(t, "kill")
	if dir := os.Getenv("COMPAT_GOLDEN"); dir != "" {
		s.keep(t, dir, before, clients)
		return
	}

	state := importFrom(t, s.dataDir)
	t.Logf("imported %s and %d transactions: %d znodes, %d sessions; %q", filepath.Base(state.Snapshot), state.Transactions,
		state.Tree.Count(), len(state.Sessions), state.Notes)
	if state.Snapshot == "" || state.Transactions == 0 {
		t.Fatal("want a snapshot that was written under load, and a log behind it")
	}
	same(t, "imported", dumpTree(state.Tree), before)
	for _, c := range clients {
		if ms := state.Sessions[c.Session]; ms != int32(c.Timeout.Milliseconds()) {
			t.Fatalf("session %s has a timeout of %d ms, want %v", c.Session, ms, c.Timeout)
		}
	}

	everySnapshot(t, s.dataDir, state)

	if err := os.Rename(s.dataDir, s.dataDir+".original"); err != nil {
		t.Fatal(err)
	}
	files, err := apache.Export(t.Context(), state, s.dataDir, apache.ExportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("exported %v", files)
	again := importFrom(t, s.dataDir)
	same(t, "exported", dumpTree(again.Tree), before)
	if again.Tree.Digest() != state.Tree.Digest() || again.Zxid != state.Zxid {
		t.Fatalf("exported: digest %d at %s, want %d at %s", again.Tree.Digest(), again.Zxid, state.Tree.Digest(), state.Zxid)
	}

	s.do(t, "start")
	s.reattach(t, clients)
	if n := s.metric(t, "zk_digest_mismatches_count"); n != "0" {
		t.Fatalf("Apache found %s digests different", n)
	}
	same(t, "Apache on the export", dumpServer(t, clients[0]), before)
	theOldLivesOn(t, s, clients, before)
}

// everySnapshot imports from older snapshots, as if the newer ones had been lost: the logs lead to the same
// state.
func everySnapshot(t *testing.T, dir string, want *apache.State) {
	files, err := filepath.Glob(filepath.Join(dir, "version-2", "snapshot.*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(files); i += 3 {
		lone := t.TempDir()
		if err := os.Link(files[i], filepath.Join(lone, filepath.Base(files[i]))); err != nil {
			t.Fatal(err)
		}
		state, err := apache.Import(t.Context(), apache.Dirs{Data: lone, Log: dir}, apache.Options{Tree: extended})
		if err != nil {
			t.Fatal(err)
		}
		if state.Tree.Digest() != want.Tree.Digest() || state.Zxid != want.Zxid {
			t.Fatalf("from %s: digest %d at %s, want %d at %s", state.Snapshot, state.Tree.Digest(), state.Zxid, want.Tree.Digest(), want.Zxid)
		}
		same(t, "from "+state.Snapshot, dumpTree(state.Tree), dumpTree(want.Tree))
	}
}

// theOldLivesOn checks that znodes which end by themselves still do, and that all digests of what follows
// fit.
func theOldLivesOn(t *testing.T, s underTest, clients []*servertest.Client, before dump) {
	l := loader{t, clients[0]}
	l.remove("/kinds/container/child")
	if _, err := clients[1].Do(proto.OpCloseSession, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := clients[0].Do(proto.OpExists, servertest.Watch("/kinds/queue/of-0", false)); !errors.Is(err, proto.NoNode) {
		t.Fatalf("ephemeral of a session that was closed: %v", err)
	}
	deadline := time.Now().Add(servertest.Patience)
	for {
		_, err := clients[0].Do(proto.OpExists, servertest.Watch("/kinds/container", false))
		if errors.Is(err, proto.NoNode) {
			break
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("container without children: %v", err)
		}
	}
	f := l.do(proto.OpCreate, servertest.Create("/kinds/queue/s-", nil, proto.PersistentSequential))
	if got, want := f.Decoder().Buffer(), "/kinds/queue/s-0000000013"; !bytes.Equal(got, []byte(want)) {
		t.Fatalf("next in the queue is %s, want %s", got, want)
	}
	after := dumpServer(t, clients[0])
	if _, ok := after["/kinds/ttl"]; !ok || len(after) >= len(before) {
		t.Fatalf("%d znodes, before %d; znode with a time to live is there: %t", len(after), len(before), ok)
	}
	s.do(t, "stop")
	state := importFrom(t, s.dataDir)
	same(t, "imported once more", dumpTree(state.Tree), after)
	var kinds []tree.Kind
	for _, p := range []string{"/kinds/ttl", "/kinds/container never used", "/kinds/ephemeral", "/kinds/null"} {
		n, _ := state.Tree.Lookup([]byte(p))
		kinds = append(kinds, state.Tree.OwnerKind(state.Tree.Meta(n).Owner))
	}
	if !slices.Equal(kinds, []tree.Kind{tree.OwnerTTL, tree.OwnerContainer, tree.OwnerSession, tree.OwnerNone}) {
		t.Fatalf("kinds %v", kinds)
	}
}

func importFrom(t *testing.T, dir string) *apache.State {
	t.Helper()
	state, err := apache.Import(t.Context(), apache.Dirs{Data: dir}, apache.Options{Tree: extended})
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func size(key string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(key)); err == nil {
		return n
	}
	return otherwise
}
