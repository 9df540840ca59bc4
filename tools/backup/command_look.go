package backup

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"gamekeeper/tools/progress"
)

func listCommand() *cobra.Command {
	var from fromFlag
	var out outputFlags
	cmd := &cobra.Command{
		Use:     "list FOLDER",
		Short:   "List the backups in a folder",
		Example: `  gamekeeper backup list /backups/zk`,
		Args:    cobra.MaximumNArgs(1),
		RunE: run(func(_ context.Context, cmd *cobra.Command, args []string) error {
			path, err := from.path(args)
			if err != nil {
				return err
			}
			infos, bad, err := List(path)
			if err != nil {
				return err
			}
			if infos == nil {
				infos = []Info{}
			}
			err = out.print(cmd.OutOrStdout(), infos, func(w io.Writer) {
				fmt.Fprintln(w, "BACKUP\tZXID\tTIME OF LAST\tZNODES\tSIZE")
				for i, x := range infos {
					note := ""
					if i > 0 && x.Series != infos[i-1].Series {
						note = "\tnothing between this and the one above"
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s%s\n", x.ID, x.To, clock(x.ToTime), x.Nodes, progress.Size(x.Bytes), note)
				}
			})
			return errors.Join(append(bad, err)...)
		}),
	}
	from.add(cmd)
	out.add(cmd)
	return cmd
}

func verifyCommand() *cobra.Command {
	var from fromFlag
	var out outputFlags
	var o VerifyOptions
	cmd := &cobra.Command{
		Use:   "verify (FOLDER | FILE)",
		Short: "Check that backups hold what was written into them",
		Long: `Check that backups hold what was written into them: every checksum, and that the log has no gap. With --deep,
each snapshot is loaded and all log is replayed, as a restore would, and the digests of the trees are compared.`,
		Example: `  gamekeeper backup verify /backups/zk --deep`,
		Args:    cobra.MaximumNArgs(1),
		RunE: run(func(ctx context.Context, cmd *cobra.Command, args []string) (err error) {
			if o.From, err = from.path(args); err != nil {
				return err
			}
			o.Progress = out.progress(cmd.ErrOrStderr())
			v, err := Verify(ctx, o)
			if err != nil && !errors.Is(err, ErrDamaged) {
				return err
			}
			return errors.Join(err, out.print(cmd.OutOrStdout(), v, func(w io.Writer) { v.text(w, o.Deep) }))
		}),
	}
	from.add(cmd)
	out.add(cmd)
	cmd.Flags().BoolVar(&o.Deep, "deep", false, "also load the trees and replay the log")
	return cmd
}

// text prints the result for people.
func (v *VerifyResult) text(w io.Writer, deep bool) {
	fmt.Fprintf(w, "checked\t%s: %s, %s of log, %s\n", number(v.Backups, "backup"), number(v.Files, "file"), number(v.Chunks, "part"), progress.Size(v.Bytes))
	if deep {
		fmt.Fprintf(w, "replayed\t%s, compared %s\n", number(v.Replayed, "transaction"), number(v.Digests, "digest"))
	}
	for _, p := range v.Problems {
		fmt.Fprintf(w, "DAMAGED\t%s\n", p.what())
		for _, id := range p.Backups {
			fmt.Fprintf(w, "\tbackup %s needs it\n", id)
		}
	}
	for _, n := range v.Notes {
		fmt.Fprintf(w, "note\t%s\n", n)
	}
	if len(v.Problems) == 0 {
		fmt.Fprintln(w, "result\tno damage found")
	}
}

func showCommand() *cobra.Command {
	var from fromFlag
	var out outputFlags
	var o ShowOptions
	cmd := &cobra.Command{
		Use:   "show (FOLDER | FILE)",
		Short: "Describe a backup: counts, size, zxids and times, biggest subtrees",
		Example: `  gamekeeper backup show /backups/zk
  gamekeeper backup show /backups/zk --backup 20260102T030405 --subtrees 30 --depth 3`,
		Args: cobra.MaximumNArgs(1),
		RunE: run(func(ctx context.Context, cmd *cobra.Command, args []string) (err error) {
			if o.From, err = from.path(args); err != nil {
				return err
			}
			if o.Subtrees < 0 || o.Depth < 1 {
				return usage("--subtrees must not be negative, and --depth must be at least 1")
			}
			o.Progress = out.progress(cmd.ErrOrStderr())
			r, err := Show(ctx, o)
			if err != nil {
				return err
			}
			return out.print(cmd.OutOrStdout(), r, r.text)
		}),
	}
	from.add(cmd)
	out.add(cmd)
	cmd.Flags().StringVar(&o.Backup, "backup", "", "id of the backup, or its beginning; the newest if not given")
	cmd.Flags().BoolVar(&o.Quick, "quick", false, "only what can be told without loading the tree")
	cmd.Flags().IntVar(&o.Subtrees, "subtrees", 10, "how many of the biggest subtrees to name")
	cmd.Flags().IntVar(&o.Depth, "depth", 2, "how far below the root a subtree may begin")
	return cmd
}

// text prints the result for people.
func (r *ShowResult) text(w io.Writer) {
	fmt.Fprintf(w, "backup\t%s\n", r.ID)
	fmt.Fprintf(w, "taken\t%s\n", clock(r.Created))
	if r.Version != "" {
		fmt.Fprintf(w, "server\t%s\n", r.Version)
	}
	if r.From == r.To {
		fmt.Fprintf(w, "zxid\t%s\n", r.To)
		fmt.Fprintf(w, "time\t%s\n", clock(r.ToTime))
	} else {
		fmt.Fprintf(w, "zxids\t%s to %s\n", r.From, r.To)
		fmt.Fprintf(w, "times\t%s to %s\n", clock(r.FromTime), clock(r.ToTime))
	}
	fmt.Fprintf(w, "size\t%s: %s, %s of log\n", progress.Size(r.Bytes), number(r.Files, "file"), number(r.Records, "transaction"))
	c := r.Tree
	if c == nil {
		fmt.Fprintf(w, "znodes\t%d in the snapshot\n", r.Nodes)
		return
	}
	fmt.Fprintf(w, "znodes\t%d: %d ephemerals, %d containers, %d with a time to live\n", c.Nodes, c.Ephemerals, c.Containers, c.TTLs)
	fmt.Fprintf(w, "sessions\t%d\n", c.Sessions)
	fmt.Fprintf(w, "data\t%s\n", progress.Size(c.DataBytes))
	fmt.Fprintf(w, "digest\t%#x\n", c.Digest)
	for i, s := range c.Subtrees {
		label := ""
		if i == 0 {
			label = "biggest"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", label, s.Path, number(s.Nodes, "znode"), progress.Size(s.Bytes))
	}
}
