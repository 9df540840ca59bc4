package client

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Node is all that a server tells of a znode.
type Node struct {
	Data string
	ACL  string
	Stat Stat
}

// window is how many znodes a walk asks for at once.
const window = 256

// Tree reads every znode at and below a path, without a sync. Znodes that come or go meanwhile may be missing.
func (c *Conn) Tree(root string) (map[string]Node, error) {
	tree := map[string]Node{}
	for level := []string{root}; len(level) > 0; {
		var next []string
		for batch := range slices.Chunk(level, window) {
			below, err := c.nodes(batch, tree)
			if err != nil {
				return nil, err
			}
			next = append(next, below...)
		}
		level = next
	}
	return tree, nil
}

// nodes reads znodes into the tree and returns the paths below them.
func (c *Conn) nodes(paths []string, tree map[string]Node) ([]string, error) {
	type calls struct{ data, acl *Call }
	asked := make([]calls, len(paths))
	for i, path := range paths {
		asked[i] = calls{c.Start(OpGetData, WatchBody(path, false)), c.Start(OpGetACL, Body{}.String(path))}
	}
	var parents []string
	for i, path := range paths {
		data, errData := asked[i].data.Wait()
		acl, errACL := asked[i].acl.Wait()
		if errors.Is(errData, CodeNoNode) || errors.Is(errACL, CodeNoNode) {
			continue
		}
		if err := errors.Join(errData, errACL); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		node := Node{Data: data.String(), Stat: data.Stat(), ACL: acl.ACL()}
		if err := errors.Join(data.Err(), acl.Err()); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		tree[path] = node
		if node.Stat.Children > 0 {
			parents = append(parents, path)
		}
	}
	return c.below(parents)
}

// below returns the paths of the children of some znodes.
func (c *Conn) below(parents []string) (paths []string, err error) {
	calls := make([]*Call, len(parents))
	for i, path := range parents {
		calls[i] = c.Start(OpGetChildren2, WatchBody(path, false))
	}
	for i, path := range parents {
		r, err := calls[i].Wait()
		if errors.Is(err, CodeNoNode) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the children of %s: %w", path, err)
		}
		for _, name := range r.Strings() {
			paths = append(paths, strings.TrimSuffix(path, "/")+"/"+name)
		}
		if err := r.Err(); err != nil {
			return nil, fmt.Errorf("read the children of %s: %w", path, err)
		}
	}
	return paths, nil
}

// Difference tells how two trees differ, in at most a few lines; empty if they do not.
func Difference(a, b map[string]Node) string {
	const most = 5
	paths := maps.Clone(a)
	maps.Copy(paths, b)
	var lines []string
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		x, inA := a[path]
		y, inB := b[path]
		if inA == inB && x == y {
			continue
		}
		if len(lines) == most {
			lines = append(lines, "...")
			break
		}
		switch {
		case !inB:
			lines = append(lines, fmt.Sprintf("%s is only in the first: %+v", path, x))
		case !inA:
			lines = append(lines, fmt.Sprintf("%s is only in the second: %+v", path, y))
		default:
			lines = append(lines, fmt.Sprintf("%s: %+v, and %+v", path, x, y))
		}
	}
	return strings.Join(lines, "\n")
}
