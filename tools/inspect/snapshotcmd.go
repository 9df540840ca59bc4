package inspect

import (
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"gamekeeper/tree"
)

// SnapshotCommand returns the command "snapshot" with its subcommands.
func SnapshotCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "snapshot",
		Short: "Look into a snapshot or a backup without a server",
		Long: `Look into the snapshot of a server that is stopped, into a copy of one, or into a backup. DIR is the data
directory, the directory of the snapshot itself, a backup folder (its newest backup, or another one as
FOLDER@ID), or a backup file. Nothing is changed. While a server runs it keeps its snapshot locked: take a
backup then, and look into that.

A snapshot is written while the tree changes: each znode is in it as it was at some moment between two
transactions that "stat" names. With --replay the log that comes after it is applied, which gives exactly
what the server had at the end of the log. Of a backup, that is what is always shown.

Exit codes: 0 well, 1 damage or a difference found or failed, 2 arguments that make no sense.`,
	}
	cmd.AddCommand(lsCommand(), getCommand(), snapshotStatCommand(), diffCommand())
	return cmd
}

func lsCommand() *cobra.Command {
	var f sourceFlags
	var recursive, long bool
	cmd := command(&cobra.Command{
		Use:   "ls DIR [PATH]",
		Short: "List znodes",
		Long: `List the children of a znode, the root if none is given; with -r all znodes below it, too, parents before
children, level by level.`,
		Example: `  gamekeeper snapshot ls /var/lib/zookeeper /services
  gamekeeper snapshot ls -r -l --json /var/lib/zookeeper | jq -r 'select(.kind=="ephemeral").path'`,
		ValidArgsFunction: completeSnapshots(1),
	}, 1, 2, func(cmd *cobra.Command, out *output, args []string) error {
		path := []byte("/")
		if len(args) == 2 {
			var err error
			if path, err = parsePath(args[1]); err != nil {
				return usageError("%w", err)
			}
		}
		if err := f.check(); err != nil {
			return err
		}
		o, err := f.open(cmd.Context(), out, args[0])
		if err != nil {
			return err
		}
		defer o.close()
		return list(out, o, path, recursive, long)
	})
	cmd.Flags().BoolVarP(&recursive, "recursive", "r", false, "all znodes below, not the children alone")
	cmd.Flags().BoolVarP(&long, "long", "l", false, "versions, lengths, times and owners, too")
	f.add(cmd)
	jsonFlag(cmd)
	return cmd
}

// errNoZnode is about a path at which there is nothing.
func errNoZnode(o *opened, path []byte) error {
	return fmt.Errorf("there is no znode %s in %s", quotePath(string(path)), o.where)
}

func list(out *output, o *opened, path []byte, recursive, long bool) error {
	if _, ok, err := o.Get(path); err != nil {
		return err
	} else if !ok {
		return errNoZnode(o, path)
	}
	// The table's columns are aligned in blocks, so that it needs no more memory than one of them.
	const block = 1000
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	n := int64(0)
	var failed error
	visit := func(p []byte, z tree.Stored) bool {
		if recursive && n == 0 && len(p) == len(path) {
			return true // the znode itself
		}
		n++
		out.meter.at(n, 0, "znodes")
		switch {
		case out.json:
			failed = out.object(newJSONZnode(p, &z, false))
		case long:
			if n%block == 1 {
				fmt.Fprintln(w, "VERSION\tDATA\tMODIFIED\tMZXID\tKIND\tPATH")
			}
			fmt.Fprintf(w, "%d\t%s\t%s\t%v\t%s\t%s\n", z.Version, lengthText(z.Data), timeText(z.Mtime), z.Mzxid,
				ownerText(z.Owner), quotePath(string(p)))
			if n%block == 0 {
				failed = w.Flush()
			}
		default:
			_, failed = fmt.Fprintln(out, quotePath(string(p)))
		}
		return failed == nil
	}
	walk := o.Children
	if recursive {
		walk = o.Nodes
	}
	if err := walk(path, visit); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	return w.Flush()
}

func getCommand() *cobra.Command {
	var f sourceFlags
	var stat bool
	cmd := command(&cobra.Command{
		Use:   "get DIR PATH",
		Short: "Print the data of a znode",
		Long: `Print the data of a znode, the bytes as they are; with --stat what else is known of it, and with --json
both.`,
		Example: `  gamekeeper snapshot get /var/lib/zookeeper /services/web/config > config
  gamekeeper snapshot get --stat /var/lib/zookeeper /services/web`,
		ValidArgsFunction: completeSnapshots(1),
	}, 2, 2, func(cmd *cobra.Command, out *output, args []string) error {
		path, err := parsePath(args[1])
		if err != nil {
			return usageError("%w", err)
		}
		if err := f.check(); err != nil {
			return err
		}
		o, err := f.open(cmd.Context(), out, args[0])
		if err != nil {
			return err
		}
		defer o.close()
		return get(out, o, path, stat)
	})
	cmd.Flags().BoolVar(&stat, "stat", false, "print the stat and the ACL list instead of the data")
	f.add(cmd)
	jsonFlag(cmd)
	return cmd
}

func get(out *output, o *opened, path []byte, stat bool) error {
	n, ok, err := o.Get(path)
	if err != nil {
		return err
	}
	if !ok {
		return errNoZnode(o, path)
	}
	if !stat && !out.json {
		_, err := out.Write(n.Data)
		return err
	}
	children := 0
	err = o.Children(path, func([]byte, tree.Stored) bool { children++; return true })
	if err != nil {
		return err
	}
	if out.json {
		j := newJSONZnode(path, &n, true)
		j.NumChildren = &children
		return out.object(j)
	}
	return out.table([][]string{
		{"path", quotePath(string(path))},
		{"kind", ownerText(n.Owner)},
		{"data", lengthText(n.Data)},
		{"children", decimal(int64(children))},
		{"version", decimal(int64(n.Version))},
		{"cversion", decimal(int64(2*n.RawCversion - int32(children)))},
		{"aversion", decimal(int64(n.Aversion))},
		{"czxid", n.Czxid.String()},
		{"mzxid", n.Mzxid.String()},
		{"pzxid", n.Pzxid.String()},
		{"ctime", timeText(n.Ctime)},
		{"mtime", timeText(n.Mtime)},
		{"acl", n.ACLs.String()},
	})
}

// diskBytes is the size of the files in a directory.
func diskBytes(dir string) (n int64, files int) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, 0 // the store was read, so this is of no weight
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			n += info.Size()
			files++
		}
	}
	return n, files
}
