package apache

import (
	"fmt"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

// TTLNote says how an Apache server has to be started on a state in which znodes have a time to live; it is empty for any
// other state. The options are those of the tree.
func (s *State) TTLNote(opt tree.Options) string {
	n := s.Tree.TTLCount()
	for session, owned := range s.Tree.EphemeralSessions() { // a tree that does not recognise them has them there
		if _, known := s.Sessions[session]; !known && isTTL(session) {
			n += owned
		}
	}
	if n == 0 {
		return ""
	}
	keys := "zookeeper.extendedTypesEnabled=true"
	if opt.ExtendedTypes && opt.Emulate353 {
		keys += " and zookeeper.emulate353TTLNodes=true"
	}
	return fmt.Sprintf("znodes with a time to live: %d: start the Apache server with %s, or it takes them for ephemerals of sessions "+
		"that have ended, and deletes them", n, keys)
}

// isTTL says whether an owner has the mark of a time to live of ZooKeeper 3.5.4 and later.
func isTTL(owner proto.SessionID) bool { return int64(owner)&ttlMask == ttlMark }
