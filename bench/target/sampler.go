package target

import (
	"os"
	"sync"
	"time"

	"gamekeeper/bench/report"
)

const (
	sampleEvery = 250 * time.Millisecond
	samplesMax  = 120 // of one process in a report
)

// Client is the name of the process that makes the load.
const Client = "client"

// Sampler looks at processes again and again, until it is stopped. On systems without /proc it sees nothing.
type Sampler struct {
	processes func() []Process
	began     time.Time
	found     []*sampled // in the order in which they were first seen
	quit      chan struct{}
	done      sync.WaitGroup
}

// Sample begins to look at the target's processes and at this one, for a run that began to measure at a moment.
func (t *Target) Sample(began time.Time) *Sampler {
	return sample(began, func() []Process { return append(t.Processes(), Process{Client, os.Getpid()}) })
}

func sample(began time.Time, processes func() []Process) *Sampler {
	s := &Sampler{processes: processes, began: began, quit: make(chan struct{})}
	s.look(true)
	s.done.Go(s.run)
	return s
}

func (s *Sampler) run() {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.look(false)
		case <-s.quit:
			s.look(false)
			return
		}
	}
}

// Stop looks for the last time and returns what was seen: one entry for each process, and for all that followed each
// other under one name.
func (s *Sampler) Stop() []report.Process {
	close(s.quit)
	s.done.Wait()
	var all []report.Process
	for _, p := range s.found {
		p.report.Samples = thin(p.report.Samples)
		all = append(all, p.report)
	}
	return all
}

// look samples each process. Those of the first look have worked before; what others have done, they did in the run.
func (s *Sampler) look(first bool) {
	at := max(time.Since(s.began), 0)
	gone := map[string]bool{}
	for _, p := range s.found {
		gone[p.report.Name] = true
	}
	for _, p := range s.processes() {
		use, err := useOf(p.PID)
		if err != nil {
			continue
		}
		delete(gone, p.Name)
		s.of(p.Name).add(at, p.PID, use, first)
	}
	for _, p := range s.found {
		if gone[p.report.Name] {
			p.rest(at)
		}
	}
}

// of returns the entry of a name.
func (s *Sampler) of(name string) *sampled {
	for _, p := range s.found {
		if p.report.Name == name {
			return p
		}
	}
	p := &sampled{report: report.Process{Name: name}}
	s.found = append(s.found, p)
	return p
}

// use is what a process has used since it was started, and holds now.
type use struct {
	cpu                     time.Duration
	read, written, resident int64
}

// useOf asks the system. Disks are told of one's own processes only, and count as unused else.
func useOf(pid int) (u use, err error) {
	if u.cpu, err = CPU(pid); err != nil {
		return u, err
	}
	if u.resident, err = Memory(pid); err != nil {
		return u, err
	}
	u.read, u.written, _ = diskUse(pid)
	return u, nil
}

// sampled is what was seen under one name.
type sampled struct {
	report report.Process
	pid    int
	last   use // of the process with this number
}

// add counts what the process has used since the last look.
func (p *sampled) add(at time.Duration, pid int, u use, before bool) {
	if p.pid != pid {
		p.pid, p.last = pid, use{}
		if before {
			p.last = u
		}
	}
	r := &p.report
	r.CPU += u.cpu - p.last.cpu
	r.Read += max(0, u.read-p.last.read) // less is known of a process whose threads have ended
	r.Written += max(0, u.written-p.last.written)
	r.Peak = max(r.Peak, u.resident)
	p.last = u
	p.append(at, u.resident)
}

// rest notes that there is no process now.
func (p *sampled) rest(at time.Duration) { p.append(at, 0) }

// append adds a sample. Long runs get coarser, so that memory does not grow with time.
func (p *sampled) append(at time.Duration, resident int64) {
	r := &p.report
	if len(r.Samples) >= 16*samplesMax {
		r.Samples = halve(r.Samples)
	}
	r.Samples = append(r.Samples, report.Sample{At: at, CPU: r.CPU, Resident: resident, Written: r.Written})
}

// thin leaves as many samples as a report holds at most, evenly spread, with the first and the last.
func thin(samples []report.Sample) []report.Sample {
	n := len(samples)
	if n <= samplesMax {
		return samples
	}
	kept := make([]report.Sample, samplesMax)
	for i := range kept {
		kept[i] = samples[i*(n-1)/(samplesMax-1)]
	}
	return kept
}

// halve leaves out every second sample.
func halve(samples []report.Sample) []report.Sample {
	kept := samples[:0]
	for i := 0; i < len(samples); i += 2 {
		kept = append(kept, samples[i])
	}
	return kept
}
