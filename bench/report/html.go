package report

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

//go:embed page
var pageFiles embed.FS

// HTML writes one page with charts that needs nothing else: no network, no script to be read. Of several reports,
// scenarios of one name are shown side by side, and the first report is what the others are held against. The same
// reports give the same bytes.
func HTML(w io.Writer, reports ...*Report) error {
	if len(reports) == 0 {
		return errors.New("no report to show")
	}
	v, err := newView(reports)
	if err != nil {
		return err
	}
	style, err := pageFiles.ReadFile("page/style.css")
	if err != nil {
		return err
	}
	script, err := pageFiles.ReadFile("page/hover.js")
	if err != nil {
		return err
	}
	t, err := template.ParseFS(pageFiles, "page/*.html")
	if err != nil {
		return err
	}
	p := newPage(v)
	p.Style, p.Script = template.CSS(style), template.JS(script)
	var b bytes.Buffer // a page is whole or not there
	if err := t.ExecuteTemplate(&b, "page.html", p); err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

// page is what the template shows.
type page struct {
	Title     string
	Style     template.CSS
	Script    template.JS
	Reports   []pageReport
	Targets   []pageTarget
	Summaries []pageSummary
	Scenarios []pageScenario
}

type pageReport struct {
	Label   string // empty when there is one report
	Facts   []fact
	Targets []pageTarget
}

// fact is a name and what it is.
type fact struct{ Name, Text string }

type pageTarget struct {
	Slot         int
	Class, Label string
	Facts        []fact
	Settings     []string
}

type pageSummary struct {
	Text  string
	Chart *chart
	Grid  *grid
}

type pageScenario struct {
	ID, Name, About string
	Options         []fact
	Notes           []cell
	Figures, Events *grid
	Charts          []*chart
	Grids           []*grid
}

func newPage(v *view) *page {
	p := &page{Title: v.title(0)}
	if len(v.labels) > 1 {
		p.Title = "Benchmark: " + strings.Join(v.labels[1:], ", ") + " against " + v.labels[0]
	}
	for i, r := range v.reports {
		pr := pageReport{Facts: reportFacts(r)}
		if len(v.reports) > 1 {
			pr.Label = v.title(i)
		}
		for _, t := range v.targets {
			if t.report == i {
				pr.Targets = append(pr.Targets, newPageTarget(t))
			}
		}
		p.Targets = append(p.Targets, pr.Targets...)
		p.Reports = append(p.Reports, pr)
	}
	p.summarize(v)
	for i, s := range v.scenarios {
		p.Scenarios = append(p.Scenarios, newPageScenario(v, s, fmt.Sprintf("scenario%d", i+1)))
	}
	return p
}

func (p *page) summarize(v *view) {
	if g := v.overview(); g != nil {
		p.Summaries = append(p.Summaries, pageSummary{"Medians of the rounds.", nil, g})
	}
	if g := v.summary(false); g != nil {
		text := "Against " + v.bases() + ". Ratios are taken round by round, in which the targets took turns."
		p.Summaries = append(p.Summaries, pageSummary{text, v.ratioChart(false), g})
	}
	if g := v.summary(true); g != nil {
		text := "Against " + v.labels[0] + ", which was measured at another time: a machine may have changed in between."
		p.Summaries = append(p.Summaries, pageSummary{text, v.ratioChart(true), g})
	}
}

func newPageTarget(t *shownTarget) pageTarget {
	started := "no, it was running"
	if t.Started {
		started = "yes, with the settings below"
	}
	facts := []fact{
		{"Servers", strings.Join(t.Servers, ", ")},
		{"Version", t.Version},
		{"Started by the run", started},
	}
	return pageTarget{t.slot, slotClass(t.slot), t.label, withText(facts), t.Settings}
}

func reportFacts(r *Report) []fact {
	took := ""
	if r.Took > 0 {
		took = ", took " + r.Took.Round(time.Second).String()
	}
	return withText([]fact{
		{"Measured", strings.TrimPrefix(began(r)+took, ", ")},
		{"Machine", machineText(r.Machine)},
		{"Command", commandLine(r.Command)},
		{"Measured with", r.Version},
	})
}

// withText leaves out what is not known.
func withText(facts []fact) []fact {
	return slices.DeleteFunc(facts, func(f fact) bool { return f.Text == "" })
}

// commandLine writes a command as a shell takes it.
func commandLine(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		if a == "" || strings.ContainsAny(a, " \t\n\"'\\$`&|;<>()*?[]#~!{}") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		quoted[i] = a
	}
	return strings.Join(quoted, " ")
}

func newPageScenario(v *view, s *shownScenario, id string) pageScenario {
	runs := s.medians(v)
	ps := pageScenario{ID: id, Name: s.name, About: s.about, Options: s.options(), Notes: s.notes(v), Figures: s.figuresGrid(v), Events: v.eventsGrid(runs)}
	charts := []*chart{
		s.rateChart(v, runs), latencyChart(runs), rampChart(runs),
		percentileChart(runs), histogramChart(runs), stageChart(runs),
	}
	charts = append(charts, processCharts(runs)...)
	ps.Charts = slices.DeleteFunc(charts, func(c *chart) bool { return c == nil })
	grids := []*grid{
		v.stepsGrid(runs), s.errorsGrid(v),
		v.kindsGrid(runs), v.processesGrid(runs), v.stagesGrid(runs),
	}
	ps.Grids = slices.DeleteFunc(grids, func(g *grid) bool { return g == nil })
	return ps
}

// options lists the load as flags have it; where reports differ, each value once.
func (s *shownScenario) options() []fact {
	texts := map[string][]string{}
	for _, part := range s.parts {
		if part == nil {
			continue
		}
		for name, value := range part.Options {
			if text := optionText(value); !slices.Contains(texts[name], text) {
				texts[name] = append(texts[name], text)
			}
		}
	}
	var facts []fact
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		facts = append(facts, fact{name, strings.Join(texts[name], " / ")})
	}
	return facts
}

// optionText writes a value as it would be given on the command line; of a report that was read numbers are float64.
func optionText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case float64:
		return plain(v)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}
