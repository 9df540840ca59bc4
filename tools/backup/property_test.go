package backup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gamekeeper/proto"
)

// TestRestoreEqualsReplay takes backups at random points of a random history, with rounds and purges in
// between, and restores them to random points: each time it must be what a replay of everything up to there
// gives.
func TestRestoreEqualsReplay(t *testing.T) {
	fewerChecks(t, "20")
	temp := tempDir(t)
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(temp, "")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		r := newRig(dir, rt.Fatalf)
		defer r.close()
		folder := filepath.Join(dir, "backups")
		r.step(rt, rapid.IntRange(0, 30).Draw(rt, "first"))
		saves := rapid.IntRange(1, 4).Draw(rt, "saves")
		var last *Manifest
		for range saves {
			for range rapid.IntRange(0, 3).Draw(rt, "between") {
				r.step(rt, rapid.IntRange(0, 20).Draw(rt, "transactions"))
				if rapid.Bool().Draw(rt, "round") {
					r.round(rt, rapid.IntRange(0, 4).Draw(rt, "meanwhile"))
				}
			}
			if last != nil && rapid.Bool().Draw(rt, "purge") {
				_, err := r.log.Purge(last.Last - 1)
				r.check(err)
			}
			src := r.source()
			if rapid.Bool().Draw(rt, "writes go on") {
				src.afterCopy = func() { r.step(rt, 3) }
			}
			res := r.save(t.Context(), SaveOptions{Source: src, Folder: folder})
			if res.Gap != "" || src.pins != 0 {
				rt.Fatalf("gap: %s; %d pins", res.Gap, src.pins)
			}
			if _, ok := r.store.Mark(); ok && src.afterCopy == nil && res.Manifest.Last != r.tree.LastZxid() {
				rt.Fatalf("up to %s of %s", res.Manifest.Last, r.tree.LastZxid())
			}
			last = res.Manifest
		}
		if v, err := Verify(t.Context(), VerifyOptions{From: folder, Deep: true}); err != nil {
			rt.Fatalf("%v: %+v", err, v)
		}
		for i := range 3 {
			r.restoreSomewhere(rt, t, folder, filepath.Join(dir, fmt.Sprint("restored", i)))
		}
	})
}

// restoreSomewhere restores to a random point and compares.
func (r *rig) restoreSomewhere(rt *rapid.T, t *testing.T, dir, to string) {
	f := &folder{path: dir}
	ms, _, err := f.manifests()
	r.check(err)
	first, last := ms[0], ms[len(ms)-1]
	o := RestoreOptions{From: dir, To: Dirs{Data: to}, segmentBytes: testSegmentBytes}
	if rapid.Bool().Draw(rt, "two directories") {
		o.To.Log = to + "-log"
	}
	want := last.Last
	switch rapid.SampledFrom([]string{"end", "backup", "zxid", "time"}).Draw(rt, "to") {
	case "backup":
		m := rapid.SampledFrom(ms).Draw(rt, "backup")
		o.Backup, want = m.ID, m.Last
	case "zxid":
		z := proto.Zxid(rapid.Int64Range(int64(first.earliest()), int64(last.Last)).Draw(rt, "zxid"))
		o.Point.Zxid, want = &z, r.lastUpTo(z)
	case "time":
		if len(r.records) == 0 {
			return
		}
		at := rapid.SampledFrom(r.records).Draw(rt, "time").time
		if at.After(last.Created) {
			return
		}
		o.Point.Time = &at
		want = 0
		for _, rec := range r.records {
			if rec.z <= last.Last && !rec.time.After(at) {
				want = rec.z
			}
		}
		if want < first.earliest() || want <= first.replayAfter() {
			if _, err := Restore(t.Context(), o); err != nil && !errors.Is(err, ErrRange) {
				rt.Fatalf("restore to before the beginning: %v", err)
			}
			return
		}
	}
	res, err := Restore(t.Context(), o)
	if err != nil {
		rt.Fatalf("restore to %s: %v", want, err)
	}
	st, err := load(o.To)
	if err != nil {
		rt.Fatalf("load what was restored to %s: %v", want, err)
	}
	expected := r.want(want)
	if d := cmp.Diff(dump(expected.tree, expected.sessions), dump(st.tree, st.sessions)); d != "" {
		rt.Fatalf("restored to %s from %s:\n%s", want, res.Backup, d)
	}
	if res.Zxid != want || res.Nodes != st.tree.Count() || res.Sessions != len(st.sessions) || res.Digest != st.tree.Digest() {
		rt.Fatalf("it says %+v", res)
	}
	if names, _ := list(filepath.Join(to, stagingName)); len(names) > 0 {
		rt.Fatalf("left behind: %v", names)
	}
}

// lastUpTo is the zxid of the last transaction up to z.
func (r *rig) lastUpTo(z proto.Zxid) (last proto.Zxid) {
	for _, rec := range r.records {
		if rec.z <= z {
			last = rec.z
		}
	}
	return last
}
