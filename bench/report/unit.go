package report

import (
	"math"
	"strconv"
	"time"
)

// Text writes a value of the unit for people, with about three digits.
func (u Unit) Text(v float64) string {
	switch u {
	case Duration:
		return durationText(v)
	case Bytes:
		return siText(v, " kB", " MB", " GB", " TB", " B")
	case Share:
		return Digits(v*100) + " %"
	}
	if math.Abs(v) < 100 && v != math.Trunc(v) {
		return Digits(v)
	}
	return Whole(v)
}

// tick writes a round value, of an axis, as short as it goes.
func (u Unit) tick(v float64) string {
	if v == 0 {
		return "0"
	}
	switch u {
	case Duration:
		switch {
		case v < 1e3:
			return plain(v) + " ns"
		case v < 1e6:
			return plain(v/1e3) + " µs"
		case v < 1e9:
			return plain(v/1e6) + " ms"
		case v < 60e9:
			return plain(v/1e9) + " s"
		case v < 3600e9:
			return plain(v/60e9) + " min"
		}
		return plain(v/3600e9) + " h"
	case Bytes:
		return siTick(v, " kB", " MB", " GB", " TB", " B")
	case Share:
		return plain(v*100) + " %"
	}
	return siTick(v, "k", "M", "G", "T", "")
}

func durationText(v float64) string {
	switch a := math.Abs(v); {
	case a == 0:
		return "0"
	case a < 999.5:
		return strconv.FormatFloat(v, 'f', 0, 64) + " ns"
	case a < 999.5e3:
		return Digits(v/1e3) + " µs"
	case a < 999.5e6:
		return Digits(v/1e6) + " ms"
	}
	return Digits(v/1e9) + " s"
}

// gapText writes how long nothing was answered, to the millisecond.
func gapText(d time.Duration) string {
	if d < time.Second {
		return durationText(float64(d.Round(time.Millisecond)))
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) + " s"
}

func siText(v float64, kilo, mega, giga, tera, one string) string {
	switch a := math.Abs(v); {
	case a < 999.5:
		return strconv.FormatFloat(v, 'f', 0, 64) + one
	case a < 999.5e3:
		return Digits(v/1e3) + kilo
	case a < 999.5e6:
		return Digits(v/1e6) + mega
	case a < 999.5e9:
		return Digits(v/1e9) + giga
	}
	return Digits(v/1e12) + tera
}

func siTick(v float64, kilo, mega, giga, tera, one string) string {
	switch {
	case v < 1e3:
		return plain(v) + one
	case v < 1e6:
		return plain(v/1e3) + kilo
	case v < 1e9:
		return plain(v/1e6) + mega
	case v < 1e12:
		return plain(v/1e9) + giga
	}
	return plain(v/1e12) + tera
}

// plain writes a number without needless digits.
func plain(v float64) string {
	return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64)
}

// Digits writes three digits that count, or all of the whole part; small values get two after the point.
func Digits(v float64) string {
	switch a := math.Abs(v); {
	case a < 9.995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case a < 99.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

// ratioText writes three digits that count, of small ratios too.
func ratioText(v float64) string {
	switch {
	case v >= 999.5:
		return Whole(v)
	case v >= 0.9995 || v <= 0:
		return Digits(v)
	}
	return strconv.FormatFloat(v, 'f', 2-int(math.Floor(math.Log10(v))), 64)
}

// intervalText writes the interval of a ratio.
func (r Ratio) intervalText() string {
	if r.Wide() {
		return "too wide"
	}
	return ratioText(r.Low) + " to " + ratioText(r.High)
}

// Whole writes a whole number with commas.
func Whole(v float64) string {
	s := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
