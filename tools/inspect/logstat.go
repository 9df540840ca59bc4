package inspect

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"gamekeeper/proto"
	"gamekeeper/tools/progress"
	"gamekeeper/wal"
)

func logStatCommand() *cobra.Command {
	var f filterFlags
	var top int
	cmd := command(&cobra.Command{
		Use:   "stat DIR",
		Short: "Count what is in a log",
		Long: `Count what is in a log: segments, ranges of zxids and times, transactions and bytes by type, the largest
transactions, and how many there are in each hour. What is damaged is named on the error output and passed over.`,
		Example: `  gamekeeper log stat /var/lib/zookeeper
  gamekeeper log stat --path /services --type set_data --top 3 /var/lib/zookeeper`,
		ValidArgsFunction: completeLog,
	}, 1, 1, func(_ *cobra.Command, out *output, args []string) error {
		filter, err := f.parse()
		if err != nil {
			return err
		}
		if top < 0 {
			return usageError("--top %d is negative", top)
		}
		return logStat(out, args[0], filter, top)
	})
	f.add(cmd)
	cmd.Flags().IntVar(&top, "top", 10, "how many of the largest transactions to name")
	jsonFlag(cmd)
	return cmd
}

// jsonLogStat is what stat says of a log, in one object.
type jsonLogStat struct {
	Segments     []jsonSegment `json:"segments"`
	Transactions int64         `json:"transactions"`
	Bytes        int64         `json:"bytes"`
	First        string        `json:"first_zxid,omitempty"`
	Last         string        `json:"last_zxid,omitempty"`
	FirstTime    string        `json:"first_time,omitempty"`
	LastTime     string        `json:"last_time,omitempty"`
	Types        []jsonType    `json:"types"`
	Largest      []jsonLarge   `json:"largest"`
	Hours        []jsonHour    `json:"hours"`
	Damages      int           `json:"damages"`
}

type jsonType struct {
	Type         string `json:"type"`
	Transactions int64  `json:"transactions"`
	InMultis     int64  `json:"in_multis"`
	Bytes        int64  `json:"bytes"` // of transactions of this type, in the log
}

type jsonLarge struct {
	Zxid   string `json:"zxid"`
	Type   string `json:"type"`
	Path   string `json:"path,omitempty"`
	Bytes  int64  `json:"bytes"`
	File   string `json:"file"`
	Offset int64  `json:"offset"`
}

type jsonHour struct {
	Hour         string `json:"hour"` // its beginning
	Transactions int64  `json:"transactions"`
	Bytes        int64  `json:"bytes"`
}

func logStat(out *output, dir string, filter filter, top int) error {
	in, err := openLog(dir)
	if err != nil {
		return err
	}
	c := logCount{
		out: out, filter: filter, types: map[proto.Op]*jsonType{}, hours: map[int64]*jsonHour{},
		largest: newTop(top, func(a, b jsonLarge) int { return cmp.Compare(a.Bytes, b.Bytes) }),
	}
	scan := logScan{in: in, out: out, after: filter.after(), to: filter.to}
	scan.txn, scan.undecodable, scan.segment = c.txn, c.undecodable, c.segment
	if err := scan.run(); err != nil {
		return err
	}
	if err := c.print(); err != nil {
		return err
	}
	return damagedError(c.sum.Damages)
}

// logCount counts transactions.
type logCount struct {
	out       *output
	filter    filter
	sum       jsonLogStat
	first     proto.Zxid
	last      proto.Zxid
	from, to  int64 // time
	types     map[proto.Op]*jsonType
	hours     map[int64]*jsonHour
	largest   *top[jsonLarge]
	tableRows [][]string
}

const hourMillis = 60 * 60 * 1000

func (c *logCount) txn(t *proto.Txn, r *wal.InspectedRecord) error {
	if !c.filter.wants(t) {
		return nil
	}
	if c.sum.Transactions == 0 {
		c.first, c.from, c.to = t.Zxid, t.Time, t.Time
	}
	c.last = t.Zxid
	c.from, c.to = min(c.from, t.Time), max(c.to, t.Time) // clocks of leaders differ
	c.sum.Transactions++
	c.sum.Bytes += r.Bytes
	k := c.kind(t.Type)
	k.Transactions++
	k.Bytes += r.Bytes
	if t.Type == proto.OpMulti {
		for sub, err := range t.Body.Subs() {
			if err == nil {
				c.kind(sub.Type).InMultis++
			}
		}
	}
	hour := t.Time - mod(t.Time, hourMillis)
	h := c.hours[hour]
	if h == nil {
		h = &jsonHour{Hour: timeText(hour)}
		c.hours[hour] = h
	}
	h.Transactions++
	h.Bytes += r.Bytes
	if large := (jsonLarge{Bytes: r.Bytes}); c.largest.wants(large) {
		large.Zxid, large.Type, large.Path = t.Zxid.String(), t.Type.String(), string(t.Body.Path)
		large.File, large.Offset = r.File, r.Offset
		c.largest.add(large)
	}
	return nil
}

// mod is the remainder that is not negative.
func mod(a, b int64) int64 { return ((a % b) + b) % b }

func (c *logCount) kind(op proto.Op) *jsonType {
	k := c.types[op]
	if k == nil {
		k = &jsonType{Type: op.String()}
		c.types[op] = k
	}
	return k
}

func (c *logCount) undecodable(r *wal.InspectedRecord, err error) error {
	c.sum.Damages++
	d := recordDamage(r, err)
	return c.out.complain("damaged: %s", damageText(&d))
}

func (c *logCount) segment(s *wal.InspectedSegment) error {
	for i := range s.Damage {
		c.sum.Damages++
		if err := c.out.complain("damaged: %s", damageText(&s.Damage[i])); err != nil {
			return err
		}
	}
	if s.Scanned || len(s.Damage) > 0 {
		c.sum.Segments = append(c.sum.Segments, newJSONSegment(s))
		c.tableRows = append(c.tableRows, segmentRow(s))
	}
	return nil
}

func (c *logCount) print() error {
	s := &c.sum
	s.Types, s.Hours = []jsonType{}, []jsonHour{}
	s.Largest = append([]jsonLarge{}, c.largest.list()...)
	for _, op := range slices.SortedFunc(maps.Keys(c.types), func(a, b proto.Op) int {
		return cmp.Or(-cmp.Compare(c.types[a].Bytes, c.types[b].Bytes), cmp.Compare(a, b))
	}) {
		s.Types = append(s.Types, *c.types[op])
	}
	for _, h := range slices.Sorted(maps.Keys(c.hours)) {
		s.Hours = append(s.Hours, *c.hours[h])
	}
	if s.Transactions > 0 {
		s.First, s.Last = c.first.String(), c.last.String()
		s.FirstTime, s.LastTime = timeText(c.from), timeText(c.to)
	}
	if c.out.json {
		return c.out.object(s)
	}
	return c.printText()
}

func (c *logCount) printText() error {
	s, out := &c.sum, c.out
	if err := out.table(append([][]string{segmentHead}, c.tableRows...)); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d %s, %s\n", s.Transactions, plural(int(min(s.Transactions, math.MaxInt32)), "transaction"), progress.Size(s.Bytes))
	if s.Transactions == 0 {
		return nil
	}
	fmt.Fprintf(out, "zxid  %s to %s\ntime  %s to %s\n\n", s.First, s.Last, s.FirstTime, s.LastTime)
	rows := [][]string{{"TYPE", "TRANSACTIONS", "IN MULTIS", "BYTES"}}
	for _, t := range s.Types {
		rows = append(rows, []string{t.Type, decimal(t.Transactions), decimal(t.InMultis), progress.Size(t.Bytes)})
	}
	if err := out.table(rows); err != nil {
		return err
	}
	fmt.Fprintln(out)
	rows = [][]string{{"HOUR", "TRANSACTIONS", "A SECOND", "BYTES"}}
	for _, h := range s.Hours {
		rate := strconv.FormatFloat(float64(h.Transactions)/3600, 'f', 1, 64)
		rows = append(rows, []string{h.Hour, decimal(h.Transactions), rate, progress.Size(h.Bytes)})
	}
	if err := out.table(rows); err != nil {
		return err
	}
	if len(s.Largest) == 0 {
		return nil
	}
	fmt.Fprintln(out)
	rows = [][]string{{"LARGEST", "TYPE", "BYTES", "PATH"}}
	for _, l := range s.Largest {
		rows = append(rows, []string{l.Zxid, l.Type, progress.Size(l.Bytes), quotePath(l.Path)})
	}
	return out.table(rows)
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
