package migrate

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"gamekeeper/proto"
	"gamekeeper/server/epoch"
	"gamekeeper/tools/apache"
	"gamekeeper/tree"
)

// execute runs a command, and returns what it printed and its exit code.
func execute(ctx context.Context, cmd *cobra.Command, args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	root := &cobra.Command{Use: "gamekeeper", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(cmd)
	root.SetArgs(append([]string{cmd.Name()}, args...))
	root.SetOut(&out)
	root.SetErr(&errs)
	err := root.ExecuteContext(ctx)
	if err != nil {
		errs.WriteString(err.Error())
		code = 2
		var coded interface{ ExitCode() int }
		if errors.As(err, &coded) {
			code = coded.ExitCode()
		}
	}
	return out.String(), errs.String(), code
}

// apacheTTL makes the data of an Apache server with a znode that has a time to live, and one whose session is gone.
func apacheTTL(t *testing.T) string {
	t.Helper()
	tr := tree.New(tree.Options{ExtendedTypes: true})
	for i, body := range []proto.TxnBody{
		{Type: proto.OpCreateTTL, Path: []byte("/ttl"), ACL: proto.OpenACL, TTL: 900_000, Version: 1},
		{Type: proto.OpCreate, Path: []byte("/ephemeral"), ACL: proto.OpenACL, Ephemeral: true, Version: 2},
	} {
		tr.Apply(&proto.Txn{TxnHeader: proto.TxnHeader{Session: 7, Zxid: proto.Zxid(i + 1), Type: body.Type}, Body: body}, nil)
	}
	dir := t.TempDir()
	state := &apache.State{Tree: tr, Sessions: map[proto.SessionID]int32{}, Zxid: 2}
	if _, err := apache.Export(t.Context(), state, dir, apache.ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestTTLs: both commands say that extendedTypesEnabled is needed, and each note once.
func TestTTLs(t *testing.T) {
	from, data := apacheTTL(t), t.TempDir()
	_, text, code := execute(t.Context(), ImportCommand(), "--from", from, "--set", "dataDir="+data, "--set", "extendedTypesEnabled=false")
	if code != 1 || !strings.Contains(text, "set extendedTypesEnabled=true") {
		t.Fatalf("exit code %d: %s", code, text)
	}
	out, text, code := execute(t.Context(), ImportCommand(), "--from", from, "--set", "dataDir="+data, "--set", "extendedTypesEnabled=true")
	if code != 0 || strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "note: session 0x7 owns") || !strings.HasPrefix(out, "imported 6 znodes") {
		t.Fatalf("exit code %d: %q and %q", code, out, text)
	}
	for _, extended := range []string{"true", "false"} {
		out, text, code = execute(t.Context(), ExportCommand(), "--to", t.TempDir(), "--set", "dataDir="+data, "--set", "extendedTypesEnabled="+extended)
		if code != 0 || strings.Count(out, "\n") != 1 || !strings.Contains(text, "note: znodes with a time to live: 1: start the Apache "+
			"server with zookeeper.extendedTypesEnabled=true") {
			t.Errorf("extendedTypesEnabled=%s: exit code %d: %q and %q", extended, code, out, text)
		}
	}
	out, text, code = execute(t.Context(), ExportCommand(), "--json", "--to", t.TempDir(), "--set", "dataDir="+data)
	if code != 0 || text != "" || !strings.Contains(out, `"notes":["znodes with a time to live`) {
		t.Errorf("exit code %d: %q and %q", code, out, text)
	}
}

// TestInterrupted: a command that is interrupted ends with one line and leaves nothing that is in the way of the next run.
func TestInterrupted(t *testing.T) {
	from, data, to := apacheData(t, &apache.Epochs{Current: 4, Accepted: 4}), t.TempDir(), filepath.Join(t.TempDir(), "to")
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	for _, cmd := range []struct {
		new  func() *cobra.Command
		args []string
		into string
	}{
		{ImportCommand, []string{"--from", from, "--set", "dataDir=" + data}, data},
		{ExportCommand, []string{"--to", to, "--set", "dataDir=" + data}, filepath.Join(to, "version-2")},
	} {
		out, text, code := execute(interrupted, cmd.new(), cmd.args...)
		if code != 1 || out != "" || !strings.HasPrefix(text, "interrupted; ") || strings.Contains(text, "\n") {
			t.Errorf("%s: exit code %d: %q and %q", cmd.new().Name(), code, out, text)
		}
		if left, err := os.ReadDir(cmd.into); err != nil && !errors.Is(err, fs.ErrNotExist) || len(left) > 0 {
			t.Errorf("%s left %v, %v", cmd.new().Name(), left, err)
		}
		if out, text, code := execute(t.Context(), cmd.new(), cmd.args...); code != 0 {
			t.Errorf("%s again: exit code %d: %q and %q", cmd.new().Name(), code, out, text)
		}
	}
}

// fuse is a context that ends when it was asked so many times whether it has.
type fuse struct {
	context.Context
	looks int
}

func (f *fuse) Err() error {
	if f.looks--; f.looks < 0 {
		return context.Canceled
	}
	return nil
}

// TestInterruptedAnywhere: wherever an import or an export is interrupted, nothing is left of it.
func TestInterruptedAnywhere(t *testing.T) {
	from, to := apache.Dirs{Data: apacheData(t, &apache.Epochs{Current: 4, Accepted: 4})}, place(t.TempDir())
	back := t.TempDir()
	anywhere := func(name, dir string, run func(ctx context.Context) error) {
		for n := 0; ; n++ {
			err := run(&fuse{t.Context(), n})
			if err == nil {
				return
			}
			left, lerr := os.ReadDir(dir)
			if !errors.Is(err, context.Canceled) || len(left) > 0 || lerr != nil && !errors.Is(lerr, fs.ErrNotExist) {
				t.Fatalf("%s, at look %d: %v, left %v, %v", name, n, err, left, lerr)
			}
		}
	}
	anywhere("import", to.Data, func(ctx context.Context) error {
		_, err := Import(ctx, from, to, Options{})
		return err
	})
	anywhere("export", filepath.Join(back, "version-2"), func(ctx context.Context) error {
		_, err := Export(ctx, to, back, apache.ExportOptions{})
		return err
	})
}

// TestImportRefusesAnUnfinishedRestore: what a restore has begun is not mixed with an import.
func TestImportRefusesAnUnfinishedRestore(t *testing.T) {
	from := apache.Dirs{Data: apacheData(t, nil)}
	for _, log := range []bool{false, true} {
		to := place(t.TempDir())
		to.Log = t.TempDir()
		staged := filepath.Join(to.Data, ".restore")
		if log {
			staged = filepath.Join(to.Log, ".restore")
		}
		if err := os.Mkdir(staged, 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := Import(t.Context(), from, to, Options{}); err == nil || !strings.Contains(err.Error(), "gamekeeper restore") {
			t.Errorf("imported: %v", err)
		}
		if _, err := os.Stat(filepath.Join(to.Data, epoch.Name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("there are epochs: %v", err)
		}
		if err := os.Remove(staged); err != nil {
			t.Fatal(err)
		}
		if _, err := Import(t.Context(), from, to, Options{}); err != nil {
			t.Error(err)
		}
	}
}
