package inspect

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// output is where the results of a command go.
type output struct {
	*bufio.Writer
	json   bool
	lines  *json.Encoder
	errors io.Writer
	meter  *meter
}

func newOutput(cmd *cobra.Command) *output {
	o := &output{Writer: bufio.NewWriterSize(cmd.OutOrStdout(), 64<<10), errors: cmd.ErrOrStderr()}
	o.lines = json.NewEncoder(o.Writer)
	o.lines.SetEscapeHTML(false)
	if f := cmd.Flags().Lookup("json"); f != nil {
		o.json = f.Value.String() == "true"
	}
	o.meter = newMeter(o.errors)
	return o
}

// object writes v as one line of JSON.
func (o *output) object(v any) error { return o.lines.Encode(v) }

// complain writes a line to the error output, behind what was put out so far.
func (o *output) complain(format string, args ...any) error {
	if err := o.Flush(); err != nil {
		return err
	}
	o.meter.clear()
	fmt.Fprintf(o.errors, format+"\n", args...)
	return nil
}

// table writes rows of cells in columns.
func (o *output) table(rows [][]string) error {
	w := tabwriter.NewWriter(o, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, cell)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// jsonFlag adds --json, which newOutput looks for.
func jsonFlag(cmd *cobra.Command) { cmd.Flags().Bool("json", false, "put out JSON, one object a line") }

// Progress is shown after meterDelay, and then every meterPause.
const (
	meterDelay = 2 * time.Second
	meterPause = 200 * time.Millisecond
)

// meter shows on a terminal how far a command is.
type meter struct {
	w     io.Writer // nil if it is no terminal
	next  time.Time
	calls int
	shown bool
}

func newMeter(w io.Writer) *meter {
	m := &meter{next: time.Now().Add(meterDelay)}
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			m.w = w
		}
	}
	return m
}

// at says that n of total, 0 if that is not known, are done. It may be called for each record.
func (m *meter) at(n, total int64, unit string) {
	if m.calls++; m.calls%64 == 0 {
		m.show(n, total, unit)
	}
}

// show is at for what is called seldom.
func (m *meter) show(n, total int64, unit string) {
	now := time.Now()
	if m.w == nil || now.Before(m.next) {
		return
	}
	m.next, m.shown = now.Add(meterPause), true
	if total > 0 {
		fmt.Fprintf(m.w, "\r\x1b[K%d of %d %s, %d %%", n, total, unit, min(100, n*100/total))
	} else {
		fmt.Fprintf(m.w, "\r\x1b[K%d %s", n, unit)
	}
}

// clear takes what is shown off the terminal.
func (m *meter) clear() {
	if m.shown {
		fmt.Fprint(m.w, "\r\x1b[K")
		m.shown = false
	}
}

func (m *meter) done() { m.clear() }
