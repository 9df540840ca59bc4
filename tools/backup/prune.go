package backup

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Retention says which backups of a folder to keep: those that either rule keeps. The newest is always kept.
// The zero value keeps all.
type Retention struct {
	Last   int           // so many of the newest
	Within time.Duration // those not older than this
}

// ParseRetention reads "7" (backups), "36h" or "14d" (time), or both with a comma between them; empty keeps
// all.
func ParseRetention(s string) (Retention, error) {
	var r Retention
	if strings.TrimSpace(s) == "" {
		return r, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		if n, err := strconv.Atoi(part); err == nil && n > 0 {
			r.Last = n
			continue
		}
		d, err := ParseDuration(part)
		if err != nil || d <= 0 {
			return r, fmt.Errorf("%q is no retention: give a number of backups (7), an age (36h, 14d), or both (7,14d)", s)
		}
		r.Within = d
	}
	return r, nil
}

// ParseDuration is time.ParseDuration with days ("14d", "1d12h").
func ParseDuration(s string) (time.Duration, error) {
	days, rest, ok := strings.Cut(s, "d")
	if !ok {
		return time.ParseDuration(s)
	}
	n, err := strconv.Atoi(days)
	if err != nil || n < 0 || n > 36500 {
		return 0, fmt.Errorf("time: invalid duration %q", s)
	}
	d := time.Duration(n) * 24 * time.Hour
	if rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	return d + more, err
}

// keeps says whether a backup is kept that is the i-th newest, from 0 on.
func (r Retention) keeps(i int, created, now time.Time) bool {
	return i == 0 || r == Retention{} || i < r.Last || r.Within > 0 && now.Sub(created) <= r.Within
}

// String is what ParseRetention reads.
func (r Retention) String() string {
	var parts []string
	if r.Last > 0 {
		parts = append(parts, strconv.Itoa(r.Last))
	}
	if r.Within > 0 {
		parts = append(parts, r.Within.String())
	}
	return strings.Join(parts, ",")
}

// PruneResult is what Prune removed.
type PruneResult struct {
	Removed []string `json:"removed"` // ids
	Kept    []string `json:"kept"`
	Files   int      `json:"removed_files"`
	DryRun  bool     `json:"dry_run,omitempty"`
}

// Prune removes the backups that r does not keep, and then what no other needs. Log goes only with the oldest
// backups of a series: between two that are kept, every point can still be restored.
func Prune(path string, r Retention, dryRun bool, now time.Time) (p PruneResult, err error) {
	p = PruneResult{Removed: []string{}, Kept: []string{}, DryRun: dryRun}
	if _, err := openFolder(path); err != nil {
		return p, err
	}
	f, err := lockFolder(path)
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	ms, bad, err := f.manifests()
	if err != nil {
		return p, err
	}
	if len(bad) > 0 {
		return p, fmt.Errorf("nothing is removed while it is not known what is still needed: %w", bad[0])
	}
	var kept []*Manifest
	for i, m := range ms {
		if r.keeps(len(ms)-1-i, m.Created, now) {
			kept = append(kept, m)
			p.Kept = append(p.Kept, m.ID)
			continue
		}
		p.Removed = append(p.Removed, m.ID)
		if dryRun {
			continue
		}
		if err := remove(f.manifest(m.ID)); err != nil {
			return p, err
		}
	}
	if dryRun {
		return p, nil
	}
	// The manifests must be gone for good before what they name.
	if err := syncDir(f.backups()); err != nil {
		return p, err
	}
	p.Files, err = f.clean(kept, nil)
	return p, err
}
