package backup

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gamekeeper/proto"
)

// Point is a point in a history. The zero value is the end.
type Point struct {
	Zxid *proto.Zxid // the last transaction up to this one
	Time *time.Time  // the last transaction whose time is not after this
}

// plan says what a restore is made of.
type plan struct {
	m      *Manifest // whose snapshot it begins with
	chunks []Chunk
	until  proto.Zxid
}

// planRestore picks the backup to begin with and the log to replay. An id restricts it to that backup, which
// is also the end, and its series.
func (f *folder) planRestore(id string, to Point) (plan, error) {
	ms, bad, err := f.manifests()
	if err != nil {
		return plan{}, err
	}
	if len(ms) == 0 {
		if len(bad) > 0 {
			return plan{}, bad[0]
		}
		return plan{}, fmt.Errorf("%w in %s", ErrNoBackup, f.path)
	}
	if id != "" {
		m, err := find(ms, id)
		if err != nil {
			return plan{}, err
		}
		ms = slices.DeleteFunc(ms, func(o *Manifest) bool { return o.Series != m.Series || o.ID > m.ID })
	}
	switch {
	case to.Zxid != nil:
		return f.planZxid(ms, *to.Zxid)
	case to.Time != nil:
		return f.planTime(ms, *to.Time)
	}
	m := ms[len(ms)-1]
	for _, b := range bad {
		// Silently restoring what is older would pass for what was asked for.
		if newer := (badManifest{}); id == "" && errors.As(b, &newer) && newer.id > m.ID {
			return plan{}, fmt.Errorf("the newest backup cannot be read: %w; the newest that can is restored with --backup %s", newer.error, m.ID)
		}
	}
	return f.planFrom(m, ms, m.Last)
}

// find returns the backup with an id, of which the beginning is enough.
func find(ms []*Manifest, id string) (*Manifest, error) {
	var found *Manifest
	for _, m := range ms {
		if m.ID == id {
			return m, nil
		}
		if strings.HasPrefix(m.ID, id) {
			if found != nil {
				return nil, fmt.Errorf("%w: %s may be %s or %s: give more of the id", ErrNoBackup, id, found.ID, m.ID)
			}
			found = m
		}
	}
	if found == nil {
		return nil, fmt.Errorf("%w: there is none with the id %s: see `gamekeeper backup list`", ErrNoBackup, id)
	}
	return found, nil
}

// planFrom begins with m.
func (f *folder) planFrom(m *Manifest, ms []*Manifest, until proto.Zxid) (plan, error) {
	chain, err := f.chain(m.Series, ms)
	if err != nil {
		return plan{}, err
	}
	chunks, err := f.between(m.Series, chain, m.replayAfter(), until)
	return plan{m, chunks, until}, err
}

// bySeries returns the backups by series, those of the newest series first, each oldest first.
func bySeries(ms []*Manifest) [][]*Manifest {
	var all [][]*Manifest
	for _, m := range slices.Backward(ms) {
		i := slices.IndexFunc(all, func(s []*Manifest) bool { return s[0].Series == m.Series })
		if i < 0 {
			all = append(all, nil)
			i = len(all) - 1
		}
		all[i] = append(all[i], m)
	}
	for _, s := range all {
		slices.Reverse(s)
	}
	return all
}

func (f *folder) planZxid(ms []*Manifest, z proto.Zxid) (plan, error) {
	var ranges []string
	for _, s := range bySeries(ms) {
		end := s[len(s)-1].Last
		// The latest snapshot that is not beyond z saves the most of the replay.
		for _, m := range slices.Backward(s) {
			if m.earliest() <= z && z <= end {
				return f.planFrom(m, ms, z)
			}
		}
		first := slices.MinFunc(s, func(a, b *Manifest) int { return int(min(max(a.earliest()-b.earliest(), -1), 1)) })
		ranges = append(ranges, fmt.Sprintf("%s to %s", first.earliest(), end))
	}
	return plan{}, fmt.Errorf("%w: zxid %s; the backups reach from zxid %s", ErrRange, z, strings.Join(ranges, ", and from "))
}

func (f *folder) planTime(ms []*Manifest, t time.Time) (plan, error) {
	for _, s := range bySeries(ms) {
		if end := s[len(s)-1]; t.After(end.Created) {
			return plan{}, fmt.Errorf("%w: what came after %s, when %s was taken, up to %s; restore without a time to get to its end, "+
				"zxid %s", ErrRange, end.Created.Format(time.RFC3339), end.ID, t.Format(time.RFC3339), end.Last)
		}
		z, ok, err := f.lastAt(s, t)
		if err != nil {
			return plan{}, err
		}
		if !ok {
			continue
		}
		for _, m := range slices.Backward(s) {
			if m.earliest() <= z {
				return f.planFrom(m, ms, z)
			}
		}
	}
	return plan{}, fmt.Errorf("%w: the state at %s; the oldest backup begins at %s", ErrRange, t.Format(time.RFC3339), begins(ms[0]))
}

// begins is about when the history in a backup begins.
func begins(m *Manifest) string {
	if m.Mark != nil {
		return m.Mark.Time.Format(time.RFC3339)
	}
	if len(m.Log) > 0 {
		return m.Log[0].First.Format(time.RFC3339)
	}
	return m.Created.Format(time.RFC3339)
}

// lastAt finds the last transaction of a series whose time is not after t.
func (f *folder) lastAt(s []*Manifest, t time.Time) (proto.Zxid, bool, error) {
	chain, err := f.chain(s[0].Series, s)
	if err != nil {
		return 0, false, err
	}
	end := s[len(s)-1].Last
	for _, c := range slices.Backward(chain) {
		if c.From >= end || c.Records > 0 && c.Earliest.After(t) {
			continue
		}
		var z proto.Zxid
		_, err := f.readChunk(s[0].Series, &c, func(at proto.Zxid, record []byte) error {
			h, err := headerOf(record)
			if err == nil && at <= end && !txnTime(&h).After(t) {
				z = at
			}
			return err
		})
		if err != nil {
			return 0, false, err
		}
		if z > 0 {
			return z, true, nil
		}
	}
	if m := s[0]; m.Mark != nil && !m.Mark.Time.After(t) {
		return m.Mark.ReplayAfter, true, nil
	}
	return 0, false, nil
}
