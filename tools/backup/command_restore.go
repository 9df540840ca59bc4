package backup

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"gamekeeper/proto"
)

// pointFlags name a point in a history.
type pointFlags struct{ zxid, time, ago string }

func (f *pointFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.zxid, "zxid", "", "up to this transaction: 0x and hexadecimal, or decimal")
	cmd.Flags().StringVar(&f.time, "time", "", "up to this time: 2026-01-02T15:04:05Z, or \"2026-01-02 15:04:05\" as the local clock says")
	cmd.Flags().StringVar(&f.ago, "ago", "", "up to so long ago: 90s, 10m, 2h, 1d12h")
}

func (f *pointFlags) point(now time.Time) (p Point, err error) {
	given := 0
	for _, s := range []string{f.zxid, f.time, f.ago} {
		if s != "" {
			given++
		}
	}
	if given > 1 {
		return p, usage("give one of --zxid, --time and --ago")
	}
	switch {
	case f.zxid != "":
		z, err := proto.ParseZxid(f.zxid)
		if err != nil {
			return p, usage("--zxid: %w", err)
		}
		p.Zxid = &z
	case f.time != "":
		t, err := time.Parse(time.RFC3339, f.time)
		if err != nil {
			t, err = time.ParseInLocation(time.DateTime, f.time, time.Local)
		}
		if err != nil {
			return p, usage("--time=%s: give it as %s or as %q", f.time, now.Format(time.RFC3339), now.Local().Format(time.DateTime))
		}
		p.Time = &t
	case f.ago != "":
		d, err := ParseDuration(f.ago)
		if err != nil || d < 0 {
			return p, usage("--ago=%s: give a time such as 90s, 10m, 2h or 1d12h", f.ago)
		}
		t := now.Add(-d)
		p.Time = &t
	}
	return p, nil
}

// RestoreCommand returns `gamekeeper restore`.
func RestoreCommand() *cobra.Command {
	var server serverFlags
	var point pointFlags
	var out outputFlags
	var o RestoreOptions
	cmd := &cobra.Command{
		Use:   "restore --from (FOLDER | FILE) (--config zoo.cfg | --data-dir DIR) [--zxid Z | --time T | --ago D]",
		Short: "Build the data directory of a server from a backup, as of any point in it",
		Long: `Build the data directory of a server from a backup: to its end, or to a transaction or a point in time.

Everything is checked before it is put in place: checksums, that the log has no gap, and the digest of the
tree. A directory that holds data is never overwritten. In an ensemble, restore one server and let the
others start with empty directories, so that they take the state over from it.

Exit codes: 0 restored, 1 failed and nothing was changed, 2 wrong arguments.`,
		Example: `  gamekeeper restore --from /backups/zk --data-dir /var/lib/zookeeper
  gamekeeper restore --from /backups/zk --data-dir /var/lib/zookeeper --ago 10m
  gamekeeper restore --from /mnt/zk-before-upgrade.gkb --config /etc/zookeeper/zoo.cfg --dry-run`,
		Args: cobra.NoArgs,
		RunE: run(func(ctx context.Context, cmd *cobra.Command, _ []string) (err error) {
			if o.From == "" {
				return usage("which backup? give its folder or file with --from")
			}
			if !o.DryRun || server != (serverFlags{}) {
				if o.To, err = server.dirs(); err != nil {
					return err
				}
			}
			if o.Point, err = point.point(time.Now()); err != nil {
				return err
			}
			o.Progress = out.progress(cmd.ErrOrStderr())
			r, err := Restore(ctx, o)
			if err != nil {
				return err
			}
			return out.print(cmd.OutOrStdout(), r, r.text)
		}),
	}
	server.add(cmd)
	point.add(cmd)
	out.add(cmd)
	cmd.Flags().StringVar(&o.From, "from", "", "the backup folder or file")
	cmd.Flags().StringVar(&o.Backup, "backup", "", "id of a backup in the folder, or its beginning: restore to its end, or to a point before it")
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "check everything and say what would be restored")
	return cmd
}

// text prints the result for people.
func (x *RestoreResult) text(w io.Writer) {
	what := "restored"
	if x.DryRun {
		what = "would restore"
	}
	fmt.Fprintf(w, "%s\tzxid %s of %s\n", what, x.Zxid, clock(x.Time))
	fmt.Fprintf(w, "znodes\t%d, %d of them ephemeral\n", x.Nodes, x.Ephemerals)
	fmt.Fprintf(w, "sessions\t%d\n", x.Sessions)
	fmt.Fprintf(w, "from\tbackup %s and %s of log (%s compared)\n", x.Backup, number(x.Replayed, "transaction"), number(x.Checked, "digest"))
	if !x.DryRun {
		fmt.Fprintf(w, "to\t%s\n", x.DataDir)
		if x.DataLogDir != x.DataDir {
			fmt.Fprintf(w, "log to\t%s\n", x.DataLogDir)
		}
	}
	fmt.Fprintf(w, "took\t%s\n", x.Elapsed.Round(time.Millisecond))
}
