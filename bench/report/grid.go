package report

import (
	"io"
	"strings"
	"unicode/utf8"
)

// grid is a table, before it is known whether a terminal or a page shows it.
type grid struct {
	Title   string
	Columns []column
	Rows    [][]cell
}

type column struct {
	Name string
	Left bool // aligned to the left, as words are
}

// cell is one field. Class is for pages: "t3" for the colour of a target, or a verdict.
type cell struct {
	Text, Class string
}

func words(names ...string) []column { return columns(true, names) }

func numbers(names ...string) []column { return columns(false, names) }

func columns(left bool, names []string) []column {
	list := make([]column, len(names))
	for i, name := range names {
		list[i] = column{name, left}
	}
	return list
}

func newGrid(title string, columns ...[]column) *grid {
	g := &grid{Title: title}
	for _, c := range columns {
		g.Columns = append(g.Columns, c...)
	}
	return g
}

// row appends cells without a class, and those of lead before them.
func (g *grid) row(lead []cell, texts ...string) {
	row := append([]cell{}, lead...)
	for _, text := range texts {
		row = append(row, cell{Text: text})
	}
	g.Rows = append(g.Rows, row)
}

// without takes a column away.
func (g *grid) without(at int) {
	g.Columns = append(g.Columns[:at:at], g.Columns[at+1:]...)
	for i, row := range g.Rows {
		g.Rows[i] = append(row[:at:at], row[at+1:]...)
	}
}

// longGrid is how many rows a page shows at once; more are there when asked for.
const longGrid = 14

// Long reports whether g is too long to be shown by itself.
func (g *grid) Long() bool { return len(g.Rows) > longGrid }

// write prints g with aligned columns.
func (g *grid) write(w io.Writer) error {
	widths := make([]int, len(g.Columns))
	for i, c := range g.Columns {
		widths[i] = utf8.RuneCountInString(c.Name)
		for _, row := range g.Rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i].Text))
		}
	}
	var b strings.Builder
	line := func(text func(i int) string) {
		var l strings.Builder
		for i, c := range g.Columns {
			if i > 0 {
				l.WriteString("  ")
			}
			s := text(i)
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(s))
			if c.Left {
				l.WriteString(s + pad)
			} else {
				l.WriteString(pad + s)
			}
		}
		b.WriteString(strings.TrimRight(l.String(), " ") + "\n")
	}
	line(func(i int) string { return g.Columns[i].Name })
	for _, row := range g.Rows {
		line(func(i int) string { return row[i].Text })
	}
	_, err := io.WriteString(w, b.String())
	return err
}
