package report

import (
	"testing"
	"time"
)

func TestDistribution(t *testing.T) {
	d := newDistribution([]Bucket{{10, 0}, {100, 90}, {1000, 0}, {10_000, 9}, {1e6, 1}})
	for q, want := range map[float64]time.Duration{0.5: 100, 0.9: 100, 0.91: 10_000, 0.99: 10_000, 1: 1e6} {
		if got := d.quantile(q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	sum := 0.
	bars := d.bars(2)
	for i, b := range bars {
		sum += b.share
		if i > 0 && b.from != bars[i-1].to {
			t.Errorf("bar %d begins at %v, and the one before ends at %v", i, b.from, bars[i-1].to)
		}
	}
	near(t, "sum of shares", sum, 1)
	if first := bars[0]; first.from > 10 || first.share < 0.4 || first.share > 0.5 {
		t.Errorf("half of the fastest are not in %+v", first)
	}
	if got := newDistribution(nil).bars(2); got != nil {
		t.Errorf("nothing has bars %v", got)
	}
	one := newDistribution([]Bucket{{500, 3}}).bars(4)
	if len(one) != 1 || one[0].share != 1 || one[0].from > 500 || one[0].to < 500 {
		t.Errorf("one bucket has bars %v", one)
	}
}

func TestDips(t *testing.T) {
	run := &Run{Events: []Event{{At: 10 * time.Second, What: "a"}, {At: 20 * time.Second, What: "b"}, {At: 99 * time.Second, What: "late"}}}
	for i := range 30 {
		s := Second{At: time.Duration(i+1) * time.Second, Span: time.Second, Rate: 1000}
		switch i {
		case 10, 11:
			s.Rate = 0
		case 12:
			s.Rate, s.Gap, s.Max = 500, 2300*time.Millisecond, 3*time.Second
		}
		run.Seconds = append(run.Seconds, s)
	}
	got, ok := run.dip(0)
	if want := (dip{usual: 1000, gap: 2300 * time.Millisecond, worst: 3 * time.Second, back: 3 * time.Second, away: true}); !ok || got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	run.Seconds[12].Gap = 0
	if got, _ := run.dip(0); got.gap != 2*time.Second {
		t.Errorf("two silent seconds are a gap of %v", got.gap)
	}
	if got, ok := run.dip(1); !ok || got.away || got.lowest != 1000 || got.back != 0 {
		t.Errorf("what shows nothing is %+v", got)
	}
	if got, ok := run.dip(2); ok {
		t.Errorf("an event after the end is %+v", got)
	}
}
