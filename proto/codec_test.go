package proto

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// A codec is a record's decoder and encoder, for the tests that treat all records alike.
type codec struct {
	decode func(*Decoder) any
	encode func([]byte, any) []byte
}

func byValue[T any](decode func(*Decoder) T, encode func([]byte, T) []byte) codec {
	return codec{
		func(d *Decoder) any { return decode(d) },
		func(b []byte, v any) []byte { return encode(b, v.(T)) },
	}
}

func byPointer[T any](decode func(*Decoder) T, encode func([]byte, *T) []byte) codec {
	return byValue(decode, func(b []byte, v T) []byte { return encode(b, &v) })
}

func byOp[T any](op Op, decode func(*Decoder, Op) T, encode func([]byte, Op, *T) []byte) codec {
	return byValue(func(d *Decoder) T { return decode(d, op) }, func(b []byte, v T) []byte { return encode(b, op, &v) })
}

var (
	noBody       = codec{func(*Decoder) any { return nil }, func(b []byte, _ any) []byte { return b }}
	bufferCodec  = byValue((*Decoder).Buffer, AppendBuffer)
	stringsCodec = byValue((*Decoder).Strings, AppendStrings)
	statCodec    = byPointer((*Decoder).Stat, AppendStat)
	int32Codec   = byValue((*Decoder).Int32, AppendInt32)
	watchCodec   = byValue((*Decoder).PathWatch, AppendPathWatch)
	versionCodec = byValue((*Decoder).PathVersion, AppendPathVersion)
	typeCodec    = byValue((*Decoder).PathType, AppendPathType)
	setDataCodec = byPointer((*Decoder).SetData, AppendSetData)
	aclsCodec    = byValue((*Decoder).ACLs, AppendACLs)
)

// withStat is a reply of one thing and a Stat.
type withStat struct {
	What any
	Stat Stat
}

func andStat(c codec) codec {
	return codec{
		func(d *Decoder) any { return withStat{c.decode(d), d.Stat()} },
		func(b []byte, v any) []byte {
			w := v.(withStat)
			return AppendStat(c.encode(b, w.What), &w.Stat)
		},
	}
}

// requestCodecs are the bodies of requests. An operation that is missing has no body.
var requestCodecs = map[Op]codec{
	OpCreate:         byOp(OpCreate, (*Decoder).CreateRequest, AppendCreateRequest),
	OpCreate2:        byOp(OpCreate2, (*Decoder).CreateRequest, AppendCreateRequest),
	OpCreateCont:     byOp(OpCreateCont, (*Decoder).CreateRequest, AppendCreateRequest),
	OpCreateTTL:      byOp(OpCreateTTL, (*Decoder).CreateRequest, AppendCreateRequest),
	OpDelete:         versionCodec,
	OpCheck:          versionCodec,
	OpExists:         watchCodec,
	OpGetData:        watchCodec,
	OpGetChildren:    watchCodec,
	OpGetChildren2:   watchCodec,
	OpSetData:        setDataCodec,
	OpGetACL:         bufferCodec,
	OpSetACL:         byPointer((*Decoder).SetACL, AppendSetACL),
	OpSync:           bufferCodec,
	OpCheckWatches:   typeCodec,
	OpRemoveWatches:  typeCodec,
	OpAddWatch:       byValue((*Decoder).AddWatch, AppendAddWatch),
	OpSetWatches:     byOp(OpSetWatches, (*Decoder).SetWatches, AppendSetWatches),
	OpSetWatches2:    byOp(OpSetWatches2, (*Decoder).SetWatches, AppendSetWatches),
	OpAuth:           byPointer((*Decoder).Auth, AppendAuth),
	OpSASL:           bufferCodec,
	OpGetEphemerals:  bufferCodec,
	OpAllChildrenNum: bufferCodec,
	OpReconfig:       byPointer((*Decoder).Reconfig, AppendReconfig),
	OpCreateSession:  int32Codec,
	OpDeleteCont:     bufferCodec,
}

// replyCodecs are the bodies of replies without an error.
var replyCodecs = map[Op]codec{
	OpCreate:         bufferCodec,
	OpCreate2:        andStat(bufferCodec),
	OpCreateCont:     andStat(bufferCodec),
	OpCreateTTL:      andStat(bufferCodec),
	OpExists:         statCodec,
	OpSetData:        statCodec,
	OpSetACL:         statCodec,
	OpGetData:        andStat(bufferCodec),
	OpGetACL:         andStat(aclsCodec),
	OpReconfig:       andStat(bufferCodec),
	OpGetChildren:    stringsCodec,
	OpGetChildren2:   andStat(stringsCodec),
	OpSync:           bufferCodec,
	OpSASL:           bufferCodec,
	OpAddWatch:       int32Codec,
	OpGetEphemerals:  stringsCodec,
	OpAllChildrenNum: int32Codec,
	OpWhoAmI:         byValue((*Decoder).Identities, AppendIdentities),
}

// multiItem is one operation of a multi or its result.
type multiItem struct {
	MultiHeader
	Body any
}

// multiCodec is the sequence of items up to the one that is done, each with a body out of codecs.
func multiCodec(codecs map[Op]codec) codec {
	bodyOf := func(h MultiHeader) codec {
		if h.Done {
			return noBody
		}
		if h.Op == OpError {
			return int32Codec
		}
		if c, ok := codecs[h.Op]; ok {
			return c
		}
		return noBody
	}
	return codec{
		func(d *Decoder) any {
			items := []multiItem{}
			for {
				it := multiItem{MultiHeader: d.MultiHeader()}
				if d.Err() != nil {
					return items
				}
				it.Body = bodyOf(it.MultiHeader).decode(d)
				items = append(items, it)
				if it.Done {
					return items
				}
			}
		},
		func(b []byte, v any) []byte {
			for _, it := range v.([]multiItem) {
				b = AppendMultiHeader(b, it.MultiHeader)
				b = bodyOf(it.MultiHeader).encode(b, it.Body)
			}
			return b
		},
	}
}

func bodyCodec(codecs map[Op]codec, op Op) codec {
	if op == OpMulti || op == OpMultiRead {
		return multiCodec(codecs)
	}
	if c, ok := codecs[op]; ok {
		return c
	}
	return noBody
}

// framed is a header with its body.
type framed struct {
	Header, Body any
}

// requestCodec is a whole frame of a client.
var requestCodec = codec{
	func(d *Decoder) any {
		h := d.RequestHeader()
		return framed{h, bodyCodec(requestCodecs, h.Op).decode(d)}
	},
	func(b []byte, v any) []byte {
		h := v.(framed).Header.(RequestHeader)
		return bodyCodec(requestCodecs, h.Op).encode(AppendRequestHeader(b, h.Xid, h.Op), v.(framed).Body)
	},
}

// replyCodec is a whole frame that answers op.
func replyCodec(op Op) codec {
	body := func(h ReplyHeader) codec {
		if h.Err != OK {
			return noBody
		}
		return bodyCodec(replyCodecs, op)
	}
	return codec{
		func(d *Decoder) any {
			h := d.ReplyHeader()
			return framed{h, body(h).decode(d)}
		},
		func(b []byte, v any) []byte {
			h := v.(framed).Header.(ReplyHeader)
			return body(h).encode(AppendReplyHeader(b, h), v.(framed).Body)
		},
	}
}

// eventCodec is a whole notification frame.
var eventCodec = codec{
	func(d *Decoder) any { return framed{d.ReplyHeader(), d.WatcherEvent()} },
	func(b []byte, v any) []byte {
		h, e := v.(framed).Header.(ReplyHeader), v.(framed).Body.(WatcherEvent)
		b = AppendReplyHeader(b, h)
		return AppendBuffer(AppendInt32(AppendInt32(b, int32(e.Type)), e.State), e.Path)
	},
}

// packetCodec is a QuorumPacket with the record in its data.
var packetCodec = codec{
	func(d *Decoder) any {
		p := d.QuorumPacket()
		if d.Err() != nil || p.Data == nil {
			return framed{p, nil}
		}
		data := NewDecoder(p.Data)
		v := packetDataCodec(p).decode(&data)
		if data.Err() != nil {
			d.fail(data.Err())
			return framed{p, nil}
		}
		p.Data = packetDataCodec(p).encode([]byte{}, v) // without what Apache ignores
		return framed{p, v}
	},
	func(b []byte, v any) []byte {
		p := v.(framed).Header.(QuorumPacket)
		return AppendQuorumPacket(b, &p)
	},
}

// activation is the data of INFORMANDACTIVATE.
type activation struct {
	Leader ServerID
	Txn    Txn
}

func packetDataCodec(p QuorumPacket) codec {
	switch p.Type {
	case PacketRequest:
		return byPointer((*Decoder).Forwarded, AppendForwarded)
	case PacketProposal, PacketInform:
		return txnCodec
	case PacketPing:
		return repeatedCodec(byValue((*Decoder).SessionTimeout, AppendSessionTimeout))
	case PacketRevalidate:
		if len(p.Data) == SessionTimeoutBytes {
			return byValue((*Decoder).SessionTimeout, AppendSessionTimeout)
		}
		return byValue((*Decoder).SessionValidity, AppendSessionValidity)
	case PacketCommitAndActivate:
		return byValue((*Decoder).Int64, AppendInt64)
	case PacketFollowerInfo, PacketObserverInfo:
		return byValue((*Decoder).LearnerInfo, AppendLearnerInfo)
	case PacketLeaderInfo, PacketAckEpoch:
		return int32Codec
	case PacketInformAndActivate:
		return byPointer(
			func(d *Decoder) activation {
				return activation{ServerID(d.Int64()), txnCodec.decode(d).(Txn)}
			},
			func(b []byte, a *activation) []byte { return AppendTxn(AppendInt64(b, int64(a.Leader)), &a.Txn) },
		)
	}
	return byValue(func(d *Decoder) []byte { return d.take(d.Len()) }, func(b, v []byte) []byte { return append(b, v...) })
}

// txnCodec takes up all that remains, as DecodeTxn does.
var txnCodec = byPointer(func(d *Decoder) Txn {
	t, err := DecodeTxn(d.take(d.Len()))
	if err != nil {
		d.fail(err)
	}
	return t
}, AppendTxn)

// repeatedCodec is records up to the end of the data.
func repeatedCodec(c codec) codec {
	return codec{
		func(d *Decoder) any {
			items := []any{}
			for d.Len() > 0 {
				items = append(items, c.decode(d))
			}
			return items
		},
		func(b []byte, v any) []byte {
			for _, it := range v.([]any) {
				b = c.encode(b, it)
			}
			return b
		},
	}
}

// snapshotText is what follows a SNAP packet.
type snapshotText struct {
	Sessions []SessionTimeout
	ACLs     []SnapshotACL
	Nodes    []SnapshotNode
	End      []byte
}

var snapshotCodec = byPointer(
	func(d *Decoder) (s snapshotText) {
		for n := d.Int32(); n > 0 && d.Err() == nil; n-- {
			s.Sessions = append(s.Sessions, d.SessionTimeout())
		}
		for n := d.Int32(); n > 0 && d.Err() == nil; n-- {
			s.ACLs = append(s.ACLs, d.SnapshotACL())
		}
		for {
			n, ok := d.SnapshotNode()
			if !ok {
				break
			}
			s.Nodes = append(s.Nodes, n)
		}
		s.End = d.Buffer()
		return s
	},
	func(b []byte, s *snapshotText) []byte {
		b = AppendInt32(b, int32(len(s.Sessions)))
		for _, r := range s.Sessions {
			b = AppendSessionTimeout(b, r)
		}
		b = AppendInt32(b, int32(len(s.ACLs)))
		for _, r := range s.ACLs {
			b = AppendSnapshotACL(b, r)
		}
		for i := range s.Nodes {
			b = AppendSnapshotNode(b, &s.Nodes[i])
		}
		return AppendBuffer(AppendSnapshotEnd(b), s.End)
	},
)

// checkStable fails the test unless what was decoded from b, encoded and decoded once more, is the same.
func checkStable(t testing.TB, c codec, b []byte) {
	d := NewDecoder(b)
	v := c.decode(&d)
	if d.Err() != nil {
		return
	}
	again := c.encode(nil, v)
	d = NewDecoder(again)
	w := c.decode(&d)
	if d.Err() != nil {
		t.Fatalf("%x encoded as %x, which does not decode: %v", b, again, d.Err())
	}
	if d.Len() != 0 {
		t.Fatalf("%x encoded as %x, of which %d bytes are too many", b, again, d.Len())
	}
	if !reflect.DeepEqual(v, w) {
		t.Fatalf("%x encoded as %x changes: %s", b, again, cmp.Diff(show(v), show(w)))
	}
	if third := c.encode(nil, w); string(third) != string(again) {
		t.Fatalf("%x encoded as %x, then as %x", b, again, third)
	}
}

// show renders a record for comparison and for the golden files: fields that are zero are left out, null
// and empty are told apart.
func show(v any) string {
	var b strings.Builder
	showValue(&b, reflect.ValueOf(v))
	return b.String()
}

func showValue(b *strings.Builder, v reflect.Value) {
	if !v.IsValid() {
		return
	}
	switch x := v.Interface().(type) {
	case Txn:
		fmt.Fprint(b, &x, showTxnData(&x.Body))
		return
	case QuorumPacket:
		b.WriteString(x.String())
		return
	case []byte:
		b.WriteString(showBytes(x))
		return
	case Code:
		fmt.Fprintf(b, "%d %q", int32(x), x.Error())
		return
	case fmt.Stringer:
		b.WriteString(x.String())
		return
	}
	switch v.Kind() {
	case reflect.Interface:
		showValue(b, v.Elem())
	case reflect.Slice:
		if v.IsNil() {
			b.WriteString("null")
			return
		}
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteString(", ")
			}
			showValue(b, v.Index(i))
		}
		b.WriteByte(']')
	case reflect.Struct:
		showStruct(b, v)
	default:
		fmt.Fprint(b, v.Interface())
	}
}

func showStruct(b *strings.Builder, v reflect.Value) {
	var fields []string
	for i := range v.NumField() {
		f := v.Field(i)
		if f.IsZero() && f.Kind() != reflect.Slice {
			continue
		}
		var s strings.Builder
		showValue(&s, f)
		fields = append(fields, v.Type().Field(i).Name+"="+s.String())
	}
	fmt.Fprintf(b, "{%s}", strings.Join(fields, " "))
}

// showTxnData renders the data that a transaction's own text leaves out.
func showTxnData(t *TxnBody) string {
	s := ""
	if t.Data != nil {
		s = " data:" + showBytes(t.Data)
	}
	for sub, err := range t.Subs() {
		if err == nil {
			s += showTxnData(&sub)
		}
	}
	return s
}

// showBytes quotes text and writes anything else in hexadecimal.
func showBytes(p []byte) string {
	if p == nil {
		return "null"
	}
	text := utf8.Valid(p) && strings.IndexFunc(string(p), func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' }) < 0
	if !text {
		return fmt.Sprintf("0x%x", p)
	}
	return strconv.Quote(string(p))
}
