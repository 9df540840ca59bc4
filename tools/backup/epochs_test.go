package backup

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gamekeeper/proto"
	"gamekeeper/server/epoch"
	"gamekeeper/snapshot"
)

// TestRestoredEpochs wants a restored server to claim the epoch of its last transaction, whatever the server
// that was saved had promised.
func TestRestoredEpochs(t *testing.T) {
	withRig(t, func(rt *rapid.T, r *rig, dir string) {
		r.step(rt, 40) // epochs begin in it
		file, err := epoch.Open(vfs.Default, r.dirs.Data)
		r.check(err)
		r.check(file.Set(1<<20, 1<<10))
		folder := filepath.Join(dir, "backups")
		m := r.save(t.Context(), SaveOptions{Folder: folder}).Manifest
		for _, z := range []proto.Zxid{m.earliest(), r.records[len(r.records)-20].z, m.Last} {
			z = max(z, m.earliest())
			to := Dirs{Data: filepath.Join(dir, "to", z.String()), Log: filepath.Join(dir, "to-log", z.String())}
			_, err := Restore(t.Context(), RestoreOptions{From: folder, To: to, Point: Point{Zxid: &z}, segmentBytes: testSegmentBytes})
			r.check(err)
			got, err := epoch.Open(vfs.Default, to.Data)
			r.check(err)
			if got.Accepted() != z.Epoch() || got.Current() != z.Epoch() {
				t.Fatalf("epochs %d and %d at zxid %s", got.Accepted(), got.Current(), z)
			}
		}
	})
}

// TestUnverifiedSnapshot saves a server whose snapshot came from an Apache server: nothing says how far its
// effects reach, so only the end of the backup can be restored.
func TestUnverifiedSnapshot(t *testing.T) {
	withRig(t, func(rt *rapid.T, r *rig, dir string) {
		r.step(rt, 10)
		r.round(rt, 10) // fuzzy
		view, err := r.store.View()
		r.check(err)
		var stream bytes.Buffer
		r.check(view.SendApache(&stream))
		r.check(view.Close())
		mark, err := snapshot.Receive(snapshot.Options{Dir: r.dirs.store()}, snapshot.FormatApache, view.Mark().ReplayAfter, &stream, nil)
		r.check(err)
		r.close()
		r.check(snapshot.Confirm(vfs.Default, r.dirs.store()))
		r.check(snapshot.Adopt(vfs.Default, r.dirs.store()))
		r.open()
		r.step(rt, 20)
		folder := filepath.Join(dir, "backups")
		ready := snapshot.ReadyDir(r.dirs.store())
		r.check(os.Mkdir(ready, 0o755))
		if _, err := openStopped(r.dirs); err == nil || !strings.Contains(err.Error(), "start the server") {
			t.Fatalf("a snapshot waits: %v", err)
		}
		r.check(os.Remove(ready))
		m := r.save(t.Context(), SaveOptions{Folder: folder}).Manifest
		if !m.Mark.Unverified || m.Mark.ReplayAfter != mark.ReplayAfter {
			t.Fatalf("mark %+v", m.Mark)
		}
		if v, err := Verify(t.Context(), VerifyOptions{From: folder, Deep: true}); err != nil || len(v.Problems) > 0 {
			t.Fatalf("%+v, %v", v, err)
		}
		to := Dirs{Data: filepath.Join(dir, "to")}
		_, err = Restore(t.Context(), RestoreOptions{From: folder, To: to, segmentBytes: testSegmentBytes})
		r.check(err)
		st, err := load(to)
		r.check(err)
		want := r.want(m.Last)
		if d := cmp.Diff(dump(want.tree, want.sessions), dump(st.tree, st.sessions)); d != "" {
			t.Fatal(d)
		}
		within := m.Last - 1
		_, err = Restore(t.Context(), RestoreOptions{From: folder, To: Dirs{Data: filepath.Join(dir, "never")}, Point: Point{Zxid: &within}})
		if !errors.Is(err, ErrRange) {
			t.Fatalf("a point within: %v", err)
		}
	})
}
