package inspect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"gamekeeper/tools/progress"
	"gamekeeper/tree"
)

func snapshotStatCommand() *cobra.Command {
	var f sourceFlags
	var top, depth int
	cmd := command(&cobra.Command{
		Use:   "stat DIR",
		Short: "Count what is in a snapshot",
		Long: `Count what is in a snapshot: its mark, znodes of each kind, sizes, depths, the largest subtrees and znodes,
ACL lists, and the sessions with the most ephemerals.`,
		Example: `  gamekeeper snapshot stat /var/lib/zookeeper
  gamekeeper snapshot stat --depth 4 --top 20 /var/lib/zookeeper`,
		ValidArgsFunction: completeSnapshots(1),
	}, 1, 1, func(cmd *cobra.Command, out *output, args []string) error {
		if top < 0 || depth < 0 {
			return usageError("--top and --depth cannot be negative")
		}
		if err := f.check(); err != nil {
			return err
		}
		o, err := f.open(cmd.Context(), out, args[0])
		if err != nil {
			return err
		}
		defer o.close()
		return snapshotStat(out, o, top, depth)
	})
	cmd.Flags().IntVar(&top, "top", 10, "how many of the largest subtrees, znodes and so on to name")
	cmd.Flags().IntVar(&depth, "depth", 3, "depth of the deepest subtrees that are compared")
	f.add(cmd)
	jsonFlag(cmd)
	return cmd
}

// jsonSnapshotStat is what stat says of a snapshot, in one object.
type jsonSnapshotStat struct {
	Dir  string    `json:"dir"`
	Mark *jsonMark `json:"mark,omitempty"` // a backup has none
	// Of a replay, and of a backup: the last zxid, and the digest of the tree.
	Zxid     string `json:"zxid,omitempty"`
	Digest   string `json:"digest,omitempty"`
	Replayed *int64 `json:"replayed,omitempty"` // transactions

	FileBytes  int64           `json:"file_bytes,omitempty"`
	Files      int             `json:"files,omitempty"`
	Znodes     int64           `json:"znodes"`
	DataBytes  int64           `json:"data_bytes"`
	NameBytes  int64           `json:"name_bytes"`
	Ephemerals int64           `json:"ephemerals"`
	Containers int64           `json:"containers"`
	TTLs       int64           `json:"ttls"`
	Sessions   int             `json:"sessions"`
	Depths     []jsonDepth     `json:"depths"`
	ByCount    []jsonSubtree   `json:"subtrees_by_count"`
	ByBytes    []jsonSubtree   `json:"subtrees_by_bytes"`
	Uncertain  int64           `json:"subtrees_may_lack,omitempty"` // znodes, as not all subtrees could be kept
	Largest    []jsonLargeNode `json:"largest"`
	ACLs       []jsonACLCount  `json:"acls"`
	ACLLists   int             `json:"acl_lists"`
	Owners     []jsonOwner     `json:"owners"`
}

type jsonDepth struct {
	Depth  int   `json:"depth"`
	Znodes int64 `json:"znodes"`
	Bytes  int64 `json:"bytes"`
}

type jsonSubtree struct {
	Path   string `json:"path"`
	Znodes int64  `json:"znodes"`
	Bytes  int64  `json:"bytes"`
}

type jsonLargeNode struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

type jsonACLCount struct {
	ACL    string `json:"acl"`
	Znodes int64  `json:"znodes"`
}

type jsonOwner struct {
	Session    string `json:"session"`
	Ephemerals int64  `json:"ephemerals"`
}

// snapshotCount counts znodes.
type snapshotCount struct {
	sum      jsonSnapshotStat
	acls     map[string]int64
	owners   map[int64]int64
	subtrees *subtrees
	largest  *top[jsonLargeNode]
}

func snapshotStat(out *output, o *opened, most, deepest int) error {
	c := snapshotCount{
		acls: map[string]int64{}, owners: map[int64]int64{}, subtrees: newSubtrees(o, deepest),
		largest: newTop(most, func(a, b jsonLargeNode) int { return cmp.Compare(a.Bytes, b.Bytes) }),
	}
	c.sum.Dir, c.sum.Sessions = o.where, o.sessions
	total := int64(o.mark.Nodes)
	if o.store != nil {
		mark := newJSONMark(o.mark)
		c.sum.Mark = &mark
		c.sum.FileBytes, c.sum.Files = diskBytes(o.where)
	}
	if t := o.tree; t != nil {
		total = int64(t.Count())
		c.sum.Zxid, c.sum.Digest = t.LastZxid().String(), "0x"+strconv.FormatUint(t.Digest(), 16)
		if o.store != nil {
			c.sum.Replayed = &o.replayed
		}
	}
	var failed error
	err := o.Nodes([]byte("/"), func(path []byte, n tree.Stored) bool {
		out.meter.at(c.sum.Znodes, total, "znodes")
		failed = c.add(path, &n)
		return failed == nil
	})
	if err = cmp.Or(err, failed); err != nil {
		return err
	}
	c.finish(most)
	if out.json {
		return out.object(&c.sum)
	}
	return c.sum.print(out)
}

func (c *snapshotCount) add(path []byte, n *tree.Stored) error {
	s := &c.sum
	size := nodeBytes(path, n)
	s.Znodes++
	s.DataBytes += int64(len(n.Data))
	s.NameBytes += size - int64(len(n.Data))
	d := depth(path)
	for len(s.Depths) <= d {
		s.Depths = append(s.Depths, jsonDepth{Depth: len(s.Depths)})
	}
	s.Depths[d].Znodes++
	s.Depths[d].Bytes += size
	switch kind, _, _ := kindOf(n.Owner); kind {
	case "ephemeral":
		s.Ephemerals++
		c.owners[n.Owner]++
	case "container":
		s.Containers++
	case "ttl":
		s.TTLs++
	}
	c.acls[string(n.ACLs)]++
	if large := (jsonLargeNode{Bytes: int64(len(n.Data))}); large.Bytes > 0 && c.largest.wants(large) {
		large.Path = string(path)
		c.largest.add(large)
	}
	return c.subtrees.add(path, n)
}

func (c *snapshotCount) finish(most int) {
	s := &c.sum
	convert := func(list []subtree) []jsonSubtree {
		j := []jsonSubtree{}
		for _, t := range list {
			j = append(j, jsonSubtree{t.path, t.nodes, t.bytes})
		}
		return j
	}
	s.ByCount = convert(c.subtrees.largest(most, func(t *subtree) int64 { return t.nodes }))
	s.ByBytes = convert(c.subtrees.largest(most, func(t *subtree) int64 { return t.bytes }))
	s.Uncertain = c.subtrees.missing
	s.Largest = append([]jsonLargeNode{}, c.largest.list()...)
	s.ACLs, s.ACLLists = []jsonACLCount{}, len(c.acls)
	for _, l := range mostFrequent(c.acls, most) {
		s.ACLs = append(s.ACLs, jsonACLCount{aclText(l), c.acls[l]})
	}
	s.Owners = []jsonOwner{}
	for _, id := range mostFrequent(c.owners, most) {
		_, session, _ := kindOf(id)
		s.Owners = append(s.Owners, jsonOwner{session.String(), c.owners[id]})
	}
}

// mostFrequent returns the keys with the greatest numbers, these first.
func mostFrequent[K cmp.Ordered](m map[K]int64, most int) []K {
	keys := slices.SortedFunc(maps.Keys(m), func(a, b K) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
	return keys[:min(len(keys), most)]
}

func (s *jsonSnapshotStat) print(out *output) error {
	rows := [][]string{{"snapshot", s.Dir}}
	if m := s.Mark; m != nil {
		rows = append(rows, [][]string{
			{"round", strconv.FormatUint(m.Round, 10)},
			{"as of", m.Time},
			{"replay after", m.ReplayAfter},
			{"fuzzy until", m.FuzzyUntil},
			{"digest", m.Digest},
			{"on disk", fmt.Sprintf("%s in %d %s", progress.Size(s.FileBytes), s.Files, plural(s.Files, "file"))},
		}...)
	}
	if s.Replayed != nil {
		rows = append(rows, []string{"replayed", decimal(*s.Replayed) + " transactions"})
	}
	if s.Zxid != "" {
		rows = append(rows, []string{"last zxid", s.Zxid}, []string{"its digest", s.Digest})
	}
	rows = append(rows, [][]string{
		{"znodes", decimal(s.Znodes)},
		{"data", progress.Size(s.DataBytes)},
		{"names", progress.Size(s.NameBytes)},
		{"ephemerals", decimal(s.Ephemerals)},
		{"containers", decimal(s.Containers)},
		{"ttl znodes", decimal(s.TTLs)},
		{"sessions", decimal(int64(s.Sessions))},
		{"acl lists", decimal(int64(s.ACLLists))},
	}...)
	if err := out.table(rows); err != nil {
		return err
	}
	section := func(head []string, n int, row func(i int) []string) error {
		if n == 0 {
			return nil
		}
		fmt.Fprintln(out)
		rows := [][]string{head}
		for i := range n {
			rows = append(rows, row(i))
		}
		return out.table(rows)
	}
	subtreeRow := func(list []jsonSubtree) func(i int) []string {
		return func(i int) []string {
			return []string{decimal(list[i].Znodes), progress.Size(list[i].Bytes), quotePath(list[i].Path)}
		}
	}
	return cmp.Or(
		section([]string{"DEPTH", "ZNODES", "BYTES"}, len(s.Depths), func(i int) []string {
			d := s.Depths[i]
			return []string{decimal(int64(d.Depth)), decimal(d.Znodes), progress.Size(d.Bytes)}
		}),
		section([]string{"ZNODES", "BYTES", "SUBTREES WITH THE MOST ZNODES"}, len(s.ByCount), subtreeRow(s.ByCount)),
		section([]string{"ZNODES", "BYTES", "SUBTREES WITH THE MOST BYTES"}, len(s.ByBytes), subtreeRow(s.ByBytes)),
		s.printUncertain(out),
		section([]string{"BYTES", "LARGEST ZNODES"}, len(s.Largest), func(i int) []string {
			return []string{progress.Size(s.Largest[i].Bytes), quotePath(s.Largest[i].Path)}
		}),
		section([]string{"ZNODES", "ACL LIST"}, len(s.ACLs), func(i int) []string {
			return []string{decimal(s.ACLs[i].Znodes), s.ACLs[i].ACL}
		}),
		section([]string{"EPHEMERALS", "SESSION"}, len(s.Owners), func(i int) []string {
			return []string{decimal(s.Owners[i].Ephemerals), s.Owners[i].Session}
		}),
	)
}

func (s *jsonSnapshotStat) printUncertain(out *output) error {
	if s.Uncertain == 0 {
		return nil
	}
	_, err := fmt.Fprintf(out, "there are too many subtrees to keep them all: these may lack %d znodes; use a smaller --depth\n", s.Uncertain)
	return err
}
