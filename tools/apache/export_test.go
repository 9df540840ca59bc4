package apache

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

func TestExportOverwritesNothing(t *testing.T) {
	f := threeLogs(t)
	f.MyID, f.HasMyID = 3, true
	for _, name := range []string{"version-2/snapshot.0", "version-2/log.1", "version-2/currentEpoch", "version-2/snapshot.f.tmp", "myid"} {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, versionDir), 0o755); err != nil {
			t.Fatal(err)
		}
		put(t, dir, name, []byte("kept"))
		if _, err := Export(t.Context(), &f.State, dir, ExportOptions{}); err == nil || !strings.Contains(err.Error(), "is there already") {
			t.Errorf("%s: %v", name, err)
		}
		if b, err := os.ReadFile(filepath.Join(dir, name)); string(b) != "kept" || err != nil {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

func TestExportOfAMember(t *testing.T) {
	f := threeLogs(t)
	f.Zxid = proto.MakeZxid(4, 0)
	f.plainly(1)
	f.Epochs = &Epochs{Current: 3, Accepted: 4}
	if _, err := Export(t.Context(), &f.State, t.TempDir(), ExportOptions{}); err == nil {
		t.Error("epochs that do not fit were exported")
	}
	f.Epochs = &Epochs{Current: 4, Accepted: 5}
	f.MyID, f.HasMyID = 3, true
	dir := t.TempDir()
	files, err := Export(t.Context(), &f.State, dir, ExportOptions{Compression: Gzip})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"myid": "3\n", "version-2/currentEpoch": "4", "version-2/acceptedEpoch": "5"}
	for name, text := range want {
		if b, err := os.ReadFile(filepath.Join(dir, name)); string(b) != text || err != nil {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if last := files[len(files)-1]; len(files) != 4 || last != filepath.Join(dir, versionDir, "snapshot.400000001.gz") {
		t.Errorf("%q", files)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*", "*.tmp")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if _, err := Export(t.Context(), &f.State, t.TempDir(), ExportOptions{Compression: Snappy}); err == nil {
		t.Error("want an error about the compression")
	}
}

// TestInterruptedExport leaves nothing that would be in the way of another one.
func TestInterruptedExport(t *testing.T) {
	f := threeLogs(t)
	f.plainly(2 * watchSteps)
	f.Epochs, f.MyID, f.HasMyID = &Epochs{}, 3, true
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if files, err := Export(ctx, &f.State, dir, ExportOptions{}); !errors.Is(err, context.Canceled) || len(files) > 0 {
		t.Fatalf("%q, %v", files, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*", "*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if _, err := Export(t.Context(), &f.State, dir, ExportOptions{}); err != nil {
		t.Error(err)
	}
}

// TestTTLNote: who takes the files is told of znodes that an Apache server would delete, whether or not this server was
// told to recognise them.
func TestTTLNote(t *testing.T) {
	for _, opt := range []tree.Options{{}, {ExtendedTypes: true}, {ExtendedTypes: true, Emulate353: true}} {
		f := newFake(t.TempDir())
		f.Tree = tree.New(opt)
		f.do(1, proto.TxnBody{Type: proto.OpCreateSession, Timeout: 4000})
		f.do(1, proto.TxnBody{Type: proto.OpCreate, Path: []byte("/e"), Ephemeral: true, Version: 1})
		if note := f.TTLNote(opt); note != "" {
			t.Errorf("%+v: %s", opt, note)
		}
		f.do(1, proto.TxnBody{Type: proto.OpCreateTTL, Path: []byte("/ttl"), TTL: 9, Version: 2})
		note := f.TTLNote(opt)
		if !strings.Contains(note, "zookeeper.extendedTypesEnabled=true") || strings.Contains(note, "emulate353") != opt.Emulate353 {
			t.Errorf("%+v: %q", opt, note)
		}
	}
}
