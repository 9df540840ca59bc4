package treetest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"gamekeeper/proto"
)

// History draws transactions as a server would order them, and keeps the model beside.
type History struct {
	Model    *Model
	Txns     []proto.Txn // all that were drawn
	NoQuotas bool        // draw no quotas
	time     int64
}

// NewHistory returns a history that begins with a new tree.
func NewHistory(extended bool) *History {
	return &History{Model: NewModel(extended), time: 1_700_000_000_000}
}

// names are few, so that the same path is created and deleted again and again; some are long or not
// ASCII.
var drawnNames = []string{"a", "b", "c", "dd", "é中", strings.Repeat("n", 130)}

var drawnACLs = []proto.ACLs{
	nil,
	proto.OpenACL,
	proto.ReadACL,
	proto.NewACLs(proto.ACL{Perms: 3, Identity: proto.Identity{Scheme: []byte("digest"), ID: []byte("u:x")}}),
	proto.NewACLs(),
}

// drawnSizes are on both sides of the steps between size classes, and beyond them; -1 is null.
var drawnSizes = []int{-1, 0, 1, 3, 7, 8, 20, 100, 127, 128, 1000, 1024, 1500, 3000, 4090, 4096, 5000, 70000}

func drawData(rt *rapid.T) []byte {
	n := rapid.SampledFrom(drawnSizes).Draw(rt, "data")
	if n < 0 {
		return nil
	}
	return bytes.Repeat([]byte{byte(rapid.IntRange(0, 255).Draw(rt, "fill"))}, n)
}

func (h *History) paths() []string {
	paths := make([]string, 0, len(h.Model.Nodes))
	for p := range h.Model.Nodes {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	return paths
}

// Next draws a transaction, records it, and applies it to the model.
func (h *History) Next(rt *rapid.T) proto.Txn {
	h.time += int64(rapid.IntRange(-2, 1000).Draw(rt, "time"))
	header := proto.TxnHeader{
		Session: proto.SessionID(rapid.SampledFrom([]int64{1, 2, 0x700000000000001, -0x7a00000000000005}).Draw(rt, "session")),
		Cxid:    int32(len(h.Txns)), Zxid: h.Model.Zxid + 1, Time: h.time,
	}
	if rapid.IntRange(0, 9).Draw(rt, "epoch") == 0 {
		header.Zxid += 1 << 32
	}
	var body proto.TxnBody
	switch k := rapid.IntRange(0, 19).Draw(rt, "kind"); {
	case k == 0:
		body = h.closeSession(header)
		h.Model.apply(header, body)
	case k <= 3:
		body = h.multi(rt, header)
	case k == 4:
		body = proto.TxnBody{Type: proto.OpError, Err: proto.NoNode}
		h.Model.Zxid = header.Zxid
	default:
		body = h.op(rt, header, false)
		h.Model.apply(header, body)
	}
	header.Type = body.Type
	txn := proto.Txn{TxnHeader: header, Body: body}
	h.Txns = append(h.Txns, txn)
	return txn
}

// closeSession names the ephemerals in its transaction, but for a session whose log is old.
func (h *History) closeSession(header proto.TxnHeader) proto.TxnBody {
	if header.Session == 2 {
		return proto.TxnBody{Type: proto.OpCloseSession}
	}
	var paths [][]byte
	for p, n := range h.Model.Nodes {
		if n.IsSession && n.Owner == int64(header.Session) {
			paths = append(paths, []byte(p))
		}
	}
	d := proto.NewDecoder(proto.AppendStrings(nil, append([][]byte{}, paths...)))
	return d.TxnBody(proto.OpCloseSession)
}

// multi has up to four operations, one in four of them failing as a whole.
func (h *History) multi(rt *rapid.T, header proto.TxnHeader) proto.TxnBody {
	n := rapid.IntRange(0, 4).Draw(rt, "operations")
	fails := rapid.IntRange(0, 3).Draw(rt, "fails") == 0
	if fails {
		n++
	}
	b := proto.BeginMultiTxn(nil, n)
	for i := range n {
		switch {
		case fails && i == n-1:
			b = proto.AppendSubTxn(b, &proto.TxnBody{Type: proto.OpError, Err: proto.BadVersion})
		case fails:
			b = proto.AppendSubTxn(b, &proto.TxnBody{Type: proto.OpDelete, Path: []byte("/zookeeper")})
		default:
			op := h.op(rt, header, true)
			b = proto.AppendSubTxn(b, &op)
			h.Model.apply(header, op)
		}
	}
	h.Model.Zxid = header.Zxid
	d := proto.NewDecoder(b)
	return d.TxnBody(proto.OpMulti)
}

// op draws an operation that succeeds. Those of a multi do not include setACL, as for Apache.
func (h *History) op(rt *rapid.T, header proto.TxnHeader, inMulti bool) proto.TxnBody {
	paths := h.paths()
	path := rapid.SampledFrom(paths).Draw(rt, "path")
	n := h.Model.Nodes[path]
	reserved := path == "/" || strings.HasPrefix(path, "/zookeeper")
	switch k := rapid.IntRange(0, 9).Draw(rt, "op"); {
	case k <= 1 && !strings.HasSuffix(path, quotaStats):
		return proto.TxnBody{Type: proto.OpSetData, Path: []byte(path), Data: drawData(rt), Version: n.Version + 1}
	case k == 2 && !inMulti:
		return proto.TxnBody{Type: proto.OpSetACL, Path: []byte(path), ACL: rapid.SampledFrom(drawnACLs).Draw(rt, "acl"), Version: n.Aversion + 1}
	case k <= 5 && !reserved && len(h.Model.Children(path)) == 0:
		op := proto.OpDelete
		if k == 5 {
			op = proto.OpDeleteCont
		}
		return proto.TxnBody{Type: op, Path: []byte(path)}
	case k == 6 && !h.NoQuotas:
		if body, ok := h.quota(rt); ok {
			return body
		}
	}
	if body, ok := h.create(rt, paths); ok {
		return body
	}
	if inMulti {
		return proto.TxnBody{Type: proto.OpCheck, Path: []byte(path), Version: n.Version}
	}
	return proto.TxnBody{Type: proto.OpError, Err: proto.NodeExists}
}

func (h *History) create(rt *rapid.T, paths []string) (proto.TxnBody, bool) {
	for range 8 {
		parent := rapid.SampledFrom(paths).Draw(rt, "parent")
		p := h.Model.Nodes[parent]
		path := strings.TrimSuffix(parent, "/") + "/" + rapid.SampledFrom(drawnNames).Draw(rt, "name")
		if h.Model.Nodes[path] != nil || p.IsSession || strings.HasPrefix(parent, quotaRoot) || strings.Count(path, "/") > 6 {
			continue
		}
		op := rapid.SampledFrom([]proto.Op{proto.OpCreate, proto.OpCreate, proto.OpCreate2, proto.OpCreateCont, proto.OpCreateTTL}).Draw(rt, "create")
		body := proto.TxnBody{
			Type: op, Path: []byte(path), Data: drawData(rt), ACL: rapid.SampledFrom(drawnACLs).Draw(rt, "acl"), Version: p.Cversion + 1,
		}
		switch op {
		case proto.OpCreate, proto.OpCreate2:
			body.Ephemeral = rapid.Bool().Draw(rt, "ephemeral")
		case proto.OpCreateTTL:
			body.TTL = rapid.SampledFrom([]int64{1, 500, ttlMax}).Draw(rt, "ttl")
		}
		return body, true
	}
	return proto.TxnBody{}, false
}

// quota takes the next step towards a quota, limits before stats as the command line client does, or sets
// its limits.
func (h *History) quota(rt *rapid.T) (proto.TxnBody, bool) {
	steps := rapid.SampledFrom([][]string{
		{"/zookeeper/quota/a", "/zookeeper/quota/a/zookeeper_limits", "/zookeeper/quota/a/zookeeper_stats"},
		{"/zookeeper/quota/b", "/zookeeper/quota/b/c", "/zookeeper/quota/b/c/zookeeper_limits", "/zookeeper/quota/b/c/zookeeper_stats"},
	}).Draw(rt, "quota")
	limits := steps[len(steps)-2]
	if h.Model.Nodes[steps[len(steps)-1]] != nil {
		return proto.TxnBody{Type: proto.OpSetData, Path: []byte(limits), Data: fmt.Appendf(nil, "count=%d,bytes=-1", 5), Version: 1}, true
	}
	for _, p := range steps {
		if h.Model.Nodes[p] == nil {
			return proto.TxnBody{Type: proto.OpCreate, Path: []byte(p), Data: []byte("count=1,bytes=1"), Version: h.Model.Nodes[parentOf(p)].Cversion + 1}, true
		}
	}
	return proto.TxnBody{}, false
}
