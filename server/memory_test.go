package server

import (
	"runtime"
	"sync/atomic"
	"testing"
)

func TestGCPercent(t *testing.T) {
	for _, tt := range []struct {
		live uint64
		want int
	}{
		{0, 200}, {10 << 20, 200}, {128 << 20, 200}, {256 << 20, 100}, {1 << 30, 25}, {5 << 29, 12}, {1 << 40, 12},
	} {
		if got := gcPercent(tt.live); got != tt.want {
			t.Errorf("with %d MiB live: %d %%, want %d", tt.live>>20, got, tt.want)
		}
	}
}

func TestTargetFollowsCollections(t *testing.T) {
	var live atomic.Uint64
	var percent atomic.Int64
	tuner := &gcTuner{live: live.Load, set: func(p int) { percent.Store(int64(p)) }}
	tuner.tune()
	for _, tt := range []struct {
		live uint64
		want int64
	}{{0, 200}, {1 << 30, 25}, {512 << 20, 50}} {
		live.Store(tt.live)
		for percent.Load() != tt.want {
			runtime.GC()
		}
	}
}
