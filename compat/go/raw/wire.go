package raw

import (
	"encoding/binary"
	"fmt"
)

// Op codes of requests.
const (
	opCreate          = 1
	opDelete          = 2
	opExists          = 3
	opGetData         = 4
	opSetData         = 5
	opGetACL          = 6
	opSetACL          = 7
	opGetChildren     = 8
	opSync            = 9
	opPing            = 11
	opGetChildren2    = 12
	opCheck           = 13
	opMulti           = 14
	opCreate2         = 15
	opReconfig        = 16
	opCheckWatches    = 17
	opRemoveWatches   = 18
	opCreateContainer = 19
	opDeleteContainer = 20
	opCreateTTL       = 21
	opMultiRead       = 22
	opAuth            = 100
	opSetWatches      = 101
	opGetEphemerals   = 103
	opGetAllChildren  = 104
	opSetWatches2     = 105
	opAddWatch        = 106
	opWhoAmI          = 107
	opCloseSession    = -11
)

// Error codes of replies.
const (
	ok                      = 0
	errRuntimeInconsistency = -2
	errMarshalling          = -5
	errUnimplemented        = -6
	errBadArguments         = -8
	errNoNode               = -101
	errNoAuth               = -102
	errBadVersion           = -103
	errEphemeralParent      = -108
	errNodeExists           = -110
	errNotEmpty             = -111
	errSessionExpired       = -112
	errInvalidACL           = -114
	errAuthFailed           = -115
	errNoWatcher            = -121
	errReconfigDisabled     = -123
	errQuota                = -125
)

// Create flags.
const (
	persistent           = 0
	ephemeral            = 1
	sequential           = 2
	ephemeralSequential  = 3
	container            = 4
	persistentTTL        = 5
	persistentSequentTTL = 6
)

// Event types.
const (
	nodeCreated         = 1
	nodeDeleted         = 2
	nodeDataChanged     = 3
	nodeChildrenChanged = 4
)

// Permission bits.
const (
	permRead = 1 << iota
	permWrite
	permCreate
	permDelete
	permAdmin
	permAll = 31
)

// Xids with a meaning of their own.
const (
	xidEvent = -1
	xidPing  = -2
	xidAuth  = -4
)

type acl struct {
	perms      int32
	scheme, id string
}

var open = []acl{{permAll, "world", "anyone"}}

// enc appends encoded fields.
type enc []byte

func (e enc) i32(v int32) enc { return binary.BigEndian.AppendUint32(e, uint32(v)) }
func (e enc) i64(v int64) enc { return binary.BigEndian.AppendUint64(e, uint64(v)) }
func (e enc) bool(v bool) enc {
	if v {
		return append(e, 1)
	}
	return append(e, 0)
}

// buf appends a buffer; nil becomes the null buffer (length -1).
func (e enc) buf(v []byte) enc {
	if v == nil {
		return e.i32(-1)
	}
	return append(e.i32(int32(len(v))), v...)
}
func (e enc) str(v string) enc { return append(e.i32(int32(len(v))), v...) }
func (e enc) null() enc        { return e.i32(-1) }
func (e enc) strs(v ...string) enc {
	e = e.i32(int32(len(v)))
	for _, s := range v {
		e = e.str(s)
	}
	return e
}
func (e enc) acls(v []acl) enc {
	e = e.i32(int32(len(v)))
	for _, a := range v {
		e = e.i32(a.perms).str(a.scheme).str(a.id)
	}
	return e
}

// dec reads encoded fields; the first error sticks.
type dec struct {
	b   []byte
	err error
}

func (d *dec) take(n int) []byte {
	if d.err != nil || n < 0 || n > len(d.b) {
		if d.err == nil {
			d.err = fmt.Errorf("%d bytes wanted, %d left", n, len(d.b))
		}
		return make([]byte, max(n, 0))
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

func (d *dec) i32() int32 { return int32(binary.BigEndian.Uint32(d.take(4))) }
func (d *dec) i64() int64 { return int64(binary.BigEndian.Uint64(d.take(8))) }
func (d *dec) bool() bool { return d.take(1)[0] != 0 }

func (d *dec) buf() []byte {
	n := d.i32()
	if n == -1 || d.err != nil {
		return nil
	}
	if n < 0 || int(n) > len(d.b) {
		d.err = fmt.Errorf("buffer of %d bytes, %d left", n, len(d.b))
		return nil
	}
	return append([]byte{}, d.take(int(n))...)
}

func (d *dec) str() string { return string(d.buf()) }

func (d *dec) strs() []string {
	v := []string{}
	for n := d.i32(); n > 0 && d.err == nil; n-- {
		v = append(v, d.str())
	}
	return v
}

func (d *dec) acls() []acl {
	v := []acl{}
	for n := d.i32(); n > 0 && d.err == nil; n-- {
		v = append(v, acl{d.i32(), d.str(), d.str()})
	}
	return v
}

type stat struct {
	Czxid, Mzxid, Ctime, Mtime  int64
	Version, Cversion, Aversion int32
	EphemeralOwner              int64
	DataLength, NumChildren     int32
	Pzxid                       int64
}

func (d *dec) stat() stat {
	return stat{
		Czxid: d.i64(), Mzxid: d.i64(), Ctime: d.i64(), Mtime: d.i64(),
		Version: d.i32(), Cversion: d.i32(), Aversion: d.i32(),
		EphemeralOwner: d.i64(), DataLength: d.i32(), NumChildren: d.i32(),
		Pzxid: d.i64(),
	}
}

// Request bodies.

func create(path string, data []byte, acls []acl, flags int32) enc {
	return enc{}.str(path).buf(data).acls(acls).i32(flags)
}

func createTTL(path string, data []byte, acls []acl, flags int32, ttl int64) enc {
	return create(path, data, acls, flags).i64(ttl)
}

func pathVersion(path string, version int32) enc { return enc{}.str(path).i32(version) }

func setData(path string, data []byte, version int32) enc {
	return enc{}.str(path).buf(data).i32(version)
}

func setACL(path string, acls []acl, version int32) enc {
	return enc{}.str(path).acls(acls).i32(version)
}

func pathWatch(path string, watch bool) enc { return enc{}.str(path).bool(watch) }

func onlyPath(path string) enc { return enc{}.str(path) }

func auth(scheme, data string) enc { return enc{}.i32(0).str(scheme).buf([]byte(data)) }

// sub is one operation of a multi.
type sub struct {
	op   int32
	body enc
}

func multi(subs ...sub) enc {
	e := enc{}
	for _, s := range subs {
		e = append(e.i32(s.op).bool(false).i32(-1), s.body...)
	}
	return e.i32(-1).bool(true).i32(-1)
}

// subResult is one entry of a multi's reply.
type subResult struct {
	op, err int32
	path    string
	stat    stat
	data    []byte
	names   []string
}

// multiResults decodes the reply body of a multi or multiRead.
func (d *dec) multiResults() []subResult {
	var results []subResult
	for d.err == nil {
		r := subResult{op: d.i32()}
		done := d.bool()
		r.err = d.i32()
		if done {
			if r.op != -1 || r.err != -1 {
				d.err = fmt.Errorf("terminator is (%d, 1, %d)", r.op, r.err)
			}
			break
		}
		switch r.op {
		case -1:
			if again := d.i32(); again != r.err {
				d.err = fmt.Errorf("entry %d: header says %d, record %d", len(results), r.err, again)
			}
		case opCreate:
			r.path = d.str()
		case opCreate2:
			r.path, r.stat = d.str(), d.stat()
		case opSetData:
			r.stat = d.stat()
		case opGetData:
			r.data, r.stat = d.buf(), d.stat()
		case opGetChildren:
			r.names = d.strs()
		case opDelete, opCheck:
		default:
			d.err = fmt.Errorf("entry %d has type %d", len(results), r.op)
		}
		results = append(results, r)
	}
	return results
}
