package admin

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	vm "github.com/VictoriaMetrics/metrics"
	"github.com/cockroachdb/datadriven"
	"github.com/prometheus/common/expfmt"
)

// TestTimes runs testdata/times. Its commands:
//
//	times stage=NAME [lanes=N]       a distribution of the family wait_seconds
//	record stage=NAME [lane=N]       records what the input lists: a number and a duration, or sum, a number and a duration
//	publish stage=NAME [lane=N]
//	show [all]                       what Prometheus gets; only the buckets in which something is, unless all
func TestTimes(t *testing.T) {
	vm.ExposeMetadata(true)
	datadriven.Walk(t, "testdata/times", func(t *testing.T, path string) {
		m := NewMetrics()
		known := map[string]*Times{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			lanes, at := 1, 0
			var stage string
			d.MaybeScanArgs(t, "stage", &stage)
			d.MaybeScanArgs(t, "lanes", &lanes)
			d.MaybeScanArgs(t, "lane", &at)
			switch d.Cmd {
			case "times":
				known[stage] = m.Times("wait_seconds", fmt.Sprintf(`stage=%q,kind="write"`, stage), lanes)
			case "record":
				recordLines(t, known[stage].Lane(at), d.Input)
			case "publish":
				known[stage].Lane(at).Publish()
			case "show":
				var text bytes.Buffer
				m.writePrometheus(&text)
				if d.HasArg("all") {
					return text.String()
				}
				return withoutRepeats(text.String())
			default:
				d.Fatalf(t, "unknown command %s", d.Cmd)
			}
			return ""
		})
	})
}

func recordLines(t *testing.T, l *TimesLane, input string) {
	for line := range strings.Lines(input) {
		words := strings.Fields(line)
		record := l.Record
		if words[0] == "sum" {
			words, record = words[1:], l.RecordSum
		}
		n, err := time.ParseDuration(words[0] + "ns")
		if err != nil {
			t.Fatal(err)
		}
		d, err := time.ParseDuration(words[1])
		if err != nil {
			t.Fatal(err)
		}
		record(int64(n), int64(d))
	}
}

// withoutRepeats leaves out the buckets that hold as much as the one before.
func withoutRepeats(text string) string {
	var b strings.Builder
	last := "0\n"
	for line := range strings.Lines(text) {
		if strings.Contains(line, "_bucket{") {
			count := line[strings.LastIndexByte(line, ' ')+1:]
			if count == last {
				continue
			}
			last = count
		} else {
			last = "0\n"
		}
		b.WriteString(line)
	}
	return b.String()
}

func TestTimesBucket(t *testing.T) {
	for _, x := range []struct {
		ns   int64
		want int
	}{
		{-1, 0}, {0, 0}, {1, 0}, {1000, 0}, {1001, 1}, {2000, 1}, {2001, 2}, {4000, 2}, {4001, 3},
		{1000 << 23, 23}, {1000<<23 + 1, 24}, {1 << 62, 24},
	} {
		if got := timesBucket(x.ns); got != x.want {
			t.Errorf("%d ns are in bucket %d, want %d", x.ns, got, x.want)
		}
	}
}

// TestTimesLanes records on several goroutines while others read: nothing is lost.
func TestTimesLanes(t *testing.T) {
	vm.ExposeMetadata(true) // as the exporter does
	m := NewMetrics()
	const lanes, records = 3, 2000
	x := m.Times("wait_seconds", `stage="log"`, lanes)
	var writers sync.WaitGroup
	for i := range lanes {
		writers.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			l := x.Lane(i)
			for range records {
				l.Record(2, random.Int64N(int64(time.Second)))
				if random.IntN(4) == 0 {
					l.Publish()
				}
			}
			l.Publish()
		})
	}
	var text bytes.Buffer
	m.writePrometheus(&text)
	writers.Wait()
	text.Reset()
	m.writePrometheus(&text)
	var parser expfmt.TextParser
	families, err := parser.TextToMetricFamilies(&text)
	if err != nil {
		t.Fatal(err)
	}
	h := families["wait_seconds"].GetMetric()[0].GetHistogram()
	if got := h.GetSampleCount(); got != 2*lanes*records {
		t.Errorf("%d durations, want %d", got, 2*lanes*records)
	}
	if mean := h.GetSampleSum() / float64(h.GetSampleCount()); mean < 0.4 || mean > 0.6 {
		t.Errorf("mean %v s, want half a second", mean)
	}
}

func TestNilTimesLane(t *testing.T) {
	var l *TimesLane
	l.Record(1, 1)
	l.RecordSum(1, 1)
	l.Publish()
}

func BenchmarkTimes(b *testing.B) {
	l := NewMetrics().Times("wait_seconds", "", 1).Lane(0)
	b.Run("gathered", func(b *testing.B) {
		for b.Loop() {
			l.Record(1, 5000)
		}
	})
	b.Run("published", func(b *testing.B) {
		for b.Loop() {
			l.Record(1, 5000)
			l.Publish()
		}
	})
}
