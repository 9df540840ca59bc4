package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"gamekeeper/proto"
)

// saveLog adds the log that is not there yet. If what cannot be read of it is log that the snapshot makes needless, a
// new series begins behind that.
func (s *saver) saveLog(ctx context.Context) error {
	err := s.addLog(ctx)
	var bad *unreadable
	if !s.goesOn || !errors.As(err, &bad) || bad.after >= s.m.replayAfter() {
		return err
	}
	for _, path := range s.chunks {
		if err := os.Remove(path); err != nil {
			return ioError(err)
		}
	}
	s.result.AddedBytes -= s.chunkBytes
	s.result.AddedChunks, s.chunks = 0, nil
	s.result.Gap = fmt.Sprintf("the log after zxid %s cannot be read: %v", bad.after, bad.error)
	s.goesOn, s.m.Series = false, s.newSeries()
	s.m.LastTime, s.m.LastSHA256 = time.Time{}, ""
	return s.addLog(ctx)
}

// unreadable says that the source could not read its log behind a zxid.
type unreadable struct {
	after proto.Zxid
	error
}

func (u *unreadable) Unwrap() error { return u.error }

func (s *saver) addLog(ctx context.Context) error {
	m := s.m
	from := m.replayAfter()
	var chain []Chunk
	if s.goesOn {
		from = s.prev.Last
		var err error
		if chain, err = s.f.chain(m.Series, s.before); err != nil {
			return err
		}
		m.LastTime, m.LastSHA256 = s.prev.LastTime, s.prev.LastSHA256
	} else if m.Last == from {
		if err := s.lastRecord(ctx); err != nil {
			return err
		}
	}
	if err := makeDir(s.f.log(m.Series)); err != nil {
		return err
	}
	added, err := s.copyLog(ctx, from)
	if err != nil {
		return err
	}
	if at := from; len(added) > 0 {
		at = added[len(added)-1].To
		if at != m.Last {
			return fmt.Errorf("backup: the log of %s ends at zxid %s and not at %s", s.status.DataLogDir, at, m.Last)
		}
	} else if from != m.Last {
		return fmt.Errorf("backup: the log of %s is missing from zxid %s to %s", s.status.DataLogDir, from, m.Last)
	}
	m.Log, err = s.f.between(m.Series, append(chain, added...), min(m.replayAfter(), from), m.Last)
	if m.Log == nil {
		m.Log = []Chunk{} // as it is written
	}
	return errors.Join(err, syncDir(s.f.log(m.Series)))
}

// lastRecord notes the record at Last of a log of which nothing is copied, if it is still there.
func (s *saver) lastRecord(ctx context.Context) error {
	m := s.m
	if m.Mark != nil {
		m.LastTime = m.Mark.Time
	}
	if s.cp.LogBase >= m.Last {
		return nil
	}
	err := s.o.Source.ReadLog(ctx, m.Last-1, m.Last, func(_ proto.Zxid, record []byte) error {
		return s.note(record)
	})
	if err != nil && ctx.Err() == nil {
		s.result.Damaged = append(s.result.Damaged, fmt.Sprintf("transaction %s, the last one in the log of the server, cannot be read, "+
			"and the snapshot has it: the next backup begins anew: %v", m.Last, err))
		return nil
	}
	return err
}

// note remembers a record as the last one.
func (s *saver) note(record []byte) error {
	h, err := headerOf(record)
	s.m.LastTime, s.m.LastSHA256 = txnTime(&h), sumOf(record)
	return err
}

// copyLog adds the records after from as chunks.
func (s *saver) copyLog(ctx context.Context, from proto.Zxid) (added []Chunk, err error) {
	w, err := newChunkWriter(from)
	if err != nil {
		return nil, err
	}
	flush := func() error {
		c, b, err := w.take()
		if err != nil {
			return err
		}
		path := s.f.chunk(s.m.Series, &c)
		if err := writeFile(path, b); err != nil {
			return err
		}
		s.chunks, s.chunkBytes = append(s.chunks, path), s.chunkBytes+c.Bytes
		s.result.AddedChunks++
		s.result.AddedBytes += c.Bytes
		added = append(added, c)
		s.o.step()
		return nil
	}
	var last []byte
	var ours error // in place of the source's
	at := from
	s.meter.Begin("copying the log", "transactions", 0)
	err = s.o.Source.ReadLog(ctx, from, s.m.Last, func(z proto.Zxid, record []byte) error {
		h, err := headerOf(record)
		if err != nil {
			ours = fmt.Errorf("log record %s of %s: %w", z, s.status.DataLogDir, err)
			return ours
		}
		w.add(z, txnTime(&h), record)
		last, at = append(last[:0], record...), z
		s.meter.Add(1)
		if w.full() {
			ours = flush()
		}
		return ours
	})
	if err != nil && ours == nil && ctx.Err() == nil {
		err = &unreadable{at, err}
	}
	if err != nil {
		return nil, fmt.Errorf("backup: log: %w", err)
	}
	if w.head.Records > 0 {
		if err := flush(); err != nil {
			return nil, err
		}
	}
	if len(added) > 0 {
		if err := s.note(last); err != nil {
			return nil, err
		}
	}
	return added, nil
}

// headerOf decodes the head of a transaction.
func headerOf(record []byte) (proto.TxnHeader, error) {
	d := proto.NewDecoder(record)
	h := d.TxnHeader()
	return h, d.Err()
}

// txnTime is the time of a transaction, within what a manifest can say.
func txnTime(h *proto.TxnHeader) time.Time {
	const year9999 = 253402300799999
	return time.UnixMilli(min(max(h.Time, 0), year9999)).UTC()
}
