package report

import (
	"math"
	"testing"
)

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 5e-4*math.Abs(want) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func TestPairedInterval(t *testing.T) {
	// Logarithms of 1, 2 and 4 have the mean ln 2 and the deviation ln 2; t for 2 degrees of freedom is 4.3027.
	r, ok := paired([]float64{1, 2, 4})
	if !ok || r.Rounds != 3 || r.Clear() {
		t.Fatalf("got %+v, %v", r, ok)
	}
	half := 4.30265 * math.Ln2 / math.Sqrt(3)
	near(t, "mean", r.Mean, 2)
	near(t, "low", r.Low, 2*math.Exp(-half))
	near(t, "high", r.High, 2*math.Exp(half))
}

func TestRatiosWithoutAnInterval(t *testing.T) {
	if r, ok := paired([]float64{3}); !ok || r.Mean != 3 || r.Interval() || r.Clear() {
		t.Errorf("one round: %+v, %v", r, ok)
	}
	if r, ok := unpaired([]float64{2, 2, 2}, []float64{1}); !ok || r.Mean != 0.5 || r.Interval() {
		t.Errorf("one round of the target: %+v, %v", r, ok)
	}
	for _, values := range [][]float64{nil, {0}, {1, 0}, {1, -2}, {math.NaN()}, {math.Inf(1)}} {
		if r, ok := paired(values); ok {
			t.Errorf("ratios %v give %+v", values, r)
		}
		if r, ok := unpaired([]float64{1, 2}, values); ok {
			t.Errorf("values %v give %+v", values, r)
		}
	}
}

func TestEqualRoundsAreClear(t *testing.T) {
	for _, of := range []func() (Ratio, bool){
		func() (Ratio, bool) { return paired([]float64{0.25, 0.25}) },
		func() (Ratio, bool) { return unpaired([]float64{4, 4}, []float64{1, 1, 1}) },
	} {
		r, ok := of()
		if !ok || !r.Clear() {
			t.Errorf("got %+v, %v", r, ok)
		}
		near(t, "low", r.Low, 0.25)
		near(t, "high", r.High, 0.25)
	}
}

func TestWelchInterval(t *testing.T) {
	e := math.Exp
	// Means 2 and 5, variances 1 and 4, of 3 and 3: the error is 1.29099, and there are 2.94118 degrees of freedom.
	r, ok := unpaired([]float64{e(1), e(2), e(3)}, []float64{e(3), e(5), e(7)})
	if !ok {
		t.Fatal("no ratio")
	}
	near(t, "mean", r.Mean, e(3))
	near(t, "half of the interval", math.Log(r.High)-3, 3.21869*1.29099)
	near(t, "other half", 3-math.Log(r.Low), 3.21869*1.29099)
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		ratio  Ratio
		better Better
		want   string
	}{
		{Ratio{2, 1.5, 2.5, 5}, Higher, "better"},
		{Ratio{2, 1.5, 2.5, 5}, Lower, "worse"},
		{Ratio{0.5, 0.4, 0.6, 5}, Lower, "better"},
		{Ratio{0.5, 0.4, 0.6, 5}, Higher, "worse"},
		{Ratio{1.1, 0.9, 1.3, 5}, Higher, "unclear"},
		{Ratio{2, 0, 0, 1}, Higher, "one round"},
		{Ratio{2, 1.5, 2.5, 5}, "", ""},
	} {
		if got := c.ratio.verdict(c.better); got != c.want {
			t.Errorf("%+v with %q better is %q, want %q", c.ratio, c.better, got, c.want)
		}
	}
}

func TestRatiosAreTakenWithinRounds(t *testing.T) {
	// The machine is three times slower in the second round, for both.
	s := Scenario{Runs: []Run{
		{Target: 0, Round: 0, Values: map[string]float64{"x": 300}},
		{Target: 1, Round: 0, Values: map[string]float64{"x": 600}},
		{Target: 1, Round: 1, Values: map[string]float64{"x": 200}},
		{Target: 0, Round: 1, Values: map[string]float64{"x": 100}},
		{Target: 1, Round: 2, Values: map[string]float64{"x": 1}}, // alone in its round
	}}
	r, ok := s.Ratio("x", 1)
	if !ok || r.Rounds != 2 || !r.Clear() {
		t.Fatalf("got %+v, %v", r, ok)
	}
	near(t, "mean", r.Mean, 2)
	spread, ok := s.Spread("x", 1)
	if want := (Spread{200, 1, 600, 3}); !ok || spread != want {
		t.Errorf("got %+v, want %+v", spread, want)
	}
	if _, ok := s.Spread("y", 1); ok {
		t.Error("a figure that no run has was summed up")
	}
}
