package bench

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gamekeeper/proto"
)

// The search comes close to what a server can do, in few steps, even when a step fails by accident.
func TestSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Float64Range(2, 1e7).Draw(t, "limit")
		s := search{next: rapid.Float64Range(1, 1e6).Draw(t, "from")}
		steps, unlucky := 0, false
		for ; s.goesOn(); steps++ {
			held := s.next <= limit
			if held && s.tries < rampTries-1 && rapid.IntRange(0, 4).Draw(t, "luck") == 0 {
				held, unlucky = false, true // and holds when tried again
			}
			s.tried(held, s.next > 2*limit)
			if steps > 2*rampStepsMax {
				t.Fatalf("%d steps", steps)
			}
		}
		if s.low > limit || s.low*rampPrecision < limit/rampPrecision {
			t.Fatalf("found %v of %v in %d steps, unlucky %v", s.low, limit, steps, unlucky)
		}
	})
}

func TestSearchGivesUp(t *testing.T) {
	s := search{next: 1000}
	steps := 0
	for ; s.goesOn(); steps++ {
		s.tried(false, true)
	}
	if s.low != 0 || steps > 11 {
		t.Errorf("found %v in %d steps", s.low, steps)
	}
}

// A ramp reports its steps and the best rate. The server answers a set in ten milliseconds at least, one after the
// other: with one connection it does a hundred a second at most.
func TestRamp(t *testing.T) {
	f := startFake(t, func(f *fakeServer) {
		f.mangle = func(reply []byte) []byte {
			if len(reply) == 4+proto.ReplyHeaderBytes+proto.StatBytes {
				<-time.After(10 * time.Millisecond)
			}
			return reply
		}
	})
	o := testOptions(f, "set")
	o.Keys, o.Connections, o.Outstanding, o.Warmup, o.Requests = 10, 1, 4, 0, 0
	o.FindRate, o.RateFrom, o.Step = 2*time.Second, 400, 100*time.Millisecond
	s, err := Scenario(o)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(context.Background(), o, Progress{})
	if err != nil {
		t.Fatal(err)
	}
	rate := r.Values[figureRate]
	if s.Figures[0].Name != figureRate || rate >= 400 || len(r.Steps) < 3 || r.Steps[0].Rate != 400 || r.Steps[0].Held {
		t.Errorf("rate %v, steps %+v", rate, r.Steps)
	}
	for _, step := range r.Steps {
		if step.Held && step.Rate > rate {
			t.Errorf("rate %v, steps %+v", rate, r.Steps)
		}
	}
}
