package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

func htmlOf(t *testing.T, reports ...*Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, reports...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// element is what the tests look at of a page.
type element struct {
	name  string
	attrs map[string]string
}

// elements reads a page as XML, which it is but for style and script.
func elements(t *testing.T, page string) []element {
	t.Helper()
	page = regexp.MustCompile(`(?s)<script>.*?</script>|<style>.*?</style>`).ReplaceAllString(page, "")
	d := xml.NewDecoder(strings.NewReader(page))
	d.Entity = xml.HTMLEntity
	var list []element
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok {
			e := element{start.Name.Local, map[string]string{}}
			for _, a := range start.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			list = append(list, e)
		}
	}
}

func count(list []element, name, attr, value string) int {
	n := 0
	for _, e := range list {
		if e.name == name && (attr == "" || e.attrs[attr] == value) {
			n++
		}
	}
	return n
}

func TestPageHasAllThereIs(t *testing.T) {
	r := sampleReport("All there is", 1, 11)
	page := htmlOf(t, r)
	list := elements(t, page)
	for i, s := range r.Scenarios {
		if count(list, "section", "id", "scenario"+strconv.Itoa(i+1)) != 1 || !strings.Contains(page, "<h2>"+s.Name+"</h2>") {
			t.Errorf("scenario %s is missing", s.Name)
		}
	}
	for title, want := range map[string]int{
		"How many times better": 1, "Throughput over time": 4, "Latency over time": 4, "Latency by percentile": 4,
		"Distribution of latencies": 4, "Where the time goes": 4, "Rate against p99": 1, "Processor time": 5, "Memory": 5, "Written to disk": 5,
	} {
		if got := count(list, "svg", "aria-label", title); got != want {
			t.Errorf("%d charts are called %s, want %d", got, title, want)
		}
	}
	for _, want := range []string{
		"Linux 6.12 amd64", "3.9.4", "forceSync=yes", "--rounds 5", "leader killed", "connection lost",
		"64 connections were lost", "10.3 to 12.2", "<title>All there is</title>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if n := count(list, "input", "type", "checkbox"); n != 2 {
		t.Errorf("%d targets can be hidden", n)
	}
}

// TestPageStaysWithinItself looks for whatever a browser would load.
func TestPageStaysWithinItself(t *testing.T) {
	page := htmlOf(t, sampleReport("one", 1, 2), sampleReport("two", 2, 2))
	for _, e := range elements(t, page) {
		for _, attr := range []string{"src", "srcset", "action", "data", "poster"} {
			if e.attrs[attr] != "" {
				t.Errorf("%s has %s %s", e.name, attr, e.attrs[attr])
			}
		}
		if href := e.attrs["href"]; href != "" && !strings.HasPrefix(href, "#") {
			t.Errorf("%s leads to %s", e.name, href)
		}
		if e.name == "link" || e.name == "iframe" || e.name == "image" {
			t.Errorf("the page has a %s", e.name)
		}
	}
	for _, bad := range []string{"url(", "@import", "fetch(", "XMLHttpRequest", "eval(", "innerHTML"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %s", bad)
		}
	}
	names := regexp.MustCompile(`https?://[^"'<\s]*`).FindAllString(page, -1)
	for _, name := range names {
		if !strings.HasPrefix(name, "http://www.w3.org/") { // names of formats, which nothing loads
			t.Errorf("the page names %s", name)
		}
	}
}

func TestPositionsAreNumbers(t *testing.T) {
	number := regexp.MustCompile(`^-?\d+(\.\d)?$`)
	path := regexp.MustCompile(`^[MLHV\d. -]+$`)
	for _, e := range elements(t, htmlOf(t, sampleReport("positions", 1, 11))) {
		for _, attr := range []string{"x", "y", "cx", "cy", "width", "height"} {
			if v, ok := e.attrs[attr]; ok && !number.MatchString(v) {
				t.Fatalf("%s has %s %q", e.name, attr, v)
			}
		}
		if d, ok := e.attrs["d"]; ok && !path.MatchString(d) {
			t.Fatalf("a path is %q", d)
		}
	}
}

func TestNamesCannotBreakOut(t *testing.T) {
	const evil = `"><script>alert(1)</script>'|;` + "`${x}"
	r := sampleReport(evil, 1, 2)
	r.Targets[1].Name = evil
	r.Targets[1].Settings = []string{evil}
	r.Command = []string{evil}
	for i := range r.Scenarios {
		s := &r.Scenarios[i]
		s.Name += evil
		s.About = evil
		s.Options[evil] = evil
		for j := range s.Runs {
			run := &s.Runs[j]
			run.Notes = []string{evil}
			run.Errors = []ErrorCount{{evil, 1, 1}}
			run.Events = []Event{{time.Second, 0, evil}}
			run.Processes[1].Name = evil
			for k := range run.Stages {
				run.Stages[k].Server, run.Stages[k].Name = evil, evil
			}
			for k := range run.Kinds {
				run.Kinds[k].Name = evil
			}
		}
	}
	page := htmlOf(t, r)
	if n := count(elements(t, page), "svg", "aria-label", "Throughput over time"); n != 4 {
		t.Errorf("%d charts are left", n)
	}
	if n := strings.Count(page, "<script>"); n != 1 {
		t.Errorf("the page has %d scripts", n)
	}
}

func TestSameReportsGiveTheSameBytes(t *testing.T) {
	first := htmlOf(t, sampleReport("one", 1, 2), sampleReport("two", 2, 2))
	for range 3 {
		if htmlOf(t, sampleReport("one", 1, 2), sampleReport("two", 2, 2)) != first {
			t.Fatal("the pages differ")
		}
	}
}

// TestLittleIsEnough shows reports that lack this and that.
func TestLittleIsEnough(t *testing.T) {
	full := sampleReport("", 1, 2)
	bare := &Report{Targets: []Target{{Name: "a"}, {Name: "b"}}, Scenarios: []Scenario{
		{Name: "no figures", Runs: []Run{{Target: 1}}},
		{Name: "no runs", Figures: []Figure{{"x", Count, Higher}}},
		{Name: "zeroes", Figures: []Figure{{"x", Count, Higher}}, Runs: []Run{
			{Values: map[string]float64{"x": 0}, Seconds: make([]Second, 3), Steps: make([]Step, 2), Latency: make([]Bucket, 2),
				Stages: make([]Stage, 2), Kinds: make([]Kind, 2), Processes: []Process{{Samples: make([]Sample, 3)}}, Events: make([]Event, 2)},
		}},
	}}
	for _, reports := range [][]*Report{{bare}, {bare, full}, {full, bare}, {bare, bare, bare}, {alone(sampleReport("", 1, 1), 1)}} {
		page := htmlOf(t, reports...)
		elements(t, page)
		if strings.Contains(page, "NaN") || strings.Contains(page, "Inf") {
			t.Error("the page has what is no number")
		}
		if err := Table(io.Discard, reports...); err != nil {
			t.Error(err)
		}
	}
}

func TestManyPointsAreThinned(t *testing.T) {
	points := make([]point, 10_000)
	for i := range points {
		points[i] = point{x: float64(i), y: 50}
	}
	points[4321].y, points[8765].y = 0, 100
	kept := thin(points)
	if len(kept) > pointsMax {
		t.Fatalf("%d points are left", len(kept))
	}
	low, high := false, false
	for i, p := range kept {
		low, high = low || p.y == 0, high || p.y == 100
		if i > 0 && p.x <= kept[i-1].x {
			t.Fatalf("point %d goes back", i)
		}
	}
	if !low || !high {
		t.Error("what stands out was lost")
	}
}
