package bench

import (
	"bytes"
	"compress/flate"
	"slices"
	"testing"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string][]int{ // the sizes that come up
		"128":                {128},
		"0":                  {0},
		"3-5":                {3, 4, 5},
		"90:128,9:1024,1:65": {65, 128, 1024},
		"0.5:7,0.5:9":        {7, 9},
	} {
		s, err := parseSizes(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		v := newValues(s, 0).another()
		var got []int
		for range 2000 {
			got = append(got, len(v.next()))
		}
		slices.Sort(got)
		if s.String() != text || s.low != want[0] || s.high != want[len(want)-1] || !slices.Equal(slices.Compact(got), want) {
			t.Errorf("%s: %+v gives %v", text, s, slices.Compact(got))
		}
	}
	for _, bad := range []string{"", "x", "-1", "5-3", "1-", "99999999999", "1:", "0:5", "-1:5", "1:5,", "NaN:1", "90-128:5"} {
		if _, err := parseSizes(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestSharesOfSizes(t *testing.T) {
	s, err := parseSizes("90:128,9:1024,1:65536")
	if err != nil {
		t.Fatal(err)
	}
	v := newValues(s, 0).another()
	count := map[int]int{}
	const draws = 100_000
	for range draws {
		count[len(v.next())]++
	}
	if a, b, c := count[128], count[1024], count[65536]; a < 89*draws/100 || a > 91*draws/100 || b < 8*draws/100 || b > 10*draws/100 || c < draws/200 {
		t.Errorf("%v", count)
	}
}

// Values compress as far as they were asked to.
func TestCompressible(t *testing.T) {
	for _, share := range []float64{0, 0.5, 1} {
		v := newValues(fixedSize(100_000), share).another()
		var b bytes.Buffer
		w, err := flate.NewWriter(&b, flate.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(v.next()); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if left := float64(b.Len()) / 100_000; left < 1-share-0.01 || left > 1-share+0.15 {
			t.Errorf("of values that compress to %v, %v is left", 1-share, left)
		}
	}
}
