package snapshot

import (
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
)

const (
	memTableBytes = 32 << 20
	tableBytes    = 32 << 20
	// never is a threshold that is not reached.
	never = 1 << 30
)

// pebbleOptions says how the store uses Pebble. What is special here: keys are written blindly, in rounds,
// each of which ends with a flush; they are read all together and in order, by a restart, and otherwise by
// tools alone.
func (s *Store) pebbleOptions() *pebble.Options {
	o := &pebble.Options{
		FS:       s.opt.FS,
		Logger:   pebbleLogger{s.log},
		ReadOnly: s.opt.ReadOnly,

		// The transaction log is what brings back what a round that a crash cut short has written. A log of
		// Pebble's own would only double its bytes.
		DisableWAL: true,

		// A round of 1 % of ten million znodes fits in one memtable, which becomes one run of tables. Larger
		// memtables would cost memory all the time for the sake of first rounds alone. One is filled while
		// another one is flushed; the round is the only writer, and may wait for that.
		MemTableSize:                uint64(s.opt.memTableBytes),
		MemTableStopWritesThreshold: 2,

		// Compactions are ours to start, see round.go: random changes of single znodes are spread over the
		// whole key space, so that any leveled compaction of a round's 1 % rewrites much of the rest.
		DisableAutomaticCompactions: true,
		L0CompactionThreshold:       never,
		L0CompactionFileThreshold:   never,
		L0StopWritesThreshold:       never,
		// There are two levels: runs of rounds in L0, all the rest in L6.
		LBaseMaxBytes:              1 << 50,
		CompactionConcurrencyRange: func() (int, int) { return 1, 1 },

		// Loading reads ranges between the borders of tables in parallel. Tables of this size give some dozens
		// of ranges when it matters. A run of L0 is not split by what is below it, as nothing is compacted by
		// parts.
		FlushSplitBytes: int64(s.opt.tableBytes),

		// Nothing is read twice: loading reads each block once, a flush reads none. The cache is for the tools
		// and for what iterators hold.
		CacheSize: s.opt.CacheBytes,

		// There are few tables, and each is opened once.
		MaxOpenFiles: 1000,

		// Table statistics are for choosing compactions.
		DisableTableStats: true,

		// A sync by this many bytes spreads the writing of a table over its making, so that the sync at its end,
		// which the log's own syncs wait behind, is short.
		BytesPerSync: 512 << 10,

		FormatMajorVersion: pebble.FormatNewest,
		EventListener: &pebble.EventListener{
			DataCorruption:  s.damage.note,
			BackgroundError: s.backgroundError,
		},
	}
	if s.pace != nil {
		o.FS = s.pace.fs(s.opt.FS)
	}
	for i := range o.TargetFileSizes {
		o.TargetFileSizes[i] = int64(s.opt.tableBytes)
	}
	for i := range o.Levels {
		l := &o.Levels[i]
		// Blocks are read in order, so large ones save index and time; they compress better, too. No bloom
		// filters: no key is looked for that may not be there, but by tools.
		l.BlockSize = 32 << 10
		l.IndexBlockSize = 128 << 10
	}
	// Names and stats compress well, and the time that takes is that of the background; unpacking is faster
	// than reading what it saves from most disks.
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionFastest })
	return o
}

// pebbleLogger hands Pebble's messages on.
type pebbleLogger struct{ log *slog.Logger }

func (l pebbleLogger) Infof(format string, args ...any) {
	l.log.Debug("pebble: " + fmt.Sprintf(format, args...))
}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.log.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf must not return: Pebble calls it when its manifest could not be written.
func (l pebbleLogger) Fatalf(format string, args ...any) {
	text := "pebble: " + fmt.Sprintf(format, args...)
	l.log.Error(text)
	panic(text)
}
