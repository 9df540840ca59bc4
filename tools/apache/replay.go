package apache

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

// unresolved are paths of znodes whose list of access control was not in the snapshot, with its key. The
// log has a transaction that gives them one, as otherwise the snapshot would have had the list.
type unresolved map[string]int64

// Step takes out what a transaction gave a list to.
func (u unresolved) Step(_ int, op *proto.TxnBody, _ tree.NodeID, code proto.Code) {
	switch op.Type {
	case proto.OpCreate, proto.OpCreate2, proto.OpCreateCont, proto.OpCreateTTL, proto.OpSetACL:
		if code == proto.OK || code == proto.NodeExists {
			delete(u, string(op.Path))
		}
	}
}

// Changed is of no interest.
func (u unresolved) Changed(proto.EventType, []byte, proto.ACLs, proto.ACLs) {}

// replay applies the logs behind the snapshot.
func (im *importer) replay(dirs Dirs) error {
	r, err := OpenLogs(dirs.logs(), im.state.SnapshotZxid)
	if err != nil {
		return err
	}
	defer r.Close()
	r.watch = im.watch
	im.watch.begin("reading the logs in "+dirs.logs(), "bytes", r.size())
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := im.apply(&rec); err != nil {
			return err
		}
		im.state.Transactions++
	}
	for _, t := range r.Torn() {
		im.note("%s: left out", t)
	}
	return r.Close()
}

func (im *importer) apply(rec *LogRecord) error {
	t, txn := im.state.Tree, &rec.Txn
	if !im.opt.Tree.ExtendedTypes && createsTTL(txn) {
		return fmt.Errorf("%s: offset %d: transaction %s creates a znode with a time to live: set extendedTypesEnabled=true, "+
			"as the server had that made it", rec.File, rec.Offset, txn.Zxid)
	}
	var sink tree.Sink
	if len(im.unresolved) > 0 {
		sink = im.unresolved
	}
	t.Apply(txn, sink)
	switch txn.Type {
	case proto.OpCreateSession:
		im.state.Sessions[txn.Session] = txn.Body.Timeout
	case proto.OpCloseSession:
		delete(im.state.Sessions, txn.Session)
	}
	after := "transaction " + txn.Zxid.String()
	if txn.Zxid == im.trailer.DigestZxid {
		return im.checkDigest(im.state.Snapshot, 0, after, im.trailer.DigestVersion, im.trailer.Digest)
	}
	if im.digests && txn.HasDigest && txn.Zxid > im.fuzzyUntil {
		return im.checkDigest(rec.File, rec.Offset, after, txn.Digest.Version, txn.Digest.Digest)
	}
	return nil
}

func createsTTL(txn *proto.Txn) bool {
	if txn.Type != proto.OpMulti {
		return txn.Type == proto.OpCreateTTL
	}
	for sub := range txn.Body.Subs() {
		if sub.Type == proto.OpCreateTTL {
			return true
		}
	}
	return false
}

// check refuses a state that is not whole.
func (im *importer) check(dirs Dirs) error {
	last := im.state.Tree.LastZxid()
	if last < im.newest {
		return fmt.Errorf("the logs in %s end with transaction %s, before the snapshot of %s that cannot be read: "+
			"transactions are lost; restore that snapshot or the logs from a copy, or take the data of another server of the ensemble",
			dirs.logs(), last, im.newest)
	}
	if last < im.fuzzyUntil && !im.electedMeanwhile(last) {
		if !im.opt.AcceptFuzzy {
			return fmt.Errorf("%s was written while transactions went on, up to %s, but the logs in %s end with %s: "+
				"name the directory of the logs too (dataLogDir), or accept that znodes are of different times", im.state.Snapshot,
				im.fuzzyUntil, dirs.logs(), last)
		}
		im.note("%s was written up to transaction %s, and the logs end with %s: znodes are of different times",
			im.state.Snapshot, im.fuzzyUntil, last)
	}
	for path, key := range im.unresolved {
		if _, exists := im.state.Tree.Lookup([]byte(path)); exists {
			return &DamageError{File: im.state.Snapshot, Err: fmt.Errorf(
				"%s has access control list %d, which is neither in the file nor in the logs behind it", path, key)}
		}
	}
	return nil
}

// electedMeanwhile says that a snapshot is whole although its trailer names a zxid behind that of the last transaction: a
// server that is elected while it writes a snapshot goes on with zxid 0 of its epoch, which is no transaction. What may be
// in the snapshot then ends with the transaction that its digest is of; without a digest nobody knows.
func (im *importer) electedMeanwhile(last proto.Zxid) bool {
	t := &im.trailer
	return t.HasLastZxid && t.HasDigest && t.LastZxid.Counter() == 0 && last >= max(im.applied, t.DigestZxid)
}

// adopt gives sessions to the ephemerals that have none.
func (im *importer) adopt() {
	var orphans []proto.SessionID
	for s := range im.state.Tree.EphemeralSessions() {
		if _, known := im.state.Sessions[s]; !known {
			orphans = append(orphans, s)
		}
	}
	slices.Sort(orphans)
	for _, s := range orphans {
		im.state.Sessions[s] = adoptedTimeout
		im.note("session %s owns znodes and is in no list of sessions: it is given %d ms to come back", s, adoptedTimeout)
	}
}
