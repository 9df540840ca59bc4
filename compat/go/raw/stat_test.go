package raw

import (
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"testing"
)

// emptyServer restarts the server without any data.
func emptyServer(t *testing.T) {
	t.Helper()
	address(t)
	config, err := os.ReadFile(os.Getenv("COMPAT_CONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(config), "\n") {
		if dir, found := strings.CutPrefix(line, "dataDir="); found && filepath.Base(dir) == "data" {
			control(t, "stop")
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			control(t, "start")
			return
		}
	}
	t.Fatal("no dataDir in zoo.cfg")
}

func TestFreshServer(t *testing.T) {
	emptyServer(t)
	c := client(t)
	for path, want := range map[string]stat{
		"/":                 {Cversion: -1, NumChildren: 1},
		"/zookeeper":        {Cversion: -2, NumChildren: 2},
		"/zookeeper/quota":  {},
		"/zookeeper/config": {Aversion: -1},
	} {
		if got := c.stat(path); got != want {
			t.Errorf("%s: %+v, want %+v", path, got, want)
		}
		r := c.must(opGetData, pathWatch(path, false))
		if data := r.buf(); data == nil || len(data) != 0 {
			t.Errorf("%s: data %q (null: %v), want empty", path, data, data == nil)
		}
	}
	if names := c.children("/"); !reflect.DeepEqual(names, []string{"zookeeper"}) {
		t.Errorf("children of the root: %v", names)
	}
	names := c.children("/zookeeper")
	if sort.Strings(names); !reflect.DeepEqual(names, []string{"config", "quota"}) {
		t.Errorf("children of /zookeeper: %v", names)
	}
	r := c.must(opGetAllChildren, onlyPath("/"))
	if n := r.i32(); n != 3 {
		t.Errorf("getAllChildrenNumber of the root: %d, want 3", n)
	}
	for path, want := range map[string][]acl{
		"/": open, "/zookeeper": open, "/zookeeper/quota": open,
		"/zookeeper/config": {{permRead, "world", "anyone"}},
	} {
		r := c.must(opGetACL, onlyPath(path))
		if got := r.acls(); !reflect.DeepEqual(got, want) {
			t.Errorf("ACL of %s: %v, want %v", path, got, want)
		}
	}
	if c.last != 1 {
		t.Errorf("zxid %d after the first session, want 1", c.last)
	}
	c.create("/first", "x", persistent)
	if s := c.stat("/"); s != (stat{Cversion: 0, NumChildren: 2, Pzxid: 2}) {
		t.Errorf("root after a first create: %+v", s)
	}
}

// Each step changes the tree once; node and parent then are as wanted. Times
// are compared with their own rules.
func TestStat(t *testing.T) {
	c := client(t)
	c.create("/stat", "", persistent)
	parent := c.stat("/stat")
	if parent.Pzxid != parent.Czxid || parent.Mzxid != parent.Czxid || parent.Ctime != parent.Mtime {
		t.Errorf("new node: %+v", parent)
	}
	var node stat
	check := func(step string) {
		t.Helper()
		if got := c.stat("/stat"); got != parent {
			t.Errorf("%s: parent\n%+v, want\n%+v", step, got, parent)
		}
		got, found := c.exists("/stat/n")
		if found != (node != stat{}) {
			t.Errorf("%s: exists is %v", step, found)
		}
		if found && got != node {
			t.Errorf("%s: node\n%+v, want\n%+v", step, got, node)
		}
	}

	c.create("/stat/n", "12345", persistent)
	z := c.last
	node = stat{Czxid: z, Mzxid: z, Pzxid: z, DataLength: 5}
	created := c.stat("/stat/n")
	node.Ctime, node.Mtime = created.Ctime, created.Ctime
	parent.Cversion, parent.NumChildren, parent.Pzxid = 1, 1, z
	check("create")

	set := c.set("/stat/n", "123")
	node.Mzxid, node.Mtime, node.Version, node.DataLength = c.last, set.Mtime, 1, 3
	if set != node || set.Mtime < node.Ctime {
		t.Errorf("setData answered %+v, want %+v", set, node)
	}
	check("setData")

	r := c.must(opSetData, setData("/stat/n", nil, 1))
	set = r.stat()
	node.Mzxid, node.Mtime, node.Version, node.DataLength = c.last, set.Mtime, 2, 0
	check("setData null")

	r = c.must(opSetACL, setACL("/stat/n", open, -1))
	node.Aversion = 1
	if s := r.stat(); s != node {
		t.Errorf("setACL answered %+v, want %+v", s, node)
	}
	check("setACL")

	c.call(opSetData, setData("/stat/n", nil, 77))
	c.call(opDelete, pathVersion("/stat/n", 77))
	c.call(opCreate, create("/stat/n", nil, open, 0))
	check("rejected writes")

	c.create("/stat/n/kid", "", persistent)
	node.Cversion, node.NumChildren, node.Pzxid = 1, 1, c.last
	check("create of a child")
	c.create("/stat/n/kid/grandkid", "", persistent)
	check("create of a grandchild")
	c.delete("/stat/n/kid/grandkid")
	c.delete("/stat/n/kid")
	node.Cversion, node.NumChildren, node.Pzxid = 2, 0, c.last
	check("delete of a child")

	c.delete("/stat/n")
	node = stat{}
	parent.Cversion, parent.NumChildren, parent.Pzxid = 2, 0, c.last
	check("delete")
}

func TestCreate2AnswersStat(t *testing.T) {
	c := client(t)
	c.create("/c2", "", persistent)
	for name, tc := range map[string]struct {
		op   int32
		body enc
	}{
		"create2":         {opCreate2, create("/c2/create2", []byte("abc"), open, persistent)},
		"ephemeral":       {opCreate2, create("/c2/ephemeral", []byte("abc"), open, ephemeral)},
		"createContainer": {opCreateContainer, create("/c2/createContainer", []byte("abc"), open, container)},
		"createTTL":       {opCreateTTL, createTTL("/c2/createTTL", []byte("abc"), open, persistentTTL, 1e9)},
	} {
		r := c.must(tc.op, tc.body)
		path, s := r.str(), r.stat()
		if r.dec.err != nil || len(r.b) != 0 {
			t.Errorf("%s: body: %v, %d bytes left", name, r.dec.err, len(r.b))
		}
		want := stat{Czxid: r.zxid, Mzxid: r.zxid, Pzxid: r.zxid, DataLength: 3, Ctime: s.Ctime, Mtime: s.Ctime}
		if name == "ephemeral" {
			want.EphemeralOwner = c.session
		}
		if path != "/c2/"+name || s != want || s.Ctime == 0 {
			t.Errorf("%s: %s %+v, want %+v", name, path, s, want)
		}
		if got := c.stat(path); got != want {
			t.Errorf("%s: exists says %+v, want %+v", name, got, want)
		}
	}
}

func TestDataAndChildren(t *testing.T) {
	c := client(t)
	c.create("/dc", "", persistent)
	for name, data := range map[string][]byte{"null": nil, "empty": {}, "some": []byte("x\x00y")} {
		c.must(opCreate, create("/dc/"+name, data, open, persistent))
		r := c.must(opGetData, pathWatch("/dc/"+name, false))
		got, s := r.buf(), r.stat()
		if (got == nil) != (data == nil) || string(got) != string(data) || int(s.DataLength) != len(data) {
			t.Errorf("%s: got %q (null: %v), dataLength %d", name, got, got == nil, s.DataLength)
		}
	}
	first := c.children("/dc")
	if again := c.children("/dc"); !reflect.DeepEqual(first, again) {
		t.Errorf("order of children changed: %v, then %v", first, again)
	}
	r := c.must(opGetChildren2, pathWatch("/dc", false))
	names, s := r.strs(), r.stat()
	if !reflect.DeepEqual(names, first) || s != c.stat("/dc") || s.NumChildren != 3 {
		t.Errorf("getChildren2: %v %+v", names, s)
	}
	r = c.must(opGetChildren, pathWatch("/dc/null", false))
	if n := r.i32(); n != 0 {
		t.Errorf("no children are a list of %d", n)
	}
	r = c.must(opSync, onlyPath("/no/such/node"))
	if path := r.str(); path != "/no/such/node" {
		t.Errorf("sync answers %q", path)
	}
	c.create("/dc/some/a", "", persistent)
	c.create("/dcx", "", persistent)
	r = c.must(opGetAllChildren, onlyPath("/dc"))
	if n := r.i32(); n != 4 {
		t.Errorf("getAllChildrenNumber: %d, want 4", n)
	}
}
