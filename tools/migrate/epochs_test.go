package migrate

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
	"gamekeeper/server/epoch"
	"gamekeeper/snapshot"
	"gamekeeper/tools/apache"
	"gamekeeper/tree"
)

// apacheData makes the data of an Apache server whose last transaction is of epoch 4.
func apacheData(t *testing.T, epochs *apache.Epochs) string {
	t.Helper()
	tr := tree.New(tree.Options{ExtendedTypes: true})
	z := proto.MakeZxid(4, 7)
	tr.Apply(&proto.Txn{
		TxnHeader: proto.TxnHeader{Zxid: z, Time: 1_700_000_000_000, Type: proto.OpCreate},
		Body:      proto.TxnBody{Type: proto.OpCreate, Path: []byte("/a"), Data: []byte("x"), ACL: proto.OpenACL, Version: 1},
	}, nil)
	dir := t.TempDir()
	state := &apache.State{Tree: tr, Sessions: map[proto.SessionID]int32{}, Zxid: z, Epochs: epochs}
	if _, err := apache.Export(t.Context(), state, dir, apache.ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func place(dir string) Place {
	return Place{Data: dir, Tree: tree.Options{ExtendedTypes: true}}
}

// TestEpochs carries epochs from Apache's files to ours and back.
func TestEpochs(t *testing.T) {
	for _, want := range []*apache.Epochs{nil, {Current: 4, Accepted: 4}, {Current: 5, Accepted: 9}} {
		from := apacheData(t, want)
		to := place(t.TempDir())
		res, err := Import(t.Context(), apache.Dirs{Data: from}, to, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if (res.Epochs == nil) != (want == nil) || want != nil && *res.Epochs != *want {
			t.Errorf("the result has epochs %+v, want %+v", res.Epochs, want)
		}
		file, err := epoch.Open(vfs.Default, to.Data)
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			if _, err := os.Stat(filepath.Join(to.Data, epoch.Name)); !os.IsNotExist(err) || file.Accepted() != 0 {
				t.Errorf("there are epochs: %v", err)
			}
		} else if file.Accepted() != want.Accepted || file.Current() != want.Current {
			t.Errorf("epochs %d and %d, want %+v", file.Accepted(), file.Current(), want)
		}
		back := t.TempDir()
		exported, err := Export(t.Context(), to, back, apache.ExportOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			if len(exported.Files) != 1 {
				t.Errorf("exported %v", exported.Files)
			}
			continue
		}
		for name, want := range map[string]proto.Epoch{"currentEpoch": want.Current, "acceptedEpoch": want.Accepted} {
			text, err := os.ReadFile(filepath.Join(back, "version-2", name))
			if err != nil || string(text) != strconv.FormatInt(int64(want), 10) {
				t.Errorf("%s is %q, want %d: %v", name, text, want, err)
			}
		}
	}
}

// TestExportOfWhatWasReceived exports a server that ended between taking a snapshot and confirming it, and one
// that ended before that.
func TestExportOfWhatWasReceived(t *testing.T) {
	to := place(t.TempDir())
	if _, err := Import(t.Context(), apache.Dirs{Data: apacheData(t, &apache.Epochs{Current: 4, Accepted: 9})}, to, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(to.Data, epoch.Name)); err != nil {
		t.Fatal(err)
	}
	file, err := epoch.Open(vfs.Default, to.Data)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Set(3, 2); err != nil { // behind the log
		t.Fatal(err)
	}
	back := t.TempDir()
	if _, err := Export(t.Context(), to, back, apache.ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(back, "version-2", "currentEpoch")); err != nil || string(text) != "4" {
		t.Errorf("currentEpoch is %q, %v", text, err)
	}
	if err := os.Mkdir(snapshot.ReadyDir(filepath.Join(to.Data, "snapshot")), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Export(t.Context(), to, t.TempDir(), apache.ExportOptions{}); err == nil || !strings.Contains(err.Error(), "start the server once") {
		t.Errorf("a snapshot waits: %v", err)
	}
}
