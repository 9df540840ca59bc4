package snapshot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

// What is received grows beside the store, and waits there to be adopted.
const (
	incomingSuffix = ".incoming"
	readySuffix    = ".ready"    // confirmed
	replacedSuffix = ".replaced" // a store on its way out
)

// receivedRecordMax bounds a path or the data of a received znode. Memory is taken as bytes arrive, not as they
// are announced.
const receivedRecordMax = 1 << 30

// Receive reads a snapshot that another server sends behind a SNAP packet of a zxid, and leaves a complete store
// in ReceivedDir, for Confirm. A crash before that loses it. The store in opt.Dir itself is not touched,
// and may be open. It reads r to the end of the snapshot and not a byte further, often a few bytes at a time: r
// should be buffered. It ends when r fails; then nothing is left behind but what the next Ready or Receive removes.
// It needs about a hundred MiB of memory, however large the snapshot is.
//
// Progress, if not nil, is called now and then with the number of znodes received. Errors about what arrives are
// of class ErrStream.
func Receive(opt Options, f Format, zxid proto.Zxid, r io.Reader, progress func(znodes int)) (Mark, error) {
	opt = opt.withDefaults()
	dir := opt.Dir
	if err := Discard(opt.FS, dir); err != nil {
		return Mark{}, err
	}
	opt.Dir += incomingSuffix
	b, err := newBuilder(opt, progress)
	if err != nil {
		return Mark{}, err
	}
	var mark Mark
	if f == FormatOwn {
		mark, err = b.receiveOwn(r, zxid)
	} else {
		mark, err = b.receiveApache(r, zxid)
	}
	if err == nil {
		err = b.finish(&mark)
	}
	if err = errors.Join(err, b.s.Close()); err != nil {
		return Mark{}, errors.Join(err, Discard(opt.FS, dir))
	}
	return mark, nil
}

// builder fills an empty store.
type builder struct {
	s        *Store
	progress func(znodes int)
	nodes    int
	key      []byte
	record   []byte
}

func newBuilder(opt Options, progress func(znodes int)) (*builder, error) {
	s, err := Open(opt)
	if err != nil {
		return nil, err
	}
	s.batch = s.db.NewBatch()
	if progress == nil {
		progress = func(int) {}
	}
	return &builder{s: s, progress: progress}, nil
}

// progressEvery is how many znodes come between two calls of progress.
const progressEvery = 1 << 12

// put copies a key and a value into the store.
func (b *builder) put(key, value []byte) error {
	if err := b.s.batch.Set(key, value, nil); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	if b.s.batch.Len() < b.s.opt.batchBytes {
		return nil
	}
	return b.s.commit()
}

// node copies a znode into the store.
func (b *builder) node(key, record []byte) error {
	if b.nodes++; b.nodes%progressEvery == 0 {
		b.progress(b.nodes)
	}
	return b.put(key, record)
}

// finish makes a store of mark of it, which is the first round's here.
func (b *builder) finish(mark *Mark) error {
	b.progress(b.nodes)
	mark.Round = 1
	r := reach{mark.FuzzyUntil, mark.Digest, mark.Nodes, mark.Unverified}
	for _, x := range []struct{ key, value []byte }{
		{versionKey, binary.BigEndian.AppendUint32(nil, formatVersion)},
		{fuzzyKey, appendReach(nil, r)},
		{markKey, appendMark(nil, mark)},
	} {
		if err := b.put(x.key, x.value); err != nil {
			return err
		}
	}
	if err := b.s.commit(); err != nil {
		return err
	}
	if err := b.s.flush(); err != nil {
		return err
	}
	return writeSeal(b.s.opt.FS, b.s.opt.Dir, mark.Round)
}

// receiveOwn reads what SendOwn has written.
func (b *builder) receiveOwn(r io.Reader, zxid proto.Zxid) (Mark, error) {
	in, err := newFrameReader(r)
	if err != nil {
		return Mark{}, err
	}
	defer in.close()
	var head [2][]byte // values of the two keys that come first
	var last []byte
	for records := 0; ; records++ {
		key, value, err := in.item()
		if err != nil {
			return Mark{}, err
		}
		if len(key) == 0 {
			if len(value) != 8 || binary.BigEndian.Uint64(value) != uint64(records) || in.at < len(in.content) {
				return Mark{}, streamError("it ends after %d records, and says %x", records, value)
			}
			break
		}
		if bytes.Compare(key, last) <= 0 {
			return Mark{}, streamError("key %q follows %q", key, last)
		}
		last = append(last[:0], key...)
		switch {
		case records < 2 && string(key) == string([][]byte{fuzzyKey, markKey}[records]):
			head[records] = bytes.Clone(value)
		case records < 2:
			return Mark{}, streamError("key %q where the mark is due", key)
		case key[0] == keySession:
			if _, err := decodeSession(key, value); err != nil {
				return Mark{}, streamError("%w", err)
			}
			err = b.put(key, value)
		default:
			if err = b.check(key, value); err == nil {
				err = b.node(key, value)
			}
		}
		if err != nil {
			return Mark{}, err
		}
	}
	reach, ok := decodeReach(head[0])
	mark, ok2 := decodeMark(head[1])
	switch mark = join(mark, reach); {
	case !ok || !ok2 || mark.Round == 0 || mark.FuzzyUntil < mark.ReplayAfter:
		return Mark{}, streamError("the mark is malformed")
	case mark.ReplayAfter != zxid:
		return Mark{}, streamError("it is as of zxid %s, and the packet before it says %s", mark.ReplayAfter, zxid)
	case b.nodes == 0:
		return Mark{}, streamError("there is no root")
	}
	return mark, nil
}

// check says whether Load will take a znode.
func (b *builder) check(key, record []byte) error {
	if len(key) <= nodePrefixBytes || key[0] != keyNode {
		return streamError("unknown key %q", key)
	}
	path := key[nodePrefixBytes:]
	b.key = appendNodeKey(b.key[:0], path)
	if !bytes.Equal(b.key, key) || !validPath(path) || (b.nodes == 0) != (len(path) == 1) {
		return streamError("no znode can have the key %q here", key)
	}
	if _, err := tree.DecodeRecord(record); err != nil {
		return streamError("znode %q: %w", path, err)
	}
	return nil
}

// validPath says whether a znode can have a path. What the server that sends it allowed is not judged.
func validPath(path []byte) bool {
	if len(path) == 0 || path[0] != '/' || len(path) > 1 && path[len(path)-1] == '/' {
		return false
	}
	return depthOf(path) <= depthMax
}

// item reads a key and a value, which are good until the next call.
func (f *frameReader) item() (key, value []byte, err error) {
	var sizes [2]uint64
	for {
		rest := f.content[f.at:]
		n := 0
		for i := range sizes {
			var k int
			if sizes[i], k = binary.Uvarint(rest[n:]); k < 0 || sizes[i] > receivedRecordMax {
				return nil, nil, streamError("a record of impossible size")
			} else if k == 0 {
				n = 2 * frameBytes // more than there is
				break
			}
			n += k
		}
		if whole := n + int(sizes[0]+sizes[1]); n < frameBytes && whole <= len(rest) {
			f.at += whole
			key = rest[n : n+int(sizes[0])]
			return key, rest[n+len(key) : whole], nil
		}
		if err := f.next(); err != nil {
			return nil, nil, err
		}
	}
}
