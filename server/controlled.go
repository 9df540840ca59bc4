package server

import (
	"context"
	"errors"
	"io"
	"os"

	"gamekeeper/proto"
	"gamekeeper/server/control"
)

// controlled is the server as commands on the same machine see it: control.Handler. Any goroutine may call it.
type controlled struct{ s *Server }

// Checkpoint implements control.Handler. Writes go on meanwhile: the copy is of the last flush round, and the
// log after it, which is kept until Release, holds the rest.
func (h controlled) Checkpoint(_ context.Context, dir string) (control.Checkpoint, error) {
	s := h.s
	s.storeMu.RLock()
	defer s.storeMu.RUnlock()
	if s.store == nil {
		return control.Checkpoint{}, errors.New("the server stops: its snapshot could not be replaced")
	}
	// A backup also reads the log from where the one before it ended.
	cp := control.Checkpoint{ID: s.core.flusher.purge.pin(s.log.Base())}
	_, ok := s.store.Mark()
	cp.HasSnapshot = ok
	if ok {
		if err := s.store.Checkpoint(dir); err != nil {
			s.core.flusher.purge.unpin(cp.ID)
			return control.Checkpoint{}, err
		}
	}
	// Only what is applied and durable gets into the store. What the log of a member of an ensemble has besides
	// may never be committed.
	mark, _ := s.store.Mark()
	cp.LogBase, cp.Last = s.log.Base(), s.log.Durable()
	if s.replicated {
		cp.Last = max(mark.FuzzyUntil, min(cp.Last, proto.Zxid(s.gauges.zxid.Load())))
	}
	return cp, nil
}

// Release implements control.Handler.
func (h controlled) Release(id uint64) error {
	h.s.core.flusher.purge.unpin(id)
	return nil
}

// HoldLog implements control.LogHolder: the log after zxid is kept until Release.
func (h controlled) HoldLog(after proto.Zxid) uint64 { return h.s.core.flusher.purge.pin(after) }

// ReadLog implements control.Handler.
func (h controlled) ReadLog(ctx context.Context, after, until proto.Zxid, visit func(proto.Zxid, []byte) error) error {
	if after >= until {
		return nil
	}
	r, err := h.s.log.NewReader(after)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		zxid, record, err := r.Next()
		if err == io.EOF || err == nil && zxid > until {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = visit(zxid, record)
		}
		if err != nil || zxid == until {
			return err
		}
	}
}

// Status implements control.Handler.
func (h controlled) Status(context.Context) (control.Status, error) {
	s := h.s
	return control.Status{
		Version:       s.version,
		PID:           os.Getpid(),
		Started:       s.begun,
		DataDir:       absolute(s.cfg.Storage.DataDir),
		DataLogDir:    absolute(s.cfg.Storage.DataLogDir),
		LastZxid:      proto.Zxid(s.gauges.zxid.Load()),
		LogBase:       s.log.Base(),
		ExtendedTypes: s.cfg.Tree.ExtendedTypes,
		Emulate353:    s.cfg.Tree.Emulate353TTL,
	}, nil
}

// Control returns the server as commands see it, for what runs in the same process, such as the schedule of
// backups.
func (s *Server) Control() control.Handler { return controlled{s} }
