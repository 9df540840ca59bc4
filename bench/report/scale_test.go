package report

import (
	"strings"
	"testing"
	"time"
)

func ticksText(ticks []tick) string {
	var texts []string
	for _, t := range ticks {
		if t.Text != "" {
			texts = append(texts, t.Text)
		}
	}
	return strings.Join(texts, " | ")
}

func TestTicksAreRound(t *testing.T) {
	for _, c := range []struct {
		name, want string
		ticks      func() (scale, []tick)
	}{
		{"rates", "0 | 50k | 100k | 150k", func() (scale, []tick) { return zeroUp(139707, 0, 100, PerSecond) }},
		{"nothing", "0 | 0.2 | 0.4 | 0.6 | 0.8 | 1", func() (scale, []tick) { return zeroUp(0, 0, 100, PerSecond) }},
		{"bytes", "0 | 50 MB | 100 MB | 150 MB | 200 MB", func() (scale, []tick) { return zeroUp(182e6, 0, 100, Bytes) }},
		{"cores", "0 | 0.2 | 0.4 | 0.6", func() (scale, []tick) { return zeroUp(0.58, 0, 100, cores) }},
		{"shares", "0 | 5 % | 10 % | 15 % | 20 %", func() (scale, []tick) { return zeroUp(0.163, 0, 100, Share) }},
		{"latencies", "1 ms | 10 ms | 100 ms | 1 s", func() (scale, []tick) { return logarithmic(1.1e6, 0.9e9, 0, 100, Duration.tick) }},
		{"near latencies", "500 µs | 1 ms | 2 ms", func() (scale, []tick) { return logarithmic(5.1e5, 1.9e6, 0, 100, Duration.tick) }},
		{"one latency", "1 ms | 2 ms", func() (scale, []tick) { return logarithmic(1e6, 1e6, 0, 100, Duration.tick) }},
		{"no latency", "1 ns | 2 ns | 5 ns | 10 ns", func() (scale, []tick) { return logarithmic(0, 0, 0, 100, Duration.tick) }},
		{"a blink", "0 | 0.1 s | 0.2 s | 0.3 s | 0.4 s", func() (scale, []tick) { return timeAxis(400*time.Millisecond, 0, 100) }},
		{"a minute", "0 | 10 s | 20 s | 30 s | 40 s | 50 s | 60 s", func() (scale, []tick) { return timeAxis(time.Minute, 0, 100) }},
		{"an hour", "0 | 10 min | 20 min | 30 min | 40 min | 50 min | 60 min", func() (scale, []tick) { return timeAxis(time.Hour, 0, 100) }},
		{"nines", "0 | 90 | 99 | 99.9 | 99.99", func() (scale, []tick) { return percentiles(30000, 0, 100) }},
	} {
		s, ticks := c.ticks()
		if got := ticksText(ticks); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		for _, tick := range ticks {
			if tick.At < 0 || tick.At > 100 {
				t.Errorf("%s: a tick is at %v", c.name, tick.At)
			}
		}
		if a, z := s.at(-1), s.at(1e300); a != 0 || z != 100 {
			t.Errorf("%s: what is beyond the bounds is at %v and %v", c.name, a, z)
		}
	}
}
