package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/netpoll"
	"gamekeeper/proto"
	"gamekeeper/server/admin"
	"gamekeeper/server/auth"
	"gamekeeper/server/config"
	"gamekeeper/server/control"
	"gamekeeper/server/epoch"
	"gamekeeper/server/recovery"
	"gamekeeper/server/session"
	"gamekeeper/server/watch"
	"gamekeeper/snapshot"
	"gamekeeper/tree"
	"gamekeeper/wal"
)

// Options are what the configuration file does not say.
type Options struct {
	// Version is the text that srvr prints, from admin.FullVersion.
	Version string
	// Logger is told what an operator wants to know; nil discards.
	Logger *slog.Logger
	// Loops is the number of event loops; 0 chooses.
	Loops int
	// FS is where the log is written; nil is the machine's file system.
	FS vfs.FS
	// Locked, if not nil, is called when the data directory is this server's alone, and no command reaches it yet.
	Locked func()
	// Cancel, if not nil, ends Start when it is closed: a member of an ensemble may wait for its election port.
	Cancel <-chan struct{}
	// SnapshotFS is the file system of the snapshot, if it is another one. Pebble ends the process when a disk
	// fails under it, which a test may not want.
	SnapshotFS vfs.FS

	greetMax time.Duration // how long a connection may stay without a session; 0: greetMax
}

// Server is a running server. Its methods may be called from any goroutine.
type Server struct {
	cfg     config.Config
	version string
	logger  *slog.Logger
	begun   time.Time

	tree      *tree.Tree
	auth      *auth.Registry
	watches   *watch.Registry[*conn]
	log       *wal.Log
	store     *snapshot.Store
	storeMu   sync.RWMutex // a member of an ensemble may put another store in its place
	epochs    *epoch.File  // of a member of an ensemble
	loops     []*loop
	core      *core
	net       *netpoll.Server
	clients   *clients
	telemetry *telemetry
	gauges    gauges
	digestLog digestLog
	words     *admin.Words
	exporter  *admin.Exporter
	console   *admin.Console
	control   *control.Server
	serving   atomic.Bool
	leads     atomic.Bool // writes are given their order here

	replicated bool   // it is a member of an ensemble
	snapshotFS vfs.FS // not nil

	closeOnce sync.Once
	failOnce  sync.Once
	failed    chan error
}

// ErrDataDir marks errors of the data directories, and ErrAdmin those of the admin server, for the exit code.
var (
	ErrDataDir = errors.New("data directory")
	ErrAdmin   = errors.New("admin server")
)

// What may be in flight, of all loops together. Many requests in flight make large batches, so the default
// is far above Apache's globalOutstandingLimit of 1000.
const (
	inFlightMax      = 1 << 16
	inFlightBytesMax = 64 << 20
)

// defaultLoops leaves a processor to the core: it is what bounds writes.
func defaultLoops(processors int) int { return min(max(processors-1, 1), 64) }

// standaloneID is the id of a standalone server, as Apache has it.
const standaloneID = 1

func (s *Server) id() proto.ServerID {
	if s.cfg.Distributed() {
		return proto.ServerID(s.cfg.Ensemble.MyID)
	}
	return standaloneID
}

// Start recovers what the data directory holds and serves clients, until Close. Errors say what to do.
func Start(cfg config.Config, opts Options) (*Server, error) {
	s := &Server{cfg: cfg, version: opts.Version, logger: opts.Logger, begun: time.Now(), failed: make(chan error, 1),
		replicated: cfg.Distributed()}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	var err error
	if s.auth, err = auth.New(authConfig(&cfg.Auth)); err != nil {
		return nil, err
	}
	s.watches = watch.New[*conn]()
	s.clients = newClients(cfg.Limits.PerAddress, cfg.Limits.Connections, s.logger)
	loops := opts.Loops
	if loops == 0 {
		loops = defaultLoops(runtime.NumCPU())
	}
	s.telemetry = newTelemetry(loops, s.clients, s.replicated)
	if opts.greetMax != 0 {
		s.clients.greetMax = opts.greetMax
	}
	if err := s.openStorage(opts); err != nil {
		return nil, err
	}
	if opts.Locked != nil {
		opts.Locked()
	}
	if cfg.Distributed() {
		if err := s.openEpochs(opts.FS); err != nil {
			return nil, errors.Join(err, s.closeStorage())
		}
	}
	r, err := s.recover(everything)
	if err != nil {
		return nil, errors.Join(err, s.closeStorage())
	}
	s.tree = r.Tree
	s.makeCore(loops, r)
	if cfg.Distributed() {
		if s.core.member, err = newMember(s); err != nil {
			return nil, errors.Join(err, s.closeStorage())
		}
		s.core.member.digests.begin(&r.Mark)
	}
	words := cfg.FourLetter.Words
	if cfg.Ensemble.ReadOnlyMode {
		words = append([]string{"isro"}, words...) // clients ask, to find a server that writes
	}
	s.words = admin.NewWords(words, source{s})
	if err := s.listen(opts.Cancel); err != nil {
		return nil, errors.Join(err, s.closeStorage())
	}
	return s, nil
}

// check refuses what this version cannot do, before anything is touched.
func (s *Server) check() error {
	switch {
	case !s.cfg.Client.HasPort():
		return errors.New("clientPort is not set: clients could not connect; set for instance clientPort=2181")
	}
	return s.refuseApacheData()
}

func authConfig(c *config.Auth) auth.Config {
	return auth.Config{
		SkipACL:        c.SkipACL,
		DigestEnabled:  c.DigestEnabled,
		DigestAlg:      c.DigestAlgorithm,
		SuperDigest:    c.SuperDigest,
		Enforce:        len(c.EnforceSchemes) > 0,
		EnforceSchemes: c.EnforceSchemes,
	}
}

func (s *Server) makeCore(loops int, r *recovery.Recovery) {
	s.showMembership(r.Tree)
	gate := tree.NewGate(loops + 1) // the last lock is the flusher's
	k := &core{
		s:       s,
		tree:    r.Tree,
		gate:    gate,
		log:     s.log,
		tracker: s.newTracker(r),
		ids:     session.NewGenerator(s.id(), time.Now().UnixMilli()),
		pipe:    newPipeline(),
		account: make([]load, loops),
		reaper:  newReaper(&s.cfg.Tree),
		flushing: newFlushing(load{requests: int64(s.cfg.Storage.SnapCount), bytes: max(s.cfg.Storage.SnapLogBytes, 0)},
			s.cfg.Storage.SnapMinInterval),
		wake: make(chan struct{}, 1),
		stop: make(chan struct{}),
	}
	k.emit = k.notify
	k.flushing.begun, k.flushing.ended = r.Begun, r.Ended
	k.flushing.txns, k.flushing.bytes = int64(r.Txns), r.Bytes
	k.flusher = &flusher{
		store: s.store, log: s.log, logger: s.logger, lock: gate.Reader(loops), poke: k.poke,
		took: s.telemetry.snapshot, failed: s.telemetry.snapshotFailed,
		jobs: make(chan snapshot.Source, 1), results: make(chan flushResult, 1), stop: make(chan struct{}),
		purge: purger{retain: max(s.cfg.Storage.SnapRetain, 1), interval: s.cfg.Storage.PurgeInterval},
	}
	if s.cfg.Distributed() {
		k.flusher.durable = func(z proto.Zxid) error {
			if err := s.log.WaitDurable(context.Background(), z); err != nil {
				return err
			}
			return s.log.SyncWritten()
		}
	} else if !s.syncsLog() {
		k.flusher.durable = func(proto.Zxid) error { return s.log.SyncWritten() }
	}
	k.order = s.newOrderer(r.Tree)
	limit := load{requests: int64(s.cfg.Limits.Outstanding), bytes: inFlightBytesMax / int64(loops)}
	if limit.requests == 0 {
		limit.requests = inFlightMax
	}
	limit.requests = max(limit.requests/int64(loops), 1)
	for i := range loops {
		k.spare = append(k.spare, &batch{})
		s.loops = append(s.loops, &loop{s: s, index: i, gate: gate.Reader(i), lane: s.telemetry.recorder.Lane(i),
			in: newIntake(limit), times: s.telemetry.stages.ofLoop(i)})
	}
	k.times = s.telemetry.stages.ofCore(s.log.LastZxid())
	s.core = k
	s.gauges.publish(k)
}

// listen opens the ports and begins to serve.
func (s *Server) listen(cancel <-chan struct{}) (err error) {
	if s.cfg.Metrics.Enabled {
		s.exporter, err = admin.ServeMetrics(admin.ExporterOptions{Host: s.cfg.Metrics.Host, Port: s.cfg.Metrics.Port,
			Source: source{s}, Logger: s.logger})
		if err != nil {
			return err
		}
	}
	if a := &s.cfg.Admin; a.Enabled {
		s.console, err = admin.ServeConsole(admin.ConsoleOptions{Host: a.Host, Port: a.Port, CommandURL: a.CommandURL,
			Idle: a.IdleTimeout, Pprof: a.Pprof, Source: source{s}, Logger: s.logger})
		if err != nil {
			return errors.Join(fmt.Errorf("%w: %w", ErrAdmin, err), s.closeWeb(context.Background()))
		}
		s.logger.Info("serving administrators", "address", s.console.Addr(), "pprof", a.Pprof)
	}
	if err := s.openControl(); err != nil {
		return errors.Join(err, s.closeWeb(context.Background()))
	}
	ready := make(chan struct{})
	s.net, err = netpoll.Start(netpoll.Options{
		Addr:      s.cfg.Client.ListenAddress(),
		Loops:     len(s.loops),
		FrameMax:  s.cfg.Limits.FrameBytes,
		KeepAlive: s.cfg.Client.TCPKeepAlive,
		Backlog:   s.cfg.Client.Backlog,
		Sent:      func(l *netpoll.Loop, replies []netpoll.Sent) { s.loops[l.Index()].times.replied(replies, s.now()) },
		Logger:    s.logger,
	}, handler{s, ready})
	if err != nil {
		return errors.Join(err, s.closeControl(), s.closeWeb(context.Background()))
	}
	if m := s.core.member; m != nil {
		if err := m.startMesh(cancel); err != nil {
			close(ready)
			return errors.Join(err, s.net.Stop(context.Background()), s.closeControl(), s.closeWeb(context.Background()))
		}
		s.logger.Info("looking for the ensemble", "server", m.id, "clients", s.net.Addr().String(), "zxid", s.tree.LastZxid())
	} else {
		s.serving.Store(true)
		s.leads.Store(true)
		s.logger.Info("serving clients", "address", s.net.Addr().String(), "zxid", s.tree.LastZxid())
	}
	s.core.flusher.done.Add(1)
	go s.core.flusher.run()
	s.core.stopped.Add(1)
	go s.core.run() // from here on the tree is the core's
	close(ready)
	return nil
}

// openControl opens the socket for commands on this machine. A server without it serves clients all the same.
func (s *Server) openControl() (err error) {
	s.control, err = control.Listen(control.Path(s.cfg.Storage.DataDir), controlled{s}, s.logger)
	if err != nil && !errors.Is(err, control.ErrRunning) {
		s.logger.Warn("commands such as backup cannot reach this server", "error", err)
		return nil
	}
	return err
}

func (s *Server) closeControl() error {
	if s.control == nil {
		return nil
	}
	return s.control.Close()
}

// closeWeb ends the servers of metrics and for administrators.
func (s *Server) closeWeb(ctx context.Context) error {
	var errs []error
	if s.exporter != nil {
		errs = append(errs, s.exporter.Shutdown(ctx))
	}
	if s.console != nil {
		errs = append(errs, s.console.Shutdown(ctx))
	}
	return errors.Join(errs...)
}

// Addr returns the address on which clients are served, host:port.
func (s *Server) Addr() string { return s.net.Addr().String() }

// Failed yields the error that keeps the server from going on, a failed write of the log above all. It
// acknowledges nothing any more; the process should end.
func (s *Server) Failed() <-chan error { return s.failed }

func (s *Server) fail(err error) {
	s.failOnce.Do(func() {
		s.serving.Store(false)
		s.logger.Error("the server stops", "error", err)
		s.failed <- err
	})
}

// Close stops serving: connections are closed, sessions live on in the log, which is synced and closed. Only
// the first call does so.
func (s *Server) Close(ctx context.Context) (err error) {
	s.closeOnce.Do(func() { err = s.close(ctx) })
	return err
}

func (s *Server) close(ctx context.Context) error {
	s.serving.Store(false)
	for _, l := range s.loops {
		l.in.close()
	}
	errs := []error{s.net.Stop(ctx), s.closeWeb(ctx), s.closeControl()}
	close(s.core.stop)
	s.core.stopped.Wait()
	if s.core.member != nil {
		s.core.member.stop()
	}
	close(s.core.flusher.stop)
	s.core.flusher.done.Wait()
	errs = append(errs, s.closeStorage())
	s.logger.Info("stopped")
	return errors.Join(errs...)
}

// orders says whether requests of this kind take their turn in the core: writes, and in an ensemble syncs.
func (s *Server) orders(op proto.Op) bool {
	return op.Class() == proto.ClassWrite || op == proto.OpSync && s.replicated
}

// now returns nanoseconds since the server started, on the monotonic clock.
func (s *Server) now() int64 { return int64(time.Since(s.begun)) }

// wall returns the time of day.
func (s *Server) wall() time.Time { return time.Now() }
