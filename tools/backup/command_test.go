package backup

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"pgregory.net/rapid"

	"gamekeeper/server/control"
)

// execute runs a command, and returns what it printed and its exit code.
func execute(t *testing.T, cmd *cobra.Command, args ...string) (string, int) {
	t.Helper()
	var out bytes.Buffer
	root := &cobra.Command{Use: "gamekeeper", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(cmd)
	root.SetArgs(append([]string{cmd.Name()}, args...))
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.ExecuteContext(t.Context())
	if err == nil {
		return out.String(), 0
	}
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) {
		return out.String() + err.Error(), coded.ExitCode()
	}
	return out.String() + err.Error(), 2
}

// TestCommands walks through a backup of a running and of a stopped server, on the command line.
func TestCommands(t *testing.T) {
	withRig(t, func(rt *rapid.T, r *rig, dir string) {
		folder, file := filepath.Join(dir, "backups"), filepath.Join(dir, "one.gkb")
		expect := func(code int, want string, cmd *cobra.Command, args ...string) string {
			t.Helper()
			out, got := execute(t, cmd, args...)
			if got != code || !strings.Contains(out, want) {
				t.Errorf("%v: exit code %d, want %d and %q:\n%s", args, got, code, want, out)
			}
			return out
		}
		// The log is locked and nobody listens.
		expect(1, "does not listen", Command(), "save", "--data-dir", r.dirs.Data, "--data-log-dir", r.dirs.Log, "--to", folder)
		src := r.source()
		server, err := control.Listen(control.Path(r.dirs.Data), src, nil)
		r.check(err)
		expect(0, "backup", Command(), "save", "--data-dir", r.dirs.Data, "--to", folder)
		if src.pins != 0 {
			t.Errorf("%d pins", src.pins)
		}
		expect(0, "added", Command(), "save", "--data-dir", r.dirs.Data, "--file", file)
		r.check(server.Close())
		r.step(rt, 10)
		last := r.log.LastZxid()
		r.close()
		out := expect(0, `"gap"`[:0], Command(), "save", "--data-dir", r.dirs.Data, "--data-log-dir", r.dirs.Log, "--to", folder, "--json")
		var saved SaveResult
		r.check(json.Unmarshal([]byte(out), &saved))
		if saved.Gap != "" || saved.Manifest.Last != last || saved.AddedFiles > 2 {
			t.Errorf("the backup of the stopped server: %s", out)
		}
		expect(0, saved.Manifest.ID, Command(), "list", folder)
		expect(0, saved.Manifest.Last.String(), Command(), "list", folder)
		expect(0, "no damage", Command(), "verify", folder, "--deep")
		expect(0, "no damage", Command(), "verify", "--from", file)
		expect(0, "biggest", Command(), "show", folder)
		expect(0, "znodes", Command(), "show", file, "--quick")
		z := saved.Manifest.Last - 3
		for _, to := range []string{folder, file} {
			expect(0, "would restore", RestoreCommand(), "--from", to, "--dry-run")
		}
		if z < saved.Manifest.earliest() {
			z = saved.Manifest.Last
		}
		to := filepath.Join(dir, "restored")
		expect(0, "zxid "+r.lastUpTo(z).String(), RestoreCommand(), "--from", folder, "--data-dir", to, "--zxid", z.String())
		st, err := load(Dirs{Data: to})
		if want := r.want(z); err != nil || dump(st.tree, st.sessions) != dump(want.tree, want.sessions) {
			t.Errorf("restored something else: %v", err)
		}
		expect(1, "holds data", RestoreCommand(), "--from", folder, "--data-dir", to)
		expect(1, "oldest backup begins", RestoreCommand(), "--from", folder, "--data-dir", to+"2", "--time", "2001-01-01T00:00:00Z")
		expect(0, "removed", Command(), "prune", folder, "--retain", "1")
		expect(1, "there is no file or folder", Command(), "list", folder+"x")
		expect(1, "is a file", Command(), "prune", file, "--retain", "1")
		expect(1, "is a file", Command(), "save", "--data-dir", to, "--to", file)
		expect(2, `--retain="some" is no retention`, Command(), "prune", folder, "--retain", "some")
		for _, f := range saved.Manifest.Files {
			path := filepath.Join(folder, "files", f.SHA256)
			r.check(os.Remove(path))
			r.check(os.WriteFile(path, []byte("x"), 0o644))
		}
		expect(1, "DAMAGED", Command(), "verify", folder)

		for _, args := range [][]string{
			{"save"},
			{"save", "--data-dir", "x"},
			{"save", "--data-dir", "x", "--to", "y", "--file", "z"},
			{"save", "--data-dir", "x", "--config", "y", "--to", "z"},
			{"save", "--data-dir", "x", "--to", "z", "--retain", "some"},
			{"list"},
			{"list", folder, "--from", folder},
			{"prune", folder},
			{"show", folder, "--depth", "0"},
			{"dance"},
		} {
			if out, code := execute(t, Command(), args...); code != 2 && args[0] != "dance" {
				t.Errorf("%v: exit code %d: %s", args, code, out)
			}
		}
		for _, args := range [][]string{
			{}, {"--from", folder}, {"--from", folder, "--data-dir", to, "--zxid", "x"},
			{"--from", folder, "--data-dir", to, "--time", "noon"}, {"--from", folder, "--data-dir", to, "--ago", "long"},
			{"--from", folder, "--data-dir", to, "--ago", "1h", "--zxid", "3"},
		} {
			if out, code := execute(t, RestoreCommand(), args...); code != 2 {
				t.Errorf("%v: exit code %d: %s", args, code, out)
			}
		}
	})
}

func TestPoints(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		f    pointFlags
		want time.Time
	}{
		{pointFlags{ago: "1d2h"}, now.Add(-26 * time.Hour)},
		{pointFlags{time: "2026-01-01T00:00:00+01:00"}, time.Date(2025, 12, 31, 23, 0, 0, 0, time.UTC)},
		{pointFlags{time: "2026-01-01 10:00:00"}, time.Date(2026, 1, 1, 10, 0, 0, 0, time.Local)},
	} {
		if p, err := c.f.point(now); err != nil || p.Zxid != nil || !p.Time.Equal(c.want) {
			t.Errorf("%+v: %v, %v", c.f, p.Time, err)
		}
	}
	for _, s := range []string{"0x1f", "31", "0000000031"} {
		if p, err := (&pointFlags{zxid: s}).point(now); err != nil || p.Time != nil || *p.Zxid != 31 {
			t.Errorf("%s: %+v, %v", s, p, err)
		}
	}
}
