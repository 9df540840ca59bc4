package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gamekeeper/proto"
	"gamekeeper/tools/progress"
)

// VerifyOptions say what to verify.
type VerifyOptions struct {
	From string // a backup folder, or a file
	// Deep also loads each snapshot, replays all log, and compares the digests of the trees.
	Deep     bool
	Progress func(progress.Report) // may be nil
}

// VerifyResult is what was looked at and what is wrong with it.
type VerifyResult struct {
	Backups  int       `json:"backups"`
	Files    int       `json:"files"`
	Chunks   int       `json:"chunks"` // of log
	Bytes    int64     `json:"bytes"`
	Replayed int       `json:"replayed"`        // transactions, if it was deep
	Digests  int       `json:"checked_digests"` // of trees
	Problems []Problem `json:"problems"`
	Notes    []string  `json:"notes,omitempty"`
}

// Problem is one damage.
type Problem struct {
	Error string `json:"error"`
	// Backups cannot be restored because of it, or not to every point. Empty: none that can be told.
	Backups []string `json:"backups"`
}

// what is wrong, without the class of the error.
func (p *Problem) what() string { return strings.TrimPrefix(p.Error, ErrDamaged.Error()+": ") }

func (v *VerifyResult) problem(err error, backups ...string) {
	v.Problems = append(v.Problems, Problem{err.Error(), backups})
}

// Verify reads everything and compares it with its checksums. The error is of class ErrDamaged if anything
// is wrong with the backups; the result says what.
func Verify(ctx context.Context, o VerifyOptions) (v VerifyResult, err error) {
	v.Problems = []Problem{}
	meter := progress.New(o.Progress)
	file, err := isArchive(o.From)
	if err != nil {
		return v, err
	}
	f := &folder{path: o.From}
	if file {
		dir := ""
		if o.Deep {
			if dir, err = os.MkdirTemp("", "gamekeeper-backup-"); err != nil {
				return v, ioError(err)
			}
			defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
			f = &folder{path: dir}
		}
		if err := v.archive(ctx, o.From, f, o.Deep, meter); err != nil {
			return v, err
		}
	} else {
		if f, err = openFolder(o.From); err != nil {
			return v, err
		}
		if err := v.folder(ctx, f, meter); err != nil {
			return v, err
		}
	}
	if o.Deep {
		if err := v.deep(ctx, f, meter); err != nil {
			return v, err
		}
	}
	if n := len(v.Problems); n > 0 {
		return v, fmt.Errorf("%w: %s has %s, the first one: %s; restore from another backup, and take a new one into a new folder",
			ErrDamaged, o.From, number(n, "problem"), v.Problems[0].what())
	}
	return v, nil
}

// archive verifies a file, and unpacks it if the rest is to be done, too.
func (v *VerifyResult) archive(ctx context.Context, path string, to *folder, unpack bool, meter *progress.Meter) error {
	a, err := openArchive(path)
	if err == nil {
		defer a.close()
		v.Backups, v.Files, v.Chunks, v.Bytes = 1, len(a.m.Files), len(a.m.Log), a.m.Bytes()
		if !unpack {
			to = nil
		}
		err = a.read(ctx, to, meter)
	}
	if errors.Is(err, ErrDamaged) {
		v.problem(err)
		return nil
	}
	return err
}

func (v *VerifyResult) folder(ctx context.Context, f *folder, meter *progress.Meter) error {
	ms, bad, err := f.manifests()
	if err != nil {
		return err
	}
	for _, b := range bad {
		v.problem(b)
	}
	if len(ms) == 0 && len(bad) == 0 {
		return fmt.Errorf("%w in %s", ErrNoBackup, f.path)
	}
	v.Backups = len(ms)
	if err := v.tables(ctx, f, ms, meter); err != nil {
		return err
	}
	for _, s := range bySeries(ms) {
		if err := v.log(ctx, f, s, ms, meter); err != nil {
			return err
		}
	}
	return v.leftovers(f, ms)
}

// tables checks the files of the snapshots, each once.
func (v *VerifyResult) tables(ctx context.Context, f *folder, ms []*Manifest, meter *progress.Meter) error {
	users, total := map[string][]string{}, int64(0)
	files := map[string]File{}
	for _, m := range ms {
		for _, file := range m.Files {
			if users[file.SHA256] == nil {
				total += file.Bytes
			}
			if u := users[file.SHA256]; len(u) == 0 || u[len(u)-1] != m.ID {
				users[file.SHA256] = append(u, m.ID)
			}
			files[file.SHA256] = file
		}
	}
	meter.Begin("checking tables", "bytes", total)
	for sum, file := range files {
		path := f.file(sum)
		n, got, err := hashFile(ctx, path, meter.Add)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrNotExist):
			v.problem(damaged(path, "it is missing: %s", file.Name), users[sum]...)
		case err != nil:
			v.problem(err, users[sum]...)
		case n != file.Bytes || got != sum:
			v.problem(damaged(path, "its checksum does not fit: %s", file.Name), users[sum]...)
		}
		v.Files++
		v.Bytes += n
	}
	return nil
}

// log checks the log of a series: that there is no gap, and each chunk.
func (v *VerifyResult) log(ctx context.Context, f *folder, s, ms []*Manifest, meter *progress.Meter) error {
	series := s[0].Series
	chain, err := f.chain(series, ms)
	if err != nil {
		return err
	}
	from, to := s[0].replayAfter(), s[len(s)-1].Last
	for _, m := range s {
		from = min(from, m.replayAfter())
	}
	at := from
	for _, c := range chain {
		if c.From > at && c.From < to {
			v.problem(f.missingLog(series, at, c.From), need(s, at, c.From)...)
		}
		at = max(at, c.To)
	}
	if at < to {
		v.problem(f.missingLog(series, at, to), need(s, at, to)...)
	}
	meter.Begin("checking the log", "bytes", 0)
	for _, c := range chain {
		if err := ctx.Err(); err != nil {
			return err
		}
		got, err := f.readChunk(series, &c, nil)
		if err != nil {
			v.problem(err, need(s, c.From, c.To)...)
		}
		v.Chunks++
		v.Bytes += got.Bytes
		meter.Add(got.Bytes)
	}
	return nil
}

// need returns the backups that need some of the log after from, up to to.
func need(s []*Manifest, from, to proto.Zxid) []string {
	ids := []string{}
	for _, m := range s {
		if m.replayAfter() < to && m.Last > from {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// leftovers notes files that belong to no backup.
func (v *VerifyResult) leftovers(f *folder, ms []*Manifest) error {
	names, err := list(f.files())
	if err != nil {
		return err
	}
	n, used := 0, usedFiles(ms)
	for _, name := range names {
		if !used[name] {
			n++
		}
	}
	if n > 0 {
		v.Notes = append(v.Notes, fmt.Sprintf("%s in %s of no backup that can be read: a save was interrupted, or a "+
			"manifest is damaged or gone", number(n, "file"), f.files()))
	}
	return nil
}

// deep rebuilds the trees. The log of a series is replayed from its first snapshot to its end, which compares
// each transaction's digest; each later snapshot is loaded as well, and must lead to the same.
func (v *VerifyResult) deep(ctx context.Context, f *folder, meter *progress.Meter) error {
	ms, _, err := f.manifests()
	if err != nil {
		return err
	}
	for _, s := range bySeries(ms) {
		digests, err := v.deepSeries(ctx, f, s, ms, meter)
		if err != nil {
			return err
		}
		for _, m := range s {
			err := f.withState(ctx, m, meter, func(st *state) error {
				v.Replayed += st.txns
				v.Digests += st.checked
				if want, ok := digests[m.Last]; ok && want != st.tree.Digest() {
					return damaged(f.manifest(m.ID), "its tree at zxid %s has digest %#x, and that of the backups before %#x", m.Last, st.tree.Digest(), want)
				}
				return nil
			})
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				v.problem(fmt.Errorf("backup %s: %w", m.ID, err), m.ID)
			}
		}
	}
	return nil
}

// deepSeries replays all log of a series, and returns the digests at the ends of its backups.
func (v *VerifyResult) deepSeries(ctx context.Context, f *folder, s, ms []*Manifest, meter *progress.Meter) (map[proto.Zxid]uint64, error) {
	first, end := s[0], s[len(s)-1].Last
	digests := map[proto.Zxid]uint64{}
	if first.Last == end {
		return digests, nil
	}
	chain, err := f.chain(first.Series, ms)
	if err != nil {
		return nil, err
	}
	chunks, err := f.between(first.Series, chain, first.Last, end)
	if err == nil {
		err = f.withState(ctx, first, meter, func(st *state) error {
			at := first.Last
			digests[at] = st.tree.Digest()
			for _, m := range s[1:] {
				part, err := f.between(m.Series, chunks, at, m.Last)
				if err != nil {
					return err
				}
				if err := f.replay(ctx, st, m.Series, part, m.Last, meter, nil); err != nil {
					return err
				}
				at = m.Last
				digests[at] = st.tree.Digest()
			}
			v.Replayed += st.txns
			v.Digests += st.checked
			return nil
		})
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		v.problem(fmt.Errorf("log of %s: %w", filepath.Base(f.log(first.Series)), err))
	}
	return digests, nil
}
