package raw

import (
	"fmt"
	"reflect"
	"testing"
)

const (
	modePersistent = 0
	modeRecursive  = 1

	typeChildren   = 1
	typeData       = 2
	typeAny        = 3
	typePersistent = 4
	typeRecursive  = 5
)

func addWatch(path string, mode int32) enc { return enc{}.str(path).i32(mode) }

// watch registers a watch; what is data, exists, children, persistent or
// recursive.
func (c *conn) watch(what, path string) {
	c.t.Helper()
	switch what {
	case "data":
		c.must(opGetData, pathWatch(path, true))
	case "exists":
		c.call(opExists, pathWatch(path, true))
	case "children":
		c.must(opGetChildren, pathWatch(path, true))
	case "children2":
		c.must(opGetChildren2, pathWatch(path, true))
	case "persistent":
		r := c.must(opAddWatch, addWatch(path, modePersistent))
		if e := r.i32(); e != 0 || len(r.b) != 0 || r.dec.err != nil {
			c.t.Errorf("addWatch answers %d", e)
		}
	case "recursive":
		c.must(opAddWatch, addWatch(path, modeRecursive))
	default:
		c.t.Fatalf("watch %q?", what)
	}
}

func names(events []event) []string {
	s := []string{}
	for _, e := range events {
		s = append(s, e.String())
	}
	return s
}

type w struct{ what, path string }

// Each case sets watches on /w..., where p and p/kid exist and p/no does not,
// and runs one write twice if again is not empty. "@" stands for the root of
// the case.
func TestWatchEvents(t *testing.T) {
	type step struct {
		op   int32
		body func(root string) enc
	}
	set := func(p string) step {
		return step{opSetData, func(root string) enc { return setData(root+p, nil, -1) }}
	}
	del := func(p string) step {
		return step{opDelete, func(root string) enc { return pathVersion(root+p, -1) }}
	}
	mk := func(p string) step {
		return step{opCreate, func(root string) enc { return create(root+p, nil, open, persistent) }}
	}
	chmod := func(p string) step {
		return step{opSetACL, func(root string) enc { return setACL(root+p, open, -1) }}
	}
	for _, tc := range []struct {
		name    string
		watches []w
		steps   []step
		want    []string
	}{
		{"data watch, setData twice", []w{{"data", "/p"}}, []step{set("/p"), set("/p")}, []string{"changed @/p"}},
		{"exists watch, setData", []w{{"exists", "/p"}}, []step{set("/p")}, []string{"changed @/p"}},
		{"exists watch, missing node", []w{{"exists", "/p/no"}}, []step{mk("/p/no"), set("/p/no")}, []string{"created @/p/no"}},
		{"data watch, delete", []w{{"data", "/p/kid"}}, []step{del("/p/kid"), mk("/p/kid")}, []string{"deleted @/p/kid"}},
		{"data watch ignores children", []w{{"data", "/p"}}, []step{mk("/p/no")}, []string{}},
		{"child watch, create twice", []w{{"children", "/p"}}, []step{mk("/p/no"), mk("/p/no2")}, []string{"children @/p"}},
		{"child watch by getChildren2", []w{{"children2", "/p"}}, []step{del("/p/kid")}, []string{"children @/p"}},
		{"child watch ignores data", []w{{"children", "/p"}}, []step{set("/p"), set("/p/kid")}, []string{}},
		{"child watch ignores grandchildren", []w{{"children", "/p"}}, []step{mk("/p/kid/x")}, []string{}},
		{"child watch, node deleted", []w{{"children", "/p/kid"}}, []step{del("/p/kid")}, []string{"deleted @/p/kid"}},
		{"setACL fires nothing", []w{{"data", "/p"}, {"children", "/p"}, {"persistent", "/p"}, {"recursive", "/p"}}, []step{chmod("/p")}, []string{}},
		{"data and child watch, deleted once", []w{{"data", "/p/kid"}, {"children", "/p/kid"}},
			[]step{del("/p/kid"), mk("/p/kid"), mk("/p/kid/x")}, []string{"deleted @/p/kid"}},
		{"child watches on node and parent", []w{{"children", "/p"}, {"children", "/p/kid"}},
			[]step{del("/p/kid")}, []string{"deleted @/p/kid", "children @/p"}},
		{"data watch on node, child watch on parent", []w{{"children", "/p"}, {"exists", "/p/no"}},
			[]step{mk("/p/no")}, []string{"created @/p/no", "children @/p"}},
		{"persistent", []w{{"persistent", "/p/kid"}},
			[]step{set("/p/kid"), mk("/p/kid/x"), del("/p/kid/x"), set("/p/kid"), del("/p/kid"), mk("/p/kid"), set("/p/kid")},
			[]string{"changed @/p/kid", "children @/p/kid", "children @/p/kid", "changed @/p/kid", "deleted @/p/kid", "created @/p/kid", "changed @/p/kid"}},
		{"persistent ignores grandchildren", []w{{"persistent", "/p"}}, []step{mk("/p/kid/x"), set("/p/kid")}, []string{}},
		{"recursive", []w{{"recursive", "/p"}},
			[]step{set("/p"), mk("/p/no"), mk("/p/no/x"), set("/p/no/x"), del("/p/no/x"), del("/p/no")},
			[]string{"changed @/p", "created @/p/no", "created @/p/no/x", "changed @/p/no/x", "deleted @/p/no/x", "deleted @/p/no"}},
		{"recursive on a missing node", []w{{"recursive", "/p/no"}}, []step{mk("/p/no"), mk("/p/no/x"), mk("/p/nox")},
			[]string{"created @/p/no", "created @/p/no/x"}},
		{"recursive twice on the way is one event", []w{{"recursive", "/p"}, {"recursive", "/p/kid"}, {"recursive", "/p/kid/x"}},
			[]step{mk("/p/kid/x"), del("/p/kid/x")}, []string{"created @/p/kid/x", "deleted @/p/kid/x"}},
		{"recursive and persistent", []w{{"recursive", "/p"}, {"persistent", "/p"}},
			[]step{set("/p"), mk("/p/no")}, []string{"changed @/p", "created @/p/no", "children @/p"}},
		{"recursive, child watches too", []w{{"recursive", "/p"}, {"children", "/p"}, {"children", "/p/kid"}},
			[]step{del("/p/kid"), mk("/p/kid"), del("/p/kid")},
			[]string{"deleted @/p/kid", "children @/p", "created @/p/kid", "deleted @/p/kid"}},
		{"standard and persistent coexist", []w{{"data", "/p"}, {"persistent", "/p"}},
			[]step{set("/p"), set("/p")}, []string{"changed @/p", "changed @/p"}},
		{"same mode twice is one", []w{{"persistent", "/p"}, {"persistent", "/p"}, {"data", "/p/kid"}, {"exists", "/p/kid"}},
			[]step{set("/p"), set("/p/kid")}, []string{"changed @/p", "changed @/p/kid"}},
		{"rejected writes fire nothing", []w{{"recursive", "/p"}, {"children", "/p"}},
			[]step{mk("/p/kid"), del("/p"), set("/p/no")}, []string{}},
		{"multi fires in its order", []w{{"recursive", "/p"}, {"children", "/p"}},
			[]step{{opMulti, func(root string) enc {
				return multi(sub{opCreate, create(root+"/p/a", nil, open, 0)}, sub{opSetData, setData(root+"/p", nil, -1)},
					sub{opDelete, pathVersion(root+"/p/a", -1)}, sub{opCheck, pathVersion(root+"/p", -1)})
			}}}, []string{"created @/p/a", "children @/p", "changed @/p", "deleted @/p/a"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			writer, reader := client(t), client(t)
			root := writer.create("/w-", "", sequential)
			writer.create(root+"/p", "", persistent)
			writer.create(root+"/p/kid", "", persistent)
			var want []string
			for _, s := range tc.want {
				want = append(want, fmt.Sprintf("%s%s", s[:len(s)-len(after(s))], root+after(s)[1:]))
			}
			for _, x := range tc.watches {
				reader.watch(x.what, root+x.path)
				writer.watch(x.what, root+x.path)
			}
			var own []event
			zxids := map[int64]bool{}
			for _, s := range tc.steps {
				r, events := writer.callEvents(s.op, s.body(root))
				for _, e := range events {
					zxids[e.zxid] = true
					if e.zxid != r.zxid {
						t.Errorf("event %v has zxid %d, want the transaction's %d", e, e.zxid, r.zxid)
					}
				}
				own = append(own, events...)
			}
			if got := names(own); !reflect.DeepEqual(got, append([]string{}, want...)) {
				t.Errorf("before the writer's replies: %v, want %v", got, want)
			}
			if got := reader.pending(); !reflect.DeepEqual(names(got), append([]string{}, want...)) {
				t.Errorf("another connection got %v, want %v", got, want)
			} else {
				for _, e := range got {
					if !zxids[e.zxid] {
						t.Errorf("event %v has zxid %d", e, e.zxid)
					}
				}
			}
		})
	}
}

// after returns what follows the space in "changed @/p".
func after(s string) string {
	for i := range s {
		if s[i] == ' ' {
			return s[i+1:]
		}
	}
	return s
}

func TestRootWatches(t *testing.T) {
	c := client(t)
	c.watch("children", "/")
	_, events := c.callEvents(opCreate, create("/root-watch", nil, open, ephemeral))
	if got := names(events); !reflect.DeepEqual(got, []string{"children /"}) {
		t.Errorf("got %v", got)
	}
	c.watch("recursive", "/")
	_, events = c.callEvents(opDelete, pathVersion("/root-watch", -1))
	if got := names(events); !reflect.DeepEqual(got, []string{"deleted /root-watch"}) {
		t.Errorf("got %v", got)
	}
}

// A failed read leaves no watch, except exists on a missing node.
func TestFailedReadsLeaveNoWatch(t *testing.T) {
	c := fixture(t, "/wf")
	for _, op := range []int32{opGetData, opGetChildren, opGetChildren2} {
		c.call(op, pathWatch("/wf/no", true))
		c.call(op, pathWatch("/wf/locked", true))
	}
	c.call(opExists, pathWatch("/wf/locked", true))
	for _, path := range []string{"/wf/no", "/wf/locked"} {
		if r := c.call(opCheckWatches, enc{}.str(path).i32(typeAny)); r.err != errNoWatcher {
			t.Errorf("%s: error %d, want %d", path, r.err, errNoWatcher)
		}
	}
	c.watch("exists", "/wf/no")
	c.must(opCheckWatches, enc{}.str("/wf/no").i32(typeData))
}

func TestRemoveWatches(t *testing.T) {
	types := []int32{typeChildren, typeData, typeAny, typePersistent, typeRecursive}
	for _, tc := range []struct {
		set  string
		seen []int32 // the types that find it
	}{
		{"data", []int32{typeData, typeAny}},
		{"exists", []int32{typeData, typeAny}},
		{"children", []int32{typeChildren, typeAny}},
		{"persistent", []int32{typeAny, typePersistent}},
		{"recursive", []int32{typeAny, typeRecursive}},
	} {
		c := client(t)
		root := c.create("/wr-", "", sequential)
		for _, typ := range types {
			t.Run(fmt.Sprintf("%s by type %d", tc.set, typ), func(t *testing.T) {
				c.watch(tc.set, root)
				want := int32(errNoWatcher)
				for _, s := range tc.seen {
					if s == typ {
						want = ok
					}
				}
				if r := c.call(opCheckWatches, enc{}.str(root).i32(typ)); r.err != want {
					t.Errorf("check: error %d, want %d", r.err, want)
				}
				if r := c.call(opRemoveWatches, enc{}.str(root).i32(typ)); r.err != want {
					t.Errorf("remove: error %d, want %d", r.err, want)
				}
				left := c.call(opCheckWatches, enc{}.str(root).i32(typeAny)).err == ok
				if left != (want != ok) {
					t.Errorf("watch still there: %v", left)
				}
			})
		}
		if r := c.call(opCheckWatches, enc{}.str(root+"/kid").i32(typeAny)); r.err != errNoWatcher {
			t.Errorf("%s: a watch on the parent was found below: error %d", tc.set, r.err)
		}
	}
	c := client(t)
	root := c.create("/wr-", "", sequential)
	for _, what := range []string{"data", "children", "persistent", "recursive"} {
		c.watch(what, root)
	}
	c.must(opRemoveWatches, enc{}.str(root).i32(typePersistent))
	c.must(opCheckWatches, enc{}.str(root).i32(typeRecursive))
	c.must(opRemoveWatches, enc{}.str(root).i32(typeAny))
	c.set(root, "x") // an event would fail the call
	c.create(root+"/x", "", persistent)
}

func setWatches2(zxid int64, data, exist, child, persist, recursive []string) enc {
	return enc{}.i64(zxid).strs(data...).strs(exist...).strs(child...).strs(persist...).strs(recursive...)
}

func TestSetWatches(t *testing.T) {
	c := client(t)
	c.create("/sw", "", persistent)
	for _, name := range []string{"old", "changed", "gone", "recreated"} {
		c.create("/sw/"+name, "", persistent)
	}
	seen := c.last
	c.set("/sw/changed", "x")
	c.create("/sw/changed/kid", "", persistent)
	c.create("/sw/new", "", persistent)
	c.delete("/sw/gone")
	c.delete("/sw/recreated")
	c.create("/sw/recreated", "", persistent)

	lists := map[string][]string{
		"data":  {"/sw/old", "/sw/changed", "/sw/gone", "/sw/recreated"},
		"exist": {"/sw/new", "/sw/missing"},
		"child": {"/sw/old", "/sw/changed", "/sw/gone"},
	}
	want := map[string]int{
		"changed /sw/changed": 1, "deleted /sw/gone": 2, "changed /sw/recreated": 1,
		"created /sw/new": 1, "children /sw/changed": 1,
	}
	for name, body := range map[string]struct {
		op   int32
		body enc
	}{
		"setWatches":  {opSetWatches, enc{}.i64(seen).strs(lists["data"]...).strs(lists["exist"]...).strs(lists["child"]...)},
		"setWatches2": {opSetWatches2, setWatches2(seen, lists["data"], lists["exist"], lists["child"], nil, nil)},
	} {
		t.Run(name, func(t *testing.T) {
			n := client(t)
			r, events := n.callEvents(body.op, body.body)
			if r.err != ok || len(r.b) != 0 {
				t.Errorf("error %d, %d bytes", r.err, len(r.b))
			}
			got := map[string]int{}
			for _, e := range events {
				got[e.String()]++
				if e.zxid != -1 {
					t.Errorf("%v: zxid %d, want -1", e, e.zxid)
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("events %v, want %v", got, want)
			}
			// What did not fire is armed, what fired is not.
			for path, want := range map[string][2]int32{ // by type data, by type children
				"/sw/old":     {ok, ok},
				"/sw/missing": {ok, errNoWatcher},
				"/sw/changed": {errNoWatcher, errNoWatcher},
				"/sw/gone":    {errNoWatcher, errNoWatcher},
				"/sw/new":     {errNoWatcher, errNoWatcher},
			} {
				got := [2]int32{
					n.call(opCheckWatches, enc{}.str(path).i32(typeData)).err,
					n.call(opCheckWatches, enc{}.str(path).i32(typeChildren)).err,
				}
				if got != want {
					t.Errorf("%s: watches %v, want %v", path, got, want)
				}
			}
		})
	}

	n := client(t)
	n.must(opSetWatches2, setWatches2(seen, nil, nil, nil, []string{"/sw/changed", "/sw/missing"}, []string{"/sw"}))
	for path, typ := range map[string]int32{"/sw/changed": typePersistent, "/sw/missing": typePersistent, "/sw": typeRecursive} {
		n.must(opCheckWatches, enc{}.str(path).i32(typ))
	}
	c.create("/sw/changed/kid2", "", persistent)
	if got := names(n.pending()); !reflect.DeepEqual(got, []string{"created /sw/changed/kid2", "children /sw/changed"}) {
		t.Errorf("after re-arming persistent watches: %v", got)
	}
}

// READ is needed when the event fires: on the node, or on the parent for
// events about children.
func TestWatchACL(t *testing.T) {
	owner, stranger := client(t), client(t)
	owner.login("ann:pw")
	private := []acl{{permAll, "auth", ""}}
	owner.create("/wa", "", persistent)
	stranger.watch("recursive", "/wa")
	stranger.watch("persistent", "/wa")
	stranger.call(opExists, pathWatch("/wa/secret", true))

	owner.createACL("/wa/secret", private)
	if got := names(stranger.pending()); !reflect.DeepEqual(got, []string{"children /wa"}) {
		t.Errorf("create of an unreadable node: %v", got)
	}
	if r := stranger.call(opCheckWatches, enc{}.str("/wa/secret").i32(typeData)); r.err != errNoWatcher {
		t.Errorf("the exists watch was not consumed: error %d", r.err)
	}
	owner.set("/wa/secret", "y")
	if got := names(stranger.pending()); len(got) != 0 {
		t.Errorf("setData of an unreadable node: %v", got)
	}
	owner.must(opSetACL, setACL("/wa/secret", open, -1))
	owner.set("/wa/secret", "z")
	if got := names(stranger.pending()); !reflect.DeepEqual(got, []string{"changed /wa/secret"}) {
		t.Errorf("setData of a node that became readable: %v", got)
	}
	owner.must(opSetACL, setACL("/wa", private, -1))
	owner.create("/wa/open", "", persistent)
	if got := names(stranger.pending()); !reflect.DeepEqual(got, []string{"created /wa/open"}) {
		t.Errorf("create of a readable node below an unreadable one: %v", got)
	}
	stranger.login("ann:pw") // identities count at the moment of the event
	owner.delete("/wa/open")
	if got := names(stranger.pending()); !reflect.DeepEqual(got, []string{"deleted /wa/open", "children /wa"}) {
		t.Errorf("after authentication: %v", got)
	}
}
