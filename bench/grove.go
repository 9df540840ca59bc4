package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"gamekeeper/proto"
)

// runPrefix begins the names of the directories that runs make for themselves.
const runPrefix = "run-"

// grove is the znodes of one run: everything is below a directory of its own, so runs never meet.
type grove struct {
	control *client
	top     string   // the path that the user named
	made    []string // parts of it that did not exist, outermost first
	root    string
	keys    keyPaths
	news    newPaths
}

// plantGrove makes the directories of a run.
func plantGrove(control *client, o *Options) (*grove, error) {
	g := &grove{control: control, top: o.Path}
	for i := 1; i <= len(o.Path); i++ {
		if i < len(o.Path) && o.Path[i] != '/' {
			continue
		}
		switch err := control.create([]byte(o.Path[:i]), nil, proto.Persistent); {
		case err == nil:
			g.made = append(g.made, o.Path[:i])
		case !errors.Is(err, proto.NodeExists):
			return g, fmt.Errorf("cannot create %s: %w", o.Path[:i], err)
		}
	}
	if o.Clean {
		if err := g.cleanOld(); err != nil {
			return g, err
		}
	}
	if o.Reuse {
		return g, g.adopt(o)
	}
	root := fmt.Sprintf("%s/%s%08x", o.Path, runPrefix, rand.Uint32())
	g.name(root, o)
	for _, p := range []string{root, string(g.keys.top()), root + "/new"} {
		if err := control.create([]byte(p), nil, proto.Persistent); err != nil {
			return g, fmt.Errorf("cannot create %s: %w", p, err)
		}
		g.root = root
	}
	return g, nil
}

// name says where the znodes of the run are.
func (g *grove) name(root string, o *Options) {
	g.keys = newKeyPaths(root, shape(o.Shape), o.Depth)
	g.news = newPaths{[]byte(root + "/new/"), max(o.Parents, 1)}
}

// oldRuns lists what earlier runs left.
func (g *grove) oldRuns() (roots []string, err error) {
	names, err := g.control.children([]byte(g.top))
	if err != nil {
		return nil, fmt.Errorf("cannot list %s: %w", g.top, err)
	}
	for _, n := range names {
		if bytes.HasPrefix(n, []byte(runPrefix)) {
			roots = append(roots, g.top+"/"+string(n))
		}
	}
	return roots, nil
}

// adopt takes the place of an earlier run that left enough keys.
func (g *grove) adopt(o *Options) error {
	roots, err := g.oldRuns()
	if err != nil {
		return err
	}
	for _, root := range roots {
		g.name(root, o)
		n, err := g.control.numChildren(g.keys.top())
		if err == nil && n >= g.keys.dirs(o.Keys) && (o.Shape != string(shapeWide) || n >= o.Keys) {
			g.root = root
			return nil
		}
	}
	return fmt.Errorf("no run left %d keys of this --shape under %s: let one make them, with --keep", o.Keys, g.top)
}

// cleanOld deletes what earlier runs left.
func (g *grove) cleanOld() error {
	roots, err := g.oldRuns()
	if err != nil {
		return err
	}
	for _, root := range roots {
		if err := g.fell(root); err != nil {
			return err
		}
	}
	return nil
}

// fellTries is how often fell looks at a znode anew that still has children.
const fellTries = 100

// fell deletes a znode and all below it, one by one. What sessions asked for that have lost their connections, or gave
// up, may be done while it works.
func (g *grove) fell(path string) error {
	for try := 1; ; try++ {
		err := g.fellOnce(path)
		if !errors.Is(err, proto.NotEmpty) || try == fellTries {
			return err
		}
	}
}

func (g *grove) fellOnce(path string) error {
	names, err := g.control.children([]byte(path))
	if errors.Is(err, proto.NoNode) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot list %s: %w", path, err)
	}
	below := strings.Fields(string(bytes.Join(names, []byte{' '})))
	for _, n := range below {
		if err := g.fell(path + "/" + n); err != nil {
			return err
		}
	}
	if err := g.control.remove([]byte(path)); err != nil && !errors.Is(err, proto.NoNode) {
		return fmt.Errorf("cannot delete %s: %w", path, err)
	}
	return nil
}

// fellWith deletes the run's directory and all below it, with all connections, from the deepest level up.
func (g *grove) fellWith(ctx context.Context, f *fleet) error {
	levels := [][]string{{g.root}}
	for last := levels[0]; len(last) > 0; levels = append(levels, last) {
		var below []string
		for _, path := range last {
			names, err := g.control.children([]byte(path))
			if err != nil && !errors.Is(err, proto.NoNode) {
				return fmt.Errorf("cannot list %s: %w", path, err)
			}
			for _, n := range names {
				below = append(below, path+"/"+string(n))
			}
		}
		last = below
	}
	for _, paths := range slices.Backward(levels) {
		named := func(b []byte, n int) []byte { return append(b, paths[n]...) }
		if err := f.each(ctx, proto.NoNode, gather(named, len(paths), len(f.pipes))); err != nil && f.reviver == nil {
			return fmt.Errorf("cannot delete the znodes of the run: %w", err)
		}
	}
	if f.reviver == nil {
		return nil
	}
	return g.fell(g.root) // what was lost with a connection
}

// spread gives connection i of n its part of the numbers below end.
func spread(paths appendPath, v values, end, n int) func(int) source {
	return func(i int) source {
		return &creates{paths: paths, at: i, step: n, end: end, values: v.another()}
	}
}

// gather deletes what spread creates.
func gather(paths appendPath, end, n int) func(int) source {
	return func(i int) source { return &deletes{paths: paths, at: i, step: n, end: end} }
}

// growKeys makes the keys, with all connections.
func (g *grove) growKeys(ctx context.Context, f *fleet, keys int, v values) error {
	n := len(f.pipes)
	for level := range g.keys.levels() {
		if err := f.each(ctx, proto.NodeExists, spread(g.keys.level(level), values{}, g.keys.dirs(keys), n)); err != nil {
			return fmt.Errorf("cannot create the directories of the keys: %w", err)
		}
	}
	if err := f.each(ctx, proto.NodeExists, spread(g.keys.appendKey, v, keys, n)); err != nil {
		return fmt.Errorf("cannot create the keys: %w", err)
	}
	return nil
}

// growParents makes the directories for a create workload.
func (g *grove) growParents(ctx context.Context, f *fleet) error {
	err := f.each(ctx, proto.NodeExists, spread(g.news.appendParent, values{}, g.news.parents, len(f.pipes)))
	if err != nil {
		return fmt.Errorf("cannot create the directories of the creates: %w", err)
	}
	return nil
}

// clear deletes everything of the run: the keys, what each connection created, and whatever else is there.
func (g *grove) clear(ctx context.Context, f *fleet, keys int, own []span) error {
	n := len(f.pipes)
	parts := []func(int) source{
		func(i int) source { return &deletes{paths: g.news.of(i), at: own[i].from, step: 1, end: own[i].to} },
		gather(g.keys.appendKey, keys, n),
	}
	if keys > 0 {
		for level := g.keys.levels() - 1; level >= 0; level-- {
			parts = append(parts, gather(g.keys.level(level), g.keys.dirs(keys), n))
		}
	}
	for _, s := range parts {
		if err := f.each(ctx, proto.NoNode, s); err != nil && f.reviver == nil {
			return fmt.Errorf("cannot delete the znodes of the run: %w", err)
		}
	}
	if err := g.fellWith(ctx, f); err != nil {
		return err
	}
	return g.uproot()
}

// uproot deletes the parts of the path that the run made, unless another run is using them.
func (g *grove) uproot() error {
	for i := len(g.made) - 1; i >= 0; i-- {
		err := g.control.remove([]byte(g.made[i]))
		if err != nil && !errors.Is(err, proto.NotEmpty) && !errors.Is(err, proto.NoNode) {
			return fmt.Errorf("cannot delete %s: %w", g.made[i], err)
		}
	}
	return nil
}

// eachTries is how often a phase is run whose requests are lost with their connections.
const eachTries = 4

// each runs a phase that nobody measures, in which every reply must be good. If connections may be lost, and it does not
// matter that requests are done twice, as a code is tolerated that says so, it is run again for what was lost.
func (f *fleet) each(ctx context.Context, tolerated proto.Code, sources func(int) source) error {
	for try := 1; ; try++ {
		s, err := f.run(ctx, phase{sources: sources, expect: tolerate(tolerated)})
		if err != nil {
			return err
		}
		lost := false
		for o, n := range s.errors {
			lost = o.code == connectionLost && f.reviver != nil && tolerated != proto.OK && try < eachTries
			if !lost {
				return fmt.Errorf("%d replies to %v: %s", n, o.kind, errorText(o.code))
			}
		}
		if !lost {
			return nil
		}
	}
}
