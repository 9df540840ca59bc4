package report

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// The drawing of a chart, in its own units; pages scale it.
const (
	chartWidth  = 560.
	chartHeight = 296.
	plotLeft    = 66.
	plotRight   = chartWidth - 14
	plotTop     = 32.
	plotBottom  = chartHeight - 44
)

// chart is a picture, as the template draws it. Classes of what belongs to a target are its slotClass, which gives it
// the target's colour and lets the reader hide it.
type chart struct {
	Title         string
	Note          string // how to read it
	Width, Height float64
	Left, Right   float64 // of the plot
	Top, Bottom   float64
	XLabel        string
	YLabel        string
	X, Y          []tick
	Areas         []shape
	Lines         []line
	Marks         []mark
	Bars          []box
	Rules         []rule
	Texts         []text
	Legend        []legend
}

// shape is a filled area.
type shape struct{ Class, Path string }

// line is a path with what a pointer over it shows.
type line struct {
	Class string
	Name  string // empty for a line that shows nothing
	Path  string
	Data  string // x;y;text of x;text of y|...
}

// mark is a point. Title is what a pointer over it shows.
type mark struct {
	Class, Title string
	X, Y, R      float64
}

// box is a bar.
type box struct {
	Class, Title        string
	X, Y, Width, Height float64
}

// rule is an event: a line across the plot, or a band when it took long.
type rule struct {
	Class, Title, Text string
	X, Width           float64
}

// text is a word in the drawing, which begins or ends at X, or has it in the middle.
type text struct {
	Class, Anchor, Text string
	X, Y                float64
}

// legend says what a class looks like and is.
type legend struct{ Class, Text string }

func newChart(title, note string) *chart {
	return &chart{
		Title: title, Note: note, Width: chartWidth, Height: chartHeight,
		Left: plotLeft, Right: plotRight, Top: plotTop, Bottom: plotBottom,
	}
}

// The places of what stands around the plot.

// YText is where the texts of the Y axis end.
func (c *chart) YText() float64 { return c.Left - 7 }

// XText is the line of the texts of the X axis.
func (c *chart) XText() float64 { return c.Bottom + 18 }

// XLabelAt is the line of the X axis' title.
func (c *chart) XLabelAt() float64 { return c.Bottom + 38 }

// YLabelAt is the line of the Y axis' title.
func (c *chart) YLabelAt() float64 { return c.Top - 16 }

// PlotHeight is that of the plot.
func (c *chart) PlotHeight() float64 { return c.Bottom - c.Top }

// slotClass is the class of all that belongs to a target.
func slotClass(slot int) string {
	return "s" + strconv.Itoa(slot) + " c" + strconv.Itoa(slot%colours)
}

// colours is how many the style sheet has for targets.
const colours = 8

// point is a place in a chart with what is said of it.
type point struct {
	x, y   float64
	xt, yt string
	apart  bool // no line leads from the point before to here
}

// pointsMax bounds what a line holds, as more would not be seen.
const pointsMax = 300

// addLine draws a line through points. Many points are reduced by keeping the lowest and the highest of neighbours.
func (c *chart) addLine(class, name string, points []point) {
	points = thin(points)
	if len(points) == 0 {
		return
	}
	l := line{Class: class, Name: name, Path: pathOf(points)}
	if name != "" {
		var b strings.Builder
		for i, p := range points {
			if i > 0 {
				b.WriteByte('|')
			}
			b.WriteString(coordinate(p.x) + ";" + coordinate(p.y) + ";" + p.xt + ";" + p.yt)
		}
		l.Data = b.String()
	}
	c.Lines = append(c.Lines, l)
}

func thin(points []point) []point {
	if len(points) <= pointsMax {
		return points
	}
	groups := pointsMax / 2
	var kept []point
	for g := range groups {
		part := points[g*len(points)/groups : (g+1)*len(points)/groups]
		low, high := 0, 0
		for i, p := range part {
			if p.y < part[low].y {
				low = i
			}
			if p.y > part[high].y {
				high = i
			}
		}
		kept = append(kept, part[min(low, high)])
		kept[len(kept)-1].apart = slices.ContainsFunc(part, func(p point) bool { return p.apart })
		if low != high {
			kept = append(kept, part[max(low, high)])
		}
	}
	return kept
}

func pathOf(points []point) string {
	var b strings.Builder
	for i, p := range points {
		if i == 0 || p.apart {
			b.WriteByte('M')
		} else {
			b.WriteByte('L')
		}
		b.WriteString(coordinate(p.x) + " " + coordinate(p.y))
	}
	return b.String()
}

// coordinate writes a position with a tenth.
func coordinate(v float64) string { return strconv.FormatFloat(tenth(v), 'f', -1, 64) }

// tenth rounds to what can be seen.
func tenth(v float64) float64 { return math.Round(v*10) / 10 }
