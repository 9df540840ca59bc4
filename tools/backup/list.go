package backup

import (
	"context"
	"fmt"
	"time"

	"gamekeeper/proto"
	"gamekeeper/tools/progress"
)

// Info describes a backup.
type Info struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	Series  string    `json:"series"`
	// From and To are the zxids that this backup alone can be restored to, and the times of those states. In a
	// folder, every point between the backups of a series can be restored as well.
	From     proto.Zxid `json:"from_zxid"`
	To       proto.Zxid `json:"to_zxid"`
	FromTime time.Time  `json:"from_time"`
	ToTime   time.Time  `json:"to_time"`
	Nodes    int        `json:"nodes"` // of the snapshot
	Files    int        `json:"files"`
	Records  int        `json:"log_records"`
	Bytes    int64      `json:"bytes"` // of all that it needs, what it shares with others included
	Version  string     `json:"server_version,omitempty"`
}

func infoOf(m *Manifest) Info {
	i := Info{
		ID: m.ID, Created: m.Created, Series: m.Series, From: m.earliest(), To: m.Last, ToTime: m.LastTime,
		Files: len(m.Files), Bytes: m.Bytes(), Version: m.ServerVersion,
	}
	for _, c := range m.Log {
		i.Records += c.Records
	}
	switch {
	case m.Mark != nil:
		i.FromTime, i.Nodes = m.Mark.Time, m.Mark.Nodes
	case len(m.Log) > 0:
		i.FromTime = m.Log[0].First
	}
	return i
}

// List returns the backups in a folder, or the one in a file, oldest first. Manifests that cannot be read are
// errors of their own.
func List(from string) (infos []Info, bad []error, err error) {
	ms, bad, err := manifestsOf(from)
	for _, m := range ms {
		infos = append(infos, infoOf(m))
	}
	return infos, bad, err
}

func manifestsOf(from string) ([]*Manifest, []error, error) {
	file, err := isArchive(from)
	if err != nil {
		return nil, nil, err
	}
	if file {
		a, err := openArchive(from)
		if err != nil {
			return nil, nil, err
		}
		a.close()
		return []*Manifest{a.m}, nil, nil
	}
	f, err := openFolder(from)
	if err != nil {
		return nil, nil, err
	}
	return f.manifests()
}

// ShowResult describes a backup and what is in it.
type ShowResult struct {
	Info
	Manifest *Manifest `json:"manifest"`
	Tree     *Contents `json:"tree,omitempty"`
}

// ShowOptions say what to show.
type ShowOptions struct {
	From   string // a backup folder, or a file
	Backup string // an id, or the beginning of one; empty is the newest
	// Quick leaves out what only loading the tree can tell.
	Quick bool
	// Subtrees is how many of the biggest to name, of those that begin at most Depth below the root.
	Subtrees, Depth int
	Progress        func(progress.Report) // may be nil
}

// Show describes a backup. Unless it shall be quick, it rebuilds the tree at the backup's end.
func Show(ctx context.Context, o ShowOptions) (ShowResult, error) {
	ms, bad, err := manifestsOf(o.From)
	if err != nil {
		return ShowResult{}, err
	}
	if len(ms) == 0 && len(bad) > 0 {
		return ShowResult{}, bad[0]
	}
	if len(ms) == 0 {
		return ShowResult{}, fmt.Errorf("%w in %s", ErrNoBackup, o.From)
	}
	m := ms[len(ms)-1]
	if o.Backup != "" {
		if m, err = find(ms, o.Backup); err != nil {
			return ShowResult{}, err
		}
	}
	r := ShowResult{Info: infoOf(m), Manifest: m}
	if o.Quick {
		return r, nil
	}
	t, sessions, err := Tree(ctx, RestoreOptions{From: o.From, Backup: m.ID, Progress: o.Progress})
	if err != nil {
		return r, err
	}
	c := contentsOf(t, o.Subtrees, o.Depth)
	c.Sessions = len(sessions)
	r.Tree = &c
	return r, nil
}
