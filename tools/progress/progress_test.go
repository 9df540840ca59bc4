package progress

import (
	"strings"
	"testing"
	"time"
)

// TestMeter reports once in a while, with the share that is done, and what is short not at all.
func TestMeter(t *testing.T) {
	var out strings.Builder
	m, now := New(Lines(&out)), time.Unix(1000, 0)
	m.now = func() time.Time { return now }
	m.Begin("reading", "bytes", 4<<20)
	m.Add(1 << 20)
	now = now.Add(every + 1)
	m.Add(1 << 20)
	m.Add(1 << 20) // too soon
	m.Begin("counting", "znodes", 0)
	m.Add(1)
	now = now.Add(every + 1)
	m.Set(70)
	const want = "reading: 50 %, 2.0 MiB of 4.0 MiB\ncounting: 70 znodes\n"
	if out.String() != want {
		t.Errorf("reported %q, want %q", out.String(), want)
	}
	silent := New(nil)
	silent.Begin("x", "bytes", 1)
	silent.Add(1)
}
