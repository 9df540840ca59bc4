package control

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"gamekeeper/proto"
)

// Handler is what a running server does for commands. Its methods are called by several goroutines.
type Handler interface {
	// Checkpoint makes a copy of the snapshot store by hard links in dir, which must not exist and lies on the
	// file system of the data directory, if there is a snapshot. Until Release, no log is purged: a backup may
	// need what is before the copy's mark as well, from where the backup before ended.
	Checkpoint(ctx context.Context, dir string) (Checkpoint, error)
	// Release ends what a checkpoint holds back. One that is not known is no error.
	Release(id uint64) error
	// ReadLog calls visit for the records of the log after one zxid and up to another, in order. The record is
	// good during the call. An error of visit ends the reading and is returned as it is.
	ReadLog(ctx context.Context, after, until proto.Zxid, visit func(z proto.Zxid, record []byte) error) error
	// Status describes the server.
	Status(ctx context.Context) (Status, error)
}

// Checkpoint is one that was made.
type Checkpoint struct {
	ID uint64 `json:"id"`
	// HasSnapshot is false if the server has not completed a snapshot yet: then the directory was not made, and
	// the log from its beginning is everything.
	HasSnapshot bool `json:"has_snapshot"`
	// LogBase is the zxid after which the log is complete.
	LogBase proto.Zxid `json:"log_base"`
	// Last is the last zxid that was committed, and on stable storage, when the copy was complete. Nothing later
	// is in the copy.
	Last proto.Zxid `json:"last"`
}

// Status describes a running server.
type Status struct {
	Version    string     `json:"version"`
	PID        int        `json:"pid"`
	Started    time.Time  `json:"started"`
	DataDir    string     `json:"data_dir"`     // absolute
	DataLogDir string     `json:"data_log_dir"` // absolute
	LastZxid   proto.Zxid `json:"last_zxid"`    // applied
	LogBase    proto.Zxid `json:"log_base"`
	// Options of the tree, which a replay of the log needs.
	ExtendedTypes bool `json:"extended_types"`
	Emulate353    bool `json:"emulate_353"`
}

var (
	// ErrNotRunning says that no server listens on the socket.
	ErrNotRunning = errors.New("no server is running")
	// ErrRunning says that another server listens on the socket already.
	ErrRunning = errors.New("another server is running")
)

// SocketName is the name of the socket in the data directory.
const SocketName = "control.sock"

// Path is the socket of the server with this data directory.
func Path(dataDir string) string { return filepath.Join(dataDir, SocketName) }

// The requests.
const (
	opCheckpoint = "checkpoint"
	opRelease    = "release"
	opReadLog    = "read-log"
	opStatus     = "status"
	opHoldLog    = "hold-log"
)

// request is a line from the client.
type request struct {
	Op    string        `json:"op"`
	Dir   string        `json:"dir,omitempty"`
	ID    uint64        `json:"id,omitempty"`
	Name  string        `json:"name,omitempty"`
	After proto.Zxid    `json:"after,omitempty"`
	Until proto.Zxid    `json:"until,omitempty"`
	For   time.Duration `json:"for,omitempty"`
}

// reply is a line from the server.
type reply struct {
	Error      string      `json:"error,omitempty"`
	Checkpoint *Checkpoint `json:"checkpoint,omitempty"`
	Status     *Status     `json:"status,omitempty"`
}

const (
	requestBytesMax = 64 << 10
	replyBytesMax   = 1 << 20
	// blockBytes is how much of the log goes into a block, unless a single record is larger.
	blockBytes = 256 << 10
	// blockBytesMax is what a client takes: the largest record, and then some.
	blockBytesMax     = 1 << 30
	recordHeaderBytes = 12
)
