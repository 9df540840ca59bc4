package target

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"gamekeeper/bench/report"
)

func TestParseStat(t *testing.T) {
	u, err := parseStat("42 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 13 14")
	if err != nil || u != 3*time.Second {
		t.Errorf("%v, error %v", u, err)
	}
	for _, bad := range []string{"", "42 (x) S 1", "42 (x) S 1 2 3 4 5 6 7 8 9 10 many 50"} {
		if _, err := parseStat(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestParseField(t *testing.T) {
	const text = "VmHWM:\t   200 kB\nVmRSS:\t   100 kB\nread_bytes: 7\nbad: x\n"
	for key, want := range map[string]int64{"VmRSS": 100, "VmHWM": 200, "read_bytes": 7, "none": 0} {
		if got, err := parseField(text, key); err != nil || got != want {
			t.Errorf("%s: %d, error %v", key, got, err)
		}
	}
	if _, err := parseField(text, "bad"); err == nil {
		t.Error("x is taken for a number")
	}
}

// TestSampler looks at this process, and at a child that ends and is followed by another.
func TestSampler(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells of processes")
	}
	child := exec.Command("sleep", "1000")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	processes := []Process{{"server", child.Process.Pid}, {Client, os.Getpid()}}
	s := &Sampler{processes: func() []Process { return processes }, began: time.Now()}
	s.look(true)
	s.look(false)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	s.look(false)
	processes[0].PID = os.Getpid()
	s.look(false)
	s.quit = make(chan struct{})
	s.done.Go(s.run)
	all := s.Stop()
	if len(all) != 2 || all[0].Name != "server" || all[1].Name != Client {
		t.Fatalf("%+v", all)
	}
	for _, p := range all {
		var most int64
		for i, sample := range p.Samples {
			most = max(most, sample.Resident)
			if i > 0 && (sample.At < p.Samples[i-1].At || sample.CPU < p.Samples[i-1].CPU || sample.Written < p.Samples[i-1].Written) {
				t.Errorf("%s goes backwards: %+v", p.Name, p.Samples)
			}
		}
		if len(p.Samples) != 5 || p.Peak == 0 || p.Peak != most {
			t.Errorf("%+v", p)
		}
	}
	if gone := all[0].Samples[2]; gone.Resident != 0 {
		t.Errorf("the child that has ended holds memory: %+v", gone)
	}
}

func TestSampled(t *testing.T) {
	p := &sampled{}
	p.add(0, 1, use{10, 100, 1000, 7}, true)
	p.add(1, 1, use{15, 110, 1500, 9}, false)
	p.rest(2)
	p.add(3, 2, use{1, 2, 3, 4}, false)
	want := []report.Sample{{At: 0, Resident: 7}, {At: 1, CPU: 5, Resident: 9, Written: 500}, {At: 2, CPU: 5, Written: 500}, {At: 3, CPU: 6, Resident: 4, Written: 503}}
	if r := p.report; r.CPU != 6 || r.Read != 12 || r.Written != 503 || r.Peak != 9 || !slices.Equal(r.Samples, want) {
		t.Errorf("%+v", r)
	}
}

func TestThin(t *testing.T) {
	p := &sampled{}
	for i := range 50_000 {
		p.append(time.Duration(i), 0)
	}
	if n := len(p.report.Samples); n > 16*samplesMax {
		t.Errorf("%d samples are kept", n)
	}
	got := thin(p.report.Samples)
	if len(got) != samplesMax || got[0].At != 0 || got[samplesMax-1] != p.report.Samples[len(p.report.Samples)-1] {
		t.Errorf("%d samples: %v", len(got), got)
	}
	if few := thin(got); !slices.Equal(few, got) {
		t.Error("what is few enough does not stay")
	}
}

func TestSampleOfTarget(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells of processes")
	}
	target := startFake(t, "gamekeeper:2", Options{})
	s := target.Sample(time.Now())
	var names []string
	for _, p := range s.Stop() {
		names = append(names, p.Name)
	}
	if want := []string{"gamekeeper-1", "gamekeeper-2", Client}; !slices.Equal(names, want) {
		t.Errorf("processes are %v", names)
	}
}

// TestOwnDiskUse has a child write, which is not this process's doing.
func TestOwnDiskUse(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells of processes")
	}
	file := filepath.Join(t.TempDir(), "file")
	_, before, err := diskUse(os.Getpid())
	if err != nil {
		t.Skip("the system does not tell of disks:", err)
	}
	if out, err := exec.Command("dd", "if=/dev/zero", "of="+file, "bs=1M", "count=16").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	_, after, err := diskUse(os.Getpid())
	if err != nil || after-before > 8<<20 {
		t.Errorf("%d bytes were written, error %v", after-before, err)
	}
}
