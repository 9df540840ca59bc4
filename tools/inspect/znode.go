package inspect

import (
	"bytes"
	"math"
	"strconv"

	"gamekeeper/proto"
	"gamekeeper/snapshot"
	"gamekeeper/tree"
)

// kindOf says what the owner of a znode makes it, and names the session or gives the time to live.
func kindOf(owner int64) (kind string, session proto.SessionID, ttl int64) {
	// As Tree.OwnerKind with extended types, which is how a server that has ever allowed a time to live reads it.
	const ttlMark = -1 << 56
	switch {
	case owner == 0:
		return "persistent", 0, 0
	case owner == math.MinInt64:
		return "container", 0, 0
	case owner&^tree.TTLMax == ttlMark:
		return "ttl", 0, owner & tree.TTLMax
	}
	return "ephemeral", proto.SessionID(owner), 0
}

// jsonZnode is a znode as it is in the store.
type jsonZnode struct {
	Path        string `json:"path"`
	Kind        string `json:"kind"` // persistent, ephemeral, container or ttl
	Session     string `json:"session,omitempty"`
	TTL         int64  `json:"ttl_ms,omitempty"`
	DataLength  *int   `json:"data_length,omitempty"` // not there if the data is null
	Version     int32  `json:"version"`
	Cversion    int32  `json:"creations"` // of children
	Aversion    int32  `json:"aversion"`
	Czxid       string `json:"czxid"`
	Mzxid       string `json:"mzxid"`
	Pzxid       string `json:"pzxid"`
	Ctime       string `json:"ctime"`
	Mtime       string `json:"mtime"`
	NumChildren *int   `json:"children,omitempty"` // where it was asked for
	jsonValue
	ACL []jsonACL `json:"acl"`
}

func newJSONZnode(path []byte, n *tree.Stored, data bool) jsonZnode {
	kind, session, ttl := kindOf(n.Owner)
	j := jsonZnode{
		Path: string(path), Kind: kind, TTL: ttl, Version: n.Version, Cversion: n.RawCversion, Aversion: n.Aversion,
		Czxid: n.Czxid.String(), Mzxid: n.Mzxid.String(), Pzxid: n.Pzxid.String(),
		Ctime: timeText(n.Ctime), Mtime: timeText(n.Mtime), ACL: newJSONACL(n.ACLs),
	}
	if session != 0 {
		j.Session = session.String()
	}
	if n.Data != nil {
		length := len(n.Data)
		j.DataLength = &length
		if data {
			j.jsonValue = newJSONValue(n.Data)
		}
	}
	return j
}

// ownerText is what a znode is, in a word, with its session or time to live.
func ownerText(owner int64) string {
	kind, session, ttl := kindOf(owner)
	switch {
	case session != 0:
		return kind + ":" + session.String()
	case kind == "ttl":
		return kind + ":" + strconv.FormatInt(ttl, 10) + "ms"
	}
	return kind
}

// lengthText is the length of data.
func lengthText(data []byte) string {
	if data == nil {
		return "null"
	}
	return strconv.Itoa(len(data))
}

// quotePath writes a path as it is, or quoted if that would break a line or a table.
func quotePath(p string) string {
	if printable([]byte(p)) && !bytes.ContainsAny([]byte(p), "\t\r\n") {
		return p
	}
	return strconv.Quote(p)
}

// jsonMark is the mark of a store.
type jsonMark struct {
	Round       uint64 `json:"round"`
	ReplayAfter string `json:"replay_after"`
	FuzzyUntil  string `json:"fuzzy_until"`
	Time        string `json:"time"`
	Znodes      int    `json:"znodes"`
	Digest      string `json:"digest"`
}

func newJSONMark(m snapshot.Mark) jsonMark {
	return jsonMark{
		Round: m.Round, ReplayAfter: m.ReplayAfter.String(), FuzzyUntil: m.FuzzyUntil.String(),
		Time: timeText(m.Time.UnixMilli()), Znodes: m.Nodes, Digest: "0x" + strconv.FormatUint(m.Digest, 16),
	}
}
