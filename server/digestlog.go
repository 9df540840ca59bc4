package server

import (
	"sync"

	"gamekeeper/proto"
)

// digestLog remembers the digest of the tree after some of the transactions, for the word hash. Servers of an
// ensemble remember those of the same ones, so that they can be compared. The core adds, others read.
type digestLog struct {
	mu   sync.Mutex
	list []digestAt // oldest first
}

type digestAt struct {
	zxid   proto.Zxid
	digest uint64
}

// As Apache's DataTree has it.
const (
	digestLogEvery = 128
	digestLogMax   = 1024
)

// applied notes the digest of the tree after a transaction, if it is one of those to be remembered.
func (l *digestLog) applied(zxid proto.Zxid, digest uint64) {
	if zxid%digestLogEvery != 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) == digestLogMax {
		l.list = append(l.list[:0], l.list[1:]...)
	}
	l.list = append(l.list, digestAt{zxid, digest})
}

// all shows what is remembered, oldest first, until yield returns false.
func (l *digestLog) all(yield func(zxid proto.Zxid, digest uint64) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.list {
		if !yield(d.zxid, d.digest) {
			return
		}
	}
}
