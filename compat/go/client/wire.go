package client

import (
	"encoding/binary"
	"fmt"
)

// Op is the type of a request.
type Op int32

// The operations, as the protocol numbers them.
const (
	OpCreate          Op = 1
	OpDelete          Op = 2
	OpExists          Op = 3
	OpGetData         Op = 4
	OpSetData         Op = 5
	OpGetACL          Op = 6
	OpSetACL          Op = 7
	OpSync            Op = 9
	OpPing            Op = 11
	OpGetChildren2    Op = 12
	OpCheck           Op = 13
	OpMulti           Op = 14
	OpCreate2         Op = 15
	OpCreateContainer Op = 19
	OpCreateTTL       Op = 21
	OpAuth            Op = 100
	OpCloseSession    Op = -11
)

// Code is what a server answers when it refuses a request.
type Code int32

// The codes that tests look for.
const (
	CodeNoNode         Code = -101
	CodeNoAuth         Code = -102
	CodeBadVersion     Code = -103
	CodeNodeExists     Code = -110
	CodeNotEmpty       Code = -111
	CodeSessionExpired Code = -112
	CodeSessionMoved   Code = -118
)

func (c Code) Error() string {
	names := map[Code]string{CodeNoNode: "no node", CodeNoAuth: "no permission", CodeBadVersion: "bad version",
		CodeNodeExists: "node exists", CodeNotEmpty: "not empty", CodeSessionExpired: "session expired", CodeSessionMoved: "session moved"}
	if name, ok := names[c]; ok {
		return name
	}
	return fmt.Sprintf("error code %d", int32(c))
}

// Kinds of znodes, the flags of a create.
const (
	Persistent  int32 = 0
	Ephemeral   int32 = 1
	Sequential  int32 = 2
	Container   int32 = 4
	PersistTTL  int32 = 5
	allPerms    int32 = 31
	passwordLen       = 16
)

// Body is the encoding of a request without its header; methods append a field.
type Body []byte

// Int appends 4 bytes.
func (b Body) Int(v int32) Body { return binary.BigEndian.AppendUint32(b, uint32(v)) }

// Long appends 8 bytes.
func (b Body) Long(v int64) Body { return binary.BigEndian.AppendUint64(b, uint64(v)) }

// Bool appends 1 byte.
func (b Body) Bool(v bool) Body {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// Buffer appends a length and the bytes.
func (b Body) Buffer(v []byte) Body { return append(b.Int(int32(len(v))), v...) }

// String appends a length and the bytes.
func (b Body) String(v string) Body { return append(b.Int(int32(len(v))), v...) }

// Open appends an ACL that lets everyone do everything.
func (b Body) Open() Body { return b.Int(1).Int(allPerms).String("world").String("anyone") }

// Stat is what a server tells of a znode.
type Stat struct {
	Czxid, Mzxid, Ctime, Mtime  int64
	Version, Cversion, Aversion int32
	Owner                       int64
	DataLength, Children        int32
	Pzxid                       int64
}

// Reader reads the body of a reply. The first error sticks; fields read after it are zero.
type Reader struct {
	b   []byte
	err error
}

// Err returns the first error.
func (r *Reader) Err() error { return r.err }

func (r *Reader) take(n int) []byte {
	if r.err == nil && (n < 0 || n > len(r.b)) {
		r.err = fmt.Errorf("reply is too short: %d bytes wanted, %d left", n, len(r.b))
	}
	if r.err != nil {
		return make([]byte, 8)
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

// Int reads 4 bytes.
func (r *Reader) Int() int32 { return int32(binary.BigEndian.Uint32(r.take(4))) }

// Long reads 8 bytes.
func (r *Reader) Long() int64 { return int64(binary.BigEndian.Uint64(r.take(8))) }

// Bool reads 1 byte.
func (r *Reader) Bool() bool { return r.take(1)[0] != 0 }

// Buffer reads a length and so many bytes, which stay good; a null buffer is nil.
func (r *Reader) Buffer() []byte {
	n := r.Int()
	if n < 0 || r.err != nil {
		return nil
	}
	v := r.take(int(n))
	if r.err != nil {
		return nil
	}
	return v
}

// String reads a length and so many bytes.
func (r *Reader) String() string { return string(r.Buffer()) }

// Strings reads a list.
func (r *Reader) Strings() []string {
	var v []string
	for n := r.Int(); n > 0 && r.err == nil; n-- {
		v = append(v, r.String())
	}
	return v
}

// Stat reads a znode's stat.
func (r *Reader) Stat() Stat {
	return Stat{
		Czxid: r.Long(), Mzxid: r.Long(), Ctime: r.Long(), Mtime: r.Long(),
		Version: r.Int(), Cversion: r.Int(), Aversion: r.Int(), Owner: r.Long(),
		DataLength: r.Int(), Children: r.Int(), Pzxid: r.Long(),
	}
}

// ACL reads an access control list and renders it.
func (r *Reader) ACL() string {
	s := ""
	for n := r.Int(); n > 0 && r.err == nil; n-- {
		perms, scheme, id := r.Int(), r.String(), r.String()
		s += fmt.Sprintf("%s:%s:%d ", scheme, id, perms)
	}
	return s
}
