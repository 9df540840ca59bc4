package backup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gamekeeper/wal"
)

// outgrow writes log until the snapshot has made the segment needless that comes next, and damages that.
func (r *rig) outgrow(rt *rapid.T) {
	n := len(r.log.Segments())
	for len(r.log.Segments()) < n+3 {
		r.step(rt, 50)
	}
	r.round(rt, 0)
	r.damage(r.log.Segments()[n])
	r.step(rt, 5)
}

// damage flips a bit in the last record of a segment.
func (r *rig) damage(seg wal.Segment) {
	b, err := os.ReadFile(seg.Name)
	r.check(err)
	b[seg.Bytes-12] ^= 1
	r.check(os.WriteFile(seg.Name, b, 0o644))
}

// TestNeedlessLogIsDamaged: the server starts without an old segment, and a backup is taken without it. What the backup
// before reached to can still be restored.
func TestNeedlessLogIsDamaged(t *testing.T) {
	for _, running := range []bool{true, false} {
		withRig(t, func(rt *rapid.T, r *rig, dir string) {
			folder := filepath.Join(dir, "backups")
			first := r.save(t.Context(), SaveOptions{Folder: folder})
			r.outgrow(rt)
			o, alone := SaveOptions{Folder: folder}, SaveOptions{File: filepath.Join(dir, "alone.gkb")}
			last := r.log.LastZxid()
			if !running {
				r.close()
				s, err := openStopped(r.dirs)
				r.check(err)
				defer s.Close()
				o.Source, alone.Source = s, s
			}
			second := r.save(t.Context(), o)
			if !strings.Contains(second.Gap, "cannot be read") || second.Manifest.Series == first.Manifest.Series || second.Manifest.Last != last {
				t.Fatalf("%+v", second)
			}
			third := r.save(t.Context(), alone)
			if third.Gap != "" || third.Manifest.Last != last {
				t.Fatalf("%+v", third)
			}
			if warned := len(third.Damaged) == 1 && strings.Contains(third.Damaged[0], "is damaged"); warned == running {
				t.Errorf("warned of %q", third.Damaged)
			}
			for i, o := range []RestoreOptions{
				{From: folder, Backup: first.Manifest.ID}, {From: folder, Backup: second.Manifest.ID}, {From: third.Path},
			} {
				o.To, o.segmentBytes = Dirs{Data: filepath.Join(dir, "to", string(rune('a'+i)))}, testSegmentBytes
				x, err := Restore(t.Context(), o)
				r.check(err)
				st, err := load(o.To)
				r.check(err)
				want := r.want(x.Zxid)
				if d := cmp.Diff(dump(want.tree, want.sessions), dump(st.tree, st.sessions)); d != "" {
					t.Fatal(d)
				}
			}
			if v, err := Verify(t.Context(), VerifyOptions{From: folder, Deep: true}); err != nil || len(v.Notes) > 0 {
				t.Fatalf("%v: %+v", err, v)
			}
		})
	}
}

// TestNeededLogIsDamaged: what the server needs to start cannot be left out of a backup.
func TestNeededLogIsDamaged(t *testing.T) {
	withRig(t, func(rt *rapid.T, r *rig, dir string) {
		n := len(r.log.Segments())
		for len(r.log.Segments()) < n+3 {
			r.step(rt, 50)
		}
		seg := r.log.Segments()[n]
		r.close()
		r.damage(seg)
		if _, err := openStopped(r.dirs); err == nil || !strings.Contains(err.Error(), filepath.Base(seg.Name)) {
			t.Errorf("opened: %v", err)
		}
	})
}

// TestAShortLogIsLeftAlone: a log that ends before the snapshot's mark is not touched when it is refused.
func TestAShortLogIsLeftAlone(t *testing.T) {
	withRig(t, func(rt *rapid.T, r *rig, dir string) {
		r.round(rt, 0)
		segs := r.log.Segments()
		seg := segs[len(segs)-1]
		r.close()
		b, err := os.ReadFile(seg.Name)
		r.check(err)
		clear(b[seg.Bytes-16:])
		r.check(os.WriteFile(seg.Name, b, 0o644))
		_, _, err = Connect(t.Context(), r.dirs)
		if err == nil || !strings.Contains(err.Error(), "nothing was changed") {
			t.Fatalf("opened: %v", err)
		}
		if after, err := os.ReadFile(seg.Name); err != nil || string(after) != string(b) {
			t.Errorf("the log was changed: %v", err)
		}
	})
}
