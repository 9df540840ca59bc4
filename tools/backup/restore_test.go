package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gamekeeper/proto"
	"gamekeeper/server/epoch"
)

func TestRestoreRefusesToOverwrite(t *testing.T) {
	withRig(t, func(_ *rapid.T, r *rig, dir string) {
		folder := filepath.Join(dir, "backups")
		r.save(t.Context(), SaveOptions{Folder: folder})
		for _, has := range []string{"data/wal/x", "data/snapshot/x", "data/epochs", "data/version-2/snapshot.0", "log/wal/x", "log/version-2/log.1"} {
			to := filepath.Join(dir, strings.ReplaceAll(has, "/", "-"))
			r.check(os.MkdirAll(filepath.Dir(filepath.Join(to, has)), 0o755))
			r.check(os.WriteFile(filepath.Join(to, has), []byte("data"), 0o644))
			before := filesIn(t, to)
			_, err := Restore(t.Context(), RestoreOptions{From: folder, To: Dirs{Data: filepath.Join(to, "data"), Log: filepath.Join(to, "log")}})
			if !errors.Is(err, ErrNotEmpty) || !maps.Equal(before, filesIn(t, to)) {
				t.Errorf("%s: %v; %v", has, err, filesIn(t, to))
			}
		}
		// The server's own directory, of course.
		if _, err := Restore(t.Context(), RestoreOptions{From: folder, To: r.dirs}); !errors.Is(err, ErrNotEmpty) {
			t.Error(err)
		}
		// What is no data stays.
		to := filepath.Join(dir, "myid")
		r.check(os.MkdirAll(filepath.Join(to, "snapshot"), 0o755))
		r.check(os.WriteFile(filepath.Join(to, "myid"), []byte("1"), 0o644))
		if _, err := Restore(t.Context(), RestoreOptions{From: folder, To: Dirs{Data: to}, segmentBytes: testSegmentBytes}); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(filepath.Join(to, "myid")); err != nil || string(b) != "1" {
			t.Fatalf("%q, %v", b, err)
		}
		if names, err := list(to); err != nil || !slices.Equal(names, []string{"epochs", "myid", "snapshot", "wal"}) {
			t.Fatalf("%v, %v", names, err)
		}
	})
}

// TestAKilledRestore takes what is on disk after each step of a restore: it must be all, or a server must
// refuse it or find it empty, and another restore must work or refuse it as well.
func TestAKilledRestore(t *testing.T) {
	withRig(t, func(_ *rapid.T, r *rig, dir string) {
		folder := filepath.Join(dir, "backups")
		m := r.save(t.Context(), SaveOptions{Folder: folder}).Manifest
		want := r.want(m.Last)
		wanted := dump(want.tree, want.sessions)
		to := filepath.Join(dir, "to")
		var killed []string
		o := RestoreOptions{From: folder, To: Dirs{Data: to}, segmentBytes: testSegmentBytes, step: func() {
			k := filepath.Join(dir, fmt.Sprint("killed", len(killed)))
			r.check(os.CopyFS(k, os.DirFS(to)))
			killed = append(killed, k)
		}}
		_, err := Restore(t.Context(), o)
		r.check(err)
		whole, complete := 0, 0 // a server makes the epochs, which come last, if they are missing
		for i, k := range killed {
			_, noLog := os.Stat(filepath.Join(k, "wal"))
			st, err := load(Dirs{Data: k})
			switch {
			case noLog != nil: // a server would start empty
				r.check(os.RemoveAll(filepath.Join(k, "wal"))) // load made it
				if err := RefuseUnfinished(Dirs{Data: filepath.Join(dir, "other"), Log: k}); err == nil {
					t.Errorf("step %d: a server would start without data", i)
				}
				_, err := Restore(t.Context(), RestoreOptions{From: folder, To: Dirs{Data: k}, segmentBytes: testSegmentBytes})
				if err != nil {
					t.Fatalf("step %d: %v", i, err)
				}
				if st, err = load(Dirs{Data: k}); err != nil || dump(st.tree, st.sessions) != wanted {
					t.Fatalf("step %d: the second restore gives something else: %v", i, err)
				}
			case err == nil:
				whole++
				if err := RefuseUnfinished(Dirs{Data: k}); err != nil {
					t.Errorf("step %d: all is in place, and a server is told: %v", i, err)
				}
				if names, err := list(k); err == nil && slices.Contains(names, epoch.Name) {
					complete++
				}
				if d := cmp.Diff(wanted, dump(st.tree, st.sessions)); d != "" {
					t.Fatalf("step %d: %s", i, d)
				}
			}
		}
		if whole != 2 || complete != 1 || len(killed) < 5 {
			t.Fatalf("whole after %d of %d steps, complete after %d", whole, len(killed), complete)
		}
	})
}

// TestDamage flips bits in, truncates and removes every file of a folder, one at a time.
func TestDamage(t *testing.T) {
	withRig(t, func(rt *rapid.T, r *rig, dir string) {
		folder := filepath.Join(dir, "backups")
		for range 2 {
			r.step(rt, 30)
			r.round(rt, 1)
			r.save(t.Context(), SaveOptions{Folder: folder})
		}
		last := r.records[len(r.records)-1].z
		want := r.want(last)
		wanted := dump(want.tree, want.sessions)
		rng := rand.New(rand.NewPCG(1, 2))
		for name, size := range filesIn(t, folder) {
			if name == lockName {
				continue
			}
			path := filepath.Join(folder, name)
			good, err := os.ReadFile(path)
			r.check(err)
			for _, harm := range []string{"first", "middle", "last", "cut", "grow", "remove"} {
				bad := bytes.Clone(good)
				switch {
				case harm == "remove":
					bad = nil
				case harm == "grow":
					bad = append(bad, 0)
				case size == 0:
					continue
				case harm == "cut":
					bad = bad[:rng.IntN(len(bad))]
				default:
					at := map[string]int{"first": 0, "middle": rng.IntN(len(bad)), "last": len(bad) - 1}[harm]
					bad[at] ^= 1 << rng.IntN(8)
				}
				// As a new file: the good one may be a hard link.
				r.check(os.Remove(path))
				if harm != "remove" {
					r.check(os.WriteFile(path, bad, 0o644))
				} else if strings.HasPrefix(name, "backups/") {
					r.check(os.WriteFile(path, good, 0o644)) // a backup that is gone is none
					continue
				}
				v, err := Verify(t.Context(), VerifyOptions{From: folder})
				if !errors.Is(err, ErrDamaged) || len(v.Problems) == 0 {
					t.Errorf("%s %s: verify: %v", harm, name, err)
				}
				if err != nil && !strings.Contains(err.Error(), filepath.Dir(name)) {
					t.Errorf("%s %s: the error names no file: %v", harm, name, err)
				}
				to := Dirs{Data: filepath.Join(dir, "to")}
				res, err := Restore(t.Context(), RestoreOptions{From: folder, To: to, Point: Point{Zxid: &last}, segmentBytes: testSegmentBytes})
				if err == nil { // it needed something else, such as the other backup and the log
					st, err := load(to)
					if err != nil || res.Zxid != last || dump(st.tree, st.sessions) != wanted {
						t.Errorf("%s %s: restored something else: %v", harm, name, err)
					}
				} else if _, serr := os.Stat(to.Data); !errors.Is(serr, os.ErrNotExist) || !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrRange) {
					t.Errorf("%s %s: restore: %v; %v", harm, name, err, serr)
				}
				r.check(os.RemoveAll(to.Data))
				// Without a point it is the end that is asked for, and not what is left before it.
				res, err = Restore(t.Context(), RestoreOptions{From: folder, DryRun: true, segmentBytes: testSegmentBytes})
				if err == nil && res.Zxid != last {
					t.Errorf("%s %s: restored to zxid %s, and the end is %s", harm, name, res.Zxid, last)
				}
				_ = os.Remove(path)
				r.check(os.WriteFile(path, good, 0o644))
			}
		}
		if _, err := Verify(t.Context(), VerifyOptions{From: folder, Deep: true}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAFile(t *testing.T) {
	withRig(t, func(rt *rapid.T, r *rig, dir string) {
		src := r.source()
		src.afterCopy = func() { r.step(rt, 10) }
		file := filepath.Join(dir, "x.gkb")
		m := r.save(t.Context(), SaveOptions{Source: src, File: file}).Manifest
		if m.Last != r.log.LastZxid() {
			t.Fatalf("up to %s", m.Last)
		}
		if _, err := Save(t.Context(), SaveOptions{Source: src, File: file}); err == nil || !strings.Contains(err.Error(), "exists") {
			t.Errorf("a second save: %v", err)
		}
		for name := range filesIn(t, r.dirs.Data) {
			if strings.HasPrefix(name, scratchPrefix) {
				t.Errorf("%s is left in the data directory", name)
			}
		}
		for _, deep := range []bool{false, true} {
			if v, err := Verify(t.Context(), VerifyOptions{From: file, Deep: deep}); err != nil || v.Backups != 1 || deep != (v.Replayed > 0) {
				t.Fatalf("%+v, %v", v, err)
			}
		}
		if infos, _, err := List(file); err != nil || len(infos) != 1 || infos[0].ID != m.ID {
			t.Fatalf("%+v, %v", infos, err)
		}
		for _, z := range []proto.Zxid{m.earliest(), m.Last} {
			to := Dirs{Data: filepath.Join(dir, z.String())}
			if _, err := Restore(t.Context(), RestoreOptions{From: file, To: to, Point: Point{Zxid: &z}, segmentBytes: testSegmentBytes}); err != nil {
				t.Fatal(err)
			}
			st, err := load(to)
			r.check(err)
			want := r.want(z)
			if d := cmp.Diff(dump(want.tree, want.sessions), dump(st.tree, st.sessions)); d != "" {
				t.Fatal(d)
			}
		}
		good, err := os.ReadFile(file)
		r.check(err)
		rng := rand.New(rand.NewPCG(3, 4))
		to := Dirs{Data: filepath.Join(dir, "never")}
		for i := range 60 {
			bad, at := bytes.Clone(good), rng.IntN(len(good))
			switch {
			case i == 0:
				bad = append(bad, 0)
			case i == 1:
				bad = nil
			case i%4 == 0:
				bad = bad[:at]
			case i%4 == 1:
				bad[i/4] ^= 1 << rng.IntN(8)
			case i%4 == 2:
				bad[len(bad)-1-i/4] ^= 1 << rng.IntN(8)
			default:
				bad[at] ^= 1 << rng.IntN(8)
			}
			r.check(os.WriteFile(file, bad, 0o644))
			if _, err := Verify(t.Context(), VerifyOptions{From: file}); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrVersion) {
				t.Errorf("harm %d at %d of %d: verify: %v", i, at, len(good), err)
			}
			_, err := Restore(t.Context(), RestoreOptions{From: file, To: to, segmentBytes: testSegmentBytes})
			if _, serr := os.Stat(to.Data); !errors.Is(serr, os.ErrNotExist) || !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrVersion) {
				t.Errorf("harm %d at %d of %d: restore: %v; %v", i, at, len(good), err, serr)
			}
		}
	})
}

// TestDamageBeforeTheBackup: the checksums are good, and the content is not.
func TestDamageBeforeTheBackup(t *testing.T) {
	withRig(t, func(rt *rapid.T, r *rig, dir string) {
		folder := filepath.Join(dir, "backups")
		src := r.source()
		last := r.log.LastZxid()
		m := r.save(t.Context(), SaveOptions{Folder: folder, Source: &forger{src, last - 1}}).Manifest
		if v, err := Verify(t.Context(), VerifyOptions{From: folder}); err != nil {
			t.Fatalf("%v: %+v", err, v)
		}
		if _, err := Verify(t.Context(), VerifyOptions{From: folder, Deep: true}); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "digest") {
			t.Fatal(err)
		}
		to := Dirs{Data: filepath.Join(dir, "to")}
		if _, err := Restore(t.Context(), RestoreOptions{From: folder, To: to, segmentBytes: testSegmentBytes}); !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
		// Up to there, all is well.
		z := last - 2
		if z < m.earliest() {
			t.Skip("the snapshot reaches too far")
		}
		if _, err := Restore(t.Context(), RestoreOptions{From: folder, To: to, Point: Point{Zxid: &z}, segmentBytes: testSegmentBytes}); err != nil {
			t.Fatal(err)
		}
	})
}

// forger is a source that changes the digest of one transaction.
type forger struct {
	*inProcess
	at proto.Zxid
}

// ReadLog implements Source.
func (f *forger) ReadLog(ctx context.Context, after, until proto.Zxid, visit func(proto.Zxid, []byte) error) error {
	return f.inProcess.ReadLog(ctx, after, until, func(z proto.Zxid, b []byte) error {
		if z == f.at {
			b = bytes.Clone(b)
			b[len(b)-1] ^= 1
		}
		return visit(z, b)
	})
}
