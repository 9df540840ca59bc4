package ordering

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gamekeeper/proto"
	"gamekeeper/server/auth"
)

// traffic draws what clients send. Sessions are replaced when they end: the server refuses what a session
// sends behind its closeSession.
type traffic struct {
	sessions []proto.SessionID
	next     proto.SessionID
	time     int64
	xid      int32
}

func newTraffic() *traffic {
	return &traffic{sessions: []proto.SessionID{1, 2, 3}, next: 0x100000000000004, time: 1_700_000_000_000}
}

var (
	userOne = proto.Identity{Scheme: []byte("digest"), ID: []byte("one:x")}
	userTwo = proto.Identity{Scheme: []byte("digest"), ID: []byte("two:y")}

	// Names are few, so that the same znodes are met again and again.
	drawnNames = []string{"a", "b", "c", strings.Repeat("n", pathKeepMax)}

	drawnACLs = []proto.ACLs{
		proto.OpenACL, proto.OpenACL, proto.OpenACL, proto.OpenACL,
		proto.ReadACL,
		proto.NewACLs(proto.ACL{Perms: proto.PermAll, Identity: userOne}),
		proto.NewACLs(proto.ACL{Perms: proto.PermAll &^ proto.PermDelete, Identity: userTwo}),
		proto.NewACLs(proto.ACL{Perms: proto.PermAll, Identity: proto.Identity{Scheme: []byte("auth")}}),
		proto.NewACLs(),
		nil,
	}
)

// identities gives the first two sessions' connections a user each, others none.
func identities(s proto.SessionID) auth.Identities {
	ids := auth.Initial(netip.MustParseAddr("127.0.0.1"))
	switch s {
	case 1:
		return ids.With(userOne)
	case 2:
		return ids.With(userTwo)
	}
	return ids
}

func (tr *traffic) draw(rt *rapid.T) *Request {
	tr.time += int64(rapid.IntRange(-3, 1000).Draw(rt, "time"))
	tr.xid++
	i := rapid.IntRange(0, len(tr.sessions)-1).Draw(rt, "session")
	r := &Request{Session: tr.sessions[i], Xid: tr.xid, Time: tr.time, Identities: identities(tr.sessions[i])}
	switch k := rapid.IntRange(0, 24).Draw(rt, "kind"); {
	case k == 0:
		r.Op = proto.OpCloseSession
		tr.sessions[i] = tr.next
		tr.next++
	case k == 1:
		r.Op, r.Body = proto.OpCreateSession, proto.AppendInt32(nil, 30000)
	case k == 2:
		r.Op = proto.OpReconfig
	case k == 3:
		r.Op, r.Body = proto.OpDeleteCont, proto.AppendBuffer(nil, []byte(drawPath(rt)))
	case k == 4:
		r.Op, r.Body = proto.OpSetACL, setACL(drawPath(rt), drawACL(rt), drawVersion(rt))
	case k <= 9:
		r.Op = proto.OpMulti
		subs := make([]sub, rapid.IntRange(0, 5).Draw(rt, "operations"))
		for i := range subs {
			subs[i] = drawSub(rt, true)
		}
		r.Body = multiBody(subs...)
	default:
		s := drawSub(rt, false)
		r.Op, r.Body = s.op, s.body
	}
	return r
}

func drawSub(rt *rapid.T, inMulti bool) sub {
	path := drawPath(rt)
	switch k := rapid.IntRange(0, 11).Draw(rt, "operation"); {
	case k <= 5:
		op := rapid.SampledFrom([]proto.Op{
			proto.OpCreate, proto.OpCreate, proto.OpCreate2, proto.OpCreateCont, proto.OpCreateTTL,
		}).Draw(rt, "create")
		modes, ttl := []proto.CreateMode{0, 0, 1, 1, 2, 3, 4}, int64(-1)
		if op == proto.OpCreateTTL {
			modes = []proto.CreateMode{5, 6}
			ttl = int64(rapid.IntRange(0, 1000).Draw(rt, "ttl"))
		}
		return sub{op, createBody(op, path, drawData(rt), drawACL(rt), rapid.SampledFrom(modes).Draw(rt, "mode"), ttl)}
	case k <= 7:
		return sub{proto.OpDelete, pathVersion(path, drawVersion(rt))}
	case k == 8 && inMulti:
		return sub{proto.OpCheck, pathVersion(path, drawVersion(rt))}
	}
	return sub{proto.OpSetData, setData(path, drawData(rt), drawVersion(rt))}
}

func drawPath(rt *rapid.T) string {
	if rapid.IntRange(0, 19).Draw(rt, "odd") == 0 {
		return rapid.SampledFrom([]string{
			"/", "", "a", "/a/", "//", "/.", "/a\x00", "/zookeeper", "/zookeeper/config", "/zookeeper/quota/a",
			"/zookeeper/quota/a/zookeeper_limits", "/zookeeper/quota/a/zookeeper_stats", null,
			"/a0000000000", "/a0000000001", "/a/b0000000002",
		}).Draw(rt, "path")
	}
	var path strings.Builder
	for range rapid.IntRange(1, 3).Draw(rt, "depth") {
		path.WriteString("/" + rapid.SampledFrom(drawnNames).Draw(rt, "name"))
	}
	return path.String()
}

func drawACL(rt *rapid.T) proto.ACLs { return rapid.SampledFrom(drawnACLs).Draw(rt, "acl") }

func drawVersion(rt *rapid.T) int32 {
	return rapid.SampledFrom([]int32{-1, -1, -1, -1, 0, 1, 2}).Draw(rt, "version")
}

func drawData(rt *rapid.T) []byte {
	return rapid.SampledFrom([][]byte{
		nil, {}, []byte("x"), []byte("count=2,bytes=10=;byteHardLimit=10;countHardLimit=2"), make([]byte, 100),
	}).Draw(rt, "data")
}

// TestAnyLag orders random traffic with transactions waiting to be applied for random times, beside an
// orderer whose transactions are applied at once. Both must give the same, and the tree must agree with
// every digest that was told beforehand.
func TestAnyLag(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		opts := Options{
			ExtendedTypes: rapid.Bool().Draw(rt, "extended types"),
			NoDigest:      rapid.IntRange(0, 9).Draw(rt, "no digest") == 0,
			NoClosePaths:  rapid.IntRange(0, 4).Draw(rt, "no close paths") == 0,
			// What counts against a quota is the tree, so that lag matters.
			EnforceQuota: rapid.IntRange(0, 4).Draw(rt, "quotas") == 0,
		}
		late, prompt := newBench(t, opts), newBench(t, opts)
		late.prepares = true
		tr := newTraffic()
		for range rapid.IntRange(1, 150).Draw(rt, "length") {
			r := tr.draw(rt)
			before := ""
			if r.Op == proto.OpMulti {
				before = late.order.image()
			}
			txn, code := late.send(r)
			if err := late.order.inFlight.check(); err != nil {
				rt.Fatal(err)
			}
			if before != "" && failed(txn) && late.order.image() != before {
				rt.Fatalf("a failed multi left traces: before\n%s\nand after\n%s", before, late.order.image())
			}
			if !opts.EnforceQuota {
				wantTxn, wantCode := prompt.send(r)
				if code != wantCode || !bytes.Equal(txn, wantTxn) {
					rt.Fatalf("%s %q gives %s %s, and %s %s when all is applied", r.Op, r.Body,
						code, describe(txn), wantCode, describe(wantTxn))
				}
				if err := prompt.apply(len(prompt.queue)); err != nil {
					rt.Fatal(err)
				}
			}
			if n := rapid.IntRange(-20, 20).Draw(rt, "applied"); n > 0 {
				if err := late.apply(min(n, len(late.queue))); err != nil {
					rt.Fatal(err)
				}
			}
		}
		if err := late.apply(len(late.queue)); err != nil {
			rt.Fatal(err)
		}
		p := late.order.inFlight
		if late.order.InFlight() != 0 || len(p.owned) != 0 || len(p.touches) != 0 {
			rt.Fatalf("all is applied, and %d znodes of %d sessions are in flight", late.order.InFlight(), len(p.owned))
		}
		if late.order.digest != late.tree.Digest() && !opts.NoDigest {
			rt.Fatal("the orderer's digest is not the tree's")
		}
	})
}

// failed says whether txn is of a multi that failed.
func failed(txn []byte) bool {
	t, err := proto.DecodeTxn(txn)
	if err != nil {
		return false
	}
	for s := range t.Body.Subs() {
		if s.Type == proto.OpError {
			return true
		}
	}
	return t.Type == proto.OpError
}

func describe(txn []byte) string {
	if txn == nil {
		return "no transaction"
	}
	t, err := proto.DecodeTxn(txn)
	return fmt.Sprintf("%+v (%v)", t, err)
}
