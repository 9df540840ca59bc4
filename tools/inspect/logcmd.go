package inspect

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"gamekeeper/proto"
	"gamekeeper/wal"
)

// LogCommand returns the command "log" with its subcommands.
func LogCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Look into a transaction log",
		Long: `Look into the transaction log of a server that runs or not, or into a copy of it. DIR is the data
directory (dataLogDir, where one is set), or the directory of the log itself. Nothing is locked, changed
or repaired. At the end of the log of a running server, a transaction that is just being written is
reported as a torn tail: that is no damage.

Exit codes: 0 well, 1 damage found or failed, 2 arguments that make no sense.`,
	}
	cmd.AddCommand(dumpCommand(), verifyCommand(), logStatCommand())
	return cmd
}

// logScan goes through a log: decoded transactions, and damage, in the order in which they are found.
type logScan struct {
	in    *wal.Inspection
	out   *output
	after proto.Zxid
	to    proto.Zxid // the scan ends after it
	total int64      // bytes to read, about
	read  int64
	last  string // file in which the scan ended

	txn func(t *proto.Txn, r *wal.InspectedRecord) error
	// undecodable is told of records that are good and hold no transaction.
	undecodable func(r *wal.InspectedRecord, err error) error
	segment     func(s *wal.InspectedSegment) error // may be nil
}

// errScanned ends a scan.
var errScanned = errors.New("scanned")

func (s *logScan) run() error {
	for _, seg := range s.in.Segments() {
		s.total += seg.FileBytes
	}
	err := s.in.Scan(s.after, s.record, s.segment1)
	if errors.Is(err, errScanned) {
		return s.rest()
	}
	return err
}

// rest shows the segment in which the scan ended, as far as it was read.
func (s *logScan) rest() error {
	for _, seg := range s.in.Segments() {
		if seg.Name == s.last {
			return s.segment1(seg)
		}
	}
	return nil
}

func (s *logScan) segment1(seg wal.InspectedSegment) error {
	s.read += seg.FileBytes
	if s.segment == nil {
		return nil
	}
	return s.segment(&seg)
}

func (s *logScan) record(r wal.InspectedRecord) error {
	s.out.meter.at(s.read+r.Offset, s.total, "bytes")
	if r.Zxid <= s.after {
		return nil
	}
	if r.Zxid > s.to {
		s.last = r.File
		return errScanned
	}
	t, err := proto.DecodeTxn(r.Payload)
	if err == nil && t.Zxid != r.Zxid {
		err = fmt.Errorf("record %v holds transaction %v", r.Zxid, t.Zxid)
	}
	if err != nil {
		return s.undecodable(&r, err)
	}
	return s.txn(&t, &r)
}

// damageText is one line about a damage.
func damageText(d *wal.Damage) string {
	behind := "nothing behind it in this file can be read"
	if d.Until != 0 {
		behind = fmt.Sprintf("reading went on at offset %d", d.Until)
	}
	if d.Offset == 0 {
		return fmt.Sprintf("%s: %s", d.File, d.Reason)
	}
	return fmt.Sprintf("%s: offset %d: %s; %s", d.File, d.Offset, d.Reason, behind)
}

// recordDamage is a record that does not hold what it should.
func recordDamage(r *wal.InspectedRecord, err error) wal.Damage {
	return wal.Damage{
		CorruptError: wal.CorruptError{File: r.File, Offset: r.Offset, Reason: err.Error()},
		Until:        r.Offset + r.Bytes,
	}
}

// damagedError is the end of a command that found damage.
func damagedError(places int) error {
	if places == 0 {
		return nil
	}
	return fmt.Errorf("the log is damaged at %d %s; restore this server's data from a backup or, in an ensemble, "+
		"remove its data and log directories so that the other servers seed it again", places, plural(places, "place"))
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
