package apache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"gamekeeper/proto"
	"gamekeeper/tools/progress"
	"gamekeeper/tree"
)

// State is all that a server has on disk.
type State struct {
	Tree *tree.Tree
	// Sessions are the timeouts, in milliseconds, of the sessions that are alive.
	Sessions map[proto.SessionID]int32
	// Zxid is that of the last transaction.
	Zxid proto.Zxid
	// Epochs are nil for a server that is no member of an ensemble.
	Epochs *Epochs
	// MyID is the number of a member of an ensemble, if HasMyID.
	MyID    proto.ServerID
	HasMyID bool

	// What an import was made of.

	Snapshot     string     // file, empty if there was none
	SnapshotZxid proto.Zxid // of its name
	Transactions int        // applied on top of it
	Notes        []string   // what is worth telling the operator, a line each
}

// Options of an import.
type Options struct {
	// Tree says what the tree recognises. The keys have to be those that the Apache server ran with. With
	// Track, every znode counts as changed in the end.
	Tree tree.Options
	// TrustEmpty allows logs without a snapshot (zookeeper.snapshot.trust.empty), as 3.4 could leave them. The
	// logs have to go back to the first transaction.
	TrustEmpty bool
	// SkipDigest accepts a tree whose digest differs from what Apache stored.
	SkipDigest bool
	// AcceptFuzzy accepts a snapshot that was written while transactions went on of which the logs are not
	// there. Its znodes are then of different times.
	AcceptFuzzy bool
	// Logger hears of what State.Notes will say, when it is found; nil is silent.
	Logger *slog.Logger
	// Progress is told of steps that take longer than two seconds. May be nil.
	Progress func(progress.Report)
}

// adoptedTimeout is what a session gets that owns znodes and is in no list of sessions. It then expires
// like any other, unless its client comes back.
const adoptedTimeout int32 = 30_000 // milliseconds

// importer is an import that goes on.
type importer struct {
	opt   Options
	log   *slog.Logger
	watch *watch
	state *State
	// fuzzyUntil is the zxid up to which the snapshot may hold transactions in part; the digests of
	// transactions are worth comparing after it, if digests says that it is known.
	fuzzyUntil proto.Zxid
	applied    proto.Zxid // the highest zxid of the snapshot's name and of its znodes
	digests    bool
	skipped    bool // a digest that differs was accepted
	trailer    Trailer
	unresolved unresolved
	// newest is the highest zxid of snapshots that were left out.
	newest proto.Zxid
}

// Import reads the state that an Apache server with these directories would start with: the newest snapshot
// that is whole, and the logs behind it. It changes nothing. It fails soon after the end of ctx.
func Import(ctx context.Context, dirs Dirs, opt Options) (*State, error) {
	im := &importer{opt: opt, log: opt.Logger, watch: newWatch(ctx, opt.Progress), state: &State{Sessions: map[proto.SessionID]int32{}}}
	if im.log == nil {
		im.log = slog.New(slog.DiscardHandler)
	}
	im.opt.Tree.Track = false // a tree that is loaded takes its znodes for unchanged
	if err := im.load(dirs); err != nil {
		return nil, err
	}
	if err := im.replay(dirs); err != nil {
		return nil, err
	}
	if err := im.check(dirs); err != nil {
		return nil, err
	}
	im.adopt()
	s := im.state
	s.Zxid = s.Tree.LastZxid()
	if opt.Tree.Track {
		s.Tree.Track()
	}
	var err error
	if s.Epochs, err = readEpochs(dirs.snapshots(), s.Zxid); err != nil {
		return nil, err
	}
	if s.MyID, s.HasMyID, err = readMyID(dirs.Data); err != nil {
		return nil, err
	}
	return s, nil
}

func (im *importer) note(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	im.state.Notes = append(im.state.Notes, line)
	im.log.Warn(line)
}

// load builds the tree of the newest snapshot that can be read.
func (im *importer) load(dirs Dirs) error {
	files, err := list(dirs.snapshots(), snapshotPrefix)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return im.loadNothing(dirs)
	}
	for i := len(files) - 1; i >= 0; i-- {
		f := files[i]
		err = im.loadSnapshot(f)
		if err == nil {
			return nil
		}
		if im.watch.ctx.Err() != nil || !errors.Is(err, ErrDamaged) && !errors.Is(err, tree.ErrLoad) {
			return err
		}
		im.newest = max(im.newest, f.zxid)
		im.note("%v: looking for an older snapshot", err)
	}
	return fmt.Errorf("no snapshot in %s can be read, the oldest because: %w", dirs.snapshots(), err)
}

// loadNothing begins with the tree of a server that never ran.
func (im *importer) loadNothing(dirs Dirs) error {
	logs, err := list(dirs.logs(), logPrefix)
	if err != nil {
		return err
	}
	switch {
	case len(logs) == 0:
		return fmt.Errorf("there is no snapshot in %s and no log in %s: nothing of Apache ZooKeeper to import", dirs.snapshots(), dirs.logs())
	case !im.opt.TrustEmpty:
		return fmt.Errorf("there are logs in %s, but no snapshot in %s: name the directory of the snapshots too (dataDir), "+
			"or set snapshot.trust.empty if the server was of ZooKeeper 3.4 and never wrote one", dirs.logs(), dirs.snapshots())
	}
	im.state.Tree = tree.New(im.opt.Tree)
	im.state.SnapshotZxid = -1
	im.digests = true
	return nil
}

func (im *importer) loadSnapshot(f numbered) error {
	im.watch.begin("reading "+f.path, "bytes", f.size())
	r, err := openSnapshot(f.path, im.watch)
	if err != nil {
		return err
	}
	defer r.Close()
	sessions := make(map[proto.SessionID]int32, len(r.Sessions))
	for _, s := range r.Sessions {
		sessions[s.Session] = s.Timeout
	}
	im.unresolved = unresolved{}
	b := &builder{opt: im.opt.Tree, watch: im.watch}
	until := f.zxid
	var record, path []byte
	for {
		n, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := im.checkOwner(&n, sessions, f.path); err != nil {
			return err
		}
		if n.ACL == nil {
			im.unresolved[string(n.Path)] = n.ACLKey
		}
		if string(n.Path) != configPath { // its zxids are those of the membership
			until = max(until, n.Czxid, n.Mzxid, n.Pzxid)
		}
		path, record = append(path[:0], n.Path...), appendRecord(record[:0], &n)
		if len(path) == 0 {
			path = append(path, '/')
		}
		if err := b.Add(path, record); err != nil {
			return err
		}
	}
	t, err := b.Finish(f.zxid)
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	im.trailer = r.Trailer()
	im.applied = until
	im.fuzzyUntil = max(until, im.trailer.DigestZxid, im.trailer.LastZxid)
	im.digests = im.trailer.HasDigest || im.trailer.HasLastZxid
	im.state.Tree, im.state.Sessions = t, sessions
	im.state.Snapshot, im.state.SnapshotZxid = f.path, f.zxid
	if im.trailer.DigestZxid == f.zxid && f.zxid > 0 {
		return im.checkDigest(f.path, 0, "the snapshot", im.trailer.DigestVersion, im.trailer.Digest)
	}
	return nil
}

const (
	configPath = "/zookeeper/config"

	ttlMask    = -1 << 40 // all but the time to live, in a stored owner
	ttlMark    = -1 << 56
	ttlTopByte = -1 << 56
)

// ErrTTL marks owners of znodes with a time to live that the options do not recognise. They would look like
// sessions that ended, and the znodes would be deleted; Apache does that.
var ErrTTL = errors.New("owner of a znode with a time to live")

// checkOwner refuses a znode that would be taken for an ephemeral and is none.
func (im *importer) checkOwner(n *Node, sessions map[proto.SessionID]int32, file string) error {
	owner := int64(n.EphemeralOwner)
	if owner >= 0 || owner&ttlTopByte != ttlMark || im.opt.Tree.Emulate353 && im.opt.Tree.ExtendedTypes {
		return nil
	}
	if _, isSession := sessions[n.EphemeralOwner]; isSession {
		return nil
	}
	plain := isTTL(n.EphemeralOwner)
	switch {
	case !im.opt.Tree.ExtendedTypes && plain:
		return fmt.Errorf("%s: %s has the %w (%s): set extendedTypesEnabled=true, as the server had that made it",
			file, n.Path, ErrTTL, n.EphemeralOwner)
	case im.opt.Tree.ExtendedTypes && !plain:
		return fmt.Errorf("%s: %s has the %w of ZooKeeper 3.5.3 (%s): set zookeeper.emulate353TTLNodes=true, as the server had that made it",
			file, n.Path, ErrTTL, n.EphemeralOwner)
	}
	return nil
}

// checkDigest compares the tree's digest with a stored one.
func (im *importer) checkDigest(file string, offset int64, after string, version int32, want uint64) error {
	got := im.state.Tree.Digest()
	if version != proto.DigestVersion || got == want {
		return nil
	}
	if im.opt.SkipDigest {
		if !im.skipped { // all that follow differ, too
			im.skipped = true
			im.note("%s: offset %d: the tree after %s has digest %d, and %d is stored: accepted, as digest.enabled=false asks for",
				file, offset, after, got, want)
		}
		return nil
	}
	return fmt.Errorf("%s: offset %d: the tree after %s has digest %d, and %d is stored: take the data of another server "+
		"of the ensemble, or set digest.enabled=false to accept the tree as it is", file, offset, after, got, want)
}
