package inspect

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gamekeeper/proto"
	"gamekeeper/server/control"
	"gamekeeper/tools/backup"
)

// running is a server as a source of backups.
type running struct{ s *testServer }

func (r running) Checkpoint(_ context.Context, dir string) (control.Checkpoint, error) {
	return control.Checkpoint{ID: 1, HasSnapshot: true, LogBase: r.s.log.Base(), Last: r.s.log.Durable()}, r.s.store.Checkpoint(dir)
}

func (running) Release(uint64) error { return nil }

func (r running) ReadLog(ctx context.Context, after, until proto.Zxid, visit func(proto.Zxid, []byte) error) error {
	return backup.ReadLog(ctx, r.s.log, after, until, visit)
}

func (r running) Status(context.Context) (control.Status, error) {
	return control.Status{DataDir: r.s.dir, DataLogDir: r.s.dir, ExtendedTypes: true}, nil
}

// TestBackups looks into the backups of a folder, and into a file.
func TestBackups(t *testing.T) {
	dir := t.TempDir()
	s := newTestServer(t, filepath.Join(dir, "data"))
	folder, file := filepath.Join(dir, "folder"), filepath.Join(dir, "file")
	save := func(o backup.SaveOptions) string {
		t.Helper()
		o.Source = running{s}
		result, err := backup.Save(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return result.Manifest.ID
	}
	s.do("create /a x")
	s.end()
	s.do("create /b y")
	first := save(backup.SaveOptions{Folder: folder})
	s.do("set /b why")
	s.do("create /c z")
	second := save(backup.SaveOptions{Folder: folder})
	save(backup.SaveOptions{File: file})
	s.close()
	for _, c := range []struct{ args, want string }{
		{"snapshot ls $DIR/folder", "/a\n/b\n/c\n/zookeeper\n"},
		{"snapshot ls $DIR/folder@" + first, "/a\n/b\n/zookeeper\n"},
		{"snapshot ls $DIR/file", "/a\n/b\n/c\n/zookeeper\n"},
		{"snapshot get $DIR/folder@" + second + " /b", "why\n(no end of line)\n"},
		{"snapshot ls $DIR/data", "/a\n/zookeeper\n"},
		{"snapshot diff $DIR/data $DIR/folder --replay", ""},
		{"snapshot diff $DIR/file $DIR/folder", ""},
		{"snapshot stat --top 0 $DIR/folder", "snapshot    $DIR/folder\nlast zxid   0x100000004\n"},
		{"snapshot ls $DIR/folder@nonesuch", "stderr: gamekeeper: "},
		{"snapshot ls $DIR/folder /nonesuch", "stderr: gamekeeper: there is no znode /nonesuch in $DIR/folder\nexit 1\n"},
	} {
		got := run(dir, strings.Fields(strings.ReplaceAll(c.args, "$DIR", dir)))
		if got != c.want && (c.want == "" || !strings.HasPrefix(got, c.want)) {
			t.Errorf("%s:\n%swant:\n%s", c.args, got, c.want)
		}
	}
	if err := os.Truncate(file, 100); err != nil {
		t.Fatal(err)
	}
	if got := run(dir, []string{"snapshot", "ls", file}); !strings.HasSuffix(got, "exit 1\n") || !strings.Contains(got, "$DIR/file") {
		t.Errorf("a damaged file: %s", got)
	}
}
