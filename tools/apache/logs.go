package apache

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"gamekeeper/proto"
)

// LogsReader reads the transactions behind a zxid, across the log files of a directory.
type LogsReader struct {
	after proto.Zxid // what was asked for
	last  LogRecord  // the one before; its slices are gone
	seen  recent
	files []numbered // not opened yet
	watch *watch     // may be nil
	r     *LogReader
	torn  *Torn // at the end of the file before
	all   []*Torn
	err   error
}

// OpenLogs opens the log files in dir that can hold transactions behind a zxid; -1 is before all. Each has
// to follow the one before without a gap.
func OpenLogs(dir string, after proto.Zxid) (*LogsReader, error) {
	files, err := list(dir, logPrefix)
	if err != nil {
		return nil, err
	}
	// The last file that begins at or before what was asked for, and all later ones.
	first, found := slices.BinarySearchFunc(files, after+1, func(f numbered, z proto.Zxid) int { return cmp.Compare(f.zxid, z) })
	if !found && first > 0 {
		first--
	}
	files = files[first:]
	for i := 1; i < len(files); i++ {
		if files[i].zxid == files[i-1].zxid {
			return nil, fmt.Errorf("%s and %s begin with the same zxid: move the one away that is a copy", files[i-1].path, files[i].path)
		}
	}
	return &LogsReader{after: after, seen: recent{}, last: LogRecord{Txn: proto.Txn{TxnHeader: proto.TxnHeader{Zxid: after}}}, files: files}, nil
}

// size is how long the files are that were not opened yet.
func (r *LogsReader) size() (n int64) {
	for _, f := range r.files {
		n += f.size()
	}
	return n
}

// Close closes the file that is open.
func (r *LogsReader) Close() error {
	if r.r == nil {
		return nil
	}
	err := r.r.Close()
	r.r = nil
	return err
}

// Torn returns where files ended in a record that was cut short.
func (r *LogsReader) Torn() []*Torn { return r.all }

// Next reads the next transaction. After the last one the error is io.EOF. A gap is an error of class
// ErrDamaged.
func (r *LogsReader) Next() (LogRecord, error) {
	if r.err != nil {
		return LogRecord{}, r.err
	}
	rec, err := r.next()
	r.err = err
	return rec, err
}

func (r *LogsReader) next() (LogRecord, error) {
	for {
		if r.r == nil {
			if len(r.files) == 0 {
				return LogRecord{}, io.EOF
			}
			var err error
			if r.r, err = openLog(r.files[0].path, r.watch); err != nil {
				return LogRecord{}, err
			}
			r.files = r.files[1:]
		}
		rec, err := r.r.Next()
		switch {
		case errors.Is(err, io.EOF):
			if err := r.endFile(); err != nil {
				return LogRecord{}, err
			}
			continue
		case err != nil:
			return LogRecord{}, err
		case rec.Txn.Zxid <= r.after:
			continue
		}
		again, err := r.follows(&rec)
		if err != nil {
			return LogRecord{}, err
		}
		if again {
			continue
		}
		r.torn = nil
		r.seen.add(&rec)
		r.last = rec
		r.last.Txn = proto.Txn{TxnHeader: rec.Txn.TxnHeader}
		return rec, nil
	}
}

func (r *LogsReader) endFile() error {
	if t := r.r.Torn(); t != nil {
		r.torn = t
		r.all = append(r.all, t)
	}
	return r.Close()
}

// follows checks that rec is the transaction that has to come next. It may be one of the last ones again: a server up to
// 3.9.2 that loses its leader takes for its last transaction what it has applied, then still logs what it had been sent,
// and the next leader sends it that once more.
func (r *LogsReader) follows(rec *LogRecord) (again bool, err error) {
	last, zxid := r.last.Txn.Zxid, rec.Txn.Zxid
	what := ""
	switch {
	case zxid <= last && r.seen.has(rec):
		return true, nil
	case zxid <= last:
		what = "comes after transaction %s"
	case zxid == last+1, zxid.Epoch() > last.Epoch() && zxid.Counter() == 1:
		return false, nil
	default:
		what = "comes after %s, and those between are missing"
	}
	err = fmt.Errorf("transaction %s "+what+": restore the missing files of %s from a copy, or take the data of another server of the ensemble",
		zxid, last, logPrefix+".*")
	if r.torn != nil {
		err = fmt.Errorf("%w; before it, %s", err, r.torn)
	}
	return false, &DamageError{File: rec.File, Offset: rec.Offset, Err: err}
}

// recentMax is how many of the last records are remembered: more than a server has under way.
const recentMax = 1 << 16

// recent remembers the last records, by what is left of a zxid in a table of recentMax entries.
type recent map[proto.Zxid]remembered

// remembered is enough of a record to know it again.
type remembered struct {
	zxid   proto.Zxid
	sum    uint32
	length int
}

func rememberedAs(rec *LogRecord) remembered { return remembered{rec.Txn.Zxid, rec.sum, len(rec.Raw)} }

func (r recent) add(rec *LogRecord) { r[rec.Txn.Zxid%recentMax] = rememberedAs(rec) }

// has says whether a record was among the last ones.
func (r recent) has(rec *LogRecord) bool { return r[rec.Txn.Zxid%recentMax] == rememberedAs(rec) }
