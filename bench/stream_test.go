package bench

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gamekeeper/bench/report"
	"gamekeeper/proto"
)

func TestPaths(t *testing.T) {
	keys := newKeyPaths("/b", shapeTwoLevel, 0)
	news := newPaths{[]byte("/b/new/"), 3}
	for want, got := range map[string][]byte{
		"/b/keys/000000/00":           keys.appendKey(nil, 0),
		"/b/keys/000123/45":           keys.appendKey(nil, 12345),
		"/b/keys/999999/99":           keys.appendKey(nil, keysMax-1),
		"/b/keys/000001":              keys.appendDir(nil, 199),
		"/b/new/0002":                 news.appendParent(nil, 2),
		"/b/new/0001/000070000000012": news.of(7)(nil, 12),
	} {
		if string(got) != want || !proto.ValidatePath(got) {
			t.Errorf("%s, not %s", got, want)
		}
	}
}

// drain returns the paths that a source of creates or deletes asks for.
func drain(t *rapid.T, s source) []string {
	var paths []string
	for {
		b, kind, ok := s.next(nil, 1)
		if !ok {
			return paths
		}
		d := proto.NewDecoder(b)
		if n := d.Int32(); int(n) != len(b)-4 {
			t.Fatalf("a frame of %d bytes says %d", len(b)-4, n)
		}
		switch h := d.RequestHeader(); {
		case kind == KindCreate && h.Op == proto.OpCreate:
			paths = append(paths, string(d.CreateRequest(h.Op).Path))
		case kind == KindDelete && h.Op == proto.OpDelete:
			paths = append(paths, string(d.PathVersion().Path))
		default:
			t.Fatalf("%v is sent as %v", kind, h.Op)
		}
		if d.Err() != nil || d.Len() != 0 {
			t.Fatalf("malformed request, %d bytes left: %v", d.Len(), d.Err())
		}
	}
}

// The connections together create every key once, and delete the same.
func TestSpreadAndGather(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.IntRange(0, 500).Draw(t, "keys")
		conns := rapid.IntRange(1, 20).Draw(t, "connections")
		shape := rapid.SampledFrom([]shape{shapeTwoLevel, shapeWide, shapeDeep}).Draw(t, "shape")
		paths := newKeyPaths("/k", shape, 3).appendKey
		var want, created, deleted []string
		for n := range keys {
			want = append(want, string(paths(nil, n)))
		}
		for i := range conns {
			created = append(created, drain(t, spread(paths, values{}, keys, conns)(i))...)
			deleted = append(deleted, drain(t, gather(paths, keys, conns)(i))...)
		}
		slices.Sort(created)
		slices.Sort(deleted)
		if !slices.Equal(created, want) || !slices.Equal(deleted, want) {
			t.Fatalf("%d keys: %d created, %d deleted", keys, len(created), len(deleted))
		}
	})
}

// Creates of different connections never meet.
func TestCreatesAreUnique(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		news := newPaths{[]byte("/n/"), rapid.IntRange(1, 70).Draw(t, "parents")}
		seen := map[string]bool{}
		for conn := range rapid.IntRange(1, 12).Draw(t, "connections") {
			end := rapid.IntRange(0, 200).Draw(t, "creates")
			for _, p := range drain(t, &creates{paths: news.of(conn), step: 1, end: end}) {
				if seen[p] {
					t.Fatalf("%s twice", p)
				}
				seen[p] = true
			}
		}
	})
}

func TestSharesAddUp(t *testing.T) {
	for total := range 50 {
		for n := 1; n < 9; n++ {
			sum := 0
			for i := range n {
				sum += share(total, n, i)
			}
			if sum != total {
				t.Fatalf("%d among %d is %d", total, n, sum)
			}
		}
	}
}

// The keys asked for are within range and all come up, in the shares asked for.
func TestKeyedStream(t *testing.T) {
	const keys, draws = 50, 20_000
	k := &keyed{
		paths: newKeyPaths("/k", shapeTwoLevel, 0), keys: newUniform(keys), mix: newMix([]Kind{KindGet, KindSet}, []float64{4, 1}),
		values: newValues(fixedSize(8), 0),
	}
	k.random.Seed(1, 2)
	k.keys.seed(3, 4)
	count := map[string]int{}
	kinds := map[Kind]int{}
	for range draws {
		b, kind, _ := k.next(nil, 9)
		d := proto.NewDecoder(b[4:])
		switch h := d.RequestHeader(); h.Op {
		case proto.OpSetData:
			r := d.SetData()
			count[string(r.Path)]++
			if len(r.Data) != 8 || r.Version != -1 {
				t.Fatalf("set of %d bytes, version %d", len(r.Data), r.Version)
			}
		case proto.OpGetData:
			count[string(d.PathWatch().Path)]++
		}
		if d.Err() != nil || d.Len() != 0 {
			t.Fatalf("malformed request: %v", d.Err())
		}
		kinds[kind]++
	}
	if len(count) != keys {
		t.Errorf("%d keys of %d", len(count), keys)
	}
	for path, n := range count {
		if n < draws/keys/2 || n > draws/keys*2 {
			t.Errorf("%s came up %d times", path, n)
		}
	}
	if gets := kinds[KindGet]; gets < draws*78/100 || gets > draws*82/100 {
		t.Errorf("%d of %d are gets", gets, draws)
	}
}

func TestSamplesMerge(t *testing.T) {
	r := &recorder{now: newSample()}
	r.ok(KindSet, int64(time.Millisecond), 3)
	r.failed(KindSet, proto.NoNode)
	a := r.take(newSample())
	r.ok(KindSet, int64(2*time.Millisecond), 1)
	r.ok(KindGet, int64(time.Hour), 2)
	r.ok(KindGet, -5, 1)
	r.failed(KindSet, proto.NoNode)
	r.failed(KindGet, proto.NoAuth)
	b := r.take(newSample())
	sum := newSample()
	sum.merge(a)
	sum.merge(b)
	if sum.replies != 7 || sum.errorCount() != 3 || sum.errors[outcome{KindSet, proto.NoNode}] != 2 {
		t.Errorf("%d replies, errors %v", sum.replies, sum.errors)
	}
	set, all := newLatency(sum.latency[KindSet]), newLatency(sum.all())
	if set.Count != 4 || all.Count != 7 || sum.latency[KindCreate] != nil {
		t.Errorf("set %+v, all %+v", set, all)
	}
	near := func(got, want time.Duration) bool { return got >= want-want/500 && got <= want+want/500 }
	if !near(set.P50, time.Millisecond) || !near(set.Max, 2*time.Millisecond) || !near(all.Max, latencyMax) {
		t.Errorf("set %+v, all %+v", set, all)
	}
	if empty := r.take(nil); empty.replies != 0 {
		t.Errorf("%d replies are counted twice", empty.replies)
	}
}

func TestFigures(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567.4: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := report.Whole(v); got != want {
			t.Errorf("%v: %s, not %s", v, got, want)
		}
	}
	for want, v := range map[float64][]float64{2: {1, 2, 9}, 2.5: {1, 2, 3, 9}, 7: {7}} {
		if got := report.Median(v); got != want {
			t.Errorf("median of %v is %v", v, got)
		}
	}
}
