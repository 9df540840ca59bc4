package server_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"gamekeeper/proto"
)

// A server that has lost its data joins the others, and is no use to one that has lost its data too.
func TestServerWithoutDataDoesNotVote(t *testing.T) {
	e := startEnsemble(t, 3, 0)
	e.await()
	c := connect(t, e.servers[0])
	create(t, c, "/kept", "", proto.Persistent)
	e.agree()
	wipe := func(i int) {
		e.stop(i)
		for _, name := range []string{"wal", "snapshot", "epochs"} {
			if err := os.RemoveAll(filepath.Join(e.dirs[i], name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	wipe(1)
	e.start(1, "db.autocreate=false")
	e.await()
	e.agree()

	marker := filepath.Join(e.dirs[2], "initialize")
	wipe(2)
	if err := os.WriteFile(marker, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	e.start(2, "db.autocreate=false")
	if _, err := os.Stat(marker); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the marker is for one start: %v", err)
	}
	e.await()
	e.agree()
}
