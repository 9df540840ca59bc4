package tree

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"gamekeeper/proto"
)

// A stored record is a znode without its path, for a store that keeps the tree. Its children are not in
// it, nor anything else that can be derived.
//
//	0  format version in the high half, flags in the low half
//	   czxid                   varint
//	   mzxid, pzxid            each as what it is beyond czxid, signed varint
//	   ctime                   signed varint
//	   mtime                   as what it is beyond ctime, signed varint
//	   version, raw cversion, aversion   signed varints
//	   owner                   8 bytes, little-endian, if flagged
//	   length of the ACL list, varint, and the list in its encoding, unless it is flagged as the open one
//	   data                    the rest
//
// So a record takes some twenty-five bytes beyond the data, and one that was never changed holds mostly
// zeros there.
const (
	storedVersion = 1

	storedNull  = 1 << 0 // the data is null
	storedOpen  = 1 << 1 // the ACL list is the open one
	storedOwner = 1 << 2
)

// AppendRecord appends n's stored record.
func (t *Tree) AppendRecord(b []byte, n NodeID) []byte {
	r := t.records.at(n)
	s := Stored{Meta: Meta{
		Czxid: r.czxid, Mzxid: r.mzxid, Pzxid: r.pzxid, Ctime: r.ctime, Mtime: r.mtime,
		Version: r.version, RawCversion: r.rawCversion, Aversion: r.aversion, Owner: r.owner,
	}, Data: t.data(r)}
	if id := r.aclID(); id != OpenACLID {
		s.ACLs = t.acls.lists[id]
	}
	return AppendStored(b, &s)
}

// MetaOf is what s says of a znode.
func MetaOf(s *proto.StatPersisted) Meta {
	return Meta{
		Czxid: s.Czxid, Mzxid: s.Mzxid, Pzxid: s.Pzxid, Ctime: s.Ctime, Mtime: s.Mtime,
		Version: s.Version, RawCversion: s.Cversion, Aversion: s.Aversion, Owner: int64(s.EphemeralOwner),
	}
}

// Persisted is the reverse of MetaOf.
func (m *Meta) Persisted() proto.StatPersisted {
	return proto.StatPersisted{
		Czxid: m.Czxid, Mzxid: m.Mzxid, Ctime: m.Ctime, Mtime: m.Mtime, Version: m.Version,
		Cversion: m.RawCversion, Aversion: m.Aversion, EphemeralOwner: proto.SessionID(m.Owner), Pzxid: m.Pzxid,
	}
}

// AppendStored appends the record of s. ACLs may be nil for the open list; what Meta derives is not looked at.
func AppendStored(b []byte, s *Stored) []byte {
	head := byte(storedVersion << 4)
	open := s.ACLs == nil || string(s.ACLs) == string(proto.OpenACL)
	if s.Data == nil {
		head |= storedNull
	}
	if open {
		head |= storedOpen
	}
	if s.Owner != 0 {
		head |= storedOwner
	}
	b = append(b, head)
	b = binary.AppendUvarint(b, uint64(s.Czxid))
	b = binary.AppendVarint(b, int64(s.Mzxid-s.Czxid))
	b = binary.AppendVarint(b, int64(s.Pzxid-s.Czxid))
	b = binary.AppendVarint(b, s.Ctime)
	b = binary.AppendVarint(b, s.Mtime-s.Ctime)
	b = binary.AppendVarint(b, int64(s.Version))
	b = binary.AppendVarint(b, int64(s.RawCversion))
	b = binary.AppendVarint(b, int64(s.Aversion))
	if s.Owner != 0 {
		b = binary.LittleEndian.AppendUint64(b, uint64(s.Owner))
	}
	if !open {
		b = binary.AppendUvarint(b, uint64(len(s.ACLs)))
		b = append(b, s.ACLs...)
	}
	return append(b, s.Data...)
}

// Stored is a decoded record. Its slices are those of the record.
type Stored struct {
	Meta // but for what is derived: NumChildren, ACL, PathDataCRC and Exempt are zero
	// ACLs is the list; proto.OpenACL if it was flagged as that.
	ACLs proto.ACLs
	// Data is nil if it is null.
	Data []byte
}

var (
	errStoredShort   = errors.New("record ends early")
	errStoredRange   = errors.New("record holds a number out of range")
	errStoredACL     = errors.New("record holds a malformed acl list")
	errStoredTooLong = errors.New("record is too long")
)

// DecodeRecord decodes a stored record.
func DecodeRecord(rec []byte) (s Stored, err error) {
	var e Entry
	if err := e.decode(rec); err != nil {
		return s, err
	}
	if !e.open {
		if err := checkACLs(e.acl); err != nil {
			return s, err
		}
	}
	s.Meta = Meta{
		Czxid: e.s.czxid, Mzxid: e.s.mzxid, Pzxid: e.s.pzxid, Ctime: e.s.ctime, Mtime: e.s.mtime,
		Version: e.s.version, RawCversion: e.s.rawCversion, Aversion: e.s.aversion, Owner: e.s.owner,
		DataLength: int32(len(e.data)),
	}
	s.ACLs, s.Data = e.acl, e.data
	if e.open {
		s.ACLs = proto.OpenACL
	}
	return s, nil
}

// decode reads a record into the fields that it has. The ACL list is not looked into.
func (e *Entry) decode(rec []byte) error {
	if len(rec) == 0 {
		return errStoredShort
	}
	head := rec[0]
	if head>>4 != storedVersion {
		return fmt.Errorf("record has format version %d, this program reads %d", head>>4, storedVersion)
	}
	d := storedDecoder{rec[1:], false}
	e.s.czxid = proto.Zxid(d.uvarint())
	e.s.mzxid = e.s.czxid + proto.Zxid(d.varint())
	e.s.pzxid = e.s.czxid + proto.Zxid(d.varint())
	e.s.ctime = d.varint()
	e.s.mtime = e.s.ctime + d.varint()
	version, cversion, aversion := d.varint(), d.varint(), d.varint()
	e.s.version, e.s.rawCversion, e.s.aversion = int32(version), int32(cversion), int32(aversion)
	e.s.owner = 0
	if head&storedOwner != 0 {
		if b := d.bytes(8); b != nil {
			e.s.owner = int64(binary.LittleEndian.Uint64(b))
		}
	}
	e.open = head&storedOpen != 0
	e.acl = nil
	if !e.open {
		e.acl = proto.ACLs(d.bytes(d.uvarint()))
	}
	if d.short {
		return errStoredShort
	}
	if int64(e.s.version) != version || int64(e.s.rawCversion) != cversion || int64(e.s.aversion) != aversion {
		return errStoredRange
	}
	e.data = d.rest
	if head&storedNull != 0 {
		if len(e.data) != 0 {
			return errStoredTooLong
		}
		e.data = nil
	}
	return nil
}

// checkACLs says whether l is the encoding of a list, and nothing else.
func checkACLs(l proto.ACLs) error {
	d := proto.NewDecoder(l)
	if d.ACLs() == nil || d.Err() != nil || d.Len() != 0 {
		return errStoredACL
	}
	return nil
}

// storedDecoder reads a record. After a failure it gives zeros.
type storedDecoder struct {
	rest  []byte
	short bool
}

func (d *storedDecoder) uvarint() uint64 {
	if len(d.rest) > 0 && d.rest[0] < 0x80 {
		v := d.rest[0]
		d.rest = d.rest[1:]
		return uint64(v)
	}
	if len(d.rest) >= 8 {
		if v, k := uvarint8(binary.LittleEndian.Uint64(d.rest)); k > 0 {
			d.rest = d.rest[k:]
			return v
		}
	}
	v, k := binary.Uvarint(d.rest)
	if k <= 0 {
		d.short, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[k:]
	return v
}

// uvarint8 decodes the varint that begins the eight bytes of w, little-endian, and returns its length, 0 if
// it goes on beyond them. There is no loop, whose end no processor could predict.
func uvarint8(w uint64) (v uint64, n int) {
	const high = 0x8080808080808080
	ends := ^w & high
	if ends == 0 {
		return 0, 0
	}
	bit := bits.TrailingZeros64(ends) // the high bit of the last byte
	w &= 1<<bit - 1                   // in groups of 7 bits, now to be moved together
	w = w&0x007f007f007f007f | w&0x7f007f007f007f00>>1
	w = w&0x00003fff00003fff | w&0x3fff00003fff0000>>2
	w = w&0x000000000fffffff | w&0x0fffffff00000000>>4
	return w, bit/8 + 1
}

func (d *storedDecoder) varint() int64 {
	v := d.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (d *storedDecoder) bytes(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.short, d.rest = true, nil
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}
