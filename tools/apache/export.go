package apache

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/adler32"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"

	"gamekeeper/proto"
	"gamekeeper/tools/progress"
	"gamekeeper/tree"
)

// ExportOptions are options of an export.
type ExportOptions struct {
	// Compression of the snapshot: Plain or Gzip.
	Compression Compression
	// Progress is told of steps that take longer than two seconds. May be nil.
	Progress func(progress.Report)
}

// Export writes files that an Apache server of 3.6 or later starts from, with dir as its dataDir: a
// snapshot, and for a member of an ensemble its epochs and number. It returns the paths. It overwrites
// nothing, and fails if there is data of an Apache server in dir already. The tree must not change
// meanwhile. It fails soon after the end of ctx, and leaves no file after a failure.
//
// All members of an ensemble can start from the same snapshot, each with its own number. The logs begin
// anew: without a snapshot of at least that zxid, a member cannot follow.
func Export(ctx context.Context, s *State, dir string, opt ExportOptions) (files []string, err error) {
	if opt.Compression != Plain && opt.Compression != Gzip {
		return nil, fmt.Errorf("export: no compression %q", opt.Compression)
	}
	if e := s.Epochs; e != nil && (e.Accepted < e.Current || e.Current < s.Zxid.Epoch()) {
		return nil, fmt.Errorf("export: accepted epoch %d, current epoch %d and last transaction %s do not go together", e.Accepted, e.Current, s.Zxid)
	}
	sub := filepath.Join(dir, versionDir)
	if err := os.MkdirAll(sub, 0o755); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	if err := refuseData(dir, sub, s.HasMyID); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			for _, file := range files {
				err = errors.Join(err, os.Remove(file))
			}
			files = nil
		}
	}()
	put := func(path string, write func(w io.Writer) error) {
		if err == nil {
			if err = writeFile(path, write); err == nil {
				files = append(files, path)
			}
		}
	}
	number := func(path string, n int64, end string) {
		put(path, func(w io.Writer) error {
			_, err := io.WriteString(w, strconv.FormatInt(n, 10)+end)
			return err
		})
	}
	if s.HasMyID {
		number(filepath.Join(dir, myIDFile), int64(s.MyID), "\n")
	}
	if s.Epochs != nil {
		number(filepath.Join(sub, currentEpochFile), int64(s.Epochs.Current), "")
		number(filepath.Join(sub, acceptedEpochFile), int64(s.Epochs.Accepted), "")
	}
	// The snapshot comes last: a server does not start from what was interrupted before.
	put(filepath.Join(sub, snapshotName(s.Zxid, opt.Compression)), func(w io.Writer) error {
		return writeSnapshot(w, s, opt.Compression, newWatch(ctx, opt.Progress))
	})
	return files, err
}

// snapshotName is the name of the file of a snapshot.
func snapshotName(zxid proto.Zxid, c Compression) string {
	name := snapshotPrefix + "." + strconv.FormatUint(uint64(zxid), 16)
	if c != Plain {
		name += "." + string(c)
	}
	return name
}

// refuseData fails if there is something that an export would overwrite, or that a server would read beside
// it.
func refuseData(dir, sub string, myID bool) error {
	entries, err := os.ReadDir(sub)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	for _, e := range entries {
		for _, prefix := range []string{snapshotPrefix + ".", logPrefix + ".", currentEpochFile, acceptedEpochFile} {
			if strings.HasPrefix(e.Name(), prefix) {
				return fmt.Errorf("export: %s is there already: name an empty directory", filepath.Join(sub, e.Name()))
			}
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, myIDFile)); myID && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("export: %s is there already: name an empty directory", filepath.Join(dir, myIDFile))
	}
	return nil
}

// writeFile makes a file that is there as a whole or not at all.
func writeFile(path string, write func(w io.Writer) error) error {
	tmp := path + tmpSuffix
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	buffered := bufio.NewWriterSize(f, 256<<10)
	err = write(buffered)
	if err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		_ = os.Remove(tmp)
		return fmt.Errorf("export: write %s: %w", path, err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// snapshotWriter writes the uncompressed content.
type snapshotWriter struct {
	w     io.Writer
	sum   hash.Hash32
	tree  *tree.Tree
	watch *watch
	buf   []byte
	path  []byte
}

// gatherBytes is what is written at a time.
const gatherBytes = 64 << 10

// write writes what has gathered in buf.
func (w *snapshotWriter) write() error {
	_, _ = w.sum.Write(w.buf)
	_, err := w.w.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

// seal writes what has gathered, and the checksum of all before.
func (w *snapshotWriter) seal() error {
	if err := w.write(); err != nil {
		return err
	}
	w.buf = proto.AppendInt64(w.buf, int64(w.sum.Sum32()))
	w.buf = proto.AppendString(w.buf, "/")
	return w.write()
}

// writeSnapshot writes a snapshot file of s.
func writeSnapshot(out io.Writer, s *State, c Compression, watch *watch) error {
	if c == Gzip {
		z := gzip.NewWriter(out)
		if err := writeSnapshot(z, s, Plain, watch); err != nil {
			return err
		}
		return z.Close()
	}
	w := &snapshotWriter{w: out, sum: adler32.New(), tree: s.Tree, watch: watch}
	b := proto.AppendInt32(nil, snapshotMagic)
	b = proto.AppendInt32(b, fileVersion)
	b = proto.AppendInt64(b, snapshotDBID)
	b = proto.AppendInt32(b, int32(len(s.Sessions)))
	for _, id := range slices.Sorted(maps.Keys(s.Sessions)) {
		b = proto.AppendSessionTimeout(b, proto.SessionTimeout{Session: id, Timeout: s.Sessions[id]})
	}
	used := map[tree.ACLID]struct{}{}
	watch.begin("gathering access control lists", "znodes", int64(s.Tree.Count()))
	err := w.walk(func(_ []byte, n tree.NodeID) error {
		if id := s.Tree.ACLID(n); id != tree.OpenACLID {
			used[id] = struct{}{}
		}
		return nil
	})
	if err != nil {
		return err
	}
	b = proto.AppendInt32(b, int32(len(used)))
	for _, id := range slices.Sorted(maps.Keys(used)) {
		b = proto.AppendSnapshotACL(b, proto.SnapshotACL{Key: int64(id), ACL: s.Tree.ACLByID(id)})
	}
	w.buf = b
	watch.begin("writing the snapshot", "znodes", int64(s.Tree.Count()))
	if err := w.walk(w.node); err != nil {
		return err
	}
	w.buf = proto.AppendSnapshotEnd(w.buf)
	if err := w.seal(); err != nil {
		return err
	}
	w.buf = proto.AppendInt64(w.buf, int64(s.Zxid))
	w.buf = proto.AppendTxnDigest(w.buf, proto.TxnDigest{Version: proto.DigestVersion, Digest: s.Tree.Digest()})
	if err := w.seal(); err != nil {
		return err
	}
	w.buf = proto.AppendInt64(w.buf, int64(s.Zxid))
	return w.seal()
}

// node writes a znode. The root has the path "".
func (w *snapshotWriter) node(path []byte, n tree.NodeID) error {
	m := w.tree.Meta(n)
	node := proto.SnapshotNode{
		Path: path, Data: w.tree.Data(n), ACLKey: proto.SnapshotOpenACL,
		StatPersisted: m.Persisted(),
	}
	if m.ACL != tree.OpenACLID {
		node.ACLKey = int64(m.ACL)
	}
	if w.buf = proto.AppendSnapshotNode(w.buf, &node); len(w.buf) < gatherBytes {
		return nil
	}
	return w.write()
}

// walk visits all znodes, parents first. The root has the path "".
func (w *snapshotWriter) walk(visit func(path []byte, n tree.NodeID) error) error {
	root, _ := w.tree.Lookup(nil)
	w.path = make([]byte, 0, 256)
	return w.below(root, visit)
}

// below visits n, of which w.path is the path, and all znodes below it.
func (w *snapshotWriter) below(n tree.NodeID, visit func(path []byte, n tree.NodeID) error) error {
	at := len(w.path)
	if err := w.watch.step(); err != nil {
		return err
	}
	if err := visit(w.path[:at:at], n); err != nil {
		return err
	}
	for name := range w.tree.Children(n) {
		w.path = append(append(w.path[:at], '/'), name...)
		child, ok := w.tree.Lookup(w.path)
		if !ok {
			panic("apache: a child that cannot be found")
		}
		if err := w.below(child, visit); err != nil {
			return err
		}
	}
	w.path = w.path[:at]
	return nil
}
