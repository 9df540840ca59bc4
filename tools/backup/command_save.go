package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"gamekeeper/tools/progress"
)

func saveCommand() *cobra.Command {
	var server serverFlags
	var out outputFlags
	var o SaveOptions
	var retain, holdLog string
	cmd := &cobra.Command{
		Use:   "save (--config zoo.cfg | --data-dir DIR) (--to FOLDER | --file FILE)",
		Short: "Take a backup of a running or stopped server, without stopping writes",
		Long: `Take a backup of a running or stopped server, without stopping writes.

A backup into a folder that holds others adds only the tables that changed and the log that is new. The log
of a running server is read through the socket in its data directory, so this runs on the same machine and
as the server's user, or as root.

A server purges log that its own snapshots make needless. With --hold-log it keeps what the next backup
needs for that long, at the cost of disk space; give a bit more than the time between two backups. Without, a
backup may find the log gone, says so, and no point between the two can be restored.`,
		Example: `  gamekeeper backup save --config /etc/zookeeper/zoo.cfg --to /backups/zk
  gamekeeper backup save --config /etc/zookeeper/zoo.cfg --to /backups/zk --hold-log 90m   # hourly, by cron
  gamekeeper backup save --data-dir /var/lib/zookeeper --file /mnt/zk-before-upgrade.gkb`,
		Args: cobra.NoArgs,
		RunE: run(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
			dirs, err := server.dirs()
			if err != nil {
				return err
			}
			if (o.Folder == "") == (o.File == "") {
				return usage("where to? give either --to FOLDER or --file FILE")
			}
			keep, err := ParseRetention(retain)
			if err != nil {
				return usage("--retain=%w", err)
			}
			hold, err := ParseDuration(holdLog)
			if err != nil || hold < 0 {
				return usage("--hold-log=%s: give a time such as 90m or 2d", holdLog)
			}
			o.HoldLog = hold
			if retain != "" && o.File != "" {
				return usage("--retain is for folders")
			}
			source, closer, err := Connect(ctx, dirs)
			if err != nil {
				return err
			}
			o.Source, o.Progress = source, out.progress(cmd.ErrOrStderr())
			r, err := Save(ctx, o)
			if err = errors.Join(err, closer.Close()); err != nil {
				return err
			}
			if (keep != Retention{}) {
				if _, err := Prune(o.Folder, keep, false, time.Now()); err != nil {
					return err
				}
			}
			return out.print(cmd.OutOrStdout(), r, r.text)
		}),
	}
	server.add(cmd)
	out.add(cmd)
	cmd.Flags().StringVar(&o.Folder, "to", "", "folder that gathers backups")
	cmd.Flags().StringVar(&o.File, "file", "", "new file that holds this backup alone")
	cmd.Flags().BoolVar(&o.Link, "link", false,
		"hard links in place of copies, if the folder is on the same file system: no space, but also no second copy")
	cmd.Flags().StringVar(&holdLog, "hold-log", "0s", "have the running server keep its log for so long (90m, 2d), for the next backup into this folder")
	cmd.Flags().StringVar(&retain, "retain", "", "afterwards remove old backups: keep a number (7), an age (14d), or both (7,14d)")
	return cmd
}

// text prints the result for people.
func (r *SaveResult) text(w io.Writer) {
	m := r.Manifest
	fmt.Fprintf(w, "backup\t%s in %s\n", m.ID, r.Path)
	fmt.Fprintf(w, "up to\tzxid %s of %s\n", m.Last, clock(m.LastTime))
	if m.Mark != nil {
		fmt.Fprintf(w, "snapshot\t%s, %s\n", number(m.Mark.Nodes, "znode"), number(len(m.Files), "file"))
	} else {
		fmt.Fprintf(w, "snapshot\tnone yet: the log is everything\n")
	}
	fmt.Fprintf(w, "added\t%s: %s, %s of log (unchanged: %s)\n", progress.Size(r.AddedBytes), number(r.AddedFiles, "file"),
		number(r.AddedChunks, "part"), number(r.KeptFiles, "file"))
	fmt.Fprintf(w, "took\t%s (checkpoint %s)\n", r.Elapsed.Round(time.Millisecond), r.Checkpoint.Round(time.Millisecond))
	if r.Removed > 0 {
		fmt.Fprintf(w, "removed\t%s that an interrupted command had left\n", number(r.Removed, "file"))
	}
	if r.Gap != "" {
		fmt.Fprintf(w, "WARNING\tno point between this backup and the one before can be restored: %s\n", r.Gap)
	}
	for _, d := range r.Damaged {
		fmt.Fprintf(w, "WARNING\t%s\n", d)
	}
}

func pruneCommand() *cobra.Command {
	var from fromFlag
	var out outputFlags
	var retain string
	var dry bool
	cmd := &cobra.Command{
		Use:   "prune FOLDER --retain RULE",
		Short: "Remove old backups from a folder",
		Long: `Remove old backups from a folder. The newest is always kept. Between two backups of a series that are kept,
every point can still be restored.`,
		Example: `  gamekeeper backup prune /backups/zk --retain 7,14d`,
		Args:    cobra.MaximumNArgs(1),
		RunE: run(func(_ context.Context, cmd *cobra.Command, args []string) error {
			path, err := from.path(args)
			if err != nil {
				return err
			}
			keep, err := ParseRetention(retain)
			if err != nil {
				return usage("--retain=%w", err)
			}
			if keep == (Retention{}) {
				return usage("--retain is missing: give a number of backups (7), an age (36h, 14d), or both (7,14d)")
			}
			p, err := Prune(path, keep, dry, time.Now())
			if err != nil {
				return err
			}
			return out.print(cmd.OutOrStdout(), p, func(w io.Writer) {
				removed, kept := "removed", "kept"
				if dry {
					removed, kept = "would remove", "would keep"
				}
				for _, id := range p.Removed {
					fmt.Fprintf(w, "%s\t%s\n", removed, id)
				}
				fmt.Fprintf(w, "%s %s, %s %d\n", removed, number(len(p.Removed), "backup"), kept, len(p.Kept))
			})
		}),
	}
	from.add(cmd)
	out.add(cmd)
	cmd.Flags().StringVar(&retain, "retain", "", "what to keep: a number of backups (7), an age (36h, 14d), or both (7,14d)")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be removed")
	return cmd
}
