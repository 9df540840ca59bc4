package zab

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"gamekeeper/proto"
)

// flat returns an ensemble of voters 1, 2, ... and of observers after them.
func flat(voters, observers int) Membership {
	var m Membership
	for i := range voters + observers {
		m.Members = append(m.Members, Member{ID: proto.ServerID(i + 1), Voter: i < voters})
	}
	return m
}

// hierarchy returns an ensemble of voters 1, 2, ... with their groups and weights.
func hierarchy(groupsAndWeights ...[2]int64) Membership {
	m := Membership{Hierarchical: true}
	for i, x := range groupsAndWeights {
		m.Members = append(m.Members, Member{ID: proto.ServerID(i + 1), Voter: true, Group: x[0], Weight: x[1]})
	}
	return m
}

func TestQuorum(t *testing.T) {
	// Apache's HierarchicalQuorumTest has the first of these.
	nine := hierarchy([2]int64{1, 1}, [2]int64{1, 1}, [2]int64{1, 1}, [2]int64{2, 1}, [2]int64{2, 1}, [2]int64{2, 1},
		[2]int64{3, 1}, [2]int64{3, 1}, [2]int64{3, 1})
	third := hierarchy([2]int64{1, 1}, [2]int64{1, 1}, [2]int64{1, 1}, [2]int64{2, 1}, [2]int64{2, 1}, [2]int64{2, 1},
		[2]int64{3, 0}, [2]int64{3, 0}, [2]int64{3, 0})
	heavy := hierarchy([2]int64{1, 5}, [2]int64{1, 2}, [2]int64{1, 2})
	even := hierarchy([2]int64{1, 1}, [2]int64{1, 1}, [2]int64{2, 1}, [2]int64{2, 1})
	observed := hierarchy([2]int64{1, 1}, [2]int64{1, 1}, [2]int64{1, 1}, [2]int64{2, 7})
	observed.Members[3].Voter = false
	nobody := hierarchy([2]int64{1, 0}, [2]int64{2, 0})
	tests := []struct {
		name string
		m    Membership
		has  []proto.ServerID
		want bool
	}{
		{"nobody votes", flat(0, 2), []proto.ServerID{1, 2}, false},
		{"one of one", flat(1, 0), []proto.ServerID{1}, true},
		{"none of one", flat(1, 0), nil, false},
		{"one of two", flat(2, 0), []proto.ServerID{2}, false},
		{"two of two", flat(2, 0), []proto.ServerID{1, 2}, true},
		{"two of three", flat(3, 0), []proto.ServerID{1, 3}, true},
		{"two of four", flat(4, 0), []proto.ServerID{1, 3}, false},
		{"three of five", flat(5, 0), []proto.ServerID{1, 3, 5}, true},
		{"observers do not count", flat(3, 2), []proto.ServerID{1, 4, 5}, false},
		{"strangers do not count", flat(3, 0), []proto.ServerID{1, 7, 8}, false},

		{"two of three groups", nine, []proto.ServerID{1, 2, 4, 5}, true},
		{"one group", nine, []proto.ServerID{1, 2, 3}, false},
		{"one and two thirds groups", nine, []proto.ServerID{1, 2, 3, 4}, false},
		{"one of each group", nine, []proto.ServerID{1, 4, 7}, false},
		{"a group without weight is none: both others", third, []proto.ServerID{1, 2, 4, 5}, true},
		{"a group without weight is none: one other", third, []proto.ServerID{1, 2, 3, 7, 8, 9}, false},
		{"one with more than half of the weight", heavy, []proto.ServerID{1}, true},
		{"two with less than half of the weight", heavy, []proto.ServerID{2, 3}, false},
		{"one of two groups", even, []proto.ServerID{1, 2}, false},
		{"half of two groups", even, []proto.ServerID{1, 3}, false},
		{"both groups", even, []proto.ServerID{1, 2, 3, 4}, true},
		{"an observer makes no group", observed, []proto.ServerID{1, 2}, true},
		{"an observer has no weight", observed, []proto.ServerID{1, 4}, false},
		{"no weight at all", nobody, []proto.ServerID{1, 2}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			has := func(id proto.ServerID) bool { return slices.Contains(tt.has, id) }
			if got := tt.m.Quorum(has); got != tt.want {
				t.Errorf("Quorum: %t", got)
			}
		})
	}
}

func TestMember(t *testing.T) {
	m := flat(2, 1)
	for id, want := range map[proto.ServerID]struct{ member, voter bool }{
		1: {true, true}, 2: {true, true}, 3: {true, false}, 4: {false, false}, noServer: {false, false},
	} {
		x, ok := m.Member(id)
		if ok != want.member || x.Voter != want.voter || ok && x.ID != id || m.Voter(id) != want.voter {
			t.Errorf("Member(%d): %+v, %t; Voter: %t", id, x, ok, m.Voter(id))
		}
	}
}

// drawMembership draws an ensemble, hierarchical or not, with gaps between the ids.
func drawMembership(t *rapid.T) Membership {
	m := Membership{Hierarchical: rapid.Bool().Draw(t, "hierarchical")}
	id := proto.ServerID(0)
	for range rapid.IntRange(1, 9).Draw(t, "members") {
		id += proto.ServerID(rapid.Int64Range(1, 3).Draw(t, "gap"))
		m.Members = append(m.Members, Member{
			ID:     id,
			Voter:  rapid.IntRange(0, 4).Draw(t, "voter") > 0,
			Weight: rapid.Int64Range(0, 3).Draw(t, "weight"),
			Group:  rapid.Int64Range(-1, 2).Draw(t, "group"),
		})
	}
	return m
}

// naiveQuorum adds up weights as the definition says: twice the part that has is more than all.
func naiveQuorum(m *Membership, has func(proto.ServerID) bool) bool {
	all, have := map[int64]int64{}, map[int64]int64{}
	for _, x := range m.Members {
		if !m.Hierarchical {
			x.Weight, x.Group = 1, 0
		}
		if !x.Voter || x.Weight == 0 {
			continue
		}
		all[x.Group] += x.Weight
		if has(x.ID) {
			have[x.Group] += x.Weight
		}
	}
	counted := 0
	for g := range all {
		if 2*have[g] > all[g] {
			counted++
		}
	}
	return 2*counted > len(all)
}

func drawSet(t *rapid.T, m *Membership, label string) func(proto.ServerID) bool {
	set := map[proto.ServerID]bool{}
	for _, x := range m.Members {
		set[x.ID] = rapid.Bool().Draw(t, label)
	}
	return func(id proto.ServerID) bool { return set[id] }
}

// TestQuorumsMeet checks quorums against their definition, and what they are for: any two have a server in common,
// and more servers are a quorum too.
func TestQuorumsMeet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMembership(t)
		a, b := drawSet(t, &m, "a"), drawSet(t, &m, "b")
		qa, qb := m.Quorum(a), m.Quorum(b)
		if want := naiveQuorum(&m, a); qa != want {
			t.Fatalf("Quorum: %t, by the definition %t", qa, want)
		}
		common, either := false, func(id proto.ServerID) bool { return a(id) || b(id) }
		for _, x := range m.Members {
			common = common || x.Voter && a(x.ID) && b(x.ID)
		}
		if qa && qb && !common {
			t.Fatal("two quorums have no voter in common")
		}
		if qa && !m.Quorum(either) {
			t.Fatal("a quorum is none any more with others added")
		}
	})
}

// TestAgreed tries every zxid that is there.
func TestAgreed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMembership(t)
		reached := map[proto.ServerID]proto.Zxid{}
		var want proto.Zxid
		for _, x := range m.Members {
			reached[x.ID] = proto.Zxid(rapid.Int64Range(0, 6).Draw(t, "zxid"))
		}
		for z := proto.Zxid(1); z <= 6; z++ {
			if m.Quorum(func(id proto.ServerID) bool { return reached[id] >= z }) {
				want = z
			}
		}
		if got := m.Agreed(func(id proto.ServerID) proto.Zxid { return reached[id] }); got != want {
			t.Fatalf("Agreed: %s, want %s of %v in %+v", got, want, reached, m)
		}
	})
}

// TestAgreedDoesNotAllocate: a leader calls it for each acknowledgement.
func TestAgreedDoesNotAllocate(t *testing.T) {
	for _, m := range []Membership{flat(5, 1), hierarchy([2]int64{1, 1}, [2]int64{1, 2}, [2]int64{2, 1})} {
		reached := map[proto.ServerID]proto.Zxid{1: 4, 2: 5, 3: 6, 4: 3, 5: 1}
		n := testing.AllocsPerRun(100, func() {
			m.Agreed(func(id proto.ServerID) proto.Zxid { return reached[id] })
		})
		if n != 0 {
			t.Errorf("%v allocations, hierarchical %t", n, m.Hierarchical)
		}
	}
}
