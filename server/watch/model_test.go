package watch

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"testing"

	"gamekeeper/proto"
	"pgregory.net/rapid"
)

// model is the protocol's text, without any thought of speed: two tables of path, connection and mode.
type model struct {
	data, child map[key]map[string]bool
}

type key struct {
	path string
	conn int
}

func newModel() *model {
	return &model{map[key]map[string]bool{}, map[key]map[string]bool{}}
}

func set(table map[key]map[string]bool, path string, conn int, mode string) {
	k := key{path, conn}
	if table[k] == nil {
		table[k] = map[string]bool{}
	}
	table[k][mode] = true
}

func unset(table map[key]map[string]bool, path string, conn int, mode string) bool {
	k := key{path, conn}
	had := table[k][mode]
	delete(table[k], mode)
	if len(table[k]) == 0 {
		delete(table, k)
	}
	return had
}

func (r *model) has(path string, t proto.WatcherType, conn int) bool {
	k := key{path, conn}
	switch t {
	case proto.WatcherChildren:
		return r.child[k]["standard"]
	case proto.WatcherData:
		return r.data[k]["standard"]
	case proto.WatcherAny:
		return r.child[k] != nil || r.data[k] != nil
	case proto.WatcherPersistent:
		return r.data[k]["persistent"]
	case proto.WatcherPersistentRecursive:
		return r.data[k]["recursive"]
	}
	return false
}

func (r *model) remove(path string, t proto.WatcherType, conn int) bool {
	k := key{path, conn}
	switch t {
	case proto.WatcherChildren:
		return unset(r.child, path, conn, "standard")
	case proto.WatcherData:
		return unset(r.data, path, conn, "standard")
	case proto.WatcherAny:
		had := r.child[k] != nil || r.data[k] != nil
		delete(r.child, k)
		delete(r.data, k)
		return had
	case proto.WatcherPersistent:
		c, d := unset(r.child, path, conn, "persistent"), unset(r.data, path, conn, "persistent")
		return c || d
	case proto.WatcherPersistentRecursive:
		return unset(r.data, path, conn, "recursive")
	}
	return false
}

func (r *model) removeAll(conn int) {
	gone := func(k key, _ map[string]bool) bool { return k.conn == conn }
	maps.DeleteFunc(r.data, gone)
	maps.DeleteFunc(r.child, gone)
}

// trigger returns the connections of a table that are notified, and consumes their standard watches.
func trigger(table map[key]map[string]bool, path string) map[int]bool {
	notified := map[int]bool{}
	for k, modes := range table {
		below := k.path == "/" || strings.HasPrefix(path, k.path+"/")
		if k.path == path || below && modes["recursive"] {
			notified[k.conn] = true
		}
	}
	for conn := range notified {
		unset(table, path, conn, "standard")
	}
	return notified
}

// changed returns one set of notifications per step of the table in the protocol.
func (r *model) changed(t proto.EventType, path string) (steps [][]string) {
	list := func(t proto.EventType, path string, conns map[int]bool) {
		if len(conns) == 0 {
			return
		}
		var l []string
		for c := range conns {
			l = append(l, event(c, t, path))
		}
		slices.Sort(l)
		steps = append(steps, l)
	}
	first := trigger(r.data, path)
	list(t, path, first)
	if t == proto.NodeDeleted {
		second := trigger(r.child, path)
		for c := range first {
			delete(second, c)
		}
		list(t, path, second)
	}
	if t != proto.NodeDataChanged {
		parent := path[:strings.LastIndex(path, "/")]
		if parent == "" {
			parent = "/"
		}
		list(proto.NodeChildrenChanged, parent, trigger(r.child, parent))
	}
	return steps
}

func event(conn int, t proto.EventType, path string) string {
	return fmt.Sprint(conn, " ", t, " ", path)
}

func distinct(table map[key]map[string]bool, of func(key) string) int {
	s := map[string]bool{}
	for k := range table {
		s[of(k)] = true
	}
	return len(s)
}

var (
	somePaths = []string{"/", "/a", "/b", "/a/b", "/a/bc", "/a/b/c", "/a/b/c/d", "/zookeeper/config"}
	someTypes = []proto.WatcherType{1, 2, 3, 4, 5, 0, 6}
)

func TestRegistryAgainstModel(t *testing.T) {
	for _, conns := range []int{4, 60} { // few, and more than a node scans
		t.Run(fmt.Sprint(conns), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { againstModel(t, conns) })
		})
	}
}

func againstModel(t *rapid.T, conns int) {
	r, want := New[int](), newModel()
	drawPath := rapid.SampledFrom(somePaths)
	drawConn := rapid.IntRange(1, conns)
	drawType := rapid.SampledFrom(someTypes)
	add := func(t *rapid.T, kind, path string, c int) {
		p := []byte(path)
		switch kind {
		case "data":
			r.AddData(p, c)
			set(want.data, path, c, "standard")
		case "child":
			r.AddChild(p, c)
			set(want.child, path, c, "standard")
		case "persistent":
			r.AddPersistent(p, c)
			set(want.data, path, c, "persistent")
			set(want.child, path, c, "persistent")
		case "recursive":
			r.AddRecursive(p, c)
			set(want.data, path, c, "recursive")
		}
		clear(p) // the Registry must have its own copy
	}
	drawKind := rapid.SampledFrom([]string{"data", "child", "persistent", "recursive"})
	changed := func(t *rapid.T) {
		path := drawPath.Draw(t, "path")
		typ := rapid.SampledFrom([]proto.EventType{proto.NodeCreated, proto.NodeDeleted, proto.NodeDataChanged}).Draw(t, "event")
		if path == "/" {
			typ = proto.NodeDataChanged // the root is neither created nor deleted
		}
		var got []string
		r.Changed(typ, []byte(path), func(c int, t proto.EventType, p []byte) {
			got = append(got, event(c, t, string(p)))
		})
		for _, step := range want.changed(typ, path) {
			n := min(len(step), len(got))
			slices.Sort(got[:n])
			if !slices.Equal(got[:n], step) {
				t.Fatalf("got %q, want %q", got, step)
			}
			got = got[n:]
		}
		if len(got) > 0 {
			t.Fatalf("too many: %q", got)
		}
	}
	t.Repeat(map[string]func(*rapid.T){
		"add": func(t *rapid.T) {
			add(t, drawKind.Draw(t, "kind"), drawPath.Draw(t, "path"), drawConn.Draw(t, "conn"))
		},
		"add to many": func(t *rapid.T) {
			kind, path := drawKind.Draw(t, "kind"), drawPath.Draw(t, "path")
			for c := drawConn.Draw(t, "from"); c <= conns; c++ {
				add(t, kind, path, c)
			}
		},
		"remove": func(t *rapid.T) {
			path, typ, c := drawPath.Draw(t, "path"), drawType.Draw(t, "type"), drawConn.Draw(t, "conn")
			if got, want := r.Remove([]byte(path), typ, c), want.remove(path, typ, c); got != want {
				t.Fatalf("Remove(%s, %d, %d) = %v", path, typ, c, got)
			}
		},
		"remove all": func(t *rapid.T) {
			c := drawConn.Draw(t, "conn")
			r.RemoveAll(c)
			want.removeAll(c)
		},
		"changed": changed,
		"again":   changed,
		"": func(t *rapid.T) {
			path, typ, c := drawPath.Draw(t, "path"), drawType.Draw(t, "type"), drawConn.Draw(t, "conn")
			if got, want := r.Has([]byte(path), typ, c), want.has(path, typ, c); got != want {
				t.Fatalf("Has(%s, %d, %d) = %v", path, typ, c, got)
			}
			checkReports(t, r, want)
			checkIntegrity(t, r)
		},
	})
}

func checkReports(t *rapid.T, r *Registry[int], want *model) {
	byPath := func(k key) string { return k.path }
	byConn := func(k key) string { return fmt.Sprint(k.conn) }
	for _, c := range []struct {
		name      string
		got, want int
	}{
		{"Watches", r.Watches(), len(want.data) + len(want.child)},
		{"DataWatches", r.DataWatches(), len(want.data)},
		{"Paths", r.Paths(), distinct(want.data, byPath)},
		{"Connections", r.Connections(), distinct(want.data, byConn)},
	} {
		if c.got != c.want {
			t.Fatalf("%s() = %d, want %d", c.name, c.got, c.want)
		}
	}
	reported := 0
	for path, conns := range r.ByPath() {
		for _, c := range conns {
			reported++
			if want.data[key{path, c}] == nil {
				t.Fatalf("ByPath: %s watched by %d", path, c)
			}
		}
	}
	for c, paths := range r.ByConnection() {
		for _, path := range paths {
			reported++
			if want.data[key{path, c}] == nil {
				t.Fatalf("ByConnection: %d watches %s", c, path)
			}
		}
	}
	if reported != 2*len(want.data) {
		t.Fatalf("%d reported, want twice %d", reported, len(want.data))
	}
}

// checkIntegrity recounts what the Registry keeps by increments.
func checkIntegrity(t *rapid.T, r *Registry[int]) {
	var paths, recursive, filter int
	for i := range r.byPath {
		for path, n := range r.byPath[i].nodes {
			paths++
			var live, data, child, rec int
			for j := range n.entries {
				e := &n.entries[j]
				if e.modes == 0 {
					if e.c != nil {
						t.Fatalf("%s: a dead entry holds its connection", path)
					}
					continue
				}
				live++
				data += count(e.modes&dataTable != 0)
				child += count(e.modes&childTable != 0)
				rec += count(e.modes&dataRecursive != 0)
				if e.c.paths[e.at] != n || n.find(e.c) != e {
					t.Fatalf("%s: entry of %d is not found", path, e.c.w)
				}
			}
			recursive += rec
			got := [4]int32{n.live, n.data, n.child, n.recursive}
			if want := [4]int32{int32(live), int32(data), int32(child), int32(rec)}; got != want || live == 0 {
				t.Fatalf("%s: counts %v, want %v", path, got, want)
			}
			if n.index != nil && len(n.index) != live || len(n.entries) > 2*live+2+1 {
				t.Fatalf("%s: %d entries, %d indexed, %d live", path, len(n.entries), len(n.index), live)
			}
		}
	}
	for _, path := range somePaths { // distinct slots but for a rare collision, which counts double
		filter += int(r.slot(maphash.String(r.seed, path)).Load())
	}
	if int(r.paths.Load()) != paths || filter < paths || int(r.recursive.Load()) != recursive {
		t.Fatalf("%d paths, %d in the filter, %d recursive; want %d, %d, %d",
			r.paths.Load(), filter, r.recursive.Load(), paths, paths, recursive)
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestPathsAliasTheArgument shows that events carry the caller's bytes, so that emitting copies nothing.
func TestPathsAliasTheArgument(t *testing.T) {
	r := New[int]()
	path := []byte("/a/b")
	r.AddData(path, 1)
	r.AddChild([]byte("/a"), 1)
	var got [][]byte
	r.Changed(proto.NodeCreated, path, func(_ int, _ proto.EventType, p []byte) { got = append(got, p) })
	if len(got) != 2 || &got[0][0] != &path[0] || &got[1][0] != &path[0] || !bytes.Equal(got[1], []byte("/a")) {
		t.Fatalf("%q", got)
	}
}
