package tree

import "bytes"

// Hint is what whoever ordered a transaction knows of it already, so that applying it need not find it out again. It
// holds for the tree that was looked at, once all that was ordered before is applied, and for nothing else. The zero
// Hint says nothing.
type Hint struct {
	// Node is the znode that is set or deleted, 0 if it is not known.
	Node NodeID
	// Parent is that of a znode that is created and of which the tree has none yet, 0 if it is not known.
	Parent NodeID
	// PathDataCRC is that of the path and the data that are set, if Summed.
	PathDataCRC uint32
	Summed      bool
	// Digest is the tree's digest behind the transaction, if Digested.
	Digested bool
	Digest   uint64
}

// known returns the znode at path, as the hint has it or as it is found; 0 when there is none. The root is the empty path.
func (t *Tree) known(path []byte, hinted NodeID) NodeID {
	if hinted == 0 {
		return t.find(path)
	}
	if r := t.records.at(hinted); r.dataLen == freeRecord || !bytes.HasSuffix(path, t.name(r)) {
		panic("tree: a hint names another znode than the transaction")
	}
	return hinted
}
