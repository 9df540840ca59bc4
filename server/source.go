package server

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"gamekeeper/proto"
	"gamekeeper/server/admin"
	"gamekeeper/server/config"
)

// source is the server as administrators see it.
type source struct{ s *Server }

// Stats implements admin.Source.
func (a source) Stats() admin.Stats {
	s := a.s
	outstanding := int64(0)
	for _, l := range s.loops {
		outstanding += l.in.requests.Load()
	}
	st := admin.Stats{
		Version:         s.version,
		Mode:            admin.Standalone,
		Serving:         s.serving.Load(),
		Traffic:         s.telemetry.recorder.Traffic(),
		Connections:     int64(s.clients.count()),
		Outstanding:     outstanding,
		Zxid:            proto.Zxid(s.gauges.zxid.Load()),
		Nodes:           s.gauges.nodes.Load() + 1, // Apache counts the root twice
		Watches:         int64(s.watches.Watches()),
		Ephemerals:      s.gauges.ephemerals.Load(),
		ApproximateSize: s.gauges.dataSize.Load(),
		GlobalSessions:  s.gauges.sessions.Load(),
		AuthFailed:      s.telemetry.authFailed.Load(),
		Uptime:          time.Duration(s.now()),
	}
	if s.core.member != nil {
		s.core.member.telemetry.report(&st)
	}
	return st
}

// DirSizes implements admin.Source.
func (a source) DirSizes() (data, log int64) {
	return dirSize(a.s.cfg.Storage.DataDir), dirSize(LogDir(a.s.cfg.Storage.DataLogDir))
}

// dirSize adds up the sizes of the files in dir.
func dirSize(dir string) (n int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
	}
	return n
}

// Conf implements admin.Source.
func (a source) Conf() admin.Conf {
	s := a.s
	data, log := a.DirSizes()
	c := admin.Conf{
		ClientPort:       -1,
		SecureClientPort: -1,
		DataDir:          absolute(s.cfg.Storage.DataDir),
		DataDirSize:      data,
		DataLogDir:       absolute(s.cfg.Storage.DataLogDir),
		DataLogSize:      log,
		TickTime:         s.cfg.Session.TickTime,
		MaxClientCnxns:   s.cfg.Limits.PerAddress,
		MinSession:       s.cfg.Session.MinTimeout,
		MaxSession:       s.cfg.Session.MaxTimeout,
		ListenBacklog:    s.cfg.Client.Backlog,
	}
	if addr, ok := s.net.Addr().(*net.TCPAddr); ok {
		c.ClientPort = addr.Port
	}
	if s.replicated {
		c.ServerID = s.cfg.Ensemble.MyID
		c.Quorum = quorumConf(&s.cfg.Ensemble)
		if s.core.member.telemetry.isReadOnly() {
			c.Quorum.Membership = ""
		}
	}
	return c
}

// quorumConf is what only a member of an ensemble has.
func quorumConf(e *config.Ensemble) *admin.QuorumConf {
	self, _ := e.Membership.Server(e.MyID)
	var election, quorum []string
	for _, a := range self.Addresses {
		election = append(election, strconv.Itoa(a.ElectionPort))
		quorum = append(quorum, strconv.Itoa(a.QuorumPort))
	}
	const fastLeaderElection = 3
	return &admin.QuorumConf{
		InitLimit: e.InitLimit, SyncLimit: e.SyncLimit, ElectionAlg: fastLeaderElection,
		ElectionPort: strings.Join(election, "|"), QuorumPort: strings.Join(quorum, "|"),
		Observer: self.Role == config.Observer, Membership: e.Membership.String(),
	}
}

func absolute(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}

// Connections implements admin.Source.
func (a source) Connections(yield func(*admin.ConnInfo) bool) {
	for _, c := range a.s.clients.snapshot() {
		info := c.info()
		if !yield(&info) {
			return
		}
	}
}

// info describes the connection for the words stat and cons.
func (c *conn) info() admin.ConnInfo {
	st := &c.stats
	ms := func(v int64) int64 { return v / int64(time.Millisecond) }
	info := admin.ConnInfo{
		Remote:      c.net.Remote(),
		InterestOps: 1,
		Queued:      int64(c.pending.Load()),
		Received:    st.received.Load(),
		Sent:        st.sent.Load(),
		LastOp:      proto.Op(st.lastOp.Load()),
		Established: c.opened,
		LastCxid:    int64(st.lastXid.Load()),
		LastZxid:    proto.Zxid(st.lastZxid.Load()),
		LastReply:   time.Duration(st.lastReply.Load()),
		LastLatency: ms(st.last.Load()),
		MinLatency:  ms(st.min.Load()),
		MaxLatency:  ms(st.max.Load()),
	}
	if n := st.measured.Load(); n > 0 {
		info.AvgLatency = ms(st.sum.Load() / n)
	}
	if sess := c.session.Load(); sess != nil {
		info.Session = sess.ID
		info.Timeout = time.Duration(sess.Timeout()) * time.Millisecond
	}
	return info
}

// Metrics implements admin.Source.
func (a source) Metrics() *admin.Metrics { return a.s.telemetry.metrics }

// ResetStats implements admin.Source.
func (a source) ResetStats() {
	a.s.telemetry.metrics.Reset()
	if m := a.s.core.member; m != nil {
		m.telemetry.reset()
	}
}

// ResetConnections implements admin.Source.
func (a source) ResetConnections() {
	for _, c := range a.s.clients.snapshot() {
		c.stats.reset()
	}
}

// DataWatches implements admin.WatchLister.
func (a source) DataWatches(yield func(session proto.SessionID, path string) bool) {
	for path, conns := range a.s.watches.ByPath() {
		for _, c := range conns {
			if sess := c.session.Load(); sess != nil && !yield(sess.ID, path) {
				return
			}
		}
	}
}

// Digests implements admin.DigestLister.
func (a source) Digests(yield func(zxid proto.Zxid, digest uint64) bool) { a.s.digestLog.all(yield) }
