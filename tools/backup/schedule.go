package backup

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"gamekeeper/proto"
	"gamekeeper/server/control"
)

// Schedule takes backups of a server from inside it (backup.interval, backup.folder, backup.retain). If the
// Source is a control.LogHolder, the log after a backup is kept until the next one, so that every point between
// them can be restored; but not for longer than a day and ten times Every, as a folder that cannot be written
// to would let the log grow without end.
type Schedule struct {
	Every  time.Duration
	Folder string
	Retain Retention
	Source Source
	// Logger is told of each backup and each failure; nil discards.
	Logger *slog.Logger

	held   uint64 // by HoldLog; of Run alone
	holds  bool
	mu     sync.Mutex
	status ScheduleStatus
}

// ScheduleStatus is how a schedule fares.
type ScheduleStatus struct {
	LastID      string    // of the last backup; empty if there is none
	LastCreated time.Time // of it
	LastZxid    proto.Zxid
	Taken       int   // since Run began
	Failed      int   // since Run began
	Err         error // of the last attempt
}

// retryAfter is how soon a backup that failed is tried again, unless the next one is due earlier.
const retryAfter = time.Minute

// heldMax is how long the log is kept for a backup that does not come, unless the interval is long.
const heldMax = 24 * time.Hour

// Status returns how the schedule fares. It may be called by any goroutine.
func (s *Schedule) Status() ScheduleStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// Run takes backups until the context ends. A backup is due Every after the one before it was created, also
// across restarts. One that fails is tried again.
func (s *Schedule) Run(ctx context.Context) {
	logger := s.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	timer := time.NewTimer(s.begin(logger))
	defer timer.Stop()
	if st := s.Status(); st.LastID != "" {
		s.hold(logger, st.LastZxid)
	}
	defer s.release(logger)
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(s.backUp(ctx, logger))
	}
}

// hold keeps the log that the next backup needs, and no longer what this one needed. The record at the last
// zxid itself shows that the log goes on.
func (s *Schedule) hold(logger *slog.Logger, last proto.Zxid) {
	holder, ok := s.Source.(control.LogHolder)
	if !ok {
		return
	}
	id := holder.HoldLog(max(last-1, 0))
	s.release(logger)
	s.held, s.holds = id, true
}

// release lets the log be purged.
func (s *Schedule) release(logger *slog.Logger) {
	if !s.holds {
		return
	}
	s.holds = false
	if err := s.Source.Release(s.held); err != nil {
		logger.Error("the log that was kept for the next backup could not be released", "error", err)
	}
}

// begin looks for the last backup, and returns the time until the next one.
func (s *Schedule) begin(logger *slog.Logger) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	infos, bad, err := List(s.Folder)
	for _, b := range bad {
		logger.Error("a backup cannot be read", "error", b)
	}
	wait := time.Duration(0)
	if err == nil && len(infos) > 0 {
		last := infos[len(infos)-1]
		s.status.LastID, s.status.LastCreated, s.status.LastZxid = last.ID, last.Created, last.To
		wait = min(max(time.Until(last.Created.Add(s.Every)), 0), s.Every)
	}
	return wait
}

// backUp takes a backup and removes those that are not to be kept. It returns the time until the next one.
func (s *Schedule) backUp(ctx context.Context, logger *slog.Logger) time.Duration {
	r, err := Save(ctx, SaveOptions{Source: s.Source, Folder: s.Folder, done: func(m *Manifest) {
		s.hold(logger, m.Last)
	}})
	if ctx.Err() != nil {
		return 0
	}
	if errors.Is(err, ErrLocked) {
		logger.Warn("the scheduled backup waits for another one", "error", err)
		return min(retryAfter, s.Every)
	}
	for _, d := range r.Damaged {
		logger.Error("a backup cannot be read", "error", d)
	}
	s.mu.Lock()
	s.status.Err = err
	if err != nil {
		s.status.Failed++
	} else {
		m := r.Manifest
		s.status.Taken++
		s.status.LastID, s.status.LastCreated, s.status.LastZxid = m.ID, m.Created, m.Last
	}
	last := s.status.LastCreated
	s.mu.Unlock()
	if err != nil {
		logger.Error("the scheduled backup failed", "folder", s.Folder, "error", err)
		if s.holds && time.Since(last) > max(heldMax, 10*s.Every) {
			logger.Warn("the log is no longer kept for the next backup, as none has succeeded for long", "since", last)
			s.release(logger)
		}
		return min(retryAfter, s.Every)
	}
	if r.Gap != "" {
		logger.Warn("between this backup and the one before, no point can be restored", "why", r.Gap)
	}
	logger.Info("took a backup", "id", r.Manifest.ID, "folder", s.Folder, "zxid", r.Manifest.Last, "bytes", r.AddedBytes,
		"took", r.Elapsed.Round(time.Millisecond))
	if (s.Retain != Retention{}) {
		p, err := Prune(s.Folder, s.Retain, false, time.Now())
		if err != nil {
			logger.Error("removing old backups failed", "folder", s.Folder, "error", err)
		} else if len(p.Removed) > 0 {
			logger.Info("removed old backups", "folder", s.Folder, "backups", len(p.Removed), "files", p.Files)
		}
	}
	return s.Every
}
