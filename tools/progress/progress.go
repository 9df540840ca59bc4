package progress

import (
	"fmt"
	"io"
	"time"
)

// Report is how far a step of a long operation is.
type Report struct {
	Step string // what is done: "copying tables", say
	Done int64
	// Total is 0 if it is not known. Unit is "bytes", "znodes" or "transactions".
	Total int64
	Unit  string
}

// every is the time between two reports. What takes less reports nothing.
const every = 2 * time.Second

// Meter reports progress now and then.
type Meter struct {
	report func(Report)
	now    func() time.Time
	r      Report
	next   time.Time
}

// New returns a meter that tells report, which may be nil.
func New(report func(Report)) *Meter { return &Meter{report: report, now: time.Now} }

// Begin starts a step.
func (m *Meter) Begin(step, unit string, total int64) {
	m.r = Report{Step: step, Unit: unit, Total: total}
	m.next = m.now().Add(every)
}

// Add counts n more as done.
func (m *Meter) Add(n int64) { m.Set(m.r.Done + n) }

// Set says that n are done.
func (m *Meter) Set(n int64) {
	m.r.Done = n
	if m.report == nil {
		return
	}
	if now := m.now(); now.After(m.next) {
		m.next = now.Add(every)
		m.report(m.r)
	}
}

// String says it for people, in one line.
func (r Report) String() string {
	done, total := fmt.Sprint(r.Done, " ", r.Unit), fmt.Sprint(r.Total)
	if r.Unit == "bytes" {
		done, total = Size(r.Done), Size(r.Total)
	}
	if r.Total > 0 {
		done = fmt.Sprintf("%d %%, %s of %s", min(100*r.Done/r.Total, 100), done, total)
	}
	return r.Step + ": " + done
}

// Lines returns what prints each report as a line.
func Lines(w io.Writer) func(Report) {
	return func(r Report) { fmt.Fprintln(w, r) }
}

// Size is a number of bytes for people.
func Size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	x, i := float64(n)/1024, 0
	for x >= 1024 && i < len(units)-1 {
		x /= 1024
		i++
	}
	return fmt.Sprintf("%.1f %ciB", x, units[i])
}
