package apache

import (
	"errors"
	"fmt"
	"hash/adler32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"gamekeeper/proto"
)

const (
	snapshotMagic  int32 = 0x5a4b534e // "ZKSN"
	fileVersion    int32 = 2
	snapshotDBID   int64 = -1
	snapshotPrefix       = "snapshot"

	sealBytes     = 13
	lastZxidBytes = 8 + sealBytes
	// trailerMax bounds what follows the first seal, for which two sections of fixed size are known and one
	// whose digest is a text.
	trailerMax = 4 << 10
)

// Node is a znode of a snapshot file. Its slices are good until the next call of Next.
type Node struct {
	proto.SnapshotNode
	// ACL is the list that ACLKey names. It is nil when the file has none of that key, as happens to znodes
	// whose list changed while the file was written: the log then says what it is.
	ACL proto.ACLs
}

// Trailer is what stands behind the znodes of a snapshot file.
type Trailer struct {
	// HasDigest says that the digest of the tree was written: Digest, at DigestZxid, when all znodes had been
	// written. DigestZxid is 0 if the server had applied nothing since its start.
	HasDigest     bool
	DigestZxid    proto.Zxid
	DigestVersion int32
	Digest        uint64 // of proto.DigestVersion; 0 of others
	// HasLastZxid says that LastZxid was written: what the server had applied in the end.
	HasLastZxid bool
	LastZxid    proto.Zxid
}

// SnapshotReader reads a snapshot file from its beginning to its end, with one znode in memory at a time.
type SnapshotReader struct {
	Sessions []proto.SessionTimeout
	// Zxid is that of the file's name, -1 if it has none.
	Zxid proto.Zxid

	f        *os.File
	s        *stream
	acls     map[int64]proto.ACLs
	nodes    int
	done     bool
	trailer  Trailer
	lastNode []byte // path
}

// OpenSnapshot opens a snapshot file and reads what comes before the znodes. The name's suffix says how it
// is compressed. The caller closes the reader. Errors about the content are of class ErrDamaged.
func OpenSnapshot(path string) (*SnapshotReader, error) { return openSnapshot(path, nil) }

func openSnapshot(path string, w *watch) (*SnapshotReader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open snapshot: %w", err)
	}
	r, err := readSnapshot(path, compressionOf(filepath.Base(path)), w.reader(f))
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	r.f = f
	if zxid, ok := fileZxid(filepath.Base(path), snapshotPrefix); ok {
		r.Zxid = zxid
	}
	return r, nil
}

// readSnapshot reads the content of a snapshot file from in.
func readSnapshot(name string, c Compression, in io.Reader) (*SnapshotReader, error) {
	plain, err := decompress(c, in)
	if err != nil {
		return nil, &DamageError{File: name, Err: err}
	}
	r := &SnapshotReader{Zxid: -1, s: newStream(name, plain), acls: map[int64]proto.ACLs{}}
	r.s.sum = adler32.New()
	if err := r.readHead(); err != nil {
		return nil, err
	}
	return r, nil
}

// Close closes the file.
func (r *SnapshotReader) Close() error {
	if r.f == nil {
		return nil
	}
	if err := r.f.Close(); err != nil {
		return fmt.Errorf("close snapshot: %w", err)
	}
	return nil
}

func (r *SnapshotReader) readHead() error {
	var magic, version int32
	s := r.s
	if err := s.record("header", func(d *proto.Decoder) { magic, version = d.Int32(), d.Int32(); d.Int64() }); err != nil {
		return err
	}
	if magic != snapshotMagic {
		return &DamageError{File: s.file, Err: fmt.Errorf("no snapshot file of ZooKeeper: begins with 0x%08x", uint32(magic))}
	}
	if version != fileVersion {
		return &DamageError{File: s.file, Offset: 4, Err: fmt.Errorf("snapshot of version %d, not %d", version, fileVersion)}
	}
	count, err := r.count("number of sessions")
	if err != nil {
		return err
	}
	for range count {
		err := s.record("session", func(d *proto.Decoder) {
			t := d.SessionTimeout()
			if d.Err() == nil {
				r.Sessions = append(r.Sessions, t)
			}
		})
		if err != nil {
			return err
		}
	}
	if count, err = r.count("number of access control lists"); err != nil {
		return err
	}
	for range count {
		var l proto.SnapshotACL
		if err := s.record("access control list", func(d *proto.Decoder) { l = d.SnapshotACL() }); err != nil {
			return err
		}
		r.acls[l.Key] = slices.Clone(l.ACL)
	}
	return nil
}

func (r *SnapshotReader) count(what string) (n int32, err error) {
	err = r.s.record(what, func(d *proto.Decoder) { n = d.Int32() })
	return n, err
}

// Next reads the next znode; the root comes first, with the path "", and every other after its parent.
// After the last one, when all checksums have been verified, the error is io.EOF.
func (r *SnapshotReader) Next() (n Node, err error) {
	if r.done {
		return n, io.EOF
	}
	more, at := false, r.s.pos
	if err := r.s.record("znode", func(d *proto.Decoder) { n.SnapshotNode, more = d.SnapshotNode() }); err != nil {
		return n, r.afterLast(err)
	}
	if !more {
		r.done = true
		if r.nodes == 0 {
			return n, &DamageError{File: r.s.file, Offset: at, Err: errors.New("there is no znode, not even the root")}
		}
		if err := r.readTrailer(); err != nil {
			return n, err
		}
		return n, io.EOF
	}
	if (r.nodes == 0) != (len(n.Path) == 0) {
		return n, r.afterLast(&DamageError{File: r.s.file, Offset: at, Err: fmt.Errorf("znode %q where the root is due, or the root again", n.Path)})
	}
	r.nodes++
	r.lastNode = append(r.lastNode[:0], n.Path...)
	if n.ACLKey == proto.SnapshotOpenACL {
		n.ACL = proto.OpenACL
	} else {
		n.ACL = r.acls[n.ACLKey]
	}
	return n, nil
}

// afterLast says behind which znode an error was met, and that no more can be read.
func (r *SnapshotReader) afterLast(err error) error {
	r.done = true
	if r.nodes == 0 {
		return err
	}
	return fmt.Errorf("%w (after znode %d, %q)", err, r.nodes, r.lastNode)
}

// Trailer returns what stands behind the znodes, once Next has returned io.EOF.
func (r *SnapshotReader) Trailer() Trailer { return r.trailer }

// readTrailer verifies the seals. Apache goes by its configuration to tell which sections there are, and
// fails if that has changed since; here their length tells.
func (r *SnapshotReader) readTrailer() error {
	s := r.s
	if err := r.seal(); err != nil {
		return err
	}
	if s.fill(trailerMax + 1) {
		return s.fail("more than %d bytes follow the end of the snapshot", trailerMax)
	}
	if !errors.Is(s.err, io.EOF) {
		return s.fail("end of the snapshot: %w", s.err)
	}
	if left := len(s.rest()); left != 0 && left != lastZxidBytes {
		if err := r.readDigest(); err != nil {
			return err
		}
	}
	if len(s.rest()) == lastZxidBytes {
		r.trailer.HasLastZxid = true
		err := s.record("last zxid", func(d *proto.Decoder) { r.trailer.LastZxid = proto.Zxid(d.Int64()) })
		if err == nil {
			err = r.seal()
		}
		if err != nil {
			return err
		}
	}
	if left := len(s.rest()); left != 0 {
		return s.fail("%d bytes follow the end of the snapshot", left)
	}
	return nil
}

func (r *SnapshotReader) readDigest() error {
	at, t := r.s.pos, &r.trailer
	var text []byte
	err := r.s.record("digest", func(d *proto.Decoder) {
		t.DigestZxid, t.DigestVersion = proto.Zxid(d.Int64()), d.Int32()
		if t.DigestVersion < proto.DigestVersion {
			text = d.Buffer()
			return
		}
		t.Digest = uint64(d.Int64())
	})
	if err != nil {
		return err
	}
	if t.DigestVersion < proto.DigestVersion { // hexadecimal, of an algorithm that nobody uses any more
		if _, err := strconv.ParseUint(string(text), 16, 64); err != nil {
			return &DamageError{File: r.s.file, Offset: at, Err: fmt.Errorf("digest of version %d: %w", t.DigestVersion, err)}
		}
	}
	if t.DigestVersion != proto.DigestVersion {
		t.Digest = 0
	}
	t.HasDigest = true
	return r.seal()
}

// seal verifies the checksum of all that was read.
func (r *SnapshotReader) seal() error {
	at, want := r.s.pos, int64(r.s.sum.Sum32())
	var got int64
	var end []byte
	if err := r.s.record("checksum", func(d *proto.Decoder) { got, end = d.Int64(), d.Buffer() }); err != nil {
		return err
	}
	switch {
	case got != want:
		return &DamageError{File: r.s.file, Offset: at, Err: fmt.Errorf("checksum of all before it is 0x%x, and stored is 0x%x", want, got)}
	case string(end) != "/":
		return &DamageError{File: r.s.file, Offset: at + 8, Err: errors.New("no end behind the checksum")}
	}
	return nil
}
