package bench

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

// chooser picks keys by number, from 0, as --key-choice says. The zero value is of no use; copies are independent
// but for the seed.
type chooser struct {
	keys   uint64
	how    choice
	random rand.PCG

	hot      uint64 // of the choice hot: how many keys are
	hotShare uint64 // of 1<<32 picks go to them

	// Of the choice zipf: see rank.
	exponent         float64
	first, last, cut float64
}

// choice is how keys are chosen.
type choice uint8

const (
	choiceUniform choice = iota
	choiceZipf
	choiceHot
)

// keyScatter spreads the keys that are chosen most over the directories: number n becomes n times this prime, modulo
// the number of keys. It is above keysMax, so the two have no divisor in common and every key keeps a number.
const keyScatter = 2_147_483_647

// hotShare is a share of the picks that falls on a share of the keys, both from 0 to 1.
type hotShare struct{ picks, of float64 }

// Set, String and Type make hotShare a flag, in percent: 90/1.
func (h *hotShare) Set(text string) error {
	picks, of, _ := strings.Cut(text, "/")
	p, err1 := strconv.ParseFloat(picks, 64)
	o, err2 := strconv.ParseFloat(of, 64)
	if err1 != nil || err2 != nil || !(p >= 0 && p <= 100 && o > 0 && o <= 100) {
		return fmt.Errorf("%q is not two percentages, as in 90/1", text)
	}
	h.picks, h.of = p/100, o/100
	return nil
}

func (h *hotShare) String() string { return fmt.Sprintf("%g/%g", h.picks*100, h.of*100) }
func (h *hotShare) Type() string   { return "percent/percent" }

// newUniform chooses every key equally often.
func newUniform(keys int) chooser { return chooser{keys: uint64(keys)} }

// newHot lets a share of the picks, from 0 to 1, fall on a share of the keys.
func newHot(keys int, picks, of float64) chooser {
	hot := min(max(uint64(float64(keys)*of), 1), uint64(keys))
	return chooser{keys: uint64(keys), how: choiceHot, hot: hot, hotShare: uint64(picks * (1 << 32))}
}

// newZipf chooses the key of rank k, from 1, in proportion to k to the power of -exponent, which is above 0.
func newZipf(keys int, exponent float64) chooser {
	c := chooser{keys: uint64(keys), how: choiceZipf, exponent: exponent}
	c.first = c.area(1.5) - 1
	c.last = c.area(float64(keys) + 0.5)
	c.cut = 2 - c.inverse(c.area(2.5)-math.Pow(2, -exponent))
	return c
}

// seed makes the picks another, or the same, sequence.
func (c *chooser) seed(seed, stream uint64) { c.random.Seed(seed, stream) }

// pick returns the next key.
func (c *chooser) pick() int {
	r := c.random.Uint64()
	switch c.how {
	case choiceHot:
		low, from, n := r&(1<<32-1), uint64(0), c.hot
		if low >= c.hotShare && c.hot < c.keys {
			from, n = c.hot, c.keys-c.hot
		}
		return c.scatter(from + r>>32*n>>32)
	case choiceZipf:
		return c.scatter(c.rank(r) - 1)
	}
	return int(r >> 32 * c.keys >> 32)
}

func (c *chooser) scatter(n uint64) int { return int(n * keyScatter % c.keys) }

// rank draws from the Zipf distribution by rejection-inversion (Hörmann and Derflinger, 1996): a point below the curve
// x to the power of -exponent is drawn by inverting its integral, and taken when it is below the step of the nearest
// whole number. Few points are not. The standard library's Zipf wants an exponent above 1.
func (c *chooser) rank(r uint64) uint64 {
	for {
		u := c.last + float64(r>>11)/(1<<53)*(c.first-c.last)
		x := c.inverse(u)
		k := math.Floor(x + 0.5)
		k = min(max(k, 1), float64(c.keys))
		if k-x <= c.cut || u >= c.area(k+0.5)-math.Pow(k, -c.exponent) {
			return uint64(k)
		}
		r = c.random.Uint64()
	}
}

// area is the integral of x to the power of -exponent, from 1.
func (c *chooser) area(x float64) float64 {
	if d := 1 - c.exponent; math.Abs(d) > 1e-9 {
		return math.Expm1(d*math.Log(x)) / d
	}
	return math.Log(x)
}

// inverse is the inverse of area.
func (c *chooser) inverse(y float64) float64 {
	if d := 1 - c.exponent; math.Abs(d) > 1e-9 {
		return math.Exp(math.Log1p(max(d*y, -1)) / d)
	}
	return math.Exp(y)
}
