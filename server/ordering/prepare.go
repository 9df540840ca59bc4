package ordering

import (
	"github.com/cespare/xxhash/v2"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

// Prepared is what can be told of a write without the tree, so that it need not be found out where writes are given
// their order, which only one goroutine can do. The zero Prepared says nothing.
type Prepared struct {
	ready       bool
	pathHash    uint64
	pathDataCRC uint32
}

// Prepare looks at a write as a client sent it. Any goroutine may call it; nothing of body is kept. What is malformed,
// or will have another path than it names, gets the zero Prepared.
func Prepare(op proto.Op, body []byte) Prepared {
	s := subRequest{op: op}
	var path, data []byte
	switch op {
	case proto.OpSetData:
		if s.decode(body) {
			path, data = s.set.Path, s.set.Data
		}
	case proto.OpCreate, proto.OpCreate2, proto.OpCreateCont, proto.OpCreateTTL:
		if s.decode(body) && !s.create.Mode.IsSequential() {
			path, data = s.create.Path, s.create.Data
		}
	}
	if !proto.ValidatePath(path) {
		return Prepared{}
	}
	return Prepared{ready: true, pathHash: xxhash.Sum64(path), pathDataCRC: tree.PathDataCRC(path, data)}
}

// Ready says that p is of a well-formed write, whose body begins with its path.
func (p *Prepared) Ready() bool { return p.ready }

// valid says whether path, which p is of, may name a znode.
func (p *Prepared) valid(path []byte) bool { return p.ready || proto.ValidatePath(path) }

// hash returns that of path, which p is of.
func (p *Prepared) hash(path []byte) uint64 {
	if p.ready {
		return p.pathHash
	}
	return xxhash.Sum64(path)
}

// crc returns the checksum of path and data, which p is of.
func (p *Prepared) crc(path, data []byte) uint32 {
	if p.ready {
		return p.pathDataCRC
	}
	return tree.PathDataCRC(path, data)
}
