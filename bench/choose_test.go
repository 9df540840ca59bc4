package bench

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// Keys come up as often as their choice says.
func TestChoices(t *testing.T) {
	const keys, draws = 1000, 200_000
	count := func(c chooser) (n [keys]int) {
		c.seed(1, 2)
		for range draws {
			n[c.pick()]++
		}
		return n
	}
	near := func(what string, got, want float64) {
		if math.Abs(got-want) > 6*math.Sqrt(want)+1 {
			t.Errorf("%s: %v times, not %v", what, got, want)
		}
	}
	for _, n := range count(newUniform(keys)) {
		near("uniform", float64(n), draws/keys)
	}
	hot := newHot(keys, 0.9, 0.01)
	counts := count(hot)
	for i := range uint64(keys) {
		want := 0.9 * draws / 10
		if i >= 10 {
			want = 0.1 * draws / 990
		}
		near("hot", float64(counts[hot.scatter(i)]), want)
	}
	for _, s := range []float64{0.5, 0.99, 1, 1.5, 3} {
		zipf := newZipf(keys, s)
		var sum float64
		for k := range keys {
			sum += math.Pow(float64(k+1), -s)
		}
		counts := count(zipf)
		for k := range uint64(keys) {
			near("zipf", float64(counts[zipf.scatter(k)]), draws*math.Pow(float64(k+1), -s)/sum)
		}
	}
}

// Whatever the number of keys, a choice stays within, and every key can be the hottest.
func TestChoicesStayWithin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.OneOf(rapid.IntRange(1, 20), rapid.IntRange(1, keysMax)).Draw(t, "keys")
		for _, c := range []chooser{
			newUniform(keys),
			newHot(keys, rapid.Float64Range(0, 1).Draw(t, "picks"), rapid.Float64Range(1e-9, 1).Draw(t, "of")),
			newZipf(keys, rapid.Float64Range(0.01, 10).Draw(t, "exponent")),
		} {
			c.seed(rapid.Uint64().Draw(t, "seed"), 0)
			for range 50 {
				if k := c.pick(); k < 0 || k >= keys {
					t.Fatalf("key %d of %d", k, keys)
				}
			}
		}
		if keys <= 20 {
			seen := map[int]bool{}
			c := newUniform(keys)
			for n := range uint64(keys) {
				seen[c.scatter(n)] = true
			}
			if len(seen) != keys {
				t.Fatalf("%d keys are scattered to %d", keys, len(seen))
			}
		}
	})
}

func TestHotShareIsAFlag(t *testing.T) {
	var h hotShare
	if err := h.Set("80/20"); err != nil || h != (hotShare{0.8, 0.2}) || h.String() != "80/20" {
		t.Errorf("%v, error %v", h, err)
	}
	for _, bad := range []string{"", "90", "90/0", "101/1", "x/1", "-1/5", "NaN/1"} {
		if h.Set(bad) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func BenchmarkPick(b *testing.B) {
	for name, c := range map[string]chooser{
		"uniform": newUniform(1_000_000), "hot": newHot(1_000_000, 0.9, 0.01), "zipf": newZipf(1_000_000, 0.99),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.pick()
			}
		})
	}
}
