package tree

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"gamekeeper/proto"
)

// ErrLoad is the class of the errors about what a Loader is given.
var ErrLoad = errors.New("tree: not a tree")

// Loader builds a tree out of stored records. They come in the order of their keys: first those of lesser
// depth, then by the bytes of the path; so a parent comes before its children and the children of a znode
// come together. It checks what it is given: the order, that no path comes twice, that records are
// well-formed, and, unless it is lenient, that every parent is there.
//
// Parse may be called by any goroutine, also while others do; Add and Finish belong to one.
type Loader struct {
	t        *Tree
	lenient  bool
	depth    int    // of the last path; the root's is 0
	last     []byte // the last path
	parent   NodeID // of the last path, 0 if it has none
	siblings int    // length of what the paths of the last znode's siblings begin with
	seen     bool   // the root
	dropped  int
	entry    Entry
	buf      []byte // of entry

	// pending are znodes that the index does not have yet: it is filled by the batch, see index.touch. They are all of the same depth.
	pending []slot
	touched NodeID // see index.touch
}

const loaderPending = 512

// Entry is a record that is ready to be added. What it refers to is in the buffer that Parse was given.
type Entry struct {
	path     []byte
	pathData []byte // both, one behind the other
	data     []byte
	acl      proto.ACLs
	name     int // where the name begins in path
	depth    int
	utf16    int
	tag      uint32
	exempt   bool
	open     bool // the ACL list is the open one
	s        stored
	digest   uint64
}

// NewLoader returns a loader of an empty tree. With Options.Track, what Finish returns tracks changes, none
// of what was loaded being one. Lenient is for the state that a fuzzy snapshot is in: a znode without a
// parent is left out, with all below it, and noted as removed. Its removal is in the log.
func NewLoader(opt Options, lenient bool) *Loader {
	t := newTree(opt)
	t.records.chunks = make([]*[chunkRecords]record, 0, opt.NodeCountHint/chunkRecords+1)
	t.records.memory.expected = int64(opt.NodeCountHint) * recordBytes
	t.arena.memory.expected = t.records.memory.expected // or less, or more
	if opt.Track {
		t.changes = newChanges()
	}
	return &Loader{t: t, lenient: lenient, pending: make([]slot, 0, loaderPending)}
}

// Parse decodes the record of the znode at path into e. What e keeps of both it appends to buf: no more
// than they are long together. Errors are of class ErrLoad.
func (l *Loader) Parse(e *Entry, buf, path, rec []byte) ([]byte, error) {
	if !e.scan(path) {
		return buf, fmt.Errorf("%w: %q cannot be a path", ErrLoad, path)
	}
	if err := e.decode(rec); err != nil {
		return buf, fmt.Errorf("%w: %s: %w", ErrLoad, path, err)
	}
	e.tag = l.t.tag(path)
	buf = e.keep(buf, path)
	e.exempt = DigestExempt(path)
	e.s.pathDataCRC, e.digest = 0, 0
	if !e.exempt {
		e.s.pathDataCRC = crc32.ChecksumIEEE(e.pathData)
		e.digest = e.s.digest()
	}
	return buf, nil
}

// keep copies what e refers to. Path and data lie together, as they have one checksum.
func (e *Entry) keep(buf, path []byte) []byte {
	at := len(buf)
	buf = append(append(buf, path...), e.data...)
	e.pathData = buf[at:]
	e.path = e.pathData[:len(path)]
	if e.data != nil {
		e.data = e.pathData[len(path):]
	}
	if !e.open {
		at = len(buf)
		buf = append(buf, e.acl...)
		e.acl = proto.ACLs(buf[at:])
	}
	return buf
}

// scan takes path apart. It says whether it can be one.
func (e *Entry) scan(path []byte) (ok bool) {
	e.depth, e.name = 0, 1
	e.utf16 = len(path)
	if !ascii(path) {
		e.utf16 = int(utf16Len(path))
	}
	if len(path) > 1 {
		e.name = bytes.LastIndexByte(path, '/') + 1
		e.depth = bytes.Count(path, []byte{'/'})
	}
	return len(path) > 0 && path[0] == '/' && (len(path) == 1 || e.name < len(path))
}

// ascii says whether all of b is.
func ascii(b []byte) bool {
	or := uint64(0)
	for ; len(b) >= 8; b = b[8:] {
		or |= binary.LittleEndian.Uint64(b)
	}
	for _, c := range b {
		or |= uint64(c)
	}
	return or&0x8080808080808080 == 0
}

// Add parses a record and adds it. Path and record are copied.
func (l *Loader) Add(path, rec []byte) error {
	var err error
	if l.buf, err = l.Parse(&l.entry, l.buf[:0], path, rec); err != nil {
		return err
	}
	return l.AddEntry(&l.entry)
}

// AddEntry adds what Parse has decoded. Errors are of class ErrLoad.
func (l *Loader) AddEntry(e *Entry) error {
	t := l.t
	if !l.seen {
		return l.addRoot(e)
	}
	if e.depth < l.depth || e.depth == l.depth && bytes.Compare(e.path, l.last) <= 0 {
		return fmt.Errorf("%w: %s after %s", ErrLoad, e.path, l.last)
	}
	if e.depth != l.depth {
		l.flush() // parents are found from here on
	}
	if e.depth != l.depth || !bytes.Equal(e.path[:e.name], l.last[:l.siblings]) {
		l.parent = t.find(e.path[:e.name-1])
	}
	l.depth = e.depth
	l.last, l.siblings = append(l.last[:0], e.path...), e.name
	if l.parent == 0 {
		if !l.lenient {
			return fmt.Errorf("%w: %s has no parent", ErrLoad, e.path)
		}
		l.dropped++
		t.noteRemoval(e.path, e.tag, e.s.czxid)
		return nil
	}
	acl, err := l.acl(e)
	if err != nil {
		return err
	}
	name := e.path[e.name:]
	n, r := t.records.alloc()
	r.stored = e.s
	r.setACL(acl)
	if e.exempt {
		r.acl |= exemptBit
	}
	t.newBlock(r, name, e.data)
	t.link(l.parent, n, r)
	t.owners.add(t.OwnerKind(e.s.owner), e.s.owner, n)
	t.digest += e.digest
	t.count++
	t.dataSize += int64(e.utf16 + len(e.data))
	t.payload += int64(len(name) + len(e.data))
	l.pending = append(l.pending, slot{e.tag, n})
	if len(l.pending) == loaderPending {
		l.flush()
	}
	if e.exempt {
		if prefix, ok := quotaPrefix(e.path); ok && string(name) == limitsName {
			t.quotas[string(prefix)] = struct{}{}
		}
	}
	return nil
}

func (l *Loader) addRoot(e *Entry) error {
	if e.depth != 0 {
		return fmt.Errorf("%w: %s comes before the root", ErrLoad, e.path)
	}
	if e.s.owner != 0 { // it would have to go with its session
		return fmt.Errorf("%w: the root has owner %#x", ErrLoad, uint64(e.s.owner))
	}
	acl, err := l.acl(e)
	if err != nil {
		return err
	}
	t := l.t
	_, r := t.records.alloc()
	e.s.pathDataCRC = PathDataCRC(nil, e.data)
	r.stored = e.s
	r.setACL(acl)
	t.newBlock(r, nil, e.data)
	t.digest = r.digest()
	t.count = 1
	t.dataSize = 1 + 2*int64(len(e.data)) // as in init
	t.payload = int64(len(e.data))
	l.seen, l.last = true, append(l.last, '/')
	return nil
}

// acl interns the list of e. One that is interned already was looked into.
func (l *Loader) acl(e *Entry) (ACLID, error) {
	if e.open {
		return OpenACLID, nil
	}
	if _, ok := l.t.acls.byBytes[string(e.acl)]; !ok {
		if err := checkACLs(e.acl); err != nil {
			return 0, fmt.Errorf("%w: %s: %w", ErrLoad, e.path, err)
		}
	}
	return l.t.acls.acquire(e.acl), nil
}

// flush gives the index what is pending.
func (l *Loader) flush() {
	l.touched += l.t.index.touch(l.pending)
	for _, s := range l.pending {
		l.t.index.insert(s.tag, s.node)
	}
	l.pending = l.pending[:0]
}

// Dropped is how many znodes had no parent and were left out.
func (l *Loader) Dropped() int { return l.dropped }

// Finish returns the tree, after which the loader is used up. The usage of quotas is counted afresh, which
// takes time by the size of their subtrees. LastZxid is what the caller says it is.
func (l *Loader) Finish(lastZxid proto.Zxid) (*Tree, error) {
	if !l.seen {
		return nil, fmt.Errorf("%w: there is no root", ErrLoad)
	}
	l.flush()
	t := l.t
	t.lastZxid = lastZxid
	prefixes := make([]string, 0, len(t.quotas))
	for p := range t.quotas {
		prefixes = append(prefixes, p)
	}
	slices.Sort(prefixes)
	for _, p := range prefixes {
		t.recountQuota([]byte(p))
	}
	return t, nil
}
