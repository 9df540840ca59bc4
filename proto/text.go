package proto

import (
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"
)

// The text forms are one line each, for log dumps, test files and error messages. They show sizes of
// data and never data itself, and nothing in them can break the line.

// String renders a list as zkCli writes it, for instance "world:anyone:cdrwa,ip:127.0.0.1:r"; "null" and
// "none" are the null and the empty list.
func (l ACLs) String() string { return string(l.appendText(nil)) }

func (l ACLs) appendText(b []byte) []byte {
	switch {
	case l == nil:
		return append(b, "null"...)
	case l.Len() == 0:
		return append(b, "none"...)
	}
	first := true
	for e := range l.All() {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = e.appendText(b)
	}
	return b
}

// String renders an entry as scheme:id:perms.
func (e ACL) String() string { return string(e.appendText(nil)) }

func (e ACL) appendText(b []byte) []byte {
	return appendPerms(append(e.Identity.appendText(b), ':'), e.Perms)
}

// appendPerms appends the letters of zkCli, or the number if there are bits without a letter.
func appendPerms(b []byte, perms int32) []byte {
	if perms&^PermAll != 0 {
		return strconv.AppendInt(b, int64(perms), 10)
	}
	for _, p := range [...]struct {
		bit    int32
		letter byte
	}{{PermCreate, 'c'}, {PermDelete, 'd'}, {PermRead, 'r'}, {PermWrite, 'w'}, {PermAdmin, 'a'}} {
		if perms&p.bit != 0 {
			b = append(b, p.letter)
		}
	}
	return b
}

// String renders an identity as scheme:id.
func (id Identity) String() string { return string(id.appendText(nil)) }

func (id Identity) appendText(b []byte) []byte {
	b = appendWord(b, id.Scheme)
	b = append(b, ':')
	return appendWord(b, id.ID)
}

// String renders a list as "scheme:id,scheme:id"; "null" and "none" are the null and the empty list.
func (l Identities) String() string {
	switch {
	case l == nil:
		return "null"
	case l.Len() == 0:
		return "none"
	}
	var b []byte
	for id := range l.All() {
		if b != nil {
			b = append(b, ',')
		}
		b = id.appendText(b)
	}
	return string(b)
}

// appendWord appends w as it is if that is unambiguous, else quoted; null is <null>.
func appendWord(b, w []byte) []byte {
	if w == nil {
		return append(b, "<null>"...)
	}
	for i := 0; i < len(w); {
		r, n := utf8.DecodeRune(w[i:])
		if r == utf8.RuneError || !unicode.IsGraphic(r) || r == ' ' || r == ',' || r == '"' {
			return strconv.AppendQuote(b, string(w))
		}
		i += n
	}
	return append(b, w...)
}

// String renders t on one line, for instance:
//
//	0x11 2026-11-22T11:47:14.168Z session=0x100002a cxid=3 create "/a" data=3 acl=world:anyone:cdrwa cversion=1 digest=0x51c6
func (t *Txn) String() string {
	b := append(make([]byte, 0, 160), t.Zxid.String()...)
	b = append(b, ' ')
	b = time.UnixMilli(t.Time).UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	b = append(b, " session="...)
	b = append(b, t.Session.String()...)
	b = appendField(b, "cxid", int64(t.Cxid))
	b = append(b, ' ')
	b = t.Body.appendText(b)
	if t.HasDigest {
		b = append(b, " digest=0x"...)
		b = strconv.AppendUint(b, t.Digest.Digest, 16)
	}
	return string(b)
}

// String renders t on one line, for instance `delete "/a"`.
func (t *TxnBody) String() string { return string(t.appendText(nil)) }

func (t *TxnBody) appendText(b []byte) []byte {
	b = append(b, t.Type.String()...)
	switch t.Type {
	case OpCreate, OpCreate2, OpCreateCont, OpCreateTTL:
		b = appendACLField(appendData(appendPath(b, t.Path), t.Data), t.ACL)
		if t.Ephemeral {
			b = append(b, " ephemeral"...)
		}
		b = appendField(b, "cversion", int64(t.Version))
		if t.Type == OpCreateTTL {
			b = appendField(b, "ttl", t.TTL)
		}
	case OpDelete, OpDeleteCont:
		b = appendPath(b, t.Path)
	case OpSetData, OpReconfig:
		b = appendField(appendData(appendPath(b, t.Path), t.Data), "version", int64(t.Version))
	case OpSetACL:
		b = appendField(appendACLField(appendPath(b, t.Path), t.ACL), "aversion", int64(t.Version))
	case OpCheck:
		b = appendField(appendPath(b, t.Path), "version", int64(t.Version))
	case OpError:
		b = appendField(b, "code", int64(t.Err))
	case OpCreateSession:
		b = appendField(b, "timeout", int64(t.Timeout))
	case OpCloseSession:
		for p := range t.ClosePaths() {
			b = appendPath(b, p)
		}
	case OpMulti:
		b = t.appendSubsText(b)
	}
	return b
}

func (t *TxnBody) appendSubsText(b []byte) []byte {
	b = append(b, " ["...)
	first := true
	for sub, err := range t.Subs() {
		if !first {
			b = append(b, "; "...)
		}
		first = false
		if err != nil {
			b = append(b, err.Error()...)
			break
		}
		b = sub.appendText(b)
	}
	return append(b, ']')
}

func appendField(b []byte, name string, v int64) []byte {
	b = append(b, ' ')
	b = append(b, name...)
	b = append(b, '=')
	return strconv.AppendInt(b, v, 10)
}

func appendPath(b, path []byte) []byte {
	if path == nil {
		return append(b, " <null>"...)
	}
	return strconv.AppendQuote(append(b, ' '), string(path))
}

func appendData(b, data []byte) []byte {
	if data == nil {
		return append(b, " data=null"...)
	}
	return appendField(b, "data", int64(len(data)))
}

func appendACLField(b []byte, l ACLs) []byte {
	return l.appendText(append(b, " acl="...))
}

// String renders p on one line, for instance "PROPOSAL 0x100000003 data=97".
func (p *QuorumPacket) String() string {
	b := append([]byte(p.Type.String()), ' ')
	b = append(b, p.Zxid.String()...)
	b = appendData(b, p.Data)
	if p.Auth != nil {
		b = append(b, " auth="...)
		b = append(b, p.Auth.String()...)
	}
	return string(b)
}
