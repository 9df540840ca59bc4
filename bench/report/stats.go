package report

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// confidence is the share of intervals that hold the true ratio.
const confidence = 0.95

// Spread sums up what a figure was in the rounds.
type Spread struct {
	Median, Low, High float64
	Rounds            int
}

// Ratio is how a figure of a target stands to that of another: the geometric mean of the rounds, and the interval
// that holds the true one with 95 % confidence. A quarter is 0.25, whichever direction is the better one.
type Ratio struct {
	Mean      float64
	Low, High float64 // both 0 when there is no interval, as with one round
	Rounds    int
}

// Interval reports whether r has one.
func (r Ratio) Interval() bool { return r.High > 0 }

// wideInterval is how many times the lower end the upper one is of an interval that says nothing.
const wideInterval = 1000

// Wide reports whether the interval says nothing, as of two rounds that differ much.
func (r Ratio) Wide() bool { return r.Interval() && r.High > wideInterval*r.Low }

// Clear reports whether there is a difference, which is when the interval does not hold 1.
func (r Ratio) Clear() bool { return r.Interval() && (r.Low > 1 || r.High < 1) }

// verdict says what r means for a figure of the direction b.
func (r Ratio) verdict(b Better) string {
	switch {
	case b == "":
		return ""
	case !r.Interval():
		return "one round"
	case !r.Clear():
		return "unclear"
	case (r.Low > 1) == (b == Higher):
		return "better"
	}
	return "worse"
}

// Spread sums up a figure of a target. It reports false when no run has the figure.
func (s *Scenario) Spread(figure string, target int) (Spread, bool) {
	var values []float64
	for _, v := range s.values(figure, target) {
		values = append(values, v)
	}
	if len(values) == 0 {
		return Spread{}, false
	}
	return Spread{Median(values), slices.Min(values), slices.Max(values), len(values)}, true
}

// Median returns the value in the middle, or between the two of an even number. There must be one.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Ratio holds a figure of a target against that of the first target, within each round. It reports false when no
// round has both, or when one of the values is not above zero: nothing can be said of such by a ratio.
func (s *Scenario) Ratio(figure string, target int) (Ratio, bool) {
	base := s.values(figure, 0)
	var ratios []float64
	for round, v := range s.values(figure, target) {
		if b, ok := base[round]; ok {
			ratios = append(ratios, v/b)
		}
	}
	slices.Sort(ratios) // the order of maps must not show in the last digit
	return paired(ratios)
}

// values returns a figure of a target by round.
func (s *Scenario) values(figure string, target int) map[int]float64 {
	values := map[int]float64{}
	for i := range s.Runs {
		r := &s.Runs[i]
		if v, ok := r.Values[figure]; ok && r.Target == target {
			values[r.Round] = v
		}
	}
	return values
}

// paired sums up ratios of rounds.
func paired(ratios []float64) (Ratio, bool) {
	logs, ok := logarithms(ratios)
	if !ok {
		return Ratio{}, false
	}
	n := len(logs)
	if n == 1 {
		return Ratio{Mean: ratios[0], Rounds: 1}, true
	}
	mean, deviation := stat.MeanStdDev(logs, nil)
	return around(mean, deviation/math.Sqrt(float64(n)), float64(n-1), n), true
}

// unpaired holds values against a base that was measured at another time, so that no round of the one belongs to
// one of the other. The variances may differ: this is Welch's interval.
func unpaired(base, values []float64) (Ratio, bool) {
	a, okA := logarithms(base)
	b, okB := logarithms(values)
	if !okA || !okB {
		return Ratio{}, false
	}
	rounds := min(len(a), len(b))
	mean := stat.Mean(b, nil) - stat.Mean(a, nil)
	if rounds == 1 {
		return Ratio{Mean: math.Exp(mean), Rounds: 1}, true
	}
	na, nb := float64(len(a)), float64(len(b))
	va, vb := stat.Variance(a, nil)/na, stat.Variance(b, nil)/nb
	freedom := na + nb - 2
	if va+vb > 0 {
		freedom = (va + vb) * (va + vb) / (va*va/(na-1) + vb*vb/(nb-1))
	}
	return around(mean, math.Sqrt(va+vb), freedom, rounds), true
}

// around makes the interval of a mean of logarithms with its standard error.
func around(mean, deviation, freedom float64, rounds int) Ratio {
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: freedom}.Quantile((1 + confidence) / 2)
	return Ratio{math.Exp(mean), math.Exp(mean - t*deviation), math.Exp(mean + t*deviation), rounds}
}

func logarithms(values []float64) ([]float64, bool) {
	logs := make([]float64, len(values))
	for i, v := range values {
		if !(v > 0) || math.IsInf(v, 0) {
			return nil, false
		}
		logs[i] = math.Log(v)
	}
	return logs, len(logs) > 0
}
