package inspect

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"gamekeeper/proto"
)

// rfc3339 is how times are written: in UTC, to the millisecond.
const rfc3339 = "2006-01-02T15:04:05.000Z"

// timeText writes a time in milliseconds since the Unix epoch.
func timeText(ms int64) string { return time.UnixMilli(ms).UTC().Format(rfc3339) }

// printable says whether data is text that a terminal shows as it is, line ends and tabs included.
func printable(data []byte) bool {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n <= 1 || !unicode.IsPrint(r) && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
		i += n
	}
	return true
}

// valueText writes data as a quoted string, or as base64 if it is not text.
func valueText(data []byte) string {
	switch {
	case data == nil:
		return "null"
	case printable(data):
		return strconv.Quote(string(data))
	}
	return "base64:" + base64.StdEncoding.EncodeToString(data)
}

// jsonValue is data in JSON: one of its fields is set, none if there is no data or it is not asked for.
type jsonValue struct {
	Text   *string `json:"data,omitempty"`
	Base64 *string `json:"data_base64,omitempty"`
}

func newJSONValue(data []byte) (v jsonValue) {
	if data == nil {
		return v
	}
	if printable(data) {
		s := string(data)
		v.Text = &s
	} else {
		s := base64.StdEncoding.EncodeToString(data)
		v.Base64 = &s
	}
	return v
}

// jsonACL is an entry of an ACL list. Perms is as zkCli writes it.
type jsonACL struct {
	Scheme string `json:"scheme"`
	ID     string `json:"id"`
	Perms  string `json:"perms"`
}

func newJSONACL(l proto.ACLs) []jsonACL {
	var list []jsonACL
	for e := range l.All() {
		perms := e.String()
		perms = perms[len(e.Identity.String())+1:]
		list = append(list, jsonACL{string(e.Scheme), string(e.ID), perms})
	}
	return list
}

// aclText writes an ACL list in its encoding.
func aclText(l string) string { return proto.ACLs(l).String() }
