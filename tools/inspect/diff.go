package inspect

import (
	"bytes"
	"fmt"
	"iter"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"gamekeeper/tree"
)

func diffCommand() *cobra.Command {
	var f sourceFlags
	var data bool
	var path string
	cmd := command(&cobra.Command{
		Use:   "diff A B",
		Short: "Compare two snapshots",
		Long: `Compare two snapshots: "+" is a znode that only B has, "-" one that only A has, "~" one that differs, with
what differs. Exit code 1 if anything does.`,
		Example:           `  gamekeeper snapshot diff /backup/monday /backup/tuesday --path /services --data`,
		ValidArgsFunction: completeSnapshots(2),
	}, 2, 2, func(cmd *cobra.Command, out *output, args []string) error {
		root, err := parsePath(path)
		if err != nil {
			return usageError("--path: %w", err)
		}
		if err := f.check(); err != nil {
			return err
		}
		if f.log != "" {
			return usageError("--log cannot be for both: give data directories that hold snapshot and log")
		}
		if same, err := sameStore(args[0], args[1]); err != nil {
			return err
		} else if same {
			return usageError("%s and %s are the same snapshot", args[0], args[1])
		}
		a, err := f.open(cmd.Context(), out, args[0])
		if err != nil {
			return err
		}
		defer a.close()
		b, err := f.open(cmd.Context(), out, args[1])
		if err != nil {
			return err
		}
		defer b.close()
		d := differ{out: out, data: data}
		return d.run(a, b, root)
	})
	cmd.Flags().StringVar(&path, "path", "/", "compare the znode at this `path` and those below it")
	cmd.Flags().BoolVar(&data, "data", false, "show values: text as such, other bytes in base64")
	f.add(cmd)
	jsonFlag(cmd)
	return cmd
}

// sameStore says whether two directories lead to one store.
func sameStore(a, b string) (bool, error) {
	var infos []os.FileInfo
	for _, dir := range []string{a, b} {
		if _, _, ok := findBackup(dir); ok {
			return false, nil
		}
		store, err := findStore(dir)
		if err != nil {
			return false, err
		}
		info, err := os.Stat(store)
		if err != nil {
			return false, err
		}
		infos = append(infos, info)
	}
	return os.SameFile(infos[0], infos[1]), nil
}

// jsonChange is a difference.
type jsonChange struct {
	Change string     `json:"change"` // added, removed or changed
	Path   string     `json:"path"`
	Fields []string   `json:"fields,omitempty"` // that differ
	Before *jsonZnode `json:"before,omitempty"`
	After  *jsonZnode `json:"after,omitempty"`
}

// differ compares two sources.
type differ struct {
	out                     *output
	data                    bool
	added, removed, changed int64
	seen                    int64
}

// visited is a znode that a source shows.
type visited struct {
	path []byte
	n    tree.Stored
}

// pull lets a source's znodes be taken one by one. What is taken is good until the next one is.
func pull(s source, root []byte) (next func() (visited, bool), stop func(), failed *error) {
	failed = new(error)
	next, stop = iter.Pull(func(yield func(visited) bool) {
		*failed = s.Nodes(root, func(path []byte, n tree.Stored) bool { return yield(visited{path, n}) })
	})
	return next, stop, failed
}

func (d *differ) run(a, b source, root []byte) error {
	nextA, stopA, failedA := pull(a, root)
	defer stopA()
	nextB, stopB, failedB := pull(b, root)
	defer stopB()
	x, moreA := nextA()
	y, moreB := nextB()
	for moreA || moreB {
		d.seen++
		d.out.meter.at(d.seen, 0, "znodes")
		order := 0
		switch {
		case *failedA != nil:
			return *failedA
		case *failedB != nil:
			return *failedB
		case !moreA:
			order = 1
		case !moreB:
			order = -1
		default:
			order = comparePaths(x.path, y.path)
		}
		if err := d.pair(order, &x, &y); err != nil {
			return err
		}
		if order <= 0 {
			x, moreA = nextA()
		}
		if order >= 0 {
			y, moreB = nextB()
		}
	}
	if *failedA != nil {
		return *failedA
	}
	if *failedB != nil {
		return *failedB
	}
	if d.added+d.removed+d.changed == 0 {
		return nil
	}
	return fmt.Errorf("the snapshots differ: %d added, %d removed, %d changed", d.added, d.removed, d.changed)
}

// pair looks at the next znodes, of which order tells the first, or that they are the same one.
func (d *differ) pair(order int, x, y *visited) error {
	switch {
	case order < 0:
		d.removed++
		return d.one("removed", "-", x)
	case order > 0:
		d.added++
		return d.one("added", "+", y)
	}
	fields := differences(&x.n, &y.n)
	if len(fields) == 0 {
		return nil
	}
	d.changed++
	if d.out.json {
		before, after := newJSONZnode(x.path, &x.n, d.data), newJSONZnode(y.path, &y.n, d.data)
		c := jsonChange{Change: "changed", Path: string(x.path), Before: &before, After: &after}
		for _, f := range fields {
			c.Fields = append(c.Fields, f.name)
		}
		return d.out.object(c)
	}
	texts := make([]string, 0, len(fields))
	for _, f := range fields {
		if f.name == "data" && d.data {
			f.before, f.after = valueText(x.n.Data), valueText(y.n.Data)
		}
		if f.before == f.after {
			texts = append(texts, f.name+" of the same length "+f.before)
		} else {
			texts = append(texts, f.name+" "+f.before+" -> "+f.after)
		}
	}
	_, err := fmt.Fprintf(d.out, "~ %s  %s\n", quotePath(string(x.path)), strings.Join(texts, ", "))
	return err
}

func (d *differ) one(change, sign string, v *visited) error {
	if d.out.json {
		z := newJSONZnode(v.path, &v.n, d.data)
		c := jsonChange{Change: change, Path: string(v.path)}
		if change == "added" {
			c.After = &z
		} else {
			c.Before = &z
		}
		return d.out.object(c)
	}
	data := "data " + lengthText(v.n.Data)
	if d.data {
		data = "data " + valueText(v.n.Data)
	}
	_, err := fmt.Fprintf(d.out, "%s %s  %s, %s, czxid %v\n", sign, quotePath(string(v.path)), ownerText(v.n.Owner), data, v.n.Czxid)
	return err
}

// difference is a field in which two znodes differ. Data is given by its length.
type difference struct{ name, before, after string }

func differences(a, b *tree.Stored) (list []difference) {
	note := func(differs bool, name string, before, after any) {
		if differs {
			list = append(list, difference{name, fmt.Sprint(before), fmt.Sprint(after)})
		}
	}
	note((a.Data == nil) != (b.Data == nil) || !bytes.Equal(a.Data, b.Data), "data", lengthText(a.Data), lengthText(b.Data))
	note(!bytes.Equal(a.ACLs, b.ACLs), "acl", a.ACLs, b.ACLs)
	note(a.Owner != b.Owner, "kind", ownerText(a.Owner), ownerText(b.Owner))
	note(a.Version != b.Version, "version", a.Version, b.Version)
	note(a.RawCversion != b.RawCversion, "creations", a.RawCversion, b.RawCversion)
	note(a.Aversion != b.Aversion, "aversion", a.Aversion, b.Aversion)
	note(a.Czxid != b.Czxid, "czxid", a.Czxid, b.Czxid)
	note(a.Mzxid != b.Mzxid, "mzxid", a.Mzxid, b.Mzxid)
	note(a.Pzxid != b.Pzxid, "pzxid", a.Pzxid, b.Pzxid)
	note(a.Ctime != b.Ctime, "ctime", timeText(a.Ctime), timeText(b.Ctime))
	note(a.Mtime != b.Mtime, "mtime", timeText(a.Mtime), timeText(b.Mtime))
	return list
}
