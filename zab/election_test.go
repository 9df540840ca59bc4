package zab

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"gamekeeper/proto"
)

// TestElection runs testdata/election. Its commands:
//
//	server id=ID voters=(ID,...) [observers=(ID,...)] [weights=(N,...) groups=(N,...)] [max=MS]
//	    a server that has not begun to look; weights and groups are those of the voters
//	run
//	    what happens, a line each; every line is answered with what the server does about it
//	better, same
//	    two votes, with "/" between them, a line each
//
// What happens is one of
//
//	begin ZXID EPOCH
//	link ID, unlink ID
//	ID VOTE            the server ID sends a vote
//	wait MS            the server is woken when it asked for it
//	established EPOCH
//
// A vote is STATE LEADER ZXID rROUND eEPOCH [vVERSION], with a ZXID like 2:1 for the epoch and the counter. "-"
// stands for what a server without a candidate says.
func TestElection(t *testing.T) {
	datadriven.Walk(t, "testdata/election", func(t *testing.T, path string) {
		var s *electionScript
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "server":
				s = newElectionScript(t, d)
				return ""
			case "run":
				return s.run(t, d.Input)
			case "better":
				return compareBallots(t, d.Input, func(a, b ballot) bool { return better(&s.cfg.Membership, a, b) })
			case "same":
				return compareBallots(t, d.Input, sameVote)
			}
			d.Fatalf(t, "unknown command %s", d.Cmd)
			return ""
		})
	})
}

// electionScript is one server's election and what it has sent.
type electionScript struct {
	cfg  Config
	e    *election
	now  int64
	due  int64
	out  []string // votes sent, by their text
	to   [][]proto.ServerID
	seen string // what was said of the state last
}

const testConfigText = "version=0"

func newElectionScript(t *testing.T, d *datadriven.TestData) *electionScript {
	s := &electionScript{due: notDue}
	s.cfg = Config{MinNotificationMs: 200, MaxNotificationMs: 60000, ConfigText: []byte(testConfigText)}
	ids := func(key string) (all []int64) {
		if d.HasArg(key) {
			arg, _ := d.Arg(key)
			for _, v := range arg.Vals {
				all = append(all, parseInt(t, v))
			}
		}
		return all
	}
	s.cfg.ID = proto.ServerID(ids("id")[0])
	if m := ids("max"); m != nil {
		s.cfg.MaxNotificationMs = m[0]
	}
	weights, groups := ids("weights"), ids("groups")
	s.cfg.Membership.Hierarchical = weights != nil
	for i, id := range ids("voters") {
		x := Member{ID: proto.ServerID(id), Voter: true}
		if weights != nil {
			x.Weight, x.Group = weights[i], groups[i]
		}
		s.cfg.Membership.Members = append(s.cfg.Membership.Members, x)
	}
	for _, id := range ids("observers") {
		s.cfg.Membership.Members = append(s.cfg.Membership.Members, Member{ID: proto.ServerID(id)})
	}
	s.e = newElection(&s.cfg, func(to proto.ServerID, v *proto.Vote) {
		if v.Version != proto.VoteVersion || string(v.Config) != testConfigText {
			t.Errorf("a vote of version %d with the configuration %q", v.Version, v.Config)
		}
		text := formatBallot(ballotOf(v))
		if n := len(s.out); n > 0 && s.out[n-1] == text {
			s.to[n-1] = append(s.to[n-1], to)
			return
		}
		s.out, s.to = append(s.out, text), append(s.to, []proto.ServerID{to})
	})
	return s
}

func (s *electionScript) run(t *testing.T, input string) string {
	var b strings.Builder
	for line := range strings.Lines(input) {
		line = strings.TrimSpace(line)
		f := strings.Fields(line)
		fmt.Fprintln(&b, line)
		switch f[0] {
		case "begin":
			s.e.begin(s.now, parseZxid(t, f[1]), proto.Epoch(parseInt(t, f[2])))
		case "link", "unlink":
			s.e.link(s.now, proto.ServerID(parseInt(t, f[1])), f[0] == "link")
		case "established":
			s.e.established(proto.Epoch(parseInt(t, f[1])))
		case "wait":
			s.wait(parseInt(t, f[1]), &b)
		default:
			v := parseBallot(t, f[1:]).notification([]byte("version=ff"))
			v.Version = parseBallot(t, f[1:]).version
			s.e.receive(s.now, proto.ServerID(parseInt(t, f[0])), &v)
		}
		s.due = s.e.tick(s.now)
		s.report(&b, "  ")
	}
	return b.String()
}

// wait lets time pass, and says when something happened.
func (s *electionScript) wait(ms int64, b *strings.Builder) {
	start, end := s.now, s.now+ms
	for s.due <= end {
		s.now = s.due
		s.due = s.e.tick(s.now)
		s.report(b, fmt.Sprintf("  after %d: ", s.now-start))
	}
	s.now = end
}

func (s *electionScript) report(b *strings.Builder, prefix string) {
	for i, text := range s.out {
		fmt.Fprintf(b, "%sto %s: %s\n", prefix, strings.Trim(fmt.Sprint(s.to[i]), "[]"), text)
	}
	s.out, s.to = nil, nil
	state := "LOOKING"
	if s.e.finalizeAt != notDue {
		state = "LOOKING, and a quorum agrees"
	}
	if leader, ok := s.e.outcome(); ok {
		state = fmt.Sprintf("%s %d in round %d", s.e.vote.state, leader, s.e.vote.round)
		if s.due != notDue {
			state += ", but not at rest"
		}
	}
	if state != s.seen {
		s.seen = state
		fmt.Fprintf(b, "%s%s\n", prefix, state)
	}
}

func compareBallots(t *testing.T, input string, f func(a, b ballot) bool) string {
	var b strings.Builder
	for line := range strings.Lines(input) {
		x, y, ok := strings.Cut(line, "/")
		if !ok {
			t.Fatalf("no / in %q", line)
		}
		v, w := parseBallot(t, strings.Fields(x)), parseBallot(t, strings.Fields(y))
		fmt.Fprintf(&b, "%t, the other way round %t\n", f(v, w), f(w, v))
	}
	return b.String()
}

func formatBallot(b ballot) string {
	if b.leader == noServer {
		return fmt.Sprintf("%s - - r%d -", b.state, b.round)
	}
	zxid := fmt.Sprintf("%d:%d", b.zxid.Epoch(), b.zxid.Counter())
	if b.zxid == untrustedZxid {
		zxid = "-1"
	}
	return fmt.Sprintf("%s %d %s r%d e%d", b.state, b.leader, zxid, b.round, b.epoch)
}

func parseBallot(t *testing.T, f []string) ballot {
	b := ballot{leader: noServer, zxid: minZxid, epoch: minEpoch, version: proto.VoteVersion}
	states := []proto.PeerState{proto.Looking, proto.Following, proto.Leading, proto.Observing}
	i := slices.IndexFunc(states, func(s proto.PeerState) bool { return s.String() == f[0] })
	if i < 0 || len(f) < 5 {
		t.Fatalf("%q is not a vote", f)
	}
	b.state = states[i]
	if f[1] != "-" {
		b.leader = proto.ServerID(parseInt(t, f[1]))
	}
	if f[2] != "-" {
		b.zxid = parseZxid(t, f[2])
	}
	b.round = parseInt(t, strings.TrimPrefix(f[3], "r"))
	if f[4] != "-" {
		b.epoch = proto.Epoch(parseInt(t, strings.TrimPrefix(f[4], "e")))
	}
	if len(f) > 5 {
		b.version = int32(parseInt(t, strings.TrimPrefix(f[5], "v")))
	}
	return b
}

func parseZxid(t *testing.T, s string) proto.Zxid {
	epoch, counter, ok := strings.Cut(s, ":")
	if !ok {
		return proto.Zxid(parseInt(t, s))
	}
	return proto.MakeZxid(proto.Epoch(parseInt(t, epoch)), uint32(parseInt(t, counter)))
}

func parseInt(t *testing.T, s string) int64 {
	n, err := strconv.ParseInt(s, 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// drawBallot draws from few values, so that equal fields are frequent.
func drawBallot(t *rapid.T, label string) ballot {
	few := rapid.Int64Range(1, 3)
	return ballot{
		state:   proto.PeerState(rapid.Int32Range(0, 3).Draw(t, label+" state")),
		leader:  proto.ServerID(rapid.Int64Range(0, 4).Draw(t, label+" leader")),
		zxid:    proto.Zxid(few.Draw(t, label+" zxid")),
		round:   few.Draw(t, label+" round"),
		epoch:   proto.Epoch(few.Draw(t, label+" epoch")),
		version: rapid.SampledFrom([]int32{0, 1, 2}).Draw(t, label+" version"),
	}
}

// TestVoteOrder checks that better is a strict order, total but for votes that propose the same, or nobody who
// could be elected.
func TestVoteOrder(t *testing.T) {
	m := &Membership{Hierarchical: true, Members: []Member{
		{1, true, 1, 1}, {2, true, 2, 1}, {3, true, 0, 1}, {4, false, 1, 1},
	}}
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawBallot(t, "a"), drawBallot(t, "b"), drawBallot(t, "c")
		if better(m, a, a) || better(m, a, b) && better(m, b, a) {
			t.Fatalf("better is not asymmetric: %v, %v", a, b)
		}
		if better(m, a, b) && better(m, b, c) && !better(m, a, c) {
			t.Fatalf("better is not transitive: %v, %v, %v", a, b, c)
		}
		same := a.leader == b.leader && a.zxid == b.zxid && a.epoch == b.epoch
		nobody := !electable(m, a.leader) && !electable(m, b.leader)
		if !same && !nobody && !better(m, a, b) && !better(m, b, a) {
			t.Fatalf("neither of %v and %v is better", a, b)
		}
		if better(m, a, b) && !electable(m, a.leader) {
			t.Fatalf("better than %v: %v, which cannot be elected", b, a)
		}
		if sameVote(a, b) != sameVote(b, a) || !sameVote(a, a) {
			t.Fatalf("sameVote is not symmetric and reflexive: %v, %v", a, b)
		}
	})
}
