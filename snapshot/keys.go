package snapshot

import (
	"bytes"
	"encoding/binary"

	"gamekeeper/proto"
)

// The first byte of a key says what it is of. doc.go draws the keys.
const (
	keyMark    = 'm'
	keyFuzzy   = 'f'
	keyVersion = 'v'
	keyNode    = 'n'
	keySession = 's'

	nodePrefixBytes = 4
	depthMax        = 1<<24 - 1
	sessionKeyBytes = 9
)

var (
	markKey    = []byte{keyMark}
	fuzzyKey   = []byte{keyFuzzy}
	versionKey = []byte{keyVersion}
)

// appendNodePrefix appends the beginning of the keys of znodes of a depth, which is at most depthMax + 1.
func appendNodePrefix(b []byte, depth int) []byte {
	return binary.BigEndian.AppendUint32(b, keyNode<<24+uint32(depth))
}

// appendNodeKey appends the key of the znode at path.
func appendNodeKey(b, path []byte) []byte {
	return append(appendNodePrefix(b, depthOf(path)), path...)
}

// depthOf is the number of components of path.
func depthOf(path []byte) int {
	if len(path) == 1 {
		return 0
	}
	return bytes.Count(path, []byte{'/'})
}

func appendSessionKey(b []byte, id proto.SessionID) []byte {
	return binary.BigEndian.AppendUint64(append(b, keySession), uint64(id))
}
