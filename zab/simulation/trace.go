package simulation

import "fmt"

// trace is the last lines of what happened.
type trace struct {
	ring []string
	next int
}

func newTrace(n int) *trace { return &trace{ring: make([]string, n)} }

func (t *trace) add(line string) {
	t.ring[t.next%len(t.ring)] = line
	t.next++
}

func (t *trace) lines() []string {
	n := min(t.next, len(t.ring))
	lines := make([]string, 0, n)
	for i := t.next - n; i < t.next; i++ {
		lines = append(lines, t.ring[i%len(t.ring)])
	}
	return lines
}

// tracing says whether lines are kept: who calls tracef often asks first.
func (s *Simulation) tracing() bool { return len(s.trace.ring) > 0 }

func (s *Simulation) tracef(format string, args ...any) {
	if s.tracing() {
		s.trace.add(fmt.Sprintf("%3d.%06d  ", s.now/1e6, s.now%1e6) + fmt.Sprintf(format, args...))
	}
}
