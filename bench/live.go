package bench

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"gamekeeper/bench/report"
	"gamekeeper/bench/target"
)

// Part says what of an invocation is measured now.
type Part struct {
	Scenario string
	Target   string
	Round    int                     // from 1; 0 when there are no rounds
	Rounds   int                     // that there will be
	Limit    time.Duration           // that measuring takes; 0 is unknown
	Look     func() []target.Process // the servers that can be looked at; nil is none
}

// live shows how a run goes: some lines that renew themselves in a terminal, a line a second elsewhere. The cursor
// stays visible below the lines, so that the terminal is in order whenever the program ends.
type live struct {
	w    io.Writer
	size func() (columns, rows int) // of the terminal; nil when there is none

	mu      sync.Mutex
	drawn   int // lines above the cursor that will be renewed
	part    Part
	stage   string
	seconds []report.Second // since the stage began
	replies float64
	errors  int64
	worst   time.Duration // longest latency
	usage   usageWatch
}

// liveSeconds is how many seconds the sparkline shows.
const liveSeconds = 60

func newLive(w io.Writer) *live {
	l := &live{w: w}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return l
	}
	l.size = func() (int, int) {
		columns, rows, err := term.GetSize(int(f.Fd()))
		if err != nil || columns <= 0 || rows <= 0 {
			return 80, 24
		}
		return columns, rows
	}
	return l
}

// progress returns the callbacks for a run.
func (l *live) progress() Progress {
	return Progress{Part: l.beginPart, Stage: l.beginStage, Second: l.second}
}

func (l *live) beginPart(p Part) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.part = p
	l.usage = usageWatch{}
	l.clear("")
	l.show(p.text())
}

func (l *live) beginStage(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clear(name)
	l.show(name)
}

// clear forgets what was seen; l.mu is held.
func (l *live) clear(stage string) {
	l.stage = stage
	l.seconds, l.replies, l.errors, l.worst = nil, 0, 0, 0
}

func (l *live) second(s report.Second) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seconds = append(l.seconds, s)
	if extra := len(l.seconds) - liveSeconds; extra > 0 {
		l.seconds = l.seconds[extra:]
	}
	l.replies += s.Rate * s.Span.Seconds()
	l.errors += s.Errors
	l.worst = max(l.worst, s.Max)
	if l.size != nil {
		l.usage.look(l.part.Look, s.At)
	}
	l.show(l.secondText())
}

// secondText is a line for what is no terminal.
func (l *live) secondText() string {
	s := l.seconds[len(l.seconds)-1]
	text := fmt.Sprintf("%4.0fs  %10s ops/s now  %10s average  p50 %8s  p99 %8s  max %8s", s.At.Seconds(),
		report.PerSecond.Text(s.Rate), report.PerSecond.Text(l.average()), latency(s.P50), latency(s.P99), latency(s.Max))
	if s.Errors > 0 {
		text += fmt.Sprintf("  %d errors", s.Errors)
	}
	return text
}

func (l *live) average() float64 {
	if n := len(l.seconds); n > 0 && l.seconds[n-1].At > 0 {
		return l.replies / l.seconds[n-1].At.Seconds()
	}
	return 0
}

func latency(d time.Duration) string { return report.Duration.Text(float64(d)) }

// show renews the lines in a terminal, and writes line elsewhere; l.mu is held.
func (l *live) show(line string) {
	if l.size == nil {
		fmt.Fprintln(l.w, line)
		return
	}
	columns, rows := l.size()
	lines := l.lines(columns)
	if len(lines) > rows-1 {
		lines = lines[:rows-1] // what has scrolled away cannot be renewed
	}
	l.draw(lines, columns)
}

// draw replaces the lines that were drawn last. It is one write, so that nothing flickers.
func (l *live) draw(lines []string, columns int) {
	var b strings.Builder
	if l.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r", l.drawn)
	}
	for _, line := range lines {
		b.WriteString(clipped(line, columns-1) + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	l.drawn = len(lines)
	_, _ = io.WriteString(l.w, b.String()) // what is only looked at may be lost
}

// done clears the lines for what follows.
func (l *live) done() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.drawn > 0 {
		l.draw(nil, 0)
	}
}
