package raw

import (
	"reflect"
	"testing"
)

func TestMulti(t *testing.T) {
	c := client(t)
	c.create("/m", "", persistent)
	before := c.last
	r := c.must(opMulti, multi(
		sub{opCreate, create("/m/a", []byte("1"), open, persistent)},
		sub{opSetData, setData("/m/a", []byte("22"), 0)},
		sub{opCheck, pathVersion("/m/a", 1)},
		sub{opCreate2, create("/m/a/b", nil, open, persistent)},
		sub{opCreateContainer, create("/m/c", nil, open, container)},
		sub{opCreateTTL, createTTL("/m/t", nil, open, persistentTTL, 1e9)},
		sub{opCreate, create("/m/s-", nil, open, ephemeralSequential)},
		sub{opCreate, create("/m/s-", nil, open, sequential)},
		sub{opDelete, pathVersion("/m/a/b", 0)},
		sub{opDelete, pathVersion("/m/a", 1)},
	))
	if r.zxid != before+1 {
		t.Errorf("zxid %d, want %d: one transaction", r.zxid, before+1)
	}
	res := r.multiResults()
	if r.dec.err != nil || len(r.b) != 0 || len(res) != 10 {
		t.Fatalf("%d results, %d bytes left, %v", len(res), len(r.b), r.dec.err)
	}
	for i, want := range []subResult{
		{op: opCreate, path: "/m/a"},
		{op: opSetData},
		{op: opCheck},
		{op: opCreate2, path: "/m/a/b"},
		{op: opCreate2, path: "/m/c"},
		{op: opCreate2, path: "/m/t"},
		{op: opCreate, path: "/m/s-0000000003"},
		{op: opCreate, path: "/m/s-0000000004"},
		{op: opDelete},
		{op: opDelete},
	} {
		got := res[i]
		if got.op != want.op || got.err != 0 || got.path != want.path {
			t.Errorf("result %d: op %d, error %d, %q; want %d, %q", i, got.op, got.err, got.path, want.op, want.path)
		}
	}
	s := res[1].stat // as of that step
	if s.Version != 1 || s.Czxid != r.zxid || s.Mzxid != r.zxid || s.DataLength != 2 || s.NumChildren != 0 {
		t.Errorf("setData: %+v", s)
	}
	if s := res[4].stat; s.EphemeralOwner != 0 || s.Czxid != r.zxid || s.Ctime != res[1].stat.Ctime {
		t.Errorf("createContainer: %+v", s)
	}
	if s := c.stat("/m/s-0000000003"); s.EphemeralOwner != c.session || s.Czxid != r.zxid {
		t.Errorf("ephemeral: %+v", s)
	}
	if _, found := c.exists("/m/a"); found {
		t.Error("/m/a is still there")
	}
	if s := c.stat("/m"); s.Pzxid != r.zxid || s.NumChildren != 4 || s.Cversion != 6 {
		t.Errorf("parent: %+v", s)
	}
}

func TestEmptyMulti(t *testing.T) {
	c := client(t)
	for _, op := range []int32{opMulti, opMultiRead} {
		r := c.must(op, multi())
		if res := r.multiResults(); len(res) != 0 || r.dec.err != nil || len(r.b) != 0 {
			t.Errorf("op %d: %v, %v", op, res, r.dec.err)
		}
	}
}

func TestFailedMulti(t *testing.T) {
	c := fixture(t, "/mf")
	okCreate := sub{opCreate, create("/mf/new", nil, open, persistent)}
	okSet := sub{opSetData, setData("/mf/kid", []byte("z"), -1)}
	watched := client(t)
	for _, path := range []string{"/mf", "/mf/kid", "/mf/new"} {
		watched.call(opExists, pathWatch(path, true))
	}
	watched.must(opGetChildren, pathWatch("/mf", true))
	for _, tc := range []struct {
		name string
		subs []sub
		errs []int32
	}{
		{"first", []sub{{opCheck, pathVersion("/mf/no", -1)}, okCreate, okSet}, []int32{errNoNode, -2, -2}},
		{"middle", []sub{okCreate, {opCheck, pathVersion("/mf/kid", 5)}, okSet}, []int32{0, errBadVersion, -2}},
		{"last", []sub{okCreate, okSet, {opDelete, pathVersion("/mf/parent", -1)}}, []int32{0, 0, errNotEmpty}},
		{"alone", []sub{{opSetData, setData("/mf/no", nil, -1)}}, []int32{errNoNode}},
		{"exists by an earlier one", []sub{okCreate, okCreate}, []int32{0, errNodeExists}},
		{"deleted by an earlier one", []sub{{opDelete, pathVersion("/mf/kid", -1)}, okSet}, []int32{0, errNoNode}},
		{"no auth", []sub{okCreate, {opSetData, setData("/mf/locked", nil, -1)}}, []int32{0, errNoAuth}},
		{"check without READ", []sub{okCreate, {opCheck, pathVersion("/mf/locked", -1)}}, []int32{0, errNoAuth}},
		{"empty ACL", []sub{okSet, {opCreate, create("/mf/x", nil, []acl{}, 0)}}, []int32{0, errInvalidACL}},
		{"bad path", []sub{okSet, {opCreate, create("mf", nil, open, 0)}}, []int32{0, errBadArguments}},
		{"check of a bad path", []sub{okSet, {opCheck, pathVersion("/mf/", -1)}}, []int32{0, errBadArguments}},
		{"ttl out of range", []sub{okSet, {opCreateTTL, createTTL("/mf/x", nil, open, persistentTTL, 0)}}, []int32{0, errBadArguments}},
		{"below an ephemeral", []sub{okSet, {opCreate, create("/mf/eph/x", nil, open, 0)}}, []int32{0, errEphemeralParent}},
		{"below an ephemeral of the same multi", []sub{
			{opCreate, create("/mf/e2", nil, open, ephemeral)},
			{opCreate, create("/mf/e2/x", nil, open, 0)},
		}, []int32{0, errEphemeralParent}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			parent, before := c.stat("/mf"), c.last
			r := c.call(opMulti, multi(tc.subs...))
			if r.err != ok || r.zxid != before+1 {
				t.Errorf("header: error %d, zxid %d; want 0, %d", r.err, r.zxid, before+1)
			}
			var errs []int32
			for _, e := range r.multiResults() {
				if e.op != -1 {
					t.Errorf("an entry has type %d, want -1", e.op)
				}
				errs = append(errs, e.err)
			}
			if r.dec.err != nil || !reflect.DeepEqual(errs, tc.errs) {
				t.Errorf("errors %v, want %v (%v)", errs, tc.errs, r.dec.err)
			}
			if now := c.stat("/mf"); now != parent {
				t.Errorf("the parent changed: %+v, want %+v", now, parent)
			}
			if _, found := c.exists("/mf/new"); found {
				t.Error("/mf/new was created")
			}
		})
	}
	if events := watched.pending(); len(events) != 0 {
		t.Errorf("failed multis fired %v", events)
	}
	if s := c.stat("/mf/kid"); s.Version != 0 {
		t.Errorf("/mf/kid has version %d", s.Version)
	}
}

func TestMalformedMulti(t *testing.T) {
	c := fixture(t, "/mm")
	okSet := sub{opSetData, setData("/mm/kid", []byte("z"), -1)}
	for _, tc := range []struct {
		name string
		op   int32
		body enc
	}{
		{"no terminator", opMulti, multi(okSet)[:len(multi(okSet))-9]},
		{"truncated record", opMulti, multi(okSet)[:20]},
		{"unknown type", opMulti, multi(okSet, sub{99, nil})},
		{"sync inside", opMulti, multi(okSet, sub{opSync, onlyPath("/")})},
		{"read inside", opMulti, multi(okSet, sub{opGetData, pathWatch("/mm", false)})},
		{"setACL inside", opMulti, multi(sub{opSetACL, setACL("/mm/kid", open, -1)})},
		{"write in multiRead", opMultiRead, multi(sub{opGetData, pathWatch("/mm", false)}, okSet)},
		{"bad flags", opMulti, multi(okSet, sub{opCreate, create("/mm/x", nil, open, 9)})},
		{"TTL flag in create", opMulti, multi(okSet, sub{opCreate, create("/mm/x", nil, open, persistentTTL)})},
		{"null ACL", opMulti, multi(okSet, sub{opCreate, enc{}.str("/mm/x").buf(nil).null().i32(0)})},
		{"null path", opMulti, multi(okSet, sub{opCheck, enc{}.null().i32(-1)})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if r := c.call(tc.op, tc.body); r.err != errMarshalling {
				t.Errorf("error %d, want %d", r.err, errMarshalling)
			}
		})
	}
	if s := c.stat("/mm/kid"); s.Version != 0 {
		t.Errorf("/mm/kid has version %d", s.Version)
	}
}

func TestContainerFlagInMulti(t *testing.T) {
	c := client(t)
	r := c.must(opMulti, multi(
		sub{opCreate, create("/mcf", nil, open, container)},
		sub{opCreateTTL, createTTL("/mct", nil, open, persistent, 0)},
	))
	if res := r.multiResults(); len(res) != 2 {
		t.Fatalf("%+v %v", res, r.dec.err)
	} else if res[0].err == 0 && res[0].op != opCreate2 {
		t.Errorf("create with the container flag answers type %d, want %d", res[0].op, opCreate2)
	}
}

func TestMultiRead(t *testing.T) {
	c := fixture(t, "/mr")
	want := c.children("/mr")
	r := c.must(opMultiRead, multi(
		sub{opGetData, pathWatch("/mr/no", true)},
		sub{opGetData, pathWatch("/mr/kid", true)},
		sub{opGetChildren, pathWatch("/mr/locked", false)},
		sub{opGetChildren, pathWatch("/mr", true)},
		sub{opGetData, pathWatch("/mr/parent/kid", false)},
	))
	if r.zxid != c.last {
		t.Errorf("zxid %d, want %d", r.zxid, c.last)
	}
	res := r.multiResults()
	if r.dec.err != nil || len(res) != 5 {
		t.Fatalf("%+v %v", res, r.dec.err)
	}
	if res[0].op != -1 || res[0].err != errNoNode || res[2].op != -1 || res[2].err != errNoAuth {
		t.Errorf("failures: %+v %+v", res[0], res[2])
	}
	if string(res[1].data) != "k" || res[1].stat != c.stat("/mr/kid") {
		t.Errorf("data: %+v", res[1])
	}
	if !reflect.DeepEqual(res[3].names, want) {
		t.Errorf("children %v, want %v", res[3].names, want)
	}
	if res[4].op != opGetData || res[4].err != 0 {
		t.Errorf("last: %+v", res[4])
	}
	c.call(opSetData, setData("/mr/kid", nil, -1)) // multiRead sets no watches: call fails on events
	c.create("/mr/another", "", persistent)
}
