package server

import (
	"gamekeeper/proto"
	"gamekeeper/snapshot"
)

// digests compares the tree of a learner with what the leader says it is after each transaction. A difference is
// told, and the server goes on, as Apache's do: it may be that the leader's is the wrong one.
type digests struct {
	after      proto.Zxid // before this zxid the tree is a state that never was
	unverified bool       // from where it is one that was is not known
	told       int64      // differences since the state was loaded
}

// begin begins with the state of a snapshot.
func (d *digests) begin(mark *snapshot.Mark) {
	*d = digests{after: mark.FuzzyUntil, unverified: mark.Unverified}
}

// exact says that the tree after a transaction, and from there on, is a state that was: a leader had sent
// everything that its snapshot may have held in part before it said that this server is up to date.
func (d *digests) exact(zxid proto.Zxid) {
	if d.unverified {
		d.after, d.unverified = zxid, false
	}
}

// known says whether the tree after a transaction is a state that was.
func (d *digests) known(zxid proto.Zxid) bool { return !d.unverified && zxid >= d.after }

// tellEvery is how many transactions with another digest come between two words about it.
const tellEvery = 10000

// compare compares the tree, to which txn was just applied, with the digest in it.
func (m *member) compare(txn *proto.Txn) {
	d := &m.digests
	if !d.known(txn.Zxid) || !txn.HasDigest || txn.Digest.Version != proto.DigestVersion || !m.s.cfg.Tree.Digest {
		return
	}
	if have := m.k.tree.Digest(); have != txn.Digest.Digest {
		if d.told%tellEvery == 0 {
			m.s.logger.Error("the tree differs from the leader's: stop this server and empty its data directory, so that it is "+
				"sent everything again, unless all learners say this", "zxid", txn.Zxid, "digest", have, "leader", txn.Digest.Digest)
		}
		d.told++
		m.telemetry.mismatches.Inc()
	}
}
