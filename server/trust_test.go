package server

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
	"gamekeeper/server/epoch"
	"gamekeeper/zab"
)

// TestMayVote has servers whose epochs and logs tell what they have been through.
func TestMayVote(t *testing.T) {
	for _, x := range []struct {
		name              string
		accepted, current proto.Epoch
		last              proto.Zxid
		autocreate, file  bool
		votes             bool
	}{
		{name: "lost everything"},
		{name: "new, and the operator knows", file: true, votes: true},
		{name: "new, and nobody asks", autocreate: true, votes: true},
		{name: "has promised, and was sent nothing yet", accepted: 5},
		{name: "lost everything, and was sent a part of it", accepted: 5, last: 1<<32 + 3},
		{name: "member without a transaction", accepted: 2, current: 1, votes: true},
		{name: "member", accepted: 5, current: 5, last: 1<<32 + 3, votes: true},
		{name: "imported", last: 77, votes: true},
	} {
		t.Run(x.name, func(t *testing.T) {
			dir := t.TempDir()
			file, err := epoch.Open(vfs.Default, dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := file.Set(x.accepted, x.current); err != nil {
				t.Fatal(err)
			}
			s := &Server{epochs: file, logger: slog.New(slog.DiscardHandler)}
			s.cfg.Storage.DataLogDir, s.cfg.Storage.AutocreateDB = dir, x.autocreate
			if x.file {
				if err := os.WriteFile(filepath.Join(dir, "initialize"), nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if votes, err := s.mayVote(&zab.History{Base: x.last}); err != nil || votes != x.votes {
				t.Errorf("votes: %t, %v", votes, err)
			}
		})
	}
}
