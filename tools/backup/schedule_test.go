package backup

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gamekeeper/proto"
	"gamekeeper/server/control"
)

// signalling is a source that tells when a backup begins, and fails when it shall.
type signalling struct {
	*inProcess
	begun chan struct{}
	mu    sync.Mutex
	fail  error
	held  map[uint64]proto.Zxid
}

// HoldLog implements control.LogHolder.
func (s *signalling) HoldLog(after proto.Zxid) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := uint64(100 + after)
	for s.held[id] != 0 {
		id++
	}
	s.held[id] = after
	return id
}

// Release implements Source.
func (s *signalling) Release(id uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.held[id]; ok {
		delete(s.held, id)
		return nil
	}
	return s.inProcess.Release(id)
}

func (s *signalling) heldAfter() []proto.Zxid {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.held))
}

// Checkpoint implements Source.
func (s *signalling) Checkpoint(ctx context.Context, dir string) (control.Checkpoint, error) {
	select {
	case s.begun <- struct{}{}:
	case <-ctx.Done():
		return control.Checkpoint{}, ctx.Err()
	}
	s.mu.Lock()
	err := s.fail
	s.mu.Unlock()
	if err != nil {
		return control.Checkpoint{}, err
	}
	return s.inProcess.Checkpoint(ctx, dir)
}

func TestSchedule(t *testing.T) {
	withRig(t, func(_ *rapid.T, r *rig, dir string) {
		src := &signalling{inProcess: r.source(), begun: make(chan struct{}), held: map[uint64]proto.Zxid{}}
		s := &Schedule{Every: time.Millisecond, Folder: filepath.Join(dir, "backups"), Retain: Retention{Last: 2}, Source: src}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		for range 5 {
			<-src.begun
		}
		src.mu.Lock()
		src.fail = errors.New("no checkpoint")
		src.mu.Unlock()
		<-src.begun // this one fails, or the one before
		<-src.begun
		st := s.Status()
		if st.Failed == 0 || st.Taken < 4 || !errors.Is(st.Err, src.fail) || st.LastZxid != r.log.LastZxid() {
			t.Errorf("%+v", st)
		}
		if held := src.heldAfter(); len(held) != 1 || held[0] != r.log.LastZxid()-1 {
			t.Errorf("log is held after %v", held)
		}
		cancel()
		<-done
		if held := src.heldAfter(); len(held) > 0 {
			t.Errorf("log is held after %v when it has ended", held)
		}
		infos, bad, err := List(s.Folder)
		if err != nil || len(bad) > 0 || len(infos) != 2 {
			t.Fatalf("%+v, %v, %v", infos, bad, err)
		}
		if src.pins != 0 {
			t.Errorf("%d pins", src.pins)
		}
	})
}

// TestAScheduleGoesOn: after a restart of the server the next backup is due when it would have been.
func TestAScheduleGoesOn(t *testing.T) {
	withRig(t, func(_ *rapid.T, r *rig, dir string) {
		folder := filepath.Join(dir, "backups")
		res, err := Save(t.Context(), SaveOptions{Source: r.source(), Folder: folder})
		r.check(err)
		s := &Schedule{Every: time.Hour, Folder: folder, Source: r.source()}
		wait := s.begin(slog.New(slog.DiscardHandler))
		if wait < 59*time.Minute || wait > time.Hour {
			t.Errorf("the next backup is in %s", wait)
		}
		if st := s.Status(); st.LastID != res.Manifest.ID || st.LastZxid != res.Manifest.Last {
			t.Errorf("%+v", st)
		}
		s.Every = time.Nanosecond
		if wait := s.begin(slog.New(slog.DiscardHandler)); wait != 0 {
			t.Errorf("a backup that is overdue is in %s", wait)
		}
	})
}
