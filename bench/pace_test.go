package bench

import (
	"context"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gamekeeper/proto"
)

// stalling answers sets at once, but for one which it answers after a while.
func stalling(t *testing.T, at int64, stall time.Duration) *fakeServer {
	return startFake(t, func(f *fakeServer) {
		var sets atomic.Int64
		f.mangle = func(reply []byte) []byte {
			if len(reply) == 4+proto.ReplyHeaderBytes+proto.StatBytes && sets.Add(1) == at {
				<-time.After(stall)
			}
			return reply
		}
	})
}

// A stall is felt by every request that was due meanwhile, whether the connection had room for it or not. In a closed
// loop one request feels it.
func TestOpenLoopShowsStalls(t *testing.T) {
	const stall = 300 * time.Millisecond
	for _, test := range []struct {
		name     string
		rate     int
		arrivals string
		least    int64 // requests that waited for half of the stall
		most     int64
	}{
		{"even", 1000, "even", 140, math.MaxInt64},
		{"poisson", 1000, "poisson", 50, math.MaxInt64},
		{"closed", 0, "even", 1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := stalling(t, 100, stall)
			o := testOptions(f, "set")
			o.Connections, o.Outstanding, o.Warmup = 1, 1, 0
			o.Rate, o.Arrivals, o.Requests = test.rate, test.arrivals, 600
			r, err := Run(context.Background(), o, Progress{})
			if err != nil {
				t.Fatal(err)
			}
			var waited int64
			for _, b := range r.Latency {
				if b.To >= stall/2 {
					waited += b.Count
				}
			}
			if replies(r) != 600 || waited < test.least || r.Values[figureMax] < float64(stall) {
				t.Errorf("%d replies, %d waited, the longest %v", replies(r), waited, time.Duration(r.Values[figureMax]))
			}
			// A busy machine stalls by itself.
			if test.most == 1 && waited > 60 {
				t.Errorf("%d waited", waited)
			}
		})
	}
}

// What was due and never sent counts with the time it waited, and the report says so.
func TestOpenLoopAgainstAServerThatIsTooSlow(t *testing.T) {
	const duration = 200 * time.Millisecond
	f := stalling(t, 1, 2*duration)
	o := testOptions(f, "set")
	o.Connections, o.Outstanding, o.Warmup = 2, 1, 0
	o.Rate, o.Requests, o.Duration = 1000, 0, duration
	o.Connections = 1
	r, err := Run(context.Background(), o, Progress{})
	if err != nil {
		t.Fatal(err)
	}
	last := r.Kinds[len(r.Kinds)-1]
	if last.Name != "not sent" || last.Latency.Count != 199 || last.Throughput != 0 || last.Latency.Max < duration {
		t.Errorf("%+v", last)
	}
	if r.Values[figureP50] < float64(duration) || r.Values[figureReached] > 100 {
		t.Errorf("values %v", r.Values)
	}
	if len(r.Notes) == 0 || !strings.Contains(r.Notes[0], "199 requests were due and not sent") {
		t.Errorf("notes %q", r.Notes)
	}
}

// All connections take part, and as many requests are sent as are due.
func TestOpenLoopKeepsItsRate(t *testing.T) {
	for _, arrivals := range []string{"even", "poisson"} {
		f := startFake(t, nil)
		o := testOptions(f, "mixed")
		o.Rate, o.Arrivals, o.Requests, o.Duration, o.Threads = 2000, arrivals, 0, 500*time.Millisecond, 2
		r, err := Run(context.Background(), o, Progress{})
		if err != nil {
			t.Fatal(err)
		}
		low, high := int64(999), int64(1001)
		if arrivals == "poisson" {
			low, high = 800, 1200 // six standard deviations
		}
		if n := replies(r); n < low || n > high {
			t.Errorf("%s: %d replies", arrivals, n)
		}
		if s, err := Scenario(o); err != nil || s.Figures[0].Name != figureP99 || s.Options["rate"] != 2000 {
			t.Errorf("%+v, error %v", s, err)
		}
	}
}

// The queue of what is due keeps its order, whatever its use.
func TestDues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d dues
		var want []int64
		for i := range int64(rapid.IntRange(0, 300).Draw(t, "steps")) {
			if rapid.Bool().Draw(t, "add") || len(want) == 0 {
				d.add(i)
				want = append(want, i)
			} else {
				if d.first() != want[0] {
					t.Fatalf("%d is first, not %d", d.first(), want[0])
				}
				d.drop()
				want = want[1:]
			}
			if d.count() != len(want) {
				t.Fatalf("%d are due, not %d", d.count(), len(want))
			}
		}
	})
}

// The loops together keep the rate, evenly or in the mean.
func TestSchedules(t *testing.T) {
	const loops, n = 3, 20_000
	for _, poisson := range []bool{false, true} {
		p := pace{rate: 50_000, poisson: poisson}
		for i := range loops {
			s := p.of(i, loops, 1./loops)
			for range n {
				s.advance()
			}
			want := n * loops / p.rate * 1e9
			if s.next < 0.95*want || s.next > 1.05*want {
				t.Errorf("poisson %v, loop %d: %d requests until %v, not %v", poisson, i, n, s.next, want)
			}
		}
	}
	if (pace{}).of(0, 1, 1) != nil {
		t.Error("a closed loop has a schedule")
	}
}
