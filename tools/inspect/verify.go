package inspect

import (
	"fmt"
	"math"
	"path/filepath"

	"github.com/spf13/cobra"

	"gamekeeper/proto"
	"gamekeeper/tools/progress"
	"gamekeeper/wal"
)

func verifyCommand() *cobra.Command {
	var deep bool
	var store string
	cmd := command(&cobra.Command{
		Use:   "verify DIR",
		Short: "Check a log for damage",
		Long: `Check a log: every checksum, that each segment goes on where the one before it ended, that zxids rise, and
that each record holds a transaction. A torn tail, as a crash leaves it, is no damage.

With --deep the transactions are applied to a tree, in memory, and the digests that they carry are
compared. If the log does not begin with the first transaction, that needs the snapshot beside it, so the
server must be stopped, or another copy of the snapshot given.`,
		Example: `  gamekeeper log verify /var/lib/zookeeper
  gamekeeper log verify --deep --json /var/lib/zookeeper`,
		ValidArgsFunction: completeLog,
	}, 1, 1, func(cmd *cobra.Command, out *output, args []string) error {
		if store != "" && !deep {
			return usageError("--snapshot is of use with --deep alone")
		}
		return verify(out, args[0], deep, store)
	})
	cmd.Flags().BoolVar(&deep, "deep", false, "replay the log and compare digests; takes the memory that the tree takes")
	cmd.Flags().StringVar(&store, "snapshot", "", "`directory` of the snapshot that --deep begins with; by default the one beside the log")
	jsonFlag(cmd)
	return cmd
}

// jsonSegment is what verify and stat say of a segment.
type jsonSegment struct {
	Kind      string       `json:"kind"` // segment
	File      string       `json:"file"`
	State     string       `json:"state"` // ok, torn, damaged, missing or prepared
	First     string       `json:"first_zxid,omitempty"`
	Last      string       `json:"last_zxid,omitempty"`
	Records   int64        `json:"records"`
	Bytes     int64        `json:"bytes"` // up to the end of the last record
	FileBytes int64        `json:"file_bytes"`
	TornBytes int64        `json:"torn_bytes,omitempty"`
	Damage    []jsonDamage `json:"damage,omitempty"`
}

type jsonDamage struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Until  int64  `json:"until,omitempty"` // where reading went on
	Reason string `json:"reason"`
}

// jsonVerified is the last object of verify.
type jsonVerified struct {
	Kind    string `json:"kind"` // result
	OK      bool   `json:"ok"`
	First   string `json:"first_zxid,omitempty"`
	Last    string `json:"last_zxid,omitempty"`
	Records int64  `json:"records"`
	Bytes   int64  `json:"bytes"`
	Damages int    `json:"damages"`
	// Of a deep check that came to its end.
	Replayed  *int64 `json:"replayed,omitempty"`
	Digests   *int64 `json:"digests_compared,omitempty"`
	Znodes    *int   `json:"znodes,omitempty"`
	NotDeeper string `json:"not_replayed,omitempty"` // why
}

func newJSONSegment(s *wal.InspectedSegment) jsonSegment {
	j := jsonSegment{
		Kind: "segment", File: s.Name, State: segmentState(s), Records: s.Records, Bytes: s.Bytes,
		FileBytes: s.FileBytes, TornBytes: s.TornBytes,
	}
	if s.Records > 0 {
		j.First, j.Last = s.First.String(), s.Last.String()
	}
	for _, d := range s.Damage {
		j.Damage = append(j.Damage, jsonDamage{d.File, d.Offset, d.Until, d.Reason})
	}
	return j
}

func segmentState(s *wal.InspectedSegment) string {
	switch {
	case s.Missing:
		return "missing"
	case len(s.Damage) > 0:
		return "damaged"
	case s.Prepared:
		return "prepared"
	case s.TornBytes > 0:
		return "torn"
	}
	return "ok"
}

// segmentRow is the line of a segment in a table.
func segmentRow(s *wal.InspectedSegment) []string {
	first, last := "-", "-"
	if s.Records > 0 {
		first, last = s.First.String(), s.Last.String()
	}
	return []string{
		filepath.Base(s.Name), first, last, decimal(s.Records), progress.Size(s.Bytes), segmentState(s),
	}
}

var segmentHead = []string{"SEGMENT", "FIRST", "LAST", "RECORDS", "BYTES", "STATE"}

func verify(out *output, dir string, deep bool, store string) error {
	in, err := openLog(dir)
	if err != nil {
		return err
	}
	v := verifier{out: out, base: in.Base()}
	if deep {
		if store == "" {
			store = dir
		}
		if v.replay, err = newReplay(out, in.Base(), store); err != nil {
			return err
		}
	}
	scan := logScan{in: in, out: out, to: math.MaxInt64, txn: v.txn, undecodable: v.undecodable, segment: v.segment}
	if err := scan.run(); err != nil {
		return err
	}
	return v.finish()
}

// verifier gathers what is found.
type verifier struct {
	out         *output
	replay      *replay // nil if the check is not deep
	result      jsonVerified
	base        proto.Zxid // after which the log begins
	first, last proto.Zxid
	here        []wal.Damage // in the segment that is being read, found in what its records hold
	damages     []wal.Damage
	rows        [][]string
	torn        []string
}

func (v *verifier) txn(t *proto.Txn, r *wal.InspectedRecord) error {
	if v.first == 0 {
		v.first = t.Zxid
	}
	v.last = t.Zxid
	if v.replay != nil && len(v.damages)+len(v.here) == 0 {
		if err := v.replay.apply(t); err != nil {
			v.here = append(v.here, recordDamage(r, err))
		}
	}
	return nil
}

func (v *verifier) undecodable(r *wal.InspectedRecord, err error) error {
	v.here = append(v.here, recordDamage(r, err))
	return nil
}

func (v *verifier) segment(s *wal.InspectedSegment) error {
	s.Damage = append(s.Damage[:len(s.Damage):len(s.Damage)], v.here...)
	v.here = nil
	v.damages = append(v.damages, s.Damage...)
	v.result.Records += s.Records
	v.result.Bytes += s.Bytes
	if v.out.json {
		return v.out.object(newJSONSegment(s))
	}
	if s.TornBytes > 0 {
		v.torn = append(v.torn, fmt.Sprintf("%s: offset %d: torn tail of %d bytes, as a write leaves it that was not completed: no damage",
			s.Name, s.Bytes, s.TornBytes))
	}
	v.rows = append(v.rows, segmentRow(s))
	return nil
}

func (v *verifier) finish() error {
	r := &v.result
	if v.replay != nil && len(v.damages) == 0 {
		if err := v.replay.finish(max(v.last, v.base)); err != nil {
			v.damages = append(v.damages, wal.Damage{CorruptError: wal.CorruptError{File: v.replay.where, Reason: err.Error()}})
		}
	}
	r.Kind, r.Damages, r.OK = "result", len(v.damages), len(v.damages) == 0
	if v.first != 0 {
		r.First, r.Last = v.first.String(), v.last.String()
	}
	if p := v.replay; p != nil && r.OK {
		znodes := p.tree.Count()
		r.Replayed, r.Digests, r.Znodes = &p.applied, &p.compared, &znodes
	} else if p != nil {
		r.NotDeeper = "the log is damaged"
	}
	err := v.print()
	if err != nil {
		return err
	}
	return damagedError(len(v.damages))
}

func (v *verifier) print() error {
	if v.out.json {
		return v.out.object(&v.result)
	}
	if err := v.out.table(append([][]string{segmentHead}, v.rows...)); err != nil {
		return err
	}
	for _, line := range v.torn {
		fmt.Fprintln(v.out, line)
	}
	for i := range v.damages {
		fmt.Fprintln(v.out, "damaged:", damageText(&v.damages[i]))
	}
	r := &v.result
	if !r.OK {
		return nil
	}
	fmt.Fprintf(v.out, "ok: %d %s", r.Records, plural(int(r.Records), "record"))
	if r.First != "" {
		fmt.Fprintf(v.out, " from %s to %s", r.First, r.Last)
	}
	if r.Replayed != nil {
		fmt.Fprintf(v.out, "; %d replayed, %d digests compared, %d znodes", *r.Replayed, *r.Digests, *r.Znodes)
	}
	_, err := fmt.Fprintln(v.out)
	return err
}
