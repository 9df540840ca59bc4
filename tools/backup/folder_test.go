package backup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gamekeeper/proto"
	"gamekeeper/wal"
)

// drawn runs fn with a source of random choices that are the same each time.
func drawn(t *testing.T, fn func(rt *rapid.T)) {
	rapid.Custom(func(rt *rapid.T) (ok bool) {
		defer func() {
			if p := recover(); p != nil { // which would be taken for a reason to draw again
				t.Errorf("%v\n%s", p, debug.Stack())
			}
		}()
		fn(rt)
		return true
	}).Example(1)
}

// withRig runs fn with a server that has some history and a snapshot.
func withRig(t *testing.T, fn func(rt *rapid.T, r *rig, dir string)) {
	dir := tempDir(t)
	drawn(t, func(rt *rapid.T) {
		r := newRig(filepath.Join(dir, "server"), t.Fatalf)
		defer r.close()
		r.step(rt, 60)
		r.round(rt, 3)
		r.step(rt, 20)
		fn(rt, r, dir)
	})
}

// added is what is in b and not in a.
func added(a, b map[string]int64) map[string]int64 {
	d := maps.Clone(b)
	maps.DeleteFunc(d, func(name string, _ int64) bool { _, ok := a[name]; return ok })
	return d
}

func TestASecondBackupAddsWhatIsNew(t *testing.T) {
	withRig(t, func(rt *rapid.T, r *rig, dir string) {
		folder := filepath.Join(dir, "backups")
		first := r.save(t.Context(), SaveOptions{Folder: folder})
		before := filesIn(t, folder)

		// Nothing happened: nothing but a manifest is added.
		same := r.save(t.Context(), SaveOptions{Folder: folder})
		now := filesIn(t, folder)
		if d := added(before, now); len(d) != 1 || d["backups/"+same.Manifest.ID+".json"] == 0 || same.AddedFiles+same.AddedChunks != 0 {
			t.Fatalf("added %v; %+v", d, same)
		}
		before = now

		// Log, but no round: the log alone.
		r.step(rt, 5)
		logged := r.save(t.Context(), SaveOptions{Folder: folder})
		now = filesIn(t, folder)
		if d := added(before, now); len(d) != 2 || logged.AddedFiles != 0 || logged.AddedChunks != 1 {
			t.Fatalf("added %v; %+v", d, logged)
		}
		if c := logged.Manifest.Log; c[len(c)-1].Records != 5 {
			t.Fatalf("log: %+v", c)
		}
		before = now

		// A round: its table, and Pebble's small files.
		r.step(rt, 5)
		r.round(rt, 0)
		flushed := r.save(t.Context(), SaveOptions{Folder: folder})
		now = filesIn(t, folder)
		tables := 0
		known := map[string]bool{}
		for _, f := range first.Manifest.Files {
			known[f.Name] = true
		}
		for _, f := range flushed.Manifest.Files {
			if _, isNew := added(before, now)["files/"+f.SHA256]; isNew && strings.HasSuffix(f.Name, ".sst") {
				tables++
				if known[f.Name] {
					t.Errorf("table %s is added again", f.Name)
				}
			}
		}
		if tables != 1 || flushed.AddedChunks != 1 {
			t.Fatalf("%d tables; added %v", tables, added(before, now))
		}
		for name, size := range before {
			if now[name] != size {
				t.Errorf("%s was changed", name)
			}
		}
	})
}

func TestLinkedTables(t *testing.T) {
	withRig(t, func(_ *rapid.T, r *rig, dir string) {
		res := r.save(t.Context(), SaveOptions{Folder: filepath.Join(dir, "backups"), Link: true})
		for _, f := range res.Manifest.Files {
			if !strings.HasSuffix(f.Name, ".sst") {
				continue
			}
			a, err := os.Stat(filepath.Join(r.dirs.store(), f.Name))
			b, err2 := os.Stat(filepath.Join(dir, "backups", "files", f.SHA256))
			if err != nil || err2 != nil || !os.SameFile(a, b) {
				t.Errorf("%s is not linked: %v, %v", f.Name, err, err2)
			}
		}
		if _, err := Verify(t.Context(), VerifyOptions{From: filepath.Join(dir, "backups"), Deep: true}); err != nil {
			t.Fatal(err)
		}
	})
}

// TestGaps: when the log does not go on where the backup before ended, a new series begins, and both can be
// restored.
func TestGaps(t *testing.T) {
	restored := func(folder, id, to string) *state {
		t.Helper()
		if _, err := Restore(t.Context(), RestoreOptions{From: folder, Backup: id, To: Dirs{Data: to}, segmentBytes: testSegmentBytes}); err != nil {
			t.Fatal(err)
		}
		st, err := load(Dirs{Data: to})
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	t.Run("purged log", func(t *testing.T) {
		withRig(t, func(rt *rapid.T, r *rig, dir string) {
			folder := filepath.Join(dir, "backups")
			first := r.save(t.Context(), SaveOptions{Folder: folder})
			for r.log.Base() < first.Manifest.Last {
				r.step(rt, 50)
				r.round(rt, 0)
				_, err := r.log.Purge(r.log.LastZxid())
				r.check(err)
			}
			second := r.save(t.Context(), SaveOptions{Folder: folder})
			if !strings.Contains(second.Gap, "no longer there") || second.Manifest.Series == first.Manifest.Series {
				t.Fatalf("%+v", second)
			}
			z := first.Manifest.Last + 1
			_, err := Restore(t.Context(), RestoreOptions{From: folder, To: Dirs{Data: filepath.Join(dir, "x")}, Point: Point{Zxid: &z}})
			if !errors.Is(err, ErrRange) {
				t.Fatalf("a point in the gap: %v", err)
			}
			for i, m := range []*Manifest{first.Manifest, second.Manifest} {
				st := restored(folder, m.ID, filepath.Join(dir, fmt.Sprint("restored", i)))
				want := r.want(m.Last)
				if d := cmp.Diff(dump(want.tree, want.sessions), dump(st.tree, st.sessions)); d != "" {
					t.Fatal(d)
				}
			}
			if v, err := Verify(t.Context(), VerifyOptions{From: folder, Deep: true}); err != nil {
				t.Fatalf("%v: %+v", err, v)
			}
		})
	})
	t.Run("another history", func(t *testing.T) {
		withRig(t, func(rt *rapid.T, r *rig, dir string) {
			folder := filepath.Join(dir, "backups")
			// The server is restored to before its last backup, and goes on differently.
			first := r.save(t.Context(), SaveOptions{Folder: folder})
			r.step(rt, 10)
			second := r.save(t.Context(), SaveOptions{Folder: folder})
			back := Dirs{Data: filepath.Join(dir, "back"), Tree: testTree}
			z := first.Manifest.Last
			_, err := Restore(t.Context(), RestoreOptions{From: folder, To: back, Point: Point{Zxid: &z}, segmentBytes: testSegmentBytes})
			r.check(err)
			log, err := wal.Open(wal.Options{Dir: back.wal(), SegmentBytes: testSegmentBytes})
			r.check(err)
			for _, z := range []proto.Zxid{z + 1, r.records[len(r.records)-1].z} {
				log.Append(z, proto.AppendTxn(nil, &proto.Txn{
					TxnHeader: proto.TxnHeader{Zxid: z, Time: 5, Type: proto.OpError}, Body: proto.TxnBody{Type: proto.OpError, Err: proto.NoNode},
				}))
			}
			r.check(log.Close())
			s, err := openStopped(back)
			r.check(err)
			defer s.Close()
			third := r.save(t.Context(), SaveOptions{Folder: folder, Source: s})
			if !strings.Contains(third.Gap, "is not in the log") || third.Manifest.Series == second.Manifest.Series {
				t.Fatalf("%+v", third)
			}
			if v, err := Verify(t.Context(), VerifyOptions{From: folder, Deep: true}); err != nil {
				t.Fatalf("%v: %+v", err, v)
			}
			// The newest history is meant, unless a backup is named.
			if st := restored(folder, "", filepath.Join(dir, "newest")); st.tree.Digest() != r.want(first.Manifest.Last).tree.Digest() {
				t.Fatal("the restored state is not of the new history")
			}
			if st := restored(folder, second.Manifest.ID, filepath.Join(dir, "old")); st.tree.Digest() != r.want(second.Manifest.Last).tree.Digest() {
				t.Fatal("the restored state is not of the old history")
			}
		})
	})
}

func TestWhatNoBackupReaches(t *testing.T) {
	withRig(t, func(rt *rapid.T, r *rig, dir string) {
		_, err := r.log.Purge(r.log.LastZxid())
		r.check(err)
		r.round(rt, 0)
		folder := filepath.Join(dir, "backups")
		m := r.save(t.Context(), SaveOptions{Folder: folder}).Manifest
		early, late := m.earliest()-1, m.Last+1
		before, after := m.Mark.Time.Add(-time.Hour), m.Created.Add(time.Hour)
		for name, o := range map[string]RestoreOptions{
			"zxid before":  {Point: Point{Zxid: &early}},
			"zxid after":   {Point: Point{Zxid: &late}},
			"time before":  {Point: Point{Time: &before}},
			"time after":   {Point: Point{Time: &after}},
			"unknown id":   {Backup: "1999"},
			"no such from": {},
		} {
			o.From, o.To.Data = folder, filepath.Join(dir, "to")
			if name == "no such from" {
				o.From += "-not"
			}
			_, err := Restore(t.Context(), o)
			if err == nil || !errors.Is(err, ErrRange) && !errors.Is(err, ErrNoBackup) && !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := os.Stat(o.To.Data); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s: the directory exists: %v", name, err)
			}
		}
	})
}

// TestAKilledSave takes what is on disk after each step of a save: the earlier backups must be as good as
// before, and the next save must remove what is left.
func TestAKilledSave(t *testing.T) {
	withRig(t, func(rt *rapid.T, r *rig, dir string) {
		folder := filepath.Join(dir, "backups")
		first := r.save(t.Context(), SaveOptions{Folder: folder})
		r.step(rt, 30)
		r.round(rt, 2)
		var killed []string
		r.save(t.Context(), SaveOptions{Folder: folder, step: func() {
			to := filepath.Join(dir, fmt.Sprint("killed", len(killed)))
			r.check(os.CopyFS(to, os.DirFS(folder)))
			// Also in the midst of the next file.
			r.check(os.WriteFile(filepath.Join(to, "files", "incoming"+tempSuffix), []byte("half"), 0o644))
			r.check(os.WriteFile(filepath.Join(to, "backups", "x.json"+tempSuffix), []byte("{"), 0o644))
			r.check(os.WriteFile(filepath.Join(to, "log", first.Manifest.Series, "x"+tempSuffix), []byte("half"), 0o644))
			killed = append(killed, to)
		}})
		if len(killed) < 4 {
			t.Fatalf("%d steps", len(killed))
		}
		for i, k := range killed {
			if _, err := Verify(t.Context(), VerifyOptions{From: k, Deep: true}); err != nil {
				t.Fatalf("after step %d: %v", i, err)
			}
			res := r.save(t.Context(), SaveOptions{Folder: k})
			if res.Gap != "" || res.Removed < 3 {
				t.Fatalf("after step %d: %+v", i, res)
			}
			v, err := Verify(t.Context(), VerifyOptions{From: k, Deep: true})
			if err != nil || len(v.Notes) > 0 {
				t.Fatalf("after step %d and another save: %v; %+v", i, err, v)
			}
			for name := range filesIn(t, k) {
				if strings.HasSuffix(name, tempSuffix) {
					t.Errorf("after step %d: %s is left", i, name)
				}
			}
		}
	})
}

func TestASaveThatFails(t *testing.T) {
	withRig(t, func(rt *rapid.T, r *rig, dir string) {
		folder := filepath.Join(dir, "backups")
		r.save(t.Context(), SaveOptions{Folder: folder})
		r.step(rt, 30)
		full := errors.New("cannot read")
		src := r.source()
		src.onLog = func(z proto.Zxid) error {
			if z == r.log.LastZxid() {
				return full
			}
			return nil
		}
		if _, err := Save(t.Context(), SaveOptions{Source: src, Folder: folder}); !errors.Is(err, full) {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		src.onLog = func(proto.Zxid) error { cancel(); return nil }
		src.afterCopy = nil
		if _, err := Save(ctx, SaveOptions{Source: src, Folder: folder}); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if _, err := Save(ctx, SaveOptions{Source: src, File: filepath.Join(dir, "x.gkb")}); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if src.pins != 0 {
			t.Errorf("%d pins are left", src.pins)
		}
		for name := range filesIn(t, r.dirs.Data) {
			if strings.HasPrefix(name, scratchPrefix) {
				t.Errorf("%s is left in the data directory", name)
			}
		}
		if names, _ := filepath.Glob(filepath.Join(dir, "x.gkb*")); len(names) > 0 {
			t.Errorf("left: %v", names)
		}
		if _, err := Verify(t.Context(), VerifyOptions{From: folder, Deep: true}); err != nil {
			t.Fatal(err)
		}
		r.save(t.Context(), SaveOptions{Folder: folder})
	})
}

func TestOneCommandAtATime(t *testing.T) {
	withRig(t, func(_ *rapid.T, r *rig, dir string) {
		folder := filepath.Join(dir, "backups")
		src := r.source()
		src.afterCopy = func() {
			if _, err := Save(t.Context(), SaveOptions{Source: r.source(), Folder: folder}); !errors.Is(err, ErrLocked) {
				t.Errorf("a second save: %v", err)
			}
			if _, err := Prune(folder, Retention{Last: 1}, false, r.now); !errors.Is(err, ErrLocked) {
				t.Errorf("prune: %v", err)
			}
		}
		r.save(t.Context(), SaveOptions{Source: src, Folder: folder})
	})
}

func TestAFolderOfSomethingElseIsLeftAlone(t *testing.T) {
	withRig(t, func(_ *rapid.T, r *rig, dir string) {
		folder := filepath.Join(dir, "photos")
		r.check(os.Mkdir(folder, 0o755))
		r.check(os.WriteFile(filepath.Join(folder, "cat.jpg"), []byte("cat"), 0o644))
		_, err := Save(t.Context(), SaveOptions{Source: r.source(), Folder: folder})
		if err == nil || !strings.Contains(err.Error(), "cat.jpg") {
			t.Fatal(err)
		}
		if files := filesIn(t, folder); len(files) != 1 {
			t.Fatalf("%v", files)
		}
	})
}

func TestPrune(t *testing.T) {
	withRig(t, func(rt *rapid.T, r *rig, dir string) {
		folder := filepath.Join(dir, "backups")
		var all []*Manifest
		for range 5 {
			r.step(rt, 20)
			r.round(rt, 1)
			all = append(all, r.save(t.Context(), SaveOptions{Folder: folder}).Manifest)
		}
		before := filesIn(t, folder)
		p, err := Prune(folder, Retention{Last: 2}, true, r.now)
		if err != nil || len(p.Removed) != 3 || !maps.Equal(before, filesIn(t, folder)) {
			t.Fatalf("dry run: %+v, %v", p, err)
		}
		p, err = Prune(folder, Retention{Last: 2}, false, r.now)
		if err != nil || len(p.Removed) != 3 || len(p.Kept) != 2 || p.Files == 0 {
			t.Fatalf("%+v, %v", p, err)
		}
		if v, err := Verify(t.Context(), VerifyOptions{From: folder, Deep: true}); err != nil || v.Backups != 2 || len(v.Notes) > 0 {
			t.Fatalf("%+v, %v", v, err)
		}
		// Any point between those that were kept.
		for _, rec := range r.records {
			if rec.z < all[3].earliest() || rec.z > all[4].Last || rec.z%7 != 0 {
				continue
			}
			tr, sessions, err := Tree(t.Context(), RestoreOptions{From: folder, Point: Point{Zxid: &rec.z}})
			r.check(err)
			want := r.want(rec.z)
			if d := cmp.Diff(dump(want.tree, want.sessions), dump(tr, sessions)); d != "" {
				t.Fatal(d)
			}
		}
		// While a manifest is damaged, nothing is removed.
		r.check(os.Truncate(filepath.Join(folder, "backups", all[3].ID+manifestSuffix), 100))
		before = filesIn(t, folder)
		if _, err := Prune(folder, Retention{Last: 1}, false, r.now); !errors.Is(err, ErrDamaged) || !maps.Equal(before, filesIn(t, folder)) {
			t.Fatalf("%v, %v", err, added(filesIn(t, folder), before))
		}
	})
}

func TestRetention(t *testing.T) {
	day := 24 * time.Hour
	for _, c := range []struct {
		text string
		want Retention
		ok   bool
	}{
		{"", Retention{}, true},
		{"7", Retention{Last: 7}, true},
		{"36h", Retention{Within: 36 * time.Hour}, true},
		{"14d", Retention{Within: 14 * day}, true},
		{"7, 1d12h", Retention{7, day + 12*time.Hour}, true},
		{"0", Retention{}, false},
		{"-1", Retention{}, false},
		{"all", Retention{}, false},
		{"7,", Retention{}, false},
		{"-3h", Retention{}, false},
	} {
		got, err := ParseRetention(c.text)
		if (err == nil) != c.ok || c.ok && got != c.want {
			t.Errorf("%q: %+v, %v", c.text, got, err)
		}
	}
	now := time.Now()
	r := Retention{Last: 2, Within: day}
	for i, keep := range []bool{true, true, true, false} {
		if age := time.Duration(i) * day / 2; r.keeps(i, now.Add(-age), now) != keep {
			t.Errorf("backup %d, %s old: %v", i, age, !keep)
		}
	}
	if !(Retention{Last: 1}).keeps(0, now.Add(-1000*day), now) || !(Retention{}).keeps(9, now.Add(-1000*day), now) {
		t.Error("removed")
	}
}

// TestAServerWithoutASnapshot: the log is everything.
func TestAServerWithoutASnapshot(t *testing.T) {
	dir := tempDir(t)
	drawn(t, func(rt *rapid.T) {
		r := newRig(filepath.Join(dir, "server"), t.Fatalf)
		defer r.close()
		folder := filepath.Join(dir, "backups")
		if m := r.save(t.Context(), SaveOptions{Folder: folder}).Manifest; m.Mark != nil || m.Last != 0 {
			t.Fatalf("%+v", m)
		}
		r.step(rt, 20)
		if res := r.save(t.Context(), SaveOptions{Folder: folder}); res.Gap != "" || res.Manifest.Mark != nil {
			t.Fatalf("%+v", res)
		}
		z := r.records[7].z
		to := Dirs{Data: filepath.Join(dir, "to")}
		if _, err := Restore(t.Context(), RestoreOptions{From: folder, To: to, Point: Point{Zxid: &z}, segmentBytes: testSegmentBytes}); err != nil {
			t.Fatal(err)
		}
		st, err := load(to)
		r.check(err)
		want := r.want(z)
		if d := cmp.Diff(dump(want.tree, want.sessions), dump(st.tree, st.sessions)); d != "" {
			t.Fatal(d)
		}
	})
}
