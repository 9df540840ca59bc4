package bench

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"gamekeeper/bench/report"
	"gamekeeper/bench/target"
)

// text says in a line what is measured.
func (p Part) text() string {
	text := p.Scenario
	if p.Target != "" {
		text += " against " + p.Target
	}
	if p.Rounds > 1 {
		text = fmt.Sprintf("round %d of %d: %s", p.Round, p.Rounds, text)
	}
	return text
}

// lines returns what a terminal shows.
func (l *live) lines(columns int) []string {
	var lines []string
	if head := l.part.text(); head != "" {
		lines = append(lines, head)
	}
	if l.stage != "" {
		lines = append(lines, l.stage+l.elapsed())
	}
	if len(l.seconds) == 0 {
		return lines
	}
	s := l.seconds[len(l.seconds)-1]
	lines = append(lines,
		fmt.Sprintf("%11s ops/s now   %11s average   %s errors",
			report.PerSecond.Text(s.Rate), report.PerSecond.Text(l.average()), report.Count.Text(float64(l.errors))),
		fmt.Sprintf("latency  p50 %8s   p99 %8s   max %8s   worst %8s", latency(s.P50), latency(s.P99), latency(s.Max), latency(l.worst)),
		sparkline(l.seconds, columns-1),
	)
	return append(lines, l.usage.lines()...)
}

// elapsed says how far measuring is.
func (l *live) elapsed() string {
	if len(l.seconds) == 0 {
		return ""
	}
	at := l.seconds[len(l.seconds)-1].At
	text := fmt.Sprintf(", %.0f s", at.Seconds())
	if left := l.part.Limit - at; l.part.Limit > 0 {
		text += fmt.Sprintf(" of %.0f s, %.0f s left", l.part.Limit.Seconds(), max(left, 0).Seconds())
	}
	return text
}

// sparkline draws the rates of the last seconds, as many as there is room for: none is the lowest sign, the highest
// of them the highest sign.
func sparkline(seconds []report.Second, room int) string {
	seconds = seconds[max(0, len(seconds)-max(room, 0)):]
	highest := 0.
	for _, s := range seconds {
		highest = max(highest, s.Rate)
	}
	signs := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, s := range seconds {
		i := 0
		if highest > 0 {
			i = int(s.Rate/highest*float64(len(signs)-1) + 0.5)
		}
		b.WriteRune(signs[i])
	}
	return b.String()
}

// clipped shortens a line to what there is room for.
func clipped(line string, room int) string {
	if utf8.RuneCountInString(line) <= room {
		return line
	}
	return string([]rune(line)[:max(room, 0)])
}

// usageWatch looks at what processes use, once a second.
type usageWatch struct {
	at     time.Duration
	client time.Duration
	last   map[string]processUse // by name
	shown  []string
}

// processUse is the processor time that a process has used, in all.
type processUse struct {
	pid int
	cpu time.Duration
}

// look takes what the processes have used until at, since measuring began.
func (u *usageWatch) look(processes func() []target.Process, at time.Duration) {
	client, span := target.OwnCPU(), at-u.at
	known := u.last != nil && span > 0
	u.shown = nil
	now := map[string]processUse{}
	if processes != nil {
		for _, p := range processes() {
			cpu, err := target.CPU(p.PID)
			if err != nil {
				continue // it has ended, or this system does not tell
			}
			now[p.Name] = processUse{p.PID, cpu}
			text := p.Name
			if before, ok := u.last[p.Name]; ok && known && before.pid == p.PID {
				text += fmt.Sprintf("  %.2f cores", float64(cpu-before.cpu)/float64(span))
			}
			if resident, err := target.Memory(p.PID); err == nil {
				text += "  " + report.Bytes.Text(float64(resident))
			}
			u.shown = append(u.shown, text)
		}
	}
	if known {
		u.shown = append(u.shown, fmt.Sprintf("load generator  %.2f cores", float64(client-u.client)/float64(span)))
	}
	u.at, u.client, u.last = at, client, now
}

// lines returns what was seen last: in one line if it is short.
func (u *usageWatch) lines() []string {
	if len(u.shown) > 3 {
		return u.shown
	}
	if len(u.shown) == 0 {
		return nil
	}
	return []string{strings.Join(u.shown, "   ")}
}
