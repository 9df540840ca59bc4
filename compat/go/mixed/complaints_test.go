package mixed

import (
	"strings"
	"testing"
)

// complaint returns what the log of a server says of digests that do not match, or nothing.
//
// An Apache server that loses its leader reads the rest of its log into its tree while the thread that applies what is
// committed may still be at a transaction: ZooKeeperServer.shutdown does not wait for CommitProcessor's own thread, which
// applies writes since 3.6. That thread then compares the digest after its transaction with a tree that is some
// transactions further. So what such a server says between the end of a leader and the first proposal of the next one, or
// its own restart, is not counted: were its tree wrong, the transactions that follow would not match either. An observer
// does not tell when the next leader's proposals begin: of one that has lost its leader nothing counts until its restart.
//
// An Apache server that starts may load a snapshot that has more than it says: while the snapshot was written a transaction had
// reached the tree and not yet DataTree.lastProcessedZxidDigest, which ends the snapshot. If the digest is that of the zxid by which
// the snapshot is named, FileSnap.deserialize compares it before the replay and complains once. If not, the replay differs at the
// transaction that the digest names, is right again with the next one, and says so once more with "Last value". So what a server says
// of one transaction before it follows is not counted, unless it complains of another as well: with a tree that is wrong it does, at
// the next transaction.
func complaint(log string) string {
	alone, loads := false, false
	over := "" // the one zxid that was complained of while it loaded
	for at := 0; at < len(log); {
		line, _, _ := strings.Cut(log[at:], "\n")
		switch {
		case strings.Contains(line, "Exception when following the leader"), strings.Contains(line, "Exception when observing the leader"):
			alone = true
		case strings.Contains(line, "Learner - Got zxid"):
			alone, loads = false, false
		case strings.Contains(line, "maxCnxns is not configured"):
			alone, loads, over = false, true, ""
		case strings.Contains(line, mismatch) && !alone:
			switch zxid := mismatched(line); {
			case zxid == over && strings.Contains(line, "- Message: "): // again, and not several times
			case loads && over == "":
				over = zxid
			default:
				return log[at:min(at+1000, len(log))]
			}
		}
		at += len(line) + 1
	}
	return ""
}

const mismatch = "Digests are not matching"

// mismatched is the zxid of which a line with mismatch tells.
func mismatched(line string) string {
	return strings.TrimSpace(line[strings.LastIndex(line, ":")+1:])
}

func TestComplaint(t *testing.T) {
	const (
		starts  = "00:16:44.929 WARN  ServerCnxnFactory - maxCnxns is not configured, using default value 0.\n"
		follows = "00:16:45.773 WARN  Learner - Got zxid 0x100000001 expected 0x1\n"
		loses   = "00:16:46.453 WARN  Follower - Exception when following the leader\njava.io.EOFException: null\n"
		losesO  = "00:16:46.453 WARN  Observer - Exception when observing the leader\njava.io.EOFException: null\n"
		differs = "00:16:46.472 WARN  DataTree - Message:Digests are not matching. Value is Zxid. Value:4294971092\n"
		next    = "00:16:46.512 WARN  DataTree - Message: Digests are not matching. Value is Zxid. Last value:4294971093\n"
		over    = "00:16:46.473 WARN  DataTree - Message: Digests are not matching. Value is Zxid. Last value:4294971092\n"
		others  = "00:16:46.473 WARN  DataTree - [3 times] Message: Digests are not matching. Value is Zxid. Last value:4294971095\n"
		looks   = "00:16:46.491 WARN  QuorumPeer - PeerState set to LOOKING\n"
	)
	for _, c := range []struct {
		name, log string
		counts    bool
	}{
		{"nothing said", starts + follows, false},
		{"while it follows", starts + follows + differs, true},
		{"before it follows, before the replay", starts + differs + follows, false},
		{"before it follows, within the replay", starts + differs + over + follows, false},
		{"before it follows, and of the next transaction", starts + differs + next + follows, true},
		{"before it follows, and of the next transaction when it does", starts + differs + follows + next, true},
		{"before it follows, and again when it does", starts + differs + follows + differs, true},
		{"before it follows, at two starts", starts + differs + follows + starts + differs + over + follows, false},
		{"before it follows, for the last time when it does", starts + differs + follows + over, false},
		{"before it follows, twice", starts + differs + over + differs + over + differs, true},
		{"before it follows, and more", starts + differs + others + follows, true},
		{"once, while it follows", starts + follows + differs + over, true},
		{"as it loses its leader", starts + follows + loses + differs + looks, false},
		{"as it loses its leader, late", starts + follows + loses + looks + differs, false},
		{"as it loses the leader that it observes", starts + follows + losesO + differs + looks, false},
		{"under the next leader", starts + follows + loses + looks + follows + differs, true},
		{"after a restart", starts + follows + loses + looks + starts + follows + differs, true},
		{"again under the next leader", starts + follows + loses + differs + looks + follows + differs, true},
		{"in a last line without an end", starts + follows + strings.TrimSuffix(differs, "\n"), true},
	} {
		got := complaint(c.log)
		if (got != "") != c.counts {
			t.Errorf("%s: %q", c.name, got)
		}
		if c.counts && !strings.Contains(strings.SplitN(got, "\n", 2)[0], "Digests are not matching") {
			t.Errorf("%s: begins elsewhere: %q", c.name, got)
		}
	}
}
