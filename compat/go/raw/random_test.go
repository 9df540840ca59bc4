package raw

import (
	"fmt"
	"strings"
)

// Random requests over a small tree, so that they meet each other.

// pick returns one of the choices.
func pick[T any](d *differ, choices ...T) T { return choices[d.random.IntN(len(choices))] }

func (d *differ) path() string {
	if d.random.IntN(40) == 0 {
		return pick(d, "/", "/zookeeper", "/zookeeper/config", "/d//a", "/d/a/", "x", "/d/..")
	}
	if d.random.IntN(25) == 0 {
		return "/zookeeper/quota/d" + pick(d, "", "/a") + "/zookeeper_limits"
	}
	p := "/d"
	for range d.random.IntN(4) {
		p += "/" + pick(d, "a", "b", "c", "d", "s-0000000000", "s-0000000003")
	}
	return p
}

func inQuota(path string) bool { return strings.HasPrefix(path, "/zookeeper/quota") }

func (d *differ) version() int32 { return pick[int32](d, -1, -1, -1, 0, 0, 1, 2, 5) }

func (d *differ) data(path string) []byte {
	if inQuota(path) {
		return []byte(pick(d,
			"count=5,bytes=40=;byteHardLimit=-1;countHardLimit=-1",
			"count=-1,bytes=-1=;byteHardLimit=60;countHardLimit=12",
			"count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=6",
			"count=1000,bytes=-1"))
	}
	return pick(d, nil, []byte{}, []byte("x"), []byte("some bytes"), make([]byte, 30))
}

func (d *differ) acl() []acl {
	if d.random.IntN(4) != 0 {
		return open
	}
	return pick(d,
		[]acl{},
		[]acl{{permAll, "auth", ""}},
		[]acl{{permRead, "world", "anyone"}, {permAll, "digest", digest("ann", "pw")}},
		[]acl{{permAll &^ permDelete, "world", "anyone"}, {permAdmin, "digest", digest("bob", "pw")}},
		[]acl{{permAll, "ip", "127.0.0.1"}, {permAll, "ip", "127.0.0.1"}},
		[]acl{{permAll, "digest", "no hash"}},
		[]acl{{permAll, "ip", "10.1.0.0/16"}, {permAdmin | permRead, "digest", digest("ann", "pw")}},
	)
}

// write returns a random write that may stand alone or in a multi.
func (d *differ) write() (int32, enc, string) {
	path := d.path()
	if d.random.IntN(3) == 0 {
		path = "/d" + pick(d, "", "/a", "/b", "/c") + "/" + pick(d, "s-", "a", "b")
	}
	switch d.random.IntN(10) {
	case 0, 1, 2:
		op, flags := pick[int32](d, opCreate, opCreate2), pick[int32](d, 0, 0, 0, 1, 2, 3, 4)
		if inQuota(path) {
			flags &^= ephemeral // what a quota counts while its session closes depends on an order
		}
		acl := d.acl()
		return op, create(path, d.data(path), acl, flags), fmt.Sprintf("create %q op %d flags %d %v", path, op, flags, acl)
	case 3:
		flags := pick[int32](d, 0, 2, 4)
		return opCreateContainer, create(path, d.data(path), open, flags), fmt.Sprintf("createContainer %q flags %d", path, flags)
	case 4:
		flags := pick[int32](d, persistentTTL, persistentSequentTTL)
		ttl := pick[int64](d, 0, -5, 1e9, 1e9, 1e9, 1<<40)
		return opCreateTTL, createTTL(path, d.data(path), open, flags, ttl), fmt.Sprintf("createTTL %q flags %d ttl %d", path, flags, ttl)
	case 5, 6:
		v := d.version()
		return opDelete, pathVersion(path, v), fmt.Sprintf("delete %q version %d", path, v)
	default:
		v, data := d.version(), d.data(path)
		return opSetData, setData(path, data, v), fmt.Sprintf("setData %q %q version %d", path, data, v)
	}
}

// step sends one random request from one of the sessions.
func (d *differ) step() {
	d.t.Helper()
	i, path := d.random.IntN(len(d.pairs)), d.path()
	watch := d.random.IntN(3) == 0
	read := func(op int32, name string) {
		d.t.Helper()
		d.send(i, op, pathWatch(path, watch), fmt.Sprintf("%s %q watch %v", name, path, watch))
	}
	switch d.random.IntN(26) {
	case 0:
		read(opExists, "exists")
	case 1:
		read(opGetData, "getData")
	case 2:
		read(opGetChildren, "getChildren")
	case 3:
		read(opGetChildren2, "getChildren2")
	case 4:
		d.send(i, opGetACL, onlyPath(path), fmt.Sprintf("getACL %q", path))
	case 5:
		a, v := d.acl(), d.version()
		d.send(i, opSetACL, setACL(path, a, v), fmt.Sprintf("setACL %q %v version %d", path, a, v))
	case 6:
		mode := pick[int32](d, modePersistent, modeRecursive)
		d.send(i, opAddWatch, addWatch(path, mode), fmt.Sprintf("addWatch %q mode %d", path, mode))
	case 7:
		op, typ := pick[int32](d, opCheckWatches, opRemoveWatches), pick[int32](d, 1, 2, 3, 4, 5)
		d.send(i, op, enc{}.str(path).i32(typ), fmt.Sprintf("op %d %q type %d", op, path, typ))
	case 8:
		d.send(i, opGetAllChildren, onlyPath(path), fmt.Sprintf("getAllChildrenNumber %q", path))
	case 9:
		d.send(i, opGetEphemerals, onlyPath(path), fmt.Sprintf("getEphemerals %q", path))
	case 10, 11, 12, 13:
		d.multi(i)
	case 14:
		d.multiRead(i)
	case 15:
		d.setWatches(i)
	case 16:
		if d.random.IntN(4) == 0 {
			d.reattach(i)
		}
	case 17:
		if d.random.IntN(4) == 0 {
			d.closeSession(i)
		}
	default:
		op, body, what := d.write()
		d.send(i, op, body, what)
	}
}

func (d *differ) multi(i int) {
	d.t.Helper()
	var subs []sub
	what := "multi"
	for range 1 + d.random.IntN(4) {
		if d.random.IntN(4) == 0 {
			path, v := d.path(), d.version()
			subs = append(subs, sub{opCheck, pathVersion(path, v)})
			what += fmt.Sprintf("\n    check %q version %d", path, v)
			continue
		}
		op, body, w := d.write()
		subs = append(subs, sub{op, body})
		what += "\n    " + w
	}
	d.send(i, opMulti, multi(subs...), what)
}

func (d *differ) multiRead(i int) {
	d.t.Helper()
	subs := []sub{{opGetData, pathWatch(pick(d, usage...), false)}}
	what := "multiRead"
	for range d.random.IntN(4) {
		op, path := pick[int32](d, opGetData, opGetChildren), d.path()
		subs = append(subs, sub{op, pathWatch(path, false)})
		what += fmt.Sprintf(" op %d %q", op, path)
	}
	d.send(i, opMultiRead, multi(subs...), what)
}

func (d *differ) setWatches(i int) {
	d.t.Helper()
	lists := make([][]string, 5)
	for l := range lists {
		for range d.random.IntN(3) {
			lists[l] = append(lists[l], d.path())
		}
	}
	zxid := d.pairs[i].tested.last - int64(d.random.IntN(30))
	d.send(i, opSetWatches2, setWatches2(zxid, lists[0], lists[1], lists[2], lists[3], lists[4]),
		fmt.Sprintf("setWatches2 from %d: %q", zxid, lists))
}

// closeSession ends a session and opens another in its place.
func (d *differ) closeSession(i int) {
	d.t.Helper()
	d.reattach(i) // so that its own watches do not fire
	d.log = append(d.log, fmt.Sprintf("session %d closes", i))
	for _, c := range []*conn{d.pairs[i].tested, d.pairs[i].reference} {
		r, _ := c.callEvents(opCloseSession, nil)
		if r.err != ok {
			d.t.Fatalf("closeSession: error %d", r.err)
		}
		c.expectClosed()
	}
	d.pairs[i] = pair{connect(d.t, 40000), connectTo(d.t, d.reference.address, 40000)}
	if i < 2 {
		d.pairs[i].tested.login([]string{"ann:pw", "bob:pw"}[i])
		d.pairs[i].reference.login([]string{"ann:pw", "bob:pw"}[i])
	}
	d.unordered = true // ephemerals go in no particular order
	d.send(i, opExists, pathWatch("/d", false), "exists /d, after a session closed")
	d.unordered = false
}
