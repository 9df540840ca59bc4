package bench

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gamekeeper/bench/report"
)

// runReport runs "bench report".
func runReport(args ...string) (string, error) {
	cmd := Command("test")
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs(append([]string{"report"}, args...))
	err := cmd.Execute()
	return out.String(), err
}

// reportFile writes a report with one figure.
func reportFile(t *testing.T, name string, values ...float64) string {
	t.Helper()
	s := report.Scenario{Name: "set", Figures: []report.Figure{{Name: "throughput", Unit: report.PerSecond, Better: report.Higher}}}
	for i, v := range values {
		s.Runs = append(s.Runs, report.Run{Round: i, Values: map[string]float64{"throughput": v}})
	}
	r := report.Report{Format: report.Format, Targets: []report.Target{{Name: "a"}}, Scenarios: []report.Scenario{s}}
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReportCommand(t *testing.T) {
	before, after := reportFile(t, "before.json", 100, 101, 102), reportFile(t, "after.json", 200, 202, 204)
	page := filepath.Join(t.TempDir(), "page.html")
	out, err := runReport(before, after, "--html", page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a (before.json)", "a (after.json)", "2.00", "better"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	html, err := os.ReadFile(page)
	if err != nil || !bytes.HasPrefix(html, []byte("<!DOCTYPE html>")) || !bytes.Contains(html, []byte("after.json")) {
		t.Errorf("page, error %v: %.100s", err, html)
	}
	if out, err := runReport(before, "--quiet"); err != nil || out != "" {
		t.Errorf("quietly: %v, %q", err, out)
	}
}

func TestReportCommandErrors(t *testing.T) {
	good := reportFile(t, "good.json", 1)
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte(`{"options": {}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
		code int
	}{
		{nil, "needs the file of a report", exitUsage},
		{[]string{good, bad}, bad + ": not a report", exitFailed},
		{[]string{filepath.Join(t.TempDir(), "none.json")}, "no such file", exitFailed},
		{[]string{good, "--html", filepath.Join(t.TempDir(), "none", "page.html")}, "no such file", exitFailed},
	} {
		_, err := runReport(c.args...)
		var e *exitError
		if !errors.As(err, &e) || e.code != c.code || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %q with code %d", c.args, err, c.want, c.code)
		}
	}
}
