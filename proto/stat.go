package proto

import "encoding/binary"

// Stat is what a client sees of a znode's metadata. Times are milliseconds since the Unix epoch.
type Stat struct {
	Czxid, Mzxid   Zxid
	Ctime, Mtime   int64
	Version        int32
	Cversion       int32 // 2 x creations of children - children
	Aversion       int32
	EphemeralOwner SessionID // 0 for containers and znodes with a TTL
	DataLength     int32
	NumChildren    int32
	Pzxid          Zxid
}

// StatBytes is the size of an encoded Stat.
const StatBytes = 68

// AppendStat appends s.
func AppendStat(b []byte, s *Stat) []byte {
	b = AppendInt64(b, int64(s.Czxid))
	b = AppendInt64(b, int64(s.Mzxid))
	b = AppendInt64(b, s.Ctime)
	b = AppendInt64(b, s.Mtime)
	b = AppendInt32(b, s.Version)
	b = AppendInt32(b, s.Cversion)
	b = AppendInt32(b, s.Aversion)
	b = AppendInt64(b, int64(s.EphemeralOwner))
	b = AppendInt32(b, s.DataLength)
	b = AppendInt32(b, s.NumChildren)
	return AppendInt64(b, int64(s.Pzxid))
}

// Stat reads a Stat.
func (d *Decoder) Stat() Stat {
	b := d.take(StatBytes)
	if b == nil {
		return Stat{}
	}
	return Stat{
		Czxid:          Zxid(binary.BigEndian.Uint64(b)),
		Mzxid:          Zxid(binary.BigEndian.Uint64(b[8:])),
		Ctime:          int64(binary.BigEndian.Uint64(b[16:])),
		Mtime:          int64(binary.BigEndian.Uint64(b[24:])),
		Version:        int32(binary.BigEndian.Uint32(b[32:])),
		Cversion:       int32(binary.BigEndian.Uint32(b[36:])),
		Aversion:       int32(binary.BigEndian.Uint32(b[40:])),
		EphemeralOwner: SessionID(binary.BigEndian.Uint64(b[44:])),
		DataLength:     int32(binary.BigEndian.Uint32(b[52:])),
		NumChildren:    int32(binary.BigEndian.Uint32(b[56:])),
		Pzxid:          Zxid(binary.BigEndian.Uint64(b[60:])),
	}
}
