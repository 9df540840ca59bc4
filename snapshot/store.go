package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options of a Store.
type Options struct {
	FS  vfs.FS // nil is the machine's
	Dir string // made if it is missing
	// Logger gets what an operator should know; nil discards it.
	Logger *slog.Logger
	// CacheBytes is the size of the block cache; 0 is 8 MiB.
	CacheBytes int64
	// ReadOnly opens a store that must exist, and changes nothing in it but Pebble's lock file.
	ReadOnly bool
	// CompactRatio is how large the runs of rounds may grow, as a part of what is below them, before all is
	// merged; 0 is 1. More writes less to disk, takes more space and makes loading slower.
	CompactRatio float64
	// Cancel, if not nil, ends a Load with context.Canceled when it is closed.
	Cancel <-chan struct{}
	// WriteRate is how many bytes of tables rounds and merges write per second; 0 is as many as they can.
	WriteRate int64

	// Tests make these small.
	memTableBytes, tableBytes, batchBytes int
}

// Store is a snapshot of a tree on disk. Round and Load are for one goroutine at a time; the other methods
// may be called by any.
type Store struct {
	opt    Options
	log    *slog.Logger
	db     *pebble.DB
	damage damage
	pace   *pacer // nil: there is no hurry that could hurt

	mu    sync.Mutex
	mark  Mark  // zero Round: there is none
	fatal error // first background error of Pebble, after which nothing is written
	used  bool  // there may be znodes, with or without a mark

	failed     chan struct{} // closed when fatal is set
	compaction sync.WaitGroup
	compacting bool

	// Of Round.
	batch *pebble.Batch
	buf   []byte
}

// Open opens the store in a directory, and makes it if there is none. Damage that shows without reading
// everything is reported as an error of class ErrCorrupt; the rest is found by Load.
func Open(opt Options) (*Store, error) {
	opt = opt.withDefaults()
	s := &Store{opt: opt, log: opt.Logger, failed: make(chan struct{})}
	if opt.WriteRate > 0 {
		s.pace = newPacer(opt.WriteRate)
	}
	if err := s.open(); err != nil {
		return nil, err
	}
	return s, nil
}

func (opt Options) withDefaults() Options {
	if opt.FS == nil {
		opt.FS = vfs.Default
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.CacheBytes == 0 {
		opt.CacheBytes = 8 << 20
	}
	if opt.CompactRatio == 0 {
		opt.CompactRatio = 1
	}
	if opt.memTableBytes == 0 {
		opt.memTableBytes, opt.tableBytes, opt.batchBytes = memTableBytes, tableBytes, batchBytes
	}
	return opt
}

func (s *Store) open() error {
	sealed, err := readSeal(s.opt.FS, s.opt.Dir)
	if err != nil {
		return err
	}
	o := s.pebbleOptions()
	// Where there is a seal there was a store, and a new one would hide that it is gone.
	o.ErrorIfNotExists = sealed > 0 || s.opt.ReadOnly
	db, err := pebble.Open(s.opt.Dir, o)
	if errors.Is(err, pebble.ErrDBDoesNotExist) && sealed > 0 {
		return fmt.Errorf("%w: %s holds a %s and nothing else", ErrCorrupt, s.opt.Dir, sealName)
	}
	if err != nil && sealed > 0 {
		return s.classifyOpen(err)
	}
	if err != nil {
		return s.classify("open", err)
	}
	s.db = db
	s.mark, s.used, err = s.readMark(db)
	if err == nil && s.mark.Round < sealed {
		err = fmt.Errorf("%w: in %s, the manifest has lost its end: it leads to round %d, and round %d was complete",
			ErrCorrupt, s.opt.Dir, s.mark.Round, sealed)
	}
	if err != nil {
		return errors.Join(err, db.Close())
	}
	return nil
}

// readMark reads the format version and the mark, whose Round is 0 if there is none. Used says that there may
// be znodes.
func (s *Store) readMark(from pebble.Reader) (mark Mark, used bool, err error) {
	v, err := s.get(from, versionKey)
	if err != nil || v == nil {
		return mark, false, err
	}
	if len(v) != 4 {
		return mark, true, fmt.Errorf("%w: in %s, the format version is malformed", ErrCorrupt, s.opt.Dir)
	}
	if n := binary.BigEndian.Uint32(v); n != formatVersion {
		return mark, true, fmt.Errorf("%w: %d in %s, this program reads %d", ErrVersion, n, s.opt.Dir, formatVersion)
	}
	m, err := s.get(from, markKey)
	if err != nil || m == nil {
		return mark, true, err // a first round that never ended
	}
	r, err := s.get(from, fuzzyKey)
	if err != nil {
		return mark, true, err
	}
	mark, ok := decodeMark(m)
	reach, ok2 := decodeReach(r)
	if !ok || !ok2 {
		return Mark{}, true, fmt.Errorf("%w: in %s, the mark is malformed", ErrCorrupt, s.opt.Dir)
	}
	return join(mark, reach), true, nil
}

// get returns the value of a key, nil if there is none.
func (s *Store) get(from pebble.Reader, key []byte) ([]byte, error) {
	v, closer, err := from.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, s.classify("read", err)
	}
	v = append([]byte{}, v...)
	return v, closer.Close()
}

// backgroundError notes an error of a flush or compaction. Pebble would try again and again; the store
// takes no more rounds.
func (s *Store) backgroundError(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fatal == nil {
		s.fatal = fmt.Errorf("%w; no round can be written until the server is started again: see to the disk of %s first",
			err, s.opt.Dir)
		close(s.failed)
	}
}

// Mark returns the mark of the last complete round, fuzzy as far as what a later one has written makes it; false if
// there is none.
func (s *Store) Mark() (Mark, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mark, s.mark.Round > 0
}

// Dir is the directory of the store.
func (s *Store) Dir() string { return s.opt.Dir }

// Close ends the store. It waits for a compaction that runs. What a round that failed has written may be
// lost, which does no harm.
func (s *Store) Close() error {
	if s.pace != nil {
		s.pace.end()
	}
	s.compaction.Wait()
	var err error
	if s.batch != nil {
		err = s.batch.Close()
	}
	if err = errors.Join(err, s.db.Close()); err != nil {
		return fmt.Errorf("snapshot: close: %w", err)
	}
	return nil
}

// Checkpoint makes a copy of the store in dir, which must not exist, by hard links. It may be called while a
// round runs; the copy is then of the round before, or more fuzzy than that.
func (s *Store) Checkpoint(dir string) error {
	mark, _ := s.Mark()
	if err := s.db.Checkpoint(dir); err != nil {
		return s.classify("checkpoint", err)
	}
	if mark.Round == 0 {
		return nil
	}
	return writeSeal(s.opt.FS, dir, mark.Round)
}
