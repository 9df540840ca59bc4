package ordering

import (
	"bytes"
	"slices"

	"gamekeeper/proto"
)

// closeSession lists what ends with the session: its ephemerals in the tree and in flight, less those whose
// delete is in flight. The owner refuses further writes of the session from here on, so that no ephemeral can
// appear behind the list.
func (o *Orderer) closeSession(dst []byte, r *Request) []byte {
	paths := o.closing[:0]
	for id := range o.tree.Ephemerals(r.Session) {
		start := len(o.paths)
		o.paths = o.tree.AppendPath(o.paths, id)
		paths = append(paths, o.paths[start:])
	}
	paths = o.inFlight.appendOwned(paths, r.Session)
	slices.SortFunc(paths, bytes.Compare)
	paths = slices.CompactFunc(paths, bytes.Equal)

	live := paths[:0]
	for _, p := range paths {
		n, ok := o.look(p)
		if !ok || n.meta.Owner != int64(r.Session) {
			continue // gone, or another's by now
		}
		parentPath, _ := proto.SplitPath(p)
		parent, ok := o.look(parentPath)
		if !ok {
			continue
		}
		o.putDeleted(&n, &parent)
		live = append(live, p)
	}
	if !o.NoClosePaths {
		dst = proto.AppendStrings(dst, live)
	}
	clear(paths)
	o.closing = paths[:0]
	return dst
}
