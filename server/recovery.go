package server

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gamekeeper/proto"
	"gamekeeper/server/recovery"
	"gamekeeper/server/session"
	"gamekeeper/tree"
)

// sayEvery is how often a long recovery tells how far it is.
const sayEvery = 2 * time.Second

// everything is above every zxid.
const everything = recovery.Everything

// recover rebuilds tree and sessions from the snapshot and the log after it, up to a zxid. Every session is given its full
// timeout from now on: the clients could not reach us.
func (s *Server) recover(upTo proto.Zxid) (*recovery.Recovery, error) {
	begun := time.Now()
	say := s.progress()
	r, err := recovery.Load(s.store, s.recoveryOptions(say))
	if err != nil {
		return nil, fmt.Errorf("%w: %w: %s", ErrDataDir, err, wayOut)
	}
	loaded := time.Since(begun)
	err = r.Replay(s.log, upTo, func(zxid proto.Zxid) {
		say("replaying the log", "transactions", r.Txns, "zxid", zxid, "last", s.log.LastZxid())
	})
	switch {
	case errors.Is(err, recovery.ErrDiverged):
		return nil, fmt.Errorf("%w: %w: %s; or set digest.enabled=false to accept the tree as it is", ErrDataDir, err, wayOut)
	case err != nil:
		return nil, err
	}
	s.logger.Info("recovered", "zxid", r.Tree.LastZxid(), "znodes", r.Tree.Count(), "sessions", len(r.Sessions),
		"snapshot", r.Mark.ReplayAfter, "replayed", r.Txns, "loaded_in", loaded.Round(time.Millisecond),
		"took", time.Since(begun).Round(time.Millisecond))
	return r, nil
}

// progress returns what tells the operator how far a long step is, now and then.
func (s *Server) progress() func(what string, args ...any) {
	said := time.Now()
	return func(what string, args ...any) {
		if time.Since(said) > sayEvery {
			said = time.Now()
			s.logger.Info(what, args...)
		}
	}
}

func (s *Server) recoveryOptions(say func(what string, args ...any)) recovery.Options {
	return recovery.Options{
		Tree:        tree.Options{ExtendedTypes: s.cfg.Tree.ExtendedTypes, Emulate353: s.cfg.Tree.Emulate353TTL, Track: true},
		SkipDigests: !s.cfg.Tree.Digest,
		Progress:    func(n, total int) { say("loading the snapshot", "znodes", n, "of", total) },
	}
}

// newTracker tracks the sessions of r, from now on.
func (s *Server) newTracker(r *recovery.Recovery) *session.Tracker[owner] {
	t := session.NewTracker[owner](s.cfg.Session.TickTime.Milliseconds())
	for id, timeout := range r.Sessions {
		t.Create(id, timeout, s.now()/1e6)
	}
	return t
}

// showMembership puts the list of servers into the znode where clients look for it, as an Apache server whose
// membership cannot change does. It is this server's own list, and no transaction: no other server is told.
func (s *Server) showMembership(t *tree.Tree) {
	m := s.cfg.Ensemble.Membership
	if !s.replicated {
		return
	}
	path, data := []byte(configPath), []byte(m.String())
	n, ok := t.Lookup(path)
	if !ok || bytes.Equal(t.Data(n), data) {
		return
	}
	// A version above all transactions is of another ensemble, or of data that are gone. It must not pass for a zxid up to
	// which this tree has all.
	zxid := min(proto.Zxid(m.Version), t.LastZxid())
	t.Apply(&proto.Txn{
		TxnHeader: proto.TxnHeader{Zxid: zxid, Type: proto.OpSetData},
		Body:      proto.TxnBody{Type: proto.OpSetData, Path: path, Data: data, Version: -1},
	}, nil)
}

// configPath is the znode that holds the list of servers.
const configPath = "/zookeeper/config"

// refuseApacheData keeps the server from starting empty beside the data of an Apache ZooKeeper: that would
// look to clients as if everything had been deleted.
func (s *Server) refuseApacheData() error {
	if _, err := os.Stat(LogDir(s.cfg.Storage.DataLogDir)); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: look for the log: %w: make it a directory that can be read, or set another dataDir",
			ErrDataDir, err)
	}
	for _, dir := range []string{s.cfg.Storage.DataDir, s.cfg.Storage.DataLogDir} {
		files, err := os.ReadDir(filepath.Join(dir, "version-2"))
		if err != nil {
			continue // none, or unreadable: then it is not ours to judge
		}
		for _, f := range files {
			if strings.HasPrefix(f.Name(), "snapshot.") || strings.HasPrefix(f.Name(), "log.") {
				return fmt.Errorf("%s holds data of Apache ZooKeeper that was not imported: "+
					"run gamekeeper import, or set dataDir to another directory to start empty", filepath.Join(dir, "version-2"))
			}
		}
	}
	return nil
}
