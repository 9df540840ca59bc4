package inspect

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gamekeeper/proto"
	"gamekeeper/snapshot"
	"gamekeeper/tree"
	"gamekeeper/wal"
)

// testTime is the time of the first transaction; each takes a second.
const testTime = 1_700_000_000_000

// testServer writes the files that a server writes.
type testServer struct {
	t     testing.TB
	dir   string
	log   *wal.Log
	store *snapshot.Store
	tree  *tree.Tree
	begun []snapshot.Session
	ended []proto.SessionID
	pace  int64 // milliseconds between transactions

	written chan struct{} // gets something when the log has grown, or failed

	// Of a round that has begun.
	changes *tree.Changes
	mark    proto.Zxid
}

func newTestServer(t testing.TB, dir string) *testServer {
	t.Helper()
	s := &testServer{t: t, dir: dir, pace: 1000, written: make(chan struct{}, 1)}
	opt := treeOptions
	opt.Track = true
	s.tree = tree.New(opt)
	s.open()
	return s
}

// open opens the files, also a second time.
func (s *testServer) open() {
	s.t.Helper()
	var err error
	notify := func() {
		select {
		case s.written <- struct{}{}:
		default:
		}
	}
	s.log, err = wal.Open(wal.Options{Dir: filepath.Join(s.dir, "wal"), SegmentBytes: 8 << 10, Notify: notify})
	if err != nil {
		s.t.Fatal(err)
	}
	if s.store, err = snapshot.Open(snapshot.Options{Dir: filepath.Join(s.dir, "snapshot")}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *testServer) close() {
	s.t.Helper()
	if err := s.log.Close(); err != nil {
		s.t.Fatal(err)
	}
	if err := s.store.Close(); err != nil {
		s.t.Fatal(err)
	}
}

// begin takes the changes of a round, and end writes it: what is applied in between makes it fuzzy.
func (s *testServer) begin() { s.changes, s.mark = s.tree.TakeChanges(nil), s.tree.LastZxid() }

func (s *testServer) end() {
	s.t.Helper()
	if s.changes == nil {
		s.begin()
	}
	_, err := s.store.Round(snapshot.Source{
		Tree: s.tree, Lock: &sync.Mutex{}, Changes: []*tree.Changes{s.changes}, ReplayAfter: s.mark,
		Time: time.UnixMilli(testTime + int64(s.mark.Counter())*s.pace), Begun: s.begun, Ended: s.ended,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.changes, s.begun, s.ended = nil, nil, nil
}

// apply logs and applies a transaction. Its zxid follows the last one.
func (s *testServer) apply(session proto.SessionID, body proto.TxnBody) {
	s.t.Helper()
	z := s.log.LastZxid() + 1
	if z.Epoch() == 0 {
		z = proto.MakeZxid(1, 1)
	}
	s.applyAs(z, session, body)
}

func (s *testServer) applyAs(z proto.Zxid, session proto.SessionID, body proto.TxnBody) {
	s.t.Helper()
	txn := proto.Txn{
		TxnHeader: proto.TxnHeader{
			Zxid: z, Session: session, Cxid: int32(z.Counter()), Time: testTime + int64(z.Counter())*s.pace, Type: body.Type,
		},
		Body: body, HasDigest: true,
	}
	s.tree.Apply(&txn, nil)
	txn.Digest = proto.TxnDigest{Version: proto.DigestVersion, Digest: s.tree.Digest()}
	switch body.Type {
	case proto.OpCreateSession:
		s.begun = append(s.begun, snapshot.Session{ID: session, Timeout: body.Timeout})
	case proto.OpCloseSession:
		s.ended = append(s.ended, session)
	}
	s.write(z, proto.AppendTxn(nil, &txn))
}

// write logs a record and waits until it is durable.
func (s *testServer) write(z proto.Zxid, record []byte) {
	s.t.Helper()
	s.log.Append(z, record)
	s.log.Submit()
	for s.log.Durable() < z {
		if err := s.log.Err(); err != nil {
			s.t.Fatal(err)
		}
		<-s.written
	}
}

// do applies what a line says, for instance: create /a hello session=0x10
func (s *testServer) do(line string) {
	s.t.Helper()
	var args []string
	session := proto.SessionID(0)
	for _, word := range strings.Fields(line) {
		if id, ok := strings.CutPrefix(word, "session="); ok {
			v, err := parseSession(id)
			if err != nil {
				s.t.Fatal(err)
			}
			session = v
			continue
		}
		args = append(args, word)
	}
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	switch args[0] {
	case "session":
		id, err := parseSession(arg(1))
		if err != nil {
			s.t.Fatal(err)
		}
		s.apply(id, proto.TxnBody{Type: proto.OpCreateSession, Timeout: 30000})
	case "close":
		id, err := parseSession(arg(1))
		if err != nil {
			s.t.Fatal(err)
		}
		body := proto.AppendInt32(nil, int32(len(args)-2))
		for _, p := range args[2:] {
			body = proto.AppendBuffer(body, []byte(p))
		}
		d := proto.NewDecoder(body)
		s.apply(id, d.TxnBody(proto.OpCloseSession))
	case "multi":
		var ops []proto.TxnBody
		for _, part := range strings.Split(strings.TrimPrefix(line, "multi "), ";") {
			ops = append(ops, s.body(strings.Fields(part), session))
		}
		body := proto.BeginMultiTxn(nil, len(ops))
		for i := range ops {
			body = proto.AppendSubTxn(body, &ops[i])
		}
		d := proto.NewDecoder(body)
		s.apply(session, d.TxnBody(proto.OpMulti))
	case "epoch":
		n, err := strconv.Atoi(arg(1))
		if err != nil {
			s.t.Fatal(err)
		}
		s.applyAs(proto.MakeZxid(proto.Epoch(n), 1), 0, proto.TxnBody{Type: proto.OpError, Err: proto.NoNode})
	case "junk":
		s.write(s.log.LastZxid()+1, []byte("this is no transaction"))
	case "forge": // a transaction that says nothing of what another server's tree has
		s.tree.Apply(&proto.Txn{TxnHeader: proto.TxnHeader{Type: proto.OpCreate},
			Body: proto.TxnBody{Type: proto.OpCreate, Path: []byte(arg(1)), ACL: proto.OpenACL, Version: 1}}, nil)
	default:
		s.apply(session, s.body(args, session))
	}
}

// body is a transaction about one znode.
func (s *testServer) body(args []string, session proto.SessionID) proto.TxnBody {
	s.t.Helper()
	path := []byte(args[1])
	var data []byte
	if len(args) > 2 {
		data = []byte(args[2])
		if n, ok := strings.CutPrefix(args[2], "bytes:"); ok {
			size, err := strconv.Atoi(n)
			if err != nil {
				s.t.Fatal(err)
			}
			data = make([]byte, size)
		}
	}
	meta := func(p []byte) tree.Meta {
		if n, ok := s.tree.Lookup(p); ok {
			return s.tree.Meta(n)
		}
		return tree.Meta{Version: -1, Aversion: -1}
	}
	parent, _ := proto.SplitPath(path)
	b := proto.TxnBody{Path: path, Data: data, ACL: proto.OpenACL, Version: meta(parent).RawCversion + 1}
	switch args[0] {
	case "create":
		b.Type = proto.OpCreate
	case "ephemeral":
		b.Type, b.Ephemeral = proto.OpCreate2, true
	case "container":
		b.Type = proto.OpCreateCont
	case "ttl":
		b.Type, b.TTL = proto.OpCreateTTL, 60000
	case "delete":
		b = proto.TxnBody{Type: proto.OpDelete, Path: path}
	case "set":
		b = proto.TxnBody{Type: proto.OpSetData, Path: path, Data: data, Version: meta(path).Version + 1}
	case "acl":
		l := proto.NewACLs(proto.ACL{Perms: proto.PermRead | proto.PermWrite,
			Identity: proto.Identity{Scheme: []byte("digest"), ID: data}})
		b = proto.TxnBody{Type: proto.OpSetACL, Path: path, ACL: l, Version: meta(path).Aversion + 1}
	case "check":
		b = proto.TxnBody{Type: proto.OpCheck, Path: path, Version: meta(path).Version}
	default:
		s.t.Fatal(fmt.Errorf("no operation %q", args[0]))
	}
	return b
}
