package zab

import "gamekeeper/proto"

// Member is a server of the ensemble.
type Member struct {
	ID    proto.ServerID
	Voter bool // false: an observer
	// Weight and Group count in a hierarchical ensemble alone.
	Weight, Group int64
}

// Membership is the servers of an ensemble, and what a quorum of them is: more than half of the voters, or, if
// the ensemble is hierarchical, more than half of the weight in more than half of the groups that have any
// weight.
type Membership struct {
	Members      []Member // by rising ID
	Hierarchical bool
	// Version is that of the dynamic configuration, 0 for a list written by hand.
	Version int64
}

// Member returns the server id.
func (m *Membership) Member(id proto.ServerID) (Member, bool) {
	for _, x := range m.Members {
		if x.ID == id {
			return x, true
		}
	}
	return Member{}, false
}

// Voter says whether id votes.
func (m *Membership) Voter(id proto.ServerID) bool {
	x, ok := m.Member(id)
	return ok && x.Voter
}

// Quorum says whether the voters for which has is true are a quorum.
func (m *Membership) Quorum(has func(proto.ServerID) bool) bool {
	if m.Hierarchical {
		return m.groupQuorum(has)
	}
	voters, n := 0, 0
	for _, x := range m.Members {
		if x.Voter {
			voters++
			if has(x.ID) {
				n++
			}
		}
	}
	return n > voters/2
}

func (m *Membership) groupQuorum(has func(proto.ServerID) bool) bool {
	weighty, counted := 0, 0
	for i, x := range m.Members {
		if !x.Voter || !m.firstOfGroup(i) {
			continue
		}
		var all, have int64
		for _, y := range m.Members {
			if y.Voter && y.Group == x.Group {
				all += y.Weight
				if has(y.ID) {
					have += y.Weight
				}
			}
		}
		if all == 0 {
			continue
		}
		weighty++
		if have > all/2 {
			counted++
		}
	}
	return counted > weighty/2
}

func (m *Membership) firstOfGroup(i int) bool {
	for _, x := range m.Members[:i] {
		if x.Voter && x.Group == m.Members[i].Group {
			return false
		}
	}
	return true
}

// Agreed returns the highest zxid that a quorum has reached, given how far each voter is.
func (m *Membership) Agreed(reached func(proto.ServerID) proto.Zxid) proto.Zxid {
	var best proto.Zxid
	for _, x := range m.Members {
		if z := reached(x.ID); x.Voter && z > best &&
			m.Quorum(func(id proto.ServerID) bool { return reached(id) >= z }) {
			best = z
		}
	}
	return best
}
