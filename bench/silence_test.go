package bench

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"gamekeeper/proto"
)

// The longest silence is between two answers, or lasts; it is known once.
func TestSilence(t *testing.T) {
	s := newSilence()
	s.start = s.start.Add(-time.Hour)
	s.last.Store(int64(59 * time.Minute))
	for _, at := range []time.Duration{59*time.Minute + time.Second, 59*time.Minute + 31*time.Second, 60 * time.Minute} {
		s.end(int64(at))
	}
	if longest := s.take(); longest < 30*time.Second {
		t.Errorf("the longest silence is %v", longest)
	}
	if longest := time.Duration(s.longest.Load()); longest != 0 {
		t.Errorf("a silence of %v is left", longest)
	}
	s.last.Store(0)
	if longest := s.take(); longest < time.Hour {
		t.Errorf("the silence that lasts is %v", longest)
	}
}

// A second in which nothing is answered for a while says so, though both loops go on.
func TestSecondsKnowTheGap(t *testing.T) {
	const stall = 300 * time.Millisecond
	var sets atomic.Int64
	held := make(chan struct{})
	f := startFake(t, func(f *fakeServer) {
		f.mangle = func(reply []byte) []byte {
			if len(reply) != 4+proto.ReplyHeaderBytes+proto.StatBytes {
				return reply
			}
			switch n := sets.Add(1); {
			case n == 400:
				time.AfterFunc(stall, func() { close(held) })
				<-held
			case n > 400:
				<-held
			}
			return reply
		}
	})
	o := testOptions(f, "set")
	o.Requests, o.Duration, o.Warmup, o.Threads = 0, 1100*time.Millisecond, 0, 2
	r, err := Run(context.Background(), o, Progress{})
	if err != nil {
		t.Fatal(err)
	}
	// What was answered just before may come a little after the stall began.
	if gap := longestGap(r); gap < stall/2 {
		t.Errorf("the longest gap is %v, and nothing was answered for %v", gap, stall)
	}
}
