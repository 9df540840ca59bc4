package inspect

import (
	"bytes"
	"context"
	"errors"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"gamekeeper/snapshot"
	"gamekeeper/tools/backup"
	"gamekeeper/tools/progress"
	"gamekeeper/tree"
)

// source is where znodes come from. What visit is given is good during the call; false ends the visits.
type source interface {
	Get(path []byte) (tree.Stored, bool, error)
	// Children are visited in the order of their names.
	Children(path []byte, visit func(path []byte, n tree.Stored) bool) error
	// Nodes visits a znode and all below it, by depth and then by path.
	Nodes(path []byte, visit func(path []byte, n tree.Stored) bool) error
}

// opened is a snapshot, and what of it is looked at.
type opened struct {
	source
	where    string          // a directory, or a backup
	store    *snapshot.Store // nil for a backup
	mark     snapshot.Mark   // zero for a backup
	tree     *tree.Tree      // nil if the store itself is looked at
	replayed int64
	sessions int
}

// sourceFlags say which state of a snapshot is wanted.
type sourceFlags struct {
	replay bool
	log    string
}

func (f *sourceFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.replay, "replay", false,
		"apply the log that comes after the snapshot; takes the memory that the tree takes")
	cmd.Flags().StringVar(&f.log, "log", "", "`directory` of the log for --replay; by default the one beside the snapshot")
	_ = cmd.MarkFlagDirname("log")
}

func (f *sourceFlags) check() error {
	if f.log != "" && !f.replay {
		return usageError("--log is of use with --replay alone")
	}
	return nil
}

// open opens the snapshot in dir, or the backup that it is. The caller closes it.
func (f *sourceFlags) open(ctx context.Context, out *output, dir string) (*opened, error) {
	if from, id, ok := findBackup(dir); ok {
		return openBackup(ctx, out, from, id)
	}
	s, err := openStore(dir)
	if err != nil {
		return nil, err
	}
	o := &opened{source: s, where: s.Dir(), store: s}
	o.mark, _ = s.Mark()
	if err := f.load(out, o, dir); err != nil {
		_ = s.Close() // was only read
		return nil, err
	}
	return o, nil
}

func (f *sourceFlags) load(out *output, o *opened, dir string) error {
	if !f.replay {
		sessions, err := o.store.Sessions()
		o.sessions = len(sessions)
		return err
	}
	logDir := f.log
	if logDir == "" {
		logDir = dir
	}
	r, err := replayStore(out, o.store, logDir)
	if err != nil {
		return err
	}
	o.tree, o.replayed, o.sessions = r.tree, r.applied, len(r.sessions)
	o.source = treeSource{r.tree}
	return nil
}

// openBackup loads what a backup holds at its end.
func openBackup(ctx context.Context, out *output, from, id string) (*opened, error) {
	// It works in temporary files, which are to be removed; all else may be killed.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	t, sessions, err := backup.Tree(ctx, backup.RestoreOptions{From: from, Backup: id, Progress: func(p progress.Report) {
		out.meter.show(p.Done, p.Total, p.Unit)
	}})
	switch {
	case errors.Is(err, context.Canceled):
		return nil, errors.New("interrupted; nothing is changed")
	case err != nil:
		return nil, err
	}
	where := from
	if id != "" {
		where += "@" + id
	}
	return &opened{source: treeSource{t}, where: where, tree: t, sessions: len(sessions)}, nil
}

func (o *opened) close() {
	if o.store != nil {
		_ = o.store.Close() // was only read
	}
}

// treeSource is a tree that is looked at like a store.
type treeSource struct{ t *tree.Tree }

func (s treeSource) stored(n tree.NodeID) tree.Stored {
	return tree.Stored{Meta: s.t.Meta(n), ACLs: s.t.ACL(n), Data: s.t.Data(n)}
}

func (s treeSource) Get(path []byte) (tree.Stored, bool, error) {
	n, ok := s.t.Lookup(path)
	if !ok {
		return tree.Stored{}, false, nil
	}
	return s.stored(n), true, nil
}

// names returns the names of n's children, sorted.
func (s treeSource) names(n tree.NodeID) []string {
	var names []string
	for name := range s.t.Children(n) {
		names = append(names, string(name))
	}
	slices.Sort(names)
	return names
}

func appendChild(b, parent []byte, name string) []byte {
	b = append(b[:0], parent...)
	if len(parent) > 1 {
		b = append(b, '/')
	}
	return append(b, name...)
}

func (s treeSource) Children(path []byte, visit func(path []byte, n tree.Stored) bool) error {
	n, ok := s.t.Lookup(path)
	if !ok {
		return nil
	}
	var child []byte
	for _, name := range s.names(n) {
		child = appendChild(child, path, name)
		if c, ok := s.t.Lookup(child); ok && !visit(child, s.stored(c)) {
			return nil
		}
	}
	return nil
}

// Nodes goes level by level. The znodes of a level are kept in the order of their paths with a slash behind
// them, because that is the order in which their children come.
func (s treeSource) Nodes(path []byte, visit func(path []byte, n tree.Stored) bool) error {
	n, ok := s.t.Lookup(path)
	if !ok || !visit(path, s.stored(n)) {
		return nil
	}
	var parent, child []byte
	for level := []tree.NodeID{n}; len(level) > 0; {
		var next []tree.NodeID
		for _, p := range level {
			if s.t.NumChildren(p) == 0 {
				continue
			}
			parent = s.t.AppendPath(parent[:0], p)
			names := s.names(p)
			for _, name := range names {
				child = appendChild(child, parent, name)
				if c, ok := s.t.Lookup(child); ok && !visit(child, s.stored(c)) {
					return nil
				}
			}
			slices.SortFunc(names, func(a, b string) int { return strings.Compare(a+"/", b+"/") })
			for _, name := range names {
				child = appendChild(child, parent, name)
				if c, ok := s.t.Lookup(child); ok && s.t.NumChildren(c) > 0 {
					next = append(next, c)
				}
			}
		}
		level = next
	}
	return nil
}

// comparePaths is the order in which Nodes visits.
func comparePaths(a, b []byte) int {
	if da, db := depth(a), depth(b); da != db {
		return da - db
	}
	return bytes.Compare(a, b)
}

// depth is the number of names in path.
func depth(path []byte) int {
	if len(path) <= 1 {
		return 0
	}
	return bytes.Count(path, []byte{'/'})
}
