package server

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestHaste(t *testing.T) {
	for _, tt := range []struct{ txns, want int64 }{
		{0, 1}, {hasteTxns - 1, 1}, {hasteTxns, 2}, {3 * hasteTxns, 4}, {1 << 40, 4},
	} {
		if got := haste(tt.txns); got != tt.want {
			t.Errorf("after %d transactions: %d, want %d", tt.txns, got, tt.want)
		}
	}
}

func TestRoundsRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &flusher{stop: make(chan struct{}), haste: 1}
		for _, tt := range []struct{ worked, want time.Duration }{
			{0, 0}, {workMin - 1, 0}, {time.Millisecond, restShare * time.Millisecond}, {time.Minute, restMax},
		} {
			begun := time.Now()
			f.resumed = begun.Add(-tt.worked)
			if err := f.pause(); err != nil {
				t.Fatal(err)
			}
			if rested := time.Since(begun); rested != tt.want {
				t.Errorf("after %v of work, %v of rest, want %v", tt.worked, rested, tt.want)
			}
			if tt.want > 0 && !f.resumed.Equal(time.Now()) {
				t.Error("the rest counts as work")
			}
		}
		close(f.stop)
		if err := f.pause(); !errors.Is(err, errStopping) {
			t.Errorf("the server stops, and the round does not: %v", err)
		}
	})
}
