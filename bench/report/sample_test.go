package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// sampleReport makes up a report that has all there is: two targets, rounds, scenarios of each kind. The same seed
// gives the same report; speed is how fast the second target is.
func sampleReport(title string, seed uint64, speed float64) *Report {
	g := &sampler{rand.New(rand.NewPCG(seed, 1))}
	began := time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)
	r := &Report{
		Format: Format, Title: title, Version: "1.4.0 (2026-03-01)",
		Command: []string{"gamekeeper", "bench", "--against", "apache=/opt/zookeeper/lib", "--rounds", "5", "--title", title},
		Began:   began, Took: 17*time.Minute + 4*time.Second,
		Machine: Machine{System: "Linux 6.12 amd64", Processor: "Example CPU 3.0 GHz", Processors: 2, Memory: 16e9, Disk: "ext4"},
		Targets: []Target{
			{
				Name: "apache", Servers: []string{"127.0.0.1:30001", "127.0.0.1:30002", "127.0.0.1:30003"}, Version: "3.9.4", Started: true,
				Settings: []string{"tickTime=2000", "syncLimit=5", "forceSync=yes", "java -Xmx2g -XX:+UseG1GC"},
			},
			{
				Name: "gamekeeper", Servers: []string{"127.0.0.1:30011", "127.0.0.1:30012", "127.0.0.1:30013"}, Version: "1.4.0", Started: true,
				Settings: []string{"tickTime=2000", "syncLimit=5", "forceSync=yes"},
			},
		},
	}
	load := []Figure{
		{"throughput", PerSecond, Higher}, {"p50", Duration, Lower}, {"p99", Duration, Lower}, {"p99.9", Duration, Lower},
		{"max", Duration, Lower}, {"client CPU per request", Duration, ""},
	}
	scenarios := []struct {
		Scenario
		kinds    []string
		rate     float64
		event    bool
		ramp     bool
		sessions bool
	}{
		{Scenario: Scenario{Name: "set", About: "set, 64 connections x 64 outstanding, 128 bytes", Figures: load,
			Options: map[string]any{"connections": 64., "outstanding": 64., "size": 128., "duration": "1m0s"}}, kinds: []string{"set"}, rate: 12000},
		{Scenario: Scenario{Name: "mixed", About: "mixed with 90 % reads, 64 connections x 64 outstanding, 128 bytes", Figures: load,
			Options: map[string]any{"connections": 64., "outstanding": 64., "reads": 90., "size": 128.}}, kinds: []string{"get", "set"}, rate: 40000},
		{Scenario: Scenario{Name: "ramp", About: "sets at growing rates, until p99 is above 20 ms", Figures: []Figure{
			{"highest rate", PerSecond, Higher}, {"p99", Duration, Lower}}, Options: map[string]any{"bound": "20ms"}}, kinds: []string{"set"}, rate: 9000, ramp: true},
		{Scenario: Scenario{Name: "leader killed", About: "sets while the leader is killed after 20 s and started again after 35 s", Figures: load,
			Options: map[string]any{"connections": 64., "rate": 5000.}}, kinds: []string{"set"}, rate: 5000, event: true},
		{Scenario: Scenario{Name: "sessions", About: "20,000 sessions that connect at once", Figures: []Figure{
			{"until all are served", Duration, Lower}, {"memory per session", Bytes, Lower}}, Options: map[string]any{"sessions": 20000.}}, sessions: true},
	}
	for _, s := range scenarios {
		for round := range 5 {
			for i := range 2 {
				target := (i + round) % 2
				factor := 1.
				if target == 1 {
					factor = speed
				}
				run := Run{Target: target, Round: round, Began: began, Elapsed: time.Minute}
				if s.sessions {
					run.Elapsed = g.duration(4e9/factor, 0.1)
					run.Values = map[string]float64{"until all are served": float64(run.Elapsed), "memory per session": 6000 / math.Sqrt(factor) * g.about(0.02)}
				} else {
					g.fill(&run, s.kinds, s.rate*factor, s.event, target)
				}
				if s.ramp {
					g.ramp(&run, s.rate*factor)
				}
				g.processes(&run, r.Targets[target].Name, target)
				s.Runs = append(s.Runs, run)
			}
		}
		r.Scenarios = append(r.Scenarios, s.Scenario)
	}
	return r
}

// sampler makes up what measuring would see.
type sampler struct{ *rand.Rand }

func (g *sampler) about(deviation float64) float64 { return math.Exp(g.NormFloat64() * deviation) }

func (g *sampler) duration(ns, deviation float64) time.Duration {
	return time.Duration(ns * g.about(deviation))
}

// fill makes up a minute of load.
func (g *sampler) fill(run *Run, kinds []string, rate float64, event bool, target int) {
	rate *= g.about(0.04)
	outstanding := 4096.
	usual := outstanding / rate * 1e9
	if event {
		usual = 2e6 / (1 + 3*float64(target))
		back := 27 - 5*target
		run.Events = []Event{
			{20 * time.Second, 0, "leader killed"},
			{35 * time.Second, g.duration(2e9, 0.2), "server 1 started again"},
		}
		run.Seconds = g.seconds(rate, usual, 20, back)
		run.Errors = []ErrorCount{{"set: connection lost", -4, 64 * int64(2-target)}}
		run.Notes = []string{"64 connections were lost and opened again"}
	} else {
		run.Seconds = g.seconds(rate, usual, -1, -1)
	}
	var replies float64
	for _, s := range run.Seconds {
		replies += s.Rate
	}
	run.Latency = g.buckets(usual, replies, event)
	d := newDistribution(run.Latency)
	run.Values = map[string]float64{
		"throughput": replies / 60, "highest rate": rate,
		"p50": float64(d.quantile(0.5)), "p99": float64(d.quantile(0.99)), "p99.9": float64(d.quantile(0.999)),
		"max": float64(d.quantile(1)), "client CPU per request": 3200 * g.about(0.05),
	}
	for i, k := range kinds {
		part := 1.
		if len(kinds) > 1 {
			part = []float64{0.9, 0.1}[i]
		}
		run.Kinds = append(run.Kinds, Kind{k, replies / 60 * part, Latency{
			int64(replies * part), time.Duration(usual * 1.1), d.quantile(0.5), d.quantile(0.9), d.quantile(0.99), d.quantile(0.999), d.quantile(1),
		}})
	}
	for server := range 3 {
		for i, stage := range []string{"decode", "queue", "log", "quorum", "apply", "reply"} {
			part := []float64{0.02, 0.3, 0.25, 0.2, 0.03, 0.05}[i] * usual * g.about(0.1)
			count := replies / 3
			if stage == "log" || stage == "quorum" {
				count /= float64(len(kinds))
			}
			run.Stages = append(run.Stages, Stage{fmt.Sprintf("server %d", server+1), stage, Latency{
				int64(count), time.Duration(part), time.Duration(part * 0.9), time.Duration(part * 1.8),
				time.Duration(part * 3), time.Duration(part * 5), time.Duration(part * 20),
			}})
		}
	}
}

// seconds makes up a minute; nothing is answered from second down until back.
func (g *sampler) seconds(rate, usual float64, down, back int) []Second {
	var list []Second
	for i := range 60 {
		s := Second{At: time.Duration(i+1) * time.Second, Span: time.Second, Rate: math.Round(rate * g.about(0.05))}
		s.P50, s.P99, s.Max = g.duration(usual, 0.05), g.duration(usual*2.5, 0.1), g.duration(usual*6, 0.4)
		switch {
		case i >= down && i < back:
			s.Rate, s.P50, s.P99, s.Max, s.Errors = 0, 0, 0, 0, 64
		case i == back && down >= 0:
			s.P99, s.Max = time.Duration(back-down)*900*time.Millisecond, time.Duration(back-down)*time.Second
			s.Gap = time.Duration(float64(back-down)*1000+120) * time.Millisecond
		}
		list = append(list, s)
	}
	return list
}

// buckets makes up a distribution with a long tail.
func (g *sampler) buckets(usual, replies float64, event bool) []Bucket {
	var list []Bucket
	for i := range 200 {
		to := usual / 10 * math.Pow(1.045, float64(i))
		x := math.Log(to/usual) / 0.35
		weight := math.Exp(-x*x/2) + 0.002*math.Exp(-math.Abs(x)/1.6)
		if event && to > 2e9 && to < 7e9 {
			weight += 0.001
		}
		if n := int64(weight * replies / 20 * g.about(0.05)); n > 0 {
			list = append(list, Bucket{time.Duration(to), n})
		}
	}
	return list
}

func (g *sampler) ramp(run *Run, highest float64) {
	for _, part := range []float64{0.25, 0.5, 0.75, 0.9, 1.1, 1} {
		p99 := 2e6/(1.15-part)*g.about(0.05) + 5e5
		l := Latency{100000, time.Duration(p99 / 3), time.Duration(p99 / 3), time.Duration(p99 / 2), time.Duration(p99), time.Duration(p99 * 2), time.Duration(p99 * 5)}
		run.Steps = append(run.Steps, Step{math.Round(highest*part/100) * 100, highest * min(part, 1.05), l, p99 < 20e6})
	}
}

func (g *sampler) processes(run *Run, target string, index int) {
	for i := range 4 {
		p := Process{Name: fmt.Sprintf("%s-%d", target, i), Read: int64(i) * 4096}
		use, resident := 0.35, 180e6+float64(i)*4e6
		if index == 0 {
			use, resident = 0.5, 700e6+float64(i)*40e6
		}
		if i == 0 {
			p.Name, use, resident = "client", 0.2, 60e6
		}
		steps := max(int(run.Elapsed/time.Second), 4)
		for j := range steps {
			s := Sample{At: run.Elapsed * time.Duration(j+1) / time.Duration(steps), Resident: int64(resident * (0.8 + 0.2*float64(j)/float64(steps)) * g.about(0.01))}
			p.CPU += time.Duration(float64(run.Elapsed) / float64(steps) * use * g.about(0.05))
			if i > 0 {
				p.Written += int64(3e6 * g.about(0.1))
			}
			s.CPU, s.Written = p.CPU, p.Written
			p.Peak = max(p.Peak, s.Resident)
			p.Samples = append(p.Samples, s)
		}
		run.Processes = append(run.Processes, p)
	}
}
