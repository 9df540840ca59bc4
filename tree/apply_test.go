package tree

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"gamekeeper/proto"
)

// TestApply runs the scripts in testdata/apply. Each command but show, ephemerals and quota is a
// transaction; the n-th has zxid n and time 100 n. Its output is what the sink was told.
func TestApply(t *testing.T) {
	datadriven.Walk(t, "testdata/apply", func(t *testing.T, path string) {
		s := &script{t: t, tree: New(Options{ExtendedTypes: true})}
		datadriven.RunTest(t, path, s.run)
	})
}

type script struct {
	t    *testing.T
	tree *Tree
	zxid proto.Zxid
	out  strings.Builder
}

func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	s.out.Reset()
	switch d.Cmd {
	case "options":
		s.tree = New(Options{ExtendedTypes: d.HasArg("extended"), Emulate353: d.HasArg("emulate353")})
	case "show":
		for path := range strings.SplitSeq(d.Input, "\n") {
			s.show(path)
		}
	case "ephemerals":
		var session int64
		d.ScanArgs(t, "session", &session)
		for n := range s.tree.Ephemerals(proto.SessionID(session)) {
			fmt.Fprintf(&s.out, "%s\n", s.tree.AppendPath(nil, n))
		}
	case "reap":
		var now, never int64
		d.ScanArgs(t, "now", &now)
		d.MaybeScanArgs(t, "never-used", &never)
		found, _ := s.tree.ReapCandidates(now, never, 100, nil)
		for _, n := range found {
			fmt.Fprintf(&s.out, "%s\n", s.tree.AppendPath(nil, n))
		}
	case "quota":
		var path string
		var size, count int64
		d.ScanArgs(t, "path", &path)
		d.MaybeScanArgs(t, "bytes", &size)
		d.MaybeScanArgs(t, "count", &count)
		fmt.Fprintf(&s.out, "exceeded: %t\n", s.tree.QuotaExceeded([]byte(path), size, count))
	case "multi":
		lines := strings.Split(d.Input, "\n")
		b := proto.BeginMultiTxn(nil, len(lines))
		for _, line := range lines {
			cmd, args, err := datadriven.ParseLine(line)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			op := parseOp(t, &datadriven.TestData{Pos: d.Pos, Cmd: cmd, CmdArgs: args})
			b = proto.AppendSubTxn(b, &op)
		}
		dec := proto.NewDecoder(b)
		s.apply(d, dec.TxnBody(proto.OpMulti))
	default:
		s.apply(d, parseOp(t, d))
	}
	checkInvariants(t, s.tree)
	return s.out.String()
}

func (s *script) apply(d *datadriven.TestData, body proto.TxnBody) {
	s.zxid++
	h := proto.TxnHeader{Zxid: s.zxid, Time: 100 * int64(s.zxid), Type: body.Type}
	d.MaybeScanArgs(s.t, "session", (*int64)(&h.Session))
	d.MaybeScanArgs(s.t, "zxid", (*int64)(&h.Zxid))
	code := s.tree.Apply(&proto.Txn{TxnHeader: h, Body: body}, s)
	fmt.Fprintf(&s.out, "%v\n", code)
}

func (s *script) Step(i int, op *proto.TxnBody, n NodeID, code proto.Code) {
	fmt.Fprintf(&s.out, "step %d %v: ", i, op.Type)
	if n != 0 {
		st := s.tree.Stat(n)
		fmt.Fprintf(&s.out, "%s version=%d cversion=%d aversion=%d ", s.tree.AppendPath(nil, n), st.Version, st.Cversion, st.Aversion)
	}
	fmt.Fprintf(&s.out, "%v\n", code)
}

func (s *script) Changed(e proto.EventType, path []byte, acl, parentACL proto.ACLs) {
	names := map[proto.EventType]string{
		proto.NodeCreated: "created", proto.NodeDeleted: "deleted", proto.NodeDataChanged: "changed",
	}
	fmt.Fprintf(&s.out, "%s %s acl=%s parent acl=%s\n", names[e], path, aclName(acl), aclName(parentACL))
}

func aclName(l proto.ACLs) string {
	switch {
	case l == nil:
		return "none"
	case string(l) == string(proto.OpenACL):
		return "open"
	case string(l) == string(proto.ReadACL):
		return "read"
	}
	return fmt.Sprintf("%q", []byte(l))
}

func (s *script) show(path string) {
	n, ok := s.tree.Lookup([]byte(path))
	if !ok {
		fmt.Fprintf(&s.out, "%s: none\n", path)
		return
	}
	st := s.tree.Stat(n)
	data := "null"
	if v := s.tree.Data(n); v != nil {
		data = fmt.Sprintf("%q", v)
	}
	fmt.Fprintf(&s.out, "%s: czxid=%d mzxid=%d pzxid=%d ctime=%d mtime=%d version=%d cversion=%d aversion=%d owner=%s children=%d data=%s/%d acl=%s\n",
		path, st.Czxid, st.Mzxid, st.Pzxid, st.Ctime, st.Mtime, st.Version, st.Cversion, st.Aversion,
		st.EphemeralOwner, st.NumChildren, data, st.DataLength, aclName(s.tree.ACL(n)))
}

func parseOp(t *testing.T, d *datadriven.TestData) proto.TxnBody {
	ops := map[string]proto.Op{
		"create": proto.OpCreate, "create2": proto.OpCreate2, "container": proto.OpCreateCont, "ttl": proto.OpCreateTTL,
		"delete": proto.OpDelete, "delete-container": proto.OpDeleteCont, "set": proto.OpSetData, "setacl": proto.OpSetACL,
		"check": proto.OpCheck, "error": proto.OpError, "create-session": proto.OpCreateSession,
		"close-session": proto.OpCloseSession, "reconfig": proto.OpReconfig,
	}
	op, ok := ops[d.Cmd]
	if !ok {
		d.Fatalf(t, "unknown command %q", d.Cmd)
	}
	body := proto.TxnBody{Type: op}
	if op == proto.OpCloseSession {
		if !d.HasArg("paths") {
			return body
		}
		var paths [][]byte
		for _, arg := range d.CmdArgs {
			if arg.Key == "paths" {
				for _, p := range arg.Vals {
					paths = append(paths, []byte(p))
				}
			}
		}
		dec := proto.NewDecoder(proto.AppendStrings(nil, paths))
		return dec.TxnBody(op)
	}
	var path, data, acl string
	d.MaybeScanArgs(t, "path", &path)
	body.Path = []byte(path)
	if d.HasArg("data") {
		d.MaybeScanArgs(t, "data", &data)
		body.Data = []byte(strings.ReplaceAll(strings.Trim(data, "'"), "|", ","))
	}
	d.MaybeScanArgs(t, "acl", &acl)
	switch acl {
	case "read":
		body.ACL = proto.ReadACL
	case "open":
		body.ACL = proto.OpenACL
	}
	d.MaybeScanArgs(t, "version", &body.Version)
	body.Ephemeral = d.HasArg("ephemeral")
	d.MaybeScanArgs(t, "ttl", &body.TTL)
	d.MaybeScanArgs(t, "err", (*int32)(&body.Err))
	return body
}
