package report

import (
	"strings"
	"time"
)

// dashes are the classes that tell the processes of a target apart.
func dashes() []string { return []string{"", "dashed", "dotted", "dashdot", "longdash"} }

// client is what the load generator is called among processes.
const client = "client"

// processChart describes a chart over time of something that processes use.
type processChart struct {
	title, note, y string
	unit           Unit
	clients        bool // the load generator is in it too
	// values returns what is drawn for samples: the first is of the beginning of the run.
	values func(samples []Sample) []timed
}

// timed is a value at a time.
type timed struct {
	at    time.Duration
	value float64
}

// processCharts returns the charts that the processes of runs give.
func processCharts(runs []shownRun) []*chart {
	all := []processChart{
		{"Processor time", "Cores in use, of each server and of the load generator.", "cores", Count, true, coresOf},
		{"Memory", "Resident memory of each server.", "memory", Bytes, false, func(samples []Sample) []timed {
			return each(samples[1:], func(s Sample) int64 { return s.Resident })
		}},
		{"Written to disk", "Since the beginning of the run, by each server.", "bytes written", Bytes, false, func(samples []Sample) []timed {
			return each(samples, func(s Sample) int64 { return s.Written })
		}},
	}
	var charts []*chart
	for _, p := range all {
		if c := p.draw(runs); c != nil {
			charts = append(charts, c)
		}
	}
	return charts
}

func each(samples []Sample, of func(Sample) int64) []timed {
	var list []timed
	for _, s := range samples {
		list = append(list, timed{s.At, float64(of(s))})
	}
	return list
}

// coresOf returns the processor time per time between samples.
func coresOf(samples []Sample) []timed {
	var list []timed
	usual := samples[len(samples)-1].At / time.Duration(max(len(samples)-1, 1))
	for i := 1; i < len(samples); i++ {
		a, b := samples[i-1], samples[i]
		if b.At-a.At > usual/2 { // a part of a span says little, as the system counts in ticks
			list = append(list, timed{(a.At + b.At) / 2, float64(b.CPU-a.CPU) / float64(b.At-a.At)})
		}
	}
	return list
}

// shows reports whether a process is in the chart.
func (p *processChart) shows(process *Process) bool {
	return len(process.Samples) > 1 && (p.clients || process.Name != client)
}

func (p *processChart) draw(runs []shownRun) *chart {
	c, x := overTime(p.title, p.note, runs)
	c.YLabel = p.y
	var highest float64
	for _, r := range runs {
		for i := range r.run.Processes {
			if process := &r.run.Processes[i]; p.shows(process) {
				for _, t := range p.values(withBeginning(process.Samples)) {
					highest = max(highest, t.value)
				}
			}
		}
	}
	if highest == 0 {
		return nil
	}
	unit := p.unit
	if unit == Count {
		unit = cores
	}
	var y scale
	y, c.Y = zeroUp(highest, c.Bottom, c.Top, unit)
	c.targets(runs)
	targets := len(c.Legend)
	named := map[string]bool{}
	for _, r := range runs {
		servers := 0
		for i := range r.run.Processes {
			process := &r.run.Processes[i]
			dash := "thin"
			if process.Name != client {
				dash = dashes()[servers%len(dashes())]
				servers++
			}
			if !p.shows(process) {
				continue
			}
			var points []point
			for _, t := range p.values(withBeginning(process.Samples)) {
				points = append(points, point{x.at(t.at.Seconds()), y.at(t.value), secondsText(t.at.Seconds()), unit.Text(t.value), false})
			}
			c.addLine(slotClass(r.target.slot)+" "+dash, joinNames(r.target.label, process.Name), points)
			if name := processWord(process.Name, servers); !named[name] {
				named[name] = true
				c.Legend = append(c.Legend, legend{"plain " + dash, name})
			}
		}
	}
	if len(named) == 1 {
		c.Legend = c.Legend[:targets] // nothing to tell apart
	}
	return c
}

// cores is the unit of processor time per time, which has parts.
const cores Unit = "cores"

// withBeginning puts the sample of the beginning first, at which nothing was used.
func withBeginning(samples []Sample) []Sample {
	if len(samples) > 0 && samples[0].At == 0 {
		return samples
	}
	return append([]Sample{{}}, samples...)
}

// processWord is what a dash means for all targets.
func processWord(name string, number int) string {
	if name == client {
		return "load generator"
	}
	return "server " + Whole(float64(number))
}

func joinNames(target, process string) string {
	if strings.HasPrefix(process, target) {
		return process
	}
	return target + " " + process
}
