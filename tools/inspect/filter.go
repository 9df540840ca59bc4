package inspect

import (
	"math"

	"github.com/spf13/cobra"

	"gamekeeper/proto"
)

// filterFlags are what the user wants to see of a log.
type filterFlags struct {
	from, to, path, session string
	types                   []string
}

func (f *filterFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.from, "from", "", "first `zxid` wanted, like 0x100000003 or in decimal")
	cmd.Flags().StringVar(&f.to, "to", "", "last `zxid` wanted")
	cmd.Flags().StringSliceVar(&f.types, "type", nil,
		"`types` wanted, like create,setData; create and delete mean all their kinds, and a multi counts by what is in it")
	cmd.Flags().StringVar(&f.path, "path", "", "only what is about the znode at this `path` or one below it")
	cmd.Flags().StringVar(&f.session, "session", "", "only transactions of this session `id`")
}

// filter selects transactions.
type filter struct {
	from, to proto.Zxid
	types    map[proto.Op]bool // nil is all
	path     []byte            // nil is all
	session  *proto.SessionID  // nil is all
}

func (f *filterFlags) parse() (x filter, err error) {
	x.to = math.MaxInt64
	if f.from != "" {
		if x.from, err = proto.ParseZxid(f.from); err != nil {
			return x, usageError("--from: %w", err)
		}
	}
	if f.to != "" {
		if x.to, err = proto.ParseZxid(f.to); err != nil {
			return x, usageError("--to: %w", err)
		}
	}
	if x.from > x.to {
		return x, usageError("--from %s is after --to %s", f.from, f.to)
	}
	if len(f.types) > 0 {
		if x.types, err = parseTypes(f.types); err != nil {
			return x, usageError("--type: %w", err)
		}
	}
	if f.path != "" {
		if x.path, err = parsePath(f.path); err != nil {
			return x, usageError("--path: %w", err)
		}
	}
	if f.session != "" {
		id, err := parseSession(f.session)
		if err != nil {
			return x, usageError("--session: %w", err)
		}
		x.session = &id
	}
	return x, nil
}

// after is the zxid after which records matter.
func (x *filter) after() proto.Zxid { return max(0, x.from-1) }

// wants says whether t is to be shown. Its zxid is looked at by the caller.
func (x *filter) wants(t *proto.Txn) bool {
	return (x.session == nil || *x.session == t.Session) && x.wantsOp(&t.Body)
}

// wantsOp wants type and path of the same operation to fit.
func (x *filter) wantsOp(t *proto.TxnBody) bool {
	typed := x.types == nil || x.types[t.Type]
	switch {
	case typed && x.path == nil:
		return true
	case t.Type == proto.OpMulti:
		for sub, err := range t.Subs() {
			if err != nil {
				return false
			}
			if (typed || x.types[sub.Type]) && (x.path == nil || below(sub.Path, x.path)) {
				return true
			}
		}
	case !typed:
	case t.Type == proto.OpCloseSession:
		for p := range t.ClosePaths() {
			if below(p, x.path) {
				return true
			}
		}
	case t.Path != nil:
		return below(t.Path, x.path)
	}
	return false
}
