package bench

import (
	"context"
	"testing"

	"gamekeeper/proto"
)

func TestMixes(t *testing.T) {
	m, err := parseMix("get=70,set=20,create=5,delete=5")
	if err != nil {
		t.Fatal(err)
	}
	count := map[Kind]int{}
	for i := range uint64(1000) {
		count[m.pick(i<<32/1000)]++
	}
	for kind, want := range map[Kind]int{KindGet: 700, KindSet: 200, KindCreate: 50, KindDelete: 50} {
		if got := count[kind]; got < want-1 || got > want+1 {
			t.Errorf("%v: %d of 1000, not %d", kind, got, want)
		}
	}
	if !m.news() || onlyKind(KindGet).news() {
		t.Error("creates need directories")
	}
	for _, bad := range []string{"get", "get=", "get=x", "get=-1", "get=0", "get=1,get=2", "close=1", "dance=5", ",", "get=1,"} {
		if _, err := parseMix(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// A mix of everything, on every shape, is answered without errors and leaves nothing. Each connection deletes what it
// has created.
func TestMixOnEveryShape(t *testing.T) {
	const mix = "get=30,set=20,create=10,delete=10,exists=5,children=5,multi=5,sync=5,acl=5,multiread=5"
	for _, shape := range []string{"two-level", "wide", "deep"} {
		for _, choice := range []string{"uniform", "zipf", "hot"} {
			t.Run(shape+" "+choice, func(t *testing.T) {
				f := startFake(t, nil)
				o := testOptions(f, "mixed")
				o.Mix, o.Shape, o.Depth, o.KeyChoice = mix, shape, 7, choice
				if err := o.Size.Set("0-200"); err != nil {
					t.Fatal(err)
				}
				r, err := Run(context.Background(), o, Progress{})
				if err != nil {
					t.Fatal(err)
				}
				if replies(r) != 1001 || len(r.Errors) != 0 || len(r.Kinds) != 10 {
					t.Errorf("%d replies, kinds %+v, errors %v", replies(r), r.Kinds, r.Errors)
				}
				if left := f.paths("/bench"); len(left) != 0 {
					t.Errorf("left behind: %v", left)
				}
				if f.count(proto.OpCreate) < 300 {
					t.Errorf("%d creates", f.count(proto.OpCreate))
				}
			})
		}
	}
}

// The keys of one shape are not taken for those of another.
func TestReuseKeepsTheShape(t *testing.T) {
	f := startFake(t, nil)
	for _, shape := range []string{"two-level", "wide", "deep"} {
		o := testOptions(f, "get")
		o.Shape, o.Reuse = shape, true
		if _, err := Run(context.Background(), o, Progress{}); err == nil {
			t.Fatalf("%s: keys of another shape were used", shape)
		}
		o.Reuse, o.Keep = false, true
		if _, err := Run(context.Background(), o, Progress{}); err != nil {
			t.Fatal(err)
		}
		o.Reuse = true
		if r, err := Run(context.Background(), o, Progress{}); err != nil || len(r.Errors) != 0 {
			t.Fatalf("%s: %+v, error %v", shape, r, err)
		}
	}
}
