package bench

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"gamekeeper/bench/report"
	"gamekeeper/bench/target"
)

// screen is a terminal that knows what live writes.
type screen struct {
	lines   []string
	row     int
	columns int
	writes  int
}

func (s *screen) Write(p []byte) (int, error) {
	s.writes++
	text := string(p)
	up := regexp.MustCompile(`^\x1b\[(\d+)A`)
	column := 0
	for text != "" {
		if s.row == len(s.lines) {
			s.lines = append(s.lines, "")
		}
		switch m := up.FindStringSubmatch(text); {
		case m != nil:
			var n int
			fmt.Sscan(m[1], &n)
			s.row -= n
			text = text[len(m[0]):]
		case strings.HasPrefix(text, "\x1b[K"):
			s.lines[s.row] = string([]rune(s.lines[s.row])[:column])
			text = text[3:]
		case strings.HasPrefix(text, "\x1b[J"):
			s.lines[s.row] = string([]rune(s.lines[s.row])[:column])
			s.lines = s.lines[:s.row+1]
			text = text[3:]
		case text[0] == '\r':
			column = 0
			text = text[1:]
		case text[0] == '\n':
			s.row++
			column = 0
			text = text[1:]
		default:
			sign := []rune(text)[0]
			line := []rune(s.lines[s.row])
			if column >= s.columns {
				return 0, fmt.Errorf("a line is longer than %d columns", s.columns)
			}
			s.lines[s.row] = string(append(line[:column:column], sign)) + string(line[min(column+1, len(line)):])
			column++
			text = text[len(string(sign)):]
		}
	}
	return len(p), nil
}

func (s *screen) text() string { return strings.TrimRight(strings.Join(s.lines, "\n"), "\n") }

// onScreen returns a live view of a terminal that shows other things already.
func onScreen(columns, rows int) (*live, *screen) {
	s := &screen{columns: columns, lines: []string{"$ gamekeeper bench"}, row: 1}
	return &live{w: s, size: func() (int, int) { return columns, rows }}, s
}

func secondAt(i int, rate float64) report.Second {
	return report.Second{
		At: time.Duration(i) * time.Second, Span: time.Second, Rate: rate,
		P50: time.Millisecond, P99: 2 * time.Millisecond, Max: time.Duration(10-i) * time.Millisecond, Errors: int64(i - 1),
	}
}

var usageLines = regexp.MustCompile(`(?m)^.*load generator.*\n?`)

func TestLiveInATerminal(t *testing.T) {
	l, s := onScreen(80, 24)
	p := l.progress()
	p.part(Part{Scenario: "set", Target: "apache", Round: 2, Rounds: 5, Limit: 10 * time.Second})
	p.stage("warming up for %v", 2*time.Second)
	if want := "$ gamekeeper bench\nround 2 of 5: set against apache\nwarming up for 2s"; s.text() != want {
		t.Errorf("got\n%s\nwant\n%s", s.text(), want)
	}
	p.stage("measuring")
	for i, rate := range []float64{100, 0, 300, 600} {
		p.Second(secondAt(i+1, rate))
	}
	want := `$ gamekeeper bench
round 2 of 5: set against apache
measuring, 4 s of 10 s, 6 s left
        600 ops/s now           250 average   6 errors
latency  p50  1.00 ms   p99  2.00 ms   max  6.00 ms   worst  9.00 ms
▂▁▅█`
	if got := strings.TrimSpace(usageLines.ReplaceAllString(s.text(), "")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if s.writes != 7 {
		t.Errorf("7 changes were %d writes", s.writes)
	}
	l.done()
	l.done()
	if s.text() != "$ gamekeeper bench" || s.row != 1 {
		t.Errorf("in the end the terminal shows, at row %d:\n%s", s.row, s.text())
	}
}

func TestLiveFitsTheTerminal(t *testing.T) {
	for _, size := range [][2]int{{200, 50}, {30, 24}, {10, 3}, {1, 2}, {5, 1}} {
		l, s := onScreen(size[0], size[1])
		p := l.progress()
		p.part(Part{Scenario: strings.Repeat("long ", 20)})
		p.stage("measuring")
		for i := range 100 {
			p.Second(secondAt(i+1, 1e6))
			if len(s.lines) > max(size[1], 2)+1 {
				t.Fatalf("%v: %d lines", size, len(s.lines))
			}
		}
		for _, line := range s.lines[1:] {
			if n := len([]rune(line)); n >= max(size[0], 2) {
				t.Errorf("%v: a line of %d", size, n)
			}
		}
		if size[0] == 200 && !strings.Contains(s.text(), strings.Repeat("█", liveSeconds)) {
			t.Errorf("the last minute is not there:\n%s", s.text())
		}
		l.done()
	}
}

func TestLiveElsewhere(t *testing.T) {
	var b bytes.Buffer
	l := newLive(&b)
	p := l.progress()
	p.part(Part{Scenario: "set", Target: "a"})
	p.stage("measuring")
	p.Second(secondAt(1, 1000))
	p.Second(secondAt(2, 2000))
	l.done()
	want := `set against a
measuring
   1s       1,000 ops/s now       1,000 average  p50  1.00 ms  p99  2.00 ms  max  9.00 ms
   2s       2,000 ops/s now       1,500 average  p50  1.00 ms  p99  2.00 ms  max  8.00 ms  1 errors
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
}

func TestLiveLooksAtProcesses(t *testing.T) {
	if _, err := target.CPU(os.Getpid()); err != nil {
		t.Skip(err)
	}
	l, s := onScreen(120, 24)
	p := l.progress()
	gone := 1 << 30
	p.part(Part{Scenario: "set", Look: func() []target.Process {
		return []target.Process{{Name: "a-1", PID: os.Getpid()}, {Name: "a-2", PID: gone}}
	}})
	p.Second(secondAt(1, 1))
	if !regexp.MustCompile(`(?m)^a-1  [\d.]+ .B$`).MatchString(s.text()) {
		t.Errorf("after one look:\n%s", s.text())
	}
	p.Second(secondAt(2, 1))
	if !regexp.MustCompile(`(?m)^a-1  \d+\.\d\d cores  [\d.]+ .B   load generator  \d+\.\d\d cores$`).MatchString(s.text()) {
		t.Errorf("after two looks:\n%s", s.text())
	}
}
