package zab

import "gamekeeper/proto"

// LearnerStatus is a learner as the server sees it from which it learns.
type LearnerStatus struct {
	ID       proto.ServerID
	Observer bool
	Votes    bool       // a follower that the membership has as a voter
	Synced   bool       // it was sent UPTODATE
	Acked    proto.Zxid // a follower has everything up to here on stable storage
}

// AppendLearners appends the learners of this server that have said who they are.
func (p *Peer) AppendLearners(dst []LearnerStatus) []LearnerStatus {
	all := p.learners()
	if all == nil {
		return dst
	}
	for _, l := range *all {
		if l.stage != learnerNew {
			dst = append(dst, LearnerStatus{ID: l.id, Observer: l.observer, Votes: l.votes,
				Synced: l.stage == learnerServes, Acked: l.acked})
		}
	}
	return dst
}
