package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// stageColours is how many the style sheet has for stages.
const stageColours = 10

// stageOrder is that in which a request goes through the stages that are known.
func stageOrder() []string {
	return []string{"decode", "queue", "order", "forward", "wait", "log", "quorum", "apply", "read", "reply"}
}

// stageNames returns the names of the stages of rows, in the order of the way.
func stageNames(rows []stageRow) []string {
	var known, other []string
	for _, name := range stageOrder() {
		if slices.ContainsFunc(rows, func(r stageRow) bool { return r.has(name) }) {
			known = append(known, name)
		}
	}
	for _, row := range rows {
		for _, s := range row.stages {
			if !slices.Contains(known, s.Name) && !slices.Contains(other, s.Name) {
				other = append(other, s.Name)
			}
		}
	}
	return append(known, other...)
}

func (r *stageRow) has(name string) bool {
	return slices.ContainsFunc(r.stages, func(s Stage) bool { return s.Name == name })
}

// stageChart shows for each server, and each kind of request, how long a request is in each stage.
func stageChart(runs []shownRun) *chart {
	c := newChart("Where the time goes", "Mean time of a request in each stage of a server. A leader logs while the quorum does, so that these two overlap.")
	var rows []stageRow
	longest := 0.
	for _, r := range runs {
		for _, row := range stageRows(r) {
			rows = append(rows, row)
			total := 0.
			for _, s := range row.stages {
				total += float64(s.Latency.Mean)
			}
			longest = max(longest, total)
		}
	}
	if longest == 0 {
		return nil
	}
	names := stageNames(rows)
	const height, gap = 20., 22.
	c.Top = 4
	c.Bottom = c.Top + float64(len(rows))*(height+gap) + 4
	c.Height = c.Bottom + chartHeight - plotBottom
	c.Left = chartWidth - plotRight
	var x scale
	x, c.X = zeroUp(longest, c.Left, c.Right, Duration)
	c.XLabel = "time"
	for i, row := range rows {
		top := c.Top + float64(i)*(height+gap) + gap - 4
		c.Texts = append(c.Texts, text{"name " + slotClass(row.target.slot), "start", row.label(len(runs) > 1), c.Left + 4, top - 5})
		at := 0.
		for _, s := range row.stages {
			t := float64(s.Latency.Mean)
			from, to := x.at(at), x.at(at+t)
			at += t
			class := "s" + strconv.Itoa(row.target.slot) + " stage" + strconv.Itoa(slices.Index(names, s.Name)%stageColours)
			c.Bars = append(c.Bars, box{
				Class: class, X: from, Y: top, Width: tenth(to - from), Height: height,
				Title: fmt.Sprintf("%s, %s: mean %s, p99 %s, of %s requests", row.label(true), s.Name,
					durationText(t), durationText(float64(s.Latency.P99)), Whole(float64(s.Latency.Count))),
			})
		}
	}
	for i, name := range names {
		c.Legend = append(c.Legend, legend{"stage" + strconv.Itoa(i%stageColours), name})
	}
	return c
}

// stageRow is the way of one kind of request through a server.
type stageRow struct {
	target *shownTarget
	server string // and the kind of request
	stages []Stage
}

// wholeStage is the stage that is all of the others together.
const wholeStage = "total"

// stageRows takes stages apart by server and kind of request, which is the first word of their names, and leaves out
// what is the whole.
func stageRows(r shownRun) []stageRow {
	var rows []stageRow
	for _, s := range r.run.Stages {
		server := s.Server
		if kind, stage, ok := strings.Cut(s.Name, " "); ok {
			server, s.Name = joinWords(server, kind), stage
		}
		if s.Name == wholeStage {
			continue
		}
		i := slices.IndexFunc(rows, func(row stageRow) bool { return row.server == server })
		if i < 0 {
			i = len(rows)
			rows = append(rows, stageRow{target: r.target, server: server})
		}
		rows[i].stages = append(rows[i].stages, s)
	}
	return rows
}

func joinWords(a, b string) string { return strings.TrimSpace(a + " " + b) }

func (r *stageRow) label(target bool) string {
	if target {
		return joinNames(r.target.label, r.server)
	}
	return r.server
}
