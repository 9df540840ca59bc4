package watch

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"gamekeeper/proto"
)

// collect returns the events of a change as "connection type path".
func collect(r *Registry[int], t proto.EventType, path string) []string {
	var l []string
	r.Changed(t, []byte(path), func(c int, t proto.EventType, p []byte) { l = append(l, event(c, t, string(p))) })
	return l
}

func TestEvents(t *testing.T) {
	// Events: 1 created, 2 deleted, 3 data changed, 4 children changed.
	for _, c := range []struct {
		name   string
		add    string // kind:path:connection
		change []string
		want   []string
	}{
		{"exists, created", "data:/a:1", []string{"1 /a", "3 /a"}, []string{"1 1 /a"}},
		{"data, deleted", "data:/a:1", []string{"2 /a", "1 /a"}, []string{"1 2 /a"}},
		{"data, other path", "data:/a:1", []string{"3 /b", "1 /a/b", "3 /"}, nil},
		{"child, created", "child:/a:1", []string{"1 /a/b", "2 /a/b"}, []string{"1 4 /a"}},
		{"child of root", "child:/:1", []string{"1 /a"}, []string{"1 4 /"}},
		{"child, deleted itself", "child:/a:1", []string{"2 /a"}, []string{"1 2 /a"}},
		{"child, grandchild", "child:/a:1", []string{"1 /a/b/c"}, nil},
		{"child, data changed", "child:/a:1", []string{"3 /a", "3 /a/b", "1 /a"}, nil},
		{"data and child, deleted: told once, both used up", "data:/a:1 child:/a:1",
			[]string{"2 /a", "1 /a", "1 /a/b"}, []string{"1 2 /a"}},
		{"child watches on node and parent, deleted", "child:/a/b:1 child:/a:1", []string{"2 /a/b"},
			[]string{"1 2 /a/b", "1 4 /a"}},
		{"persistent", "persistent:/a:1", []string{"1 /a", "3 /a", "1 /a/b", "2 /a/b", "2 /a", "1 /a"},
			[]string{"1 1 /a", "1 3 /a", "1 4 /a", "1 4 /a", "1 2 /a", "1 1 /a"}},
		{"recursive", "recursive:/a:1", []string{"1 /a", "1 /a/b", "3 /a/b", "1 /a/b/c", "2 /a/b/c", "1 /ab", "2 /a"},
			[]string{"1 1 /a", "1 1 /a/b", "1 3 /a/b", "1 1 /a/b/c", "1 2 /a/b/c", "1 2 /a"}},
		{"recursive at the root", "recursive:/:1", []string{"1 /a", "3 /", "2 /a"},
			[]string{"1 1 /a", "1 3 /", "1 2 /a"}},
		{"two recursive ancestors tell once", "recursive:/:1 recursive:/a:1 data:/a/b:1", []string{"3 /a/b", "3 /a/b"},
			[]string{"1 3 /a/b", "1 3 /a/b"}},
		{"recursive does not stop child watches of others", "recursive:/a:1 child:/a:2", []string{"1 /a/b"},
			[]string{"1 1 /a/b", "2 4 /a"}},
		{"recursive ancestor silences the child table of a deletion", "recursive:/:1 child:/a:1",
			[]string{"2 /a", "1 /a/b"}, []string{"1 2 /a", "1 1 /a/b"}},
		{"recursive and child on the parent: two triggers", "recursive:/:1 child:/:1", []string{"1 /a"},
			[]string{"1 1 /a", "1 4 /"}},
		{"standard beside persistent", "data:/a:1 persistent:/a:1", []string{"3 /a", "3 /a"},
			[]string{"1 3 /a", "1 3 /a"}},
		{"order: data table, ancestors from near to far, child table, parent",
			"child:/a/b:7 recursive:/:6 recursive:/a:5 recursive:/a/b:4 child:/a:8 data:/a/b:3 persistent:/a/b:2 child:/a/b:1",
			[]string{"2 /a/b"},
			[]string{"4 2 /a/b", "3 2 /a/b", "2 2 /a/b", "5 2 /a/b", "6 2 /a/b", "7 2 /a/b", "1 2 /a/b", "8 4 /a"}},
	} {
		r := New[int]()
		for _, f := range strings.Fields(c.add) {
			p := strings.Split(f, ":")
			var conn int
			fmt.Sscan(p[2], &conn)
			kinds := map[string]func([]byte, int){
				"data": r.AddData, "child": r.AddChild, "persistent": r.AddPersistent, "recursive": r.AddRecursive,
			}
			kinds[p[0]]([]byte(p[1]), conn)
		}
		var got []string
		for _, change := range c.change {
			var typ proto.EventType
			var path string
			fmt.Sscan(change, &typ, &path)
			got = append(got, collect(r, typ, path)...)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

// TestRegistrationOrder holds across deaths and the compaction they lead to.
func TestRegistrationOrder(t *testing.T) {
	const conns = 200
	r := New[int]()
	path := []byte("/a")
	var want []string
	for c := range conns {
		r.AddPersistent(path, c)
	}
	for c := range conns {
		if c%3 == 0 {
			want = append(want, event(c, proto.NodeDataChanged, "/a"))
		} else {
			r.RemoveAll(c)
		}
	}
	for c := 1; c < conns; c += 7 {
		if c%3 != 0 {
			r.AddData(path, c)
			want = append(want, event(c, proto.NodeDataChanged, "/a"))
		}
	}
	if got := collect(r, proto.NodeDataChanged, "/a"); !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

// TestEmitMayCallBack registers and removes watches from within emit.
func TestEmitMayCallBack(t *testing.T) {
	r := New[int]()
	r.AddData([]byte("/a"), 1)
	r.AddData([]byte("/a"), 2)
	r.Changed(proto.NodeDataChanged, []byte("/a"), func(c int, _ proto.EventType, path []byte) {
		r.AddData(path, c)
		r.RemoveAll(2)
		r.Has(path, proto.WatcherAny, c)
	})
	if got := collect(r, proto.NodeDataChanged, "/a"); !slices.Equal(got, []string{"1 3 /a"}) {
		t.Fatalf("%q", got)
	}
}

// TestPathsAreForgotten watches and fires ever new paths: neither table nor connection may grow.
func TestPathsAreForgotten(t *testing.T) {
	r := New[int]()
	r.AddRecursive([]byte("/stays"), 1)
	for i := range 10000 {
		path := fmt.Appendf(nil, "/queue/%d", i)
		r.AddData(path, 1)
		if i%2 == 0 {
			r.Changed(proto.NodeDeleted, path, func(int, proto.EventType, []byte) {})
		} else if !r.Remove(path, proto.WatcherData, 1) {
			t.Fatal("not removed")
		}
	}
	if n := len(r.conn(1).paths); n > 100 {
		t.Errorf("the connection remembers %d paths", n)
	}
	if r.Watches() != 1 || r.paths.Load() != 1 {
		t.Errorf("%d watches on %d paths", r.Watches(), r.paths.Load())
	}
	r.RemoveAll(1)
	for i := range r.filter {
		if n := r.filter[i].Load(); n != 0 {
			t.Errorf("%d paths are left in slot %d of the filter", n, i)
		}
	}
	if r.Watches() != 0 || r.paths.Load() != 0 || r.recursive.Load() != 0 || r.conn(1) != nil {
		t.Error("something is left")
	}
}

// TestConcurrentUse runs what loops do beside changes; the race detector and the final counts judge it.
func TestConcurrentUse(t *testing.T) {
	const loops, rounds = 4, 300
	r := New[*int]()
	// Registering a watch and applying exclude each other, as in the server.
	var apply sync.RWMutex
	var wg sync.WaitGroup
	paths := make([][]byte, 8)
	for i := range paths {
		paths[i] = fmt.Appendf(nil, "/p/%d", i)
	}
	for l := range loops {
		wg.Go(func() {
			for round := range rounds {
				w := new(int)
				for i := range paths {
					p := paths[(i+l+round)%len(paths)]
					apply.RLock()
					r.AddData(p, w)
					r.AddPersistent(p, w)
					r.AddRecursive([]byte("/p"), w)
					apply.RUnlock()
					r.Has(p, proto.WatcherAny, w)
					r.Remove(p, proto.WatcherPersistent, w)
				}
				r.RemoveAll(w)
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for i := 0; ; i++ {
		apply.Lock()
		r.Changed(proto.NodeDeleted, paths[i%len(paths)], func(*int, proto.EventType, []byte) {})
		apply.Unlock()
		if i%50 == 0 {
			for range r.ByPath() {
			}
			for range r.ByConnection() {
			}
		}
		select {
		case <-done:
			if r.Watches() != 0 || r.paths.Load() != 0 || r.recursive.Load() != 0 || r.Connections() != 0 {
				t.Fatalf("left: %d watches, %d paths, %d recursive, %d connections",
					r.Watches(), r.paths.Load(), r.recursive.Load(), r.Connections())
			}
			return
		default:
		}
	}
}

func TestNoAllocations(t *testing.T) {
	r := New[int]()
	emit := func(int, proto.EventType, []byte) {}
	path, other := []byte("/a/b/c"), []byte("/d")
	if n := testing.AllocsPerRun(100, func() { r.Changed(proto.NodeDeleted, path, emit) }); n != 0 {
		t.Errorf("no watches at all: %v allocations", n)
	}
	r.AddRecursive([]byte("/"), 1)
	r.AddPersistent(path, 2)
	for name, f := range map[string]func(){
		"unwatched": func() { r.Changed(proto.NodeCreated, other, emit) },
		"watched":   func() { r.Changed(proto.NodeDeleted, path, emit) },
		"has":       func() { r.Has(path, proto.WatcherAny, 2) },
		"add again": func() { r.AddPersistent(path, 2) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
