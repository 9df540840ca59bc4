package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"gamekeeper/proto"
	"gamekeeper/snapshot"
)

// formatVersion is that of manifests and of all they name. It is only ever raised.
const formatVersion = 1

// Manifest says what a backup is made of. It is written last: where there is a manifest, there is all it
// names.
type Manifest struct {
	Format  int       `json:"format"`
	ID      string    `json:"id"` // sorts by time
	Created time.Time `json:"created"`
	// Series names an uninterrupted history: the log between any two backups of a series is in the folder.
	Series        string `json:"series"`
	ServerVersion string `json:"server_version,omitempty"`
	// Options of the tree, which a replay of the log needs.
	ExtendedTypes bool `json:"extended_types"`
	Emulate353    bool `json:"emulate_353"`
	// Mark is nil if the server had no snapshot yet: then the log is everything.
	Mark *Mark `json:"mark"`
	// Last is the last zxid in the backup, LastTime the time of that transaction.
	Last     proto.Zxid `json:"last_zxid"`
	LastTime time.Time  `json:"last_time"`
	// LastSHA256 is of the last record of the log. It shows whether a later log goes on with this one.
	LastSHA256 string `json:"last_sha256,omitempty"`
	Files      []File `json:"files"` // of the snapshot store
	// Log are the chunks that reach from the mark to Last, and those that were added by this backup.
	Log []Chunk `json:"log"`
	// Checksum is the SHA-256 of the manifest with this field empty.
	Checksum string `json:"checksum"`
}

// Mark is that of the snapshot in a backup.
type Mark struct {
	Round       uint64     `json:"round"`
	ReplayAfter proto.Zxid `json:"replay_after"`
	FuzzyUntil  proto.Zxid `json:"fuzzy_until"`
	Time        time.Time  `json:"time"` // of ReplayAfter
	Nodes       int        `json:"nodes"`
	Digest      uint64     `json:"digest"`
	// Unverified says that FuzzyUntil and Digest are not known: see snapshot.Mark.
	Unverified bool `json:"unverified,omitempty"`
}

func markOf(m snapshot.Mark) *Mark {
	return &Mark{m.Round, m.ReplayAfter, m.FuzzyUntil, m.Time.UTC(), m.Nodes, m.Digest, m.Unverified}
}

// replayAfter is the zxid after which the backup needs the log.
func (m *Manifest) replayAfter() proto.Zxid {
	if m.Mark == nil {
		return 0
	}
	return m.Mark.ReplayAfter
}

// earliest is the first zxid whose state the backup holds, with the log after its snapshot.
func (m *Manifest) earliest() proto.Zxid {
	switch {
	case m.Mark == nil:
		return 0
	case m.Mark.Unverified:
		return m.Last // nobody knows where before that the snapshot's effects end
	}
	return m.Mark.FuzzyUntil
}

// Bytes is the size of all that the backup names, as it lies in the folder.
func (m *Manifest) Bytes() (n int64) {
	for _, f := range m.Files {
		n += f.Bytes
	}
	for _, c := range m.Log {
		n += c.Bytes
	}
	return n
}

// File is one of the snapshot store. In the backup its name is its checksum.
type File struct {
	Name     string    `json:"name"`
	Bytes    int64     `json:"bytes"`
	SHA256   string    `json:"sha256"`
	Modified time.Time `json:"modified"` // of the file in the store; tells tables apart that are named the same
}

// encode returns the manifest as it is written, with its checksum.
func (m *Manifest) encode() ([]byte, error) {
	m.Checksum = ""
	b, err := m.marshal()
	if err != nil {
		return nil, err
	}
	m.Checksum = sumOf(b)
	return m.marshal()
}

func (m *Manifest) marshal() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return append(b, '\n'), nil
}

// DecodeManifest reads what encode wrote. Any other bytes are an error of class ErrDamaged, or ErrVersion;
// file is for the message.
func DecodeManifest(file string, b []byte) (*Manifest, error) {
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(b, &version); err != nil {
		return nil, damaged(file, "%w", err)
	}
	if version.Format > formatVersion {
		return nil, fmt.Errorf("%w: %d in %s, this program reads %d: use the version that wrote it",
			ErrVersion, version.Format, file, formatVersion)
	}
	m := new(Manifest)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, damaged(file, "%w", err)
	}
	sum := m.Checksum
	again, err := m.encode()
	if err != nil {
		return nil, damaged(file, "%w", err)
	}
	// Whatever the decoder takes lightly, white space and unknown fields, differs here.
	if m.Checksum != sum || !bytes.Equal(again, b) {
		return nil, damaged(file, "its checksum does not fit")
	}
	if err := m.check(); err != nil {
		return nil, damaged(file, "%w", err)
	}
	return m, nil
}

// check refuses names that would lead out of the folder, and a log with gaps.
func (m *Manifest) check() error {
	if !isPlain(m.ID) || !isPlain(m.Series) {
		return fmt.Errorf("id %q and series %q must be names", m.ID, m.Series)
	}
	for _, f := range m.Files {
		if !isPlain(f.Name) || !isSum(f.SHA256) || f.Bytes < 0 {
			return fmt.Errorf("%q cannot be a file of a store", f.Name)
		}
	}
	for i, c := range m.Log {
		if !isSum(c.SHA256) || c.To <= c.From {
			return fmt.Errorf("%q cannot be a part of the log", c.name())
		}
		if i > 0 && c.From > m.Log[i-1].To {
			return fmt.Errorf("the log is missing from zxid %s to %s", m.Log[i-1].To, c.From)
		}
	}
	if n := len(m.Log); m.Last > m.replayAfter() && (n == 0 || m.Log[0].From > m.replayAfter() || m.Log[n-1].To != m.Last) {
		return fmt.Errorf("the log does not reach from zxid %s to %s", m.replayAfter(), m.Last)
	}
	if m.Last < m.earliest() {
		return fmt.Errorf("the log ends at zxid %s and the snapshot reaches to %s", m.Last, m.earliest())
	}
	return nil
}

// isPlain says whether s is the name of a file and nothing more.
func isPlain(s string) bool {
	for _, c := range s {
		if c < '!' || c > '~' || c == '/' || c == '\\' {
			return false
		}
	}
	return s != "" && s[0] != '.'
}

// isSum says whether s is a SHA-256 in hexadecimal.
func isSum(s string) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
