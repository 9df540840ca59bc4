package inspect

import (
	"strconv"

	"gamekeeper/proto"
	"gamekeeper/wal"
)

// jsonTxn is a transaction in the log. Zxids, sessions and digests are strings, as they do not fit in the
// numbers of all that read JSON.
type jsonTxn struct {
	Zxid    string `json:"zxid"`
	Time    string `json:"time"`
	Session string `json:"session"`
	Cxid    int32  `json:"cxid"`
	jsonOp
	Digest string `json:"digest,omitempty"`
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes"`
}

// jsonOp is the body of a transaction, or an operation of a multi. Fields that its type has not are left
// out.
type jsonOp struct {
	Type       string `json:"type"`
	Path       string `json:"path,omitempty"`
	DataLength *int   `json:"data_length,omitempty"` // not there if the data is null
	jsonValue
	ACL       []jsonACL `json:"acl,omitempty"`
	Ephemeral bool      `json:"ephemeral,omitempty"`
	TTL       int64     `json:"ttl_ms,omitempty"`
	// What the znode has afterwards, or, for a check, has to have.
	Version  *int32 `json:"version,omitempty"`
	Aversion *int32 `json:"aversion,omitempty"`
	// ParentCversion is how many children the parent of the new znode ever had.
	ParentCversion *int32   `json:"parent_cversion,omitempty"`
	Code           *int32   `json:"code,omitempty"`
	Error          string   `json:"error,omitempty"`
	Timeout        *int32   `json:"timeout_ms,omitempty"`
	Paths          []string `json:"paths,omitempty"` // ephemerals that end with the session
	Ops            []jsonOp `json:"ops,omitempty"`
}

func newJSONTxn(t *proto.Txn, r *wal.InspectedRecord, data bool) jsonTxn {
	j := jsonTxn{
		Zxid: t.Zxid.String(), Time: timeText(t.Time), Session: t.Session.String(), Cxid: t.Cxid,
		jsonOp: newJSONOp(&t.Body, data), File: r.File, Offset: r.Offset, Bytes: r.Bytes,
	}
	if t.HasDigest {
		j.Digest = "0x" + strconv.FormatUint(t.Digest.Digest, 16)
	}
	return j
}

func newJSONOp(t *proto.TxnBody, data bool) jsonOp {
	j := jsonOp{Type: t.Type.String(), Path: string(t.Path)}
	switch t.Type {
	case proto.OpCreate, proto.OpCreate2, proto.OpCreateCont, proto.OpCreateTTL:
		j.ParentCversion = &t.Version
		j.ACL, j.Ephemeral, j.TTL = newJSONACL(t.ACL), t.Ephemeral, t.TTL
		j.setData(t.Data, data)
	case proto.OpSetData, proto.OpReconfig:
		j.Version = &t.Version
		j.setData(t.Data, data)
	case proto.OpSetACL:
		j.Aversion, j.ACL = &t.Version, newJSONACL(t.ACL)
	case proto.OpCheck:
		j.Version = &t.Version
	case proto.OpError:
		code := int32(t.Err)
		j.Code, j.Error = &code, t.Err.Error()
	case proto.OpCreateSession:
		j.Timeout = &t.Timeout
	case proto.OpCloseSession:
		for p := range t.ClosePaths() {
			j.Paths = append(j.Paths, string(p))
		}
	case proto.OpMulti:
		for sub, err := range t.Subs() {
			if err != nil {
				j.Ops = append(j.Ops, jsonOp{Type: sub.Type.String(), Error: err.Error()})
				break
			}
			j.Ops = append(j.Ops, newJSONOp(&sub, data))
		}
	}
	return j
}

func (j *jsonOp) setData(data []byte, show bool) {
	if data == nil {
		return
	}
	n := len(data)
	j.DataLength = &n
	if show {
		j.jsonValue = newJSONValue(data)
	}
}

// appendValues appends the data that a transaction carries to its line.
func appendValues(b []byte, t *proto.TxnBody) []byte {
	if t.Type != proto.OpMulti {
		if carriesData(t.Type) {
			b = append(append(b, " value="...), valueText(t.Data)...)
		}
		return b
	}
	i := 0
	for sub, err := range t.Subs() {
		if err == nil && carriesData(sub.Type) {
			b = append(b, " value["...)
			b = strconv.AppendInt(b, int64(i), 10)
			b = append(append(b, "]="...), valueText(sub.Data)...)
		}
		i++
	}
	return b
}

func carriesData(op proto.Op) bool {
	switch op {
	case proto.OpCreate, proto.OpCreate2, proto.OpCreateCont, proto.OpCreateTTL, proto.OpSetData, proto.OpReconfig:
		return true
	}
	return false
}
