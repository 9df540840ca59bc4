package treetest

import (
	"hash/crc32"
	"slices"
	"strings"
	"unicode/utf16"

	"gamekeeper/proto"
)

const (
	quotaRoot   = "/zookeeper/quota"
	quotaLimits = "zookeeper_limits"
	quotaStats  = "zookeeper_stats"
	ttlMax      = 0xffffffffff
)

// Model is the tree as simply as it can be said: a map from path to znode, everything derived computed
// from it afresh. It takes only transactions that a server would order.
type Model struct {
	Nodes    map[string]*Node
	Quotas   map[string]bool
	extended bool
	Zxid     proto.Zxid
}

// Node is a znode of the model. Cversion is the raw one.
type Node struct {
	Data                           []byte
	ACL                            proto.ACLs
	Czxid, Mzxid, Pzxid            proto.Zxid
	Ctime, Mtime                   int64
	Version, Cversion, Aversion    int32
	Owner                          int64
	IsSession, IsContainer, HasTTL bool
}

// NewModel returns the model of a new tree, with or without extended types.
func NewModel(extended bool) *Model {
	m := &Model{Nodes: map[string]*Node{}, Quotas: map[string]bool{}, extended: extended}
	for _, p := range []string{"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"} {
		m.Nodes[p] = &Node{Data: []byte{}, ACL: proto.OpenACL}
	}
	m.Nodes["/zookeeper/config"].ACL = proto.ReadACL
	m.Nodes["/zookeeper/config"].Aversion = -1
	return m
}

func parentOf(path string) string {
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return path[:i]
	}
	return "/"
}

func (m *Model) Children(path string) []string {
	var names []string
	for p := range m.Nodes {
		if p != "/" && parentOf(p) == path {
			names = append(names, p[strings.LastIndexByte(p, '/')+1:])
		}
	}
	slices.Sort(names)
	return names
}

func (m *Model) Subtree(path string) (count, size int64) {
	for p, n := range m.Nodes {
		if p == path || strings.HasPrefix(p, path+"/") {
			count++
			size += int64(len(n.Data))
		}
	}
	return count, size
}

func (m *Model) apply(h proto.TxnHeader, op proto.TxnBody) {
	m.Zxid = h.Zxid
	path := string(op.Path)
	switch op.Type {
	case proto.OpCreate, proto.OpCreate2, proto.OpCreateCont, proto.OpCreateTTL:
		p := m.Nodes[parentOf(path)]
		p.Cversion, p.Pzxid = op.Version, h.Zxid
		n := &Node{
			Data: slices.Clone(op.Data), ACL: op.ACL, Czxid: h.Zxid, Mzxid: h.Zxid, Pzxid: h.Zxid,
			Ctime: h.Time, Mtime: h.Time,
		}
		switch {
		case op.Type == proto.OpCreateCont:
			n.Owner, n.IsContainer = -1<<63, true
		case op.Type == proto.OpCreateTTL:
			n.Owner = -1<<56 | op.TTL
			n.HasTTL, n.IsSession = m.extended, !m.extended
		case op.Ephemeral:
			n.Owner, n.IsSession = int64(h.Session), true
		}
		m.Nodes[path] = n
		if q, ok := strings.CutSuffix(path, "/"+quotaLimits); ok && strings.HasPrefix(q, quotaRoot+"/") {
			m.Quotas[q[len(quotaRoot):]] = true
		}
	case proto.OpDelete, proto.OpDeleteCont:
		m.delete(path, h.Zxid)
	case proto.OpSetData:
		n := m.Nodes[path]
		n.Data, n.Mzxid, n.Mtime, n.Version = slices.Clone(op.Data), h.Zxid, h.Time, op.Version
	case proto.OpSetACL:
		n := m.Nodes[path]
		n.ACL, n.Aversion = op.ACL, op.Version
	case proto.OpCloseSession:
		for p, n := range m.Nodes {
			if n.IsSession && n.Owner == int64(h.Session) {
				m.delete(p, h.Zxid)
			}
		}
	}
}

func (m *Model) delete(path string, zxid proto.Zxid) {
	delete(m.Nodes, path)
	m.Nodes[parentOf(path)].Pzxid = zxid
	if q, ok := strings.CutSuffix(path, "/"+quotaLimits); ok && strings.HasPrefix(q, quotaRoot+"/") {
		delete(m.Quotas, q[len(quotaRoot):])
	}
}

func (m *Model) Digest() (sum uint64) {
	for path, n := range m.Nodes {
		if strings.HasPrefix(path, "/zookeeper/") {
			continue
		}
		b := []byte(path)
		if path == "/" {
			b = nil
		}
		b = append(b, n.Data...)
		for _, v := range []int64{int64(n.Czxid), int64(n.Mzxid), int64(n.Pzxid), n.Ctime, n.Mtime} {
			b = proto.AppendInt64(b, v)
		}
		b = proto.AppendInt32(proto.AppendInt32(proto.AppendInt32(b, n.Version), n.Cversion), n.Aversion)
		sum += uint64(crc32.ChecksumIEEE(proto.AppendInt64(b, n.Owner)))
	}
	return sum
}

func (m *Model) DataSize() (size int64) {
	for path, n := range m.Nodes {
		size += int64(len(utf16.Encode([]rune(path))) + len(n.Data))
	}
	return size + int64(len(m.Nodes["/"].Data))
}
